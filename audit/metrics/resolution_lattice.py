"""A pattern of period 2 or 4 pixels that a generator's images share, such as a checkerboard."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from audit.component import Measured
from audit.metrics.averages import Quantity, average, panelled, sentences
from audit.metrics.sample import Sample, Scores
from audit.panels import Table

__all__ = ["lattice"]

Complex = npt.NDArray[np.complex128]

WAVES = ((0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (3, 1))
"""Quarters of a cycle per pixel, downwards and across, in the order of the scorer's vector."""
METHOD = (
    "the strongest wave of the mean image by its power over that of frequencies beside it; F test, Bonferroni over "
    f"{len(WAVES)} waves; chosen by looking, which the p-value allows for and the interval does not"
)


def lattice(quantity: Quantity, sample: Sample, column: str) -> Measured:
    """Test whether the mean of a generator's images has a line at a lattice's frequency.

    Pictures, and what they have in common (a frame, a face in the middle), have a spectrum without lines: a wave is no
    stronger than those beside it. So the power of each wave of the mean image over the mean power of its neighbours is
    held against an F law. The estimate is how far the images follow the strongest wave.

    Args:
        column: waves with their neighbours, as vectors.
    """
    found = sample.table.values(column)
    cell = next(iter(sample.cells(())))
    rows = cell.among(found.present)
    value = np.zeros(len(sample))
    if len(rows) < quantity.min_n:
        return average(quantity, sample, Scores(value, found.present, found.reason), cell)
    parts = np.asarray(found.value, dtype=np.float64)[rows].reshape(len(rows), len(WAVES), -1, 2)
    waves: Complex = parts[..., 0] + 1j * parts[..., 1]
    mean = waves.mean(axis=0)
    p_values = _p_values(mean)
    best = int(p_values.argmin())
    p_value = min(1.0, len(WAVES) * float(p_values[best]))
    value[rows] = _followed(waves[:, best, 0]) * (1 if _mirrored(best) else 2)
    said = f"p = {p_value:.2g} that there is no common pattern; the strongest repeats {_period(best)}"
    quantity = replace(quantity, note=sentences(said, quantity.note))
    measured = average(quantity, sample, Scores(value, found.present, found.reason), cell)
    method = f"{measured.finding.method}; {METHOD}"
    finding = measured.finding.model_copy(update={"p_value": p_value, "method": method})
    return panelled(Measured(finding, measured.contributions), _table(mean, p_values, said))


def _p_values(mean: Complex) -> npt.NDArray[np.float64]:
    """(9,) of each wave by itself.

    Args:
        mean: (9, 1 + k) of the mean image.
    """
    power = np.abs(mean) ** 2
    ratio = power[:, 0] / np.maximum(power[:, 1:].mean(axis=1), 1e-12)
    free = 2 * (power.shape[1] - 1)
    return np.array([stats.f.sf(ratio[at], 1 if _mirrored(at) else 2, free) for at in range(len(WAVES))])


def _mirrored(at: int) -> bool:
    """Whether a wave is its own mirror image, so that it has a sign but no phase."""
    return all(quarters in (0, 2) for quarters in WAVES[at])


def _followed(wave: Complex) -> npt.NDArray[np.float64]:
    """(n,) amplitude of each image along the phase of the mean."""
    mean = wave.mean()
    return np.asarray((wave * np.conj(mean) / max(abs(mean), 1e-12)).real, dtype=np.float64)


def _period(at: int) -> str:
    """In words.

    >>> _period(7), _period(1)
    ('every 2 px downwards and every 2 px across', 'every 2 px across')
    """
    named = zip(WAVES[at], ("downwards", "across"), strict=True)
    return " and ".join(f"every {4 // min(quarters, 4 - quarters)} px {way}" for quarters, way in named if quarters)


def _table(mean: Complex, p_values: Sequence[float] | npt.NDArray[np.float64], said: str) -> Table:
    amplitude = np.abs(mean[:, 0]) * [1 if _mirrored(at) else 2 for at in range(len(WAVES))]
    beside = np.sqrt((np.abs(mean[:, 1:]) ** 2).mean(axis=1))
    return Table(
        title="Fine patterns that all images share",
        summary=f"Waves of the mean image, in grey levels, beside frequencies nearby; {said}.",
        columns=("repeats", "amplitude", "nearby", "p, adjusted"),
        rows=tuple(
            (_period(at), f"{amplitude[at]:.3f}", f"{beside[at]:.3f}", f"{min(1.0, len(WAVES) * p_values[at]):.2g}")
            for at in range(len(WAVES))
        ),
    )
