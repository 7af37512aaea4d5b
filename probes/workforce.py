"""Labour statistics: who does which work, as one reference that a skew may be compared with; never a target.

The shipped table is of the United States in 2022 (U.S. Bureau of Labor Statistics, Current Population Survey, annual
averages, Table 11; public domain). A table of another year or country in the same form is read from a path.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from probes.wordlist import About, WordList, read, shipped

__all__ = ["Figures", "Occupation", "OccupationList", "Share", "Word", "Workforce", "occupation_list", "workforce"]

Share = Literal["women", "white", "black", "asian", "hispanic"]
Match = Literal["exact", "near", "broad"]
Percent = FiniteFloat


class Word(BaseModel):
    """A word for an occupation and the row of the statistics that it stands for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    word: str = Field(min_length=1)
    title: str = Field(min_length=1)
    """Name of the row."""
    match: Match
    """``exact``, ``near`` (wider, narrower or named otherwise), or ``broad`` (a group: a comparison says little)."""


class Sector(BaseModel):
    """Words of one field of work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    asked: tuple[Word, ...] = Field(min_length=1)
    """Words that are prompts: one a row."""
    mapped: tuple[Word, ...] = ()
    """Further words that find their row."""


class OccupationList(WordList):
    """The words of ``occupations.toml``."""

    sector: tuple[Sector, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _words_differ(self) -> Self:
        seen: set[str] = set()
        for sector in self.sector:
            for word in (*sector.asked, *sector.mapped):
                if word.word.lower() in seen:
                    raise ValueError(f"{word.word!r} stands there twice")
                seen.add(word.word.lower())
        return self


class Figures(BaseModel):
    """One row of the statistics. Shares are per cent of the employed, 0 to 100, each against the rest.

    White, Black and Asian do not sum to 100, and Hispanic people may be of any race.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    title: str = Field(min_length=1)
    employed_thousands: int = Field(ge=1)
    women: Percent = Field(ge=0, le=100)
    white: Percent = Field(ge=0, le=100)
    black: Percent = Field(ge=0, le=100)
    """Black or African American."""
    asian: Percent = Field(ge=0, le=100)
    hispanic: Percent = Field(ge=0, le=100)
    """Hispanic or Latino, of any race."""

    @property
    def n_effective(self) -> int:
        """The simple random sample that would estimate these shares as well: employed people / 1000.

        A comparison with these figures has two samples, and this is the size of the second.
        """
        return self.employed_thousands

    def standard_error(self, share: Share) -> float:
        """Standard error of a share in percentage points: 100 sqrt(p (1 - p) / ``n_effective``).

        It is 0 where nobody or everybody was observed; use ``n_effective`` for an interval there.
        """
        p = float(getattr(self, share)) / 100
        return float(100 * (p * (1 - p) / self.n_effective) ** 0.5)


class FigureList(WordList):
    """A table of figures, as ``us_workforce_2022.toml`` has it: the names of the columns once, then rows."""

    country: str = Field(min_length=1)
    year: int = Field(ge=1900, le=2200)
    rows: tuple[Figures, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _name_columns(cls, data: Any) -> Any:
        columns, rows = data.get("columns"), data.get("rows")
        if not isinstance(columns, list) or not isinstance(rows, list):
            raise ValueError("expected `columns`, a list of names, and `rows`, a list of lists of figures")  # noqa: TRY004
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, list) or len(row) != len(columns):
                raise ValueError(f"row {number}, {row!r}, does not have the {len(columns)} columns {columns}")
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        return {key: value for key, value in data.items() if key != "columns"} | {"rows": named}

    @model_validator(mode="after")
    def _titles_differ(self) -> Self:
        titles = [row.title for row in self.rows]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} has two rows")
        return self


@dataclass(frozen=True, slots=True)
class Occupation:
    """A word with its figures."""

    word: Word
    sector: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Workforce:
    """A table of labour statistics and the words that find their row in it."""

    about: About
    """Source, licence and what a reader must know before using the figures."""
    country: str
    year: int
    figures: Mapping[str, Figures]
    """Title -> row. Rows are the independent units: words of the same row are one."""
    words: Mapping[str, tuple[Word, str]]
    """Lower-case word -> word and sector."""

    def of(self, word: str) -> Occupation | None:
        """The figures of an occupation; None where the word or its row is unknown, which is not zero.

        >>> nurse = workforce().of("nurse")
        >>> nurse.word.title, nurse.figures.women
        ('Registered nurses', 87.9)
        """
        known, sector = self.words.get(word.lower(), (None, ""))
        figures = self.figures.get(known.title) if known else None
        return Occupation(known, sector, figures) if known and figures else None


def occupation_list() -> OccupationList:
    """The shipped words for occupations."""
    return shipped("occupations.toml", OccupationList)


def workforce(path: Path | None = None) -> Workforce:
    """The shipped statistics (United States, 2022), or those of a file in the same form.

    Raises:
        InputError: the file cannot be read or is of another form; names the row and the column.
    """
    table = read(path, FigureList) if path else shipped("us_workforce_2022.toml", FigureList)
    words = {
        word.word.lower(): (word, sector.name)
        for sector in occupation_list().sector
        for word in (*sector.asked, *sector.mapped)
    }
    return Workforce(table.about, table.country, table.year, {row.title: row for row in table.rows}, words)
