"""What the section of findings consists of: families of quantities, with cards, rows, charts and sentences."""

from dataclasses import dataclass

from audit.records import Finding, Verdict
from reports.pictures import Figure, Sheets
from reports.strips import Strip
from reports.thumbnails import Page, PairPage

__all__ = ["Card", "Cell", "Family", "Quantity"]

MOST_ROWS_OPEN = 16
"""Rows of a table that stands open."""

MOST_TOLD = 4
"""Sentences that stand open above the charts of a metric."""

MOST_CHARTS_OPEN = 3
"""Of one metric: more make a page that nobody reads to its end."""


@dataclass(frozen=True, slots=True)
class Card:
    """A finding laid out in full."""

    finding: Finding
    anchor: str
    label: str
    """What singles it out in its quantity; the title of a quantity's only finding."""
    verdicts: tuple[Verdict, ...]
    strip: Strip | None
    figures: tuple[Figure, ...]
    tables: tuple[Sheets, ...]
    galleries: tuple[Page, ...]
    pairs: tuple[PairPage, ...]
    opened: bool = False
    """It is judged and stands open."""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A finding as one row of a table."""

    finding: Finding
    anchor: str
    carded: bool
    """It has a card, which then bears the anchor."""
    label: str
    outcome: str
    """Worst outcome among its gates; empty where none judged it."""
    sentence: str
    """The finding in words."""
    p: str
    """Its p-values in words; empty where there are none."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """All findings of one quantity, such as ``fidelity.kid``."""

    metric: str
    slug: str
    title: str
    size: int
    cards: tuple[Card, ...]
    cells: tuple[Cell, ...]
    """Rows of the table."""
    figures: tuple[Figure, ...] = ()
    """One chart of all its findings, or the charts that hold them against references, the truth or chance; grids."""
    against_truth: bool = False
    """The charts show true values."""
    numbered: bool = False
    """The charts show what no table of findings has, and so need their numbers beside them."""
    left_out: str = ""
    zero: str = ""
    """``0 of 96`` where it is a share of something unwanted that never happened; else empty."""
    told: tuple[str, ...] = ()
    """Its least restricted findings in words."""
    shared: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Method, protocol, source and note of findings without a card: the distinct ones, which are few."""


@dataclass(frozen=True, slots=True)
class Family:
    """All findings of one metric of the spec."""

    name: str
    slug: str
    quantities: tuple[Quantity, ...]

    @property
    def size(self) -> int:
        """Findings in all."""
        return sum(quantity.size for quantity in self.quantities)

    @property
    def tabled(self) -> tuple[Quantity, ...]:
        """What the table holds."""
        return tuple(quantity for quantity in self.quantities if not quantity.zero)

    @property
    def zeros(self) -> tuple[Quantity, ...]:
        """What never happened, and is told in one line."""
        return tuple(quantity for quantity in self.quantities if quantity.zero)

    @property
    def long(self) -> bool:
        """Whether its table opens on demand only."""
        return sum(len(quantity.cells) for quantity in self.tabled) > MOST_ROWS_OPEN

    @property
    def lead(self) -> Quantity | None:
        """The quantity whose charts come first."""
        return next((quantity for quantity in self.tabled if quantity.figures), None)

    def open_figures(self, quantity: Quantity) -> tuple[Figure, ...]:
        """Charts that stand open: of the leading quantity, and of those that are held against something or are grids."""
        shown = 0
        for other in self.tabled:
            wanted = other.figures if other is self.lead or other.numbered else ()
            if other is quantity:
                return wanted[: max(0, MOST_CHARTS_OPEN - shown)]
            shown += len(wanted)
        return ()

    def more_figures(self, quantity: Quantity) -> tuple[Figure, ...]:
        """Charts that open on demand."""
        return quantity.figures[len(self.open_figures(quantity)) :]

    @property
    def folds_charts(self) -> bool:
        """Whether some charts open on demand."""
        return any(map(self.more_figures, self.quantities))

    @property
    def told(self) -> tuple[str, ...]:
        """The least restricted findings in words: what a reader in a hurry takes away."""
        chosen = [told for quantity in self.tabled for told in quantity.told]
        return tuple(chosen[:MOST_TOLD])

    @property
    def opened(self) -> tuple[Card, ...]:
        """Cards that stand open."""
        return tuple(card for quantity in self.quantities for card in quantity.cards if card.opened)

    @property
    def folded(self) -> int:
        """Cards that open on demand."""
        return sum(not card.opened for quantity in self.quantities for card in quantity.cards)
