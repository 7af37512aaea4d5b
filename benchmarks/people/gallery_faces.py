"""Made-up embeddings of faces. Those of one group share a shift: its people are taken for one another more often."""

import math

import numpy as np

from audit.stats.intervals import FloatArray

SEED = 20_240_518
SHIFT = 0.5


def faces(n: int, rng: np.random.Generator, shift: FloatArray | float = 0.0, width: int = 32) -> FloatArray:
    """(n, width) unit vectors; ``shift`` (a number, or one a face) moves them towards one direction."""
    drawn = rng.standard_normal((n, width))
    drawn[:, 0] += np.asarray(shift) * math.sqrt(width)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float64)


def mixed(n: int, rng: np.random.Generator) -> FloatArray:
    """Faces of whom three in ten are of the group with the shift."""
    return faces(n, rng, np.where(rng.random(n) < 0.3, SHIFT, 0.0))
