"""Figures of several prompts as one: weights, sampling error, and what is silent."""

import math
from datetime import date

import numpy as np
import pytest

from audit.reference import Asked, Expected, Silent
from audit.references.dating import age_told
from audit.references.mixing import Figures, Mixture, mix
from audit.references.uniform import Uniform

ROWS = {
    "nurse": Figures("nurses", {"f": 0.88, "m": 0.12}, 3363),
    "ward nurse": Figures("nurses", {"f": 0.88, "m": 0.12}, 3363),
    "actor": Figures("actors", {"f": 0.48, "m": 0.52}, 56),
    "mason": Figures("masons", {"f": 0.03, "m": 0.97}, 119),
    "diver": Figures("divers", {"f": 0.0, "m": 1.0}, 60),
    "exact": Figures("exact", {"f": 0.5, "m": 0.5}),
    "half known": Figures("half known", {"f": 0.2}, 100),
}


def find(levels):
    return levels["job"], ROWS.get(levels["job"])


def mixed(**draws: float) -> Mixture | Silent:
    return mix(Asked({}, [({"job": job.replace("_", " ")}, count) for job, count in draws.items()]), find, "jobs")


def test_one_row_is_itself() -> None:
    found = mixed(nurse=3)
    assert found.shares == ROWS["nurse"].shares
    assert found.n_effective == pytest.approx(3363)
    assert found.weights == {"nurses": 1.0}


def test_shares_are_weighted_by_draws() -> None:
    found = mixed(nurse=30, actor=10)
    assert found.shares["f"] == pytest.approx(0.75 * 0.88 + 0.25 * 0.48)
    assert sum(found.shares.values()) == pytest.approx(1)


def test_the_sampling_error_is_that_of_independent_samples() -> None:
    found = mixed(nurse=6, actor=3, mason=3)
    rng = np.random.default_rng(11)
    drawn = sum(
        weight * rng.binomial(ROWS[job].n, ROWS[job].shares["f"], 200_000) / ROWS[job].n
        for job, weight in (("nurse", 0.5), ("actor", 0.25), ("mason", 0.25))
    )
    share = found.shares["f"]
    assert share * (1 - share) / found.n_effective == pytest.approx(drawn.var(), rel=0.02)


def test_words_of_the_same_row_are_one_sample() -> None:
    assert mixed(nurse=5, ward_nurse=5).n_effective == pytest.approx(3363)


def test_a_share_of_nobody_is_not_exact() -> None:
    alone = mixed(diver=4)
    assert alone.shares == {"f": 0.0, "m": 1.0}
    assert alone.n_effective == pytest.approx(60)
    assert mixed(exact=4, diver=4).n_effective < math.inf


def test_figures_without_sampling_error_stay_exact() -> None:
    assert mixed(exact=4).n_effective == math.inf


def test_a_label_that_one_row_lacks_is_left_out() -> None:
    assert set(mixed(nurse=1, half_known=1).shares) == {"f"}


def test_one_prompt_without_figures_silences_the_cell_and_is_named() -> None:
    said = mixed(nurse=1, wizard=1, elf=1)
    assert said == Silent("2 of 3 jobs have no figures: wizard, elf")
    many = mixed(a=1, b=1, c=1, d=1, e=1, nurse=1)
    assert many.reason == "5 of 6 jobs have no figures: a, b, c, d, ..."


def test_a_cell_without_draws_is_silent() -> None:
    assert isinstance(mixed(), Silent)


@pytest.mark.parametrize(
    ("dated", "today", "told"),
    [
        ("2022", date(2025, 12, 31), ""),
        ("2022", date(2026, 1, 1), "4 years ago"),
        ("2022-06-30", date(2030, 1, 1), "2022, 8 years ago"),
        ("2018 to 2024", date(2026, 1, 1), ""),
        ("", date(2026, 1, 1), "does not say"),
        ("row 12022, last spring", date(2026, 1, 1), "does not say"),
        ("2030", date(2026, 1, 1), ""),
    ],
)
def test_age_is_told_after_three_years(dated: str, today: date, told: str) -> None:
    found = age_told(dated, today)
    assert (told in found) if told else found == ""


def test_uniform_is_equal_exact_and_never_called_fair() -> None:
    said = Uniform().expected("perceived_age_band", ("young", "middle-aged", "older"), Asked({}, []))
    assert isinstance(said, Expected)
    assert said.shares == pytest.approx({"young": 1 / 3, "middle-aged": 1 / 3, "older": 1 / 3})
    assert said.n_effective == math.inf
    assert "fair" not in str(Uniform().about()).lower()
    assert isinstance(Uniform().expected("x", (), Asked({}, [])), Silent)
