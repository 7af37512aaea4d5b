"""Likeness without photographs of anybody: learnt and altered names of the phantom, and noise; and what embeddings part.

The phantom's trained model ``regressed`` was taught three fictitious people by name. Each is asked for, with altered names
and a description on the same seeds; audits of fewer images are taken from these.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from audit.component import Request, View
from audit.digest import bytes_digest, derive_seed
from audit.images import Pixels
from audit.records import Draw, Probe
from audit.scorers.face_embedding import FaceEmbedding
from audit.scorers.faces import Faces
from audit.stats.intervals import FloatArray, cluster_share, wilson
from audit.stats.likeness import alikeness, beyond_names, consistency
from benchmarks.people.photographs import FACES, available, photograph
from benchmarks.people.section import Promise, Section
from generators.diffusion import Diffusion
from generators.phantom.identities import IDENTITIES
from generators.phantom.identity_features import PhantomIdentity
from generators.phantom.oracle import PhantomOracle
from generators.phantom.truth import preset
from probes.names import Names

SEED = 20_240_611
DRAWN = 80
"""Seeds of every prompt."""
ALTERED = 16
"""Altered names of each name that are drawn."""
BESIDE = 8
"""Of which so many stand beside a name in an audit, as the suite has it by default."""
SIZES = (10, 20, 40, 80)
PROMISED = 40
"""Images of a name at which the project promises something."""
LEVEL = 0.05
ESTIMATE = "an estimate of at most .05"
"""The upper end of its interval may lie above: there are too few altered names to bound it."""
NOT_ABOVE = "no evidence of more than .05"
"""The interval reaches down to .05. A test of exactly that level has an estimate above it every second time."""
SWAPS = 199
"""Enough for a level of .05; the metric takes 9,999."""

Arm = dict[int, FloatArray]
"""Seed -> features, of the images that show somebody."""


def sections() -> Iterator[Section]:
    """The tables, in order."""
    drawn = [Drawn.of(index) for index in preset("regressed").defects.named_identities]
    yield names(drawn)
    yield alarms(drawn)
    yield noise()
    if available():
        yield photographs()


# ------------------------------------------------------------------------------------------------------ drawing


@dataclass(frozen=True)
class Drawn:
    """What the trained model draws for one name, as features in memory."""

    name: str
    arms: Mapping[str, Arm]
    """Level of the axis ``control`` -> its images."""

    @classmethod
    def of(cls, index: int) -> "Drawn":
        """Draw a fictitious person, the altered names and the description."""
        name = IDENTITIES[index].name
        probes = Names(people=(name,), perturbed=ALTERED, templates=("portrait",)).probes()
        model = Diffusion(pack="phantom-regressed", steps=8, guidance=1.0, batch=DRAWN)
        with model.open("cpu") as draw:
            views = [_views(probe, draw) for probe in probes]
        return cls(name, {probe.levels["control"]: _features(of) for probe, of in zip(probes, views, strict=True)})

    @property
    def altered(self) -> list[str]:
        """Its altered names."""
        return [control for control in self.arms if control.startswith("perturbed")]


def _views(probe: Probe, draw: Callable[[Sequence[Request]], Sequence[object]]) -> list[View]:
    draws = [Draw(generator="r", probe=probe.id, index=i, seed=derive_seed(SEED, probe.pair, i)) for i in range(DRAWN)]
    products = draw([Request(one, probe) for one in draws])
    made = [(one, pixels) for one, pixels in zip(draws, products, strict=True) if isinstance(pixels, np.ndarray)]
    return [View(pixels, bytes_digest(pixels.tobytes()), "png", one, probe) for one, pixels in made]


def _features(views: Sequence[View]) -> Arm:
    with PhantomOracle().open("cpu") as read, PhantomIdentity().open("cpu") as tell:
        read_views = zip(views, read(views), strict=True)
        rows = tell([replace(view, given={"phantom_oracle": of}) for view, of in read_views])
    told = ((view.draw.index, of[0].values["vector"]) for view, of in zip(views, rows, strict=True))
    return {index: value.astype(np.float64) for index, value in told if isinstance(value, np.ndarray)}


# ---------------------------------------------------------------------------------------------- names of the phantom


def _p_value(one: Arm, others: Sequence[Arm], rng: np.random.Generator) -> float:
    """Of a name beside names of nobody, at the seeds of ``one``."""
    arms = [one, *others]
    vectors = np.array([vector for arm in arms for vector in arm.values()])
    code = np.repeat(np.arange(len(arms)), [len(arm) for arm in arms])
    seed = np.array([index for arm in arms for index in arm])
    return beyond_names(alikeness(vectors, "cosine"), code, seed, rng, level=LEVEL, swaps=SWAPS)


def _audit(drawn: Drawn, asked: str, size: int, rng: np.random.Generator) -> float:
    """P-value of an audit of so many seeds, beside altered names drawn from all others."""
    seeds = set(rng.choice(DRAWN, size, replace=False).tolist())
    beside = rng.choice([name for name in drawn.altered if name != asked], BESIDE, replace=False)
    chosen = [{index: vector for index, vector in drawn.arms[name].items() if index in seeds} for name in (asked, *beside)]
    return _p_value(chosen[0], chosen[1:], rng)


def names(drawn: Sequence[Drawn], audits: int = 40) -> Section:
    """How often a learnt name is found."""
    rows, promises, rng = [], [], np.random.default_rng(SEED)
    for one in drawn:
        found = {size: np.array([_audit(one, "named", size, rng) <= LEVEL for _ in range(audits)]) for size in SIZES}
        of_name, described, *altered = (_mean(one.arms[arm]) for arm in ("named", "descriptor", *one.altered))
        rates = {size: float(hits.mean()) for size, hits in found.items()}
        alike = (f"{of_name:.2f}", f"{np.mean(altered):.2f} ({min(altered):.2f} to {max(altered):.2f})", f"{described:.2f}")
        rows.append((one.name, *alike, *(f"{rates[size]:.2f}" for size in SIZES)))
        told = f"{rates[PROMISED]:.2f}"
        promises.append(Promise(f"power at {PROMISED} images, {one.name}", "above .9", told, rates[PROMISED] > 0.9))
    missing = 1 - np.mean([len(arm) / DRAWN for one in drawn for arm in one.arms.values()])
    return Section(
        title="Learnt names of the phantom: share of audits that find one face",
        columns=(
            "name",
            "features in common",
            "altered names (range)",
            "description",
            *(f"{size} images" for size in SIZES),
        ),
        rows=tuple(rows),
        note=(
            f"Model `regressed`, 8 steps; {DRAWN} seeds each of the name, {ALTERED} altered names and `a person`; "
            f"{100 * missing:.1f} % of the images show nobody whose features can be read. Features in common: the share of "
            f"five, mean over all pairs of seeds. {audits} audits a size, each of seeds and {BESIDE} altered names taken "
            f"at random, at a level of {LEVEL:g} for one name, with {SWAPS} swaps."
        ),
        promises=tuple(promises),
    )


def _mean(arm: Arm) -> float:
    return consistency(alikeness(np.array(list(arm.values())), "cosine")).value


def alarms(drawn: Sequence[Drawn], audits: int = 20) -> Section:
    """How often an altered name is called consistent beside other altered names."""
    rows, promises, rng = [], [], np.random.default_rng(SEED + 1)
    for size in SIZES:
        found = np.array([
            [_audit(one, asked, size, rng) <= LEVEL for _ in range(audits)] for one in drawn for asked in one.altered
        ])  # fmt: skip
        share = cluster_share(found.sum(axis=1).astype(np.float64), np.full(len(found), float(audits)))
        assert share.interval is not None
        low, high = share.interval
        some = int((found.mean(axis=1) > LEVEL).sum())
        told = f"{share.value:.3f} [{low:.3f}, {high:.3f}]"
        rows.append((str(size), told, f"{some} of {len(found)}"))
        if size == PROMISED:
            promises.append(Promise(f"false alarms at {size} images", ESTIMATE, told, share.value <= LEVEL))
    return Section(
        title="Altered names tested as if they were names: share of audits that find one face",
        columns=("images", "false alarms [95 % interval]", "names that are found in more than 5 % of audits"),
        rows=tuple(rows),
        note=(
            f"{sum(len(one.altered) for one in drawn)} altered names, each in {audits} audits of a size, beside {BESIDE} "
            "others of the same name. Wilson intervals at the effective number, names being the clusters; promised is the "
            "estimate, not the upper end. A few altered "
            "names do draw one face more than the others; the more images, the more often they are found."
        ),
        promises=tuple(promises),
    )


# -------------------------------------------------------------------------------------------------------- noise


def noise(runs: int = 500) -> Section:
    """How often a name is called consistent where all arms are noise."""
    rows, promises, rng = [], [], np.random.default_rng(SEED + 2)
    for size, beside in ((10, 1), (40, 1), (10, BESIDE), (40, BESIDE)):
        hits = sum(_noise(size, beside, rng) <= LEVEL for _ in range(runs))
        low, high = wilson(hits, runs)
        told = f"{hits / runs:.3f} [{low:.3f}, {high:.3f}]"
        rows.append((str(size), str(beside), told))
        promises.append(Promise(f"level on noise, {size} images, {beside} beside", NOT_ABOVE, told, low <= LEVEL))
    return Section(
        title="Noise in all arms: share of tests that find one face",
        columns=("images", "altered names", "false alarms [95 % interval]"),
        rows=tuple(rows),
        note=(
            f"{runs} runs a row; vectors of 128 normal numbers, half of whose variance a seed shares among the arms. "
            "Wilson intervals; there is no evidence of more than .05 where one reaches down to it. With one altered "
            "name the test is the permutation within seeds alone; with several, a name has to be beyond all of them."
        ),
        promises=tuple(promises),
    )


def _noise(size: int, beside: int, rng: np.random.Generator) -> float:
    common = rng.standard_normal((size, 128))
    arms = [dict(enumerate(common + rng.standard_normal((size, 128)))) for _ in range(1 + beside)]
    return _p_value(arms[0], arms[1:], rng)


# -------------------------------------------------------------------------------------------------- photographs

CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "JPEG, quality 50": lambda image: _as_jpeg(image, 50),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
    "all three": lambda image: _as_jpeg(
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((image.width // 2, image.height // 2)), 50
    ),
}
QUANTILES = (0.01, 0.05, 0.5, 0.95, 0.99)
APART = 0.6


def photographs() -> Section:
    """How far apart copies of one photograph are, and photographs of different people."""
    with (FACES / "labels.csv").open() as file:
        listed = list(csv.DictReader(file))
    views = [photograph(FACES / row["file"]) for row in listed]
    own = _vectors(views)
    rows = []
    for what, change in CHANGES.items():
        other = _vectors([replace(view, pixels=_changed(view.pixels, change)) for view in views])
        both = [i for i in range(len(views)) if own[i] is not None and other[i] is not None]
        rows.append(
            _row(f"the same photograph, {what}", np.linalg.norm(_stacked(own, both) - _stacked(other, both), axis=1))
        )
    there = [i for i in range(len(views)) if own[i] is not None]
    vectors = _stacked(own, there)
    between = -alikeness(vectors, "euclidean")
    pairs = np.triu_indices(len(there), 1)
    rows.append(_row("different people", between[pairs]))
    for what, keys in (("the same annotated gender", ("gender",)), ("and the same age band", ("gender", "age"))):
        group = np.array([" ".join(listed[i][key] for key in keys) for i in there])
        rows.append(_row(f"different people, {what}", between[pairs][group[pairs[0]] == group[pairs[1]]]))
    return Section(
        title="Face embeddings of photographs: Euclidean distances",
        columns=("pairs of", "pairs", *(f"{100 * q:g} %" for q in QUANTILES), f"below {APART:g}"),
        rows=tuple(rows),
        note=(
            f"Scorers `faces` and `face_embedding` on {len(views)} FairFace photographs of as many adults; {len(there)} "
            "have a face with a vector. Quantiles of pairs, which share people. Copies of one photograph are easier than "
            "two photographs of one person, so this is no error rate of recognition. No promise."
        ),
    )


def _vectors(views: Sequence[View]) -> list[npt.NDArray[np.float32] | None]:
    """Of the largest face of each."""
    with Faces().open("cpu") as find:
        found = [rows for start in range(0, len(views), 16) for rows in find(views[start : start + 16])]
    with FaceEmbedding().open("cpu") as embed:
        rows = embed([replace(view, given={"faces": of}) for view, of in zip(views, found, strict=True)])
    largest = [of[1].values["vector"] if len(of) > 1 else None for of in rows]
    return [value if isinstance(value, np.ndarray) else None for value in largest]


def _stacked(vectors: Sequence[npt.NDArray[np.float32] | None], chosen: Sequence[int]) -> FloatArray:
    return np.array([vectors[i] for i in chosen], dtype=np.float64)


def _row(what: str, distances: FloatArray) -> tuple[str, ...]:
    below = f"{100 * float((distances < APART).mean()):.1f} %"
    return (what, str(len(distances)), *(f"{each:.2f}" for each in np.quantile(distances, QUANTILES)), below)


def _changed(pixels: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    return np.array(change(Image.fromarray(pixels)))


def _as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)
