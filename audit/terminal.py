"""What people see of a run on a terminal: progress on stderr, tables on stdout."""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from audit.compare import Comparison
from audit.records import Verdict

__all__ = ["Bars", "comparison_tables", "start_logging", "table", "verdict_table"]

LINE_SECONDS = 10.0
STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "invalid": "bold magenta"}


class Bars(AbstractContextManager["Bars"]):
    """Progress bars on a terminal; a line every ten seconds where stderr is a file or a CI log."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._lines = not self._console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=self._lines,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def begin(self, label: str, total: int | None) -> Callable[[int], None]:
        """A bar for work of ``total`` items, None where nobody knows yet; call the result with the number just done."""
        of = "" if total is None else f" of {total}"
        task = self._bars.add_task(label, total=total, speed="")
        started = said = time.monotonic()
        done = 0
        if self._lines and total != 0:  # a first batch may take minutes
            self._line(f"{label}: 0{of}")

        def tick(count: int) -> None:
            nonlocal done, said
            done += count
            now = time.monotonic()
            speed = f"{done / (now - started):.1f}/s" if now > started else ""
            self._bars.update(task, completed=done, speed=speed)
            if self._lines and total != 0 and (now - said >= LINE_SECONDS or (count and done == total)):
                said = now
                self._line(f"{label}: {done}{of} ({speed})")

        return tick

    def _line(self, words: str) -> None:
        sys.stderr.write(f"{words}\n")
        sys.stderr.flush()


def start_logging(*, verbose: bool) -> None:
    """Warnings (or everything) of this package to stderr."""
    logging.captureWarnings(capture=True)  # libraries warn of odd input; that belongs among the log lines
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False, show_time=False)],
    )


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to stdout; long cells wrap."""
    drawn = Table(title=title or None, title_justify="left", show_lines=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*[Text(cell) for cell in row])  # a plain string would be read as markup
    _stdout().print(drawn)


def verdict_table(verdicts: Sequence[Verdict]) -> None:
    """Print verdicts to stdout, with the reason and what would decide."""
    drawn = Table(title_justify="left", show_lines=True, header_style="bold")
    for column in ("verdict", "gate", "why"):
        drawn.add_column(column, overflow="fold")
    for verdict in verdicts:
        why = verdict.reason + (f". What would decide it: {verdict.decides}" if verdict.decides else "")
        style = STYLES[verdict.outcome]
        drawn.add_row(Text(verdict.outcome, style=style), Text(verdict.gate), Text(why))
    _stdout().print(drawn)


def comparison_tables(found: Comparison) -> None:
    """Print to stdout what moved between two runs, and what changed in how they were made."""
    rows = []
    for move in found.moves:
        interval = f"{move.interval.low:+.4g} to {move.interval.high:+.4g}" if move.interval else "-"
        shift = "-" if move.difference is None else f"{move.difference:+.4g}"
        rows.append((move.finding, shift, interval, move.direction, move.reason))
    table("What moved (B minus A)", ("finding", "difference", "interval", "direction", "reason"), rows)
    if found.changes:
        changes = [(change.what, change.before, change.after) for change in found.changes]
        table("What changed", ("setting", "A", "B"), changes)
    else:
        _stdout().print("What changed: nothing")


def _stdout() -> Console:
    """Stdout, in full width where it is a file or a CI log."""
    console = Console()
    return console if console.is_terminal else Console(width=140)
