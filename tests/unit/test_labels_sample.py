"""Which draws people are asked to rate: at random within strata, a few of each, nested, none that does not count."""

from pathlib import Path

import numpy as np
import pytest
from label_samples import COLUMN, PRESENTATION, PROMPTS, add_draws, stored_run

from audit.errors import InputError, StoreError
from audit.label_sample import Wish, allocate, draw_sample
from audit.labels import LabelSample

F, M = "feminine", "masculine"
MIXED = [F] * 120 + [M] * 20 + [None] * 40 + ["failed"] * 15


def strata(sample: LabelSample) -> dict[tuple[str, str], tuple[int, int]]:
    return {(s.generator, s.predicted): (s.size, s.chosen) for s in sample.strata}


def ids(sample: LabelSample) -> set[str]:
    return {item.id for item in sample.items}


@pytest.mark.parametrize("seed", range(20))
def test_every_stratum_gets_labels_and_more_labels_take_none_away(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(1, 400, size=rng.integers(1, 9))]
    thin = [bool(flag) for flag in rng.random(len(sizes)) < 0.2]
    before = [0] * len(sizes)
    for n in range(min(2 * len(sizes), sum(sizes)), 260):
        given = allocate(sizes, thin, n)
        most = [min(size, 10) if flag else size for size, flag in zip(sizes, thin, strict=True)]
        assert sum(given) == min(n, sum(most))
        assert all(1 <= one <= size for one, size in zip(given, most, strict=True))
        assert all(one >= other for one, other in zip(given, before, strict=True))
        before = given
    assert all(one >= min(10, size) for one, size in zip(before, sizes, strict=True))


def test_large_strata_are_in_proportion() -> None:
    assert allocate([6000, 3000, 1000], [False] * 3, 200) == [120, 60, 20]


def test_strata_are_generator_by_label_of_the_made_draws(tmp_path: Path) -> None:
    sample = draw_sample(stored_run(tmp_path / "run", {"a": MIXED, "b": [F] * 30}), Wish(60))
    found = strata(sample)
    assert {key: size for key, (size, _) in found.items()} == {("a", ""): 40, ("a", F): 120, ("a", M): 20, ("b", F): 30}
    assert found["a", ""][1] == 10  # what the classifier did not read sharpens no share
    assert sum(chosen for _, chosen in found.values()) == len(sample.items) == 60
    assert all(chosen >= 10 for _, chosen in found.values())
    assert (sample.seed, sample.levels) == (5, (F, M))
    assert [item.id for item in sample.items] == sorted(ids(sample))
    assert len(ids(sample)) == 60


def test_again_is_the_same_more_extends_and_another_seed_is_another(tmp_path: Path) -> None:
    store = stored_run(tmp_path / "run", {"a": MIXED})
    few, many = draw_sample(store, Wish(40)), draw_sample(store, Wish(90))
    assert draw_sample(store, Wish(40)) == few
    assert ids(few) < ids(many)
    assert draw_sample(store, Wish(90, seed=5)) == many
    other = draw_sample(store, Wish(90, seed=6))
    assert ids(other).isdisjoint(ids(many))  # ids say nothing of another sample
    assert other.digest != many.digest
    assert len(draw_sample(store, Wish(5000)).items) == 120 + 20 + 10


def test_order_of_items_says_nothing_of_strata(tmp_path: Path) -> None:
    """Blind: were the order that of the choice, rare labels would come late."""
    sample = draw_sample(stored_run(tmp_path / "run", {"a": [F] * 900 + [M] * 60}), Wish(200))
    places = [place for place, item in enumerate(sample.items) if sample.strata[item.stratum].predicted == M]
    expected, error = 199 / 2, 200 / np.sqrt(12 * len(places))
    assert abs(np.mean(places) - expected) < 3 * error


def test_weighted_labels_estimate_the_truth_without_bias(tmp_path: Path) -> None:
    """Truth by draw is that of every third one; the sample is drawn by what the classifier read, with unequal chances."""
    n = 150
    read = [M if draw % 5 == 0 or draw >= 140 else F for draw in range(n)]
    truth = np.array([draw % 3 == 0 for draw in range(n)], dtype=float)
    store = stored_run(tmp_path / "run", {"a": read})
    of_prompt = {probe.id: place for place, probe in enumerate(PROMPTS)}
    found = []
    for seed in range(150):
        sample = draw_sample(store, Wish(30, seed=seed))
        weights = [sample.strata[i.stratum].size / sample.strata[i.stratum].chosen for i in sample.items]
        told = [truth[4 * i.index + of_prompt[i.probe]] for i in sample.items]
        assert sum(weights) == pytest.approx(n)
        found.append(np.dot(weights, told) / n)
    assert abs(np.mean(found) - truth.mean()) < 3 * np.std(found) / np.sqrt(len(found))
    assert np.std(found) > 0.02


def test_draws_that_the_run_no_longer_wants_are_not_asked_for(tmp_path: Path) -> None:
    store = stored_run(tmp_path / "run", {"a": [F, M] * 40}, wanted=5)
    sample = draw_sample(store, Wish(500))
    assert len(sample.items) == 20
    assert {item.index for item in sample.items} == set(range(5))


def test_a_run_that_was_extended_gives_another_sample_with_the_same_names(tmp_path: Path) -> None:
    store = stored_run(tmp_path / "run", {"a": [F] * 60 + [M] * 60})
    before = draw_sample(store, Wish(40))
    add_draws(store, "a", [F] * 100, start=120)
    after = draw_sample(store, Wish(40))
    assert strata(after)["a", F][0] == 160
    named = {item.id: item for item in before.items}
    shared = [item for item in after.items if item.id in named]
    assert shared
    assert all((item.probe, item.index, item.image) == _key(named[item.id]) for item in shared)


def _key(item) -> tuple[str, int, str]:
    return item.probe, item.index, item.image


def test_the_column_is_found_or_asked_for(tmp_path: Path) -> None:
    ages = {"use": "representation", "name": "ages", "params": {"column": "phantom_oracle.perceived_age_band"}}
    both = stored_run(tmp_path / "both", {"a": [F, M] * 9}, {"metrics": [PRESENTATION, ages]})
    with pytest.raises(InputError, match=r"--column with one of phantom_oracle\.perceived_.*, phantom_oracle\.perceived_"):
        draw_sample(both, Wish(10))
    assert draw_sample(both, Wish(10, column=f"phantom_oracle.{COLUMN}")).column == f"phantom_oracle.{COLUMN}"
    with pytest.raises(InputError, match=r"no label column of this run; did you mean 'phantom_oracle\.perceived_present"):
        draw_sample(both, Wish(10, column="phantom_oracle.perceived_presence"))
    with pytest.raises(InputError, match="no label column"):
        draw_sample(both, Wish(10, column="phantom_oracle.intact"))
    none = stored_run(tmp_path / "none", {"a": [F, M] * 9}, {"scorers": [], "metrics": []})
    with pytest.raises(InputError, match="no scorer of this run gives labels"):
        draw_sample(none, Wish(10))


def test_what_cannot_be_sampled_is_said(tmp_path: Path) -> None:
    store = stored_run(tmp_path / "run", {"a": MIXED, "b": [F] * 30})
    with pytest.raises(InputError, match=r"--n 7: too few for 4 strata .*give 8 or more"):
        draw_sample(store, Wish(7))
    with pytest.raises(InputError, match=r"--generator c: no audited generator of this run"):
        draw_sample(store, Wish(20, generators=("c",)))
    assert {item.generator for item in draw_sample(store, Wish(20, generators=("b",))).items} == {"b"}
    nothing = stored_run(tmp_path / "nothing", {"a": ["failed"] * 9})
    with pytest.raises(InputError, match="no image of a was made"):
        draw_sample(nothing, Wish(20))
    missing = stored_run(tmp_path / "missing", {"a": [F, M] * 9}, {"generators": [{"use": "phantom", "name": "late"}]})
    with pytest.raises(StoreError, match="nothing of the generator 'late' was stored"):
        draw_sample(missing, Wish(20))
    (tmp_path / "run" / "grid.json").write_text("[]")
    with pytest.raises(StoreError, match=r"grid\.json: damaged"):
        draw_sample(store, Wish(20))


def test_nobody_rates_people_of_unknown_origin(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    spec = {"scorers": [{"use": "attributes", "name": "phantom_oracle", "params": {}}], "metrics": []}
    asked = Wish(20, column="phantom_oracle.perceived_gender")
    store = stored_run(tmp_path / "run", {"a": [F, M] * 9}, {**spec, "settings": {"a": {"subject_basis": ""}}})
    with pytest.raises(InputError, match=r"nobody is asked to rate people in images of unknown origin"):
        draw_sample(store, asked)
