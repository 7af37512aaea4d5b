"""Metric ``disparity`` on planted gaps."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from metric_tables import COUNT, FACE, NUMBER, VECTOR, World, latent, prompt, sound
from pydantic import ValidationError
from scipy import stats
from statsmodels.stats.multitest import multipletests

from audit.component import Context, Measured
from audit.errors import SpecError
from audit.human_labels import HumanLabels
from audit.metrics.disparity import Disparity

SHARP = "pixels.sharpness"
GENDER = "attributes.perceived_gender"
FACES = "faces.count"


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
    assert found["gap.gap[model]"].n_missing == 2
    assert found["gap.difference[model; against=woman, identity=man]"].n_missing == 0


def test_a_level_of_which_no_face_was_found_widens_the_bounds_of_the_gap() -> None:
    world = World().declare(attributes=FACE)
    for group, feminine, masculine, faceless in (("a", 6, 4, 0), ("b", 4, 6, 0), ("c", 1, 0, 9), ("d", 3, 0, 0)):
        labels = ["feminine"] * feminine + ["masculine"] * masculine + [("why", "no face")] * faceless
        for index, label in enumerate(labels):
            world.draw("model", prompt(group, group=group), index, {GENDER: label})
    gap = _measure(world, column=GENDER, level="feminine", by="group")["gap.gap[model]"]
    assert gap.estimate == pytest.approx(0.2)
    assert (gap.n, gap.n_missing) == (20, 9)
    # c may show .1 to 1; d, too few but none missing, is not compared
    assert (gap.bounds.low, gap.bounds.high) == (pytest.approx(0.2), pytest.approx(0.6))
    assert "9 no face" in gap.note


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


def _service(rng: np.random.Generator, refused: dict[str, float], words: int = 20, draws: int = 4) -> World:
    """Prompts of several groups: a share of each group's prompts is always refused; a tenth of the images has no face."""
    world = World().declare(pixels=NUMBER).declare(faces=COUNT)
    for group, share in refused.items():
        for word in range(words):
            probe, never = prompt(f"{group} {word}", group=group), rng.random() < share
            for index in range(draws):
                if never:
                    world.draw("model", probe, index, outcome="refused")
                else:
                    faces: object = float(rng.random() > 0.1) if index else ("why", "too dark")
                    world.draw("model", probe, index, {SHARP: float(rng.normal(1, 0.2)), FACES: faces})
    return world


def _all_of(world: World, **params: object) -> dict[str, object]:
    asked = {"columns": [SHARP], "outcomes": ["refused", "failed"], "found": [FACES], "by": "group"}
    metric = Disparity.model_validate(asked | params)
    return {key: one.finding for key, one in sound(metric.measure("service", world.context())).items()}


def test_one_entry_reports_what_each_group_gets_and_adjusts_for_all_of_it() -> None:
    found = _all_of(_service(np.random.default_rng(3), {"a": 0.05, "b": 0.8, "c": 0.1}))
    gap = found["service.gap[model; column=refused]"]
    assert "Highest: b (" in gap.note
    assert gap.p_value < 0.01
    assert found["service.gap[model; column=failed]"].p_value == 1
    assert "All levels are alike; 0.0 points apart" in found["service.gap[model; column=failed]"].note
    assert found["service.gap[model; column=failed]"].title.endswith("between levels of group")
    assert found["service.mean[model; column=refused, group=b]"].n == 80
    assert found["service.mean[model; column=faces.count, group=b, label=found]"].n_missing > 0
    sharp = found["service.mean[model; column=pixels.sharpness, group=a]"]
    assert (sharp.unit, sharp.n + sharp.n_missing) == ("", 80)
    for quantity, of in (("gap", 4), ("difference", 12)):
        tested = [one for one in found.values() if one.metric == f"service.{quantity}" and one.p_value is not None]
        assert len(tested) == of
        holm = multipletests([one.p_value for one in tested], method="holm")[1]
        assert [one.p_adjusted for one in tested] == pytest.approx(list(holm))
    assert "adjusted for 4 gaps (Holm)" in gap.note


def test_what_a_scorer_found_is_a_share_of_the_images_that_it_saw() -> None:
    world = _service(np.random.default_rng(3), {"a": 0.2, "b": 0.2})
    finding = _all_of(world)["service.mean[model; column=faces.count, label=found]"]
    made = [row["image"] for row in world.rows if row["outcome"] == "made"]
    counted = [value for value in world.scores[FACES]["count"] if value]
    assert finding.n == len(made)
    assert finding.estimate == pytest.approx(len(counted) / len(made))
    assert finding.title == "Share of images with faces found"


def test_refusals_that_a_prompt_decides_alone_are_no_false_gaps() -> None:
    audits, rng, wrong, covered = 120, np.random.default_rng(8), [], []
    for _ in range(audits):
        world = _service(rng, {"a": 0.15, "b": 0.15}, words=12, draws=6)
        metric = Disparity(outcomes=("refused",), by="group")
        found = {one.finding.metric: one.finding for one in metric.measure("service", world.context())}
        wrong.append((found["service.gap"].p_value < 0.05, found["service.difference"].p_value < 0.05))
        ends = found["service.difference"].interval
        covered.append(ends.low <= 0 <= ends.high)
    error = np.sqrt(0.05 * 0.95 / audits)
    assert np.all(np.mean(wrong, axis=0) <= 0.05 + 2 * error)
    assert np.mean(covered) >= 0.95 - 2 * error


def test_p_values_agree_with_intervals() -> None:
    for effect in (0.0, 0.02, 0.05, 0.3):
        found = _measure(_paired(effect))
        finding = found["gap.difference[model; against=woman, identity=man]"]
        assert (finding.p_value < 0.05) == (finding.interval.low > 0 or finding.interval.high < 0)
    assert finding.p_value < 1e-4
    assert found["gap.gap[model]"].p_value == pytest.approx(1 / 1001)
    assert "is not shown that they differ" not in finding.note


def test_arms_that_are_compared_pair_by_pair_show_what_others_hide() -> None:
    def p_value(paired: bool) -> float:
        world, rng = World().declare(pixels=NUMBER), np.random.default_rng(4)
        for place in range(20):
            base = rng.normal(0, 5)
            for arm in ("man", "woman"):
                probe = prompt(f"{arm} {place}", pair=f"pair {place}" if paired else "", identity=arm)
                for index in range(4):
                    world.draw("model", probe, index, {SHARP: base + (arm == "woman") * 0.3 + rng.normal(0, 0.3)})
        return _measure(world)["gap.difference[model; against=woman, identity=man]"].p_value

    assert p_value(paired=True) < 1e-3
    assert p_value(paired=False) > 0.5


def test_missing_labels_bound_gaps_and_differences() -> None:
    world = World().declare(attributes=FACE)
    for word in range(12):
        for group, cut in (("a", 2), ("b", 4)):
            for index in range(8):
                label = ("why", "no face") if index >= 6 else "feminine" if index < cut else "masculine"
                world.draw("model", prompt(f"{group} {word}", group=group), index, {GENDER: label})
    found = _measure(world, column=GENDER, level="feminine", by="group")
    difference, gap = found["gap.difference[model; against=b, group=a]"], found["gap.gap[model]"]
    assert (difference.bounds.low, difference.bounds.high) == pytest.approx((2 / 8 - 6 / 8, 4 / 8 - 4 / 8))
    assert (gap.bounds.low, gap.bounds.high) == pytest.approx((0.0, 6 / 8 - 2 / 8))
    assert "48 missing: 48 no face" in gap.note
    assert gap.correction == difference.correction == "uncorrected"


def test_labels_of_people_correct_what_is_compared() -> None:
    rng, world = np.random.default_rng(6), World().declare(attributes=FACE)
    true: list[str] = []
    for word in range(40):
        for group in ("a", "b"):
            for index in range(5):
                real = rng.random() < 0.5
                read = real and not (group == "b" and rng.random() < 0.5)  # half of group b's are read wrongly
                label = "feminine" if read else "masculine"
                world.draw("model", prompt(f"{group} {word}", group=group), index, {GENDER: label})
                true.append("feminine" if real else "masculine")
    rows, chosen = world.rows, np.sort(rng.choice(400, 200, replace=False))
    column = {name: np.array([rows[k][name] for k in chosen], dtype=object) for name in ("generator", "probe", "image")}
    index = np.array([rows[k]["index"] for k in chosen], dtype=np.int64)
    told = np.array([true[k] for k in chosen], dtype=object)
    labels = HumanLabels(**column, index=index, label=told, inclusion=np.full(200, 0.5), raters=1)
    plain = world.context()
    context = Context(plain.table, plain.generators, 0.95, 7, plain.columns, plain.protocols, labels={GENDER: labels})
    metric, key = Disparity(column=GENDER, level="feminine", by="group"), "gap.difference[model; against=b, group=a]"
    naive = sound(metric.measure("gap", plain))[key].finding
    corrected = sound(metric.measure("gap", context))[key].finding
    for index in range(200):  # as many again of group a, refused
        world.draw("model", prompt("a refused", group="a"), index, outcome="refused")
    holed = sound(metric.measure("gap", replace(context, table=world.table())))
    assert holed[key].finding.bounds.low == pytest.approx(
        corrected.estimate - holed["gap.mean[model; group=a]"].finding.estimate / 2
    )
    assert holed[key].finding.bounds.high == pytest.approx(holed[key].finding.bounds.low + 0.5)
    assert naive.p_value < 1e-3
    assert corrected.interval.low < 0 < corrected.interval.high or abs(corrected.estimate) < abs(naive.estimate) / 2
    assert (corrected.correction, corrected.unit, corrected.bounds) == ("labels", "share difference", None)
    assert corrected.protocol == f"{naive.protocol}; corrected by labels"  # so a gate does not compare the two


def test_a_gap_of_very_many_levels_is_refused_and_their_means_are_not() -> None:
    world = World().declare(pixels=NUMBER)
    for job in range(1001):
        world.draw("model", prompt(f"{job}", job=f"{job}"), 0, {SHARP: float(job)})
    found = _measure(world, by="job", min_n=1)
    assert "1001 levels, and at most 1000 are compared" in found["gap.gap[model]"].note
    assert found["gap.mean[model; job=7]"].estimate == 7


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "nothing to compare"),
        ({"level": "feminine", "outcomes": ["refused"]}, "it is a label of `column`"),
        ({"columns": [SHARP, SHARP]}, "columns: each is named once"),
        ({"outcomes": ["made"]}, "outcomes"),
        ({"outcomes": ["refused", "refused"]}, "outcomes: each is named once"),
    ],
)
def test_an_entry_that_asks_nothing_or_twice_is_refused(params: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Disparity.model_validate({"by": "identity"} | params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"columns": [GENDER]},
            "holds labels; a number column is needed; for the share of a label use `column` and `level`",
        ),
        ({"columns": ["features.vector"]}, "holds vectors; a number column is needed$"),
        ({"found": ["faces.cuont"]}, "no scorer fills 'faces.cuont'"),
    ],
)
def test_a_column_that_does_not_fit_is_named(params: dict[str, object], message: str) -> None:
    world = _paired(0.0).declare(attributes=FACE).declare(features=VECTOR)
    with pytest.raises(SpecError, match=message):
        list(Disparity.model_validate({"by": "identity"} | params).measure("gap", world.context()))


def test_levels_with_a_handful_of_labels_leave_the_comparison_uncorrected_and_are_named() -> None:
    world, rng = World().declare(attributes=FACE), np.random.default_rng(3)
    for level in range(12):
        for number in range(4):
            for index in range(10):
                label = "feminine" if rng.random() < 0.5 else "masculine"
                world.draw("model", prompt(f"{number} job {level}", job=f"job {level}"), index, {GENDER: label})
    chosen = np.sort(rng.choice(len(world.rows), 60, replace=False))
    context = _told(world, chosen, np.where(rng.random(60) < 0.5, "feminine", "masculine"))
    plain, found = (
        list(Disparity(column=GENDER, level="feminine", by="job").measure("gap", of)) for of in (world.context(), context)
    )
    assert [one.finding.interval for one in found] == [one.finding.interval for one in plain]
    for one in found:
        finding = one.finding
        assert finding.correction == "uncorrected"
        assert finding.unit in ("share", "share difference")
        assert "Uncorrected for classifier error: too few labels by people at job" in finding.note
        assert finding.note.count("job ") >= 3
        assert re.search(r" and \d more levels; at least 10, of two prompts, are needed at each", finding.note)
        if finding.interval is not None:
            assert 0 <= finding.interval.low <= finding.interval.high <= 1


def _told(world: World, chosen: np.ndarray, label: np.ndarray) -> Context:
    """With people's labels of some draws, chosen with equal probability."""
    rows = [world.rows[row] for row in chosen]
    column = {name: np.array([row[name] for row in rows], dtype=object) for name in ("generator", "probe", "image")}
    index = np.array([row["index"] for row in rows], dtype=np.int64)
    inclusion = np.full(len(rows), len(rows) / len(world.rows))
    labels = HumanLabels(**column, index=index, label=label.astype(object), inclusion=inclusion, raters=1)
    return replace(world.context(), labels={GENDER: labels})


def _misread(rng: np.random.Generator, share: Mapping[str, float], sees: float) -> tuple[World, list[np.ndarray]]:
    """Two or more groups of 20 prompts and 10 draws: what is there, of which a classifier sees a share in group b."""
    world, true = World().declare(attributes=FACE), []
    for group, of in share.items():
        real = rng.random(200) < of
        read = real & ((rng.random(200) < sees) | (group != "b"))
        for row, label in enumerate(np.where(read, "feminine", "masculine")):
            world.draw("model", prompt(f"{group} {row // 10}", group=group), row % 10, {GENDER: str(label)})
        true.append(np.where(real, "feminine", "masculine"))
    return world, true


def test_levels_with_a_hundred_labels_each_are_corrected_and_cover() -> None:
    audits, rng, covered, naive = 60, np.random.default_rng(21), [], []
    metric, key = Disparity(column=GENDER, level="feminine", by="group"), "gap.difference[model; against=b, group=a]"
    for _ in range(audits):
        world, true = _misread(rng, {"a": 0.5, "b": 0.5}, 0.6)
        chosen = np.concatenate([np.sort(rng.choice(200, 100, replace=False)) + 200 * k for k in range(2)])
        context = _told(world, chosen, np.concatenate(true)[chosen])
        one, plain = (
            {f.finding.key: f.finding for f in metric.measure("gap", of)}[key] for of in (context, world.context())
        )
        assert one.correction == "labels"
        covered.append(one.interval.low <= 0 <= one.interval.high)
        naive.append(plain.interval.low <= 0 <= plain.interval.high)
    assert np.mean(covered) >= 0.95 - 2.5 * np.sqrt(0.05 * 0.95 / audits)
    assert np.mean(naive) < 0.3


def test_corrected_shares_gaps_and_differences_stay_within_what_shares_can_be() -> None:
    rng = np.random.default_rng(22)
    world, true = _misread(rng, {"a": 0.02, "b": 1.0}, 0.95)
    for row in range(40):
        world.draw("model", prompt(f"b {row}", group="b"), 0, outcome="refused")
    read = np.array(world.scores[GENDER]["perceived_gender"][:400])
    seen = np.flatnonzero(read[200:] == "feminine")[:6] + 200  # of b, most of the labelled draws were read wrongly
    chosen = np.sort(np.concatenate([np.arange(0, 200, 15), np.flatnonzero(read[200:] != "feminine")[:6] + 200, seen]))
    measured = {one.finding.key: one for one in _of_groups(_told(world, chosen, np.concatenate(true)[chosen]))}
    found = {key: one.finding for key, one in measured.items()}
    parts = measured["gap.mean[model; group=b]"].contributions
    assert sum(part.total for part in parts) / sum(part.n for part in parts) > 1.1
    assert found["gap.mean[model; group=b]"].correction == "labels"
    assert found["gap.mean[model; group=b]"].estimate == 1  # cut
    assert found["gap.difference[model; against=b, group=a]"].interval.low == -1
    for finding in found.values():
        least = -1 if finding.metric == "gap.difference" else 0
        for ends in (finding.interval, finding.bounds):
            assert ends is None or least <= ends.low <= ends.high <= 1
        assert finding.interval.low <= finding.estimate <= finding.interval.high


def _of_groups(context: Context) -> list[Measured]:
    return list(Disparity(column=GENDER, level="feminine", by="group").measure("gap", context))


def test_a_level_too_small_to_be_compared_needs_no_labels() -> None:
    world, true = _misread(np.random.default_rng(23), {"a": 0.5, "b": 0.5}, 0.6)
    context = _told(world, np.arange(0, 400, 2), np.concatenate(true)[::2])
    for row in range(30):  # of a third group, nearly all without a face
        label = "feminine" if row < 4 else ("why", "no face")
        world.draw("model", prompt(f"c {row}", group="c"), 0, {GENDER: label})
    for one in _of_groups(replace(context, table=world.table())):
        assert one.finding.correction == "labels"


def test_with_more_than_six_levels_the_gap_says_why_there_are_no_differences() -> None:
    rng = np.random.default_rng(24)
    for groups, told in ((6, False), (7, True)):
        world, _ = _misread(rng, dict.fromkeys("abcdefg"[:groups], 0.5), 1.0)
        found = [one.finding for one in _of_groups(world.context())]
        gap = next(one for one in found if one.metric == "gap.gap")
        assert ("Differences of each two levels are made for up to 6 levels" in gap.note) == told
        assert any(one.metric == "gap.difference" for one in found) != told
