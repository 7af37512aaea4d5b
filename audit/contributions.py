"""What each independent sampling unit adds to a finding: enough to judge it again without images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

__all__ = ["Contribution", "Parts"]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one independent sampling unit adds to a finding.

    The finding's estimate is sum(``total``) / sum(``n``) over its contributions (for a distance: sums of its per-image
    pseudo-values, value + influence), and their spread gives its interval. Two runs are compared by matching
    ``pair``; a merge of shards adds rows up.
    """

    cluster: str
    pair: str
    """Equal in two runs where the same probes were drawn with the same seeds."""
    total: float
    n: float
    squares: float
    """Sum of squared values."""


@dataclass(frozen=True, slots=True)
class Parts(Sequence[Contribution]):
    """Contributions of many clusters, as columns; ``pair`` is the cluster's name."""

    names: npt.NDArray[np.object_]
    """(g,) names of the clusters."""
    total: npt.NDArray[np.float64]
    n: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, at: int) -> Contribution: ...
    @overload
    def __getitem__(self, at: slice) -> "Parts": ...
    def __getitem__(self, at: int | slice) -> "Contribution | Parts":
        if isinstance(at, slice):
            return Parts(self.names[at], self.total[at], self.n[at], self.squares[at])
        name = str(self.names[at])
        return Contribution(name, name, float(self.total[at]), float(self.n[at]), float(self.squares[at]))
