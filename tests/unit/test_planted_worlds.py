"""The worlds of the planted-truth benchmark hold what they say."""

import numpy as np
import pytest

from benchmarks.planted_releases import AFTER, BEFORE, Arms, Noise, Releases
from benchmarks.planted_worlds import Grid, planted_table, shares_of_prompts
from generators.phantom.truth import preset

OCCUPATIONS = ("nurse", "teacher")


@pytest.mark.parametrize("rho", [0.0, 0.05, 0.2])
def test_prompts_have_the_planted_mean_and_correlation(rho: float) -> None:
    base = np.tile([0.5, 0.3, 0.2, 0.0], (20_000, 1))
    shares = shares_of_prompts(base, rho, np.random.default_rng(1))
    assert shares.sum(axis=1) == pytest.approx(1)
    assert shares.mean(axis=0) == pytest.approx(base[0], abs=0.01)
    for level in range(3):
        p = base[0, level]
        assert shares[:, level].var() / (p * (1 - p)) == pytest.approx(rho, abs=0.01)


@pytest.mark.parametrize("name", ["even", "skewed", "regressed"])
def test_a_grid_shows_what_its_table_says(name: str) -> None:
    grid = Grid(planted_table(name), OCCUPATIONS, wordings=150, draws=20, rho=0.05)
    context = grid.audit(np.random.default_rng(2))
    table = context.table
    occupation, refused = table.axis("occupation"), table.outcome == "refused"
    people = table.values("oracle.perceived_presentation")
    exposure = table.values("light.exposure")
    assert refused.mean() == pytest.approx(0.05, abs=0.03)
    assert (table.outcome == "filtered").mean() == pytest.approx(0.04, abs=0.03)
    assert (table.outcome == "failed").mean() == pytest.approx(0.018, abs=0.006)
    for one in OCCUPATIONS:
        here = (occupation == one) & (table.outcome == "made")
        lost = here & (people.reason == "nobody in the picture")
        assert lost.sum() / here.sum() == pytest.approx(1 - grid.seen(one), abs=0.02)
        seen = here & people.present
        planted = preset(name).share("presentation", "feminine", {"occupation": one, "people": 1, "missing": False})
        assert (people.value[seen] == "feminine").mean() == pytest.approx(planted, abs=0.05)
        tones = table.values("oracle.tone_band").value[seen]
        dark = planted_table(name).share("tone_band", "dark", {"occupation": one, "people": 1})
        assert (tones == "dark").mean() == pytest.approx(dark, abs=0.05)
        assert exposure.value[here].mean() == pytest.approx(grid.exposure(one), abs=0.04)


@pytest.mark.parametrize("outcome", ["refused", "filtered"])
def test_the_images_of_a_prompt_are_refused_or_withheld_as_a_whole(outcome: str) -> None:
    grid = Grid(planted_table("even"), OCCUPATIONS, wordings=40, draws=5, rho=0.0)
    table = grid.audit(np.random.default_rng(3)).table
    shares = {float(np.mean(table.outcome[table.probe_ids == probe] == outcome)) for probe in table.probes}
    assert shares == {0.0, 1.0}


@pytest.mark.parametrize("shared", [0.0, 0.9, 1.0])
def test_noise_is_shared_as_planted(shared: float) -> None:
    rng = np.random.default_rng(4)
    noise = Noise.of((400, 20), shared, 0.2, rng)
    one, other = noise.hits(0.3, rng), noise.hits(0.3, rng)
    assert one.mean() == pytest.approx(0.3, abs=0.045)
    by_prompt = one.reshape(400, 20).mean(axis=1)
    within = 0.3 * 0.7 * 0.8 / 20
    assert by_prompt.var() == pytest.approx(0.3 * 0.7 * 0.2 + within, rel=0.25)
    assert np.all(one == other) == (shared == 1)
    numbers = noise.numbers(2.0, rng)
    assert (numbers.mean(), numbers.std()) == pytest.approx((2, 1), abs=0.1)
    again = noise.numbers(2.0, rng)
    assert np.corrcoef(numbers, again)[0, 1] == pytest.approx(0.2 + 0.8 * shared**2, abs=0.05)


def test_arms_are_pairs_and_releases_ask_the_same_or_others() -> None:
    arms = Arms({"a": 0.2, "b": 0.8}, {"a": 0.0, "b": 1.0}, wordings=6, draws=4, rho=0.1, shared=0.9)
    table = arms.audit(np.random.default_rng(5)).table
    assert len({probe.pair for probe in table.probes.values()}) == 6
    one, other = (table.select(levels={"arm": arm}) for arm in "ab")
    assert np.array_equal(one.column("seed"), other.column("seed"))
    for paired in (True, False):
        before, after = Releases(10, 5, 0.1, 0.9, paired).audits(0.4, 0.1, np.random.default_rng(6))
        assert (set(before.table.probes) == set(after.table.probes)) == paired


@pytest.mark.parametrize("apart", [0.0, 0.2])
def test_releases_have_the_planted_shares(apart: float) -> None:
    world = Releases(400, 20, 0.1, 0.9, apart=apart)
    before, after = world.audits(0.35, 0.1, np.random.default_rng(8))
    found = []
    for context in (before, after):
        feminine = context.table.values("oracle.perceived_presentation").value == "feminine"
        occupation = context.table.axis("occupation")
        found.append([feminine[occupation == one].mean() for one in world.occupations])
        assert feminine.mean() == pytest.approx(0.35 if context is before else 0.45, abs=0.03)
    if apart:
        assert [one[0] - one[1] for one in found] == pytest.approx([0.2, 0.3], abs=0.05)
    assert world.shares(0.35, 0.0) == pytest.approx((0.45, 0.25) if apart else (0.35,))


def test_two_releases_in_one_run_are_two_generators_with_their_own_images() -> None:
    table = Releases(30, 20, 0.1, 0.9).one_run(0.3, 0.4, np.random.default_rng(9)).table
    one, other = (table.select(name) for name in (BEFORE, AFTER))
    assert np.array_equal(one.column("seed"), other.column("seed"))
    assert not set(one.images) & set(other.images)
    shares = [np.mean(part.values("oracle.perceived_presentation").value == "feminine") for part in (one, other)]
    assert shares == pytest.approx([0.3, 0.7], abs=0.1)
