"""Metric ``disparity`` on planted gaps."""

import numpy as np
import pytest
from metric_tables import FACE, NUMBER, VECTOR, World, latent, prompt, sound
from scipy import stats

from audit.errors import SpecError
from audit.metrics.disparity import Disparity

SHARP = "pixels.sharpness"
GENDER = "attributes.perceived_gender"


def _paired(effect: float, pairs: int = 20, draws: int = 4, noise: float = 0.1) -> World:
    """Counterfactual pairs: prompts differ a lot, arms by the effect."""
    world, rng = World().declare(pixels=NUMBER), np.random.default_rng(0)
    for pair in range(pairs):
        base = rng.normal(0, 5)
        for arm in ("man", "woman"):
            probe = prompt(f"{arm} {pair}", pair=f"pair {pair}", identity=arm)
            for index in range(draws):
                value = base + (effect if arm == "woman" else 0) + rng.normal(0, noise)
                world.draw("model", probe, index, {SHARP: value})
    return world


def _measure(world: World, **params: object) -> dict[str, object]:
    metric = Disparity.model_validate({"column": SHARP, "by": "identity"} | params)
    return {key: one.finding for key, one in sound(metric.measure("gap", world.context())).items()}


def test_a_planted_difference_between_arms_is_found_pair_by_pair() -> None:
    found = _measure(_paired(0.3))
    finding = found["gap.difference[model; against=woman, identity=man]"]
    assert finding.interval.low <= -0.3 <= finding.interval.high
    assert finding.interval.high < 0
    assert finding.clusters == 20
    assert "20 units paired" in finding.method
    gap = found["gap.gap[model]"]
    assert gap.estimate == pytest.approx(-finding.estimate)
    assert gap.interval.low <= 0.3 <= gap.interval.high
    assert gap.expected < 0.1
    assert "Highest: woman (" in gap.note


def test_arms_that_are_prompts_of_their_own_cannot_show_it() -> None:
    world, rng = World().declare(pixels=NUMBER), np.random.default_rng(0)
    for place in range(20):
        for arm in ("man", "woman"):
            base = rng.normal(0, 5)
            for index in range(4):
                value = base + (0.3 if arm == "woman" else 0)
                world.draw("model", prompt(f"{arm} {place}", identity=arm), index, {SHARP: value})
    found = _measure(world)
    finding = found["gap.difference[model; against=woman, identity=man]"]
    assert finding.interval.low < 0 < finding.interval.high
    assert "Welch" in finding.method
    assert found["gap.gap[model]"].expected > 0.3


def test_the_paired_interval_is_scipys() -> None:
    world = _paired(0.3, draws=1)
    table = world.table()
    value = table.values(SHARP).value
    arm = table.axis("identity")
    expected = stats.ttest_rel(value[arm == "man"], value[arm == "woman"]).confidence_interval(0.95)
    finding = _measure(world)["gap.difference[model; against=woman, identity=man]"]
    assert (finding.interval.low, finding.interval.high) == pytest.approx(tuple(expected))


def test_a_gap_by_noise_alone_is_no_larger_than_expected() -> None:
    ratios = []
    for seed in range(15):
        world, rng = World().declare(attributes=FACE), np.random.default_rng(seed)
        for job in range(8):
            for word in range(20):
                label = "feminine" if rng.random() < 0.5 else "masculine"
                world.draw("model", prompt(f"{job} {word}", job=f"job {job}"), 0, {GENDER: label})
        gap = _measure(world, column=GENDER, level="feminine", by="job")["gap.gap[model]"]
        assert gap.expected == pytest.approx(0.32, abs=0.03)
        ratios.append(gap.estimate / gap.expected)
        assert gap.interval.low == 0
    assert np.mean(ratios) == pytest.approx(1, abs=0.15)


def test_a_share_is_compared_with_its_own_words_and_unit() -> None:
    world = World().declare(attributes=FACE)
    for word in range(12):
        for arm, cut in (("neutral", 2), ("polite", 4)):
            probe = prompt(f"{arm} {word}", pair=f"{word}", style=arm)
            for index in range(6):
                world.draw("model", probe, index, {GENDER: "feminine" if index < cut else "masculine"})
    found = _measure(world, column=GENDER, level="feminine", by="style")
    assert found["gap.mean[model; style=polite]"].estimate == pytest.approx(4 / 6)
    assert found["gap.mean[model; style=polite]"].unit == "share"
    difference = found["gap.difference[model; against=polite, style=neutral]"]
    assert difference.estimate == pytest.approx(-2 / 6)
    assert difference.unit == "share difference"
    assert difference.interval.high < 0


def test_one_prompt_a_level_speaks_of_these_prompts_only() -> None:
    world, rng = World().declare(pixels=NUMBER), np.random.default_rng(1)
    for arm in ("man", "woman"):
        for index in range(30):
            world.draw("model", prompt(arm, identity=arm), index, {SHARP: rng.normal(arm == "man", 0.2)})
    found = _measure(world)
    gap = found["gap.gap[model]"]
    assert gap.interval.low > 0.5
    assert "one probe" in gap.note
    assert gap.clusters == 60


def test_missing_levels_are_named() -> None:
    world = _paired(0.0)
    for index in range(3):
        world.draw("model", prompt("robot", identity="robot"), index, {SHARP: 1.0})
    for index in range(2):
        world.draw("model", prompt("robot", identity="robot"), 3 + index, outcome="filtered")
    found = _measure(world, min_n=10)
    assert "Left out, too few draws: robot" in found["gap.gap[model]"].note
    robot = found["gap.mean[model; identity=robot]"]
    assert (robot.estimate, robot.n, robot.n_missing) == (None, 3, 2)


def test_one_level_or_none_is_no_gap() -> None:
    world = World().declare(pixels=NUMBER)
    for index in range(20):
        world.draw("model", prompt(f"p{index}", identity="man"), 0, {SHARP: float(index)})
    assert _measure(world)["gap.gap[model]"].estimate is None
    for index in range(20):
        world.draw("other", latent(), index, {SHARP: ("why", "black")})
    found = sound(Disparity(column=SHARP, by="identity").measure("gap", world.context(("other", "model"))))
    assert found["gap.mean[other]"].finding.estimate is None
    assert found["gap.gap[other]"].finding.estimate is None


def test_many_levels_give_the_gap_but_not_every_pair() -> None:
    world, rng = World().declare(pixels=NUMBER), np.random.default_rng(2)
    for job in range(9):
        for word in range(12):
            world.draw("model", prompt(f"{job} {word}", job=f"{job}"), 0, {SHARP: rng.normal(job, 0.1)})
    found = _measure(world, by="job")
    assert not [key for key in found if ".difference" in key]
    assert found["gap.gap[model]"].interval.low <= 8 <= found["gap.gap[model]"].interval.high


def test_shuffles_are_reproducible() -> None:
    world = _paired(0.3)
    assert _measure(world) == _measure(world)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"column": GENDER, "by": "identity"}, r"attributes\.perceived_gender needs `level`"),
        ({"column": SHARP, "by": "identity", "level": "x"}, r"pixels\.sharpness holds numbers, so leave out `level`"),
        ({"column": GENDER, "by": "identity", "level": "x"}, r"'x' is none of feminine, masculine"),
        ({"column": "features.vector", "by": "identity"}, "holds vectors"),
        ({"column": SHARP, "by": "age"}, r"no probe has the axis 'age'; axes: identity"),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, str], message: str) -> None:
    world = _paired(0.0).declare(attributes=FACE).declare(features=VECTOR)
    with pytest.raises(SpecError, match=message):
        list(Disparity.model_validate(params).measure("gap", world.context()))


def test_titles_say_what_is_taken_from_what() -> None:
    found = _measure(_paired(0.3))
    assert found["gap.mean[model]"].title == "Mean sharpness"
    assert (
        found["gap.difference[model; against=woman, identity=man]"].title == "Difference in mean sharpness: man minus woman"
    )
    assert found["gap.gap[model]"].title == "Largest gap in mean sharpness between levels of identity: woman minus man"
