"""Metric ``counterfactual`` on planted effects of a fact, and of a change of wording."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from metric_tables import COUNT, FACE, NUMBER, VECTOR, World, prompt, sound
from scipy import stats
from statsmodels.stats.multitest import multipletests

from audit.component import Context
from audit.errors import SpecError
from audit.human_labels import HumanLabels
from audit.metrics.counterfactual import Counterfactual
from audit.records import Axis, Finding, Probe, TextPrompt

SHARP = "pixels.sharpness"
GENDER = "attributes.perceived_gender"
ARMS = ("neutral", "placebo: one word", "age: older")


def _probe(pair: int, arm: str, **levels: str) -> Probe:
    axes = [Axis(name="arm", level=arm), Axis(name="facts", level=arm.partition(":")[0], role="control")]
    axes += [Axis(name=name, level=level) for name, level in levels.items()]
    return Probe(suite="cf", condition=TextPrompt(text=f"{arm} {pair}"), axes=tuple(axes), pair=f"pair {pair}")


def _world(value: Callable[[int, str, int], object], *, pairs: int = 12, draws: int = 5, arms=ARMS) -> World:
    """One draw a (pair, arm, index); an outcome such as ``refused`` stands for a draw without an image."""
    world = World().declare(pixels=NUMBER).declare(attributes=FACE)
    for pair in range(pairs):
        for arm in arms:
            for index in range(draws):
                found = value(pair, arm, index)
                name = GENDER if isinstance(found, str | tuple) else SHARP
                if found in ("refused", "filtered"):
                    world.draw("model", _probe(pair, arm), index, outcome=str(found))
                elif found is not None:
                    world.draw("model", _probe(pair, arm), index, {name: found})
    return world


def _measure(world: World | Context, **params: object) -> dict[str, Finding]:
    context = world.context() if isinstance(world, World) else world
    metric = Counterfactual.model_validate({"column": SHARP} | params)
    return {key: one.finding for key, one in sound(metric.measure("cf", context)).items()}


def _gender(world: World, **params: object) -> dict[str, Finding]:
    return _measure(world, column=GENDER, level="feminine", **params)


def _labels(rates: Mapping[str, float], seed: int = 0, shared: bool = True) -> Callable[[int, str, int], object]:
    """Labels by arm; with shared seeds one uniform number decides in all arms of a pair and seed."""
    rng = np.random.default_rng(seed)
    known: dict[tuple[int, int], float] = {}

    def value(pair: int, arm: str, index: int) -> str:
        draw = known.setdefault((pair, index), rng.random()) if shared else rng.random()
        return "feminine" if draw < rates[arm] else "masculine"

    return value


def _numbers(effects: Mapping[str, float], seed: int = 0, noise: float = 0.2) -> Callable[[int, str, int], object]:
    rng = np.random.default_rng(seed)
    scenes = rng.normal(0, 5, 500)
    seeds = rng.normal(0, 2, (500, 50))
    return lambda pair, arm, index: float(scenes[pair] + seeds[pair, index] + effects[arm] + rng.normal(0, noise))


PLANTED = {"neutral": 0.0, "placebo: one word": 0.5, "age: older": 0.8}


def test_an_effect_is_told_beside_what_a_change_of_wording_does() -> None:
    found = _measure(_world(_numbers(PLANTED)))
    effect, placebo = found["cf.effect[model; arm=age: older]"], found["cf.placebo[model]"]
    beyond = found["cf.beyond_placebo[model; arm=age: older]"]
    for finding, true in ((effect, 0.8), (placebo, 0.5), (beyond, 0.3)):
        assert finding.interval.low <= true <= finding.interval.high
        assert finding.interval.low > 0
        assert (finding.n, finding.n_missing, finding.clusters, finding.expected) == (60, 0, 12, 0.0)
    assert f"The placebo moves it by {placebo.estimate:.3g} (95 % interval" in effect.note
    assert "No pair of images is missing" in effect.note
    assert beyond.title == "Change in mean sharpness: age: older minus placebo: one word"
    assert not [key for key in found if "flipped" in key]


def test_the_interval_and_the_p_value_are_scipys_where_each_pair_has_one_seed() -> None:
    world = _world(_numbers(PLANTED), draws=1)
    table = world.table()
    value, arm = table.values(SHARP).value, table.axis("arm")
    test = stats.ttest_rel(value[arm == "age: older"], value[arm == "placebo: one word"])
    finding = _measure(world)["cf.beyond_placebo[model; arm=age: older]"]
    assert (finding.interval.low, finding.interval.high) == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert finding.p_value == pytest.approx(test.pvalue, rel=1e-4)


def test_without_shared_seeds_the_same_effect_would_not_show() -> None:
    world = _world(_numbers(PLANTED))
    table = world.table()
    value, arm = table.values(SHARP).value, table.axis("arm")
    assert stats.ttest_ind(value[arm == "age: older"], value[arm == "neutral"]).pvalue > 0.2
    assert _measure(world)["cf.effect[model; arm=age: older]"].p_value < 1e-6


def test_a_share_that_flips_as_often_as_the_placebo_does_is_no_effect() -> None:
    noisy = {"neutral": 0.5, "placebo: one word": 0.5, "age: older": 0.5}
    found = _gender(_world(_labels(noisy, shared=False), draws=20))
    flipped = found["cf.flipped[model; arm=age: older]"]
    assert flipped.estimate == pytest.approx(0.5, abs=0.1)
    assert flipped.expected == pytest.approx(found["cf.flipped[model; arm=placebo: one word]"].estimate)
    assert flipped.p_value > 0.05
    assert flipped.correction == "uncorrected"
    assert found["cf.flipped[model; arm=placebo: one word]"].p_value is None


def test_a_fact_that_decides_flips_more_than_the_placebo() -> None:
    found = _gender(_world(_labels({"neutral": 0.5, "placebo: one word": 0.5, "age: older": 0.9})))
    flipped = found["cf.flipped[model; arm=age: older]"]
    assert found["cf.flipped[model; arm=placebo: one word]"].estimate == 0
    assert flipped.estimate == pytest.approx(0.4, abs=0.15)
    assert flipped.p_value < 0.01
    beyond = found["cf.beyond_placebo[model; arm=age: older]"]
    assert beyond.estimate == pytest.approx(flipped.estimate)  # all flips go one way
    assert beyond.unit == "share difference"
    assert "points" in beyond.note


def test_labels_of_people_correct_an_effect_that_a_classifier_makes_up() -> None:
    world = _world(_labels(dict.fromkeys(ARMS, 0.5)), pairs=20, draws=10)
    seen = [world.scores[GENDER]["perceived_gender"][row] for row in range(len(world.rows))]
    rng, read = np.random.default_rng(3), world.scores[GENDER]["perceived_gender"]
    for row, draw in enumerate(world.rows):  # a quarter of the older ones is misread
        arm = world.probes[str(draw["probe"])].levels["arm"]
        read[row] = "masculine" if arm == "age: older" and rng.random() < 0.25 else seen[row]
    chosen = np.sort(rng.choice(len(seen), 300, replace=False))
    column = {key: np.array([world.rows[k][key] for k in chosen], dtype=object) for key in ("generator", "probe", "image")}
    index = np.array([world.rows[k]["index"] for k in chosen], dtype=np.int64)
    told = np.array([seen[k] for k in chosen], dtype=object)
    labels = HumanLabels(**column, index=index, label=told, inclusion=np.full(300, 0.5), raters=1)
    naive, right = (_gender(of) for of in (world, replace(world.context(), labels={GENDER: labels})))
    effect, flipped = "cf.effect[model; arm=age: older]", "cf.flipped[model; arm=age: older]"
    assert naive[effect].interval.high < 0
    assert right[effect].interval.low <= 0 <= right[effect].interval.high
    assert (right[effect].correction, right[effect].unit) == ("labels", "share difference")
    assert right[effect].protocol == f"{naive[effect].protocol}; corrected by labels"
    assert right[flipped].correction == "uncorrected"
    assert right[flipped].protocol == naive[flipped].protocol


@pytest.mark.parametrize(("labelled", "correction"), [(9, "uncorrected"), (10, "labels")])
def test_every_arm_needs_labels_enough_or_none_is_corrected(labelled: int, correction: str) -> None:
    world = _world(_labels(dict.fromkeys(ARMS, 0.5)))
    arms = [world.probes[str(draw["probe"])].levels["arm"] for draw in world.rows]
    rng = np.random.default_rng(4)
    rows = [rng.choice(np.flatnonzero(np.array(arms) == arm), 40, replace=False) for arm in ARMS]
    chosen = np.sort(np.concatenate([rows[0], rows[1], rows[2][:labelled]]))
    column = {key: np.array([world.rows[k][key] for k in chosen], dtype=object) for key in ("generator", "probe", "image")}
    index = np.array([world.rows[k]["index"] for k in chosen], dtype=np.int64)
    told = np.where(rng.random(len(chosen)) < 0.5, "feminine", "masculine").astype(object)
    labels = HumanLabels(**column, index=index, label=told, inclusion=np.full(len(chosen), 0.5), raters=1)
    for key, finding in _gender(replace(world.context(), labels={GENDER: labels})).items():
        if "flipped" in key:
            continue
        assert finding.correction == correction
        assert -1 <= finding.interval.low <= finding.interval.high <= 1
        few = "Uncorrected for classifier error: too few labels by people at age: older (9); at least 10"
        assert (few in finding.note) == (correction == "uncorrected")


def test_identical_arms_have_an_interval_and_no_p_value_below_one() -> None:
    finding = _gender(_world(_labels(dict.fromkeys(ARMS, 0.3))))["cf.beyond_placebo[model; arm=age: older]"]
    assert finding.estimate == 0
    assert finding.p_value == 1
    assert finding.interval.low < -0.01 < 0.01 < finding.interval.high
    assert "it is not shown that it changes anything" in finding.note


def test_p_values_agree_with_intervals_and_are_adjusted_over_arms() -> None:
    names = [f"fact {k}" for k in range(8)]
    rates = {"neutral": 0.3, "placebo": 0.3} | {name: 0.3 + 0.05 * k for k, name in enumerate(names)}
    world = _world(_labels(rates, 3, shared=False), arms=tuple(rates))
    for how, other in (("holm", "holm"), ("bh", "fdr_bh"), ("by", "fdr_by")):
        found = _gender(world, adjust=how)
        for quantity in ("effect", "beyond_placebo"):
            one = [found[f"cf.{quantity}[model; arm={name}]"] for name in names]
            assert [f.p_value < 0.05 for f in one] == [f.interval.low > 0 or f.interval.high < 0 for f in one]
            assert {f.p_value < 0.05 for f in one} == {True, False}
            adjusted = multipletests([f.p_value for f in one], method=other)[1]
            assert [f.p_adjusted for f in one] == pytest.approx(list(adjusted))
    assert "adjusted for 8 arms (Benjamini-Yekutieli)" in one[0].note


def test_several_placebos_are_one_side_and_are_shown_apart() -> None:
    effects = {"neutral": 0.0, "placebo: a": 0.4, "placebo: b": 0.6, "age: older": 0.5, "age: younger": 0.0}
    found = _measure(_world(_numbers(effects), arms=tuple(effects)))
    assert found["cf.placebo[model]"].n == 120
    assert found["cf.placebo[model]"].clusters == 12
    a, b = (found[f"cf.placebo[model; arm=placebo: {name}]"] for name in "ab")
    assert found["cf.placebo[model]"].estimate == pytest.approx((a.estimate + b.estimate) / 2)
    beyond = found["cf.beyond_placebo[model; arm=age: older]"]
    assert beyond.interval.low < 0 < beyond.interval.high
    assert found["cf.beyond_placebo[model; arm=age: younger]"].interval.high < 0
    panel = found["cf.placebo[model]"].panels[0]
    assert {row.label for row in panel.rows} == {"placebo: a", "placebo: b", "age: older", "age: younger"}
    assert panel.band == (found["cf.placebo[model]"].interval.low, found["cf.placebo[model]"].interval.high)
    assert panel.band_label == "placebo arms"


def test_many_arms_are_charted_at_both_ends() -> None:
    effects = {"neutral": 0.0, "placebo": 0.0} | {f"fact {k}": k / 10 for k in range(40)}
    panel = _measure(_world(_numbers(effects), arms=tuple(effects)))["cf.placebo[model]"].panels[0]
    assert len(panel.rows) == 24
    assert "the 12 lowest and the 12 highest are shown" in panel.summary
    assert panel.rows[-1].label in {"fact 39", "fact 38"}


def test_a_draw_without_its_partner_is_missing_with_its_reason_and_widens_the_bounds() -> None:
    def value(pair: int, arm: str, index: int) -> object:
        if arm == "age: older" and index == 0:
            return "refused"
        if arm == "neutral" and index == 1:
            return ("why", "no face")
        return "feminine" if arm == "age: older" or pair % 2 else "masculine"

    found = _gender(_world(value))
    effect = found["cf.effect[model; arm=age: older]"]
    assert (effect.n, effect.n_missing, effect.estimate) == (36, 24, 0.5)
    assert "24 missing: 12 refused, 12 neutral: no face" in effect.note
    # Of five seeds, one misses the arm (0 or 1, less 1 or 0 by pair), one the neutral draw (1 less 0 or 1).
    low, high = (3 * 0.5 - 0.5 + 0) / 5, (3 * 0.5 + 0.5 + 1) / 5
    assert (effect.bounds.low, effect.bounds.high) == pytest.approx((low, high))
    flipped = found["cf.flipped[model; arm=age: older]"]
    assert (flipped.n, flipped.n_missing, flipped.estimate) == (36, 24, 0.5)
    assert (flipped.bounds.low, flipped.bounds.high) == pytest.approx((18 / 60, 42 / 60))


def test_bounds_hold_whatever_the_missing_draws_were() -> None:
    rng = np.random.default_rng(5)
    rates = {"neutral": 0.3, "placebo: a": 0.4, "placebo: b": 0.5, "age: older": 0.6}
    truth = {
        (pair, arm, index): "feminine" if rng.random() < rates[arm] else "masculine"
        for pair in range(10)
        for arm in rates
        for index in range(4)
    }
    lost = {key for key in truth if rng.random() < 0.3}
    whole = _gender(_world(lambda *key: truth[key], pairs=10, draws=4, arms=tuple(rates)))
    partly = _gender(_world(lambda *key: "filtered" if key in lost else truth[key], pairs=10, draws=4, arms=tuple(rates)))
    for key, finding in partly.items():
        assert finding.n + finding.n_missing == whole[key].n
        assert finding.bounds.low <= whole[key].estimate <= finding.bounds.high
    assert "stand beside fewer draws of placebo than were asked" in partly["cf.beyond_placebo[model; arm=age: older]"].note


def test_no_placebo_arm_is_said_and_nothing_is_compared_with_it() -> None:
    found = _gender(_world(_labels(dict.fromkeys(ARMS, 0.5)), arms=("neutral", "age: older")))
    assert set(found) == {"cf.effect[model; arm=age: older]", "cf.flipped[model; arm=age: older]"}
    assert "No placebo arm was asked" in found["cf.effect[model; arm=age: older]"].note
    assert found["cf.flipped[model; arm=age: older]"].expected is None


def test_a_pair_that_lacks_the_other_arm_is_left_out_and_counted() -> None:
    def value(pair: int, arm: str, index: int) -> object:
        return None if pair < 2 and arm.startswith("placebo") else float(index)

    found = _measure(_world(value))
    assert found["cf.beyond_placebo[model; arm=age: older]"].n == 50
    assert "10 draws left out: their pair was not asked of placebo: one word" in (
        found["cf.beyond_placebo[model; arm=age: older]"].note
    )
    assert found["cf.effect[model; arm=age: older]"].n == 60


def test_a_seed_that_was_not_drawn_on_the_other_side_is_missing() -> None:
    found = _measure(_world(lambda pair, arm, index: None if arm == "neutral" and index == 4 else float(pair)))
    effect = found["cf.effect[model; arm=age: older]"]
    assert (effect.n, effect.n_missing) == (48, 12)
    assert "12 neutral: not drawn" in effect.note


def test_too_few_pairs_and_an_arm_of_one_pair() -> None:
    few = _measure(_world(_numbers(PLANTED), pairs=3, draws=3))
    assert few["cf.effect[model; arm=age: older]"].estimate is None
    one = _measure(_world(_numbers(PLANTED), pairs=1, draws=30))["cf.effect[model; arm=age: older]"]
    assert one.clusters == 30
    assert "One probe" in one.note


def test_a_generator_without_arms_has_findings_that_say_so() -> None:
    world = _world(_numbers(PLANTED))
    for index in range(20):
        world.draw("other", prompt("a dog"), index, {SHARP: 1.0})
    found = _measure(world.context(("model", "other")))
    assert found["cf.effect[other; arm=age: older]"].estimate is None
    assert found["cf.effect[model; arm=age: older]"].n == 60


def test_another_axis_may_be_named_and_its_draws_are_averaged() -> None:
    effects = {"none": 0.0, "placebo: a": 0.0, "one: a": 1.0, "one: b": 2.0}
    world = _world(_numbers(effects), arms=tuple(effects))
    found = _measure(world, axis="facts", neutral="none", placebo=["placebo"])
    effect = found["cf.effect[model; facts=one]"]
    assert effect.n == 120
    assert effect.interval.low < 1.5 < effect.interval.high


def test_nothing_drawn_is_nothing_found() -> None:
    assert _measure(World().declare(pixels=NUMBER)) == {}


def _null(world: World, rng: np.random.Generator, rates: tuple[float, float]) -> Context:
    """The same draws with labels drawn anew: arms alike, alike within a pair and seed, and prompts of different rates."""
    pairs, draws, arms = 12, 5, 3
    scene = rng.beta(4, 6, pairs)[:, None, None]
    common = rng.random((pairs, 1, draws))
    own = rng.random((pairs, arms, draws))
    keep = rng.random((pairs, arms, draws)) < rates[0]
    shift = np.array([0.0, 0.0, rates[1]])[None, :, None]
    labels = np.where(np.where(keep, common, own) < scene + shift, "feminine", "masculine").ravel()
    world.scores[GENDER]["perceived_gender"] = labels.tolist()
    return world.context()


def _runs(shift: float, audits: int) -> list[Finding]:
    world, rng = _world(_labels(dict.fromkeys(ARMS, 0.5))), np.random.default_rng(11)
    key = "cf.beyond_placebo[model; arm=age: older]"
    metric = Counterfactual(column=GENDER, level="feminine")
    found = []
    for _ in range(audits):
        measured = metric.measure("cf", _null(world, rng, (0.7, shift)))
        found.append(next(one.finding for one in measured if one.finding.key == key))
    return found


def test_false_findings_are_rare_and_true_effects_covered_and_found() -> None:
    audits = 150
    null = _runs(0.0, audits)
    error = np.sqrt(0.05 * 0.95 / audits)
    assert np.mean([f.p_value < 0.05 for f in null]) <= 0.05 + 2 * error
    assert np.mean([f.interval.low <= 0 <= f.interval.high for f in null]) >= 0.95 - 2 * error
    shifted = _runs(0.25, audits)
    assert np.mean([f.interval.low <= 0.25 <= f.interval.high for f in shifted]) >= 0.95 - 2.5 * error
    assert np.mean([f.p_value < 0.05 for f in shifted]) > 0.7


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"column": GENDER}, r"metrics\.cf\.params\.level: attributes\.perceived_gender needs `level`"),
        ({"level": "x"}, r"pixels\.sharpness holds numbers, so leave out `level`"),
        ({"column": GENDER, "level": "x"}, "'x' is none of feminine, masculine"),
        ({"column": "features.vector"}, "holds vectors"),
        ({"column": "pixels.shapness"}, "no scorer fills 'pixels.shapness'"),
        ({"axis": "ram"}, r"params\.axis: no paired probe has the axis 'ram'.*arm"),
        ({"neutral": "neutrl"}, r"params\.neutral: no paired probe has arm 'neutrl'.*neutral"),
        ({"placebo": ["placebo: two"]}, r"params\.placebo: no paired probe has arm 'placebo: two'.*placebo: one word"),
        ({"placebo": ["neutral"]}, "'neutral' is the neutral arm"),
        ({"placebo": ["placebo: one word", "age: older"]}, "no arm besides the neutral one and placebos"),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, object], message: str) -> None:
    world = _world(_numbers(PLANTED)).declare(features=VECTOR).declare(faces=COUNT)
    with pytest.raises(SpecError, match=message):
        _measure(world, **params)


def test_probes_without_pairs_are_an_error_with_the_remedy() -> None:
    world = World().declare(pixels=NUMBER)
    for index in range(20):
        world.draw("model", prompt("a nurse", arm="neutral"), index, {SHARP: 1.0})
        world.draw("model", prompt("an old nurse", arm="age: older"), index, {SHARP: 1.0})
    with pytest.raises(SpecError, match=r"no two probes share a pair.*ask a suite that pairs its probes"):
        _measure(world)


def test_arms_that_two_axes_tell_apart_must_be_named() -> None:
    world = World().declare(pixels=NUMBER)
    for pair in range(12):
        for arm, tone in (("neutral", "neutral"), ("older", "dark")):
            world.draw("model", _probe(pair, arm, tone=tone), 0, {SHARP: float(pair)})
    with pytest.raises(SpecError, match=r"is not clear \(arm, tone do\); name it"):
        _measure(world)
    assert _measure(world, axis="tone")["cf.effect[model; tone=dark]"].n == 12
    with pytest.raises(ValueError, match="adjust"):
        _measure(world, adjust="none")
