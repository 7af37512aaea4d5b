"""Metric ``copies`` through inverted lists: they miss neighbours, whichever set these are of."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from copied_sets import filled, measured

from audit.metrics.copies_files import InMemory
from audit.metrics.copies_search import Search, Settings
from audit.metrics.copies_sets import References
from audit.metrics.neighbours import Exact
from audit.stats.copies import relabelling_p, savage_scores


def test_inverted_lists_tell_how_many_neighbours_they_find() -> None:
    finding = measured(filled(copied=30), index="ivf")["beyond_chance"]
    assert "inverted lists found the nearest training image of 100.0%" in finding.method
    assert "IVF, 8 bits" in finding.protocol
    assert finding.estimate == pytest.approx(0.1, abs=0.01)


def test_both_sides_are_looked_through_by_inverted_lists_as_thoroughly() -> None:
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=64)
    first, second, asked = ((cloud + 0.03 * rng.normal(size=(n, 64))).astype(np.float32) for n in (2000, 2000, 600))
    nobody, none = np.zeros(0, dtype=object), np.zeros((0, 8), dtype=np.uint8)
    sets = [References("set", InMemory(of), "", nobody, nobody, nobody, none) for of in (first, second)]
    own: Any = SimpleNamespace(vectors=asked, seen=np.ones(600, dtype=bool))
    shares = []
    for train, held_out in (sets, sets[::-1]):
        search = Search(train, held_out, Settings("ivf", 64, 50, 0.01))
        sides = search.sides(own, search.near(own))
        assert sides is not None
        shares.append(sides.closer.mean())
    assert sum(shares) == pytest.approx(1)  # so alike that 8 bits cannot order them: more candidates would find nearer ones


@pytest.mark.parametrize(("recall", "warned"), [(None, False), (0.99, False), (0.8, True)])
def test_a_decision_by_lists_that_miss_much_warns(
    monkeypatch: pytest.MonkeyPatch, recall: float | None, warned: bool
) -> None:
    monkeypatch.setattr(Search, "_recall", lambda *_: recall)
    found = measured(filled())
    for quantity in ("closer_to_training", "copied", "matched"):
        note = next(one.note for key, one in found.items() if key.startswith(quantity) or f".{quantity}" in key)
        assert ("copies among the others are missed" in note) == warned
        assert ("Inverted lists found" in note) == (recall is not None)


def searched(train: np.ndarray, held_out: np.ndarray, asked: np.ndarray) -> tuple[Search, Any]:
    """A search through one list of each set of vectors, and images to ask it about."""
    nobody, none = np.zeros(0, dtype=object), np.zeros((0, 8), dtype=np.uint8)
    sets = [References("set", InMemory(of), "", nobody, nobody, nobody, none) for of in (train, held_out)]
    own: Any = SimpleNamespace(vectors=asked, seen=np.ones(len(asked), dtype=bool))
    return Search(*sets, Settings("ivf", 1, 50, 0.01)), own


@pytest.mark.parametrize("larger", [1, 2])
def test_lists_that_miss_a_third_of_the_neighbours_do_not_take_sides(larger: int) -> None:
    """Without copies: the share of p-values up to .05 and up to .2 in 80 audits, each nearest to one list of several."""
    p_values, shares, recalls = [], [], []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        centres = rng.standard_normal((60, 32))

        def crowd(n: int, rng: np.random.Generator = rng, centres: np.ndarray = centres) -> np.ndarray:
            return (centres[rng.integers(60, size=n)] + rng.standard_normal((n, 32))).astype(np.float32)

        search, own = searched(crowd(larger * 3000), crowd(3000), crowd(200))
        near = search.near(own)
        sides = search.sides(own, near)
        assert sides is not None
        p_values.append(relabelling_p(sides, rng, savage_scores(sides.similarity)))
        shares.append(sides.closer.mean())
        if seed < 5:
            exact = Exact(search.train.vectors).search(own.vectors, 1)
            recalls.append((near.similarity[:, 0] >= exact.similarity[:, 0] - 1e-5).mean())
    assert 0.5 < np.mean(recalls) < 0.85  # lists of their own gave P(p <= .05) = .225 at .87
    assert np.mean(shares) == pytest.approx(0.5, abs=0.015)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 80)
    assert np.mean(np.array(p_values) <= 0.2) <= 0.2 + 2.5 * np.sqrt(0.2 * 0.8 / 80)
