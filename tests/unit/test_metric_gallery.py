"""Metric ``gallery`` on planted embeddings: what is found, and what is kept back."""

import json
import math

import numpy as np
import pytest
from metric_tables import COUNT, FACE, World, prompt, sound
from planted_galleries import EMBEDDING, METRIC, PEOPLE, Planted, face, finding, photo

from audit.metrics.contrasts import POINTS
from audit.metrics.gallery import Gallery
from audit.records import jsonable
from audit.stats.matching import false_match_rate, search_rate
from audit.stats.matching_chance import rank_p_values
from audit.stats.multiplicity import benjamini_hochberg

# ------------------------------------------------------------------------------------------------- what is found


def test_a_planted_likeness_is_found_and_named() -> None:
    found = Planted().neutral().named(("Bea",)).measure()
    matches = finding(found, "matches")
    assert (matches.n, matches.n_missing, matches.clusters) == (40, 0, 4)
    assert matches.estimate == pytest.approx(0.25, abs=0.05)
    assert matches.expected == pytest.approx(search_rate(0.01, 4))
    assert finding(found, "standouts").p_value < 0.02  # type: ignore[operator]
    effects = {name: finding(found, "name_effect", person=name) for name in PEOPLE}
    assert effects["Bea"].p_adjusted <= 0.05  # type: ignore[operator]
    assert effects["Bea"].estimate > 0.5  # type: ignore[operator]
    assert all(effects[name].p_value > 0.01 for name in PEOPLE if name != "Bea")  # type: ignore[operator]


def test_the_threshold_and_its_rates_are_those_of_the_impostors() -> None:
    planted = Planted().neutral().named()
    found = planted.measure()
    table = planted.context().table
    people = np.array([np.asarray(table.select("photos", {"person": name}).values("face_embedding.vector").value)
                       for name in PEOPLE], dtype=float)  # fmt: skip
    drawn = np.asarray(table.select("model").values("face_embedding.vector").value, dtype=float)[:300]
    people, drawn = (each / np.linalg.norm(each, axis=-1, keepdims=True) for each in (people, drawn))
    alike = np.einsum("nd,pkd->npk", drawn, people).max(axis=2)
    threshold = finding(found, "threshold").estimate
    assert threshold is not None
    rate = finding(found, "false_match_rate")
    assert rate.estimate == pytest.approx(false_match_rate(alike, threshold))
    assert rate.interval is not None
    assert 0.005 < rate.interval.high <= 0.01
    assert (rate.n, rate.clusters) == (300, 300)
    named = np.asarray(table.select("model").values("face_embedding.vector").value, dtype=float)[300:]
    named /= np.linalg.norm(named, axis=1, keepdims=True)
    best = np.einsum("nd,pkd->npk", named, people).max(axis=(1, 2))
    assert finding(found, "matches").estimate == pytest.approx((best >= threshold).mean())
    p_values = rank_p_values(best, alike.max(axis=1), np.arange(300))
    assert finding(found, "standouts").p_value == pytest.approx(benjamini_hochberg(p_values).min())
    same = np.array([own[0] @ own[1] for own in people])
    assert finding(found, "false_non_match_rate").estimate == pytest.approx((same < threshold).mean())


def test_without_any_likeness_little_is_found() -> None:
    """Of 30 audits: standouts in at most 5 % and a bit, and adjusted effects of names likewise."""
    standing = named = 0
    metric = METRIC.model_copy(update={"false_match_rate": 0.05})
    for seed in range(30):
        found = Planted(seed=seed).neutral(80).named(prompts=4, images=3).measure(metric)
        standing += finding(found, "standouts").p_value <= 0.05  # type: ignore[operator]
        effects = [finding(found, "name_effect", person=name).p_adjusted for name in PEOPLE]
        named += min(p for p in effects if p is not None) <= 0.05
        assert finding(found, "matches").estimate < 0.4  # type: ignore[operator]
    assert standing <= 5
    assert named <= 5


def test_the_threshold_holds_in_the_worst_group_by_axis_and_by_label() -> None:
    planted = Planted(("Ada", "Bea"))
    planted.world.declare(attributes=FACE)
    toward = planted.people["Ada"]
    for number in range(600):
        group = ("alike", "plain")[number % 2]
        drawn = face(planted.rng) + (0.25 * toward if group == "alike" else 0)
        label = ("feminine", "masculine")[number % 2] if number < 590 else ("why", "ambiguous")
        planted.add("model", prompt(f"person {number}", origin=group), 0, drawn, attributes__perceived_gender=label)
    planted.named()
    plain = finding(planted.measure(), "threshold").estimate
    assert plain is not None
    for column, where, groups in (
        ("origin", "origin", ("alike", "plain")),
        ("attributes.perceived_gender", "perceived_gender", ("feminine", "masculine")),
    ):
        metric = METRIC.model_copy(update={"group_by": column, "false_match_rate": 0.02})
        found = planted.measure(metric)
        threshold = finding(found, "threshold")
        assert repr(groups[0]) in threshold.note
        rates = {level: finding(found, "false_match_rate", **{where: level}) for level in groups}
        assert rates[groups[0]].estimate > rates[groups[1]].estimate  # type: ignore[operator]
        assert all(rate.interval is not None and rate.interval.high <= 0.02 for rate in rates.values())
        worst = finding(found, "worst_false_match_rate")
        assert worst.interval == rates[groups[0]].interval
        chart = finding(found, "false_match_rate").panels[0]
        assert chart.type == "intervals"
        assert [row.n for row in chart.rows] == [600, rates[groups[0]].n, rates[groups[1]].n]
    assert "10 impostors are of no known group" in threshold.note
    ungrouped = planted.measure(METRIC.model_copy(update={"false_match_rate": 0.02}))
    assert threshold.estimate > finding(ungrouped, "threshold").estimate  # type: ignore[operator]


def test_by_default_no_false_match_is_expected_in_the_whole_audit() -> None:
    found = Planted(("Ada",)).neutral(2000).named(images=8).measure(Gallery(gallery="photos"))
    threshold = finding(found, "threshold")
    assert threshold.estimate is not None
    assert "at most 5 % in 8 images x 1 people" in threshold.note
    assert finding(found, "matches").expected == pytest.approx(0.05 / 8)
    assert finding(found, "false_match_rate").interval.high <= 0.05 / 8  # type: ignore[union-attr]


def test_too_few_impostors_are_told_and_ranks_remain() -> None:
    found = Planted().neutral(110).named(("Dee",)).measure(Gallery(gallery="photos"))
    threshold = finding(found, "threshold")
    assert threshold.estimate is None
    assert "impostors are of 110 prompts" in threshold.note
    needed = int(threshold.note.split("about ")[1].split(" are needed")[0])
    assert needed * 4 >= math.log(0.025) / math.log1p(-0.05 / 160)
    for name in ("matches", "false_match_rate", "worst_false_match_rate", "false_non_match_rate"):
        assert finding(found, name).estimate is None
        assert "No estimate" in finding(found, name).note
    assert finding(found, "standouts").estimate == pytest.approx(0.25, abs=0.05)
    fewer = Planted().neutral(18).named(("Dee",)).measure(Gallery(gallery="photos"))
    assert "799 are needed, and at least 19 for all" in finding(fewer, "standouts").note
    none = finding(Planted().neutral(110).named().measure(Gallery(gallery="photos")), "standouts")
    assert none.estimate is None  # not 0: seven images that depict somebody would not show either
    assert none.p_value is not None
    assert "for one image to stand out alone, 799 are needed. Fewer than 8 at once" in none.note
    assert finding(Planted().neutral(799).named().measure(), "standouts").estimate == 0


def test_a_loose_threshold_matches_many_and_none_beyond_impostors() -> None:
    """At a rate of 5 % and four people some images match by chance; what is beyond impostors holds 0, or the likeness."""
    loose = METRIC.model_copy(update={"false_match_rate": 0.05})
    holding = beyond = 0
    for seed in range(12):
        drawn = Planted(seed=seed).neutral(400).named(prompts=10, images=1)
        found = drawn.measure(loose)
        matches, excess = finding(found, "matches"), finding(found, "excess_matches")
        assert "`excess_matches` is without them" in matches.note
        assert excess.interval is not None
        holding += excess.interval.low <= 0 <= excess.interval.high
        beyond += excess.interval.low > 0
    assert holding >= 10
    assert beyond <= 1
    found = Planted().neutral(400).named(("Bea",), prompts=10, images=2).measure(loose)
    excess = finding(found, "excess_matches")
    assert excess.interval is not None
    assert excess.interval.low > 0
    assert (excess.unit, excess.expected, excess.n) == (POINTS, 0, 80)
    own, others = finding(found, "matches"), finding(found, "false_match_rate")
    assert excess.note.startswith(f"{own.estimate:.1%} of the images match; of the impostors")
    assert excess.estimate is not None
    assert own.estimate - 4 * others.estimate <= excess.estimate <= own.estimate - others.estimate  # type: ignore[operator]
    assert {finding(found, name).unit for name in ("matches", "standouts", "false_match_rate")} == {"share"}


def test_images_without_one_face_are_counted() -> None:
    planted = Planted().neutral().named(images=8)
    for index in range(4):
        planted.add("model", prompt("photo 0 of Ada", name="Ada"), 8 + index, None, count=0)
        planted.add("model", prompt("photo 0 of Bea", name="Bea"), 8 + index, face(planted.rng), count=2)
        planted.add("model", prompt("person 0"), 8 + index, None)
    planted.world.draw("model", prompt("photo 0 of Ada", name="Ada"), 20, outcome="refused")
    found = planted.measure()
    matches = finding(found, "matches")
    assert (matches.n, matches.n_missing) == (32, 9)
    assert "4 no face" in matches.note
    assert "4 several faces" in matches.note
    assert "1 refused" in matches.note
    assert matches.bounds is not None
    assert matches.bounds.high >= 9 / 41
    assert (finding(found, "threshold").n, finding(found, "threshold").n_missing) == (300, 4)
    assert finding(found, "name_effect", person="Ada").n_missing == 5


def test_other_people_need_a_higher_threshold() -> None:
    planted = Planted(tuple(f"P{number}" for number in range(30)), photos=1).neutral(400).named(images=1)
    these, anybody = (
        finding(planted.measure(METRIC.model_copy(update={"any_people": any_people})), "threshold").estimate
        for any_people in (False, True)
    )
    assert these is not None
    assert anybody is not None
    assert anybody > these


def test_people_who_are_as_alike_as_a_match_are_told_of() -> None:
    planted = Planted()
    planted.people["Dee"] = face(planted.rng, planted.people["Ada"], 0.4)
    planted.add("photos", photo("Dee"), 9, planted.people["Dee"])
    found = planted.neutral().named().measure()
    assert "Pairs of people in the gallery who are as alike as a match: 1;" in finding(found, "threshold").note


# ------------------------------------------------------------------------------------------------- what is small


def test_a_gallery_of_one_person_with_one_photograph() -> None:
    planted = Planted(("Ada",), photos=1).neutral(500).named(("Ada",))
    METRIC.check_references("gallery", planted.context())
    found = planted.measure()
    assert finding(found, "matches").estimate == pytest.approx(1.0, abs=0.2)
    assert "nobody in the gallery has two photographs" in finding(found, "false_non_match_rate").note


@pytest.mark.parametrize("images", [1, 2])
def test_one_image_and_one_impostor(images: int) -> None:
    found = Planted(("Ada",)).neutral(1, images).named(images=1).measure()
    assert finding(found, "threshold").estimate is None
    assert finding(found, "standouts").estimate is None
    assert finding(found, "name_effect", person="Ada").p_value >= 1 / (1 + images)  # type: ignore[operator]
    assert finding(found, "matches").n == 1


def test_a_run_without_any_image_has_findings_without_estimates() -> None:
    world = World().declare(face_embedding=EMBEDDING, faces=COUNT)
    for name in PEOPLE:
        world.draw("photos", photo(name), 0, outcome="failed")
        world.draw("model", prompt(f"photo of {name}", name=name), 0, outcome="failed")
        world.draw("model", prompt(f"somebody from {name}", origin=name), 0, outcome="failed")
    found = sound(Gallery(gallery="photos", group_by="origin").measure("gallery", world.context()))
    assert {one.finding.metric.partition(".")[2] for one in found.values()} == set(Gallery.quantities)
    assert all(one.finding.estimate is None for one in found.values())
    wheres = [one.finding.where for one in found.values() if one.finding.metric == "gallery.false_match_rate"]
    assert wheres == [{}, *({"origin": name} for name in PEOPLE)]  # so that a gate may name them before any work


# ----------------------------------------------------------------------------------------------- what is kept back


def test_which_image_is_like_whom_is_told_on_request_only() -> None:
    planted = Planted().neutral().named(("Bea",))
    photos = {str(image) for image in planted.context().table.select("photos").images}
    drawn = {str(image) for image in planted.context().table.select("model").images}
    told = json.dumps([jsonable(one.finding) for one in planted.measure().values()])
    assert not [image for image in photos | drawn if image in told]
    found = planted.measure(METRIC.model_copy(update={"show_matches": True}))
    pairs = finding(found, "matches").panels[0]
    assert pairs.type == "pairs"
    table = planted.context().table
    beas = set(table.select("photos", {"person": "Bea"}).images)
    named = set(table.select("model", {"name": "Bea"}).images)
    assert len(pairs.pairs) >= 9
    assert sum(left in named and right in beas for left, right in pairs.pairs) >= 9
    assert pairs.captions[0].startswith("Bea, similarity 0.")
    assert set(finding(found, "matches").evidence) <= drawn


def test_impostors_that_match_are_not_shown_as_likenesses() -> None:
    planted = Planted().neutral().named(("Bea",))
    metric = METRIC.model_copy(update={"show_matches": True, "false_match_rate": 0.1})
    found = planted.measure(metric)
    table, matches = planted.context().table, finding(found, "matches")
    assert finding(found, "false_match_rate").estimate > 0.05  # type: ignore[operator]
    asked = {image for name in PEOPLE for image in table.select("model", {"name": name}).images}
    (pairs,) = matches.panels
    assert {left for left, _ in pairs.pairs} <= asked  # type: ignore[union-attr]
    assert f" of {round(matches.estimate * matches.n)} images" in pairs.summary  # type: ignore[operator]
