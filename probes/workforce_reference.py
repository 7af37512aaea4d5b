"""Reference ``us_workforce_2022``: how many of those who do a work are women, as labour statistics estimate it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from audit.digest import digest
from audit.reference import About, Asked, Expected, Reference, Silent
from audit.references.dating import age_told
from audit.references.mixing import Figures, Mixture, mix
from probes.workforce import Workforce, workforce

__all__ = ["UsWorkforce2022"]

CAVEATS = (
    "It says how the work force of one country was, not how it should be shown. "
    "People said themselves what they are; an audit measures what depicted people are perceived as. "
    "Occupations too small to be published have no figures, which is not a share of 0. "
    "Its two labels are women and the rest: where a column tells more labels apart, it is of these two only."
)
NAMED = 4


class UsWorkforce2022(Reference):
    """Shares of women and of the rest among employed people of an occupation, United States, 2022.

    A cell of several occupations is compared with the mix of their rows, by the draws read of each; one occupation
    without a row leaves the cell without a reference. Each row is a survey estimate, with the sample size that its
    standard error implies.
    """

    source: ClassVar[str] = "U.S. Bureau of Labor Statistics, Current Population Survey 2022, Table 11 (public domain)"

    axis: str = "occupation"
    """The axis whose levels are occupations."""
    labels: dict[str, Literal["women", "rest"]] = {"feminine": "women", "masculine": "rest"}
    """Perceived label -> what of the statistics stands beside it."""
    attributes: tuple[str, ...] = ("perceived_gender", "perceived_presentation")
    """Columns that it is laid beside."""
    path: Path | None = Field(default=None, exclude=True)
    """A table of another year or country, in the form of ``probes/data/us_workforce_2022.toml``."""

    @field_validator("labels")
    @classmethod
    def _one_label_each(cls, labels: dict[str, str]) -> dict[str, str]:
        if not labels or len(set(labels.values())) < len(labels):
            raise ValueError(
                "expected one label for `women`, one for `rest`, or either: {feminine: women, masculine: rest}"
            )
        return labels

    def check(self) -> None:
        """Read the table."""
        _ = self._table

    def fingerprint(self) -> str:
        """Digest of all figures and of the words that find them."""
        table = self._table
        rows = {row.title: [row.women, row.employed_thousands] for row in table.figures.values()}
        words = {name: word.title for name, (word, _) in table.words.items()}
        return digest({"country": table.country, "year": table.year, "rows": rows, "words": words})

    def about(self) -> About:
        """The table's country, year and source, and what its figures are not."""
        return self.told(datetime.now(UTC).date())

    def told(self, today: date) -> About:
        """``about``, on a given day."""
        table = self._table
        return About(
            title=f"Employed people, {table.country}, {table.year}",
            dated=str(table.year),
            source=f"{table.about.source}; {table.about.licence}",
            caveats=" ".join(part for part in (age_told(str(table.year), today), CAVEATS) if part),
        )

    def expected(self, attribute: str, labels: Sequence[str], asked: Asked) -> Expected | Silent:
        """The mix of the rows of the cell's occupations, for the labels that it knows."""
        if attribute not in self.attributes:
            return Silent(f"it has figures for {' and '.join(self.attributes)} only")
        known = [label for label in labels if label in self.labels]
        if not known:
            return Silent(f"its labels {', '.join(self.labels)} are none of {', '.join(labels)}")
        mixed = mix(asked, self._figures, "occupations")
        if isinstance(mixed, Silent):
            return mixed
        others = [label for label in labels if label not in self.labels]
        partial = f"; it says nothing of {', '.join(others)}" if others else ""
        shares = {label: mixed.shares[label] for label in known}
        return Expected(shares, mixed.n_effective, self._compared(asked, mixed) + partial)

    @cached_property
    def _table(self) -> Workforce:
        return workforce(self.path)

    def _figures(self, levels: Mapping[str, str]) -> tuple[str, Figures | None]:
        word = levels.get(self.axis)
        if word is None:
            return f"(a prompt without {self.axis})", None
        found = self._table.of(word)
        if found is None:
            return word, None
        women = found.figures.women / 100
        share = {"women": women, "rest": 1 - women}
        shares = {label: share[what] for label, what in self.labels.items()}
        return word, Figures(found.figures.title, shares, found.figures.n_effective)

    def _compared(self, asked: Asked, mixed: Mixture) -> str:
        """What was compared with what: the rows, and which of them do not mean quite what the prompts say."""
        rows = list(mixed.weights)
        said = f"row {rows[0]!r}" if len(rows) == 1 else f"mix of {len(rows)} rows by the draws read of each"
        for match, meaning in (("near", "wider, narrower or named otherwise"), ("broad", "a whole group")):
            words = self._matching(asked, match)
            more = ", ..." if len(words) > NAMED else ""
            said += f"; {match} match ({meaning}) for {', '.join(words[:NAMED])}{more}" if words else ""
        return said

    def _matching(self, asked: Asked, match: str) -> list[str]:
        """The cell's words whose row is such a match, each once."""
        words = dict.fromkeys(levels[self.axis] for levels, _ in asked.prompts)
        return [word for word in words if (found := self._table.of(word)) and found.word.match == match]
