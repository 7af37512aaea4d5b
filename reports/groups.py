"""Findings in the order of the page: a table for each metric, cards for the findings that matter, the others folded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit.digest import digest, short
from audit.panels import Intervals, Panel
from audit.records import Finding, Verdict
from reports.pictures import Figure, Sheets, Sketchbook
from reports.strips import Strip, finding_strip
from reports.thumbnails import Page
from reports.together import cell_label, chart_of, common_title, nothing_came, shared_axes
from reports.verdicts import ORDER
from reports.wording import clean, clip, count, listed, quantity

__all__ = ["Card", "Cell", "Family", "Quantity", "families", "targets"]

MOST_CARDS = 6
"""Findings of one quantity that get a card of their own; of more than these, only those that matter most."""

MOST_CARDS_IN_ALL = 80
MOST_OPEN = 6
"""Cards of judged findings that stand open; the others open on demand."""

MOST_TABLED = 300
MOST_ROWS_OPEN = 30
"""Rows of a table that stands open."""

MOST_FACTS = 4


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
    opened: bool = False
    """It is judged and stands open."""


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
    """One chart of all its findings, or the charts that hold them against the truth."""
    against_truth: bool = False
    """The charts show true values, which no table of findings has."""
    left_out: str = ""
    zero: str = ""
    """``0 of 96`` where it is a share of something unwanted that never happened; else empty."""
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
        """The quantity whose chart stands open."""
        return next((quantity for quantity in self.tabled if quantity.figures), None)

    @property
    def opened(self) -> tuple[Card, ...]:
        """Cards that stand open."""
        return tuple(card for quantity in self.quantities for card in quantity.cards if card.opened)

    @property
    def folded(self) -> int:
        """Cards that open on demand."""
        return sum(not card.opened for quantity in self.quantities for card in quantity.cards)


def targets(shown: Iterable[Family], findings: Iterable[Finding]) -> dict[str, str]:
    """Key of each finding -> the id that a link to it leads to: its card or row, or else its quantity."""
    places: dict[str, str] = {}
    for part in (part for family in shown for part in family.quantities):
        places |= {cell.finding.key: cell.anchor for cell in part.cells}
        places |= {card.finding.key: card.anchor for card in part.cards}
        places[part.metric] = part.slug
    return {finding.key: places.get(finding.key, places[finding.metric]) for finding in findings}


def families(findings: Sequence[Finding], verdicts: Sequence[Verdict], sketchbook: Sketchbook) -> tuple[Family, ...]:
    """All findings in the order in which their metrics were measured."""
    layout = _Layout(verdicts, sketchbook)
    named: dict[str, dict[str, list[Finding]]] = {}
    for finding in findings:
        name = finding.metric.partition(".")[0]
        named.setdefault(name, {}).setdefault(finding.metric, []).append(finding)
    return tuple(
        Family(
            name.replace("_", " "),
            f"metric-{number}",
            tuple(layout.quantity(f"quantity-{number}-{i}", group) for i, group in enumerate(inside.values(), 1)),
        )
        for number, (name, inside) in enumerate(named.items(), 1)
    )


class _Layout:
    """Decides which findings get a card, and which of them stand open; counts over the whole file."""

    def __init__(self, verdicts: Sequence[Verdict], sketchbook: Sketchbook) -> None:
        self._sketchbook = sketchbook
        self._cards = 0
        self._opened = 0
        self._verdicts: dict[str, tuple[Verdict, ...]] = {}
        for verdict in verdicts:
            self._verdicts[verdict.finding] = (*self._verdicts.get(verdict.finding, ()), verdict)

    def quantity(self, slug: str, group: list[Finding]) -> Quantity:
        """Rows for all findings, one chart of several, and cards for those that matter most."""
        judged = any(finding.key in self._verdicts for finding in group)
        zero = "" if judged or not nothing_came(group) else _none_of(group)
        chosen = set() if zero else self._chosen(group)
        drawn = () if zero else _charts(group, len(chosen))
        cards = tuple(self._card(finding, group, drawn) for finding in group if finding.key in chosen)
        return Quantity(
            metric=group[0].metric,
            slug=slug,
            title=common_title(group),
            size=len(group),
            cards=cards,
            cells=self._cells(group, chosen),
            figures=tuple(map(self._sketchbook.figure, drawn)),
            against_truth=any(panel.known for panel in drawn),
            left_out="" if zero else _left_out(group, len(cards)),
            zero=zero,
            shared=_common_facts([finding for finding in group if finding.key not in chosen]),
        )

    def _chosen(self, group: list[Finding]) -> set[str]:
        """Keys of the findings that get a card."""
        room = min(MOST_CARDS, MOST_CARDS_IN_ALL - self._cards)
        if len(group) <= room:
            return {finding.key for finding in group}
        return {finding.key for finding in sorted(group, key=self._rank)[:room] if self._rank(finding) < 2}

    def _rank(self, finding: Finding) -> int:
        """Judged findings first, then those over all cells; single cells only stand in the table."""
        if finding.key in self._verdicts:
            return 0
        return 2 if finding.where else 1

    def _card(self, finding: Finding, group: list[Finding], beside: Sequence[Intervals]) -> Card:
        self._cards += 1
        verdicts = self._verdicts.get(finding.key, ())
        opened = bool(verdicts) and self._opened < MOST_OPEN
        self._opened += opened
        book, (panels, band) = self._sketchbook, _own_panels(finding, beside)
        return Card(
            finding,
            _anchor(finding),
            cell_label(finding, group, shared_axes(group)) if len(group) > 1 else finding.title,
            verdicts,
            finding_strip(finding, self._limits(finding), band),
            tuple(book.figures(panels)),
            tuple(book.tables(panels)),
            tuple(book.galleries(panels, finding.evidence)),
            opened,
        )

    def _limits(self, finding: Finding) -> list[float]:
        """Limits on the estimate itself; a margin limits the difference to a baseline and lies on another scale."""
        verdicts = self._verdicts.get(finding.key, ())
        return [v.limit for v in verdicts if v.limit is not None and v.estimate == finding.estimate]

    def _cells(self, group: list[Finding], carded: set[str]) -> tuple[Cell, ...]:
        shared = shared_axes(group)
        return tuple(
            Cell(f, _anchor(f), f.key in carded, cell_label(f, group, shared), self._worst(f)) for f in group[:MOST_TABLED]
        )

    def _worst(self, finding: Finding) -> str:
        outcomes = {verdict.outcome for verdict in self._verdicts.get(finding.key, ())}
        return next((outcome for outcome in ORDER if outcome in outcomes), "")


def _anchor(finding: Finding) -> str:
    """An id that is the same in every report of the run, whatever the key contains."""
    return f"finding-{short(digest(finding.key), 12)}"


def _charts(group: list[Finding], carded: int) -> tuple[Intervals, ...]:
    """The charts that hold a quantity against the truth, or else one chart of all its findings."""
    panels = (panel for finding in group for panel in finding.panels)
    with_truth = tuple(panel for panel in panels if isinstance(panel, Intervals) and panel.known)
    if with_truth:
        return with_truth
    panel = chart_of(group) if len(group) > 1 else None
    return (panel,) if panel and (len(panel.rows) > 1 or carded < len(group)) else ()


def _own_panels(finding: Finding, beside: Sequence[Intervals]) -> tuple[list[Panel], tuple[float, float] | None]:
    """Panels that show what the table, the strip and the charts of its quantity do not; and a band for the strip."""
    drawn = {(row.estimate, row.low, row.high) for chart in beside for row in chart.rows}
    own: list[Panel] = []
    band = None
    for panel in finding.panels:
        rows = panel.rows if isinstance(panel, Intervals) else ()
        if isinstance(panel, Intervals) and [row.estimate for row in rows] == [finding.estimate]:
            band = panel.band or band
        elif not rows or not drawn.issuperset((row.estimate, row.low, row.high) for row in rows):
            own.append(panel)
    return own, band


def _none_of(group: list[Finding]) -> str:
    """``0 of 96, at most 13.8 %``, of the findings that are least restricted."""
    fewest = min(len(finding.where) for finding in group)
    least = [finding for finding in group if len(finding.where) == fewest]
    several = len({finding.generator for finding in group}) > 1
    told = []
    for finding in least:
        most = f", at most {quantity(finding.interval.high, finding.unit)}" if finding.interval else ""
        told.append(f"0 of {finding.n:,}{f' of {clip(clean(finding.generator), 40)}' if several else ''}{most}")
    return listed(told)


def _common_facts(group: list[Finding]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    facts = []
    for name in ("method", "protocol", "source", "note"):
        distinct = list(dict.fromkeys(text for text in (getattr(finding, name) for finding in group) if text))
        more = [f"and {len(distinct) - MOST_FACTS:,} others, in findings.json"] if len(distinct) > MOST_FACTS else []
        if distinct:
            facts.append((name, (*distinct[:MOST_FACTS], *more)))
    return tuple(facts)


def _left_out(group: list[Finding], cards: int) -> str:
    parts = []
    if len(group) > MOST_TABLED:
        parts.append(f"The table shows the first {MOST_TABLED} of {len(group):,} rows.")
    if cards < len(group):
        own = count(cards, "of these has", "of these have") if cards else "None has"
        others = "the others" if cards else "single cells"
        parts.append(f"{own} a card; charts and images of {others} are in findings.json.")
    return " ".join(parts)
