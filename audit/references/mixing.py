"""What figures by prompt say of a cell of several prompts: their mix, by the draws read of each."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from audit.reference import Asked, Silent

__all__ = ["Figures", "Mixture", "mix"]

NAMED = 4


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares that were estimated together, in one sample: prompts with the same figures rest on the same sample."""

    name: str
    """Tells these figures from others."""
    shares: Mapping[str, float]
    """Label -> share, 0 .. 1."""
    n: float = math.inf
    """Simple random sample that would know them as well; infinite where they are exact."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Figures of one cell."""

    shares: Mapping[str, float]
    """Labels that all of its figures know."""
    n_effective: float
    weights: Mapping[str, float]
    """Name of the figures -> their share of the draws."""


Find = Callable[[Mapping[str, str]], tuple[str, Figures | None]]
"""Axis levels of a prompt -> what they are called, for a reader, and their figures; None where there are none."""


def mix(asked: Asked, find: Find, of: str) -> Mixture | Silent:
    """Mix the figures of the prompts of a cell; one prompt without figures makes it silent, not smaller.

    The share is sum(W_r s_r) with W_r the share of draws whose prompt has the figures r. Different figures are
    independent samples, so its variance is sum(W_r^2 s_r (1 - s_r) / n_r), and ``n_effective`` is the n of a simple
    random sample with the same variance, over all labels together. A share of 0 or 1 is known no better than half a
    person in n allows, so it never counts as exact unless n is infinite.

    Args:
        of: what prompts differ by, in the plural: ``occupations``.
    """
    drawn: dict[str, float] = {}
    known: dict[str, Figures] = {}
    names: set[str] = set()
    lacking: dict[str, None] = {}
    for levels, count in asked.prompts:
        name, figures = find(levels)
        names.add(name)
        if figures is None:
            lacking[name] = None
        else:
            known[figures.name] = figures
            drawn[figures.name] = drawn.get(figures.name, 0.0) + count
    if lacking:
        more = ", ..." if len(lacking) > NAMED else ""
        return Silent(f"{len(lacking)} of {len(names)} {of} have no figures: {', '.join(list(lacking)[:NAMED])}{more}")
    whole = sum(drawn.values())
    if not whole > 0:
        return Silent("no draw of it was read")
    return _mixture(known, {name: count / whole for name, count in drawn.items()})


def _mixture(known: Mapping[str, Figures], weights: Mapping[str, float]) -> Mixture | Silent:
    first, *rest = known.values()
    labels = [label for label in first.shares if all(label in other.shares for other in rest)]
    if not labels:
        return Silent("its figures have no label in common")
    shares = {label: sum(weight * known[name].shares[label] for name, weight in weights.items()) for label in labels}
    return Mixture(shares, _n_effective(known, weights, labels), weights)


def _n_effective(known: Mapping[str, Figures], weights: Mapping[str, float], labels: list[str]) -> float:
    spread = variance = 0.0
    for label in labels:
        parts = [
            (weight, _unsure(known[name].shares[label], known[name].n), known[name].n) for name, weight in weights.items()
        ]
        share = sum(weight * p for weight, p, _ in parts)
        spread += share * (1 - share)
        variance += sum(weight**2 * p * (1 - p) / n for weight, p, n in parts)
    return spread / variance if variance > 0 else math.inf


def _unsure(share: float, n: float) -> float:
    """A share at least half a person away from nobody and from everybody."""
    half = min(0.5, 0.5 / n)
    return min(max(share, half), 1 - half)
