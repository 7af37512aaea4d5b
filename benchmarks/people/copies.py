"""Copies: counted within their interval, p-values without copies, recall by transform, and a million references."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from audit.metrics.copies_sets import References
from audit.records import Finding
from audit.scorers.features import Features
from audit.scorers.fingerprints import Fingerprints
from audit.weights import missing
from benchmarks.people.copies_lists import by_lists
from benchmarks.people.copies_worlds import KINDS, Drawn, Pool, audit, fresh, photographs, split
from benchmarks.people.photographs import FACES
from benchmarks.people.section import Promise, Section

__all__ = ["sections"]

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = FACES.parent / "cifar10"
PACK = "efficientnet-lite0"
SEED = 20_261_123
NULL_RUNS, PLANTED_RUNS = 1_000, 200
SHARE = 0.05
SIDE, FRESH_SIDE, FRESH = 600, 500, 1_600
LEVEL = 0.05
COVERED = 0.93
ROWS = 1_000_000
MOST_BYTES = {"exact": 700 * 10**6, "ivf": 1_500 * 10**6}
MATCHES = ("digest", "hash", "features", "closer")


@dataclass(frozen=True, slots=True)
class World:
    """Where pictures come from; ``deal`` splits them anew in every run."""

    name: str
    pool: Callable[[np.random.Generator], Pool]
    side: int

    def deal(self, run: int, share: float, *, by_prompt: bool = False) -> tuple[Pool, Drawn]:
        """The pool and the sets of one run; the seed is fixed beforehand."""
        rng = np.random.default_rng([SEED, run, round(1000 * share), by_prompt])
        pool = self.pool(rng)
        return pool, split(pool, self.side, share, rng, by_prompt=by_prompt)


def sections() -> Iterator[Section]:
    """The tables."""
    worlds = list(_worlds())
    yield _without_copies(worlds)
    yield by_lists()
    yield _counted(worlds)
    for world in worlds[1:]:
        yield _recall(world)
    yield _scale()


def _worlds() -> Iterator[World]:
    """Vectors drawn afresh; photographs where they and the pack are on this machine."""
    yield World("vectors drawn afresh", lambda rng: fresh(FRESH, rng), FRESH_SIDE)
    if not PHOTOGRAPHS.is_dir():
        return
    thumbnails = photographs(PHOTOGRAPHS, Fingerprints(), "thumbnail", np.random.default_rng(SEED))
    yield World("CIFAR-10, thumbnails", lambda _: thumbnails, SIDE)
    if missing(PACK):
        return
    features = photographs(PHOTOGRAPHS, Features(pack=PACK), "vector", np.random.default_rng(SEED))
    yield World(f"CIFAR-10, {PACK}", lambda _: features, SIDE)


def _absent(worlds: list[World]) -> str:
    if len(worlds) == 3:
        return ""
    what = f"the weight pack {PACK} is" if len(worlds) == 2 else "the photographs are"
    return f" Not measured with all features: {what} not on this machine."


# ------------------------------------------------------------------------------------------------- no copies


def _without_copies(worlds: list[World]) -> Section:
    """P-values where nothing was copied."""
    rows, promises = [], []
    for world in worlds:
        found = [_run(world, run, 0.0) for run in range(NULL_RUNS)]
        flagged = np.array([(one["beyond_chance"].estimate or 0) > 0 for one in found])
        naive = np.array([_binomial(one["closer_to_training"]) for one in found])
        for name in ("closer_to_training", "copied"):
            p = np.array([one[name].p_value for one in found], dtype=float)
            ks = float(stats.kstest(p, "uniform", alternative="greater").pvalue)
            cells = (*(f"{(p <= level).mean():.3f}" for level in (0.01, LEVEL, 0.5)), f"{ks:.2f}")
            rows.append((world.name, name, *cells, f"{(naive <= LEVEL).mean():.3f}", f"{flagged.mean():.3f}"))
            promises.append(_uniform(f"{world.name}, {name}", p, ks))
        if world is worlds[0]:  # photographs hold near-duplicates: told, not promised
            promises.append(_seldom(f"no copies, {world.name}, any image beyond chance", flagged))
    note = (
        f"{NULL_RUNS} audits a world, seed fixed beforehand. Pictures are dealt at random to training, held-out and the "
        "model's images, which come ten a prompt, alike ones together. KS: one-sided p-value that p-values lie too low. "
        "Binomial: the share that an exact binomial test by image would reject at .05. Any image: share of audits in which "
        "some image is called nearer than chance explains, which near-duplicates among the photographs raise."
    )
    columns = ("world", "p-value of", "p <= .01", "p <= .05", "p <= .5", "KS", "binomial p <= .05", "any image")
    return Section("No copies: p-values", columns, tuple(rows), note + _absent(worlds), tuple(promises))


def _uniform(what: str, p: np.ndarray, ks: float) -> Promise:
    most = LEVEL + 2 * float(np.sqrt(LEVEL * (1 - LEVEL) / len(p)))
    share = float((p <= LEVEL).mean())
    found = f"{share:.3f}, KS {ks:.2f}"
    return Promise(
        f"no copies, {what}", f"P(p <= .05) at most {most:.3f}, KS above .01", found, share <= most and ks > 0.01
    )


def _seldom(what: str, hits: np.ndarray) -> Promise:
    most = LEVEL + 2 * float(np.sqrt(LEVEL * (1 - LEVEL) / len(hits)))
    return Promise(what, f"at most {most:.3f}", f"{hits.mean():.3f}", hits.mean() <= most)


def _binomial(finding: Finding) -> float:
    assert finding.estimate is not None
    count = int(np.floor(finding.estimate * finding.n))
    return float(stats.binomtest(count, finding.n, alternative="greater").pvalue)


# ---------------------------------------------------------------------------------------------------- planted


PLANTED = (
    "world",
    "copies",
    "copied, mean",
    "mean width",
    "holds .05",
    "matched, mean",
    "mean width",
    "low <= .05",
    "found",
)


def _counted(worlds: list[World]) -> Section:
    """Whether the planted share is within the intervals."""
    found = [_planted(world, by_prompt=by_prompt) for world in worlds for by_prompt in (False, True)]
    note = (
        f"{PLANTED_RUNS} audits a row; each image is a copy with probability .05: of photographs one of "
        f"{', '.join(KINDS)} in equal parts, of vectors the vector with noise of any size up to half of the spread. "
        "Copied: 2 x share nearer to training - 1, and how often its 95 % interval holds .05. Matched: the excess over "
        "held-out matches at a false-match rate of 1 %, a lower bound, and how often its lower end is at most .05. Found: "
        "share of audits with p at most .05 (copied)."
    )
    promises = tuple(promise for _, two in found for promise in two)
    return Section("Copies planted at 5 %", PLANTED, tuple(row for row, _ in found), note + _absent(worlds), promises)


def _planted(world: World, *, by_prompt: bool) -> tuple[tuple[str, ...], tuple[Promise, Promise]]:
    """A row of one world, and what is promised of it."""
    found = [_run(world, run, SHARE, by_prompt=by_prompt) for run in range(PLANTED_RUNS)]
    where = "in a tenth of the prompts" if by_prompt else "anywhere"
    covered = float(np.mean([_holds(one["copied"]) for one in found]))
    below = float(np.mean([_interval(one["matched"])[0] <= SHARE for one in found]))
    held, under = f"{covered:.3f}", f"{below:.3f}"
    row = (world.name, where, *_summary(found, "copied"), held, *_summary(found, "matched"), under, _power(found))
    what = f"{world.name}, copies {where}"
    return row, (
        Promise(f"{what}: copied", f"at least {COVERED}", held, covered >= COVERED),
        Promise(f"{what}: matched is no more than was copied", "at least 0.95", under, below >= 0.95),
    )


def _run(world: World, run: int, share: float, *, by_prompt: bool = False) -> dict[str, Finding]:
    pool, drawn = world.deal(run, share, by_prompt=by_prompt)
    return audit(pool, drawn, run)


def _estimate(finding: Finding) -> float:
    assert finding.estimate is not None
    return finding.estimate


def _interval(finding: Finding) -> tuple[float, float]:
    assert finding.interval is not None
    return finding.interval.low, finding.interval.high


def _holds(finding: Finding) -> bool:
    low, high = _interval(finding)
    return low <= SHARE <= high


def _summary(found: list[dict[str, Finding]], name: str) -> tuple[str, str]:
    widths = [high - low for low, high in (_interval(one[name]) for one in found)]
    return f"{np.mean([_estimate(one[name]) for one in found]):.3f}", f"{np.mean(widths):.3f}"


def _power(found: list[dict[str, Finding]]) -> str:
    return f"{np.mean([(one['copied'].p_value or 0) <= LEVEL for one in found]):.2f}"


def _recall(world: World) -> Section:
    """Recall of each level, of a copy of every training image."""
    pool, drawn = world.deal(0, 0.0)
    found = audit(pool, drawn, 0, planted=True)
    rows = []
    for kind in KINDS:
        findings = [found[f"recall/{kind}/{match}"] for match in MATCHES]
        cells = (f"{_estimate(f):.2f} ({_interval(f)[0]:.2f} to {_interval(f)[1]:.2f})" for f in findings)
        rows.append((kind, str(findings[0].n), *cells))
    note = (
        f"One audit: {SIDE} training and {SIDE} held-out photographs of 32 x 32 pixels, one copy of each training image. "
        "95 % Wilson intervals. Hash and features: at a false-match rate of 1 %, measured on held-out images. Closer: "
        "nearer to a training image than to any held-out one; .5 is chance."
    )
    exact = found["recall/exact/digest"]
    promise = Promise("exact copies by digest", "1.00", f"{_estimate(exact):.2f}", _estimate(exact) == 1)
    return Section(f"Recall by transform: {world.name}", ("transform", "copies", *MATCHES), tuple(rows), note, (promise,))


# ------------------------------------------------------------------------------------------------------ scale


def _scale() -> Section:
    """A million references of 512 numbers, exact and through inverted lists."""
    rows, promises = [], []
    with tempfile.TemporaryDirectory() as text:
        file = Path(text) / "training.npy"
        _apart(file, "make")
        digest = References.of_file(file).digest
        for index, most in MOST_BYTES.items():
            told = json.loads(_apart(file, index))
            peak, before = told["peak_bytes"], told["before"]
            rows.append(
                (index, f"{told['seconds']:.0f} s", f"{before / 10**6:.0f} MB", f"{peak / 10**6:.0f} MB", told["method"])
            )
            what = f"{index} search, {ROWS:,} x 512"
            promises.append(Promise(what, f"peak below {most / 10**6:.0f} MB", f"{peak / 10**6:.0f} MB", peak < most))
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    note = (
        f"The metric on 1,000 images, 50 of them copies, against {ROWS:,} vectors of 512 numbers in a float16 .npy file of "
        f"1 GB (digest {digest}), in a process of its own; OMP_NUM_THREADS: {threads}. Memory: resident, at its peak; "
        "before: libraries and images. IVF holds 520 to 1,040 bytes a reference; its time includes exact search for 256 "
        "images, by which its recall is told."
    )
    return Section("Scale", ("index", "time", "before", "peak", "method"), tuple(rows), note, tuple(promises))


def _apart(file: Path, index: str) -> str:
    command = [sys.executable, "-m", "benchmarks.people.copies_scale", str(file), "--rows", str(ROWS), "--index", index]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
