"""``resolution`` (metric) on tables with planted shares, patterns and spectra."""

import numpy as np
import pytest
from metric_tables import World, latent, prompt, sound
from pydantic import ValidationError

from audit.metrics.resolution import Resolution
from audit.scorers.resolution import Resolution as Scorer

EVERY = {f"resolution.{column.name}": column for column in Scorer().columns()}
COLUMNS = {name: EVERY[name] for name in Resolution().reads()}
BANDS = 32
PROMPTS = [prompt(f"a {thing}", size=size) for thing in "abcdefghij" for size in ("256", "512")]


def draw(world: World, generator: str, rng: np.random.Generator, probe=None, index: int = 0, **planted) -> None:
    """A draw with plain values, but for what is planted."""
    side, share = planted.get("side", 512), planted.get("share", 1.0)
    values = {
        "effective_share": share,
        "effective_side": side * share,
        "enlargement": planted.get("enlargement", "none seen"),
        "tile_seams": planted.get("tile_seams", "none seen"),
        "codec_history": planted.get("codec_history", "none seen"),
        "checkerboard": rng.normal(0, 0.05),
        "lattice_waves": waves(rng, planted.get("board", 0.0), planted.get("shared", 0.0)),
        "spectrum": 20 - np.arange(BANDS) + rng.normal(0, 3) + planted.get("gain", np.zeros(BANDS)),
    }
    named = {f"resolution.{name}": value for name, value in values.items()}
    world.draw(generator, probe or latent(), index, named)


def waves(rng: np.random.Generator, board: float, shared) -> np.ndarray:
    """Nine waves with eight neighbours each, real where they are their own mirror image; the checkerboard is the 8th."""
    found = rng.normal(0, 0.5, (9, 9, 2))
    found[[1, 5, 7], 0, 1] = 0
    found[7, 0, 0] += board
    return (found + shared).ravel()


def filled(count: int = 40, generator: str = "model", **planted) -> World:
    world = World(columns=dict(COLUMNS))
    rng = np.random.default_rng(1)
    for index in range(count):
        draw(world, generator, rng, index=index, **planted)
    return world


def measured(world: World, metric: Resolution | None = None, generators=("model",)) -> dict:
    return sound((metric or Resolution()).measure("resolution", world.context(generators)))


def one(found: dict, quantity: str, **where: str):
    hits = [m for m in found.values() if m.finding.metric == f"resolution.{quantity}" and m.finding.where == where]
    assert len(hits) == 1, list(found)
    return hits[0].finding


def test_the_ladder_shows_detail_by_the_size_asked_for() -> None:
    world, rng = World(columns=dict(COLUMNS)), np.random.default_rng(0)
    for probe in PROMPTS:
        asked = int(probe.levels["size"])
        for index in range(4):
            draw(world, "model", rng, probe, index, side=asked, share=(256 + rng.normal(0, 4)) / asked)
    found = measured(world)
    assert one(found, "effective_share", size="512").estimate == pytest.approx(0.5, rel=0.02)
    small, large = (one(found, "effective_side", size=size) for size in ("256", "512"))
    assert (small.estimate, large.estimate) == pytest.approx((256, 256), rel=0.02)
    assert (small.n, small.clusters, small.unit) == (40, 10, "px")
    assert small.interval.low < 256 < small.interval.high


def test_flags_are_shares_with_what_is_missing() -> None:
    world, rng = World(columns=dict(COLUMNS)), np.random.default_rng(0)
    for index in range(20):
        draw(
            world,
            "model",
            rng,
            index=index,
            enlargement=("interpolated", "repeated pixels", "none seen", "none seen")[index % 4],
        )
    for index in range(20, 25):
        world.draw("model", latent(), index, dict.fromkeys(COLUMNS, ("why", "smaller than 64 px")))
    flag = one(measured(world), "enlarged")
    assert (flag.estimate, flag.n, flag.n_missing, flag.unit) == (0.5, 20, 5, "share")
    assert (flag.bounds.low, flag.bounds.high) == (10 / 25, 15 / 25)
    assert flag.correction == "uncorrected"
    assert "smaller than 64 px" in flag.note


def test_a_checkerboard_that_all_images_share_is_found() -> None:
    hits = one(measured(filled(20, board=1.0)), "lattice")
    assert hits.p_value < 1e-4
    assert hits.estimate == pytest.approx(1, abs=0.3)
    assert "every 2 px downwards and every 2 px across" in hits.note
    assert hits.panels[0].type == "table"


def test_what_pictures_have_in_common_is_no_pattern() -> None:
    """All images of a set share their waves, but none of the waves stands out: p is uniform, or above."""
    found = []
    for seed in range(100):
        rng, world = np.random.default_rng(seed), World(columns=dict(COLUMNS))
        shared = rng.normal(0, 3, (9, 9, 2))
        shared[[1, 5, 7], 0, 1] = 0
        for index in range(5):
            draw(world, "model", rng, index=index, shared=shared)
        found.append(one(measured(world), "lattice").p_value)
    assert np.mean(np.array(found) <= 0.05) <= 0.12
    assert np.mean(np.array(found) <= 0.5) > 0.2


def test_a_calibration_maps_shares_onto_what_copies_measure() -> None:
    world, rng = filled(30, share=0.62), np.random.default_rng(2)
    for name, share in (("half", 0.62), ("third", 0.44)):
        for index in range(30):
            draw(world, name, rng, index=index, share=share)
    metric = Resolution(calibration={"half": 2.0, "third": 3.0})
    assert metric.references() == ("half", "third")
    finding = one(measured(world, metric), "calibrated_share")
    assert finding.estimate == pytest.approx(0.5)
    assert "half 1/2 (n=30)" in finding.protocol
    assert finding.panels[0].type == "curve"


def test_copies_that_measure_alike_leave_the_one_reduced_most() -> None:
    """The model's own images hold half of their size, so that reducing them by 1.5 changes nothing."""
    world, rng = filled(30, share=0.5), np.random.default_rng(2)
    for name in ("slightly", "half"):
        for index in range(30):
            draw(world, name, rng, index=index, share=0.5)
    finding = one(measured(world, Resolution(calibration={"slightly": 1.5, "half": 2.0})), "calibrated_share")
    assert finding.estimate == pytest.approx(0.5)
    assert "slightly" in finding.note


def test_spectra_are_laid_beside_the_reference_band_by_band() -> None:
    gain = np.where(np.arange(BANDS) < BANDS // 2, 0.0, -6.0)
    world, rng = filled(60, gain=gain), np.random.default_rng(5)
    for index in range(60, 120):
        draw(world, "photos", rng, index=index)
    found = measured(world, Resolution(reference="photos"))
    low, high = one(found, "spectrum", label="coarse"), one(found, "spectrum", label="fine")
    assert low.interval.low < 0 < low.interval.high
    assert high.interval.low < -6 < high.interval.high
    assert high.interval.high < 0
    assert (high.baseline, high.unit, high.expected) == ("photos", "dB", 0.0)
    curve = low.panels[0]
    assert [line.label for line in curve.lines] == ["photos", "model"]
    assert curve.lines[0].y == pytest.approx((0.0,) * BANDS)
    assert all(one < two for one, two in zip(curve.lines[1].low, curve.lines[1].high, strict=True))


def test_spectra_of_other_sizes_are_not_compared() -> None:
    world, rng = filled(20), np.random.default_rng(5)
    for index in range(20, 40):
        draw(world, "photos", rng, index=index, side=256)
    refused = one(measured(world, Resolution(reference="photos")), "spectrum", label="fine")
    assert refused.estimate is None
    assert "images of 512 px against 256 px" in refused.note


def test_nothing_scored_gives_no_estimate() -> None:
    world = World(columns=dict(COLUMNS))
    for index in range(3):
        world.draw("model", latent(), index, outcome="refused")
    found = measured(world, Resolution(reference="model"))
    assert all(m.finding.estimate is None and m.finding.n_missing == 3 for m in found.values())


def test_a_factor_that_reduces_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="half reduces by 1; a factor above 1"):
        Resolution(calibration={"half": 1.0})
