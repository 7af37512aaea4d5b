"""The arms of counterfactual pairs: which axis tells them apart, and draws beside those of the same pair and seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from audit.component import Context
from audit.errors import SpecError
from audit.metrics.averages import SHARES, Quantity, cut
from audit.metrics.contrasts import Contrast, contrast
from audit.metrics.sample import Floats, Ints, Mask, Sample, Scores, Units
from audit.records import Interval, Probe
from audit.spec import nearest
from audit.stats.paired import Parts
from audit.table import Strings

__all__ = ["Arms", "Beside", "Roles"]

PLACEBO = "placebo"
"""Levels that begin so are placebos where none is named, as in the suite ``counterfactual``."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The axis whose levels are arms, and what each level is for."""

    axis: str
    neutral: str
    placebos: tuple[str, ...]
    arms: tuple[str, ...]
    """All other levels, sorted."""

    @classmethod
    def of(cls, context: Context, axis: str | None, neutral: str, placebos: Sequence[str] | None) -> "Roles":
        """The roles among the probes that were asked as arms of a pair.

        Args:
            axis: None for the contrast axis that differs between all probes of every pair.
            placebos: None for the levels that begin with ``placebo``.

        Raises:
            SpecError: no probes are paired, or the axis or a level is not among them; starts with the name of a parameter.
        """
        pairs = list(_pairs(context).values())
        if not pairs:
            raise SpecError(
                "axis: no two probes share a pair, so there are no arms to compare; ask a suite that pairs its probes, "
                "such as `counterfactual`, `phantom` with `counterfactual: true`, or `captions` with a column `pair`"
            )
        chosen = _axis(pairs, neutral) if axis is None else axis
        levels = sorted({probe.levels[chosen] for probes in pairs for probe in probes if chosen in probe.levels})
        if not levels:
            known = sorted({name for probes in pairs for probe in probes for name in probe.levels})
            raise SpecError(f"axis: no paired probe has the axis {chosen!r}; {nearest(chosen, known)}")
        found = tuple(level for level in levels if level.startswith(PLACEBO)) if placebos is None else tuple(placebos)
        for parameter, level in (("neutral", neutral), *(("placebo", level) for level in found)):
            if level not in levels:
                raise SpecError(f"{parameter}: no paired probe has {chosen} {level!r}; {nearest(level, levels)}")
        if neutral in found:
            raise SpecError(f"placebo: {neutral!r} is the neutral arm; leave it out")
        arms = tuple(level for level in levels if level != neutral and level not in found)
        if not arms:
            raise SpecError(f"axis: {chosen} has no arm besides the neutral one and placebos: {', '.join(levels)}")
        return cls(chosen, neutral, found, arms)


def _pairs(context: Context) -> dict[str, list[Probe]]:
    """Probes of the audited generators by pair, where a pair has at least two."""
    found: dict[str, dict[str, Probe]] = {}
    for generator in context.generators:
        table = Sample.of(context, generator).table
        for probe in (table.probes[str(name)] for name in table.asked[1]):
            if probe.pair:
                found.setdefault(probe.pair, {})[probe.id] = probe
    return {pair: list(probes.values()) for pair, probes in sorted(found.items()) if len(probes) > 1}


def _axis(pairs: Sequence[Sequence[Probe]], neutral: str) -> str:
    """The contrast axis on which all probes of every pair differ; of several, the one that has the neutral level."""
    contrasts = ({axis.name for axis in probe.axes if axis.role == "contrast"} for probes in pairs for probe in probes)
    common = set.intersection(*contrasts)
    telling = [name for name in sorted(common) if all(_all_differ(probes, name) for probes in pairs)]
    neutrals = [name for name in telling if any(probe.levels[name] == neutral for probes in pairs for probe in probes)]
    if len(neutrals or telling) != 1:
        why = f"{', '.join(neutrals or telling)} do" if telling else "none does"
        raise SpecError(f"axis: which axis tells the arms of a pair apart is not clear ({why}); name it")
    return (neutrals or telling)[0]


def _all_differ(probes: Sequence[Probe], axis: str) -> bool:
    return len({probe.levels[axis] for probe in probes}) == len(probes)


@dataclass(frozen=True, slots=True)
class Beside:
    """Draws of one arm, each beside the mean of the draws of another that share its pair and seed."""

    rows: Ints
    """(m,) positions of the draws of which both sides are there."""
    partner: Ints
    """(m,) position of a draw beside each."""
    new: Floats
    """(m,)"""
    base: Floats
    """(m,)"""
    reasons: Strings
    """Why the other draws have no pair of values: their own reason, or that of the other side."""
    extremes: tuple[float, float] | None
    """Least and largest mean difference of shares, whatever the missing draws might have been; None without any."""
    unasked: int
    """Draws whose pair was not asked on the other side."""
    thinner: int
    """Draws with some, but not all, of their partners."""

    @property
    def moved(self) -> Floats:
        """(m,) how far each draw lies above its partners."""
        return self.new - self.base

    def bounds(self, unit: str) -> Interval | None:
        """The extremes as a record, cut to -1 .. 1; None unless the unit is one of shares."""
        return cut(self.extremes, unit, -1.0) if unit in SHARES else None

    def contrast(self, quantity: Quantity, units: Units) -> Contrast:
        """Mean difference by unit, each as large on both sides, so that seeds cancel."""
        return contrast(quantity, _sums(self.new, units), _sums(self.base, units))


def _sums(values: Floats, units: Units) -> Parts:
    totals = np.bincount(units.code, values, minlength=len(units.names))
    counts = np.bincount(units.code, minlength=len(units.names))
    return {str(name): (float(t), float(n)) for name, t, n in zip(units.names, totals, counts, strict=True)}


@dataclass(frozen=True)
class Arms:
    """One generator's draws of counterfactual pairs."""

    sample: Sample
    level: Strings
    """(n,) level of the arm; empty for a draw outside pairs."""
    pair: Ints
    """(n,) equal for draws of one pair"""
    key: Ints
    """(n,) equal for draws of one pair and seed, 0 .. keys - 1"""

    @classmethod
    def of(cls, sample: Sample, axis: str) -> "Arms":
        """Arms of the levels of an axis."""
        code, probes = sample.table.asked
        names = np.array([sample.table.probes[str(probe)].pair for probe in probes], dtype=str)
        distinct, of_probe = np.unique(names, return_inverse=True)
        pair = of_probe[code] if len(probes) else np.zeros(0, dtype=np.int64)
        _, seed = np.unique(np.asarray(sample.table.column("seed"), dtype=np.int64), return_inverse=True)
        _, key = np.unique(pair * (int(seed.max(initial=0)) + 1) + seed, return_inverse=True)
        paired = distinct[pair] != "" if len(distinct) else np.zeros(0, dtype=bool)
        level = np.where(paired, sample.levels(axis), "").astype(object)
        return cls(sample, level, pair.astype(np.int64), key.astype(np.int64))

    def rows(self, *levels: str) -> Ints:
        """Positions of the draws of some arms."""
        return np.flatnonzero(np.isin(self.level.astype(str), levels))

    def asked_beside(self, new: Ints, base: Ints) -> Ints:
        """Those positions among ``new`` whose pair was asked at ``base`` too."""
        return new[np.isin(self.pair[new], self.pair[base])]

    def beside(self, scores: Scores, new: Ints, base: Ints, who: str) -> Beside:
        """Values of the draws at ``new`` beside those at ``base``; ``who`` names the latter in reasons."""
        rows, keys = self.asked_beside(new, base), int(self.key.max(initial=-1)) + 1
        there = base[scores.present[base]]
        drawn = np.bincount(self.key[base], minlength=keys)[self.key[rows]]
        known = np.bincount(self.key[there], minlength=keys)[self.key[rows]]
        sums = np.bincount(self.key[there], scores.value[there], minlength=keys).astype(np.float64)
        total = np.asarray(sums[self.key[rows]], dtype=np.float64)
        own = scores.present[rows]
        both = own & (known > 0)
        first = np.full(keys, -1)
        first[self.key[there][::-1]] = there[::-1]
        lacking = self._reasons(scores, rows[~both], base, who)
        complete = bool(both.all() and np.all(known == drawn))
        value = np.where(own, scores.value[rows], 0.0)
        return Beside(
            rows=rows[both],
            partner=first[self.key[rows[both]]],
            new=scores.value[rows[both]],
            base=total[both] / known[both],
            reasons=lacking,
            extremes=None if complete else _extremes((value, own), total, known, drawn),
            unasked=len(new) - len(rows),
            thinner=int((both & (known < drawn)).sum()),
        )

    def _reasons(self, scores: Scores, rows: Ints, base: Ints, who: str) -> Strings:
        """(k,) why draws lack a pair of values."""
        of_base = {int(self.key[row]): str(scores.reason[row]) for row in base[~scores.present[base]][::-1]}

        def told() -> Iterator[str]:
            for row in rows:
                if not scores.present[row]:
                    yield str(scores.reason[row])
                else:
                    yield f"{who}: {of_base.get(int(self.key[row]), 'not drawn')}"

        return np.array(list(told()), dtype=object)

    def flips(self, labels: tuple[Strings, Mask, Strings], base: Ints, who: str) -> Scores:
        """By draw, whether its label is another than that of the base draw of its pair and seed: 1 or 0.

        Of several base draws, the share whose label is another. A draw has none where it or every base draw lacks a label.
        """
        value, present, reason = labels
        names, code = np.unique(np.where(present, value, "").astype(str), return_inverse=True)
        keys, there = int(self.key.max(initial=-1)) + 1, base[present[base]]
        alike = np.bincount(self.key[there] * len(names) + code[there], minlength=keys * len(names))
        known = np.bincount(self.key[there], minlength=keys)[self.key]
        same = alike[self.key * len(names) + code] / np.maximum(known, 1)
        lacking = np.where(present, f"{who}: no label", reason).astype(object)
        both = present & (known > 0)
        return Scores(1.0 - same, both, np.where(both, "", lacking).astype(object))


def _extremes(own: tuple[Floats, Mask], total: Floats, known: Ints, drawn: Ints) -> tuple[float, float] | None:
    """Mean difference of shares if the missing draws of one side had no success and those of the other all; the reverse."""
    value, present = own
    if not len(value):
        return None
    asked, lacking = np.maximum(drawn, 1), np.where(drawn > 0, drawn - known, 1)
    low, high = total / asked, (total + lacking) / asked
    return float((value - high).mean()), float((value + ~present - low).mean())
