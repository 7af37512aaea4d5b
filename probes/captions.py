"""The suite ``captions``: prompts of your own, from a file."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from audit.component import ProbeSuite
from audit.digest import bytes_digest
from audit.errors import InputError, SpecError
from audit.records import Axis, Probe, TextPrompt
from probes.caption_files import Row, read_bytes, read_rows
from probes.template import Level, chosen, sampled, without
from probes.wording import fault_of

__all__ = ["Captions"]

log = logging.getLogger(__name__)

TEXT = ("text", "prompt", "caption")
RESERVED = frozenset({*TEXT, "language", "pair", "file", "label", "label_name", "seed", "outcome", "reason"})
"""Columns that are never axes by themselves; the last six have a meaning in the table of a folder of images."""
LANGUAGE = re.compile(r"[a-z]{2}")


class Captions(ProbeSuite):
    """Prompts of a file: ``.txt`` with one a line, ``.csv`` with a header, or ``.jsonl`` with one object a line.

    The prompt stands in a column ``text``, ``prompt`` or ``caption``. A column ``language`` holds ISO 639-1 codes, and
    prompts with the same ``pair`` are arms of one counterfactual and share seeds. Other columns are axes; an empty cell
    gives no level. Prompts are taken verbatim, HTML included, less surrounding white space. A row that repeats another
    in all of that counts once.
    """

    version: ClassVar[int] = 1
    source: ClassVar[str] = "your file"
    licence: ClassVar[str] = "as your file"

    path: Path
    """The file; a relative path counts from the current folder."""
    column: str = ""
    """Column of the prompt. Empty: the first of ``text``, ``prompt`` and ``caption`` that is there."""
    axes: tuple[str, ...] | None = None
    """Columns that are axes, in this order; by default all that have no other meaning, by name."""
    control_axes: tuple[str, ...] = ()
    """Axes that are held fixed and averaged over rather than compared."""
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    """ISO 639-1 code of prompts that do not bring their own."""
    limit: int | None = Field(default=None, ge=1)
    """Ask at most so many prompts, chosen by their content and not by their place. Empty: all."""
    exclude: tuple[dict[str, str], ...] = ()
    """Axis levels to leave out, as in the other suites."""

    def fingerprint(self) -> str:
        """Digest of the file's bytes."""
        return bytes_digest(read_bytes(self.path))

    def check(self) -> None:
        """Build the probes, which finds every fault of the file, and say how many rows were there twice."""
        self.probes()
        rows = self._probes()
        dropped = len(rows) - len(_different(rows))
        if dropped:
            log.warning("%s: %d of %d rows repeat another one and count once", self.path, dropped, len(rows))

    def probes(self) -> tuple[Probe, ...]:
        """One probe a row, in the file's order.

        Raises:
            InputError: the file cannot be used, or a prompt is empty or holds a control character; names the line.
            SpecError: a parameter names a column that is not there, or nothing is left.
        """
        probes = _different(self._probes())
        kept = {level.name for level in sampled([Level(probe.id) for probe in probes], self.limit)}
        return without("captions", [probe for probe in probes if probe.id in kept], self.exclude)

    def _probes(self) -> list[Probe]:
        rows = read_rows(self.path)
        columns = tuple(dict.fromkeys(name for row in rows for name in row.values))
        column = self._text_column(columns)
        axes = self._axes(columns, column)
        return [self._probe(row, column, axes) for row in rows]

    def _text_column(self, columns: Sequence[str]) -> str:
        if self.column:
            return chosen("suite 'captions': column", (self.column,), columns)[0]
        found = [name for name in TEXT if name in columns]
        if not found:
            raise SpecError(
                f"suite 'captions': {self.path} has no column {', '.join(TEXT)}, but {', '.join(columns)}; "
                "name the prompt's column in `column`"
            )
        return found[0]

    def _axes(self, columns: Sequence[str], column: str) -> tuple[str, ...]:
        others = sorted(name for name in columns if name not in RESERVED and name != column)
        axes = tuple(others) if self.axes is None else self.axes
        if axes:
            chosen("suite 'captions': axes: column", axes, columns)
        for name in self.control_axes:
            chosen("suite 'captions': control_axes: axis", (name,), axes)
        return axes

    def _probe(self, row: Row, column: str, axes: Sequence[str]) -> Probe:
        text = self._value(row, column)
        if not text:
            raise InputError(f"{self.path}: line {row.line}: {column} is empty; write a prompt or remove the row")
        language = self._value(row, "language") or self.language
        if not LANGUAGE.fullmatch(language):
            raise InputError(f"{self.path}: line {row.line}: language {language!r}; expected a code such as en or de")
        levels = {name: self._value(row, name) for name in axes}
        return Probe(
            suite="captions",
            condition=TextPrompt(text=text, language=language),
            axes=tuple(self._axis(name, level) for name, level in levels.items() if level),
            pair=self._value(row, "pair"),
        )

    def _axis(self, name: str, level: str) -> Axis:
        return Axis(name=name, level=level, role="control" if name in self.control_axes else "contrast")

    def _value(self, row: Row, column: str) -> str:
        value = row.values.get(column, "")
        fault = fault_of(value)
        if fault:
            raise InputError(f"{self.path}: line {row.line}: {column}: {fault}; replace it with a space or remove it")
        return value


def _different(probes: Sequence[Probe]) -> tuple[Probe, ...]:
    return tuple({probe.id: probe for probe in probes}.values())
