"""Checks of scorers: right ones pass, and each way of going wrong is found."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, View
from audit.doctor import OpenScorer, check_scorer
from audit.errors import OutOfMemory
from audit.records import Abstained
from audit.scorers import pixels
from audit.scorers.pixels import PixelStatistics
from audit.testing import view
from audit.weights import missing

GREY, BLACK = np.full((8, 8, 3), 51, dtype=np.uint8), np.zeros((8, 8, 3), dtype=np.uint8)


class Asked(Scorer):
    """A scorer whose known answers a test names."""

    answers: tuple[Any, ...] = ()

    def columns(self) -> tuple[Column, ...]:
        return (Column("x", "number"),)

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        yield rows_of(mean)

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        return self.answers


def mean(view: View) -> float:
    return float(view.pixels.mean()) / 255


def rows_of(value: Callable[[View], Any]) -> ScoreBatch:
    return lambda views: [[Row({"x": value(one)})] for one in views]


def checked(call: ScoreBatch, *answers: KnownAnswer):
    return check_scorer(OpenScorer("asked", Asked(answers=answers), call, {}))


def test_a_right_scorer_passes() -> None:
    answer = KnownAnswer("grey, black", (GREY, BLACK), {"x": (0.2, 0.0)}, tolerance=1e-9)
    repeated, known = checked(rows_of(mean), answer)
    assert (repeated.passed, known.passed) == (True, True)
    assert known.instrument == "scorer asked"
    assert (known.what, known.expected, known.found) == ("x: grey, black", "0.2, 0", "0.2, 0")


@pytest.mark.parametrize(
    "call",
    [
        lambda views: [[Row({"x": float(place)})] for place, _ in enumerate(views)],  # the place in the batch
        lambda views: [[Row({"x": mean(one) + len(views)})] for one in views],  # the size of the batch
        lambda views: [[Row({"x": "one" if len(views) == 1 else "many"})] for _ in views],
        lambda views: [[Row({"x": np.full(4, mean(one) + 0.01 * len(views), np.float32)})] for one in views],
        lambda views: [[Row({"x": 1.0}), *([Row({}, 0)] if len(views) > 1 else [])] for _ in views],  # another region
        lambda views: [[Row({"x": Abstained(reason=f"{len(views)}")})] for _ in views],
        lambda views: [[Row({"x": float("nan")})] for _ in views],
        lambda views: 1 / 0,
    ],
)
def test_a_scorer_that_does_not_repeat_itself_fails(call) -> None:
    (repeated,) = checked(call)
    assert not repeated.passed


@pytest.mark.parametrize(
    ("want", "got", "passed"),
    [
        (0.2, 0.2, True),
        (0.2, 0.21, False),
        (0.2, float("nan"), False),
        (0.2, "a", False),
        (0.2, Abstained(reason="unsure"), False),
        ("a", "a", True),
        ("a", "b", False),
        (Abstained(reason="no face"), Abstained(reason="nobody"), True),
        (Abstained(reason="no face"), 0.0, False),
    ],
)
def test_known_answers_are_judged(want, got, passed) -> None:
    *_, known = checked(rows_of(lambda view: got), KnownAnswer("grey", (GREY,), {"x": (want,)}, tolerance=1e-6))
    assert known.passed is passed


def test_a_column_that_is_not_there_fails() -> None:
    *_, known = checked(rows_of(mean), KnownAnswer("grey", (GREY,), {"y": (1.0,)}))
    assert not known.passed
    assert known.found == "nothing"


@pytest.mark.parametrize(("wrong", "unread", "passed"), [(3, 0, True), (0, 8, True), (20, 0, False), (0, 30, False)])
def test_promised_errors_are_allowed_and_no_more(wrong: int, unread: int, passed: bool) -> None:
    images = tuple(np.full((2, 2, 3), level, dtype=np.uint8) for level in range(100))

    def reads(view: View) -> Any:
        level = int(view.pixels[0, 0, 0])
        return "b" if level < wrong else Abstained(reason="unsure") if level >= 100 - unread else "a"

    answer = KnownAnswer("levels", images, {"x": ("a",) * 100}, wrong=0.02, unread=0.05)
    *_, known = checked(rows_of(reads), answer)
    assert known.passed is passed
    assert known.found == f"{wrong} wrong, {unread} unread"


def test_a_device_without_room_for_a_batch_scores_one_at_a_time() -> None:
    def small(views: Sequence[View]) -> list[list[Row]]:
        if len(views) > 1:
            raise OutOfMemory("planted")
        return [[Row({"x": mean(one)})] for one in views]

    assert all(
        check.passed for check in checked(small, KnownAnswer("two", (GREY, BLACK), {"x": (0.2, 0.0)}, tolerance=1e-9))
    )


def test_what_a_scorer_requires_is_scored_first() -> None:
    first = OpenScorer("first", Asked(), rows_of(mean), {})
    second = OpenScorer("second", Asked(), rows_of(lambda one: 2 * one.given["first"][0].values["x"]), {"first": first})
    scored = second.score([view(GREY)])
    assert scored[0][0].values["x"] == pytest.approx(0.4)


def test_known_answers_that_raise_are_a_failure() -> None:
    class Broken(Asked):
        def known_answers(self) -> tuple[KnownAnswer, ...]:
            raise KeyError("planted")

    (failed,) = check_scorer(OpenScorer("broken", Broken(), rows_of(mean), {}))
    assert not failed.passed
    assert "KeyError" in failed.found


def failures(scorer: Scorer) -> set[str]:
    with scorer.open("cpu") as call:
        return {check.what for check in check_scorer(OpenScorer("it", scorer, call, {})) if not check.passed}


@pytest.mark.parametrize("params", [{}, {"blank_below": 0}, {"blank_below": 0.5}])
def test_pixel_statistics_pass_whatever_their_parameters(params) -> None:
    assert failures(PixelStatistics(**params)) == set()


def test_other_weights_of_the_luma_are_found(monkeypatch) -> None:
    monkeypatch.setattr(pixels, "LUMA", np.array([0.299, 0.587, 0.114], dtype=np.float32) / 255)  # BT.601
    assert failures(PixelStatistics()) == {"brightness: even grey, stripes, red"}


def test_faces_are_found_in_a_drawing_and_nowhere_else(monkeypatch) -> None:
    faces = pytest.importorskip("audit.scorers.faces", reason="the extra `faces` brings dlib")
    if any(map(missing, ("centerface", "perceived-gender-age"))):
        pytest.skip("a pack of the face finder is not here")
    for params in ({}, {"whole_side": 256, "detail": 0}, {"whole_side": 64}, {"threshold": 0.2}, {"hog_threshold": 2}):
        assert failures(faces.Faces(**params)) == set(), params

    class Blind:
        def run(self, *_):
            return (), (), ()

    monkeypatch.setattr(faces.dlib, "get_frontal_face_detector", Blind)
    assert failures(faces.Faces()) == {"count: a drawn face"}


def test_an_oracle_that_mistakes_presentations_is_found(monkeypatch) -> None:
    oracle = pytest.importorskip("generators.phantom.oracle", reason="the extra `torch` brings it")
    assert failures(oracle.PhantomOracle()) == set()
    turned = {"feminine": "masculine", "masculine": "feminine"}
    real = oracle._values

    def values(reading):
        found = dict(real(reading))
        said = found["perceived_presentation"]
        if not isinstance(said, Abstained):
            found["perceived_presentation"] = said.model_copy(update={"value": turned[said.value]})
        return found

    monkeypatch.setattr(oracle, "_values", values)
    assert failures(oracle.PhantomOracle()) == {"perceived_presentation: renders of the phantom"}
