"""A fine pattern that all images of a generator share, such as the checkerboard of a network that enlarges by strides."""

import numpy as np
import numpy.typing as npt

from audit.component import Measured
from audit.digest import derive_seed
from audit.metrics.averages import Quantity, average, panelled, sentences
from audit.metrics.sample import Sample, Scores, Units
from audit.panels import Heatmap

__all__ = ["lattice"]

Complex = npt.NDArray[np.complex128]

FLIPS = 999
FEWEST_UNITS = 8
"""Prompts below which draws are the units of the test: few prompts have few ways to turn their signs."""
METHOD = (
    f"largest over all periods of |sum|^2 / sum of |.|^2 by cluster, against {FLIPS} random signs of the clusters; "
    "the pattern is chosen by looking, which the p-value allows for and the interval does not"
)


def lattice(quantity: Quantity, sample: Sample, column: str, *, seed: int) -> Measured:
    """Test whether the mean tile of a generator's images is even.

    Each tile is taken apart into waves. Pictures that lie in the frame at random give a wave any sign, so that turning
    the signs of prompts at random shows what their mean is like without a common pattern. The estimate is how far the
    images follow the strongest wave of their mean.

    Args:
        column: tiles, as vectors row by row.
    """
    cell = next(iter(sample.cells(())))
    found = sample.table.values(column)
    rows = cell.among(found.present)
    if len(rows) < quantity.min_n:
        return average(quantity, sample, Scores(np.zeros(len(sample)), found.present, found.reason), cell)
    tiles = np.asarray(found.value, dtype=np.float64)[rows]
    side = int(np.sqrt(tiles.shape[1]))
    waves = np.fft.fft2(tiles.reshape(-1, side, side)).reshape(len(rows), -1)[:, 1:] / side**2
    units = sample.units(rows)
    if len(units.names) < FEWEST_UNITS:
        units = sample.units(rows, draws=True)
    best, p_value = _tested(waves, units, np.random.default_rng(derive_seed(seed, quantity.name, 0)))
    value = np.zeros(len(sample))
    value[rows] = _followed(waves[:, best])
    measured = average(quantity, sample, Scores(value, found.present, found.reason), cell)
    period = _period(best + 1, side)
    said = f"p = {p_value:.2g} that there is no common pattern; the strongest repeats {period}"
    finding = measured.finding.model_copy(
        update={
            "p_value": p_value,
            "method": f"{measured.finding.method}; {METHOD}",
            "note": sentences(said, measured.finding.note),
        }
    )
    return panelled(Measured(finding, measured.contributions), _picture(tiles.mean(axis=0).reshape(side, side), said))


def _tested(waves: Complex, units: Units, rng: np.random.Generator) -> tuple[int, float]:
    """Position of the strongest wave, and the p-value of the largest statistic."""
    sums = np.zeros((len(units.names), waves.shape[1]), dtype=np.complex128)
    np.add.at(sums, units.code, waves)
    power = np.maximum((np.abs(sums) ** 2).sum(axis=0), 1e-12)
    statistic = np.abs(sums.sum(axis=0)) ** 2 / power
    signs = rng.choice((-1.0, 1.0), size=(FLIPS, len(sums)))
    null = (np.abs(signs @ sums) ** 2 / power).max(axis=1)
    best = int(statistic.argmax())
    return best, float((1 + np.sum(null >= statistic[best] - 1e-9)) / (1 + FLIPS))


def _followed(wave: Complex) -> npt.NDArray[np.float64]:
    """(n,) amplitude of each image along the phase of the mean."""
    mean = wave.mean()
    return np.asarray((wave * np.conj(mean) / max(abs(mean), 1e-12)).real, dtype=np.float64)


def _period(wave: int, side: int) -> str:
    names = ("downwards", "across")
    cycles = [min(each, side - each) for each in divmod(wave, side)]
    parts = [f"every {side / each:.3g} px {name}" for each, name in zip(cycles, names, strict=True) if each]
    return " and ".join(parts)


def _picture(tile: npt.NDArray[np.float64], said: str) -> Heatmap:
    side = len(tile)
    labels = tuple(str(at) for at in range(side))
    return Heatmap(
        title="Mean fine pattern of all images",
        summary=f"Grey levels above the mean of the four neighbours, in tiles of {side} x {side} pixels; {said}.",
        rows=labels,
        columns=labels,
        values=tuple(tuple(round(float(value), 4) for value in row) for row in tile),
        unit="grey levels",
        center=0.0,
    )
