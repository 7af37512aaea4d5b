"""Coverage of every interval that the metrics offer, over audits of planted worlds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import stats

from audit.component import Context, Metric
from audit.metrics.alignment import WEIGHT, Alignment
from audit.metrics.disparity import Disparity
from audit.metrics.means import Means
from audit.metrics.outcomes import Outcomes
from audit.metrics.representation import Representation
from audit.panels import Intervals
from audit.records import Finding
from benchmarks.planted_rows import COVERAGE, TESTS, TOLERANCE, Cover, Row, Tally
from benchmarks.planted_worlds import COSINE, FAILED, FILTERED, REFUSED, SPREAD, TRUNCATED, Grid, planted_table
from generators.phantom.truth import BANDS

__all__ = [
    "GridCoverage",
    "Key",
    "Trials",
    "Truth",
    "at",
    "beyond_chance",
    "counted",
    "key_of",
    "measured",
    "truths_of_levels",
]

OCCUPATIONS = ("nurse", "chef", "teacher", "builder")
LABELS: dict[str, tuple[str, dict[str, str | bool]]] = {
    "presentation": ("oracle.perceived_presentation", {"feminine": "feminine", "masculine": "masculine"}),
    "tone_band": ("oracle.tone_band", {band: band for band in BANDS}),
    "mobility_aid": ("oracle.mobility_aid", {"no": False, "yes": True}),
}
"""Attribute of the table -> column, and the level that each label stands for."""
SHUFFLED = {
    "gap_share.gap": "disparity.gap of shares beyond what shuffled levels show",
    "gap_mean.gap": "disparity.gap of means beyond what shuffled levels show",
}
Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Truth:
    """What a finding estimates."""

    value: float
    name: str
    """How its row is called: findings of one name are counted together."""


def measured(context: Context, metrics: Mapping[str, Metric]) -> list[Finding]:
    """All findings of an audit."""
    return [one.finding for name, metric in metrics.items() for one in metric.measure(name, context)]


def counted(findings: Iterable[Finding], truths: Mapping[Key, Truth], tally: Tally) -> None:
    """Count which intervals hold the truth. A finding whose truth nobody told is no part of the benchmark."""
    found: dict[str, list[Cover]] = {}
    for finding in findings:
        truth, interval = truths.get(key_of(finding)), finding.interval
        if truth is None or interval is None:
            continue
        cell = ", ".join(f"{axis} {level}" for axis, level in sorted(finding.where.items()))
        found.setdefault(truth.name, []).append(Cover.of(interval, truth.value, cell))
    for name, covers in found.items():
        tally.cover(name, covers)


def key_of(finding: Finding) -> Key:
    """Metric and where."""
    return finding.metric, tuple(sorted(finding.where.items()))


def at(metric: str, **where: str) -> Key:
    """The key of a finding."""
    return metric, tuple(sorted(where.items()))


# ------------------------------------------------------------------------------------------------ silent prompts


@dataclass(frozen=True)
class GridCoverage:
    """Shares, skew, disparity, means, alignment and outcomes on silent prompts of one preset."""

    preset: str
    rho: float
    audits: int
    wordings: int = 12
    draws: int = 10

    def run(self, seed: int) -> list[Row]:
        """All rows."""
        grid = Grid(planted_table(self.preset), OCCUPATIONS, self.wordings, self.draws, self.rho)
        setting = f"{self.preset}, {len(OCCUPATIONS)} x {self.wordings} prompts x {self.draws}, rho {self.rho:g}"
        covered, beyond = Tally(COVERAGE, setting), Trials(setting)
        truths, rng = dict(truths_of(grid)), np.random.default_rng(seed)
        for _ in range(self.audits):
            findings = measured(grid.audit(rng), METRICS)
            counted(findings, truths, covered)
            beyond_chance(findings, truths, beyond)
        return [*covered.coverage(), *beyond.rows(0.025)]


METRICS: Mapping[str, Metric] = {
    **{name: Representation(column=column, by=("occupation",)) for name, (column, _) in LABELS.items()},
    "means": Means(columns=("light.exposure",), by=("occupation",)),
    "gap_share": Disparity(column="oracle.perceived_presentation", level="feminine", by="occupation"),
    "gap_mean": Disparity(column="light.exposure", by="occupation"),
    "alignment": Alignment(by=()),
    "outcomes": Outcomes(columns=("oracle.perceived_presentation",), by=()),
}


def truths_of(grid: Grid) -> Iterator[tuple[Key, Truth]]:
    """The planted value behind every finding of ``METRICS``."""
    for attribute, (_, levels) in LABELS.items():
        yield from _shares(grid, attribute, levels)
    exposures = {name: grid.exposure(name) for name in grid.occupations}
    feminine = {name: grid.share("presentation", "feminine", name) for name in grid.occupations}
    column = {"column": "light.exposure"}
    yield at("means.mean", **column), Truth(float(np.mean(list(exposures.values()))), "means.mean, all draws")
    for name, value in exposures.items():
        yield at("means.mean", **column, occupation=name), Truth(value, "means.mean, by occupation")
    yield from truths_of_levels("gap_share", "share", feminine, "occupation")
    yield from truths_of_levels("gap_mean", "mean", exposures, "occupation")
    yield from _alignment()
    gone = float(np.mean([1 - grid.seen(name) for name in grid.occupations]))
    yield at("outcomes.refused"), Truth(REFUSED, "outcomes.refused, decided by the prompt")
    yield at("outcomes.filtered"), Truth(FILTERED, "outcomes.filtered, decided by the prompt")
    yield at("outcomes.failed"), Truth((1 - REFUSED - FILTERED) * FAILED, "outcomes.failed")
    yield at("outcomes.undetected", column="oracle.perceived_presentation"), Truth(gone, "outcomes.undetected")


def _shares(grid: Grid, attribute: str, levels: Mapping[str, str | bool]) -> Iterator[tuple[Key, Truth]]:
    seen = np.array([grid.seen(name) for name in grid.occupations])
    kind = f"{len(levels)} labels" if attribute != "mobility_aid" else "a label of .1"
    table = {label: [grid.share(attribute, level, name) for name in grid.occupations] for label, level in levels.items()}
    whole = {label: float(np.average(shares, weights=seen)) for label, shares in table.items()}
    for label, shares in table.items():
        yield at(f"{attribute}.share", label=label), Truth(whole[label], f"representation.share, {kind}, all draws")
        for name, share in zip(grid.occupations, shares, strict=True):
            told = Truth(share, f"representation.share, {kind}, by occupation")
            yield at(f"{attribute}.share", label=label, occupation=name), told
    for quantity, of_skew in (("skew", ""), ("excess_skew", " held against the skew")):
        yield (
            at(f"{attribute}.{quantity}"),
            Truth(_skew(whole.values()), f"representation.{quantity}{of_skew}, {kind}, all draws"),
        )
        for place, name in enumerate(grid.occupations):
            value = _skew(shares[place] for shares in table.values())
            told = Truth(value, f"representation.{quantity}{of_skew}, {kind}, by occupation")
            yield at(f"{attribute}.{quantity}", occupation=name), told


def _skew(shares: Iterable[float]) -> float:
    """Total variation from equal shares."""
    values = list(shares)
    return sum(abs(share - 1 / len(values)) for share in values) / 2


def truths_of_levels(metric: str, kind: str, by_level: Mapping[str, float], axis: str) -> Iterator[tuple[Key, Truth]]:
    """Truths of a ``disparity``."""
    values = list(by_level.values())
    yield at(f"{metric}.gap"), Truth(max(values) - min(values), f"disparity.gap of {kind}s, {axis}")
    for level, value in by_level.items():
        yield at(f"{metric}.mean", **{axis: level}), Truth(value, f"disparity.mean of {kind}s, by {axis}")
    for one, other in permutations(by_level, 2):
        told = Truth(by_level[one] - by_level[other], f"disparity.difference of {kind}s, {axis}")
        yield at(f"{metric}.difference", **{axis: one, "against": other}), told


def _alignment() -> Iterator[tuple[Key, Truth]]:
    z = COSINE / SPREAD
    clamped = COSINE * stats.norm.cdf(z) + SPREAD * stats.norm.pdf(z)
    yield at("alignment.cosine"), Truth(COSINE, "alignment.cosine")
    yield at("alignment.clipscore"), Truth(WEIGHT * float(clamped), "alignment.clipscore")
    yield at("alignment.truncated"), Truth(TRUNCATED, "alignment.truncated, decided by the prompt")


def beyond_chance(findings: Sequence[Finding], truths: Mapping[Key, Truth], trials: "Trials") -> None:
    """Count whether a skew or a gap is larger than what chance makes it in 97.5 % of cases, as its finding says."""
    for finding in findings:
        if finding.estimate is None:
            continue
        found = _beyond(finding)
        if found is not None:
            name = SHUFFLED.get(finding.metric, "representation.skew beyond what an even generator shows")
            trials.add(name, abs(truths[key_of(finding)].value) < TOLERANCE, [found])


def _beyond(finding: Finding) -> bool | None:
    """Whether chance alone shows as much in 2.5 % of cases at most; None where the finding does not say."""
    assert finding.estimate is not None
    if finding.metric in SHUFFLED:
        return None if finding.p_value is None else finding.p_value <= 0.025
    if finding.metric != "presentation.skew" or finding.where:
        return None
    bands = [panel.band for panel in finding.panels if isinstance(panel, Intervals) and panel.band]
    return finding.estimate - TOLERANCE > bands[0][1] if bands else None


class Trials:
    """Trials, counted apart: where there is nothing to find their errors, where there is something their power."""

    def __init__(self, setting: str) -> None:
        self.nulls, self.others = Tally(TESTS, setting), Tally(TESTS, setting)

    def add(self, what: str, null: bool, found: Sequence[bool]) -> None:
        """Add one audit: whether tests found something; ``null`` where there is nothing."""
        if null:
            self.nulls.add(f"type I: {what}", found)
        else:
            self.others.add(f"power: {what}", found)

    def rows(self, at_most: float) -> list[Row]:
        """Of the errors no more than ``at_most`` is wanted; of power nothing is promised."""
        return [*self.nulls.rates(at_most), *self.others.rates()]
