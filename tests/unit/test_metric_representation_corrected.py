"""Metric ``representation`` where the classifier errs: people's labels, stated confusion, references, thin cells."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from metric_tables import FACE, Column, World, prompt, sound

from audit.component import Context
from audit.errors import InputError, SpecError
from audit.human_labels import CANNOT_TELL, HumanLabels
from audit.metrics.disparity import Disparity
from audit.metrics.representation import Representation
from audit.records import Finding
from audit.reference import About, Asked, Expected, Reference, Silent
from audit.stats.intervals import cluster_share

GENDER = "attributes.perceived_gender"
AGE = Column("perceived_age_band", "label", "Perceived age band", levels=("younger", "older"))
Errs = Callable[[int], tuple[float, float]]


def even(prompt_number: int) -> tuple[float, float]:
    """Sensitivity and specificity that are the same for every prompt."""
    return 0.9, 0.9


def by_prompt(prompt_number: int) -> tuple[float, float]:
    """A classifier that overlooks the label in half of the prompts."""
    return (0.97, 0.98) if prompt_number % 2 else (0.8, 0.9)


def audited(
    rate: float, errs: Errs, *, prompts: int = 40, draws: int = 25, labels: int = 200, unclear: float = 0.0, seed: int = 0
) -> tuple[Context, float]:
    """An audit of a generator with a true share, and the share that people would count in its images."""
    world, rng = World().declare(attributes=FACE), np.random.default_rng(seed)
    seen: list[tuple[str, int, str, str]] = []
    for number in range(prompts):
        probe = prompt(f"a clerk, {number}", occupation=f"job {number % 4}")
        sensitivity, specificity = errs(number)
        for index in range(draws):
            truth = rng.random() < rate
            right = rng.random() < (sensitivity if truth else specificity)
            world.draw("model", probe, index, {GENDER: "feminine" if truth == right else "masculine"})
            seen.append((probe.id, index, "feminine" if truth else "masculine", str(world.rows[-1]["image"])))
    chosen = rng.choice(len(seen), labels, replace=False)
    told = [seen[row] for row in sorted(chosen)]
    blank = rng.random(labels) < unclear
    people = HumanLabels(
        generator=np.full(labels, "model", dtype=object),
        probe=np.array([row[0] for row in told], dtype=object),
        index=np.array([row[1] for row in told]),
        image=np.array([row[3] for row in told], dtype=object),
        label=np.array([CANNOT_TELL if no else row[2] for row, no in zip(told, blank, strict=True)], dtype=object),
        inclusion=np.full(labels, labels / len(seen)),
        raters=1,
    )
    count = float(np.mean([row[2] == "feminine" for row in seen]))
    return replace(world.context(), labels={GENDER: people} if labels else {}), count


def findings(context: Context, **params: object) -> dict[str, Finding]:
    metric = Representation.model_validate({"column": GENDER, "by": []} | params)
    metric.check()
    return {key: one.finding for key, one in sound(metric.measure("r", context)).items()}


def counts_file(path: Path, right: int, of: int) -> Path:
    wrong = of - right
    counts = {"feminine": {"feminine": right, "masculine": wrong}, "masculine": {"feminine": wrong, "masculine": right}}
    path.write_text(json.dumps({"images": "photographs of the test", "counts": counts}))
    return path


SHARE = "r.share[model; label=feminine]"


def test_labels_of_people_correct_a_share_whose_errors_depend_on_the_prompt() -> None:
    held = {"corrected": 0, "uncorrected": 0}
    for seed in range(40):
        found = findings(audited(0.3, by_prompt, seed=seed)[0])
        for name, key in (("corrected", SHARE), ("uncorrected", "r.uncorrected_share[model; label=feminine]")):
            assert found[key].correction == ("labels" if name == "corrected" else "uncorrected")
            held[name] += found[key].interval.low <= 0.3 <= found[key].interval.high
    assert held["corrected"] >= 35
    share = found[SHARE]
    assert "prediction-powered" in share.method
    assert share.note.startswith("Corrected for classifier error by people's labels of 200 draws")
    plain = findings(audited(0.3, by_prompt, labels=0)[0])
    for key in (SHARE, "r.skew[model]", "r.excess_skew[model]"):  # a gate compares numbers of one protocol
        assert found[key].protocol == f"{plain[key].protocol}; corrected by labels"
    assert share.unit == "proportion"


def test_without_labels_or_calibration_a_share_says_that_it_is_uncorrected() -> None:
    found = findings(audited(0.3, even, labels=0)[0])
    assert found[SHARE].correction == "uncorrected"
    assert "uncorrected for its error" in found[SHARE].note
    assert not any(key.startswith("r.uncorrected_share") for key in found)


def test_a_stated_confusion_matrix_corrects_even_errors_and_says_whose(tmp_path: Path) -> None:
    file, held = counts_file(tmp_path / "c.json", 180, 200), 0
    for seed in range(40):
        found = findings(audited(0.2, even, labels=0, seed=seed)[0], calibration=file)
        held += found[SHARE].interval.low <= 0.2 <= found[SHARE].interval.high
    assert held >= 36
    assert found[SHARE].correction == "confusion matrix"
    assert "photographs of the test; errors on these images may differ" in found[SHARE].note
    naive = found["r.uncorrected_share[model; label=feminine]"]
    assert naive.estimate == pytest.approx(0.26, abs=0.04)  # .2 * .9 + .8 * .1
    assert found["r.skew[model]"].correction == "confusion matrix"


def test_a_confusion_matrix_that_labels_rule_out_is_not_used_and_said_to_be(tmp_path: Path) -> None:
    file = counts_file(tmp_path / "c.json", 390, 400)  # photographs are read far better than these images
    wrong = lambda _: (0.75, 0.8)  # noqa: E731
    found = [
        findings(audited(0.15, wrong, labels=400, seed=seed)[0], calibration=file, by=["occupation"]) for seed in range(5)
    ]
    assert sum("people's labels of these images rule out" in each[SHARE].note for each in found) >= 4
    fitting = counts_file(tmp_path / "d.json", 360, 400)
    quiet = ["rule out" in findings(audited(0.3, even, seed=seed)[0], calibration=fitting)[SHARE].note for seed in range(5)]
    assert sum(quiet) <= 1


def test_a_thin_cell_is_not_corrected_by_a_matrix_that_labels_rule_out(tmp_path: Path) -> None:
    file, wrong = counts_file(tmp_path / "c.json", 390, 400), lambda _: (0.7, 0.7)
    context, _ = audited(0.1, wrong, prompts=80, labels=60)
    cell = "r.share[model; label=feminine, occupation=job 1]"
    kept = findings(replace(context, labels={}), calibration=file, by=["occupation"])
    assert kept[cell].correction == "confusion matrix"
    refused = findings(audited(0.1, wrong, prompts=80, labels=30)[0], calibration=file, by=["occupation"])
    assert refused[cell].correction == "uncorrected"
    assert "The stated confusion matrix was not used" in refused[cell].note


def test_a_confusion_matrix_that_no_true_share_could_have_given_is_not_used(tmp_path: Path) -> None:
    counts = {"feminine": {"feminine": 95, "masculine": 5}, "masculine": {"feminine": 60, "masculine": 40}}
    (tmp_path / "c.json").write_text(json.dumps({"images": "another world", "counts": counts}))
    share = findings(audited(0.2, even, labels=0)[0], calibration=tmp_path / "c.json")[SHARE]
    assert share.correction == "uncorrected"
    assert share.estimate == pytest.approx(0.26, abs=0.05)
    assert "with that matrix it would be in at least" in share.note


def test_a_calibration_of_another_column_is_an_error(tmp_path: Path) -> None:
    file = counts_file(tmp_path / "c.json", 180, 200)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"column": "other.perceived_gender"}))
    with pytest.raises(SpecError, match=r"of the column other\.perceived_gender, not of attributes\.perceived_gender"):
        findings(audited(0.3, even, labels=0)[0], calibration=file)


def test_prompts_that_say_who_is_depicted_are_left_out_and_counted() -> None:
    world = World().declare(attributes=FACE)
    for number in range(6):
        for index in range(10):
            world.draw("model", prompt(f"{number} nurse", occupation="nurse"), index, {GENDER: "feminine"})
            asked = prompt(f"{number} man nurse", occupation="nurse", gender="man")
            world.draw("model", asked, index, {GENDER: "masculine"})
    share = findings(world.context(), by=["occupation"])["r.share[model; label=feminine, occupation=nurse]"]
    assert (share.estimate, share.n) == (1.0, 60)
    assert "Left out: 60 draws whose prompts say who is to be depicted" in share.note
    kept = findings(world.context(), by=["occupation"], stated=[])["r.share[model; label=feminine, occupation=nurse]"]
    assert (kept.estimate, kept.n) == (0.5, 120)
    assert "of all prompts" in kept.protocol
    arms = findings(world.context(), by=["gender"])["r.share[model; gender=man, label=feminine]"]
    assert (arms.estimate, arms.n) == (0.0, 60)


def test_images_of_which_people_could_not_tell_widen_the_bounds() -> None:
    both = findings(audited(0.3, even, unclear=0.2)[0])
    found, skew = both[SHARE], both["r.skew[model]"]
    assert found.bounds is not None
    assert skew.bounds is not None
    assert skew.bounds.high == pytest.approx(0.5 - found.bounds.low)
    assert found.bounds.high - found.bounds.low == pytest.approx(0.2, abs=0.06)
    assert "people could not tell" in found.note
    assert findings(audited(0.3, even)[0])[SHARE].bounds is None


def test_labels_of_another_image_and_too_few_labels_do_not_count() -> None:
    context, _ = audited(0.3, even)
    people = context.labels[GENDER]
    other = replace(people, image=np.full(len(people.image), "sha256:0", dtype=object))
    assert findings(replace(context, labels={GENDER: other}))[SHARE].correction == "uncorrected"
    few = findings(audited(0.3, even, labels=6)[0])[SHARE]
    assert few.correction == "uncorrected"
    assert "too few labels by people: 6" in few.note


def test_labels_of_one_prompt_say_nothing_of_the_others() -> None:
    context, _ = audited(0.3, even, labels=1000)
    people = context.labels[GENDER]
    one = people.probe == people.probe[0]
    columns = ("generator", "probe", "index", "image", "label", "inclusion")
    labels = {GENDER: replace(people, **{name: getattr(people, name)[one] for name in columns})}
    share = findings(replace(context, labels=labels))[SHARE]
    compared = Disparity(column=GENDER, level="feminine", by="occupation").measure("d", replace(context, labels=labels))
    for finding in (share, *(one.finding for one in compared)):
        assert finding.correction == "uncorrected"
        assert "labels by people of one prompt only" in finding.note


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ('{"images": "x", "counts": {"feminine": {"feminine": 5}}}', "two labels"),
        ('{"images": "x", "counts": {"feminine": {"feminine": -5}, "masculine": {"masculine": 3}}}', "below 0"),
        ('{"counts": {}}', "images"),
    ],
)
def test_a_calibration_that_is_not_one_is_an_error_before_any_work(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(InputError, match=told):
        Representation(column=GENDER, calibration=tmp_path / "c.json").check()


def test_a_calibration_that_cannot_correct_names_the_parameter(tmp_path: Path) -> None:
    context, _ = audited(0.3, even, labels=0)
    useless = counts_file(tmp_path / "c.json", 101, 200)
    with pytest.raises(SpecError, match=r"metrics\.r\.params\.calibration"):
        findings(context, calibration=useless)
    (tmp_path / "o.json").write_text('{"images": "x", "counts": {"cat": {"cat": 5}, "dog": {"dog": 3}}}')
    with pytest.raises(SpecError, match="cat, dog"):
        findings(context, calibration=tmp_path / "o.json")
    with pytest.raises(InputError, match="no such"):
        Representation(column=GENDER, calibration=tmp_path / "absent.json").check()


# ------------------------------------------------------------------------------------------------ references


class Census(Reference):
    """Shares by occupation, of a sample; silent elsewhere."""

    feminine: dict[str, float]
    n: float = 400.0

    def about(self) -> About:
        return About("The census of the test", "2020", "made up", "It is old")

    def expected(self, attribute: str, labels: object, asked: Asked) -> Expected | Silent:
        share = self.feminine.get(asked.where.get("occupation", ""))
        if share is None:
            return Silent("no figures")
        assert sum(n for _, n in asked.prompts) > 0
        return Expected({"feminine": share, "masculine": 1 - share}, self.n, "a row")


def jobs(rates: dict[str, float], seed: int = 0, prompts: int = 12, draws: int = 10) -> Context:
    world, rng = World().declare(attributes=FACE), np.random.default_rng(seed)
    for occupation, rate in rates.items():
        for number in range(prompts):
            for index in range(draws):
                label = "feminine" if rng.random() < rate else "masculine"
                world.draw("model", prompt(f"{number} {occupation}", occupation=occupation), index, {GENDER: label})
    return world.context()


RATES = {"nurse": 0.9, "welder": 0.1, "clerk": 0.5, "pilot": 0.5}


def test_shares_stand_beside_each_reference_and_are_tested_against_it() -> None:
    context = replace(jobs(RATES), references={"census": Census(feminine={"nurse": 0.9, "welder": 0.4, "clerk": 0.5})})
    found = findings(context, by=["occupation"])
    nurse, welder, pilot = (
        found[f"r.skew[model; occupation={job}, reference=census]"] for job in ("nurse", "welder", "pilot")
    )
    assert welder.p_adjusted is not None
    assert welder.p_adjusted < 0.01
    assert nurse.p_adjusted is not None
    assert nurse.p_adjusted > 0.05
    assert welder.interval.low <= 0.3 <= welder.interval.high
    assert pilot.estimate is None
    assert "says nothing of this: no figures" in pilot.note
    assert "The census of the test" in welder.title
    assert "It is old. A yardstick, not a target" in welder.note
    equal = found["r.skew[model; occupation=nurse]"]
    assert equal.p_adjusted < 0.01
    chart = next(panel for panel in found[SHARE].panels if panel.type == "intervals")
    marks = {row.label: row.marks for row in chart.rows}
    assert chart.marks == ("census",)
    assert marks["occupation: nurse"] == (0.9,)
    assert marks["occupation: pilot"] == (None,)
    assert [row.label for row in chart.rows][:2] == ["all", "occupation: nurse"]


def test_a_reference_that_rests_on_a_small_sample_is_held_against_less_strictly() -> None:
    def p_value(n: float) -> float:
        context = replace(jobs({"nurse": 0.7, "clerk": 0.5}), references={"c": Census(feminine={"nurse": 0.55}, n=n)})
        found = findings(context, by=["occupation"])["r.skew[model; occupation=nurse, reference=c]"]
        assert found.p_value is not None
        return found.p_value

    assert p_value(1e6) < p_value(100.0) < p_value(20.0)


def test_an_even_generator_is_rarely_said_to_differ_in_any_cell() -> None:
    hits = 0
    for seed in range(60):
        found = findings(jobs(dict.fromkeys("abcd", 0.5), seed=seed, prompts=5, draws=8), by=["occupation"], min_n=1)
        hits += any(f.p_adjusted is not None and f.p_adjusted < 0.05 for key, f in found.items() if "occupation=" in key)
    assert hits <= 8  # 5 % of 60, and two standard errors


def test_p_values_of_cells_are_adjusted_as_asked() -> None:
    context = jobs({"a": 0.72, "b": 0.7, "c": 0.5, "d": 0.5}, prompts=8)
    by = {how: findings(context, by=["occupation"], adjust=how) for how in ("holm", "bh", "by")}
    key = "r.skew[model; occupation=b]"
    raw = by["holm"][key].p_value
    assert raw is not None
    assert raw < by["bh"][key].p_adjusted <= by["holm"][key].p_adjusted
    assert "p-values of 4 cells adjusted together (holm)" in by["holm"][key].note


# ------------------------------------------------------------------------------------------------ thin and crossed cells


def test_thin_cells_are_pooled_and_say_so() -> None:
    rates = {f"job {number}": 0.3 for number in range(12)}
    found = findings(jobs(rates, prompts=2, draws=3), by=["occupation"])
    assert found["r.share[model; label=feminine, occupation=job 3]"].estimate is None
    pooled = [f for key, f in found.items() if key.startswith("r.pooled_share[model; label=feminine")]
    assert len(pooled) == 12
    assert np.mean([f.interval.low <= 0.3 <= f.interval.high for f in pooled]) >= 0.9
    alone = cluster_share(np.array([1.0, 1.0]), np.array([3.0, 3.0])).interval
    assert alone is not None
    assert max(f.interval.high - f.interval.low for f in pooled) < alone[1] - alone[0]
    assert "Drawn towards the mean of 12 cells" in pooled[0].note
    ample = findings(jobs(RATES), by=["occupation"])
    assert not any(key.startswith("r.pooled_share") for key in ample)


def test_cells_are_pooled_with_those_of_their_own_axis_only() -> None:
    world, rng = World().declare(attributes=FACE), np.random.default_rng(2)
    for job in range(6):
        for style in ("oil", "photo"):
            for index in range(10):
                label = FACE.levels[int(rng.random() < 0.5)]
                world.draw("model", prompt(f"{job} {style}", job=f"job {job}", style=style), index, {GENDER: label})
    alone, both = (findings(world.context(), by=by) for by in (["job"], ["job", "style"]))
    key = "r.pooled_share[model; job=job 3, label=feminine]"
    assert both[key] == alone[key]
    assert not any("pooled" in of and "style" in of for of in both)


def test_cells_may_be_combinations_of_axes_and_labels_of_columns() -> None:
    world, rng = World().declare(attributes=FACE).declare(attributes=AGE), np.random.default_rng(1)
    for job in ("nurse", "clerk"):
        for language in ("en", "de"):
            for number in range(4):
                for index in range(10):
                    older = rng.random() < 0.5
                    label = "masculine" if older else "feminine"  # of each half, and only so
                    age = "older" if older else "younger"
                    asked = prompt(f"{number} {job} {language}", occupation=job, language=language)
                    world.draw("model", asked, index, {GENDER: label, f"attributes.{AGE.name}": age})
    params = {"by": ["occupation", "language"], "crossed": True, "jointly": [f"attributes.{AGE.name}"]}
    found = findings(world.context(), **params)
    key = "r.share[model; label={}, language=de, occupation=nurse]"
    assert found[key.format("feminine, older")].estimate == 0
    assert found[key.format("masculine, older")].estimate == pytest.approx(0.5, abs=0.2)
    assert found["r.skew[model; language=de, occupation=nurse]"].estimate >= 0.5
    assert not any("occupation=nurse]" in name and "language" not in name for name in found)
