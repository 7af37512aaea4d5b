"""Hair, drawn around the middle of the head: what hangs behind, the locks beside the face, what frames the forehead.

Straight hair has a smooth outline, curly hair one of round bumps; the bumps reach below the brim of every hat.
"""

from generators.phantom.canvas import Canvas, Points, mirrored, smooth
from generators.phantom.face import Looks
from generators.phantom.palette import SILVER, Colour, apart, shade, tint

__all__ = ["draw_back", "draw_front", "draw_locks"]

LENGTH = 21.5
"""How far long hair falls below the middle of the head."""
CROWN: Points = ((-12.8, -6.5), (-11.8, -11.4), (-7.6, -15.6), (0.0, -17.2), (7.6, -15.6), (11.8, -11.4), (12.8, -6.5))
BUMPS: Points = (
    (-13.6, 1.4), (-14.4, -3.4), (-13.6, -8.2), (-11.2, -12.4), (-7.6, -15.4), (-2.6, -17.0),
    (2.6, -17.0), (7.6, -15.4), (11.2, -12.4), (13.6, -8.2), (14.4, -3.4), (13.6, 1.4),
)  # fmt: skip


def rim(looks: Looks) -> Colour:
    """A shade of the hair that parts it from the skin."""
    darker, lighter = shade(looks.hair, 0.35), tint(looks.hair, 0.3)
    skin = looks.skin.flat
    if apart(looks.hair, skin) > 230:
        return darker if sum(looks.hair) > 250 else lighter
    return max((darker, lighter), key=lambda colour: min(apart(colour, skin), 2 * apart(colour, looks.hair)))


def draw_back(head: Canvas, looks: Looks) -> None:
    """What is seen behind head and neck."""
    edge, wide = shade(looks.hair, 0.28), looks.reach - 12.4
    curly = looks.person.hair == "curly"
    if looks.cue("hair"):
        low = LENGTH - 3
        mane = ((0.0, -17.4), (8.5, -15.8), (13.6 + wide, -8.0), (14.4 + wide, 2.0), (14.2 + wide, low), (0.0, low))
        head.shape(smooth(mirrored(mane)), edge)
    if curly:
        for x, y in BUMPS:
            head.disc(x + (wide if x > 0 else -wide), y, 3.7, edge)
        for x, y in BUMPS:
            head.disc(x + (wide if x > 0 else -wide), y, 3.2, looks.hair)
    elif not looks.cue("hair"):
        crop = ((0.0, -17.4), (8.4, -15.7), (12.9 + wide, -9.4), (13.2 + wide, -2.0), (11.5 + wide, 3.0))
        head.shape(smooth(mirrored(crop)), looks.hair)


def draw_locks(head: Canvas, looks: Looks) -> None:
    """Long hair that falls in front of both shoulders; after the clothes, before the face."""
    if not looks.cue("hair"):
        return
    wide = looks.reach - 12.4
    for side in (-1, 1):
        if looks.person.hair == "curly":
            _curls(head, looks, side * (13.6 + wide), side)
        else:
            _strand(head, looks, side, wide)


def _curls(head: Canvas, looks: Looks, x: float, side: int) -> None:
    steps = [(x + side * (0.9 if row % 2 else -0.3), -1.0 + 4.3 * row) for row in range(6)]
    for cx, cy in steps:
        head.disc(cx, cy, 4.3, shade(looks.hair, 0.28))
    for cx, cy in steps:
        head.disc(cx, cy, 3.7, looks.hair)
        head.disc(cx - 0.8, cy - 1.0, 1.1, tint(looks.hair, 0.16))


def _strand(head: Canvas, looks: Looks, side: int, wide: float) -> None:
    def across(x: float) -> float:
        return side * (x + wide)

    nodes = (
        (11.0, -12.0),
        (14.2, -6.0),
        (14.8, 6.0),
        (15.2, 15.0),
        (13.4, LENGTH),
        (10.4, LENGTH - 2.0),
        (9.0, 12.0),
        (10.0, 2.0),
    )
    lock = smooth(tuple((across(x), y) for x, y in nodes))
    head.shape(lock, looks.hair)
    head.stroke(
        smooth(((across(13.0), 1.0), (across(13.3), 9.0), (across(12.6), 18.0)), closed=False), 0.9, tint(looks.hair, 0.16)
    )


def draw_front(head: Canvas, looks: Looks) -> None:
    """What frames the forehead and the temples; after the face, before any headgear."""
    wide = looks.reach - 12.4
    if looks.person.hair == "curly":
        _curly_front(head, looks, wide)
    else:
        _straight_front(head, looks, wide)
    if looks.person.age == "middle-aged":
        _grey(head, looks, wide)


def _straight_front(head: Canvas, looks: Looks, wide: float) -> None:
    side, fall = (1 if looks.part > 0 else -1), 0.4 * abs(looks.part)
    temple, inner = 12.9 + wide, 10.2 + wide
    low = -1.0 if looks.cue("hair") else 1.2
    crown = ((7.6, -15.8), (0.0, -17.4), (-7.6, -15.8), (-11.8, -12.0))
    outer = ((temple, low), (temple + 0.3, -6.5), (11.8, -12.0), *crown, (-temple - 0.3, -6.5), (-temple, low))
    swept = ((-7.4, -8.6 + 1.2 * fall), (-1.0, -8.3 + 0.6 * fall), (6.0, -10.4), (inner - 0.2, -4.6), (inner, low - 0.2))
    hairline = ((-inner, low - 0.2), (-inner + 0.2, -4.6), *swept)
    head.shape(smooth(tuple((side * x, y) for x, y in (*outer, *hairline))), looks.hair)
    head.stroke(smooth(tuple((side * x, y) for x, y in hairline), closed=False), 0.55, rim(looks))
    sheen = ((-side * 9.0, -11.6), (-side * 4.5, -14.6), (side * 1.5, -15.4))
    head.stroke(smooth(sheen, closed=False), 1.0, tint(looks.hair, 0.18))


def _curly_front(head: Canvas, looks: Looks, wide: float) -> None:
    cap = smooth(((-11.6 - wide, -6.5), *CROWN[1:-1], (11.6 + wide, -6.5), (8.6, -9.8), (0.0, -11.0), (-8.6, -9.8)))
    head.shape(cap, looks.hair)
    line = rim(looks)
    row = ((-9.4, -9.0), (-5.0, -10.6), (0.0, -11.0), (5.0, -10.6), (9.4, -9.0))
    temples = ((-12.3 - wide, -5.2), (12.3 + wide, -5.2), (-12.9 - wide, -0.8), (12.9 + wide, -0.8))
    for x, y in row:
        head.disc(x, y + 0.5, 2.7, line)
    for x, y in (*row, *temples):
        head.disc(x, y, 2.7, looks.hair)
    for x, y in ((-8.0, -12.8), (-2.6, -14.4), (3.4, -14.2), (8.4, -12.4)):
        head.disc(x, y, 1.0, tint(looks.hair, 0.18))


def _grey(head: Canvas, looks: Looks, wide: float) -> None:
    """Both temples, where no headgear covers them."""
    for side in (-1, 1):
        x = side * (12.9 + wide)
        if looks.person.hair == "curly":
            for dx, y, radius in ((-0.3, -6.6, 1.6), (0.2, -4.2, 2.1), (0.6, -1.4, 2.2)):
                head.disc(x + side * dx, y, radius, SILVER)
            continue
        patch = ((-1.3, 1.4), (-2.1, -4.0), (-0.6, -8.4), (0.5, -6.4), (0.8, -2.6), (0.0, 1.8))
        low = 3.0 if looks.cue("hair") else 0.0
        head.shape(smooth(tuple((x + side * dx, y + (low if y > 0 else 0.0)) for dx, y in patch)), SILVER)
