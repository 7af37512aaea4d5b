"""How true the error bars are: audits of worlds whose truth is planted, and audits out of the truth banks.

    python -m benchmarks.planted             some 15 minutes on one core
    python -m benchmarks.planted --quick     under a minute: whether it works, not what it says
    python -m benchmarks.planted --save      also writes benchmarks/planted.json, which nothing reads but people

Planted worlds need no pixels: on renders the oracle is exact as far as its card says. Where all draws are pooled, the
planted occupations are the same in every audit while the interval allows for others, so it covers more than it says.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click

from audit.digest import derive_seed
from audit.errors import AuditError
from benchmarks.planted_banks import amplification, audits_of_bank, bank_copies, compared_banks, renderer_copies
from benchmarks.planted_coverage import ArmsCoverage, GridCoverage
from benchmarks.planted_distances import DistanceCoverage
from benchmarks.planted_gates import Comparison, Limit
from benchmarks.planted_rows import Row, save, show, summary
from generators.phantom.bank import read_bank
from generators.phantom.truth import PRESETS

HERE = Path(__file__).parent
QUICK = 40
"""A quick run makes so many times fewer audits."""
Experiment = Callable[[int], list[Row]]


def experiments(scale: int) -> list[Experiment]:
    """Everything that is measured; each takes a seed.

    Args:
        scale: so many times fewer audits than a full run.
    """
    many, some, few = (max(4, audits // scale) for audits in (1000, 600, 60))
    grids = [GridCoverage(preset, rho, some) for preset in PRESETS for rho in (0, 0.05, 0.2)]
    grids += [
        GridCoverage("skewed", 0.1, some, wordings=30, draws=4),
        GridCoverage("skewed", 0.1, some, wordings=6, draws=25),
    ]
    equal = {"neutral": 0.5, "man": 0.5, "woman": 0.5}
    arms = [ArmsCoverage(equal, 0.1, shared, some) for shared in (0.0, 0.9, 1.0)]
    arms += [
        ArmsCoverage({"neutral": 0.5, "man": 0.5, "woman": 0.52}, 0.1, 1.0, some),
        ArmsCoverage({"neutral": 0.1, "man": 0.1, "woman": 0.14}, 0.1, 0.9, some),
        ArmsCoverage({"neutral": 0.5, "younger": 0.9, "older": 0.1}, 0.1, 0.9, some),
    ]
    gates = [Comparison(shift, many, paired=paired) for shift in (0.0, 0.05, 0.1) for paired in (True, False)]
    gates += [Comparison(shift, many, share=0.05, draws=10) for shift in (0.0, 0.05)]
    limits = [Limit(truth, 2 * many) for truth in (0.1, 0.2, 0.3)]
    distances = [DistanceCoverage(apart, rho, some) for apart in (0.0, 0.5) for rho in (0.0, 0.1)]
    tests = [one.run for one in (*gates, *limits)]
    covered = [*(one.run for one in grids), *(one.run for one in arms), *(one.run for one in distances)]
    return [
        *covered,
        *tests,
        partial(_renderer, few),
        *(partial(_bank, name, some) for name in PRESETS),
        partial(_compared, some),
    ]


def _renderer(audits: int, seed: int) -> list[Row]:
    return renderer_copies(audits, 25, seed)


def _bank(name: str, audits: int, seed: int) -> list[Row]:
    try:
        bank = read_bank(name)
    except AuditError as error:
        return [_not_run(f"bank of {name}", error)]
    return [*audits_of_bank(bank, audits, seed), *amplification(bank), *bank_copies(bank, audits, seed)]


def _compared(audits: int, seed: int) -> list[Row]:
    try:
        return compared_banks(read_bank("even"), read_bank("skewed"), audits, seed)
    except AuditError as error:
        return [_not_run("bank of skewed against even", error)]


def _not_run(what: str, error: AuditError) -> Row:
    return Row("not run", what, "", 0, 0.0, 0.0, str(error).replace(f"{Path.cwd()}/", ""))


def run(found: Sequence[Experiment], processes: int) -> list[Row]:
    """All rows, in the order of the experiments, whatever the number of processes."""
    seeds = [derive_seed(7, "planted", place) for place in range(len(found))]
    if processes == 1:
        with click.progressbar(list(zip(found, seeds, strict=True)), label="experiments", file=sys.stderr) as progress:
            return [row for experiment, seed in progress for row in experiment(seed)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [row for rows in pool.map(_call, found, seeds) for row in rows]


def _call(experiment: Experiment, seed: int) -> list[Row]:
    return experiment(seed)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} times fewer audits")
    parser.add_argument("--all", action="store_true", help="print every row, not one for each interval")
    parser.add_argument("--save", action="store_true", help="write benchmarks/planted.json")
    parser.add_argument("--out", type=Path, default=HERE / "planted.json", help="where --save writes")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args(arguments)
    started = time.monotonic()
    rows = run(experiments(QUICK if given.quick else 1), given.processes)
    show(rows if given.all else summary(rows))
    seconds = time.monotonic() - started
    below = sum(row.met is False for row in rows)
    print(f"{len(rows)} rows, {below} of them not as promised; {seconds:.0f} s")
    if given.save:
        save(given.out, rows, seconds, "python -m benchmarks.planted" + (" --quick" if given.quick else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
