"""A user's file of shares: what it says, and hostile ones."""

import math
import os
from datetime import date
from pathlib import Path

import pytest

from audit.errors import InputError
from audit.reference import Asked, Expected, Silent
from audit.references.file import File

LABELS = ("feminine", "masculine")
BOARD = """# Collected by the board.
# title: Members of our unions
# dated: 2021
# source: Annual report
# licence: CC0-1.0
# caveats: Members only.
occupation,label,share,n
nurse,feminine,0.8,400
nurse,masculine,0.2,400
lawyer,feminine,0.4,100
lawyer,masculine,0.6,
"""


def write(folder: Path, text: str, name: str = "board.csv") -> File:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return File(path=path)


def ask(reference: File, labels=LABELS, attribute="perceived_gender", **draws: float) -> Expected | Silent:
    return reference.expected(attribute, labels, Asked({}, [({"occupation": job}, count) for job, count in draws.items()]))


def test_rows_by_axis_and_what_the_file_says_of_itself(tmp_path) -> None:
    board = write(tmp_path, BOARD)
    said = ask(board, nurse=5)
    assert said.shares == pytest.approx({"feminine": 0.8, "masculine": 0.2})
    assert said.n_effective == pytest.approx(400)
    assert said.note == "rows of nurse (lines 8 and 9)"
    about = board.told(date(2026, 1, 1))
    assert (about.title, about.dated) == ("Members of our unions", "2021")
    assert about.source == "Annual report; licence: CC0-1.0"
    assert "5 years ago" in about.caveats
    assert "Members only." in about.caveats
    assert "exact" not in about.caveats


def test_a_cell_of_several_prompts_is_their_mix(tmp_path) -> None:
    said = ask(write(tmp_path, BOARD), nurse=30, lawyer=10)
    assert said.shares["feminine"] == pytest.approx(0.7)
    variance = 0.75**2 * 0.16 / 400 + 0.25**2 * 0.24 / 100
    assert said.n_effective == pytest.approx(0.21 / variance)
    assert ask(write(tmp_path, BOARD), nurse=3, wizard=1) == Silent("1 of 2 levels of occupation have no figures: wizard")


def test_toml_says_the_same(tmp_path) -> None:
    text = """
title = "Members of our unions"
dated = 2021
[[row]]
occupation = "nurse"
label = "feminine"
share = 0.8
n = 400
[[row]]
occupation = "nurse"
label = "masculine"
share = 0.2
"""
    board = write(tmp_path, text, "board.toml")
    assert ask(board, nurse=1).shares == pytest.approx({"feminine": 0.8, "masculine": 0.2})
    assert ask(board, nurse=1).n_effective == pytest.approx(400)
    assert board.about().dated == "2021"


def test_without_axis_columns_it_holds_for_every_prompt(tmp_path) -> None:
    said = write(tmp_path, "label,share\nfeminine,0.51\nmasculine,0.49\n").expected("g", LABELS, Asked({}, [({}, 4)]))
    assert said.shares == pytest.approx({"feminine": 0.51, "masculine": 0.49})
    assert said.n_effective == math.inf
    assert said.note == "rows of all prompts (lines 2 and 3)"
    about = File(path=tmp_path / "board.csv").about()
    assert about.title == "board.csv"
    assert "taken as exact" in about.caveats
    assert "does not say of which year" in about.caveats


def test_two_axes_and_levels_that_are_numbers(tmp_path) -> None:
    text = '[[row]]\ntone = 3\nlanguage = "de"\nlabel = "feminine"\nshare = 0.25\n'
    board = write(tmp_path, text, "two.toml")
    cell = Asked({}, [({"tone": "3", "language": "de"}, 2)])
    assert board.expected("g", LABELS, cell).shares == {"feminine": 0.25}
    other = board.expected("g", LABELS, Asked({}, [({"tone": "3"}, 2)]))
    assert other == Silent("1 of 1 levels of tone and language have no figures: 3 and (none of language)")


def test_missing_labels_are_left_out_and_told(tmp_path) -> None:
    said = ask(write(tmp_path, "label,share\nfeminine,0.3\n"), nurse=1)
    assert said.shares == {"feminine": 0.3}
    assert said.note.endswith("it says nothing of masculine")


def test_rounded_shares_are_scaled_to_sum_to_one(tmp_path) -> None:
    said = ask(write(tmp_path, "label,share\nfeminine,0.333\nmasculine,0.669\n"), nurse=1)
    assert sum(said.shares.values()) == pytest.approx(1)
    assert said.shares["feminine"] == pytest.approx(0.333 / 1.002)


def test_standard_errors_become_a_sample(tmp_path) -> None:
    text = "label,share,standard_error\nfeminine,0.8,0.02\nmasculine,0.2,0.02\n"
    assert ask(write(tmp_path, text), nurse=1).n_effective == pytest.approx(0.16 / 0.02**2)


def test_an_unknown_label_is_named_by_its_line(tmp_path) -> None:
    said = ask(write(tmp_path, "label,share\nfeminine,0.5\nmasculin,0.5\n"), nurse=1)
    assert said == Silent("line 3: 'masculin' is no label of perceived_gender; did you mean 'masculine'?")
    none = ask(write(tmp_path, "label,share\nyoung,0.5\nold,0.5\n"), nurse=1)
    assert none == Silent("its labels young, old are none of feminine, masculine")


def test_shares_of_all_labels_that_do_not_make_one_are_silent(tmp_path) -> None:
    said = ask(write(tmp_path, "label,share\nfeminine,0.5\nmasculine,0.4\n"), nurse=1)
    assert said.reason.startswith("lines 2 and 3: shares of all labels sum to 0.9;")


def test_it_may_be_kept_to_some_columns(tmp_path) -> None:
    write(tmp_path, BOARD)
    board = File(path=tmp_path / "board.csv", attributes=("perceived_presentation",))
    assert ask(board, nurse=1) == Silent("it is of perceived_presentation only")
    assert isinstance(ask(board, attribute="perceived_presentation", nurse=1), Expected)


def test_the_identity_follows_the_bytes_not_the_path(tmp_path) -> None:
    one, same = write(tmp_path, BOARD), write(tmp_path, BOARD, "copy.csv")
    assert one.fingerprint() == same.fingerprint()
    assert one.model_dump() == same.model_dump()
    assert write(tmp_path, BOARD.replace("0.8", "0.79"), "other.csv").fingerprint() != one.fingerprint()


HOSTILE = [
    ("", "no column label and no column share"),
    ("label,share\n", "it has no row"),
    ("label;share\nfeminine;0.5\n", "separate columns by commas"),
    ("occupation,share\nnurse,0.5\n", "no column label"),
    ("label,share,label\na,0.5,b\n", "two columns are named 'label'"),
    ("label,share,\na,0.5,b\n", "a column has no name"),
    ("label,share\nfeminine,0.5,1\n", r"line 2: 3 values for the 2 columns"),
    ("label,share\nfeminine,60\n", r"line 2: share is 60; shares run from 0 to 1: write 0\.25 for 25 %"),
    ("label,share\nfeminine,60%\n", r"line 2: share is '60%'; expected a number"),
    ("label,share\nfeminine,nan\n", r"line 2: share is 'nan'"),
    ("label,share\nfeminine,inf\n", r"line 2: share is 'inf'"),
    ("label,share\nfeminine,-0.1\n", r"line 2: share is -0\.1"),
    ("label,share\nfeminine,1_0\n", r"line 2: share is '1_0'"),
    ("label,share\nfeminine,\n", "line 2: share is empty"),
    ("occupation,label,share\n,feminine,0.5\n", "line 2: occupation is empty"),
    ("# a\n\nlabel,share\nfeminine,0.5\n\nfeminine,0.4\n", "line 6: feminine stands in line 4 already"),
    ("label,share\nfeminine,0.7\nmasculine,0.4\n", r"lines 2 and 3: shares sum to 1\.1"),
    ("label,share,n\nfeminine,0.7,0\n", "line 2: n is 0"),
    ("label,share,n\nfeminine,0.7,1e300\n", r"line 2: n is 1e\+300"),
    ("label,share,n\nfeminine,0.7,5\nmasculine,0.3,6\n", "lines 2 and 3: rows of one group give different n"),
    ("label,share,standard_error\nfeminine,0.7,2\n", "line 2: standard_error is 2"),
    (
        "label,share,standard_error\nfeminine,0.01,0.2\n",
        r"standard_error is 0\.2; expected 0 to 0\.0995, that of one",
    ),
    ("label,share,standard_error\nfeminine,1,0.1\n", "line 2: a share of 1 has no standard error"),
    ("label,share,n,standard_error\nfeminine,0.7,5,0.1\n", "both n and standard_error"),
    ('label,share\n"feminine,0.5\n', "not valid CSV"),
    ("j,label,share\na,f,0.5\na,m,0.5\nb,f,0.5\nb,m,0.4\n", r"lines 4 and 5: shares sum to 0\.9; expected 1"),
]


@pytest.mark.parametrize(("text", "told"), HOSTILE)
def test_a_faulty_csv_is_one_line_with_its_place(tmp_path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        write(tmp_path, text).check()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[row]\n", "not valid TOML"),
        ("row = 3\n", r"expected \[\[row\]\] tables"),
        ("row = [3]\n", r"expected \[\[row\]\] tables"),
        ("titel = 'x'\n", "titel: unknown key"),
        ("title = ['x']\n", "title: found a list"),
        ("title = 'x'\n", "it has no row"),
        ("[[row]]\nlabel = 'f'\nshare = true\n", "row 1: share is 'True'"),
        ("[[row]]\nlabel = 'f'\nshare = nan\n", "row 1: share is 'nan'"),
        ("[[row]]\nlabel = 'f'\nshare = [0.1]\n", "row 1: share is"),
        ("[[row]]\nlabel = 2.5\nshare = 0.1\n", "row 1: label is '2.5'; expected a name"),
        ("[[row]]\nlabel = 'f'\nshare = 0.1\n[[row]]\nlabel = 'm'\n", "row 2: share is empty"),
        ("x = " + "[" * 100_000, "not valid TOML"),
        ("[[row]]\nlabel = 'f'\nshare = " + "9" * 5000, "not valid TOML|row 1: share"),
    ],
)
def test_a_faulty_toml_is_one_line_with_its_place(tmp_path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        write(tmp_path, text, "board.toml").check()


def test_files_that_are_none_are_errors(tmp_path, monkeypatch) -> None:
    with pytest.raises(InputError, match="no such file; relative paths count from"):
        File(path=tmp_path / "absent.csv").check()
    with pytest.raises(InputError, match=r"expected a name that ends in \.csv or \.toml"):
        write(tmp_path, BOARD, "board.xlsx").check()
    (tmp_path / "latin.csv").write_bytes("label,share\nweiblich,0.5\nmännlich,0.5\n".encode("latin-1"))
    with pytest.raises(InputError, match="line 3: not UTF-8"):
        File(path=tmp_path / "latin.csv").check()
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("folder.csv", "pipe.csv"):
        with pytest.raises(InputError, match="not a file; expected"):
            File(path=tmp_path / name).check()
    with pytest.raises(InputError, match="cannot be read"):
        File(path=Path("nul\0.csv")).check()
    monkeypatch.setattr("audit.references.figures_file.MAX_BYTES", 10)
    with pytest.raises(InputError, match=r"board\.csv: larger than 10 bytes"):
        write(tmp_path, BOARD).check()


def test_quoted_cells_over_lines_and_windows_endings_are_read(tmp_path) -> None:
    path = tmp_path / "windows.csv"
    path.write_bytes('\ufeff# dated: 2024\r\nlabel,share\r\n"a, b",0.5\r\n"c",0.5\r\n'.encode())
    said = File(path=path).expected("x", ("a, b", "c"), Asked({}, [({}, 1)]))
    assert said.shares == {"a, b": 0.5, "c": 0.5}
    assert File(path=path).about().dated == "2024"
