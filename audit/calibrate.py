"""What ``imgaudit calibrate`` does: a classifier's errors on labelled images, and the threshold that meets a target."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.calibration import Calibration
from audit.calibration_figures import (
    AtThreshold,
    along_thresholds,
    chosen_threshold,
    group_errors,
    held_out,
)
from audit.classifier import UNREADABLE, Classifier, Looked
from audit.errors import InputError
from audit.labelled_images import LabelledImages

__all__ = ["CONFIDENCE", "Calibrated", "Goal", "calibrated"]

FEW = 50
"""Images of a true label below which its error is told to be little known."""
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked of a calibration."""

    label: str
    """What the column of true labels is called."""
    images: str
    """What the images are and who labelled them."""
    basis: str = ""
    target: float | None = None
    """Choose the lowest threshold whose error has an upper limit of at most this; None: keep the scorer's own."""


@dataclass(frozen=True)
class Calibrated:
    """What was found."""

    calibration: Calibration
    """Counts and errors at the threshold in use."""
    parameter: str
    """Of the scorer, below which confidence means an abstention; empty where it has none."""
    before: float | None
    """Threshold that the scorer had."""
    chosen: float | None
    """Threshold that meets the target; None where none does, none holds on other images, or none was asked for."""
    along: tuple[AtThreshold, ...]
    notes: tuple[str, ...]


def calibrated(asked: Classifier, looked: Looked, labelled: LabelledImages, goal: Goal) -> Calibrated:
    """Count errors at the threshold that is chosen, or at the scorer's own.

    Raises:
        InputError: no label was read on any image.
    """
    everything = looked.readings
    if not everything.there.any():
        ((why, count),) = Counter(everything.reason.tolist()).most_common(1)
        first = f"; the first: {looked.unreadable[0]}" if why == UNREADABLE else ""
        raise InputError(f"no label was read on any of the {len(everything.read)} images ({count} times: {why}{first})")
    before = asked.threshold if asked.parameter else None
    wished = goal.target if before is not None else None
    meeting = chosen_threshold(everything, wished, CONFIDENCE) if wished is not None else None
    judged = held_out(everything, wished, CONFIDENCE) if wished is not None else None
    chosen = meeting if judged is None or judged.holds else None
    if before is not None and chosen is not None and everything.at(chosen).there.sum() == everything.at(before).there.sum():
        chosen = before  # which leaves the same labels, so nothing need change
    used = before if chosen is None else chosen
    readings = everything if used is None else everything.at(used)
    fitted = asked if used is None else asked.at(used)
    calibration = Calibration(
        column=asked.path,
        images=goal.images,
        dated=datetime.now(UTC).date().isoformat(),
        counts=readings.counts(asked.column.levels),
        basis=goal.basis,
        recipe=fitted.recipe,
        thresholds={} if used is None else {asked.parameter: used},
        abstained=readings.abstained(),
        groups=group_errors(readings, goal.label, CONFIDENCE),
        held_out=judged,
        confidence=CONFIDENCE,
    )
    marks = [mark for mark in (before, chosen or meeting) if mark is not None]
    along = along_thresholds(everything, marks, CONFIDENCE) if before is not None else ()
    notes = tuple(_notes(calibration, asked.column.levels, looked, labelled))
    return Calibrated(calibration, asked.parameter, before, chosen, along, notes)


def _notes(calibration: Calibration, labels: Sequence[str], looked: Looked, labelled: LabelledImages) -> Iterator[str]:
    if labelled.left_out:
        yield f"{labelled.left_out} rows of the table are left out, as their label is mapped to nothing."
    if looked.unreadable:
        first = looked.unreadable[0]
        yield f"{len(looked.unreadable)} images could not be read and count as abstentions; the first: {first}."
    known = Counter(looked.readings.truth.tolist())
    for label in labels:
        if known[label] < FEW:
            yield f"Only {known[label]} images are labelled {label!r}: what becomes of such images is little known."
    if calibration.basis != "generated":
        yield (
            "These are photographs, not images of your generator, which may be read better or worse: "
            "`imgaudit labels` corrects by labels of the audited images themselves, and needs no such assumption."
        )
    yield "The true labels are what annotators perceived; where they err or differ, so does this error."
    try:
        calibration.usable(tuple(labels))
    except ValueError as error:
        yield f"`representation` cannot be corrected by these counts: {error}."
