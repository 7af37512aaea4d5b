"""Frechet distances at infinitely many images, on Gaussians whose distance is known."""

import numpy as np
import pytest

from audit.stats.cells import CELLS, dealt
from audit.stats.distances import frechet_distance
from audit.stats.extrapolation import extrapolated_frechet, required_n
from audit.stats.moments import Moments
from benchmarks.quality.coverage import PROMISE, WORLDS, coverage

WIDTH = 24


def drawn(n: int, rng: np.random.Generator, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    return rng.standard_normal((n, WIDTH)) * scale + shift


def truth(shift: float, scale: float) -> float:
    return WIDTH * (shift**2 + (1 - scale) ** 2)


def test_the_better_generator_is_ranked_right_at_unlike_n() -> None:
    rng = np.random.default_rng(0)
    reference = drawn(3000, rng)
    better, worse = drawn(200, rng, 0.1), drawn(3000, rng, 0.2)
    assert truth(0.1, 1) < truth(0.2, 1)
    assert frechet_distance(better, reference) > frechet_distance(worse, reference)
    found = [extrapolated_frechet(rows, reference, rng=np.random.default_rng(1)) for rows in (better, worse)]
    assert found[0].value < found[1].value
    assert found[0].raw == pytest.approx(frechet_distance(better, reference), rel=1e-9)
    for one, expected in zip(found, (truth(0.1, 1), truth(0.2, 1)), strict=True):
        assert one.interval[0] < expected < one.interval[1]


@pytest.mark.parametrize(("n", "m"), [(300, 300), (240, 900)])
def test_the_bias_is_taken_out(n: int, m: int) -> None:
    rng = np.random.default_rng(2)
    drawings = [extrapolated_frechet(drawn(n, rng, 0.1, 1.1), drawn(m, rng), rng=rng) for _ in range(40)]
    found = [one for one in drawings if one.value is not None]
    assert len(found) >= 37
    values, raw = np.array([one.value for one in found]), np.array([one.raw for one in found])
    expected = truth(0.1, 1.1)
    assert abs(values.mean() - expected) < 3 * values.std() / np.sqrt(40)
    assert raw.mean() - expected > 20 * raw.std() / np.sqrt(40)
    size = 2 / (1 / n + 1 / m)
    assert np.mean([one.slope for one in found]) / size == pytest.approx(raw.mean() - expected, rel=0.1)
    assert all(one.points[0][0] == pytest.approx(size) for one in found)


def test_a_reference_of_moments_is_taken_as_it_is() -> None:
    rng = np.random.default_rng(3)
    reference = Moments.of(drawn(100, rng))
    found = [extrapolated_frechet(drawn(400, rng, 0.3), reference, rng=rng) for _ in range(30)]
    mean, covariance = reference.mean, reference.covariance
    values = np.linalg.eigvalsh(covariance)
    expected = ((mean - 0.3) ** 2).sum() + ((np.sqrt(values) - 1) ** 2).sum()
    got = np.array([one.value for one in found])
    assert abs(got.mean() - expected) < 3.5 * got.std() / np.sqrt(30)


def test_clusters_widen_the_interval_and_take_more_bias_out() -> None:
    rng = np.random.default_rng(4)
    prompts = np.repeat(np.arange(60), 10)
    widths, values = [], []
    for _ in range(20):
        rows = (drawn(60, rng)[prompts] + drawn(600, rng))[:, :4] * np.sqrt(0.5)
        reference = drawn(600, rng)[:, :4]
        alone = extrapolated_frechet(rows, reference, rng=rng)
        clustered = extrapolated_frechet(rows, reference, clusters=(prompts, np.arange(600) + 1000), rng=rng)
        if alone.interval is None or clustered.interval is None:
            continue
        widths.append([one.interval[1] - one.interval[0] for one in (alone, clustered)])
        values.append([one.value for one in (alone, clustered)])
    assert len(values) > 10
    assert np.mean(widths, axis=0)[1] > 1.5 * np.mean(widths, axis=0)[0]
    alone_is_off, clustered_is_off = np.abs(np.mean(values, axis=0))
    assert clustered_is_off < 0.3 * alone_is_off


def test_it_refuses_what_is_no_line_and_what_is_too_little() -> None:
    rng = np.random.default_rng(6)
    wide = rng.standard_normal((150, 300)), rng.standard_normal((150, 300))
    found = extrapolated_frechet(*wide, rng=rng)
    assert found.value is None
    assert found.interval is None
    assert "do not lie on a line" in found.why
    assert found.raw == pytest.approx(frechet_distance(*wide), rel=1e-6)
    assert len(found.points) == 4
    few = extrapolated_frechet(drawn(119, rng), drawn(500, rng), rng=rng)
    assert few.value is None
    assert "119 images" in few.why
    labels = np.repeat(np.arange(11), 40), np.arange(440) + 100
    prompts = extrapolated_frechet(drawn(440, rng), drawn(440, rng), clusters=labels, rng=rng)
    assert "11 independent units" in prompts.why


def test_it_says_the_same_again_with_the_same_seed() -> None:
    rng = np.random.default_rng(7)
    sets = drawn(300, rng), drawn(300, rng)
    one, two = (extrapolated_frechet(*sets, rng=np.random.default_rng(8)) for _ in range(2))
    assert one == two


def test_clusters_are_dealt_whole_and_evenly() -> None:
    rng = np.random.default_rng(9)
    first, second = rng.integers(0, 70, 900), np.concatenate([rng.integers(0, 40, 300), np.arange(1000, 1200)])
    one, two = dealt((first, second), rng)
    cells: dict[int, set[int]] = {}
    for label, cell in zip([*first, *second], [*one, *two], strict=True):
        cells.setdefault(int(label), set()).add(int(cell))
    assert {len(found) for found in cells.values()} == {1}
    for side in (one, two):
        counts = np.bincount(side, minlength=CELLS)
        assert counts.max() < 1.5 * counts.min()


def test_required_n_is_where_the_bias_is_small_enough() -> None:
    assert required_n(1500.0, 0.5) == 3000
    assert required_n(-1.0, 0.5) == 2
    with pytest.raises(ValueError, match="above 0"):
        required_n(10.0, 0.0)
    with pytest.raises(ValueError, match="must be a number"):
        required_n(float("nan"), 1.0)


def test_labels_must_fit() -> None:
    rows = np.ones((200, 2))
    with pytest.raises(ValueError, match="one label an image"):
        extrapolated_frechet(rows, rows, clusters=(np.arange(3), np.arange(200)), rng=np.random.default_rng(0))


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(WORLDS)))
def test_intervals_cover_what_they_estimate(place: int) -> None:
    """2,000 data sets a world, seed fixed beforehand; as ``python -m benchmarks.quality.coverage`` prints."""
    for found, share in coverage(WORLDS[place], 2000):
        assert share >= PROMISE, f"{found.name}: {share}"
        assert found.refused < 0.05 * 2000
