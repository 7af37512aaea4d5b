"""How many faces are found, in photographs and generated images, where there is none, small and cut off; how fast."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from audit.component import Row
from audit.errors import WeightsError
from audit.images import Pixels
from audit.scorers.faces import FOUND, LINKS
from audit.scorers.views import number, regions
from audit.stats.intervals import wilson
from audit.testing import view
from audit.weights import locate
from benchmarks.people.detection_sets import (
    SEED,
    Searched,
    generated,
    labels,
    mosaic,
    objects,
    phantom,
    photographs,
    resized,
    searched,
)
from benchmarks.people.detection_speed import speed
from benchmarks.people.photographs import AGE_BANDS, GENDERS, ROOT, available
from benchmarks.people.section import Promise, Section

__all__ = ["sections"]

PHOTOGRAPHS, GENERATED, FALSE = 0.97, 0.85, 0.02
"""Promised shares of images with a face: at least, at least, at most."""
NEEDS = ("centerface", "perceived-gender-age", "dcgan-digiface")
SCENE, SCENES = 1024, 40
WIDTHS = (16, 24, 32, 48, 64, 96, 200, 400, 800)
CUTS = (0.0, 0.1, 0.2, 0.3, 0.4)
SIDES = ("left", "right", "top", "bottom")
SAME_PLACE = 0.3
CHOSEN = (
    "Thresholds were chosen on every second image, counted from the first, and on other draws of the generator; the other "
    "images are `the rest`, which the promise is about"
)
WILSON = "95 % Wilson intervals"

Box = tuple[float, float, float, float]


def sections() -> Iterator[Section]:
    """The tables; where images or weights are not on this machine, one that says so."""
    if lacking := _lacking():
        yield Section("Faces found", ("not measured",), ((lacking,),))
        return
    photos, draws = searched(photographs()), searched(generated())
    things = {name: searched(views) for name, views in objects()}
    renders = {size: searched(phantom(size)) for size in (64, 256)}
    yield _of_photographs(photos)
    yield _of_draws(draws, renders)
    yield _of_objects(things)
    every = Searched(tuple(rows for found in things.values() for rows in found.rows))
    sets = {"photographs": photos, "generated, 64 px": draws, "objects": every}
    yield _outcomes(sets | {f"phantom, {size} px": found for size, found in renders.items()})
    yield _sizes(photos)
    yield _cuts(photos)
    yield speed()


def _lacking() -> str:
    if not available() or not (ROOT / "cifar10").is_dir():
        return "the photographs are not on this machine"
    try:
        for name in NEEDS:
            locate(name)
    except WeightsError as error:
        return str(error)
    return ""


# ------------------------------------------------------------------------------------------------- found or not


def _of_photographs(photos: Searched) -> Section:
    found, rest = photos.found, photos.found[1::2]
    groups: dict[str, list[bool]] = {"all": list(found), "thresholds chosen on": list(found[::2]), "the rest": list(rest)}
    for row, hit in zip(labels(), found, strict=True):
        groups.setdefault(f"annotated {GENDERS[row['gender']]}", []).append(hit)
        groups.setdefault(f"annotated {AGE_BANDS[row['age']]}", []).append(hit)
    note = f"180 FairFace photographs of adults. {CHOSEN}. {WILSON}."
    promise = _at_least("photographs in which a face is found", PHOTOGRAPHS, rest)
    rows = tuple((name, *_counted(hits)) for name, hits in groups.items())
    return Section("Faces in photographs", ("photographs", "of them", "found", "share", "interval"), rows, note, (promise,))


def _of_draws(draws: Searched, renders: dict[int, Searched]) -> Section:
    rows = [("DCGAN, 64 px", *_counted(draws.found))]
    rows += [(f"phantom renders, {size} px (no promise)", *_counted(found.found)) for size, found in renders.items()]
    note = (
        "1,000 draws of the pack `dcgan-digiface` with fixed seeds, none of them looked at when thresholds were chosen; "
        f"200 renders of the phantom `even` with one person each. {WILSON}."
    )
    promise = _at_least("generated faces found", GENERATED, draws.found)
    return Section(
        "Faces in generated images", ("images", "of them", "found", "share", "interval"), tuple(rows), note, (promise,)
    )


def _of_objects(things: dict[str, Searched]) -> Section:
    rows = [(name, *_counted(found.found)) for name, found in things.items()]
    every = [hit for found in things.values() for hit in found.found]
    rest = [hit for found in things.values() for hit in found.found[1::2]]
    rows += [("all", *_counted(every)), ("the rest", *_counted(rest))]
    share = float(np.mean(rest))
    promise = Promise("objects and animals taken for a face", f"at most {FALSE:.0%}", _share(rest), share <= FALSE)
    note = f"CIFAR-10 test images of 32 pixels, 200 of each class. {CHOSEN}. {WILSON}."
    heads = ("class", "images", "with a face found", "share", "interval")
    return Section("Faces where there is none", heads, tuple(rows), note, (promise,))


def _outcomes(sets: dict[str, Searched]) -> Section:
    rows = tuple(
        (
            name,
            *(str(found.outcomes[outcome]) for outcome in FOUND),
            *(str(found.links[link]) for link in LINKS),
            str(found.total("tiny")),
            str(found.total("cut_off")),
        )
        for name, found in sets.items()
    )
    heads = ("images", *FOUND, *(f"faces by {link}" for link in LINKS), "tiny faces", "cut-off faces")
    note = "Images by `faces.found`, and faces by the search that found them. Some photographs show more people than one."
    return Section("Outcomes", heads, rows, note)


# ------------------------------------------------------------------------------------------------ small and cut off


def _sizes(photos: Searched) -> Section:
    """Photographs, reduced until the face has a width, each in a busy scene."""
    tiles = sorted((ROOT / "cifar10").glob("*/*"))
    alone = [at for at, rows in enumerate(photos.rows) if len(rows) == 2][1::2][:SCENES]
    rng = np.random.default_rng(SEED)
    rows = []
    for width in WIDTHS:
        placed = [
            _placed(rng, mosaic(rng, SCENE, tiles), photographs()[at].pixels, _box(photos.rows[at]), width) for at in alone
        ]
        found = searched([view(scene) for scene, _ in placed])
        hits = [_there(rows_, box) for rows_, (_, box) in zip(found.rows, placed, strict=True)]
        extra = sum(len(rows_) - 1 for rows_ in found.rows) - sum(hits)
        rows.append((f"{width} px", *_counted(hits), str(extra)))
    note = (
        f"Photographs with one face, reduced or enlarged and laid into scenes of {SCENE} pixels, made of enlarged CIFAR-10 "
        f"images; the widths are those of the face's box. Further boxes are second boxes of the face, and what was found "
        f"in 16 enlarged images a scene. {WILSON}."
    )
    heads = ("width of the face", "scenes", "found", "share", "interval", "further boxes")
    return Section("Small and large faces", heads, tuple(rows), note)


def _placed(rng: np.random.Generator, scene: Pixels, photo: Pixels, box: Box, width: int) -> tuple[Pixels, Box]:
    """A photograph laid into a scene with its face this wide, and where the face is then; a larger one is cut around it."""
    scale = width / (box[2] - box[0])
    small = resized(photo, round(photo.shape[0] * scale))
    side, room = small.shape[0], scene.shape[0]
    out = scene.copy()
    middle = scale * (box[0] + box[2]) / 2, scale * (box[1] + box[3]) / 2
    if side <= room:
        x, y = (int(at) for at in rng.integers(0, room - side + 1, 2))
        out[y : y + side, x : x + side] = small
    else:
        x, y = (-int(np.clip(at - room / 2, 0, side - room)) for at in middle)
        out[:] = small[-y : -y + room, -x : -x + room]
    return out, (box[0] * scale + x, box[1] * scale + y, box[2] * scale + x, box[3] * scale + y)


def _cuts(photos: Searched) -> Section:
    """Photographs cut along the face."""
    alone = [at for at, rows in enumerate(photos.rows) if len(rows) == 2][::2]
    rows = []
    for cut in CUTS:
        for side in SIDES:
            found = searched([view(_cropped(photographs()[at].pixels, _box(photos.rows[at]), side, cut)) for at in alone])
            told = [bool(rows_[1:]) and (number(rows_[0], "cut_off") or 0) > 0 for rows_ in found.rows]
            hits = [one for one, seen in zip(told, found.found, strict=True) if seen]
            rows.append((f"{cut:.0%} at the {side}", f"{sum(found.found)} of {len(alone)}", *_counted(hits)))
    note = (
        "Photographs with one face, cut so that a share of the box's width or height is missing. The estimate of where the "
        f"rest of a face lies was fitted to other photographs than these. {WILSON}."
    )
    heads = ("missing of the box", "found", "of them", "with a cut-off face", "share", "interval")
    return Section("Faces cut off by the border", heads, tuple(rows), note)


def _cropped(pixels: Pixels, box: Box, side: str, cut: float) -> Pixels:
    left, top, right, bottom = (round(edge) for edge in box)
    across, down = round(cut * (right - left)), round(cut * (bottom - top))
    crops: dict[str, Callable[[], Pixels]] = {
        "left": lambda: pixels[:, left + across :],
        "right": lambda: pixels[:, : right - across],
        "top": lambda: pixels[top + down :],
        "bottom": lambda: pixels[: bottom - down],
    }
    return np.ascontiguousarray(crops[side]())


# ------------------------------------------------------------------------------------------------------- figures


def _box(rows: Sequence[Row]) -> Box:
    edges = [number(rows[1], edge) for edge in ("left", "top", "right", "bottom")]
    left, top, right, bottom = (edge or 0.0 for edge in edges)
    return left, top, right, bottom


def _there(rows: Sequence[Row], box: Box) -> bool:
    """Whether a face was found where one is."""
    return any(_overlap(_box([rows[0], face]), box) >= SAME_PLACE for face in regions(rows))


def _overlap(one: Box, other: Box) -> float:
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    both = across * max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def _counted(hits: Sequence[bool]) -> tuple[str, str, str, str]:
    """Images, hits, share and interval."""
    if not hits:
        return "0", "0", "-", "-"
    low, high = wilson(sum(hits), len(hits))
    return str(len(hits)), str(sum(hits)), f"{np.mean(hits):.1%}", f"{low:.1%} to {high:.1%}"


def _share(hits: Sequence[bool]) -> str:
    _, _, share, interval = _counted(hits)
    return f"{share} [{interval}]"


def _at_least(what: str, promised: float, hits: Sequence[bool]) -> Promise:
    return Promise(what, f"at least {promised:.0%}", _share(hits), float(np.mean(hits)) >= promised)
