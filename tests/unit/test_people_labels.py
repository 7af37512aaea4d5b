"""The benchmark of labels says so where its photographs are absent, and counts as it should where they are there."""

import numpy as np
import pytest

from audit.calibration_figures import Readings
from benchmarks.people import labels


def test_without_photographs_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "available", lambda: False)
    (section,) = labels.sections()
    assert section.rows == (("the labelled photographs are not on this machine",),)
    assert section.promises == ()


def test_errors_and_the_promise_come_from_the_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the first model errs in 2 of 8, the second in 4, and both alike in 1 of the 4 on which they agree."""
    truth = np.array(["feminine", "masculine"] * 4, dtype=object)
    other = {"feminine": "masculine", "masculine": "feminine"}

    def read(wrong: tuple[int, ...], gone: tuple[int, ...] = ()) -> Readings:
        said = [("" if i in gone else other[label] if i in wrong else label) for i, label in enumerate(truth)]
        why = np.array(["the models disagree" if i in gone else "" for i in range(8)], dtype=object)
        place = np.arange(8).astype(object)
        age = {"age": np.array(["20-29"] * 8, dtype=object)}
        return Readings(truth, np.array(said, dtype=object), np.ones(8), why, age, place)

    planted = {
        "first, every face": read((0, 1)),
        "second, every face": read((1, 2, 3, 4)),
        "agreement of both": read((1,), gone=(0, 2, 3, 4)),
    }
    monkeypatch.setattr(labels, "_variants", lambda _: planted)
    section = labels._errors(labels.GENDER)
    overall = {row[0]: row[2:5] for row in section.rows if row[1] == "all"}
    assert overall["first, every face"] == ("8", "2", "25.0%")
    assert overall["second, every face"] == ("8", "4", "50.0%")
    assert overall["agreement of both"] == ("4", "1", "25.0%")
    (promise,) = section.promises
    assert (promise.promised, promise.found, promise.kept) == ("below 25.0%", "25.0%", False)
