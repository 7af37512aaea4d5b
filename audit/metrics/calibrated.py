"""Whether a stated confusion matrix can be that of the audited images; where it cannot, it is not used, and why is told."""

from dataclasses import replace

import numpy as np

from audit.calibration import Calibration
from audit.metrics.label_shares import CellShares, LabelShares
from audit.metrics.sample import Cell, Floats
from audit.stats.intervals import cluster_share, wilson

__all__ = ["calibrated", "disputed"]


def calibrated(labelled: LabelShares, calibration: Calibration | None, whole: Cell, confidence: float) -> LabelShares:
    """The same labels, corrected by a matrix unless all draws together contradict it.

    It is contradicted where a label is read less or more often than any true shares could make it, each side beyond its
    interval; or where people's labels of these images rule its correction out.
    """
    if calibration is None:
        return labelled
    found = replace(labelled, calibration=calibration)
    if not len(whole.among(labelled.present)):
        return found
    shares = found.cell(whole)
    why = _impossible(shares, confidence) or _ruled_out(shares, confidence)
    return replace(labelled, refused=f"The stated confusion matrix was not used: {why}") if why else found


def disputed(shares: CellShares, k: int, confidence: float) -> float | None:
    """Share of a label that a matrix gives, where people's labels of the same images rule it out; None where not."""
    if shares.correction != "labels" or not shares.calibration:
        return None
    by_matrix, known = float(replace(shares, told=None).shares[k]), shares.estimate(k, confidence).interval
    return None if known is None or known[0] <= by_matrix <= known[1] else by_matrix


def _impossible(shares: CellShares, confidence: float) -> str:
    for k, label in enumerate(shares.of.labels):
        read = cluster_share(shares.counts[:, k], shares.sizes, confidence=confidence)
        low, high = read.interval or (0.0, 1.0)
        least, most = _reach(shares.matrix, k, confidence)
        if high < least or low > most:
            could = f"at least {100 * least:.0f}" if high < least else f"at most {100 * most:.0f}"
            return (
                f"{label!r} is read in {100 * read.value:.1f} % of the draws, and with that matrix it would be in {could} %"
            )
    return ""


def _reach(matrix: Floats, k: int, confidence: float) -> tuple[float, float]:
    """Least and greatest share of readings of a label over all true shares, with the error of the calibration."""
    known = matrix.sum(axis=0)
    ends = np.array([wilson(float(matrix[k, j]), float(known[j]), confidence=confidence) for j in range(len(matrix))])
    return float(ends[:, 0].min()), float(ends[:, 1].max())


def _ruled_out(shares: CellShares, confidence: float) -> str:
    for k, label in enumerate(shares.of.labels):
        by_matrix = disputed(shares, k, confidence)
        if by_matrix is not None:
            return (
                f"it would give {100 * by_matrix:.1f} % {label!r}, which people's labels of these images rule out; the "
                "classifier errs otherwise here than on the images of its calibration"
            )
    return ""
