"""Findings in the order of the page: a table for each metric, cards for the findings that matter, the others folded."""

from collections.abc import Iterable, Mapping, Sequence

from audit.digest import digest, short
from audit.panels import Heatmap, Intervals
from audit.records import Finding, Verdict
from reports.charts import Chart
from reports.layout import Card, Cell, Family, Quantity
from reports.leads import lead_charts, own_panels
from reports.pictures import Sketchbook
from reports.sentences import sentence
from reports.strips import Beside, finding_strip
from reports.together import cell_label, common_title, comparable, nothing_came, shared_axes
from reports.truths import IN_THE_TITLE, own_row
from reports.verdicts import ORDER, overall
from reports.wording import clean, clip, count, listed, p_words, quantity

__all__ = ["families", "targets"]

MOST_CARDS = 6
"""Findings of one quantity that get a card of their own; of more than these, only those that matter most."""

MOST_CARDS_IN_ALL = 80
MOST_OPEN = 6
"""Cards of judged findings that stand open; the others open on demand."""

MOST_TABLED = 300

MOST_FACTS = 4
MOST_OF_ONE = 3
"""Sentences of one quantity that stand open."""


def targets(shown: Iterable[Family], findings: Iterable[Finding]) -> dict[str, str]:
    """Key of each finding -> the id that a link to it leads to: its card or row, or else its quantity."""
    places: dict[str, str] = {}
    for part in (part for family in shown for part in family.quantities):
        places |= {cell.finding.key: cell.anchor for cell in part.cells}
        places |= {card.finding.key: card.anchor for card in part.cards}
        places[part.metric] = part.slug
    return {finding.key: places.get(finding.key, places[finding.metric]) for finding in findings}


def families(
    findings: Sequence[Finding], verdicts: Sequence[Verdict], sketchbook: Sketchbook, true: Mapping[str, float]
) -> tuple[Family, ...]:
    """All findings in the order in which their metrics were measured; ``true`` has the true values that are known."""
    layout = _Layout(verdicts, sketchbook, true)
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

    def __init__(self, verdicts: Sequence[Verdict], sketchbook: Sketchbook, true: Mapping[str, float]) -> None:
        self._sketchbook = sketchbook
        self._true = true
        self._cards = 0
        self._opened = 0
        self._invalid = overall(verdicts).tone == "invalid"
        self._verdicts: dict[str, tuple[Verdict, ...]] = {}
        for verdict in verdicts:
            self._verdicts[verdict.finding] = (*self._verdicts.get(verdict.finding, ()), verdict)

    def quantity(self, slug: str, group: list[Finding]) -> Quantity:
        """Rows for all findings, one chart of several, and cards for those that matter most."""
        judged = any(finding.key in self._verdicts for finding in group)
        zero = "" if judged or not nothing_came(group) else _none_of(group)
        chosen = set() if zero else self._chosen(group)
        drawn = () if zero else lead_charts(group, len(chosen), self._true)
        cards = tuple(self._card(finding, group, drawn) for finding in group if finding.key in chosen)
        return Quantity(
            metric=group[0].metric,
            slug=slug,
            title=common_title(group),
            size=len(group),
            cards=cards,
            cells=self._cells(group, chosen),
            figures=tuple(map(self._sketchbook.figure, drawn)),
            against_truth=any(panel.known for panel in drawn if isinstance(panel, Intervals)),
            numbered=any(map(_shows_more, drawn)),
            left_out="" if zero else _left_out(group, len(cards)),
            zero=zero,
            told=() if zero else self._told(group),
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

    def _card(self, finding: Finding, group: list[Finding], beside: Sequence[Chart]) -> Card:
        self._cards += 1
        verdicts = self._verdicts.get(finding.key, ())
        opened = bool(verdicts) and self._opened < MOST_OPEN
        self._opened += opened
        book, panels = self._sketchbook, own_panels(finding, beside)
        return Card(
            finding,
            _anchor(finding),
            cell_label(finding, group, shared_axes(group)) if len(group) > 1 else finding.title,
            verdicts,
            finding_strip(finding, self._limits(finding), self._beside(finding)),
            tuple(book.figures(panels)),
            tuple(book.tables(panels)),
            tuple(book.galleries(panels, finding.evidence)),
            tuple(book.pairs(panels)),
            opened,
            self._sentence(finding, group),
        )

    def _sentence(self, finding: Finding, group: list[Finding]) -> str:
        """What singles it out is named first, but for what its title says."""
        shared = shared_axes(group) | IN_THE_TITLE
        cell = cell_label(finding, group, shared) if len(group) > 1 else ""
        named = [part for part in cell.split(", ") if " minus " not in part or part not in clean(finding.title)]
        said = "" if cell == "all" else ", ".join(named)
        return sentence(finding, said, self._true.get(finding.key), invalid=self._invalid)

    def _told(self, group: list[Finding]) -> tuple[str, ...]:
        """The least restricted findings; of many, the highest and the lowest, or the first where they are not alike."""
        fewest = min(len(finding.where) for finding in group)
        least = [finding for finding in group if len(finding.where) == fewest]
        if len(least) <= MOST_OF_ONE or not comparable(least):
            return tuple(self._sentence(finding, group) for finding in least[:MOST_OF_ONE])
        known = sorted((f for f in least if f.estimate is not None), key=lambda f: -(f.estimate or 0.0))
        ends = {"Highest": known[:1], "Lowest": known[1:][-1:]}
        return tuple(f"{end} of {len(least):,}: {self._sentence(f, group)}" for end, found in ends.items() for f in found)

    def _beside(self, finding: Finding) -> Beside:
        alone, truth = own_row(finding), self._true.get(finding.key)
        if alone is None:
            return Beside(truth)
        row, panel = alone
        return Beside(truth, row.band or panel.band, panel.band_label)

    def _limits(self, finding: Finding) -> list[float]:
        """Limits on the estimate itself; a margin limits the difference to a baseline and lies on another scale."""
        verdicts = self._verdicts.get(finding.key, ())
        return [v.limit for v in verdicts if v.limit is not None and v.estimate == finding.estimate]

    def _cells(self, group: list[Finding], carded: set[str]) -> tuple[Cell, ...]:
        shared = shared_axes(group)
        return tuple(
            Cell(
                f,
                _anchor(f),
                f.key in carded,
                cell_label(f, group, shared),
                self._worst(f),
                self._sentence(f, group),
                p_words(f),
            )
            for f in group[:MOST_TABLED]
        )

    def _worst(self, finding: Finding) -> str:
        outcomes = {verdict.outcome for verdict in self._verdicts.get(finding.key, ())}
        return next((outcome for outcome in ORDER if outcome in outcomes), "")


def _shows_more(chart: Chart) -> bool:
    rows = chart.rows if isinstance(chart, Intervals) else ()
    return isinstance(chart, Heatmap) or any(row.truth is not None or row.marks or row.band for row in rows)


def _anchor(finding: Finding) -> str:
    """An id that is the same in every report of the run, whatever the key contains."""
    return f"finding-{short(digest(finding.key), 12)}"


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
