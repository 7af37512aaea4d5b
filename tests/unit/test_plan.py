"""From a spec to draws, keys and checks."""

import pytest

from audit.errors import SpecError
from audit.plan import Plan, make_plan
from audit.spec import parse_spec
from audit.weights import missing

SPEC = {
    "name": "planned",
    "seed": 5,
    "draws_per_probe": 3,
    "generators": [{"use": "fake", "params": {"batch": 4}}],
    "probes": [{"use": "traits", "params": {"limit": 2}}],
    "scorers": [{"use": "pixels"}],
}
needs_pack = pytest.mark.skipif(missing("perceived-gender-age"), reason="the weight pack is not on this machine")


@pytest.fixture(autouse=True)
def plugins(fake_plugin) -> None:
    """The fake generator is installed."""


def plan(**changes: object) -> Plan:
    return make_plan(parse_spec(SPEC | changes), "cpu")


def seeds(planned: Plan) -> dict[tuple[str, int], int]:
    return {(r.draw.probe, r.draw.index): r.draw.seed for r in planned.generators[0].requests()}


def test_more_draws_scorers_and_metrics_are_the_same_run_and_another_seed_is_not() -> None:
    base = plan()
    assert plan(draws_per_probe=9).digest == base.digest
    assert plan(scorers=[], metrics=[{"use": "outcomes"}], confidence=0.9).digest == base.digest
    assert plan(seed=6).digest != base.digest
    assert plan(generators=[{"use": "fake", "params": {"batch": 8}}]).digest != base.digest
    assert plan(probes=[{"use": "traits", "params": {"limit": 1}}]).digest != base.digest


def test_earlier_draws_keep_their_seeds_and_their_place() -> None:
    few, many = plan(), plan(draws_per_probe=9)
    assert seeds(few).items() <= seeds(many).items()
    assert list(seeds(many))[: len(seeds(few))] == list(seeds(few))


def test_all_generators_and_the_arms_of_a_pair_share_their_seeds() -> None:
    both = plan(generators=[{"use": "fake", "name": "a"}, {"use": "fake", "name": "b"}])
    one, other = ({(r.draw.probe, r.draw.index): r.draw.seed for r in g.requests()} for g in both.generators)
    assert one == other
    paired: dict[str, set[int]] = {}
    for request in both.generators[0].requests():
        if request.probe.pair and request.draw.index == 0:
            paired.setdefault(request.probe.pair, set()).add(request.draw.seed)
    assert paired
    assert all(len(found) == 1 for found in paired.values())


@pytest.mark.parametrize("counts", [(3, 6), (6, 3), (3, None), (None, 3)])
def test_a_probe_that_two_entries_ask_for_is_drawn_as_often_as_either_wants(counts: tuple[int | None, ...]) -> None:
    entries = [
        {"use": "latents", "name": name, "params": {} if count is None else {"count": count}}
        for name, count in zip("ab", counts, strict=True)
    ]
    (wanted,) = plan(probes=entries, draws_per_probe=5).generators[0].wanted
    assert wanted.draws == max(count or 5 for count in counts)


def test_chunks_hold_every_draw_once_in_whole_blocks() -> None:
    generator = plan(draws_per_probe=7).generators[0]
    chunks = list(generator.chunks())
    blocks = [block for chunk in chunks for block in chunk]
    assert [len(block) for block in blocks[:-1]] == [4] * (len(blocks) - 1)
    assert [r.draw for block in blocks for r in block] == [r.draw for r in generator.requests()]
    assert all(sum(map(len, chunk)) <= 32 for chunk in chunks)


@needs_pack
def test_a_scorer_is_another_one_when_what_it_requires_changes() -> None:
    pytest.importorskip("dlib")
    scorers = [{"use": "faces"}, {"use": "attributes"}]
    stricter = [{"use": "faces", "params": {"threshold": 0.6}}, {"use": "attributes"}]
    one, other = ({s.name: s.key for s in plan(scorers=chosen).scorers} for chosen in (scorers, stricter))
    assert one["faces"] != other["faces"]
    assert one["attributes"] != other["attributes"]


@needs_pack
def test_scorers_stand_after_what_they_require_and_references_are_seen_by_few() -> None:
    pytest.importorskip("dlib")
    planned = plan(
        generators=[{"use": "fake"}, {"use": "fake", "name": "reference", "params": {"batch": 2}}],
        scorers=[{"use": "attributes"}, {"use": "pixels"}, {"use": "features", "params": FEATURES}, {"use": "faces"}],
        metrics=[{"use": "fidelity", "params": {"reference": "reference"}}],
    )
    names = [scorer.name for scorer in planned.scorers]
    assert names.index("faces") < names.index("attributes")
    assert {g.name: set(g.scorers) for g in planned.generators} == {"fake": set(names), "reference": {"features"}}
    assert planned.audited == ("fake",)


FEATURES = {"pack": "efficientnet-lite0"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metrics": [{"use": "fidelity"}]}, "no scorer fills the column 'features.vector'"),
        ({"probes": [{"use": "traits"}, {"use": "latents", "name": "traits"}]}, "two entries are named 'traits'"),
        ({"metrics": [{"use": "outcomes"}], "gates": [{"metric": "outcomes.lost", "at_most": 1}]}, "finds no 'lost'"),
        (
            {"metrics": [{"use": "outcomes"}], "gates": [{"metric": "outcomes.failed", "generator": "x", "at_most": 1}]},
            "no generator is named 'x'",
        ),
    ],
)
def test_what_does_not_fit_together_is_named(changes: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        plan(**changes)
