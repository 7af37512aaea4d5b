"""Findings on the arms of counterfactual pairs: each beside the neutral arm, beside the placebo, and what flipped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from audit.component import Column, Measured
from audit.metrics.arms import Arms, Beside, Roles
from audit.metrics.averages import ONE_PROBE, Quantity, average, sentences
from audit.metrics.contrasts import amount, apart, told_interval
from audit.metrics.readings import corrected_protocol
from audit.metrics.sample import RESERVED, Cell, Ints, Scores, contributions, why_missing
from audit.metrics.wording import lowered, subject
from audit.panels import Intervals, Span
from audit.records import Finding

__all__ = ["ArmFindings"]

MOST_ROWS = 24
EVIDENCE = 3
NO_PLACEBO = "No placebo arm was asked: any other change of the wording might do as much"
FLIPS = "A classifier's own noise flips labels too, so read it beside the placebo's"


@dataclass(frozen=True)
class ArmFindings:
    """Makes the findings of one generator."""

    metric: str
    """Its name in the spec."""
    arms: Arms
    roles: Roles
    quantity: Quantity
    """What is compared, before it is: mean or share."""
    scores: Scores

    def placebo(self) -> list[Measured]:
        """Placebo arms together less the neutral one, then each where there are several; nothing without any."""
        roles = self.roles
        if not roles.placebos:
            return []
        whole = self._difference(_Sides("placebo", {}, roles.placebos, (roles.neutral,)), "")
        each = [
            self._difference(_Sides("placebo", self._where(level), (level,), (roles.neutral,)), "")
            for level in roles.placebos
        ]
        return [whole, *(each if len(each) > 1 else ())]

    def effects(self, placebo: Finding | None) -> list[Measured]:
        """Each arm less the neutral one, told beside what the placebo did."""
        told = NO_PLACEBO if placebo is None else ""
        if placebo is not None and placebo.estimate is not None:
            told = f"The placebo moves it by {amount(placebo.estimate, placebo.unit)} ({told_interval(placebo)})"
        return [
            self._difference(_Sides("effect", self._where(arm), (arm,), (self.roles.neutral,)), told)
            for arm in self.roles.arms
        ]

    def beyond(self) -> list[Measured]:
        """Each arm less the placebo arms."""
        roles = self.roles
        return [
            self._difference(_Sides("beyond_placebo", self._where(arm), (arm,), roles.placebos), "") for arm in roles.arms
        ]

    def flipped(self, column: Column, path: str) -> list[Measured]:
        """Share of pairs of images whose label is another than in the neutral arm, of each arm and placebo."""
        roles, arms = self.roles, self.arms
        neutral, placebos = arms.rows(roles.neutral), arms.rows(*roles.placebos)
        flips = arms.flips(arms.sample.labels(path), neutral, _arm(roles.neutral))
        quantity = replace(
            self.quantity,
            name=f"{self.metric}.flipped",
            title=f"Share of pairs of images whose {subject(column)} changes",
            protocol=f"share of other labels than of {roles.neutral!r}, by pair and seed; {self.quantity.protocol}",
            unit="share",
            note=FLIPS,
            correction="uncorrected" if self.quantity.correction else "",
        )
        expected = None
        if len(placebos):
            whole = average(quantity, arms.sample, flips, self._cell({}, arms.asked_beside(placebos, neutral)))
            expected = whole.finding.estimate
        found = []
        for level in (*roles.placebos, *roles.arms):
            rows = arms.asked_beside(arms.rows(level), neutral)
            one = average(quantity, arms.sample, flips, self._cell(self._where(level), rows))
            if level in roles.arms and len(placebos):
                one = replace(one, finding=self._beside_placebo(one.finding, quantity, flips, (rows, placebos)))
            found.append(replace(one, finding=one.finding.model_copy(update={"expected": expected})))
        return found

    def chart(self, placebo: Sequence[Measured], effects: Sequence[Measured]) -> Intervals | None:
        """What each arm changes, in the band of what the placebo changes."""
        overall = placebo[0].finding
        rows = [_span(one.finding, self.roles.axis) for one in (*placebo[1:], *effects)]
        known = sorted((row for row in rows if row is not None), key=lambda row: row.estimate)
        if not known or overall.interval is None:
            return None
        summary = (
            f"{self.quantity.title}: each arm less {self.roles.neutral}, with {100 * overall.confidence:g} % intervals; "
            "shaded: the interval of all placebo arms together."
        )
        if len(known) > MOST_ROWS:
            summary += f" Of {len(known)} arms, the {MOST_ROWS // 2} lowest and the {MOST_ROWS // 2} highest are shown."
            known = [*known[: MOST_ROWS // 2], *known[-MOST_ROWS // 2 :]]
        return Intervals(
            title=f"What each arm changes: {lowered(self.quantity.title)}",
            summary=summary,
            rows=tuple(known),
            unit=overall.unit,
            reference=overall.estimate,
            band=(overall.interval.low, overall.interval.high),
            band_label="placebo arms",
        )

    def _where(self, level: str) -> dict[str, str]:
        axis = self.roles.axis
        return {f"axis {axis}" if axis in RESERVED else axis: level}

    def _cell(self, where: dict[str, str], rows: Ints) -> Cell:
        return Cell(where, np.sort(rows), len(self.arms.sample))

    def _difference(self, sides: "_Sides", told: str) -> Measured:
        arms, quantity = self.arms, self.quantity
        base = _arm(*sides.base)
        beside = arms.beside(self.scores, arms.rows(*sides.new), arms.rows(*sides.base), base)
        units = arms.sample.units(beside.rows)
        finding = self._finding(sides, beside)
        if len(beside.rows) < max(quantity.min_n, 1):
            why = f"No estimate: {len(beside.rows)} pairs of images, at least {max(quantity.min_n, 1)} needed"
            return Measured(finding.model_copy(update={"note": sentences(why, finding.note)}))
        found = beside.contrast(quantity, units)
        update = {
            "estimate": found.moved.estimate,
            "interval": found.interval,
            "expected": 0.0,
            "clusters": len(units.names),
            "p_value": found.p_value,
            "method": f"draws of equal pair and seed; {found.moved.method}",
            "bounds": beside.bounds(quantity.unit),
            "evidence": self._evidence(beside),
        }
        finding = finding.model_copy(update=update)
        one_probe = ONE_PROBE if units.one_probe else ""
        note = sentences(self._told(finding, sides, beside), told, one_probe, finding.note)
        return Measured(finding.model_copy(update={"note": note}), contributions(beside.moved, units))

    def _finding(self, sides: "_Sides", beside: Beside) -> Finding:
        quantity, (new, base) = self.quantity, (_arm(*side) for side in (sides.new, sides.base))
        missing = why_missing(beside.reasons) or "No pair of images is missing"
        unasked = f"{beside.unasked} draws left out: their pair was not asked of {base}" if beside.unasked else ""
        sides_told = f"{' + '.join(sides.new)} less {' + '.join(sides.base)}, by pair and seed"
        thinner = f"{beside.thinner} draws stand beside fewer draws of {base} than were asked" if beside.thinner else ""
        return Finding(
            metric=f"{self.metric}.{sides.quantity}",
            title=f"Change in {lowered(quantity.title)}: {new} minus {base}",
            protocol=corrected_protocol(f"{sides_told}; {quantity.protocol}", quantity.correction),
            generator=self.arms.sample.generator,
            where=sides.where,
            estimate=None,
            interval=None,
            confidence=quantity.confidence,
            unit=apart(quantity.unit),
            better="none",
            n=len(beside.rows),
            n_missing=len(beside.reasons),
            clusters=0,
            method="none",
            source=quantity.source,
            correction=quantity.correction,
            note=sentences(missing, thinner, unasked, quantity.note),
        )

    def _told(self, finding: Finding, sides: "_Sides", beside: Beside) -> str:
        unit = self.quantity.unit
        new, base = amount(float(beside.new.mean()), unit), amount(float(beside.base.mean()), unit)
        size = f"{amount(finding.estimate or 0.0, finding.unit)} ({told_interval(finding)})"
        ends = finding.interval
        open_end = "; it is not shown that it changes anything" if ends is None or ends.low <= 0 <= ends.high else ""
        sides_told = f"{_arm(*sides.new)!r} shows {new}, {_arm(*sides.base)!r} {base} with the same seeds"
        return f"{sides_told}: a change of {size}{open_end}"

    def _beside_placebo(self, finding: Finding, quantity: Quantity, flips: Scores, sides: tuple[Ints, Ints]) -> Finding:
        """The share of an arm held against the placebo's, pair by pair."""
        beside = self.arms.beside(flips, *sides, "placebo")
        if finding.estimate is None or not len(beside.rows):
            return finding
        found = beside.contrast(quantity, self.arms.sample.units(beside.rows))
        moved = finding.model_copy(
            update={"estimate": found.moved.estimate, "interval": found.interval, "unit": apart("share")}
        )
        more = "fewer" if found.moved.estimate < 0 else "more"
        size = f"{amount(abs(found.moved.estimate), moved.unit)} {more} than the placebo"
        told = f"{amount(finding.estimate, 'share')} of pairs, {size} (difference: {told_interval(moved)})"
        method = f"{finding.method}; p-value: flips as many as the placebo, {found.moved.method}"
        note = sentences(told, finding.note)
        return finding.model_copy(update={"p_value": found.p_value, "note": note, "method": method})

    def _evidence(self, beside: Beside) -> tuple[str, ...]:
        """Images that differ most from their partner, each followed by it."""
        moved, images = np.abs(beside.moved), self.arms.sample.images
        order = np.argsort(-moved, kind="stable")[:EVIDENCE]
        shown = [(beside.rows[at], beside.partner[at]) for at in order if moved[at] > 0]
        return tuple(dict.fromkeys(str(images[row]) for both in shown for row in both if images[row]))


@dataclass(frozen=True, slots=True)
class _Sides:
    """What a finding takes from what."""

    quantity: str
    where: dict[str, str]
    new: tuple[str, ...]
    """Levels."""
    base: tuple[str, ...]


def _arm(*levels: str) -> str:
    """Levels of one side in words.

    >>> _arm("neutral"), _arm("placebo: one word", "placebo: one clause")
    ('neutral', 'placebo')
    """
    return levels[0] if len(levels) == 1 else "placebo"


def _span(finding: Finding, axis: str) -> Span | None:
    if finding.estimate is None or finding.interval is None:
        return None
    label = next(iter(finding.where.values()), axis)
    return Span(label=label, estimate=finding.estimate, low=finding.interval.low, high=finding.interval.high, n=finding.n)
