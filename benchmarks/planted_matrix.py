"""The interval and the test that ``representation`` gives by default, over a matrix of designs whose truth is planted.

    python -m benchmarks.planted_matrix               some minutes; --processes 2 halves them
    python -m benchmarks.planted_matrix --quick       seconds: whether it works, not what it says
    python -m benchmarks.planted_matrix --save        also writes benchmarks/planted_matrix.md and .json

Shares of .02, .1 and .5; 10, 20 and 60 prompts of 20 or 50 images, or of 1 to 39; correlations of 0, .05 and .2 within a
prompt; classifiers without error, with even errors and a stated confusion matrix, and with errors that depend on the
prompt and 200 labels by people. 2,000 audits each, from seeds that are fixed by the design. An interval is as promised
where it covers at least .935 (up to two standard errors); a test, where it rejects the truth no oftener than the nominal
.05 and the largest chance deviation of so many tests. Exit code 1 where something is not as promised.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from audit.digest import derive_seed
from benchmarks.planted_matrix_methods import ERRORS, TEST, Method, Said
from benchmarks.planted_matrix_tables import Result, as_json, as_markdown, as_promised, bound_of_all, summary
from benchmarks.planted_matrix_worlds import Design

__all__ = ["AUDITS", "cells", "main", "measured"]

HERE = Path(__file__).parent
AUDITS = 2000
QUICK = 40
"""A quick run makes so many times fewer audits."""
THREE = "even, three labels"


def cells() -> list[tuple[str, Design]]:
    """Kinds of classifier error with designs."""
    grid = list(product((0.02, 0.1, 0.5), (10, 20, 60), (0.0, 0.05, 0.2)))
    sizes = ((20, False), (50, False), (20, True))
    found = []
    for errors, (images, uneven) in product(ERRORS, sizes):
        if errors == THREE and images != 20:
            continue
        levels = 3 if errors == THREE else 2
        found += [(errors, Design(share, prompts, images, rho, uneven, levels)) for share, prompts, rho in grid]
    return found


def measured(errors: str, design: Design, audits: int) -> list[Result]:
    """What each method says in so many audits of one design."""
    rng = np.random.default_rng(derive_seed(7, "planted matrix", errors, repr(design)))
    said: dict[Method, list[Said]] = {}
    for _ in range(audits):
        for one in ERRORS[errors](design, rng):
            said.setdefault(one.method, []).append(one)
    results = []
    for method, found in said.items():
        given = [one for one in found if one.given]
        rate = float(np.mean([one.yes for one in given])) if given else 1.0
        width = float(np.mean([one.width for one in given])) if given else 1.0
        results.append(Result(errors, method, design, audits, rate, width, audits - len(given)))
    return results


def run(found: Sequence[tuple[str, Design]], audits: int, processes: int) -> list[Result]:
    """All results, in the order of the cells, whatever the number of processes."""
    errors, designs = zip(*found, strict=True)
    each = [audits] * len(found)
    if processes == 1:
        return [result for cell in zip(errors, designs, each, strict=True) for result in measured(*cell)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [result for results in pool.map(measured, errors, designs, each) for result in results]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.planted_matrix", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} times fewer audits")
    parser.add_argument("--save", action="store_true", help="write planted_matrix.md and planted_matrix.json")
    parser.add_argument("--out", type=Path, default=HERE, help="folder where --save writes")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args(arguments)
    started = time.monotonic()
    audits = AUDITS // QUICK if given.quick else AUDITS
    results = run(cells(), audits, given.processes)
    seconds = round(time.monotonic() - started)
    print(*summary(results), sep="\n")
    kept = as_promised(results)
    print(f"{len(results)} results of {audits} audits each; {seconds} s; {'as promised' if kept else 'NOT AS PROMISED'}")
    if given.save:
        _save(given.out, results, seconds, "--quick" if given.quick else "")
    return 0 if kept else 1


def _save(folder: Path, results: Sequence[Result], seconds: int, flags: str) -> None:
    command = f"python -m benchmarks.planted_matrix {flags}".strip()
    bound = bound_of_all([one for one in results if one.method.ours and one.method.kind == TEST])
    told = f"{TOLD} Tests: at most {bound:.4f}. Written by `{command}` in {seconds} s, {results[0].audits} audits a design."
    (folder / "planted_matrix.md").write_text(as_markdown(results, told), encoding="utf-8")
    facts = {"command": command, "seconds": seconds, "bound_of_tests": round(bound, 5)}
    (folder / "planted_matrix.json").write_text(as_json(results, facts), encoding="utf-8")


TOLD = (
    "Nominal 95 % intervals of the share of one label, and tests at .05 of the true shares. In **bold**: an interval "
    "covers less than .935 by more than two standard errors. What is marked *for comparison* the product does not give: "
    "it is what an audit says that forgets prompts, or the errors of its classifier."
)


if __name__ == "__main__":
    sys.exit(main())
