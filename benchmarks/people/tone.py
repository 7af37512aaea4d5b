"""Apparent skin tone: the Monk swatches under light, things that are no skin, the phantom, and photographs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image
from skimage import color

from audit.component import Row, Scorer, View
from audit.digest import bytes_digest
from audit.errors import WeightsError
from audit.images import Pixels
from audit.records import Abstained, Draw, Latent, Probe, Scored
from audit.scorers.faces import Faces
from audit.scorers.skin_colour import MONK, Tone, bin_names, typology_angle
from audit.scorers.skin_reading import SkinReading, read_skin
from audit.scorers.skin_tone import SkinTone
from benchmarks.people.photographs import FACES, available
from benchmarks.people.section import Promise, Section
from benchmarks.people.tone_phantom import light_alone, recovery
from benchmarks.people.tone_scenes import LIGHTS, SIDE, TEXTURES, among_colours, swatch

__all__ = ["sections"]

STOPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
NEAR = (-0.5, 0.0, 0.5)
TONES = range(1, 11)
REPEATS = 5
"""Noises of each swatch, light and exposure."""
TEXTURES_OF_A_KIND = 20
NEUTRAL, WARM, _ = LIGHTS
WORDS = {"grey or monochrome": "grey", "skin clipped to white or black": "clipped"}
"""Reasons in short; any other is a colour far from that of any skin."""
LIGHTEST = bin_names()[0]


def sections() -> Iterator[Section]:
    """The tables, in order."""
    read = {
        (light, stops, tone): [_read(tone, light, stops, seed) for seed in range(REPEATS)]
        for light in LIGHTS
        for stops in STOPS
        for tone in TONES
    }
    yield _swatches(read)
    yield _confusion(read)
    yield textures()
    yield published_rules()
    yield recovery()
    yield light_alone()
    if available():
        yield photographs()


Readings = dict[tuple[str, float, int], list[SkinReading]]


def _read(tone: int, light: str, stops: float, seed: int) -> SkinReading:
    scene = swatch(tone, stops, LIGHTS[light], seed)
    return read_skin(scene.pixels, scene.skin, scene.around)


# ------------------------------------------------------------------------------------------------- swatches


def _swatches(read: Readings) -> Section:
    rows = []
    for light in LIGHTS:
        for stops in STOPS:
            for how in ("shown", "balanced"):
                cells = [read[light, stops, tone] for tone in TONES]
                told = [_usual(cell, how) for cell in cells]
                rows.append((light, f"{stops:+g}", _words(how), *told, _told(*_rising(cells, how))))
    return Section(
        title="Monk swatches under light: the tone of largest membership, by true tone",
        columns=("light", "stops", "reading", *map(str, TONES), "mean tone rises with every step"),
        rows=tuple(rows),
        note=(
            f"A square of each swatch with noise of 2 grey levels on a chart of coloured chips, {REPEATS} noises each, the "
            "commonest answer shown. Exposure multiplies linear light by 2 ** stops, then clips. Lights change by von "
            "Kries in Bradford's space, with no adaptation by the camera. ! burnt out: the bin is known and no number is. "
            "clipped, grey, far (from any skin): abstained. Whether the mean rises goes by the tones that have one."
        ),
        promises=tuple(_promises(read)),
    )


def _words(how: str) -> str:
    return "as shown" if how == "shown" else "balanced"


def _usual(read: Sequence[SkinReading], how: str) -> str:
    told = []
    for reading in read:
        one = getattr(reading, how)
        burnt = how == "shown" and isinstance(reading.plain, Abstained)
        told.append(WORDS.get(one.reason, "far") if isinstance(one, Abstained) else f"{one.nearest}{'!' if burnt else ''}")
    return Counter(told).most_common(1)[0][0]


def _rising(cells: Sequence[Sequence[SkinReading]], how: str) -> tuple[int, list[str]]:
    """Tones with a mean in every repetition, and the steps between them at which the mean does not always rise."""
    means = {}
    for tone, cell in zip(TONES, cells, strict=True):
        found = [one.plain if how == "shown" else one.balanced for one in cell]
        if all(isinstance(one, Tone) for one in found):
            means[tone] = np.array([one.expected for one in found if isinstance(one, Tone)])
    failing = [f"{one} to {other}" for one, other in pairwise(means) if (means[other] <= means[one]).any()]
    return len(means), failing


def _told(read: int, failing: Sequence[str]) -> str:
    return (f"no: {', '.join(failing)}" if failing else "yes") + ("" if read == len(TONES) else f"; {read} have a mean")


def _promises(read: Readings) -> Iterator[Promise]:
    dark = [_off(read[NEUTRAL, stops, tone], tone) for stops in NEAR for tone in range(4, 11)]
    yield Promise(
        "tones 4 to 10 at -0.5 to +0.5 stops in neutral light",
        "within one tone",
        f"at most {max(dark)} away",
        max(dark) <= 1,
    )
    light = [one.shown for stops in NEAR for tone in range(1, 4) for one in read[NEUTRAL, stops, tone]]
    right = sum(isinstance(one, Tone) and one.label == LIGHTEST for one in light)
    yield Promise("tones 1 to 3 there", f"all in {LIGHTEST}", f"{right} of {len(light)} readings", right == len(light))
    for how, lights in (("shown", [name for name in LIGHTS if name != WARM]), ("balanced", [*LIGHTS])):
        found = [not _rising([read[light, stops, tone] for tone in TONES], how)[1] for light in lights for stops in STOPS]
        yield Promise(
            f"mean tone, {_words(how)}, rises with every step among the tones that have one; light: {', '.join(lights)}",
            "at every exposure",
            f"{sum(found)} of {len(found)}",
            all(found),
        )


def _off(read: Sequence[SkinReading], tone: int) -> int:
    """Most tones that a reading is off; 10 where one abstains."""
    return max(abs(one.shown.nearest - tone) if isinstance(one.shown, Tone) else 10 for one in read)


def _confusion(read: Readings) -> Section:
    rows = []
    for tone in TONES:
        for how in ("shown", "balanced"):
            told = Counter(
                one.label if isinstance(one := getattr(each, how), Tone) else "abstained"
                for light in LIGHTS
                for stops in STOPS
                for each in read[light, stops, tone]
            )
            rows.append((str(tone), _words(how), *(str(told[name]) for name in (*bin_names(), "abstained"))))
    return Section(
        title="Monk swatches: bins over all lights and exposures",
        columns=("true tone", "reading", *bin_names(), "abstained"),
        rows=tuple(rows),
        note=f"Counts of {len(LIGHTS)} lights x {len(STOPS)} exposures x {REPEATS} noises.",
    )


# ------------------------------------------------------------------------------------------------- no skin


def textures() -> Section:
    """Wood, sand and grey walls: through the face finder, called skin as a whole, and called skin among colours."""
    rows, kept, total = [], 0, 0
    for name, texture in TEXTURES.items():
        pictures = [texture(seed) for seed in range(TEXTURES_OF_A_KIND)]
        large = [texture(seed, 256) for seed in range(TEXTURES_OF_A_KIND)]
        everything = np.ones((SIDE, SIDE), dtype=bool)
        scenes = [among_colours(picture) for picture in pictures]
        ways: dict[str, Sequence[object]] = {
            "through the face finder": _whole(large),
            "the whole picture called skin": [read_skin(one, everything, ~everything).shown for one in pictures],
            "called skin among coloured chips": [read_skin(one.pixels, one.skin, one.around).shown for one in scenes],
        }
        for way, found in ways.items():
            reasons = Counter(one.reason for one in found if isinstance(one, Abstained))
            kept, total = kept + reasons.total(), total + len(found)
            said = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
            rows.append((name, way, str(len(found)), str(reasons.total()), said))
    return Section(
        title="Things that are no skin",
        columns=("texture", "how", "pictures", "abstained", "reasons"),
        rows=tuple(rows),
        note=(
            "Procedural textures with fixed seeds. What tells them apart is roughness, the lack of colours and the face "
            "finder. A smooth thing of skin's colour in a colourful picture reads as skin once it is called a face."
        ),
        promises=(Promise("wood, sand and grey", "all abstain", f"{kept} of {total}", kept == total and total > 0),),
    )


def _whole(pictures: Sequence[Pixels]) -> list[object]:
    """What the scorer says of whole pictures; nothing where the face finder's weights are not on this machine."""
    return [rows[-1].values["apparent_tone"] for rows in _scored(pictures)]


def _scored(pictures: Sequence[Pixels]) -> list[Sequence[Row]]:
    views = [_view(pixels) for pixels in pictures]
    try:
        faces = _rows(Faces(), views)
    except WeightsError:
        return []
    seen = [
        View(v.pixels, v.image, v.codec, v.draw, v.probe, given={"faces": rows})
        for v, rows in zip(views, faces, strict=True)
    ]
    return _rows(SkinTone(), seen)


def _rows(scorer: Scorer, views: Sequence[View]) -> list[Sequence[Row]]:
    with scorer.open("cpu") as score:
        return list(score(views))


def _view(pixels: Pixels) -> View:
    probe = Probe(suite="tone", condition=Latent(), unit="draw")
    draw = Draw(generator="tone", probe=probe.id, index=0, seed=0)
    return View(pixels, bytes_digest(pixels.tobytes()), "png", draw, probe)


# ------------------------------------------------------------------------------------------------- others' rules


def published_rules() -> Section:
    """What published rules say of the swatches, at full neutral light, before any noise."""
    lab = color.rgb2lab(np.array([MONK], dtype=np.uint8))[0]
    angles = np.array([typology_angle(one[0], one[2]) for one in lab])
    codes = np.rint(lab * np.array([2.55, 1, 1]) + np.array([0, 128, 128]))
    packed = np.degrees(np.arctan((codes[:, 0] - 50) / codes[:, 2]))
    swapped = [int(np.abs(np.array(MONK) - np.array(rgb[::-1])).sum(axis=1).argmin()) + 1 for rgb in MONK]
    rows = (
        (
            "this project: soft membership by CIEDE2000",
            *(_usual([_read(tone, NEUTRAL, 0.0, 0)], "shown") for tone in TONES),
        ),
        ("RGB and YCrCb rule for skin (Kolkur et al. 2017)", *("skin" if _is_skin(rgb) else "dropped" for rgb in MONK)),
        (
            "typology angle of CIELAB in bytes, nearest of the true angles",
            *(str(int(np.abs(angles - a).argmin()) + 1) for a in packed),
        ),
        ("channels taken for blue, green, red, nearest by L1", *map(str, swapped)),
    )
    passing = [tone for tone, rgb in zip(TONES, MONK, strict=True) if _is_skin(rgb)]
    return Section(
        title="The swatches under published rules",
        columns=("rule", *map(str, TONES)),
        rows=rows,
        note=f"The skin rule keeps tones {passing[0]} to {passing[-1]} only: all others are dropped before averaging.",
    )


def _is_skin(rgb: tuple[int, int, int]) -> bool:
    red, green, blue = rgb
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    cr, cb = 128 + 0.713 * (red - luma), 128 + 0.564 * (blue - luma)
    by_rgb = red > 95 and green > 40 and blue > 20 and red > green and red > blue and abs(red - green) > 15
    return by_rgb and luma > 80 and cr > 135 and cb > 85


# ------------------------------------------------------------------------------------------------- photographs


def photographs() -> Section:
    """How often photographs are read, and how far light moves them; nobody knows what would be right."""
    files = sorted(FACES.glob("*.jpg"))
    pictures = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    rows = [(rows[1] if len(rows) > 1 else rows[0]).values for rows in _scored(pictures)]
    reasons = Counter(one.reason for values in rows if isinstance(one := values["apparent_tone"], Abstained))
    shown, balanced = (
        Counter(str(one.value) for values in rows if isinstance(one := values[name], Scored))
        for name in ("apparent_tone", "apparent_tone_balanced")
    )
    moved = [one for values in rows if isinstance(one := values["tone_sensitivity"], float)]
    told = [
        ("photographs", str(len(rows))),
        *((f"abstained: {reason}", str(count)) for reason, count in reasons.most_common()),
        *((f"{name}: as shown, balanced", f"{shown[name]}, {balanced[name]}") for name in bin_names()),
    ]
    if moved:
        ends = np.percentile(moved, (5, 25, 50, 75, 95))
        told.append(("balanced less as shown, tones: 5, 25, 50, 75, 95 %", ", ".join(f"{end:+.2f}" for end in ends)))
    return Section(
        title="Photographs: how often they are read, and how far light moves them",
        columns=("what", "found"),
        rows=tuple(told),
        note="180 FairFace photographs of adults. No promise: what is right nobody knows.",
    )
