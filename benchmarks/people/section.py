"""What one part of ``python -m benchmarks.people`` prints: tables, and what the project promises of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """A figure that the project promises, beside what was found."""

    what: str
    promised: str
    found: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One table."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    """What was measured on what, and how the intervals are made."""
    promises: tuple[Promise, ...] = ()
