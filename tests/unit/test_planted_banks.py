"""The parts of the planted-truth benchmark that rest on truth banks: audits, amplification, copies."""

from collections.abc import Sequence

import numpy as np
import pytest
from phantom_banks import perfect_bank

from benchmarks import planted_amplified, planted_banks, planted_copies
from benchmarks.planted_amplified import Moved, amplification
from benchmarks.planted_banks import audits_of_bank, by_draw, compared_banks, silent
from benchmarks.planted_copies import bank_copies, renderer_copies
from benchmarks.planted_rows import Row
from generators.phantom.bank import Bank
from generators.phantom.truth import TruthTable, preset


@pytest.fixture(scope="module")
def skewed() -> Bank:
    return perfect_bank("skewed", 3_000)


@pytest.fixture(scope="module")
def even() -> Bank:
    return perfect_bank("even", 3_000)


def by_name(rows: Sequence[Row], setting: str = "") -> dict[str, Row]:
    return {row.what: row for row in rows if setting in row.setting}


# ------------------------------------------------------------------------------------------------------- audits


def test_audits_of_a_bank_hold_its_own_rates(skewed, even) -> None:
    rows = by_name(audits_of_bank(skewed, audits=5, seed=1))
    for what in ("representation.share of age, by occupation", "phantom_truth.share, by occupation"):
        assert rows[what].value > 0.9
        assert rows[what].met is True
    for what in ("phantom_truth.difference", "phantom_truth.error", "phantom_truth.contained, held against its mean"):
        assert rows[what].value > 0.5
    wide = rows["representation.share of presentation, by occupation, prompts as units"]
    assert wide.met is None
    assert wide.note.endswith("3 prompts an occupation: covers more")
    row = by_name(compared_banks(even, skewed, audits=3, seed=1))
    assert row["compare, share of presentation, by occupation"].value > 0.85


def test_a_bank_that_says_otherwise_is_found_out(skewed, even, monkeypatch) -> None:
    real = planted_banks.rates

    def shifted(bank: Bank, rows: np.ndarray, attribute: str) -> dict[tuple[str, str], float]:
        off = 0.2 if bank is skewed else 0.0
        return {key: value + off for key, value in real(bank, rows, attribute).items()}

    monkeypatch.setattr(planted_banks, "rates", shifted)
    rows = by_name(audits_of_bank(skewed, audits=3, seed=1))
    assert rows["representation.share of presentation, by occupation"].met is False
    assert (
        by_name(compared_banks(even, skewed, audits=6, seed=1))["compare, share of presentation, by occupation"].met
        is False
    )


def test_of_a_bank_the_draws_are_the_units(skewed) -> None:
    table = skewed.resample(np.random.default_rng(1), 8, rows=silent(skewed))
    assert len(set(table.clusters)) == len(table.probes.keys() & set(table.probe_ids))
    assert len(set(by_draw(table).clusters)) == len(table)


# ------------------------------------------------------------------------------------------------- amplification


def test_a_perfect_model_amplifies_nothing(skewed, even) -> None:
    rows = amplification(skewed)
    for attribute in ("presentation", "age", "tone_band"):
        row = by_name(rows, attribute)["BiasAmp, task to attribute"]
        assert abs(row.value) < 2 * row.error
    nurse = by_name(rows, "presentation")["by occupation: nurse"]
    assert abs(nurse.value) < 2 * nurse.error
    tied = by_name(rows)["older less young, teacher"]
    assert "taught -0.800" in tied.note
    assert abs(tied.value) < 2 * tied.error
    assert not any(row.what.startswith(("BiasAmp", "older")) for row in amplification(even))


def milder(table: TruthTable) -> TruthTable:
    """The same table with every dependence of presentation halved, and no interaction."""
    half = {
        name: {level: 0.5 + (share - 0.5) / 2 for level, share in row.items()}
        for name, row in table.shares["presentation"].items()
    }
    return table.model_validate(
        table.model_dump() | {"shares": {**table.shares, "presentation": half}, "interaction": None}
    )


def test_a_louder_model_exaggerates(skewed, monkeypatch) -> None:
    taught = milder(preset("skewed"))
    monkeypatch.setattr(planted_amplified, "preset", lambda name: taught)
    louder = by_name(amplification(skewed), "presentation")["BiasAmp, task to attribute"]
    planted = preset("skewed").shares["presentation"].items()
    apart = [abs(row["feminine"] - 0.5) / 2 for name, row in planted if name != "all"]
    assert louder.value == pytest.approx(np.mean(apart), abs=0.03)
    assert "exaggerates" in louder.note


def test_the_lost_interaction_is_seen(skewed, monkeypatch) -> None:
    table = preset("skewed")
    turned = {"young": -0.16, "middle-aged": 0.0, "older": 0.16}
    other = table.model_validate(table.model_dump() | {"interaction": {"occupation": "teacher", "lift": turned}})
    monkeypatch.setattr(planted_amplified, "preset", lambda name: other)
    assert by_name(amplification(skewed))["older less young, teacher"].value == pytest.approx(-1.6, abs=0.15)


def test_only_planted_dependences_have_a_sign() -> None:
    def moved(planted: float, shown: float) -> Moved:
        return Moved("by occupation: x", planted, shown, (max(shown - 0.1, 0), min(shown + 0.05, 1)), 50)

    near = [moved(0.52, 0.9), moved(0.48, 0.2)]
    assert planted_amplified._bias_amplification(near, "s") == []
    (row,) = planted_amplified._bias_amplification([*near, moved(0.9, 1.0), moved(0.1, 0.1)], "s")
    assert row.value == pytest.approx((0.1 - 0.0) / 2)
    low, high = row.value - np.hypot(0.1, 0.05) / 2, row.value + np.hypot(0.0, 0.1) / 2
    assert row.note.startswith(f"{low:+.3f} to {high:+.3f}: over 2 occupations")
    assert row.error == pytest.approx((high - low) / 2)


def test_the_ends_of_an_interval_near_1_are_told_as_they_are() -> None:
    row = Moved("x", 0.95, 1.0, (0.97, 1.0), 100).row("s")
    assert row.note.startswith("+0.020 to +0.050: taught 0.950, shows 1.000")
    assert row.error == pytest.approx(0.015)


def test_of_a_gan_the_tone_is_compared_by_what_its_classes_state(monkeypatch) -> None:
    bank = perfect_bank("gan", 4_000)
    rows = by_name(amplification(bank))
    assert {"by presentation: feminine", "by age: older", "by occupation: nurse"} <= set(rows)
    assert len(rows) == 2 + 3 + 12
    assert all(abs(row.value) < 2.2 * row.error for row in rows.values())
    monkeypatch.setattr(planted_amplified, "TAUGHT_TO_GAN", "skewed")
    builder = by_name(amplification(bank))["by occupation: builder"]
    share = preset("skewed").share("tone_band", "dark", {"occupation": "builder", "people": 1})
    assert builder.value == pytest.approx(0.3 - share, abs=0.08)


# ------------------------------------------------------------------------------------------------------- copies


def test_copies_are_found_among_renders() -> None:
    rows = by_name(renderer_copies(audits=2, draws=10, seed=2))
    whole = rows["nearest neighbours, all audits"]
    assert "planted 0.0500" in whole.note
    assert whole.met is True
    assert abs(whole.value - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 240)


def test_copies_that_are_not_as_planted_are_found_out(monkeypatch) -> None:
    monkeypatch.setattr(planted_copies, "COPY_BELOW", -1.0)
    assert by_name(renderer_copies(audits=1, draws=10, seed=2))["nearest neighbours, all audits"].met is False


def test_of_a_bank_the_copies_are_measured_and_of_a_control_only_their_rate_is_told(skewed) -> None:
    bank = by_name(bank_copies(perfect_bank("regressed", 4_000), audits=20, seed=3))
    measured = bank["nearest neighbours, whole bank: measured"]
    assert measured.value == pytest.approx(0.05, abs=0.02)
    assert measured.met is None
    assert bank["copies by nearest neighbours, rate of the bank"].value > 0.8
    (control,) = bank_copies(skewed, audits=20, seed=3)
    assert (control.what, control.value) == ("nearest neighbours, whole bank: control, taught none", 0.0)
