"""Bias amplification against the published formula, closed forms and simulation."""

import numpy as np
import pytest

from audit.stats.amplification import Measured, Reference, directional, estimated_sign_null, mean_dominant


def of_shares(shares: np.ndarray) -> Measured:
    tasks = np.arange(len(shares))
    return Measured(shares * 1000.0, tasks, tasks)


def both(first: list[float]) -> np.ndarray:
    return np.stack([first, 1 - np.array(first)], axis=1)


def published(reference: Reference, measured: np.ndarray) -> float:
    """Equation 1 of Wang & Russakovsky (2021), with the indicator."""
    tasks, levels = reference.shares.shape
    of_all = reference.tasks @ reference.shares
    total = 0.0
    for t in range(tasks):
        for a in range(levels):
            joint = reference.shares[t, a] * reference.tasks[t]
            moved = measured[t, a] - reference.shares[t, a]
            total += moved if joint > of_all[a] * reference.tasks[t] else -moved
    return total / (tasks * levels)


def test_the_worked_example() -> None:
    # golden value biasamp_T_to_A
    reference = Reference(both([0.2, 0.9]), np.array([0.5, 0.5]))
    assert directional(reference, of_shares(both([0.1, 0.97]))).value == pytest.approx(0.085, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_published_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = Reference(rng.dirichlet(np.ones(4), 6), rng.dirichlet(np.ones(6)))
    shares = rng.dirichlet(np.ones(4), 6)
    found = directional(reference, of_shares(shares))
    assert found.value == pytest.approx(published(reference, shares), abs=1e-12)
    assert found.parts.sum() == pytest.approx(found.value)
    assert found.unsigned == ()


def test_copying_the_reference_amplifies_nothing_and_evening_out_is_negative() -> None:
    reference = Reference(both([0.2, 0.9]), np.array([0.5, 0.5]))
    assert directional(reference, of_shares(reference.shares)).value == pytest.approx(0)
    assert directional(reference, of_shares(both([0.5, 0.5]))).value == pytest.approx(-0.35)


def test_pairs_without_direction_are_named_and_count_as_the_paper_counts_a_whole_task() -> None:
    shares = np.array([[0.3, 0.3, 0.4], [0.2, 0.5, 0.3], [0.4, 0.1, 0.5]])
    reference = Reference(shares, np.full(3, 1 / 3))
    measured = np.array([[0.6, 0.2, 0.2], [0.2, 0.5, 0.3], [0.4, 0.1, 0.5]])
    found = directional(reference, of_shares(measured))
    assert found.unsigned == ((0, 0), (0, 1), (0, 2))
    assert found.value == pytest.approx(published(reference, measured)) == pytest.approx(0)
    assert np.all(found.parts[0] == 0)


def test_an_empty_task_is_an_error_that_names_it() -> None:
    reference = Reference(both([0.2, 0.9, 0.5]), np.full(3, 1 / 3))
    measured = Measured(np.ones((3, 2)) * 5, np.array([0, 0, 2]), np.arange(3))
    for function in (directional, mean_dominant):
        with pytest.raises(ValueError, match=r"tasks \[1\] have no image"):
            function(reference, measured)


def test_the_mean_of_dominant_levels_looks_at_the_leading_level() -> None:
    # level 0 leads in both tasks; more of it in task 1 is a loss of direction but a gain of the leader
    reference = Reference(both([0.9, 0.6]), np.array([0.5, 0.5]))
    measured = of_shares(both([0.9, 0.8]))
    assert mean_dominant(reference, measured).value == pytest.approx(0.1)
    assert directional(reference, measured).value == pytest.approx(-0.1)
    even = Reference(both([0.5, 0.6]), np.array([0.5, 0.5]))
    assert mean_dominant(even, measured).unsigned == ((0, 0), (0, 1))


def test_clusters_of_a_task_give_the_paired_interval_of_their_difference() -> None:
    # two tasks with opposite signs: the value is half the difference of two shares, less that of the reference
    rng = np.random.default_rng(3)
    n, task = 20.0, np.repeat([0, 1], 400)
    hits = rng.binomial(20, rng.beta(4, 4, 800)).astype(float)
    reference = Reference(both([0.8, 0.2]), np.array([0.5, 0.5]))
    found = directional(reference, Measured(np.stack([hits, n - hits], axis=1), task, np.arange(800)))
    shares = hits / n
    error = np.sqrt(sum(shares[task == t].var(ddof=1) / 400 for t in (0, 1))) / 2
    value = (shares[task == 0].mean() - shares[task == 1].mean()) / 2 - 0.3
    assert found.value == pytest.approx(value)
    assert found.interval is not None
    assert np.array(found.interval) == pytest.approx(value + np.array([-1, 1]) * 1.963 * error, abs=1e-4)
    # the same rows as one cluster each over both tasks: what moves both shares alike cancels
    alike = np.concatenate([hits[:400], hits[:400]])
    crossed = Measured(np.stack([alike, n - alike], axis=1), task, np.tile(np.arange(400), 2))
    interval = directional(reference, crossed).interval
    assert interval is not None
    assert interval[1] - interval[0] < (found.interval[1] - found.interval[0]) / 10


def test_one_cluster_in_a_task_gives_no_interval_and_sure_shares_no_point() -> None:
    reference = Reference(both([0.2, 0.9]), np.array([0.5, 0.5]))
    assert directional(reference, of_shares(both([0.1, 0.9]))).interval is None
    sure = Measured(np.tile([[0.0, 5.0], [5.0, 0.0]], (6, 1)), np.tile([0, 1], 6), np.arange(12))
    interval = directional(reference, sure).interval
    assert interval is not None
    assert interval[1] - interval[0] > 0.05


@pytest.mark.parametrize(("prompts", "images", "icc"), [(12, 20, 0.2), (3, 20, 0.2), (60, 1, 0.0)])
def test_intervals_cover(prompts: int, images: int, icc: float) -> None:
    rng = np.random.default_rng(4)
    truth = np.array([0.95, 0.85, 0.75, 0.7, 0.6, 0.4, 0.3, 0.25, 0.15, 0.05])
    reference = Reference(both(list(np.linspace(0.8, 0.2, 10))), np.full(10, 0.1))
    value = directional(reference, of_shares(both(list(truth)))).value
    task, strength = np.repeat(np.arange(10), prompts), 1 / icc - 1 if icc else 1e9
    covered = 0
    for _ in range(400):
        hits = rng.binomial(images, rng.beta(truth[task] * strength, (1 - truth[task]) * strength)).astype(float)
        counts = np.stack([hits, images - hits], axis=1)
        interval = directional(reference, Measured(counts, task, np.arange(len(task)))).interval
        assert interval is not None
        covered += interval[0] <= value <= interval[1]
    assert covered / 400 > 0.95 - 3 * 0.011


def test_a_sign_taken_from_the_same_sample_makes_amplification_look_negative() -> None:
    reference, n = Reference(np.full((2, 2), 0.5), np.full(2, 0.5)), np.full(2, 50.0)
    null = estimated_sign_null(reference, n, n, np.random.default_rng(0))
    closed = -np.sqrt(2 * 0.25 / 50) * np.sqrt(2 / np.pi) / 2  # minus half the mean |difference| of two shares
    assert null.mean == pytest.approx(closed, abs=0.003)
    known = Reference(both([0.4, 0.6]), np.full(2, 0.5))
    null = estimated_sign_null(known, n, np.full(2, np.inf), np.random.default_rng(0))
    assert null.mean == pytest.approx(0, abs=0.003)
    assert null.high == pytest.approx(1.96 * np.sqrt(2 * 0.24 / 50) / 2, rel=0.1)


@pytest.mark.parametrize(
    ("shares", "tasks", "match"),
    [
        ([[0.2], [0.9]], [0.5, 0.5], "k >= 2"),
        ([[0.2, 0.7], [0.9, 0.1]], [0.5, 0.5], "sum to 1 in every task"),
        ([[0.2, 0.8], [0.9, 0.1]], [1.0, 0.0], "above 0"),
    ],
)
def test_a_reference_that_is_no_distribution_is_refused(shares, tasks, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        directional(Reference(np.array(shares), np.array(tasks)), of_shares(np.full((2, 2), 0.5)))


def test_rows_that_do_not_fit_the_reference_are_refused() -> None:
    reference = Reference(both([0.2, 0.9]), np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match="2 levels a row"):
        directional(reference, Measured(np.ones((2, 3)), np.arange(2), np.arange(2)))
    with pytest.raises(ValueError, match=r"0 \.\. 1"):
        directional(reference, Measured(np.ones((2, 2)), np.array([0, 2]), np.arange(2)))
