"""Images per second of distances between two sets of 2048 features; n is the images of one side."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from audit.stats.distances import frechet_from_features
from audit.stats.kernels import kid
from benchmarks.devices import ON_CPU

DIMENSION = 2048


def _features(n: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return rng.random((n, DIMENSION), dtype=np.float32), rng.random((n, DIMENSION), dtype=np.float32)


@ON_CPU
@pytest.mark.parametrize("n", [1_000, 10_000])
def test_frechet(throughput: Any, n: int) -> None:
    """With what each image moves it by."""
    generated, reference = _features(n)
    throughput(lambda: frechet_from_features(generated, reference), images=n)


@ON_CPU
@pytest.mark.parametrize("n", [1_000, 10_000])
def test_kid(throughput: Any, n: int) -> None:
    """All pairs, with what each image moves it by."""
    generated, reference = _features(n)
    throughput(lambda: kid(generated, reference), images=n)
