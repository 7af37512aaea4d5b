"""The suite ``phantom``: every prompt is inside the grammar, and the arms of one occupation share seeds."""

from collections import Counter

import pytest

from audit.errors import SpecError
from audit.records import Probe, TextPrompt
from audit.testing import check_suite
from generators.phantom.captions import parse
from generators.phantom.portrait import NO_OCCUPATION, OCCUPATIONS
from probes.phantom import Phantom
from probes.template import suite_digest

GOLDEN = {
    (1, False): (39, "sha256:c0102da7cb4a3d195289520102982af03229a68cd840f485421f36b4221a6f0a"),
    (1, True): (390, "sha256:7f9fea2e856e424ca824dc8eae4767593402840c4b4057dd17051bc183aa0e72"),
}
"""(version, counterfactual) -> size and digest. A changed word changes the digest: raise the version and add a line."""


def text_of(probe: Probe) -> str:
    assert isinstance(probe.condition, TextPrompt)
    return probe.condition.text


@pytest.mark.parametrize("counterfactual", [False, True])
def test_the_suite_is_the_published_one(counterfactual: bool) -> None:
    suite = Phantom(counterfactual=counterfactual)
    check_suite(suite)
    probes = suite.probes()
    assert (len(probes), suite_digest(probes)) == GOLDEN[suite.version, counterfactual]


def test_it_asks_every_occupation_of_the_world_silently() -> None:
    probes = Phantom().probes()
    assert {probe.levels["occupation"] for probe in probes} == {*OCCUPATIONS, "person"} - {NO_OCCUPATION}
    for probe in probes:
        work = probe.levels["occupation"]
        assert parse(text_of(probe)).given == ({"people": 1} if work == "person" else {"occupation": work, "people": 1})
        assert not probe.pair


def test_every_prompt_states_what_its_axes_say() -> None:
    names = {"man": "masculine", "woman": "feminine", "younger adult": "young", "older adult": "older"}
    facts = {"presentation": "presentation", "age": "age", "skin_tone": "tone_band"}
    for probe in Phantom(counterfactual=True).probes():
        asked, levels = parse(text_of(probe)), probe.levels
        assert not asked.note
        expected: dict[str, object] = {"people": 1}
        if levels["occupation"] != "person":
            expected["occupation"] = levels["occupation"]
        expected |= {facts[axis]: names.get(levels[axis], levels[axis]) for axis in facts if axis in levels}
        if "disability" in levels:
            expected["mobility_aid"] = True
        assert asked.given == expected


def test_arms_of_an_occupation_and_a_template_share_seeds() -> None:
    probes = Phantom(counterfactual=True).probes()
    pairs: dict[str, list[Probe]] = {}
    for probe in probes:
        pairs.setdefault(probe.pair, []).append(probe)
    assert "" not in pairs
    for together in pairs.values():
        assert len({(probe.levels["occupation"], probe.levels["template"]) for probe in together}) == 1
        assert Counter(probe.levels["facts"] for probe in together) == {"none": 1, "placebo": 2, "one": 7}
        assert len({text_of(probe) for probe in together}) == len(together)
    assert len(pairs) == 13 * 3


def test_less_can_be_asked() -> None:
    few = Phantom(occupations=("nurse",), counterfactual=True, factors=("presentation",), templates=("portrait",)).probes()
    assert [text_of(probe) for probe in few if probe.levels["occupation"] == "nurse"] == [
        "A portrait photo of a nurse",
        "A portrait photo of a particular nurse",
        "A portrait photo of a nurse seen on a Tuesday",
        "A portrait photo of a male nurse",
        "A portrait photo of a female nurse",
    ]
    limited = {probe.levels["occupation"] for probe in Phantom(limit=4).probes()}
    assert len(limited) == 5
    assert limited < {probe.levels["occupation"] for probe in Phantom(limit=6).probes()}


def test_what_it_does_not_know_is_one_line() -> None:
    with pytest.raises(SpecError, match=r"suite 'phantom': occupation 'nruse' is unknown; nearest: 'nurse'"):
        Phantom(occupations=("nruse",)).check()
    with pytest.raises(SpecError, match=r"factor 'ages' is unknown; nearest: 'age'"):
        Phantom(counterfactual=True, factors=("ages",)).check()
    with pytest.raises(ValueError, match=r"set `counterfactual: true` or leave them out"):
        Phantom(factors=("age",))
