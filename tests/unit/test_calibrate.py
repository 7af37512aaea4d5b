"""``imgaudit calibrate``: planted errors come out as they were planted, and bad input ends with one clear line."""

import json
from pathlib import Path

import pytest
from brightness_scorer import Brightness
from labelled_folders import LABELS, folder_of, planted, run
from scipy import stats

from audit.calibration import Calibration, read_calibration, write_calibration
from audit.classifier import classifier
from audit.errors import InputError, ScoringError, SpecError
from audit.labelled_images import Asked, read_labelled
from audit.stats.intervals import wilson

# ------------------------------------------------------------------------------------------------------- figures


def test_planted_errors_come_out(tmp_path: Path) -> None:
    found = run(folder_of(tmp_path, [*planted(40, 6), ("dark", "", 0, "in", 99)]), Asked("tone", groups=("place",)))
    made = found.calibration
    assert made.counts == {"bright": {"bright": 34, "dark": 6}, "dark": {"bright": 0, "dark": 40}}
    assert made.abstained == {"dark": {"too blue": 1}}
    assert [(g.column, g.level, g.read, g.wrong, g.abstained) for g in made.groups] == [
        ("", "", 80, 6, 1),
        ("tone", "bright", 40, 6, 0),
        ("tone", "dark", 40, 0, 1),
        ("place", "in", 60, 3, 1),
        ("place", "out", 20, 3, 0),
    ]
    assert made.groups[1].interval == pytest.approx(wilson(6, 40))
    assert made.thresholds == {"least_sure": 0.6}
    assert found.chosen is None


def test_images_of_one_person_count_as_one(tmp_path: Path) -> None:
    """Ten people with eight images each, two of them always misread: less is known than of eighty people."""
    rows = [
        ("bright" if who % 2 else "dark", "bright" if who % 2 or who == 0 else "dark", 90, "in", who) for who in range(10)
    ]
    folder = folder_of(tmp_path, rows * 8)
    alone = run(folder).calibration.groups[0].interval
    together = run(folder, Asked("tone", person="who")).calibration.groups[0].interval
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])


def test_the_threshold_that_meets_the_target(tmp_path: Path) -> None:
    """Unsure labels are wrong, sure ones right: the threshold parts them, on held-out images too."""
    found = run(folder_of(tmp_path, planted(60, 0, unsure=30)), target=0.05, least_sure=0.4)
    assert (found.before, found.chosen) == (0.4, 0.9)
    made = found.calibration
    assert made.thresholds == {"least_sure": 0.9}
    assert made.abstained == {"dark": {"confidence below the threshold": 30}}
    assert (made.held_out.read, made.held_out.wrong, made.held_out.left, made.held_out.unmet) == (120, 0, 30, 0)
    marks = {at.threshold: at for at in found.along}
    assert (marks[0.5].read, marks[0.5].wrong) == (150, 30)
    assert marks[0.4].read == marks[0.5].read
    assert marks[0.9].limit == pytest.approx(1 - 0.05 ** (1 / 120))
    assert marks[0.5].limit == pytest.approx(stats.beta.ppf(0.95, 31, 120))


def test_a_threshold_that_changes_nothing_is_not_proposed(tmp_path: Path) -> None:
    found = run(folder_of(tmp_path, planted(60, 0)), target=0.05)
    assert (found.before, found.chosen) == (0.6, 0.6)


def test_where_no_threshold_meets_the_target_the_scorers_own_is_kept(tmp_path: Path) -> None:
    found = run(folder_of(tmp_path, planted(30, 10)), target=0.05)
    assert found.chosen is None
    assert found.calibration.thresholds == {"least_sure": 0.6}
    assert found.calibration.held_out.unmet == found.calibration.held_out.parts
    assert found.calibration.held_out.read == 0


def test_a_threshold_that_eleven_lucky_labels_meet_is_not_chosen(tmp_path: Path) -> None:
    """None of the 11 surest labels is wrong, of the others every second: without any of the 11 no threshold is left."""
    rows = [("bright", "bright" if i % 2 else "dark", 60, "in", i) for i in range(60)]
    rows += [("dark", "dark" if i % 2 else "bright", 60, "in", 60 + i) for i in range(60)]
    found = run(folder_of(tmp_path, [*rows, *(("dark", "dark", 99, "in", 200 + i) for i in range(11))]), target=0.25)
    held = found.calibration.held_out
    assert held is not None
    assert held.unmet > 5
    assert not held.holds
    assert found.chosen is None
    assert min(at.limit for at in found.along) <= 0.25


def test_unreadable_images_are_counted(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, planted(40, 2))
    (folder / "3.png").write_bytes(b"nonsense")
    (folder / "4.png").write_bytes(b"")
    found = run(folder)
    assert found.calibration.abstained == {"bright": {"unreadable image": 2}}
    assert any("2 images could not be read" in note for note in found.notes)


def test_of_images_that_are_all_unreadable_the_first_is_named_with_its_cause(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, planted(2, 0))
    for number in range(4):
        (folder / f"{number}.png").write_bytes(b"nonsense")
    told = r"any of the 4 images \(4 times: unreadable image; the first: 0\.png: .*\)$"
    with pytest.raises(InputError, match=told) as caught:
        run(folder)
    assert len(str(caught.value)) > len(
        "no label was read on any of the 4 images (4 times: unreadable image; the first: 0.png: )"
    )


def test_images_of_which_the_person_is_not_known_are_people_of_their_own(tmp_path: Path) -> None:
    """Left empty, the column tells no more and no less than where it is not asked for, whatever others are called."""
    rows = [(*row[:4], "") for row in planted(20, 4)]
    folder = folder_of(tmp_path, rows)
    alone = run(folder).calibration.groups[0]
    assert run(folder, Asked("tone", person="who")).calibration.groups[0] == alone
    assert alone.interval == pytest.approx(wilson(4, 40))
    (folder / "labels.csv").write_text("file,tone,who\n0.png,bright,\n1.png,bright,0.png\n2.png,dark,0.png\n3.png,dark,\n")
    found = read_labelled(folder, folder / "labels.csv", Asked("tone", person="who"), LABELS)
    people = [one.person for one in found.images]
    assert people[1] == people[2]
    assert len(set(people)) == 3


def test_few_images_are_told(tmp_path: Path) -> None:
    notes = run(folder_of(tmp_path, planted(12, 0))).notes
    assert sum("Only 12 images are labelled" in note for note in notes) == 2


def test_no_label_at_all_is_an_error(tmp_path: Path) -> None:
    rows = [("bright", "", 0, "in", 1), ("dark", "", 0, "in", 2)]
    with pytest.raises(InputError, match=r"no label was read on any of the 2 images \(2 times: too blue\)"):
        run(folder_of(tmp_path, rows))


def test_a_recipe_tells_thresholds_apart(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, planted(10, 1))
    low, high = (run(folder, least_sure=value).calibration for value in (0.5, 0.7))
    assert low.recipe != high.recipe
    low.fits("tones.tone", low.recipe)
    low.fits("tones.tone", "")
    with pytest.raises(InputError, match=r"other parameters or weights than the scorer has here \(least_sure: 0.5\)"):
        low.fits("tones.tone", high.recipe)


def test_a_column_that_no_scorer_fills() -> None:
    with pytest.raises(SpecError, match=r"'tones.tint' is no column of labels .* did you mean 'tones.tone'"):
        classifier("tones.tint", {"tones": Brightness()})


def test_a_scorer_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Brightness, "_tone", lambda *_: 1 / 0)
    with pytest.raises(ScoringError, match=r"scorers\.tones: the plugin failed \(ZeroDivisionError"):
        run(folder_of(tmp_path, planted(2, 0)))


def test_what_an_in_memory_scorer_says_as_it_fails_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("vector 0.123 0.456")

    monkeypatch.setattr(Brightness, "_tone", fails)
    monkeypatch.setattr(Brightness, "in_memory", True)
    with pytest.raises(ScoringError, match=r"^scorers\.tones: the plugin failed \(ValueError\)$"):
        run(folder_of(tmp_path, planted(2, 0)))


# -------------------------------------------------------------------------------------------------------- the file


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = run(folder_of(tmp_path, planted(60, 3, unsure=20)), Asked("tone", groups=("place",)), target=0.2).calibration
    write_calibration(tmp_path / "made.json", made)
    assert read_calibration(tmp_path / "made.json") == made
    assert [path.name for path in tmp_path.glob(".*")] == []
    with pytest.raises(InputError, match="cannot be written"):
        write_calibration(tmp_path / "nowhere" / "made.json", made)


def test_files_of_counts_alone_are_still_read(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"images": "photographs", "counts": {"a": {"a": 9, "b": 1}, "b": {"b": 10}}}))
    old = read_calibration(path)
    old.fits("any.column", "any recipe")
    assert old == Calibration(images="photographs", counts={"a": {"a": 9, "b": 1}, "b": {"b": 10}})
