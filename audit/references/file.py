"""Reference ``file``: shares that the user brings, as CSV or TOML."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from pydantic import Field

from audit.reference import About, Asked, Expected, Reference, Silent
from audit.references.dating import age_told
from audit.references.figures import ROUNDING, Board, Group, understand
from audit.references.figures_file import Table, read_table
from audit.references.mixing import Figures, mix
from audit.spec import nearest

__all__ = ["File"]


class File(Reference):
    """Shares from a CSV or TOML file of the user's.

    A row says one share: ``label``, ``share`` (0 .. 1) and, in columns named as axes, the prompts that it is of; without
    such columns it is of every prompt. Optional columns: ``n``, the sample behind the share, or ``standard_error``. Lines
    such as ``# title: ...`` above the columns (keys of a TOML file) say its title, dated, source, licence and caveats;
    rows of a TOML file are ``[[row]]`` tables. A cell of several prompts is compared with the mix of their rows, by the
    draws read of each. Labels that have no row are left out.
    """

    path: Path = Field(exclude=True)
    """The file, ``.csv`` or ``.toml``; a relative path counts from the current folder."""
    attributes: tuple[str, ...] = ()
    """Columns that it is laid beside, such as ``perceived_gender``. Empty: those that have its labels."""

    def check(self) -> None:
        """Read the file."""
        _ = self._board

    def fingerprint(self) -> str:
        """Digest of the file's bytes."""
        return self._table.digest

    def about(self) -> About:
        """What the file says of itself, and what it leaves out."""
        return self.told(datetime.now(UTC).date())

    def told(self, today: date) -> About:
        """``about``, on a given day."""
        header = self._table.header
        licence = f"; licence: {header['licence']}" if header.get("licence") else ""
        unsure = "Where it gives no sample size, its shares are taken as exact." if self._board.unsure else ""
        caveats = (age_told(header.get("dated", ""), today), unsure, header.get("caveats", ""))
        return About(
            title=header.get("title") or self.path.name,
            dated=header.get("dated", ""),
            source=(header.get("source") or f"file {self.path.name}") + licence,
            caveats=" ".join(caveat for caveat in caveats if caveat),
        )

    def expected(self, attribute: str, labels: Sequence[str], asked: Asked) -> Expected | Silent:
        """The mix of the rows of the cell's prompts."""
        silent = self._not_of(attribute, labels) or self._torn(labels, asked)
        if silent:
            return silent
        board = self._board
        mixed = mix(asked, lambda levels: self._figures(levels, labels), f"levels of {' and '.join(board.axes)}")
        if isinstance(mixed, Silent):
            return mixed
        shares = {label: mixed.shares[label] for label in labels if label in mixed.shares}
        rows = list(mixed.weights)
        said = f"rows of {rows[0]}" if len(rows) == 1 else f"mix of {len(rows)} groups of rows by the draws read of each"
        lacking = [label for label in labels if label not in shares]
        partial = f"; it says nothing of {', '.join(lacking)}" if lacking else ""
        return Expected(shares, mixed.n_effective, said + partial)

    @cached_property
    def _table(self) -> Table:
        return read_table(self.path)

    @cached_property
    def _board(self) -> Board:
        return understand(self._table, self.path)

    def _not_of(self, attribute: str, labels: Sequence[str]) -> Silent | None:
        """Why it does not speak of this attribute; None where it does."""
        own = self._board.labels
        if self.attributes and attribute not in self.attributes:
            return Silent(f"it is of {' and '.join(self.attributes)} only")
        if not set(own) & set(labels):
            return Silent(f"its labels {', '.join(own)} are none of {', '.join(labels)}")
        for label, at in own.items():
            if label not in labels:
                return Silent(f"{at}: {label!r} is no label of {attribute}; {nearest(label, list(labels))}")
        return None

    def _torn(self, labels: Sequence[str], asked: Asked) -> Silent | None:
        """A group with every label whose shares do not make 1; None where there is none."""
        for levels, _ in asked.prompts:
            group = self._group(levels)
            shares = group.figures.shares if group else {}
            total = sum(shares.values())
            if group and all(label in shares for label in labels) and abs(total - 1) > ROUNDING:
                return Silent(f"{group.at}: shares of all labels sum to {total:.4g}; expected 1 within {ROUNDING}")
        return None

    def _group(self, levels: Mapping[str, str]) -> Group | None:
        return self._board.groups.get(tuple(levels.get(axis, "") for axis in self._board.axes))

    def _figures(self, levels: Mapping[str, str], labels: Sequence[str]) -> tuple[str, Figures | None]:
        """Name and figures of a prompt; complete ones are scaled to sum to 1, as rounding left them."""
        name = " and ".join(levels.get(axis, f"(none of {axis})") for axis in self._board.axes)
        group = self._group(levels)
        if group is None:
            return name, None
        figures = group.figures
        if not all(label in figures.shares for label in labels):
            return name, figures
        total = sum(figures.shares.values())
        return name, Figures(figures.name, {label: share / total for label, share in figures.shares.items()}, figures.n)
