"""Images per second of generators, stages, scorers and metrics, and whether one of them has become slower.

    python -m benchmarks                     measure and print
    python -m benchmarks --compare           beside benchmarks/baseline.json; exit code 1 where a row has regressed
    python -m benchmarks --save              make this run the baseline
    python -m benchmarks scorers -k cpu      some rows only: the suites by name, then as pytest chooses

Exit code 2 where a benchmark itself failed, or there is nothing to compare with.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from rich.console import Console
from rich.table import Table

from audit.environment import device_name
from benchmarks.baseline import Baseline, Compared, Measurement, compare, summary
from benchmarks.reference import WHAT

HERE = Path(__file__).parent
SUITES = ("audits", "generators", "metrics", "scorers", "stages")
PACKAGES = ("numpy", "pillow", "torch", "diffusers", "timm", "open-clip-torch", "onnxruntime", "dlib-bin")
STYLES = {"SLOWER": "bold red", "faster": "green", "not run": "dim", "new": "cyan", "ok": ""}


class Collector:
    """A pytest plugin that keeps what the rows measured and why others were not run."""

    def __init__(self) -> None:
        self.measured: list[Measurement] = []
        self.not_run: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest after each phase of each row."""
        if report.when == "call":
            self.measured += [value for _, value in report.user_properties if isinstance(value, Measurement)]
        if report.skipped and isinstance(report.longrepr, tuple):
            name = report.nodeid.rpartition("/")[2].replace("bench_", "", 1).replace(".py::test_", "/", 1)
            self.not_run[name] = report.longrepr[2].removeprefix("Skipped: ")


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, compare or save; gives the exit code."""
    given = _arguments(arguments)
    old = Baseline.read(given.baseline) if given.baseline.is_file() else None
    if given.compare and old is None:
        print(f"{given.baseline}: no such file; `python -m benchmarks --save` makes one", file=sys.stderr)
        return 2
    collector = Collector()
    options = ["-q", "--no-header", "-p", "no:cacheprovider", "--benchmark-quiet", "--seconds", str(given.seconds)]
    suites = [str(HERE / f"bench_{suite}.py") for suite in given.suites or SUITES]
    code = pytest.main([*options, *(["-k", given.k] if given.k else []), *suites], plugins=[collector])
    if code != pytest.ExitCode.OK:
        return 2
    versions = {name: version(name) for name in PACKAGES}
    rows = {measured.name: summary(measured) for measured in collector.measured}
    new = Baseline(_machine(), versions, WHAT, rows)
    compared = [row for row in compare(rows, old.rows if old else {}) if row.now or not (given.k or given.suites)]
    _print(compared, collector.not_run, old)
    if given.save:
        new.replacing(old).write(given.baseline)
        print(f"saved {len(rows)} rows to {given.baseline}")
    slower = [row for row in compared if row.state == "SLOWER"]
    return 1 if given.compare and slower else 0


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--compare", action="store_true", help="exit code 1 where a row has regressed")
    what.add_argument("--save", action="store_true", help="make this run the baseline")
    parser.add_argument("--baseline", type=Path, default=HERE / "baseline.json")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each row runs")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("-k", help="which rows, as pytest's -k")
    given = parser.parse_args(arguments)
    if strange := [suite for suite in given.suites if suite not in SUITES]:
        parser.error(f"there is no suite {strange[0]!r}; there are {', '.join(SUITES)}")
    return given


def _print(compared: Sequence[Compared], not_run: dict[str, str], old: Baseline | None) -> None:
    table = Table(title=f"An image's cost, in reference workloads. {WHAT}", title_justify="left")
    for column in ("row", "images/s", "cost", "spread", "baseline", "now / then", "limit", ""):
        table.add_column(column, justify="left" if column == "row" else "right")
    for row in compared:
        now, then = row.now, row.then
        style = STYLES[row.state]
        table.add_row(
            row.name.replace("[", r"\["),
            f"{now.images_per_second:.4g}" if now else "",
            f"{now.cost:.4g}" if now else "",
            f"{now.spread / now.cost:.0%}" if now else "",
            f"{then.cost:.4g}" if then else "",
            f"{row.ratio:.2f}" if row.ratio else "",
            f"{row.limit:.2f}" if row.limit else "",
            f"[{style}]{row.state}[/{style}]" if style else row.state,
        )
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    for name, reason in sorted(not_run.items()):
        print(f"not run: {name}: {reason}")
    if old is not None and old.machine != _machine():
        print(f"the baseline is of another machine ({old.machine}); costs differ between machines, if less than speeds")


def _machine() -> str:
    gpu = f", {device_name('cuda')}" if torch.cuda.is_available() else ""
    return f"{device_name('cpu')}, torch on {torch.get_num_threads()}{gpu}"


if __name__ == "__main__":
    sys.exit(main())
