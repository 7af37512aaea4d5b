"""Findings of one quantity side by side: what they have in common, what tells them apart, and one chart of all."""

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from audit.panels import Intervals, Span
from audit.records import Finding
from reports.truths import IN_THE_TITLE, own_row
from reports.wording import clean, clip, listed, quantity

__all__ = ["cell_label", "chart_of", "common_title", "comparable", "nothing_came", "shared_axes", "where_words"]

AT_EACH_END = 12
"""Of very many estimates, those that are charted at either end."""

AGAINST = "against"
"""In ``Finding.where``: the level that was taken off."""


def common_title(group: Sequence[Finding]) -> str:
    """The title of all, or the words with which all titles begin; else the metric's name."""
    titles = [finding.title.split() for finding in group]
    if all(title == titles[0] for title in titles):
        return group[0].title
    same = [words[0] for words in itertools.takewhile(lambda words: len(set(words)) == 1, zip(*titles, strict=False))]
    if same:
        return " ".join(same).removesuffix(":") if same[-1].endswith(":") else " ".join([*same, "…"])
    return group[0].metric.replace("_", " ").replace(".", ": ")


def shared_axes(group: Sequence[Finding]) -> frozenset[str]:
    """Axes on which all findings of the group agree: naming them in every row tells nothing."""
    first = group[0].where
    return frozenset(name for name, level in first.items() if all(f.where.get(name) == level for f in group))


def cell_label(finding: Finding, group: Sequence[Finding], shared: frozenset[str], *, cell_first: bool = False) -> str:
    """What singles the finding out in its group; the level alone where the group differs in one axis only.

    Args:
        finding: one of the group.
        group: all that stand together.
        shared: axes on which they agree.
        cell_first: for a chart, whose title names the axes: levels alone, and the generator last, since there is little
            room and the end may be cut.
    """
    parts = [_where_words(finding, shared, named=not cell_first)]
    if len({(f.generator, f.baseline) for f in group}) > 1:
        who = finding.generator + (f" vs {finding.baseline}" if finding.baseline else "")
        parts = [*parts, who] if cell_first else [who, *parts]
    return ", ".join(clip(clean(part), 120) for part in parts if part) or "all"


def where_words(finding: Finding) -> str:
    """What singles a finding out where it stands alone: its generator, and its cell but for what its title says."""
    cell = _where_words(finding, IN_THE_TITLE)
    told = cell in clean(finding.title)
    return clip(clean(finding.generator), 60) + (f", {cell}" if cell and not told else "")


def _where_words(finding: Finding, leave_out: frozenset[str], *, named: bool = True) -> str:
    """``feminine``, ``baker minus pilot``, ``nurse, feminine``, ``age older, occupation nurse, feminine``.

    What is no difference of two levels is ``compared with`` what it is against. Axes go without their names where there is
    one, or where they are not to be ``named``.
    """
    where = {name: level for name, level in sorted(finding.where.items()) if name not in leave_out}
    off = finding.where.get(AGAINST)
    if off is not None:
        from_axes = [name for name in finding.where if name != AGAINST and name not in IN_THE_TITLE]
        if len(from_axes) == 1:
            where = {name: level for name, level in where.items() if name not in (AGAINST, from_axes[0])}
            joined = "minus" if finding.metric.endswith("difference") else "compared with"
            where["minus"] = f"{finding.where[from_axes[0]]} {joined} {off}"
    axes = [name for name in where if name not in IN_THE_TITLE]
    alone = len(axes) == 1 or off is not None or not named
    parts = [where[name] if alone else f"{_plain(name)} {where[name]}" for name in axes]
    parts += [level for name, level in where.items() if name in IN_THE_TITLE]
    return ", ".join(clip(clean(part), 80) for part in parts)


def chart_of(group: Sequence[Finding], true: Mapping[str, float] = MappingProxyType({})) -> Intervals | None:
    """The estimates of a group on one axis; of very many, those at both ends. None where they have no common unit.

    Args:
        group: findings of one quantity.
        true: key of a finding -> its true value, where it is known.
    """
    shared = shared_axes(group)
    known = [(f, _span(f, cell_label(f, group, shared, cell_first=True), true.get(f.key))) for f in group]
    whole = [span for f, span in known if span is not None and not f.where]
    spans = sorted((span for f, span in known if span is not None and f.where), key=lambda span: -span.estimate)
    found = whole + spans
    if not found or len({f.unit for f in group}) > 1:
        return None
    shown = found if len(found) <= 2 * AT_EACH_END else [*whole, *spans[:AT_EACH_END], *spans[-AT_EACH_END:]]
    expected = {f.expected for f in group}
    unit = group[0].unit
    return Intervals(
        title=f"{common_title(group)}, {_by(group, shared)}: {_how_many(len(shown), len(found), len(group))}",
        summary=_extremes(spans or whole, unit),
        rows=tuple(shown),
        unit=unit,
        reference=expected.pop() if len(expected) == 1 else None,
        band_label=_band_label(group),
    )


def comparable(group: Sequence[Finding]) -> bool:
    """Whether all measure the same in the same unit, so that one can be the highest: not so widths and refusals."""
    return len({(finding.unit, finding.where.get("column")) for finding in group}) == 1


def nothing_came(group: Sequence[Finding]) -> bool:
    """Shares of something unwanted, all of them zero with no draw missing."""
    return all(f.unit == "share" and f.better == "lower" and f.estimate == 0 and not f.n_missing for f in group)


def _span(finding: Finding, label: str, truth: float | None) -> Span | None:
    """A row of the chart, with the band that the finding's own panel has."""
    if finding.estimate is None or finding.interval is None:
        return None
    low, high, alone = finding.interval.low, finding.interval.high, own_row(finding)
    band = (alone[0].band or alone[1].band) if alone else None
    return Span(label=label, estimate=finding.estimate, low=low, high=high, n=finding.n, truth=truth, band=band)


def _band_label(group: Sequence[Finding]) -> str:
    """What shows the bands of rows; in general terms where findings name different things."""
    labels = {own[1].band_label for finding in group if (own := own_row(finding))}
    return labels.pop() if len(labels) == 1 else "chance alone"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _by(group: Sequence[Finding], shared: frozenset[str]) -> str:
    names = sorted({name for finding in group for name in finding.where} - shared - {AGAINST})
    names += ["generator"] if len({(f.generator, f.baseline) for f in group}) > 1 else []
    return f"by {listed([clip(clean(_plain(name)), 40) for name in names])}" if names else "side by side"


def _how_many(shown: int, drawable: int, size: int) -> str:
    if shown < drawable:
        return f"the {AT_EACH_END} highest and {AT_EACH_END} lowest of {size:,}"
    return f"all {size:,}" if drawable == size else f"{drawable:,} of {size:,} that have an interval"


def _extremes(spans: list[Span], unit: str) -> str:
    """Both ends in words; that all are the same where a reader could not tell them apart."""
    told = [quantity(span.estimate, unit, span.high - span.low) for span in (spans[0], spans[-1])]
    if len(spans) == 1 or told[0] == told[1]:
        return f"{'All are' if len(spans) > 1 else 'It is'} {told[0]}. Bars show the intervals."
    return f"Highest: {spans[0].label} with {told[0]}. Lowest: {spans[-1].label} with {told[1]}. Bars show the intervals."
