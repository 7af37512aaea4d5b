"""Metric ``representation`` on planted labels."""

import numpy as np
import pytest
from metric_tables import FACE, NUMBER, Column, World, latent, prompt, sound

from audit.errors import SpecError
from audit.metrics.representation import Representation

GENDER = "attributes.perceived_gender"
Planted = tuple[str, str] | str


def _world() -> World:
    return World().declare(attributes=FACE)


def _grid(rates: dict[str, float], paraphrases: int = 8, draws: int = 20, seed: int = 0) -> World:
    """Occupation -> share of feminine faces, the same in each paraphrase."""
    world, rng = _world(), np.random.default_rng(seed)
    for occupation, rate in rates.items():
        for word in range(paraphrases):
            probe = prompt(f"{word} {occupation}", occupation=occupation)
            for index in range(draws):
                label = "feminine" if rng.random() < rate else "masculine"
                world.draw("model", probe, index, {GENDER: label})
    return world


def _measure(world: World, **params: object) -> dict[str, object]:
    metric = Representation.model_validate({"column": GENDER} | params)
    return {key: one.finding for key, one in sound(metric.measure("gender", world.context())).items()}


def test_planted_shares_and_skew_are_recovered() -> None:
    found = _measure(_grid({"nurse": 0.9, "welder": 0.1, "clerk": 0.5}))
    for occupation, rate in {"nurse": 0.9, "welder": 0.1, "clerk": 0.5}.items():
        share = found[f"gender.share[model; label=feminine, occupation={occupation}]"]
        assert share.interval.low <= rate <= share.interval.high
        assert share.title == "Share of faces perceived as feminine"
        assert (share.n, share.n_missing, share.clusters, share.unit) == (160, 0, 8, "share")
        skew = found[f"gender.skew[model; occupation={occupation}]"]
        assert skew.interval.low <= abs(rate - 0.5) <= skew.interval.high
        assert skew.estimate == pytest.approx(abs(share.estimate - 0.5))
        excess = found[f"gender.excess_skew[model; occupation={occupation}]"]
        assert excess.estimate == pytest.approx(skew.estimate - skew.expected)
    overall = found["gender.share[model; label=feminine]"]
    assert overall.estimate == pytest.approx(0.5, abs=0.06)
    assert "uncorrected for its error" in overall.note
    assert overall.n == 480


def test_the_shares_of_two_labels_add_up() -> None:
    found = _measure(_grid({"nurse": 0.7}))
    pair = [found[f"gender.share[model; label={label}]"].estimate for label in ("feminine", "masculine")]
    assert sum(pair) == pytest.approx(1)


def test_an_even_generator_shows_no_excess_on_average() -> None:
    excess, skew = [], []
    for seed in range(40):
        found = _measure(_grid({"nurse": 0.5}, paraphrases=30, draws=1, seed=seed))
        excess.append(found["gender.excess_skew[model]"].estimate)
        skew.append(found["gender.skew[model]"].estimate)
    assert abs(np.mean(excess)) < 3 * np.std(excess) / np.sqrt(40)
    assert np.mean(skew) > 3 * np.std(skew) / np.sqrt(40)


@pytest.mark.parametrize("rate", [0.5, 0.6, 0.9])
def test_the_interval_of_the_excess_holds_the_true_skew_near_and_far_from_equal_shares(rate: float) -> None:
    held, narrower = [], []
    for seed in range(60):
        found = _measure(_grid({"nurse": rate}, paraphrases=30, draws=1, seed=seed))
        excess, skew = found["gender.excess_skew[model]"], found["gender.skew[model]"]
        held.append(excess.interval.low <= abs(rate - 0.5) <= excess.interval.high)
        narrower.append(excess.interval.high - skew.expected < abs(rate - 0.5))
        assert excess.interval.low <= excess.estimate <= excess.interval.high
        assert (excess.interval.low, excess.interval.high) == pytest.approx(
            (skew.interval.low - skew.expected, skew.interval.high)
        )
    assert np.mean(held) > 0.9
    assert rate == 0.5 or np.mean(narrower) > 0.05  # what an interval that is moved as a whole would miss


def test_prompts_that_decide_the_label_leave_few_independent_images() -> None:
    world, rng = _world(), np.random.default_rng(1)
    for word in range(12):
        label = "feminine" if rng.random() < 0.5 else "masculine"
        for index in range(50):
            world.draw("model", prompt(f"prompt {word}"), index, {GENDER: label})
    found = _measure(world)
    share, skew = found["gender.share[model; label=feminine]"], found["gender.skew[model]"]
    assert share.interval.high - share.interval.low > 0.4
    assert skew.expected == pytest.approx(0.1, abs=0.03)  # of about 12 images, not of 600 (.016)
    assert "count as" in skew.note


def test_bounds_hold_the_truth_where_faces_are_missed_unevenly() -> None:
    rng = np.random.default_rng(2)
    world, truth = _world(), []
    for index in range(2000):
        feminine = bool(rng.random() < 0.5)
        truth.append(feminine)
        missed = rng.random() < (0.2 if feminine else 0.03)
        label = ("why", "no face found") if missed else "feminine" if feminine else "masculine"
        world.draw("model", latent(), index, {GENDER: label})
    share = _measure(world)["gender.share[model; label=feminine]"]
    assert share.estimate < 0.48
    assert share.bounds.low <= np.mean(truth) <= share.bounds.high
    assert share.interval.high < 0.5
    assert share.n_missing == 2000 - share.n
    assert f"{share.n_missing} missing: {share.n_missing} no face found" in share.note


def test_draws_without_an_image_are_missing_too() -> None:
    world = _world()
    for index in range(30):
        world.draw("model", latent(), index, {GENDER: "feminine"})
    for index in range(30, 40):
        world.draw("model", latent(), index, outcome="refused")
    share = _measure(world)["gender.share[model; label=feminine]"]
    assert (share.estimate, share.n, share.n_missing) == (1.0, 30, 10)
    assert (share.bounds.low, share.bounds.high) == (0.75, 1.0)
    assert share.interval.low < 0.95
    assert "10 refused" in share.note


def test_no_label_at_all_is_no_estimate() -> None:
    world = _world()
    for index in range(20):
        world.draw("model", latent(), index, {GENDER: ("why", "no face found")})
    for finding in _measure(world).values():
        assert finding.estimate is None
        assert finding.n_missing == 20
    share = _measure(world)["gender.share[model; label=feminine]"]
    assert (share.bounds.low, share.bounds.high) == (0, 1)


def test_an_empty_table_is_no_estimate() -> None:
    assert {finding.estimate for finding in _measure(_world()).values()} == {None}


def test_small_cells_are_named_and_not_dropped() -> None:
    world = _grid({"nurse": 0.5})
    for index in range(4):
        world.draw("model", prompt("a judge", occupation="judge"), index, {GENDER: "masculine"})
    found = _measure(world, min_n=10)
    judge = found["gender.share[model; label=masculine, occupation=judge]"]
    assert (judge.estimate, judge.n) == (None, 4)
    assert "4 draws with a value, at least 10 needed" in judge.note
    assert found["gender.skew[model; occupation=judge]"].estimate is None
    heatmap = found["gender.skew[model]"].panels[-1]
    assert heatmap.type == "heatmap"
    assert heatmap.rows == ("judge", "nurse")
    assert heatmap.values[0] == (None, None)
    assert heatmap.values[1][0] == pytest.approx(found["gender.share[model; label=feminine, occupation=nurse]"].estimate)


def test_a_single_prompt_speaks_of_itself_only() -> None:
    world = _world()
    for index in range(40):
        world.draw(
            "model", prompt("a nurse", occupation="nurse"), index, {GENDER: "feminine" if index % 4 else "masculine"}
        )
    share = _measure(world)["gender.share[model; label=feminine, occupation=nurse]"]
    assert share.clusters == 40
    assert "One probe" in share.note


def test_arms_of_a_counterfactual_are_not_counted_as_independent_prompts() -> None:
    world = _world()
    for word in range(15):
        for arm in ("young", "old"):
            for index in range(4):
                probe = prompt(f"{arm} {word}", pair=f"pair {word}", age=arm)
                world.draw("model", probe, index, {GENDER: "feminine" if word % 2 else "masculine"})
    found = _measure(world, min_n=1)
    assert found["gender.share[model; label=feminine]"].clusters == 15
    assert found["gender.share[model; age=old, label=feminine]"].clusters == 15


def test_labels_beyond_two_are_bounded_together() -> None:
    bands = Column("perceived_age_band", "label", levels=("young", "middle", "old"), regional=True)
    world, rng = World().declare(attributes=bands), np.random.default_rng(3)
    for index in range(400):
        world.draw(
            "model", latent(), index, {"attributes.perceived_age_band": str(rng.choice(bands.levels, p=[0.7, 0.2, 0.1]))}
        )
    metric = Representation(column="attributes.perceived_age_band")
    skew = sound(metric.measure("age", world.context()))["age.skew[model]"].finding
    assert skew.interval.low <= 0.36666667 <= skew.interval.high
    assert skew.interval.low > skew.expected


def test_an_undeclared_label_is_missing_and_an_axis_named_label_does_not_clash() -> None:
    world = _world()
    for index in range(20):
        world.draw("model", prompt(f"p{index % 4}", label="x"), index, {GENDER: "other" if index < 5 else "feminine"})
    found = _measure(world)
    share = found["gender.share[model; axis label=x, label=feminine]"]
    assert (share.n, share.n_missing) == (15, 5)
    assert "undeclared label" in share.note


def test_only_label_columns_and_known_axes_are_accepted() -> None:
    world = _grid({"nurse": 0.5}).declare(pixels=NUMBER)
    with pytest.raises(SpecError, match="holds a number"):
        list(Representation(column="pixels.sharpness").measure("r", world.context()))
    with pytest.raises(SpecError, match=r"no probe has the axis 'job'; axes: occupation"):
        _measure(world, by=("job",))


def test_the_number_does_not_depend_on_the_rows_around_it() -> None:
    first = _measure(_grid({"nurse": 0.7}))
    both = _measure(_grid({"nurse": 0.7, "welder": 0.2}))
    key = "gender.skew[model; occupation=nurse]"
    assert first[key].estimate == both[key].estimate
    assert first[key].expected == both[key].expected
    assert first[key].protocol == both[key].protocol


def test_nothing_is_called_fair() -> None:
    for finding in _measure(_grid({"nurse": 0.7})).values():
        words = f"{finding.title} {finding.note} {finding.method} {[p.summary + p.title for p in finding.panels]}"
        assert "fair" not in words.lower()
        assert "yardstick" in finding.note or finding.metric == "gender.share"
