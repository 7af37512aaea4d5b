"""Sets of images dealt into cells of whole clusters, so that parts of them can be measured and one cell left out."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from audit.stats.distances import Gaussian
from audit.stats.moments import Features, Moments

__all__ = ["CELLS", "Cut", "Fixed", "Labels", "Part", "dealt"]

Labels = npt.NDArray[np.generic]
Rows = npt.NDArray[np.intp]
Part = Moments | Rows
"""Some cells of a set: moments where there are more images than dimensions, else the numbers of rows."""

CELLS = 12
"""1, 2, 3, 4 and 6 divide it."""


class Cut:
    """A set of features by cell."""

    def __init__(self, rows: Features, cells: Rows) -> None:
        """Args are (n, d) features and (n,) cells."""
        self.rows = rows
        self.cells = [np.flatnonzero(cells == cell) for cell in range(CELLS)]
        self.filled = sum(len(cell) > 0 for cell in self.cells)
        """Cells that hold images."""
        self.moments = [Moments.of(rows[cell]) for cell in self.cells] if len(rows) > rows.shape[1] else []

    def part(self, cells: range) -> Part:
        """Some cells."""
        if self.moments and sum(len(self.cells[cell]) for cell in cells) > self.rows.shape[1]:
            return reduce(Moments.merge, (self.moments[cell] for cell in cells))
        return np.concatenate([self.cells[cell] for cell in cells])

    def less(self, part: Part, cell: int) -> Part:
        """A part without one of its cells."""
        if isinstance(part, Moments):
            return part.without(self.moments[cell])
        return np.setdiff1d(part, self.cells[cell], assume_unique=True)

    def gaussian(self, part: Part) -> tuple[Gaussian, float]:
        """Of a part, with 1 / n."""
        if isinstance(part, Moments):
            return Gaussian.of_moments(part), 1 / part.n
        return Gaussian.of_features(self.rows[part]), 1 / len(part)


@dataclass(frozen=True)
class Fixed:
    """A set that is taken as it is, whatever the cells: more images would take none of its bias away."""

    moments: Moments
    whole: Gaussian
    filled: int = CELLS

    def part(self, cells: range) -> Part:
        """All of it."""
        del cells
        return self.moments

    def less(self, part: Part, cell: int) -> Part:
        """All of it."""
        del cell
        return part

    def gaussian(self, part: Part) -> tuple[Gaussian, float]:
        """All of it, with 0 for 1 / n."""
        del part
        return self.whole, 0.0


def dealt(labels: tuple[Labels, Labels], rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Cell of each image of two sets: whole clusters, the largest first, each into the cell that is emptiest as yet.

    A label that both sets have goes to one cell in both.

    Args:
        labels: (n,) and (m,).
        rng: settles ties between cells.

    >>> one, two = dealt((np.repeat(np.arange(24), 2), np.arange(24)), np.random.default_rng(0))
    >>> bool((one[::2] == two).all()), np.bincount(one).tolist() == [4] * CELLS
    (True, True)
    """
    first, second = labels
    names, place = np.unique(np.concatenate([first, second]).astype(str), return_inverse=True)
    counts = np.stack([np.bincount(side, minlength=len(names)) for side in (place[: len(first)], place[len(first) :])])
    shared: npt.NDArray[np.bool_] = np.all(counts > 0, axis=0)
    shuffled = rng.permutation(len(names))
    # Shared clusters first: what is on one side only can then even out the cells of its side.
    order = shuffled[np.lexsort((-counts.sum(axis=0)[shuffled], ~shared[shuffled]))]
    loads, cell_of = np.zeros((2, CELLS)), np.zeros(len(names), dtype=np.intp)
    for name in order:
        held = counts[:, name]
        emptiest = int(np.argmin((loads * (held > 0)[:, None]).sum(axis=0)))
        cell_of[name] = emptiest
        loads[:, emptiest] += held
    return cell_of[place[: len(first)]], cell_of[place[len(first) :]]
