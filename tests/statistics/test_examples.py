"""The examples in docstrings of the statistics and metrics run."""

import doctest
import importlib
import pkgutil

import pytest

import audit.metrics
import audit.stats

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (audit.stats, audit.metrics)
    for module in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs={"np": importlib.import_module("numpy")})
    assert result.failed == 0
    if name.startswith("audit.stats.") and name != "audit.stats.influence":
        assert result.attempted > 0
