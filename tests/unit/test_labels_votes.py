"""Raters' files: what is refused, what is counted, and what a run keeps of it."""

from pathlib import Path

import pytest
from label_samples import rated, sample

from audit.errors import InputError
from audit.human_labels import CANNOT_TELL
from audit.label_votes import Counted, count, read_ballots, sample_of
from audit.labels import LabelSample, majority, write_sample
from audit.store import RunStore

SAMPLE = sample(("model", "older", 40, 4), ("model", "younger", 8, 4), ("model", "", 5, 2))
ALL = {item.id: ("older", "younger")[item.stratum % 2] for item in SAMPLE.items}


def counted(*paths: Path, of: LabelSample = SAMPLE) -> Counted:
    return count(of, read_ballots(paths), confidence=0.95)


def test_the_majority_counts_and_a_tie_is_cannot_tell() -> None:
    assert majority(["older", "older", "younger"]) == "older"
    assert majority(["older", CANNOT_TELL, CANNOT_TELL]) == CANNOT_TELL
    assert majority(["older", "younger"]) == CANNOT_TELL
    assert majority(["older", CANNOT_TELL]) == CANNOT_TELL
    assert majority([None, "older", None]) == "older"
    assert majority([None]) == CANNOT_TELL


def test_votes_are_joined_with_draws_and_counted(tmp_path: Path) -> None:
    one = rated(tmp_path / "a.csv", ALL | {"i00": "younger", "i05": "cannot tell", "i08": ""})
    two = rated(tmp_path / "b.csv", ALL | {"i00": "younger", "i09": ""})
    found = counted(one, two)
    assert found.votes.raters == 2
    by_draw = {draw.index: draw.votes for draw in found.votes.draws}
    assert by_draw[0] == ("younger", "younger")
    assert by_draw[5] == (CANNOT_TELL, "younger")
    assert by_draw[8] == (None, "older")
    assert found.by_rater == ({"older": 4, "younger": 4, "": 1}, {"older": 4, "younger": 5})
    assert found.by_people == {"older": 5, "younger": 4, "": 1}
    assert found.confusion["younger"] == {"older": 1, "younger": 3}
    assert found.confusion["older"] == {"older": 3, "": 2}
    assert found.unrated == 0


def test_agreement_is_that_of_an_independent_implementation(tmp_path: Path) -> None:
    krippendorff = pytest.importorskip("krippendorff", reason="the extra `dev` brings it")
    one = rated(tmp_path / "a.csv", ALL | {"i00": "younger", "i05": "cannot tell", "i08": ""})
    two = rated(tmp_path / "b.csv", ALL | {"i01": "younger", "i09": ""})
    found = counted(one, two)
    code = {"older": 0.0, "younger": 1.0, "": 2.0, None: float("nan")}
    table = [[code[draw.votes[rater]] for draw in found.votes.draws] for rater in (0, 1)]
    alpha = krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")
    assert found.agreement is not None
    assert found.votes.agreement is not None
    assert found.agreement.value == pytest.approx(alpha, abs=1e-9)
    assert found.votes.agreement.alpha == found.agreement.value
    assert found.equal is not None
    assert found.equal.value == pytest.approx(5 / 8)
    assert found.agreement.interval is not None


def test_one_rater_or_one_label_throughout_has_no_agreement(tmp_path: Path) -> None:
    alone = counted(rated(tmp_path / "a.csv", ALL))
    assert (alone.agreement, alone.equal, alone.votes.agreement) == (None, None, None)
    same = dict.fromkeys(ALL, "older")
    both = counted(rated(tmp_path / "b.csv", same), rated(tmp_path / "c.csv", same))
    assert both.agreement is None
    assert both.equal is not None
    assert both.equal.value == 1


def test_what_nobody_rated_counts_as_not_chosen(tmp_path: Path) -> None:
    """Inclusion is rated of all draws by stratum, so weights still add up to the draws."""
    found = counted(rated(tmp_path / "a.csv", ALL | {"i00": "", "i01": "", "i04": ""}))
    assert found.unrated == 3
    assert sum(1 / draw.inclusion for draw in found.votes.draws) == pytest.approx(40 + 8 + 5)
    assert {draw.inclusion for draw in found.votes.draws} == {2 / 40, 3 / 8, 2 / 5}


def test_a_thin_stratum_without_labels_is_told_and_a_large_one_refused(tmp_path: Path) -> None:
    of = sample(("model", "older", 97, 6), ("model", "younger", 3, 2), ("model", "", 60, 2))
    labels = dict.fromkeys((item.id for item in of.items), "older")
    found = counted(rated(tmp_path / "a.csv", {i: label for i, label in labels.items() if i <= "i05"}), of=of)
    assert found.left_out == ("model: younger (3 draws)",)  # where the classifier abstained, no share is at stake
    with pytest.raises(InputError, match=r"nothing of the draws by model that the classifier read as older, 97 of 100"):
        counted(rated(tmp_path / "b.csv", {"i06": "younger", "i07": "older"}), of=of)


def test_a_column_of_raters_stands_for_files_and_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("rater,item,label\nAda,i00,older\nBob,i00,younger\nAda,i04,younger\nBob,i04,younger\n")
    more = tmp_path / "more.csv"
    more.write_text("rater,item,label\nAda,i05,younger\n")
    found = counted(path, more)
    assert found.votes.raters == 2
    assert "Ada" not in found.votes.model_dump_json()
    assert {draw.index: draw.votes for draw in found.votes.draws}[5] == ("younger", None)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffitem;image;label\r\ni00;images/i00.png;older\r\ni04;;younger\r\n",
        "ITEM\tlabel\ni00\tOlder\ni04\t'younger\n".replace("'", ""),
        'label,item\n"older",i00\n\n, \nyounger,i04\n',
    ],
)
def test_what_spreadsheets_make_of_a_file_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    assert [draw.votes for draw in counted(path).votes.draws] == [("older",), ("younger",)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "expected one column `item`; found ''"),
        (b"item,answer\ni00,older\n", "expected one column `label`"),
        (b"item,label,label\ni00,older,older\n", "expected one column `label`"),
        (b"item,label\ni00,older\ni00,younger\n", "line 3: the item 'i00' stands in .*line 2 already"),
        (b"item,label\ni00,oldr\n", r"line 2: unknown label 'oldr' of i00; did you mean 'older'\?"),
        (b'item,label\ni00,"=HYPERLINK(""http://x"",""older"")"\n', "unknown label '=HYPERLINK"),
        (b"item,label\ni00,\ni01,\n", "no item has a label yet"),
        (b"item,label\n,older\n", "line 2: a row without an item"),
        (b"item,label\ni00,\xff\xfe\n", "not UTF-8"),
        (b'item,label\ni00,"older\n', "not valid CSV"),
        (b"item,label\ni00," + b"x" * 200_000 + b"\n", "not valid CSV"),
        (b"item,label\ni00,ol\0der\n", "not valid CSV|unknown label"),
    ],
)
def test_hostile_files_get_one_clear_line(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        counted(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_files_that_are_absent_too_large_or_given_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_ballots([tmp_path / "none.csv"])
    with pytest.raises(InputError, match="cannot be read"):
        read_ballots([tmp_path])
    big = tmp_path / "big.csv"
    with big.open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(InputError, match="larger than"):
        read_ballots([big])
    path = rated(tmp_path / "a.csv", ALL)
    with pytest.raises(InputError, match="given twice"):
        read_ballots([path, tmp_path / "." / "a.csv"])
    many = tmp_path / "many.csv"
    many.write_text("rater,item,label\n" + "".join(f"r{n},i00,older\n" for n in range(101)))
    with pytest.raises(InputError, match="101 raters"):
        read_ballots([many])


def test_a_label_that_looks_like_a_formula_comes_back(tmp_path: Path) -> None:
    of = sample(("model", "+65", 9, 2), ("model", "-65", 9, 2), levels=("+65", "-65"))
    found = counted(rated(tmp_path / "a.csv", {"i00": "'+65", "i01": "+65", "i02": "'-65", "i03": "-65"}), of=of)
    assert found.by_people == {"+65": 2, "-65": 2}


def test_the_smallest_sample_that_has_the_items_is_meant(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    with pytest.raises(InputError, match="nothing was exported"):
        sample_of(store, read_ballots([rated(tmp_path / "a.csv", {"i00": "older"})]))
    few, many = sample(("model", "older", 40, 4)), sample(("model", "older", 40, 9))
    write_sample(store, many)
    write_sample(store, few)
    assert sample_of(store, read_ballots([tmp_path / "a.csv"])) == few
    assert sample_of(store, read_ballots([rated(tmp_path / "b.csv", {"i00": "older", "i07": "older"})])) == many
    with pytest.raises(InputError, match=r"line 3: unknown item 'i99'; 1 of 2 items are not of one sample"):
        sample_of(store, read_ballots([rated(tmp_path / "c.csv", {"i00": "older", "i99": "older"})]))
    assert store.verify() == []
