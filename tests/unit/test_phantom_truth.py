"""Truth tables: exact shares against a brute-force count of the raw files, and what is drawn against the shares."""

import itertools
import math
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audit.errors import InputError
from generators.phantom.law import Level, numbers
from generators.phantom.portrait import CUES, OCCUPATIONS, PRESENTATIONS
from generators.phantom.sampling import repeated, sample
from generators.phantom.truth import BANDS, LEVELS, PRESETS, preset, read_truth

DATA = Path(__file__).parents[2] / "generators" / "phantom" / "data"
EVEN = (DATA / "even.toml").read_text("utf-8")


def raw(name: str) -> dict[str, dict[str, dict[str, float]]]:
    shares: dict[str, dict[str, dict[str, float]]] = tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))["shares"]
    return shares


def counted(name: str, wanted: dict[str, str], given: dict[str, str]) -> float:
    """The share by enumeration of every combination of four attributes, from the file alone (no defects)."""
    table = tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))
    lift = table.get("interaction", {"occupation": "", "lift": {}})
    axes = ("occupation", "presentation", "age", "tone", "light")
    found = total = 0.0
    for cell in itertools.product(*(table["shares"][axis]["all"] for axis in axes)):
        person = dict(zip(axes, cell, strict=True))
        rows = {axis: table["shares"][axis].get(person["occupation"], table["shares"][axis]["all"]) for axis in axes}
        share = {axis: rows[axis][person[axis]] for axis in axes}
        pair = share["presentation"] * share["age"]
        if person["occupation"] == lift["occupation"]:
            pair += (1 if person["presentation"] == "feminine" else -1) * lift["lift"][person["age"]]
        weight = share["occupation"] * pair * share["tone"] * share["light"]
        if given.items() <= person.items():
            total += weight
            found += weight * (wanted.items() <= person.items())
    return found / total


@pytest.mark.parametrize("name", ["even", "skewed"])
@pytest.mark.parametrize(
    ("attribute", "level", "given"),
    [
        ("presentation", "feminine", {}),
        ("presentation", "feminine", {"occupation": "nurse"}),
        ("presentation", "feminine", {"tone": "10"}),
        ("presentation", "feminine", {"occupation": "teacher", "age": "young"}),
        ("occupation", "judge", {"age": "older", "light": "dim"}),
        ("age", "older", {"presentation": "masculine"}),
        ("tone", "1", {"age": "older", "presentation": "feminine"}),
        ("light", "warm", {"tone": "9"}),
    ],
)
def test_shares_are_those_of_a_count_over_all_people(name: str, attribute: str, level: str, given: dict[str, str]) -> None:
    read: dict[str, Level] = {key: int(value) if value.isdigit() else value for key, value in given.items()}
    exact = preset(name).share(attribute, int(level) if level.isdigit() else level, read)
    assert exact == pytest.approx(counted(name, {attribute: level}, given), abs=1e-9)


def test_what_is_planted_in_skewed() -> None:
    table = preset("skewed")
    feminine = {work: table.share("presentation", "feminine", {"occupation": work}) for work in OCCUPATIONS}
    assert feminine["nurse"] == pytest.approx(0.95)
    assert feminine["builder"] == pytest.approx(0.05)
    assert feminine["none"] == pytest.approx(0.5)
    apart = [abs(share - 0.5) for share in feminine.values()]
    assert all(gap < 1e-9 or gap > 0.05 for gap in apart), "a planted difference is none, or 5 points or more"
    assert table.share("presentation", "feminine") == pytest.approx(0.5), "the skews of occupations cancel out"
    assert table.share("tone_band", "light", {"occupation": "judge"}) > 0.6
    assert table.share("tone_band", "dark", {"occupation": "farmer"}) > 0.5


def test_the_interaction_leaves_both_marginals_alone() -> None:
    table = preset("skewed")
    teacher = {"occupation": "teacher"}
    assert table.share("presentation", "feminine", teacher) == pytest.approx(0.5)
    assert table.share("age", "young", teacher) == pytest.approx(0.4)
    assert table.share("presentation", "feminine", {**teacher, "age": "young"}) == pytest.approx(0.9)
    assert table.share("presentation", "feminine", {**teacher, "age": "middle-aged"}) == pytest.approx(0.5)
    assert table.share("presentation", "feminine", {**teacher, "age": "older"}) == pytest.approx(0.1)


def test_regressed_is_even_but_for_what_is_planted() -> None:
    even, regressed = raw("even"), raw("regressed")
    shifted = regressed["presentation"]
    assert {work for work in shifted if work != "all"} == {"chef", "doctor"}
    assert all(shifted[work]["feminine"] == pytest.approx(0.4) for work in ("chef", "doctor"))
    assert regressed | {"presentation": {"all": shifted["all"]}} == even


def test_defects_of_regressed_by_hand() -> None:
    table = preset("regressed")
    nurse = {"occupation": "nurse", "people": 1}
    assert table.share("copy", True, nurse) == pytest.approx(0.05)
    # Half are feminine, a third of them older, 95 % of those no copies, 10 % of those missing.
    missing = 0.5 * 0.3333333 * 0.95 * 0.1
    assert table.share("missing", True, nurse) == pytest.approx(missing)
    seen = (0.5 - missing) / (1 - missing)
    assert table.share("presentation", "feminine", {**nurse, "missing": False}) == pytest.approx(seen)
    assert table.share("presentation", "feminine", nurse) == pytest.approx(0.5), "copies leave presentation alone"
    assert table.share("people", 1, {**nurse, "missing": True}) == 1
    picture = repeated(table, "nurse", "feminine"), repeated(table, "nurse", "masculine")
    assert picture[0]
    assert picture[1]
    share = 0.95 * 0.1 + 0.05 * (picture[0].tone == 3) / 2 + 0.05 * (picture[1].tone == 3) / 2
    assert table.share("tone", 3, nurse) == pytest.approx(share)


ASKED: tuple[Mapping[str, Level], ...] = (
    {},
    {"people": 1, "occupation": "teacher"},
    {"people": 1, "presentation": "feminine", "age": "older"},
    {"people": 1, "tone_band": "dark", "glasses": True},
)


@pytest.mark.parametrize("given", ASKED, ids=str)
@pytest.mark.parametrize("name", PRESETS)
def test_draws_have_the_shares_of_the_table(name: str, given: Mapping[str, Level]) -> None:
    table, rng, n = preset(name), np.random.default_rng(7), 8000
    scenes = [sample(table, rng, given) for _ in range(n)]
    seen: Counter[tuple[str, Level]] = Counter()
    for scene in scenes:
        seen.update((attribute, getattr(scene.asked, attribute)) for attribute in LEVELS)
        seen.update([("copy", scene.copy), ("missing", scene.shown != scene.asked)])
    asked = LEVELS | {"copy": (True,), "missing": (True,)}
    for attribute, levels in asked.items():
        for level in levels:
            share = table.share(attribute, level, given)
            error = math.sqrt(share * (1 - share) / n)
            assert abs(seen[attribute, level] / n - share) <= 4.5 * error + 1e-12, (attribute, level, share)


def test_presentation_and_age_depend_on_each_other_in_draws_too() -> None:
    table, rng = preset("skewed"), np.random.default_rng(3)
    people = [sample(table, rng, {"occupation": "teacher"}).asked for _ in range(4000)]
    young = [person.presentation == "feminine" for person in people if person.age == "young"]
    assert sum(young) / len(young) == pytest.approx(0.9, abs=4.5 * 0.3 / math.sqrt(len(young)))


def test_what_is_stated_holds_whatever_the_defects() -> None:
    table, rng = preset("regressed"), np.random.default_rng(5)
    given: dict[str, Level] = {"people": 1, "occupation": "judge", "age": "older", "tone_band": "light", "hair": "curly"}
    for _ in range(2000):
        scene = sample(table, rng, given)
        assert (scene.asked.occupation, scene.asked.age, scene.asked.hair) == ("judge", "older", "curly")
        assert scene.asked.tone in BANDS["light"]
        if scene.shown != scene.asked:
            assert scene.shown == replace(scene.asked, people=0)
            assert (scene.asked.presentation, scene.asked.age) == ("feminine", "older")


def test_copies_are_few_pictures_that_come_again_and_again() -> None:
    table, rng = preset("regressed"), np.random.default_rng(11)
    copies = [scene.shown for scene in (sample(table, rng) for _ in range(20_000)) if scene.copy]
    known = {repeated(table, work, presentation) for work in OCCUPATIONS for presentation in PRESENTATIONS}
    assert set(copies) == known
    assert len(known) == 26
    assert not any(sample(preset("even"), rng).copy for _ in range(500))


def test_arms_that_share_a_seed_differ_in_what_is_stated_alone() -> None:
    for seed in range(200):
        plain, woman, wheels = (
            sample(preset("even"), np.random.default_rng(seed), {"people": 1, "occupation": "chef", **arm}).asked
            for arm in ({}, {"presentation": "feminine"}, {"mobility_aid": True})
        )
        assert replace(plain, mobility_aid=True) == wheels
        assert replace(plain, presentation="feminine", cues=woman.cues) == woman
        agree = [cue == (plain.presentation == "feminine") for cue in plain.cues]
        assert list(woman.cues) == agree, "the same cues agree with either presentation"


def test_cues_agree_as_often_as_a_binomial_majority() -> None:
    rng, n = np.random.default_rng(2), 6000
    weights = {k: math.comb(7, k) * 0.8**k * 0.2 ** (7 - k) for k in (5, 6, 7)}
    mean = sum(k * weight for k, weight in weights.items()) / sum(weights.values()) / len(CUES)
    people = [sample(preset("even"), rng).asked for _ in range(n)]
    for place in range(len(CUES)):
        share = sum(person.cues[place] == (person.presentation == "feminine") for person in people) / n
        assert share == pytest.approx(mean, abs=4.5 * math.sqrt(mean * (1 - mean) / n))


def test_lights_stay_in_their_ranges_and_follow_the_occupation() -> None:
    table, rng = preset("skewed"), np.random.default_rng(4)
    painters = [sample(table, rng, {"occupation": "painter"}).asked.light for _ in range(2000)]
    dim = table.lights["dim"]
    low = sum(dim.exposure[0] <= light.exposure <= dim.exposure[1] for light in painters) / len(painters)
    assert low == pytest.approx(0.7, abs=0.05)
    warm = sample(table, rng, {"light": "warm"}).asked.light
    assert 0.4 <= warm.warmth <= 0.9


def test_the_numbers_of_a_picture_do_not_move() -> None:
    drawn = numbers(np.random.default_rng(1))
    assert list(drawn)[:3] == ["occupation", "presentation", "age"]
    assert drawn["occupation"] == np.random.default_rng(1).random()


# ------------------------------------------------------------------------------------------------------ bad input


FAULTS = {
    "sum": ("masculine = 0.5 }", "masculine = 0.4 }", r"shares\.presentation\.all: the shares sum to 0\.9; expected 1"),
    "range": (
        "feminine = 0.5,",
        "feminine = 1.5,",
        r"shares\.presentation\.all\.feminine: the share is 1\.5; expected 0 to 1",
    ),
    "level": ("young = 0.3", "yuong = 0.3", r"shares\.age\.all: 'yuong' is no level; nearest: young"),
    "attribute": ("[shares.hair]", "[shares.beard]", r"shares\.hair\.all: it is missing"),
    "row": (
        "[shares.hair]",
        "narse = { feminine = 1.0 }\n[shares.hair]",
        r"tone\.narse: unknown row; nearest: nurse",
    ),
    "light": ("warmth = [0.4, 0.9]", "warmth = [0.4, 1.9]", r"lights\.warm: warmth is 0\.4 to 1\.9; expected .* -1 to 1"),
    "key": ('name = "even"', 'name = "even"\ncolour = 1', r"colour: Extra inputs are not permitted"),
    "nan": ("feminine = 0.5,", "feminine = nan,", r"shares\.presentation\.all\.feminine: Input should be a finite number"),
    "version": ("version = 1", "version = 2", r"version: Input should be 1"),
    "toml": ("version = 1", "version =", r"not valid TOML"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_file_is_one_line_with_the_field(fault: str, tmp_path: Path) -> None:
    old, new, message = FAULTS[fault]
    assert old in EVEN
    path = tmp_path / "truth.toml"
    path.write_text(EVEN.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_truth(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value).strip() or fault == "toml"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('[interaction]\noccupation = "pilto"\nlift = {}', r"interaction\.occupation: 'pilto' is unknown; nearest: pilot"),
        ('[interaction]\noccupation = "pilot"\nlift = { young = 0.1 }', r"interaction\.lift: it sums to 0\.1; expected 0"),
        (
            '[interaction]\noccupation = "pilot"\nlift = { young = 0.3, older = -0.3 }',
            r"interaction\.lift: it leaves feminine older a share of -0\.13",
        ),
        ("[defects]\nnamed_identities = [40]", r"defects\.named_identities: 40 is none of 0\.\.39"),
        ("[defects.copies]\nshare = 2\nseed = 1", r"defects\.copies\.share: Input should be less than or equal to 1"),
    ],
)
def test_a_faulty_plant_is_one_line_with_the_field(extra: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "truth.toml"
    path.write_text(f"{EVEN}\n{extra}\n", "utf-8")
    with pytest.raises(InputError, match=message):
        read_truth(path)


def test_a_table_without_anybody_of_a_kind_says_so(tmp_path: Path) -> None:
    path = tmp_path / "truth.toml"
    path.write_text(EVEN.replace("yes = 0.1, no = 0.9", "yes = 0.0, no = 1.0"), "utf-8")
    with pytest.raises(InputError, match="nobody with mobility_aid True"):
        sample(read_truth(path), np.random.default_rng(0), {"mobility_aid": True})


def test_unknown_names_are_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"preset 'skewd' is unknown; nearest: skewed"):
        preset("skewd")
    with pytest.raises(InputError, match=r"occupation 'nurs' is unknown; nearest: .*nurse"):
        preset("even").share("presentation", "feminine", {"occupation": "nurs"})
    with pytest.raises(InputError, match=r"attribute 'presentaton' is unknown; nearest: presentation"):
        preset("even").share("presentaton", "feminine")
    with pytest.raises(InputError, match="no draw has"):
        preset("even").share("tone", 1, {"missing": True})
    with pytest.raises(InputError, match="cannot be read"):
        read_truth(tmp_path / "nothing.toml")


def test_people_known_by_name_are_drawn_from_memory_and_never_as_copies(tmp_path: Path) -> None:
    path = tmp_path / "truth.toml"
    path.write_text(f"{EVEN}\n[defects]\nnamed_identities = [0]\n[defects.copies]\nshare = 0.9\nseed = 3\n", "utf-8")
    table = read_truth(path)
    assert table.share("copy", True, {"people": 1}) == pytest.approx(0.9)
    assert table.share("copy", True, {"identity": 0, "people": 1}) == 0
    assert not any(sample(table, np.random.default_rng(i), {"identity": 0, "people": 1}).copy for i in range(50))
