"""How well the scorer and the metric ``resolution`` tell planted truth: factors, seams, codecs, patterns, clean images.

    python -m benchmarks.quality.resolution           some minutes on one core; exit code 1 where a promise is not kept
    python -m benchmarks.quality.resolution --save    also writes benchmarks/quality/results/resolution.md

Photographs of faces (see ``benchmarks.people.photographs``) are looked at where they are on the machine.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from audit.component import Context, Row
from audit.environment import revision
from audit.images import Pixels
from audit.metrics.resolution import Resolution as Metric
from audit.records import Latent, Probe
from audit.scorers.resolution import Resolution
from audit.scorers.resolution_answers import clouds
from audit.scorers.views import label, number
from audit.stats.intervals import wilson
from audit.testing import score_table, view
from benchmarks.people.__main__ import markdown
from benchmarks.people.section import Promise, Section
from benchmarks.quality.resolution_sets import KERNELS, checkered, coded, enlarged, pictures, sharp, tiled

__all__ = ["main", "sections"]

FACTORS = (1.5, 2.0, 3.0, 4.0)
WITHIN, FLAGGED, FALSE = 0.15, 0.95, 0.02
"""Promised: error of a factor, at most; share of planted traces seen, at least; of clean images flagged, at most."""
TILES = (32, 64, 80)
SET, SETS, LEVEL = 20, 200, 0.01
"""Images of a set, sets drawn from each kind of picture, p-value at which a set counts as flagged."""
PATCH = 512
IMAGES_A_SECOND = 50
SAVED = Path(__file__).parent / "results" / "resolution.md"
FLAGS = {
    "enlargement": ("periodicity", "periodicity_above"),
    "tile_seams": ("seam_strength", "seams_above"),
    "codec_history": ("jpeg_steps", "jpeg_above"),
}
"""Label -> number behind it, and the parameter above which it is flagged."""


def sections() -> Iterator[Section]:
    """The tables."""
    yield _factors()
    yield _clean()
    yield _planted()
    yield _checkerboards()
    yield _speed()


# ------------------------------------------------------------------------------------------------------------ factors


def _factors() -> Section:
    rows, worst, inside = [], 0.0, []
    for name, images in pictures().items():
        chosen, rest = images[::2], images[1::2]
        curve = [np.median(_found(chosen, 1.0, "bicubic"))]
        curve += [np.median([_found(chosen, factor, kernel) for kernel in KERNELS]) for factor in FACTORS]
        for factor in FACTORS:
            for kernel in KERNELS:
                found = np.interp(_found(rest, factor, kernel), *_rising(curve))
                error = np.abs(found / factor - 1)
                middle = float(np.median(found))
                near = error <= WITHIN
                rows.append(
                    (name, f"{factor:g}", kernel, f"{middle:.2f}", f"{np.quantile(error, 0.9):.0%}", *_counted(near))
                )
                if name in sharp():
                    inside += list(near)
                    worst = max(worst, abs(middle / factor - 1))
    note = (
        "Pictures of 256 pixels and more, reduced with a Lanczos filter and enlarged again. A curve of each set (the "
        "median of all kernels at each factor, on every second picture) calibrates the others, which the table is about. "
        "Photographs are soft themselves and faces were enlarged before, so these may hold less than their size; promises "
        "are about noise and drawings."
    )
    heads = ("set", "factor", "kernel", "median found", "error of 90 %", "images", "within 15 %", "share", "interval")
    promises = (
        Promise(
            "error of the median factor of any set and kernel", f"at most {WITHIN:.0%}", f"{worst:.1%}", worst <= WITHIN
        ),
        _at_least("images whose factor is found within 15 %", FLAGGED, inside),
    )
    return Section("Factors of enlargement", heads, tuple(rows), note, promises)


def _found(images: Sequence[Pixels], factor: float, kernel: str) -> list[float]:
    changed = [enlarged(image, factor, kernel) if factor > 1 else image for image in images]
    return [1 / (number(row, "effective_share") or 1.0) for row in _rows(changed)]


def _rising(curve: Sequence[float]) -> tuple[list[float], list[float]]:
    """Found and true factors, without those that do not rise."""
    kept: list[tuple[float, float]] = []
    for found, true in zip(curve, (1.0, *FACTORS), strict=True):
        if not kept or found > kept[-1][0]:
            kept.append((found, true))
    return [found for found, _ in kept], [true for _, true in kept]


# -------------------------------------------------------------------------------------------------------------- flags


def _clean() -> Section:
    scorer, rows, promises = Resolution(), [], []
    told = {name: _rows(images) for name, images in pictures().items()}
    for flag, (column, parameter) in FLAGS.items():
        every = []
        for name, found in told.items():
            chosen = [number(row, column) for row in found[::2]]
            highest = max(value for value in chosen if value is not None)
            flagged = _flagged(found[1::2], flag)
            every += flagged if name in sharp() else []
            rows.append((flag, name, f"{highest:.2f}", f"{getattr(scorer, parameter):g}", *_counted(flagged)))
        promises.append(
            Promise(
                f"clean noise and drawings flagged by {flag}",
                f"at most {FALSE:.0%}",
                _share(every),
                float(np.mean(every)) <= FALSE,
            )
        )
    note = (
        "Pictures as they are. Thresholds were chosen by every second picture; shares are of the others. Promises are "
        "about noise and drawings, whose history is known; photographs may have been enlarged and coded, and those of "
        "faces were JPEGs of 448 pixels before they were reduced to 299, which leaves a grid. 95 % Wilson intervals."
    )
    heads = ("flag", "set", "highest of those chosen by", "threshold", "images", "flagged", "share", "interval")
    return Section("False flags on clean images", heads, tuple(rows), note, tuple(promises))


def _planted() -> Section:
    rows, promises = [], []
    cases: list[tuple[str, str, Callable[[Pixels, int], Pixels], bool]] = [
        (f"JPEG, quality {quality}", "codec_history", _coder(quality), quality == 30) for quality in (30, 60, 85)
    ]
    cases += [(f"8-pixel seams, tiles of {side} px", "tile_seams", _tiler(side), True) for side in TILES]
    for what, flag, change, promised in cases:
        every = []
        for name, images in pictures().items():
            rest = images[1::2]
            flagged = _flagged(_rows([change(image, at) for at, image in enumerate(rest)]), flag)
            every += flagged
            rows.append((what, name, *_counted(flagged)))
        if promised:
            promises.append(_at_least(f"{what}: flagged", FLAGGED, every))
    note = (
        "The pictures that no threshold was chosen by. Seams: the content of each tile is moved by up to 8 pixels in both "
        "directions. 95 % Wilson intervals."
    )
    heads = ("planted", "set", "images", "flagged", "share", "interval")
    return Section("Planted traces", heads, tuple(rows), note, tuple(promises))


def _coder(quality: int) -> Callable[[Pixels, int], Pixels]:
    return lambda pixels, _: coded(pixels, quality)


def _tiler(side: int) -> Callable[[Pixels, int], Pixels]:
    return lambda pixels, seed: tiled(pixels, side, seed)


def _flagged(rows: Sequence[Row], flag: str) -> list[bool]:
    """Whether each image is flagged; one of which nothing can be said is not."""
    return [label(row, flag) not in (None, "none seen") for row in rows]


# ------------------------------------------------------------------------------------------------------ checkerboards


def _checkerboards() -> Section:
    rng, rows, clean, boards = np.random.default_rng(6), [], [], []
    for name, images in pictures().items():
        if len(images) < 2 * SET:
            continue
        plain, board = _rows(images), _rows([checkered(image) for image in images])
        chosen = [rng.choice(len(images), SET, replace=False) for _ in range(SETS)]
        false = [_lattice([plain[at] for at in some]) <= LEVEL for some in chosen]
        true = [_lattice([board[at] for at in some]) <= LEVEL for some in chosen]
        clean, boards = [*clean, *false], [*boards, *true]
        rows += [(name, "as they are", *_counted(false)), (name, "checkerboard of one grey level", *_counted(true))]
    note = (
        f"{SETS} sets of {SET} pictures, drawn from each kind, so that sets overlap; flagged where p is at most {LEVEL:g}."
    )
    heads = ("set", "pictures", "sets", "flagged", "share", "interval")
    promises = (
        _at_least("sets with a checkerboard that are flagged", FLAGGED, boards),
        Promise("sets without one that are flagged", f"at most {FALSE:.0%}", _share(clean), float(np.mean(clean)) <= FALSE),
    )
    return Section("A checkerboard of one grey level", heads, tuple(rows), note, promises)


def _lattice(rows: Sequence[Row]) -> float:
    """The metric's p-value for a set of images."""
    probe = Probe(suite="set", condition=Latent(), unit="draw", draws=len(rows))
    needed = [path.rpartition(".")[2] for path in Metric().reads()]
    columns = {f"resolution.{name}": (lambda _, at, name=name: rows[at].values[name]) for name in needed}
    every = {f"resolution.{column.name}": column for column in Resolution().columns()}
    table = score_table([probe], 1, columns, generators=("set",))
    context = Context(table, ("set",), 0.95, 7, every, {"resolution": "benchmark"})
    found = [one.finding for one in Metric().measure("r", context) if one.finding.metric == "r.lattice"]
    return 1.0 if found[0].p_value is None else found[0].p_value


# -------------------------------------------------------------------------------------------------------------- speed


def _speed() -> Section:
    images = [view(clouds(PATCH, seed)) for seed in range(32)]
    with Resolution().open("cpu") as score:
        score(images[:2])
        began = time.perf_counter()
        score(images)
        rate = len(images) / (time.perf_counter() - began)
    promise = Promise("images a second", f"at least {IMAGES_A_SECOND}", f"{rate:.0f}", rate >= IMAGES_A_SECOND)
    rows = ((f"{PATCH} px", f"{rate:.0f}"),)
    return Section("Speed", ("images", "a second"), rows, "In one process; pixels are in memory.", (promise,))


# ------------------------------------------------------------------------------------------------------------ figures


def _rows(images: Sequence[Pixels]) -> list[Row]:
    with Resolution().open("cpu") as score:
        return [next(iter(score([view(image)])))[0] for image in images]


def _counted(hits: Sequence[bool] | np.ndarray) -> tuple[str, str, str, str]:
    low, high = wilson(int(np.sum(hits)), len(hits))
    return str(len(hits)), str(int(np.sum(hits))), f"{np.mean(hits):.1%}", f"{low:.1%} to {high:.1%}"


def _share(hits: Sequence[bool]) -> str:
    _, _, share, interval = _counted(hits)
    return f"{share} [{interval}]"


def _at_least(what: str, promised: float, hits: Sequence[bool]) -> Promise:
    return Promise(what, f"at least {promised:.0%}", _share(hits), float(np.mean(hits)) >= promised)


def main(arguments: Sequence[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.resolution", description=__doc__)
    parser.add_argument("--save", action="store_true", help=f"write the tables to {SAVED.name}")
    chosen = parser.parse_args(arguments)
    texts, kept = [], True
    for section in sections():
        texts.append(markdown(section))
        print(f"{texts[-1]}\n", flush=True)
        kept &= all(promise.kept for promise in section.promises)
    if chosen.save:
        SAVED.parent.mkdir(exist_ok=True)
        made = f"Made by `python -m benchmarks.quality.resolution --save` at revision {revision()}."
        SAVED.write_text("\n\n".join([*texts, made]) + "\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
