"""Labels of a column as numbers by draw: as the classifier gave them, or corrected by what people saw in some draws."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from audit.component import Context
from audit.human_labels import CANNOT_TELL
from audit.metrics.sample import Ints, Mask, Sample, Scores, Units
from audit.metrics.wording import UNCORRECTED
from audit.stats.prediction_powered import LabelledSubset, pseudo_values
from audit.table import Strings

__all__ = [
    "Correction",
    "People",
    "Reading",
    "corrected_protocol",
    "enough",
    "people",
    "reading",
    "subset",
]

Correction = Literal["", "labels", "confusion matrix", "uncorrected"]

FEWEST_LABELS = 10
"""Labels of people, of draws that the classifier read too, with which a share is corrected."""


@dataclass(frozen=True, slots=True)
class People:
    """What people saw in some draws of a sample, of which the classifier said something too."""

    rows: Ints
    """(m,) positions in the sample."""
    label: Strings
    """(m,)"""
    inclusion: np.ndarray[tuple[int], np.dtype[np.float64]]
    """(m,) probability of having been chosen for labelling."""
    unclear: float
    """Weighted share of the chosen draws of which people could not tell, 0 .. 1; they are not among the rows."""

    def within(self, rows: Ints) -> "People":
        """Those of some positions; ``unclear`` stays that of all."""
        here = np.isin(self.rows, rows)
        return People(self.rows[here], self.label[here], self.inclusion[here], self.unclear)

    @property
    def corrects(self) -> str:
        """That labels were corrected by these, for a reader."""
        unclear = f"; of {100 * self.unclear:.0f} % of the draws shown people could not tell" if self.unclear else ""
        return f"Corrected for classifier error by people's labels of {len(self.rows)} draws{unclear}"

    @property
    def lacks(self) -> str:
        """That labels could not be corrected by these, for a reader."""
        few = f"too few labels by people: {len(self.rows)}"
        return few if len(self.rows) < FEWEST_LABELS else "labels by people of one prompt only"


@dataclass(frozen=True, slots=True)
class Reading:
    """Whether a draw has a label, as a number whose mean over draws is the share."""

    scores: Scores
    """1 or 0; corrected: prediction-powered pseudo-values, which leave 0 .. 1."""
    correction: Correction
    unit: Literal["share", "proportion"]
    """``share``: 1 or 0, intervals for shares. ``proportion``: pseudo-values, intervals for means."""
    note: str


def corrected_protocol(recipe: str, correction: str) -> str:
    """A recipe with what its labels were corrected by, so that corrected numbers are not compared with uncorrected ones.

    >>> corrected_protocol("share of 'old'", "labels"), corrected_protocol("share of 'old'", "uncorrected")
    ("share of 'old'; corrected by labels", "share of 'old'")
    """
    return recipe if correction in ("", "uncorrected") else f"{recipe}; corrected by {correction}"


def reading(sample: Sample, column: str, label: str, context: Context, groups: Mapping[str, Ints] | None = None) -> Reading:
    """Whether each draw has a label of a column, corrected where people's labels of enough draws were imported.

    Args:
        groups: name -> positions of the draws of each group that is to be compared. Each needs labels enough: a
            handful of them corrects by noise, and that noise looks like a difference.
    """
    value, present, reason = sample.labels(column)
    read = (value == label).astype(np.float64)
    if column in context.columns and context.columns[column].exact:
        return Reading(Scores(read, present, reason), "", "share", "")
    told = people(sample, column, present, context)
    if told is None:
        return Reading(Scores(read, present, reason), "uncorrected", "share", UNCORRECTED)
    rows = np.flatnonzero(present)
    if not enough(told, rows, sample.units(rows)):
        return Reading(Scores(read, present, reason), "uncorrected", "share", f"{UNCORRECTED} ({told.lacks})")
    if thin := _thin(sample, told, present, groups or {}):
        return Reading(Scores(read, present, reason), "uncorrected", "share", f"{UNCORRECTED}. {thin}")
    found = np.zeros(len(read))
    found[rows] = pseudo_values(subset(sample, rows, read[rows], told, label))
    return Reading(Scores(found, present, reason), "labels", "proportion", told.corrects)


def _thin(sample: Sample, told: People, present: Mask, groups: Mapping[str, Ints]) -> str:
    """Which groups have too few labels by people to be corrected, in words; empty where none has."""
    lacking = []
    for name, chosen in groups.items():
        rows = chosen[present[chosen]]
        within = told.within(rows)
        if len(rows) and not enough(within, rows, sample.units(rows)):
            lacking.append(f"{name} ({len(within.rows)})")
    named = ", ".join(lacking[:3]) if len(lacking) != 2 else " and ".join(lacking)
    more = f" and {len(lacking) - 3} more levels" if len(lacking) > 3 else ""
    need = f"; at least {FEWEST_LABELS}, of two prompts, are needed at each"
    return f"Uncorrected for classifier error: too few labels by people at {named}{more}{need}" if lacking else ""


def enough(told: People, rows: Ints, units: Units) -> bool:
    """Whether people labelled enough of the draws at some positions, rising, and of more than one of their units."""
    return len(told.rows) >= FEWEST_LABELS and len(np.unique(units.code[np.searchsorted(rows, told.rows)])) > 1


def people(sample: Sample, column: str, present: Mask, context: Context) -> People | None:
    """What people saw in the draws of a sample that have a value; None where no labels of the column were imported.

    Labels of draws that have another image now, or none, are left out.
    """
    found = context.labels.get(column)
    if found is None:
        return None
    own = found.generator == sample.generator
    place = {key: row for row, key in enumerate(zip(found.probe[own], found.index[own], strict=True))}
    rows, at = _joined(sample, place)
    same = (sample.images[rows] == found.image[own][at]) & present[rows]
    rows, at = rows[same], at[same]
    label, inclusion = found.label[own][at], found.inclusion[own][at]
    told = label != CANNOT_TELL
    unclear = float((1 / inclusion[~told]).sum() / (1 / inclusion).sum()) if len(rows) else 0.0
    return People(rows[told], label[told], inclusion[told], unclear)


def subset(
    sample: Sample, rows: Ints, read: np.ndarray[tuple[int], np.dtype[np.float64]], told: People, label: str
) -> LabelledSubset:
    """Readings (m,) of the draws at some positions, rising, with people's labels of those among them, as arrays."""
    within = told.within(rows)
    return LabelledSubset(
        predictions=read,
        clusters=sample.units(rows).code,
        labelled=np.searchsorted(rows, within.rows),
        labels=(within.label == label).astype(np.float64),
        inclusion=within.inclusion,
    )


def _joined(sample: Sample, place: dict[tuple[object, object], int]) -> tuple[Ints, Ints]:
    """Positions in the sample of the labelled draws, rising, and their positions among the labels."""
    code, probes = sample.table.asked
    known = {probe for probe, _ in place}
    wanted = np.array([probe in known for probe in probes], dtype=bool)
    candidates = np.flatnonzero(wanted[code]) if len(probes) else np.zeros(0, dtype=np.int64)
    index = np.asarray(sample.table.column("index"), dtype=np.int64)
    keys = zip(probes[code[candidates]], index[candidates].tolist(), strict=True)
    found = np.array([place.get(key, -1) for key in keys], dtype=np.int64)
    return candidates[found >= 0], found[found >= 0]
