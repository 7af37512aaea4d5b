"""Precision, recall, density and coverage against plain loops over all pairs, closed forms, and simulation."""

import tracemalloc

import numpy as np
import pytest

from audit.stats import neighbourhoods
from audit.stats.intervals import cluster_mean
from audit.stats.manifolds import expected_coverage, support
from audit.stats.neighbourhoods import Touched, balls, framed, touched_interval

Four = tuple[float, float, float, float]


def _plain(generated: np.ndarray, reference: np.ndarray, k: int) -> Four:
    """The definitions, with all distances in float64; open or closed balls make no difference without ties."""

    def apart(one: np.ndarray, two: np.ndarray) -> np.ndarray:
        return np.array([np.sqrt(((two.astype(np.float64) - row.astype(np.float64)) ** 2).sum(axis=1)) for row in one])

    around = np.sort(apart(reference, reference), axis=1)[:, k]
    own = np.sort(apart(generated, generated), axis=1)[:, k]
    cross = apart(generated, reference)
    held = cross < around
    density = held.sum() / (k * len(generated))
    return held.any(axis=1).mean(), (cross < own[:, None]).any(axis=0).mean(), density, held.any(axis=0).mean()


def _four(generated: np.ndarray, reference: np.ndarray, k: int) -> Four:
    found = support(generated, reference, np.arange(len(generated)), k)
    return found.inside.mean(), found.recalled.mean(), found.density.mean(), found.covered.mean()


@pytest.mark.parametrize(("n", "m", "d", "k"), [(150, 150, 3, 5), (90, 200, 24, 3), (200, 70, 300, 5), (40, 40, 2, 1)])
@pytest.mark.parametrize("offset", [0.0, 200.0])
def test_the_values_are_those_of_the_definitions(n: int, m: int, d: int, k: int, offset: float) -> None:
    rng = np.random.default_rng([n, m, d])
    generated = (rng.standard_normal((n, d)) * 0.9 + 0.3 + offset).astype(np.float32)
    reference = (rng.standard_normal((m, d)) + offset).astype(np.float32)
    assert _four(generated, reference, k) == pytest.approx(_plain(generated, reference, k), rel=1e-12)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    generated, reference = rng.standard_normal((130, 6)), rng.standard_normal((170, 6))
    whole = _four(generated, reference, 5)
    monkeypatch.setattr(neighbourhoods, "BLOCK", 32)
    monkeypatch.setattr(neighbourhoods, "CELLS", 100)
    assert _four(generated, reference, 5) == whole == pytest.approx(_plain(generated, reference, 5))


@pytest.mark.parametrize("factor", [1e-25, 1e30])
def test_the_unit_of_the_features_does_not_matter(factor: float) -> None:
    rng = np.random.default_rng(2)
    generated, reference = rng.standard_normal((80, 5)), rng.standard_normal((80, 5))
    assert _four(generated * factor, reference * factor, 5) == _four(generated, reference, 5)


def test_a_copy_of_the_reference_ties_with_every_radius_and_is_inside() -> None:
    rows = np.random.default_rng(3).standard_normal((300, 64)).astype(np.float32)
    found = support(rows, rows[::-1].copy(), np.arange(300))
    assert found.inside.all()
    assert found.recalled.all()
    assert found.covered.all()
    assert found.density.mean() == pytest.approx(6 / 5)  # its own ball, and those of the 5 that have it among theirs


def test_images_that_occur_many_times_keep_the_density_of_equal_laws_at_one() -> None:
    rng = np.random.default_rng(4)
    kinds = rng.standard_normal((12, 40)).astype(np.float32)
    generated, reference = kinds[rng.integers(12, size=400)], kinds[rng.integers(12, size=400)]
    found = support(generated, reference, np.arange(400))
    assert found.inside.all()
    assert found.covered.all()
    assert found.typical.all()
    assert found.density.mean() == pytest.approx(1, abs=0.1)
    other = support(rng.standard_normal((400, 40)), reference, np.arange(400))
    assert not other.inside.any()
    assert not other.covered.any()


def test_constant_features_are_one_image() -> None:
    rows = np.full((50, 8), 3.0)
    found = support(rows, rows, np.arange(50))
    assert found.inside.all()
    assert found.typical.all()
    assert found.density.mean() == pytest.approx(50 / 49)


def test_near_duplicates_that_float32_cannot_tell_apart_are_decided_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    kinds = rng.standard_normal((4, 30))
    reference = np.repeat(kinds, 30, axis=0) + 1e-3 * rng.standard_normal((120, 30))
    generated = np.repeat(kinds, 30, axis=0) + 1e-3 * rng.standard_normal((120, 30))
    expected = _plain(generated, reference, 5)
    assert _four(generated, reference, 5) == pytest.approx(expected, rel=1e-12)
    monkeypatch.setattr(neighbourhoods.Rows, "doubt", property(lambda rows: np.zeros(len(rows.squares))))
    assert _four(generated, reference, 5) != pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (60, 150), (200, 80)])
def test_coverage_and_density_of_equal_laws_have_the_closed_form(n: int, m: int) -> None:
    rng = np.random.default_rng(6)
    found = [support(rng.standard_normal((n, 6)), rng.standard_normal((m, 6)), np.arange(n)) for _ in range(150)]
    coverage = np.array([one.covered.mean() for one in found])
    density = np.array([one.density.mean() for one in found])
    for values, expected in ((coverage, expected_coverage(n, m)), (density, 1.0)):
        assert abs(values.mean() - expected) < 3.5 * values.std(ddof=1) / np.sqrt(len(values))


@pytest.mark.parametrize("d", [2, 12])
def test_left_out_reference_images_tell_the_precision_and_recall_of_equal_laws(d: int) -> None:
    rng = np.random.default_rng(7)
    found = [support(rng.standard_normal((120, d)), rng.standard_normal((120, d)), np.arange(120)) for _ in range(150)]
    typical = np.array([one.typical.mean() for one in found])
    for values in ([one.inside.mean() for one in found], [one.recalled.mean() for one in found]):
        apart = np.array(values) - typical
        assert abs(apart.mean()) < 3.5 * apart.std(ddof=1) / np.sqrt(len(apart)) + 0.003  # left out: 119, not 120


def test_a_collapsed_set_is_precise_and_covers_little() -> None:
    rng = np.random.default_rng(8)
    reference = rng.standard_normal((300, 8))
    collapsed = rng.standard_normal((300, 8)) * 0.2
    poor = rng.standard_normal((300, 8)) * 3
    narrow, wide = _four(collapsed, reference, 5), _four(poor, reference, 5)
    assert narrow[0] == 1
    assert narrow[1] < 0.1
    assert narrow[2] > 2
    assert narrow[3] < 0.7
    assert wide[0] < 0.3


def test_influences_of_coverage_and_recall_are_those_of_leaving_a_cluster_out() -> None:
    rng = np.random.default_rng(9)
    cluster = rng.integers(15, size=90)
    generated = rng.standard_normal((15, 4))[cluster] + 0.5 * rng.standard_normal((90, 4))
    reference = rng.standard_normal((110, 4))
    found = support(generated, reference, cluster)
    points, others = framed(generated, reference)
    own, around = balls(points, 5), balls(others, 5)
    cross = ((generated[:, None] - reference[None]) ** 2).sum(axis=2) * points.scale**2
    sizes = np.bincount(cluster)
    for held, influence in (
        (cross <= around.radius[None], found.coverage_influence),
        (cross <= own.radius[:, None], found.recall_influence),
    ):
        lost = np.array([held.any(0).mean() - held[cluster != c].any(0).mean() for c in range(15)])
        apart = lost - lost.sum() * sizes / 90
        assert influence.sum() == pytest.approx(0, abs=1e-12)
        assert np.bincount(cluster, influence) == pytest.approx(apart * 90 * 14 / 15, abs=1e-12)
        totals = np.bincount(cluster, influence).astype(float)
        half = np.diff(cluster_mean(totals, sizes.astype(float)).interval)[0] / 2
        assert half == pytest.approx(2.144787 * np.sqrt(14 / 15 * (apart**2).sum()), rel=1e-6)


def test_intervals_by_prompt_hold_what_other_prompts_would_give() -> None:
    """Nominal 95 % beside one reference set; recall and coverage are wide on purpose."""
    rng = np.random.default_rng(10)
    reference = rng.standard_normal((120, 6))
    cluster = np.repeat(np.arange(24), 5).astype(np.int32)
    sizes = np.full(24, 5.0)
    values, ends = [], []
    for _ in range(250):
        generated = 0.6 * rng.standard_normal((24, 6))[cluster] + 0.8 * rng.standard_normal((120, 6))
        found = support(generated, reference, cluster)
        recall, coverage = found.recalled.mean(), found.covered.mean()
        values.append((found.density.mean(), recall, coverage))
        ends.append(
            (
                cluster_mean(np.bincount(cluster, found.density), sizes).interval,
                touched_interval(recall, found.recall_influence, cluster, of=120),
                touched_interval(coverage, found.coverage_influence, cluster, of=120),
            )
        )
    low, high = np.array(ends).transpose(2, 0, 1)
    middle = np.mean(values, axis=0)
    held = ((low <= middle) & (middle <= high)).mean(axis=0)
    assert (held > 0.915).all()
    true = np.std(values, axis=0, ddof=1)
    told = (high - low).mean(axis=0) / 2 / 2.0687
    assert (told < 2.2 * true).all()


def test_an_interval_of_a_share_that_nothing_moves_is_not_a_point() -> None:
    cluster = np.arange(30, dtype=np.int32)
    low, high = touched_interval(1.0, np.zeros(30), cluster, of=200) or (1.0, 1.0)
    assert 0.97 < low < 0.99
    assert high == 1
    assert touched_interval(0.5, np.zeros(30), np.zeros(30, dtype=np.int32), of=200) is None
    wide = touched_interval(1.0, np.where(cluster == 0, 29.0, -1.0), cluster, of=200)
    assert wide is not None
    assert wide[0] == 0
    assert wide[1] == 1


def test_one_cluster_moves_nothing_beside_others() -> None:
    touched = Touched.nothing(3)
    codes = np.zeros(2, dtype=np.int32)
    touched.add(slice(0, 3), np.array([[True, False, False], [True, True, False]]), codes)
    assert touched.any.tolist() == [True, True, False]
    assert touched.influence(codes).tolist() == [0, 0]


def test_memory_does_not_hold_all_distances() -> None:
    rng = np.random.default_rng(11)
    generated, reference = (rng.standard_normal((6000, 16)).astype(np.float32) for _ in range(2))
    tracemalloc.start()
    support(generated, reference, np.arange(6000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 6000 * 4 * 1.5  # 216 MB; three matrices of distances in float32 would be 432


@pytest.mark.parametrize(
    ("generated", "reference", "said"),
    [
        (np.zeros((5, 2)), np.zeros((20, 2)), "at least 6 images; got 5"),
        (np.zeros((20, 2)), np.zeros((20, 3)), r"one length; got shapes \(20, 2\), \(20, 3\)"),
        (np.full((20, 2), np.nan), np.zeros((20, 2)), "must be finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(generated: np.ndarray, reference: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        support(generated, reference, np.arange(len(generated)))
