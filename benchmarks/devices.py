"""Rows for each device: the CPU always, a GPU where there is one."""

import pytest
import torch

from benchmarks.stopwatch import stopwatch

__all__ = ["ON_CPU", "ON_EACH_DEVICE", "on_gpu"]

HAS_GPU = torch.cuda.is_available()


def on_gpu(*values: str) -> object:
    """A row with these values that needs a GPU."""
    skip = pytest.mark.skipif(not HAS_GPU, reason="no CUDA device")
    return pytest.param(*values, marks=[skip, pytest.mark.benchmark(timer=stopwatch("cuda"))])


def on_cpu(*values: str) -> object:
    """A row with these values on the CPU."""
    return pytest.param(*values, marks=ON_CPU)


ON_CPU = pytest.mark.benchmark(timer=stopwatch("cpu"))
ON_EACH_DEVICE = pytest.mark.parametrize("device", [on_cpu("cpu"), on_gpu("cuda")])
