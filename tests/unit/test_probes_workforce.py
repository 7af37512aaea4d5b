from pathlib import Path

import pytest

from audit.errors import InputError
from probes.workforce import occupation_list, workforce

TABLE = """
country = "Elsewhere"
year = 2030
columns = ["title", "employed_thousands", "women", "white", "black", "asian", "hispanic"]
rows = [
  ["Registered nurses", 100, 50.0, 60.0, 10.0, 20.0, 30.0],
  ["Lawyers", 40, 45.5, 80.0, 5.0, 5.0, 8.0],
]
[about]
title = "t"
source = "s"
licence = "l"
date = 2031-01-01
version = 1
"""


def test_the_shipped_table_says_what_it_is() -> None:
    table = workforce()
    assert (table.country, table.year, len(table.figures)) == ("United States", 2022, 207)
    assert "Table 11" in table.about.source
    assert "public domain" in table.about.licence
    assert len(table.about.notes) >= 4


def test_shares_are_per_cent_and_races_leave_a_rest() -> None:
    for row in workforce().figures.values():
        assert row.employed_thousands >= 50, "smaller occupations are suppressed in the source"
        # The rest: more than one race, and groups too small to be published. Shares are rounded to 0.1.
        assert 85 < row.white + row.black + row.asian <= 100.15, row.title


@pytest.mark.parametrize(
    ("group", "members"),
    [
        (
            "Architecture and engineering occupations",
            "Aerospace engineers|Architects, except landscape and naval|Chemical engineers|Civil engineers|"
            "Electrical and electronics engineers|Industrial engineers, including health and safety|Mechanical engineers",
        ),
        (
            "Life, physical, and social science occupations",
            "Biological scientists|Chemists and materials scientists|Medical scientists|Other psychologists",
        ),
        (
            "Management occupations",
            "Chief executives|Construction managers|Facilities managers|Financial managers|Human resources managers|"
            "General and operations managers|Lodging managers|Marketing managers|Sales managers|"
            "Farmers, ranchers, and other agricultural managers|Public relations and fundraising managers",
        ),
    ],
)
@pytest.mark.parametrize("share", ["women", "white", "black", "asian", "hispanic"])
def test_parts_fit_into_their_whole(group: str, members: str, share: str) -> None:
    figures = workforce().figures
    whole, parts = figures[group], [figures[title] for title in members.split("|")]
    people = sum(part.employed_thousands for part in parts)
    counted = sum(part.employed_thousands * getattr(part, share) / 100 for part in parts)
    within = whole.employed_thousands * getattr(whole, share) / 100
    rounding = (people + whole.employed_thousands) * 0.0005 + len(parts)
    assert people <= whole.employed_thousands
    assert counted <= within + rounding
    assert people - counted <= whole.employed_thousands - within + rounding


def test_the_standard_error_is_that_of_a_sample_of_a_thousandth() -> None:
    nurse = workforce().of("nurse")
    assert nurse is not None
    assert nurse.figures.standard_error("women") == pytest.approx(100 * (0.879 * 0.121 / 3363) ** 0.5)
    trainers = workforce().figures["Animal trainers"]
    assert trainers.standard_error("black") == 0.0
    assert trainers.n_effective == 66


def test_every_word_finds_its_row() -> None:
    table = workforce()
    words = [word for sector in occupation_list().sector for word in (*sector.asked, *sector.mapped)]
    assert len(words) >= 246
    for word in words:
        found = table.of(word.word)
        assert found is not None, word
        assert found.figures.title == word.title


def test_asked_words_have_a_row_each() -> None:
    titles = [word.title for sector in occupation_list().sector for word in sector.asked]
    assert len(titles) == len(set(titles)) >= 150
    matches = [word.match for sector in occupation_list().sector for word in sector.asked]
    assert matches.count("exact") > 0.75 * len(matches)


def test_lookups_ignore_case_and_know_what_they_do_not_know() -> None:
    table = workforce()
    assert table.of("Trucker") is not None
    assert table.of("ceo") == table.of("CEO")
    assert table.of("astronaut") is None
    assert table.of("") is None


def test_a_newer_table_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "figures.toml"
    path.write_text(TABLE)
    table = workforce(path)
    assert (table.country, table.year) == ("Elsewhere", 2030)
    nurse = table.of("nurse")
    assert nurse is not None
    assert nurse.figures.women == 50.0
    assert nurse.sector == "healthcare"
    assert table.of("baker") is None, "a row that is not there is not zero"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("50.0,", "120.0,", "rows.0.women: .*less than or equal to 100"),
        ("50.0,", "nan,", "rows.0.women"),
        ("50.0,", '"many",', "rows.0.women"),
        ("50.0, ", "", "row 1, .* does not have the 7 columns"),
        ('"women"', '"ladies"', "ladies|women"),
        ('"Lawyers"', '"Registered nurses"', "'Registered nurses' has two rows"),
        ("year = 2030", "", "year: Field required"),
        ("year = 2030", "years = 2030", "year"),
        ("country", "country = ", "not valid TOML: .*line 2"),
        ("columns = ", "names = ", "expected `columns`"),
        ("date = 2031-01-01", "", "about.date: Field required"),
        ('licence = "l"', 'licence = ""', "about.licence"),
    ],
)
def test_a_faulty_table_is_refused_with_its_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "figures.toml"
    path.write_text(TABLE.replace(old, new, 1))
    with pytest.raises(InputError, match=rf"figures\.toml: .*({words})"):
        workforce(path)


def test_an_unreadable_table_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read .*; give the path of a TOML file"):
        workforce(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b'country = "\xe9"')
    with pytest.raises(InputError, match="byte 11 is not UTF-8"):
        workforce(tmp_path / "latin.toml")
    (tmp_path / "deep.toml").write_text("x = " + "[" * 5000)
    with pytest.raises(InputError, match="not valid TOML"):
        workforce(tmp_path / "deep.toml")
