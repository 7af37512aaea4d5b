"""The links of ``faces`` on maps and boxes that are made up, against closed forms and a second implementation."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scorer_views import noise

from audit.scorers.face_pose import SHAPE, Pose
from audit.scorers.face_search import Candidate, CenterFace, distinct

SQUARE = np.array([0, 1, 1 + 1j, 1j])


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


def quiet(batch: np.ndarray) -> list[np.ndarray]:
    """Maps of a network that sees nothing."""
    n, _, height, width = batch.shape
    return [np.zeros((n, channels, height // 4, width // 4), np.float32) for channels in (1, 2, 2, 10)]


def candidate(*box: float, score: float = 0.9) -> Candidate:
    return Candidate(box, score, Pose.of_square(box), "made up")


# ------------------------------------------------------------------------------------------------------- maps


def planted(cells):
    """A network that sees faces in these cells of its first picture: row, column -> score, sizes, offsets, points."""

    def run(batch):
        likely, sizes, places, points = quiet(batch)
        for (y, x), (score, size, offset, five) in cells.items():
            likely[0, 0, y, x], sizes[0, :, y, x], places[0, :, y, x] = score, size, offset
            points[0, :, y, x] = np.ravel(five)
        return [likely, sizes, places, points]

    return run


def test_a_cell_becomes_a_box_in_pixels_of_the_delivered_image(pool):
    """By hand: cell (5, 8), height 10 cells and width 8, offsets .25 and .5; the picture of 200 x 100 is seen at 2 x."""
    five = [(0.3, 0.25), (0.3, 0.75), (0.5, 0.5), (0.75, 0.25), (0.75, 0.75)]
    run = planted({(5, 8): (0.8, np.log([10, 8]), (0.25, 0.5), five)})
    ((face,), other) = CenterFace(run, lambda _: 2.0, 0.5, "here")([noise(100)[:, :, :], noise(100)], pool)
    middle_y, middle_x, height, width = (5 + 0.25 + 0.5) * 4, (8 + 0.5 + 0.5) * 4, 40, 32
    expected = (middle_x - width / 2, middle_y - height / 2, middle_x + width / 2, middle_y + height / 2)
    np.testing.assert_allclose(face.box, np.array(expected) / 2, atol=1e-4)
    assert face.score == pytest.approx(0.8)
    assert face.link == "here"
    assert other == []
    left, top = expected[:2]
    points = np.array([left + x * width + 1j * (top + y * height) for y, x in five]) / 2
    pose = Pose.of_points(points)
    assert abs(face.pose.origin - pose.origin) < 1e-3
    assert abs(face.pose.unit - pose.unit) < 1e-3


def naive(maps, threshold):
    """Boxes and scores cell by cell, as the detector's paper describes them, the likelier of two that overlap."""
    likely, sizes, places, _ = (one[0] for one in maps)
    found = []
    for y in range(likely.shape[1]):
        for x in range(likely.shape[2]):
            if likely[0, y, x] >= threshold:
                h, w = np.exp(sizes[0, y, x]) * 4, np.exp(sizes[1, y, x]) * 4
                cy, cx = (y + places[0, y, x] + 0.5) * 4, (x + places[1, y, x] + 0.5) * 4
                found.append((float(likely[0, y, x]), (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)))
    kept = []
    for score, box in sorted(found, reverse=True):
        if all(not same(box, other) for _, other in kept):
            kept.append((score, box))
    return kept


def same(a, b) -> bool:
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return False
    sizes = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return across * down > 0.3 * (sum(sizes) - across * down) or across * down > 0.6 * min(sizes)


@pytest.mark.parametrize("seed", range(5))
def test_random_maps_give_what_a_plain_loop_gives(seed, pool):
    rng = np.random.default_rng(seed)
    maps = [
        rng.random((1, 1, 16, 16)).astype(np.float32),
        rng.normal(0.8, 0.5, (1, 2, 16, 16)).astype(np.float32),
        rng.normal(0, 0.3, (1, 2, 16, 16)).astype(np.float32),
        rng.random((1, 10, 16, 16)).astype(np.float32),
    ]
    (found,) = CenterFace(lambda _: maps, lambda _: 1.0, 0.7, "")([noise(64)], pool)
    expected = naive(maps, 0.7)
    assert len(expected) > 10
    assert [face.score for face in found] == pytest.approx([score for score, _ in expected])
    np.testing.assert_allclose([face.box for face in found], [box for _, box in expected], rtol=1e-4, atol=1e-3)


def test_numbers_of_a_damaged_network_are_left_out(pool):
    five = np.full(10, 0.5)
    run = planted({(1, 1): (0.9, (np.nan, 1), (0, 0), five), (6, 6): (0.8, (99.0, 99.0), (0, 0), five)})
    (found,) = CenterFace(run, lambda _: 1.0, 0.5, "")([noise(64)], pool)
    assert len(found) == 1
    assert np.isfinite(found[0].box).all()


@pytest.mark.parametrize(("together", "batches"), [(2**18, 18 + 2), (2**21, 3 + 2), (1, 72)])
def test_pictures_of_equal_size_are_seen_together_and_in_bounded_batches(together, batches, pool):
    seen = []

    def run(batch):
        seen.append(batch.shape)
        maps = quiet(batch)
        maps[0][:, 0, 3, 3] = np.where(batch[:, 0, 0, 0] > 127, 0.9, 0)  # a face where the first pixel is light
        return maps

    images = [np.full((256, 256, 3), 255 * (i % 3 == 0), np.uint8) for i in range(70)]
    images += [noise(64), np.zeros((3, 9000, 3), np.uint8)]
    found = CenterFace(run, lambda pixels: 256 / min(pixels.shape[:2]), 0.5, "", together)(images, pool)
    assert [len(faces) for faces in found[:70]] == [int(i % 3 == 0) for i in range(70)]
    assert sum(shape[0] for shape in seen) == 72
    assert {shape[1:] for shape in seen} == {(3, 256, 256), (3, 32, 4096)}
    assert all(shape[0] * shape[2] * shape[3] <= together for shape in seen if shape[0] > 1)
    assert len(seen) <= batches


def test_what_is_not_to_be_searched_is_not(pool):
    def never(batch):
        raise AssertionError("looked")

    assert CenterFace(never, lambda _: None, 0.5, "")([noise(64)], pool) == [[]]


# ------------------------------------------------------------------------------------------------------- boxes


def test_a_second_box_of_a_face_is_dropped_and_a_neighbour_kept():
    first = candidate(0, 0, 100, 100)
    assert distinct([first], [candidate(10, 0, 110, 100)]) == [first]
    assert distinct([first], [candidate(30, 30, 60, 60)]) == [first]  # within it
    beside = candidate(90, 0, 190, 100)
    assert distinct([first], [beside, candidate(95, 0, 195, 100)]) == [first, beside]
    assert distinct([], [first, beside]) == [first, beside]
    assert distinct([], []) == []


# ------------------------------------------------------------------------------------------------------- poses


@pytest.mark.parametrize("tilt", [0.0, 0.5, -2.0])
def test_a_pose_is_found_again_from_its_points(tilt):
    unit, origin = 80 * np.exp(1j * tilt), 30 - 12j
    pose = Pose.of_points(origin + unit * SHAPE)
    assert pose.unit == pytest.approx(unit)
    assert pose.origin == pytest.approx(origin)
    assert pose.turn == pytest.approx(0, abs=1e-9)
    assert pose.from_points


def test_a_nose_to_the_right_is_a_turn_to_the_right():
    moved = SHAPE.copy()
    moved[2] += 0.2
    assert Pose.of_points(100 * moved).turn > 0.1
    assert Pose.of_points(100 * (SHAPE - (moved - SHAPE))).turn < -0.1


def test_the_pose_of_a_box_gives_the_box_back():
    middle, width = Pose.of_square((10.0, 20.0, 70.0, 80.0)).square()
    assert (middle, width) == (pytest.approx(40 + 50j), pytest.approx(60))
    assert not Pose.of_square((10.0, 20.0, 70.0, 80.0)).from_points


def test_points_in_one_place_are_no_reason_to_fail():
    pose = Pose.of_points(np.full(5, 3 + 4j))
    assert 0 <= pose.outside(10, 10) <= 1


def test_the_share_outside_is_that_of_the_face_beyond_the_border():
    """A frontal face 100 units wide reaches from -9 to 108 and from -33 to 118: what is cut is known by its area."""
    face = Pose(100 + 100j, 100 + 0j)
    assert face.outside(400, 400) == 0
    across, down = 1.082 + 0.090, 1.185 + 0.328
    for width, expected in ((150, (208.2 - 150) / (100 * across)), (120, (208.2 - 120) / (100 * across))):
        assert face.outside(width, 400) == pytest.approx(expected, abs=0.03)
    assert face.outside(400, 150) == pytest.approx((218.5 - 150) / (100 * down), abs=0.03)
    assert face.outside(50, 50) == 1
    upside_down = Pose(300 + 300j, -100 + 0j)
    assert upside_down.outside(400, 400) == 0
    assert upside_down.outside(400, 250) == pytest.approx((332.8 - 250) / (100 * down), abs=0.03)
