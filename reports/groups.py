"""Findings in the order of the page: by metric, by quantity, as cards; many cells of one quantity as one table."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit.digest import digest, short
from audit.panels import Intervals, Span
from audit.records import Finding, Verdict
from reports.pictures import Figure, Sheets, Sketchbook
from reports.strips import Strip, finding_strip
from reports.thumbnails import Page
from reports.verdicts import ORDER
from reports.wording import clean, clip, count, listed, quantity

__all__ = ["Card", "Family", "Quantity", "cell_label", "common_title", "families", "shared_axes", "targets"]

MOST_CARDS = 6
"""Findings of one quantity that get a card of their own; more than these are laid out as one table."""

MOST_CARDS_IN_ALL = 80
MOST_TABLED = 300
AT_EACH_END = 12
"""Of very many estimates, those that are charted at either end."""

MOST_FACTS = 4


@dataclass(frozen=True, slots=True)
class Card:
    """A finding laid out in full."""

    finding: Finding
    anchor: str
    verdicts: tuple[Verdict, ...]
    strip: Strip | None
    figures: tuple[Figure, ...]
    tables: tuple[Sheets, ...]
    galleries: tuple[Page, ...]


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
    cells: tuple[Cell, ...] = ()
    """Rows of the table; none where every finding has a card."""
    figure: Figure | None = None
    left_out: str = ""
    outcome: str = ""
    """Worst outcome among the gates on these findings; empty where none judged them."""
    shared: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Method, protocol, source and note of all rows of the table: the distinct ones, which are few."""


@dataclass(frozen=True, slots=True)
class Family:
    """All findings of one metric of the spec."""

    name: str
    slug: str
    quantities: tuple[Quantity, ...]

    @property
    def size(self) -> int:
        return sum(quantity.size for quantity in self.quantities)


def _anchors(findings: Iterable[Finding]) -> dict[str, str]:
    """Key of each finding -> an id that is the same in every report of the run, whatever the key contains."""
    return {finding.key: f"finding-{short(digest(finding.key), 12)}" for finding in findings}


def targets(shown: Iterable[Family], findings: Iterable[Finding]) -> dict[str, str]:
    """Key of each finding -> the id that a link to it leads to: its card or row, or else its quantity."""
    places: dict[str, str] = {}
    for part in (part for family in shown for part in family.quantities):
        places |= {cell.finding.key: cell.anchor for cell in part.cells}
        places |= {card.finding.key: card.anchor for card in part.cards}
        places[part.metric] = part.slug
    return {finding.key: places.get(finding.key, places[finding.metric]) for finding in findings}


def _where_words(finding: Finding, leave_out: frozenset[str] = frozenset()) -> str:
    """What singles a finding out among those of its metric: ``occupation nurse, label woman``."""
    parts = [f"{name} {level}" for name, level in sorted(finding.where.items()) if name not in leave_out]
    return ", ".join(clip(clean(part), 80) for part in parts)


def families(findings: Sequence[Finding], verdicts: Sequence[Verdict], sketchbook: Sketchbook) -> tuple[Family, ...]:
    """All findings in the order in which their metrics were measured."""
    layout = _Layout(findings, verdicts, sketchbook)
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
    """Decides which findings get a card; counts them over the whole file."""

    def __init__(self, findings: Sequence[Finding], verdicts: Sequence[Verdict], sketchbook: Sketchbook) -> None:
        self._anchors = _anchors(findings)
        self._sketchbook = sketchbook
        self._cards = 0
        self._verdicts: dict[str, tuple[Verdict, ...]] = {}
        for verdict in verdicts:
            self._verdicts[verdict.finding] = (*self._verdicts.get(verdict.finding, ()), verdict)

    def quantity(self, slug: str, group: list[Finding]) -> Quantity:
        """Cards for a few findings; for many a table of all, one chart, and cards for those that matter most."""
        metric, title = group[0].metric, common_title(group)
        outcome = self._worst(group)
        if len(group) <= MOST_CARDS and self._cards + len(group) <= MOST_CARDS_IN_ALL:
            panel = _chart_of(group) if len(group) > 1 else None
            figure = self._sketchbook.figure(panel) if panel and len(panel.rows) > 1 else None
            cards = tuple(map(self._card, group))
            return Quantity(metric, slug, title, len(group), cards, figure=figure, outcome=outcome)
        room = min(MOST_CARDS, MOST_CARDS_IN_ALL - self._cards)
        chosen = {finding.key for finding in sorted(group, key=self._rank)[:room] if self._rank(finding) < 2}
        cards = tuple(self._card(finding) for finding in group if finding.key in chosen)
        panel = _chart_of(group)
        return Quantity(
            metric,
            slug,
            title,
            len(group),
            cards,
            self._cells(group, chosen),
            self._sketchbook.figure(panel) if panel else None,
            _left_out(group, len(cards)),
            outcome,
            _common_facts(group),
        )

    def _rank(self, finding: Finding) -> int:
        """Judged findings first, then those over all cells; single cells only stand in the table."""
        if finding.key in self._verdicts:
            return 0
        return 2 if finding.where else 1

    def _card(self, finding: Finding) -> Card:
        self._cards += 1
        book = self._sketchbook
        return Card(
            finding,
            self._anchors[finding.key],
            self._verdicts.get(finding.key, ()),
            finding_strip(finding, self._limits(finding)),
            tuple(book.figures(finding.panels)),
            tuple(book.tables(finding.panels)),
            tuple(book.galleries(finding.panels, finding.evidence)),
        )

    def _limits(self, finding: Finding) -> list[float]:
        """Limits on the estimate itself; a margin limits the difference to a baseline and lies on another scale."""
        verdicts = self._verdicts.get(finding.key, ())
        return [v.limit for v in verdicts if v.limit is not None and v.estimate == finding.estimate]

    def _cells(self, group: list[Finding], carded: set[str]) -> tuple[Cell, ...]:
        shared = shared_axes(group)
        return tuple(
            Cell(f, self._anchors[f.key], f.key in carded, cell_label(f, group, shared), self._worst([f]))
            for f in group[:MOST_TABLED]
        )

    def _worst(self, group: list[Finding]) -> str:
        outcomes = {verdict.outcome for finding in group for verdict in self._verdicts.get(finding.key, ())}
        return next((outcome for outcome in ORDER if outcome in outcomes), "")


def common_title(group: list[Finding]) -> str:
    """The title of all, or the words with which all titles begin; else the metric's name."""
    titles = [finding.title.split() for finding in group]
    if all(title == titles[0] for title in titles):
        return group[0].title
    same = [words[0] for words in itertools.takewhile(lambda words: len(set(words)) == 1, zip(*titles, strict=False))]
    return " ".join([*same, "…"]) if len(same) > 1 else group[0].metric.replace("_", " ")


def shared_axes(group: list[Finding]) -> frozenset[str]:
    """Axes on which all findings of the group agree: naming them in every row tells nothing."""
    first = group[0].where
    return frozenset(name for name, level in first.items() if all(f.where.get(name) == level for f in group))


def cell_label(finding: Finding, group: list[Finding], shared: frozenset[str]) -> str:
    """What singles the finding out in its group; the level alone where the group differs in one axis only."""
    free = [name for name in finding.where if name not in shared]
    parts = [clip(clean(finding.where[free[0]]), 80) if len(free) == 1 else _where_words(finding, shared)]
    if len({(f.generator, f.baseline) for f in group}) > 1:
        parts.insert(0, finding.generator + (f" vs {finding.baseline}" if finding.baseline else ""))
    return ", ".join(clip(clean(part), 120) for part in parts if part) or "all"


def _chart_of(group: list[Finding]) -> Intervals | None:
    """The estimates of a group on one axis; of very many, those at both ends. None where they have no common unit."""
    shared = shared_axes(group)
    spans = [
        Span(label=cell_label(f, group, shared), estimate=f.estimate, low=f.interval.low, high=f.interval.high, n=f.n)
        for f in group
        if f.estimate is not None and f.interval is not None
    ]
    if not spans or len({f.unit for f in group}) > 1:
        return None
    spans.sort(key=lambda span: span.estimate, reverse=True)
    shown = spans if len(spans) <= 2 * AT_EACH_END else spans[:AT_EACH_END] + spans[-AT_EACH_END:]
    expected = {f.expected for f in group}
    unit = group[0].unit
    return Intervals(
        title=f"{_by(group, shared)}: {_how_many(len(shown), len(spans), len(group))}",
        summary=_extremes(spans, unit),
        rows=tuple(shown),
        unit=unit,
        reference=expected.pop() if len(expected) == 1 else None,
    )


def _by(group: list[Finding], shared: frozenset[str]) -> str:
    names = sorted({name for finding in group for name in finding.where} - shared)
    names += ["generator"] if len({(f.generator, f.baseline) for f in group}) > 1 else []
    return f"By {listed([clip(clean(name), 40) for name in names])}" if names else "Side by side"


def _how_many(shown: int, drawable: int, size: int) -> str:
    if shown < drawable:
        return f"the {shown // 2} highest and {shown // 2} lowest of {size:,}"
    return f"all {size:,}" if drawable == size else f"{drawable:,} of {size:,} that have an interval"


def _extremes(spans: list[Span], unit: str) -> str:
    top, low = spans[0], spans[-1]
    ends = [f"{span.label} with {quantity(span.estimate, unit, span.high - span.low)}" for span in (top, low)]
    return f"Highest: {ends[0]}. Lowest: {ends[1]}. Bars show the intervals."


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
