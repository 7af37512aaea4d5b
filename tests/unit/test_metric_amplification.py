"""Metric ``amplification`` on planted shares against stated references."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from metric_tables import FACE, World, prompt, sound

from audit.component import Context
from audit.errors import SpecError
from audit.human_labels import HumanLabels
from audit.metrics.amplification import Amplification
from audit.records import Finding
from audit.reference import About, Asked, Expected, Reference, Silent
from audit.stats.intervals import cluster_mean

GENDER = "attributes.perceived_gender"
DIRECTIONAL, DOMINANT = ("tied.directional[model; reference=stated]", "tied.mean_dominant[model; reference=stated]")


class Stated(Reference):
    """Shares of the feminine by occupation."""

    feminine: dict[str, float]
    n: float | None = None

    def about(self) -> About:
        return About(title="Stated shares", dated="2022")

    def expected(self, attribute: str, labels: Sequence[str], asked: Asked) -> Expected | Silent:
        assert attribute == "perceived_gender"
        assert all(count > 0 and levels["occupation"] == asked.where["occupation"] for levels, count in asked.prompts)
        share = self.feminine.get(asked.where["occupation"])
        if share is None:
            return Silent("no such row")
        return Expected(dict(zip(labels, (share, 1 - share), strict=True)), n_effective=self.n or math.inf)


def drawn(feminine: Mapping[str, Sequence[int]], size: int) -> World:
    """Of each occupation, how many of the images of each of its prompts are feminine."""
    world = World().declare(attributes=FACE)
    for occupation, counts in feminine.items():
        for number, count in enumerate(counts):
            probe = prompt(f"{occupation} {number}", occupation=occupation)
            for index in range(size):
                world.draw("model", probe, index, {GENDER: FACE.levels[index >= count]})
    return world


def against(world: World, reference: Reference, **changes: object) -> Context:
    references = {"stated": reference}
    return replace(world.context(), **({"references": references, "reference_ids": {"stated": "abc"}} | changes))


def findings(context: Context, **params: object) -> dict[str, Finding]:
    metric = Amplification.model_validate({"column": GENDER} | params)
    return {key: one.finding for key, one in sound(metric.measure("tied", context)).items()}


def test_the_golden_example() -> None:
    # golden.json, biasamp_T_to_A
    world = drawn({"pilot": [5, 15], "nurse": [97, 97]}, 100)
    found = findings(against(world, Stated(feminine={"pilot": 0.2, "nurse": 0.9})))
    for finding in found.values():
        assert finding.estimate == pytest.approx(0.085)
        assert finding.interval.low < 0.085 < finding.interval.high
        assert finding.expected == 0
        assert (finding.n, finding.clusters, finding.correction) == (400, 4, "uncorrected")
        assert "stated=abc" in finding.protocol
        assert "Stated shares (2022)" in finding.title
    heat = found[DIRECTIONAL].panels[-1]
    assert dict(zip(heat.rows, heat.values, strict=True))["pilot"] == pytest.approx((-0.1, 0.1))


def test_a_level_that_all_occupations_lead_in_is_told_apart_by_direction() -> None:
    # masculine leads everywhere; the images have more of them everywhere: dominance gains, direction evens out
    world = drawn({"pilot": [5, 5, 5], "judge": [10, 10, 10]}, 100)
    found = findings(against(world, Stated(feminine={"pilot": 0.1, "judge": 0.4})))
    assert found[DOMINANT].estimate == pytest.approx((0.05 + 0.3) / 2)
    assert found[DIRECTIONAL].estimate == pytest.approx((0.05 - 0.3) / 2)


def test_exaggerating_evening_out_and_following_are_told_in_words() -> None:
    stated = Stated(feminine={"pilot": 0.3, "nurse": 0.7})
    for counts, said, sign in (
        ({"pilot": [5, 6, 4, 5], "nurse": [45, 44, 46, 45]}, "exaggerate", 1),
        ({"pilot": [25, 26, 24, 25], "nurse": [25, 24, 26, 25]}, "even out", -1),
        ({"pilot": [15, 17, 13, 15], "nurse": [35, 33, 37, 35]}, "Not shown", 0),
    ):
        finding = findings(against(drawn(counts, 50), stated))[DIRECTIONAL]
        assert said in finding.note
        assert (finding.p_value <= 0.05) == (sign != 0)
        assert np.sign(finding.interval.low) == np.sign(finding.interval.high) == sign or sign == 0


@pytest.mark.parametrize("n", [None, 60])
def test_following_the_reference_is_found_to_differ_as_rarely_as_is_promised(n: int | None) -> None:
    rng, audits, wrong = np.random.default_rng(1), 100, {DIRECTIONAL: 0, DOMINANT: 0}
    names = [f"occupation {number}" for number in range(8)]
    for _ in range(audits):
        true = dict(zip(names, rng.uniform(0.2, 0.8, 8), strict=True))
        counts = {}
        for name, share in true.items():
            by_prompt = rng.beta(share * 9, (1 - share) * 9, 4)  # correlation .1
            counts[name] = rng.binomial(8, by_prompt).tolist()
        told = true if n is None else {name: rng.binomial(n, share) / n for name, share in true.items()}
        found = findings(against(drawn(counts, 8), Stated(feminine=told, n=n)))
        for key in wrong:
            assert found[key].interval.low <= found[key].estimate <= found[key].interval.high
            wrong[key] += not found[key].interval.low <= 0 <= found[key].interval.high
            assert (found[key].p_value <= 0.05) == (not found[key].interval.low <= 0 <= found[key].interval.high)
    assert max(wrong.values()) / audits <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / audits)


def test_a_reference_that_is_a_sample_widens_the_interval_and_says_what_chance_does_to_signs() -> None:
    world = drawn({"pilot": [9, 11, 10], "nurse": [10, 12, 11]}, 20)
    shares = {"pilot": 0.48, "nurse": 0.52}
    exact, sampled = (findings(against(world, Stated(feminine=shares, n=n)))[DIRECTIONAL] for n in (None, 50))
    assert exact.estimate == pytest.approx(sampled.estimate)
    assert sampled.interval.high - sampled.interval.low > exact.interval.high - exact.interval.low
    assert exact.expected == 0
    # each share has an error of .07 and lies on the side of the mean where its error put it: E|z| .07 / sqrt(2) of .02
    assert -0.05 < sampled.expected < -0.02
    assert "sampling error of the reference included" in sampled.method
    assert "taken as exact" in exact.method


def test_what_is_left_out_is_counted_and_named() -> None:
    world = drawn({"pilot": [5, 15], "nurse": [97, 97], "person": [50, 50], "judge": []}, 100)
    for index in range(4):
        world.draw("model", prompt("a judge", occupation="judge"), index, {GENDER: "feminine"})
        asked = prompt("an older pilot", occupation="pilot", age="older adult")
        world.draw("model", asked, index, {GENDER: "feminine"})
    world.draw("model", prompt("pilot again", occupation="pilot"), 0, outcome="refused")
    world.draw("model", prompt("pilot again", occupation="pilot"), 1, {GENDER: ("", "no face")})
    found = findings(against(world, Stated(feminine={"pilot": 0.2, "nurse": 0.9, "judge": 0.5})))[DIRECTIONAL]
    assert found.estimate == pytest.approx(0.085)
    assert (found.n, found.n_missing) == (400, 2)
    assert "fewer than 10 labelled draws: judge" in found.note
    assert "the reference says nothing: person (no such row)" in found.note
    assert "Left out: 4 draws whose prompts say who is to be depicted" in found.note
    assert "2 missing: 1 refused" in found.note
    # two pilots more of one kind or of the other: .1 of 200 becomes 20 or 22 of 202, counted with sign and half weight
    ends = [0.085 + (0.1 - (20 + more) / 202) / 2 for more in (2, 0)]
    assert (found.bounds.low, found.bounds.high) == pytest.approx(ends)
    said = findings(against(world, Stated(feminine={"pilot": 0.2, "nurse": 0.9})), stated=())[DIRECTIONAL]
    assert said.n == 404


def test_peoples_labels_correct_what_the_classifier_does_to_it() -> None:
    # a third of the feminine pilots are read as masculine: uncorrected, that passes for amplification
    rng, world, truth = np.random.default_rng(3), World().declare(attributes=FACE), {}
    for occupation, share in (("pilot", 0.4), ("nurse", 0.6)):
        for number in range(10):
            probe = prompt(f"{occupation} {number}", occupation=occupation)
            for index in range(40):
                seen = FACE.levels[int(rng.random() > share)]
                missed = occupation == "pilot" and seen == "feminine" and rng.random() < 1 / 3
                world.draw("model", probe, index, {GENDER: "masculine" if missed else seen})
                truth[probe.id, index] = seen
    keys = [list(truth)[place] for place in rng.choice(len(truth), 300, replace=False)]
    images = {(row["probe"], row["index"]): row["image"] for row in world.rows}
    labels = HumanLabels(
        generator=np.full(300, "model", dtype=object),
        probe=np.array([probe for probe, _ in keys], dtype=object),
        index=np.array([index for _, index in keys]),
        image=np.array([images[key] for key in keys], dtype=object),
        label=np.array([truth[key] for key in keys], dtype=object),
        inclusion=np.full(300, 300 / 800),
        raters=2,
    )
    stated = Stated(feminine={"pilot": 0.4, "nurse": 0.6})
    naive = findings(against(world, stated))[DIRECTIONAL]
    right = findings(against(world, stated, labels={GENDER: labels}))[DIRECTIONAL]
    assert naive.interval.low > 0
    assert right.correction == "labels"
    assert right.protocol == f"{naive.protocol}; corrected by labels"
    assert right.interval.low <= 0 <= right.interval.high
    assert abs(right.estimate) < naive.estimate / 2
    assert "prediction-powered" in right.method


def test_contributions_have_the_spread_of_the_finding() -> None:
    rng = np.random.default_rng(5)
    counts = {f"occupation {t}": rng.binomial(20, 0.2 + 0.06 * t, 6).tolist() for t in range(10)}
    stated = Stated(feminine={f"occupation {t}": 0.3 + 0.04 * t for t in range(10)})
    metric = Amplification(column=GENDER)
    for one in metric.measure("tied", against(drawn(counts, 20), stated)):
        parts = one.contributions
        interval = cluster_mean(np.array([part.total for part in parts]), np.array([part.n for part in parts])).interval
        assert interval[1] - interval[0] == pytest.approx(one.finding.interval.high - one.finding.interval.low, rel=0.1)


def test_one_prompt_a_level_speaks_of_these_prompts_only() -> None:
    found = findings(against(drawn({"pilot": [10], "nurse": [95]}, 100), Stated(feminine={"pilot": 0.2, "nurse": 0.9})))
    assert found[DIRECTIONAL].clusters == 200
    assert "other prompts" in found[DIRECTIONAL].note


def test_without_two_levels_or_a_direction_there_is_no_estimate() -> None:
    world = drawn({"pilot": [10, 10], "nurse": [40, 40]}, 50)
    for stated, why in (
        (Stated(feminine={"pilot": 0.2}), "fewer than two levels"),
        (Stated(feminine={}), "fewer than two levels"),
        (Stated(feminine={"pilot": 0.5, "nurse": 0.5}), "no label a direction"),
    ):
        for finding in findings(against(world, stated)).values():
            assert finding.estimate is None
            assert why in finding.note


def test_the_reference_is_named_or_the_only_one() -> None:
    world, stated = drawn({"pilot": [10, 10], "nurse": [40, 40]}, 50), Stated(feminine={"pilot": 0.2, "nurse": 0.9})
    two = against(world, stated, references={"stated": stated, "mine": stated})
    assert set(findings(two, reference="stated")) == {DIRECTIONAL, DOMINANT}
    with pytest.raises(SpecError, match="name the reference to hold shares against; references of the spec: mine, stated"):
        findings(two)
    with pytest.raises(SpecError, match="there is no reference 'us'; references of the spec: mine, stated"):
        findings(two, reference="us")
    with pytest.raises(SpecError, match="references of the spec: none"):
        findings(against(world, stated, references={}))
    with pytest.raises(SpecError, match="no probe has the axis 'trait'"):
        findings(two, reference="stated", by="trait")
