"""How true the error bars are: audits of worlds whose truth is planted, and audits out of the truth banks.

    python -m benchmarks.planted             some 15 minutes on one core; --processes 2 halves it
    python -m benchmarks.planted --quick     under a minute: whether it works, not what it says
    python -m benchmarks.planted --save      also writes benchmarks/planted.json, which nothing reads but people

Planted worlds need no pixels: on renders the oracle is exact as far as its card says. Where all draws are pooled, the
planted occupations are the same in every audit while the interval allows for others, so it covers more than it says.
``UNJUDGED`` lists the intervals and verdicts that the product offers and nothing here holds against a truth.
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
from benchmarks.planted_amplified import GAN, amplification
from benchmarks.planted_arms import ArmsCoverage
from benchmarks.planted_banks import audits_of_bank, compared_banks
from benchmarks.planted_compared import Comparison, Planned
from benchmarks.planted_copies import bank_copies, renderer_copies
from benchmarks.planted_coverage import GridCoverage
from benchmarks.planted_distances import DistanceCoverage
from benchmarks.planted_gates import Limit, Rivals
from benchmarks.planted_phantom_audits import contained, false_findings, hidden_skew
from benchmarks.planted_rows import NOT_RUN, Row, save, show, summary
from generators.phantom.bank import BANKS, Bank, read_bank

HERE = Path(__file__).parent
QUICK = 40
"""A quick run makes so many times fewer audits."""
UNJUDGED = (
    "fidelity.frechet and its floor: biased at any n, so held against their mean at this n, not against the populations",
    "phantom_truth.contained: held against its own mean",
    "representation.excess_skew: held against the skew of the table, which its interval is to reach from below",
    "comparisons and margins of excess_skew, gaps of means, alignment, outcomes and fidelity; limits on all but shares",
    "bounds over what missing draws could have shown: a range, not an interval",
    "intervals at other confidences than 95 %, and the power that a plan gives for other than .8",
    "the errors of scorers, which planted_matrix plants: labels have none here, and the oracle's of a bank are the truth",
    "prompts as units in a bank: three an occupation are too few for their intervals to fail",
)
Experiment = Callable[[int], list[Row]]


def experiments(scale: int) -> list[Experiment]:
    """Everything that is measured; each takes a seed.

    Args:
        scale: so many times fewer audits than a full run.
    """
    many, some, drawn, few = (max(4, audits // scale) for audits in (700, 400, 300, 60))
    grids = [GridCoverage(preset, rho, some) for preset in ("even", "skewed") for rho in (0, 0.05, 0.2)]
    grids += [
        GridCoverage("regressed", 0.05, some),
        GridCoverage("skewed", 0.1, some, wordings=30, draws=4),
        GridCoverage("skewed", 0.1, some, wordings=6, draws=25),
    ]
    equal = {"neutral": 0.5, "man": 0.5, "woman": 0.5}
    arms = [ArmsCoverage(equal, 0.1, shared, some) for shared in (0.0, 0.9, 0.98)]
    arms += [
        ArmsCoverage({"neutral": 0.5, "man": 0.5, "woman": 0.52}, 0.1, 0.98, some),
        ArmsCoverage({"neutral": 0.1, "man": 0.1, "woman": 0.14}, 0.1, 0.9, some),
        ArmsCoverage({"neutral": 0.5, "younger": 0.9, "older": 0.1}, 0.1, 0.9, some),
    ]
    distances = [DistanceCoverage(apart, rho, some) for apart in (0.0, 0.5) for rho in (0.0, 0.1)]
    known = [one.run for one in (*grids, *arms, *distances, *_verdicts(many, some))]
    compared = [partial(_compared, name, drawn) for name in ("skewed", "regressed")]
    phantom: list[Experiment] = [
        partial(_phantom, contained, "skewed", max(4, 100 // scale)),
        partial(_phantom, false_findings, "even", max(4, 1000 // scale)),
        partial(_phantom, hidden_skew, "skewed", max(4, 100 // scale)),
    ]
    return [*known, partial(_renderer, few), *(partial(_bank, name, drawn) for name in BANKS), *compared, *phantom]


def _verdicts(many: int, some: int) -> list[Comparison | Planned | Limit | Rivals]:
    """Comparisons, plans and gates."""
    compared = [Comparison(shift, many, paired=paired) for shift in (0.0, 0.05, 0.1) for paired in (True, False)]
    compared += [Comparison(shift, many, share=0.05, draws=10) for shift in (0.0, 0.05)]
    compared += [Comparison(shift, some, share=0.35, apart=0.2) for shift in (0.0, 0.05)]
    compared += [Comparison(0.05, some, share=0.35, apart=0.2, paired=False)]
    plans = [
        Planned(2 * many, prompts, draws, rho) for prompts, draws, rho in ((20, 10, 0.1), (40, 5, 0.05), (12, 20, 0.2))
    ]
    limits = [Limit(truth, 2 * many) for truth in (0.1, 0.2, 0.3)]
    limits += [Limit(truth, 2 * many, least=True) for truth in (0.1, 0.2)]
    return [*compared, *plans, *limits, *(Rivals(shift, many) for shift in (0.0, 0.05))]


def _renderer(audits: int, seed: int) -> list[Row]:
    return renderer_copies(audits, 25, seed)


def _bank(name: str, audits: int, seed: int) -> list[Row]:
    bank = _read(name)
    if isinstance(bank, Row):
        return [bank]
    if name == GAN:
        return amplification(bank)
    return [*audits_of_bank(bank, audits, seed), *amplification(bank), *bank_copies(bank, audits, seed)]


def _compared(name: str, audits: int, seed: int) -> list[Row]:
    before, after = _read("even"), _read(name)
    missing = [one for one in (before, after) if isinstance(one, Row)]
    if isinstance(before, Row) or isinstance(after, Row):
        return [Row(NOT_RUN, f"bank of {name} against even", "", 0, 0.0, 0.0, missing[0].note)]
    return compared_banks(before, after, audits, seed)


def _phantom(experiment: Callable[[Bank, int, int], list[Row]], name: str, audits: int, seed: int) -> list[Row]:
    bank = _read(name)
    return [bank] if isinstance(bank, Row) else experiment(bank, audits, seed)


def _read(name: str) -> Bank | Row:
    """A bank, or the row that says why there is none."""
    try:
        return read_bank(name)
    except AuditError as error:
        return Row(NOT_RUN, f"bank of {name}", "", 0, 0.0, 0.0, str(error).replace(f"{Path.cwd()}/", ""))


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
    """Measure, print, save. Exit code 1 where results that are to be saved are not whole."""
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
    below, missing = sum(row.met is False for row in rows), sum(row.section == NOT_RUN for row in rows)
    print(f"{len(rows)} rows, {below} of them not as promised, {missing} not run; {seconds:.0f} s")
    print("Not judged here:", *(f"- {one}" for one in UNJUDGED), sep="\n")
    if not given.save:
        return 0
    if missing:
        print(f"not saved: {missing} parts could not run; see 'not run' above", file=sys.stderr)
        return 1
    command = "python -m benchmarks.planted" + (" --quick" if given.quick else "")
    save(given.out, rows, {"command": command, "seconds": round(seconds), "not_judged": UNJUDGED})
    return 0


if __name__ == "__main__":
    sys.exit(main())
