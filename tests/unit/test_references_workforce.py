"""Labour statistics as a reference: figures against the published table, read a second time."""

import math
import tomllib
from datetime import date
from pathlib import Path

import pytest

import probes
from audit.catalog import build, identity
from audit.errors import InputError, SpecError
from audit.reference import Asked, Expected, Silent
from audit.spec import Use
from probes.workforce_reference import UsWorkforce2022

LABELS = ("feminine", "masculine")
TABLE = tomllib.loads((Path(probes.__file__).parent / "data/us_workforce_2022.toml").read_text())
ROWS = {row[0]: dict(zip(TABLE["columns"], row, strict=True)) for row in TABLE["rows"]}
NEWER = """
country = "Elsewhere"
year = 2030
columns = ["title", "employed_thousands", "women", "white", "black", "asian", "hispanic"]
rows = [["Registered nurses", 100, 50.0, 60.0, 10.0, 20.0, 30.0]]
[about]
title = "t"
source = "s"
licence = "l"
date = 2031-01-01
version = 1
"""


def ask(reference=None, attribute="perceived_gender", labels=LABELS, **draws: float) -> Expected | Silent:
    prompts = [({"occupation": word.replace("_", " "), "template": "work"}, count) for word, count in draws.items()]
    return (reference or UsWorkforce2022()).expected(attribute, labels, Asked({}, prompts))


def test_an_occupation_has_the_published_share() -> None:
    said = ask(nurse=8)
    assert said.shares == pytest.approx({"feminine": 0.879, "masculine": 0.121})
    assert said.n_effective == pytest.approx(3363)
    assert said.note == "row 'Registered nurses'"


def test_a_mix_has_the_standard_error_of_its_rows() -> None:
    said = ask(nurse=10, lawyer=20, carpenter=10)
    weights = {"Registered nurses": 0.25, "Lawyers": 0.5, "Carpenters": 0.25}
    women = {title: ROWS[title]["women"] / 100 for title in weights}
    share = sum(weight * women[title] for title, weight in weights.items())
    variance = sum(w**2 * women[t] * (1 - women[t]) / ROWS[t]["employed_thousands"] for t, w in weights.items())
    assert said.shares["feminine"] == pytest.approx(share)
    assert math.sqrt(share * (1 - share) / said.n_effective) == pytest.approx(math.sqrt(variance))
    assert said.note.startswith("mix of 3 rows")


def test_words_of_one_row_are_one_sample_and_their_match_is_told() -> None:
    both = ask(ceo=4, company_director=4)
    assert both.n_effective == pytest.approx(ROWS["Chief executives"]["employed_thousands"])
    assert both.note == "row 'Chief executives'; near match (wider, narrower or named otherwise) for company director"
    assert "broad match (a whole group) for engineer" in ask(engineer=1).note


@pytest.mark.parametrize("word", ["person", "wizard"])
def test_one_occupation_without_figures_silences_the_cell(word: str) -> None:
    said = ask(nurse=8, lawyer=8, **{word: 8})
    assert said == Silent(f"1 of 3 occupations have no figures: {word}")


def test_a_prompt_without_an_occupation_has_no_figures() -> None:
    said = UsWorkforce2022().expected("perceived_gender", LABELS, Asked({}, [({"trait": "clever"}, 3)]))
    assert said == Silent("1 of 1 occupations have no figures: (a prompt without occupation)")
    other = UsWorkforce2022(axis="job").expected("perceived_gender", LABELS, Asked({}, [({"job": "nurse"}, 3)]))
    assert other.shares["feminine"] == pytest.approx(0.879)


def test_other_columns_and_labels_are_not_its_own() -> None:
    assert isinstance(ask(attribute="perceived_age_band", nurse=1), Silent)
    assert isinstance(ask(labels=("woman", "man"), nurse=1), Silent)
    own = UsWorkforce2022(labels={"woman": "women", "man": "rest"})
    assert ask(own, labels=("man", "woman"), nurse=1).shares == pytest.approx({"woman": 0.879, "man": 0.121})


def test_of_more_labels_it_knows_two() -> None:
    said = ask(labels=(*LABELS, "androgynous"), nurse=1)
    assert set(said.shares) == set(LABELS)
    assert "nothing of androgynous" in said.note


def test_old_figures_say_so() -> None:
    reference = UsWorkforce2022()
    assert "years ago" not in reference.told(date(2025, 12, 31)).caveats
    assert "4 years ago" in reference.told(date(2026, 1, 1)).caveats
    about = reference.about()
    assert (about.title, about.dated) == ("Employed people, United States, 2022", "2022")
    assert "Table 11" in about.source
    for fact in ("one country", "perceived", "not a share of 0", "two only"):
        assert fact in about.caveats
    assert "fair" not in str(about).lower()


def test_a_newer_table_replaces_the_shipped_one_and_changes_the_identity(tmp_path) -> None:
    path = tmp_path / "newer.toml"
    path.write_text(NEWER)
    newer = UsWorkforce2022(path=path)
    newer.check()
    assert ask(newer, nurse=2).shares["feminine"] == pytest.approx(0.5)
    assert newer.about().title == "Employed people, Elsewhere, 2030"
    assert ask(newer, lawyer=2) == Silent("1 of 1 occupations have no figures: lawyer")
    copy = tmp_path / "copy.toml"
    copy.write_text(NEWER)
    assert identity(newer, None) == identity(UsWorkforce2022(path=copy), None)
    copy.write_text(NEWER.replace("50.0", "51.0"))
    assert identity(newer, None) != identity(UsWorkforce2022(path=copy), None)
    assert identity(newer, None) != identity(UsWorkforce2022(), None)


def test_a_table_that_cannot_be_read_is_an_error(tmp_path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml: cannot be read"):
        UsWorkforce2022(path=tmp_path / "absent.toml").check()
    with pytest.raises(InputError, match=r"cannot be read .*null byte"):
        UsWorkforce2022(path=Path("nul\0.toml")).check()


@pytest.mark.parametrize("labels", [{}, {"feminine": "women", "female": "women"}, {"feminine": "men"}])
def test_labels_that_make_no_sense_are_refused(labels: dict) -> None:
    with pytest.raises(SpecError, match=r"references\.us_workforce_2022\.params: labels"):
        build("references", Use(use="us_workforce_2022", params={"labels": labels}))
