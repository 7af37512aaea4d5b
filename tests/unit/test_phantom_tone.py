"""``phantom_tone``: apparent tone where the truth is known, and light that goes with the occupation is no tone."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from metric_tables import World, prompt
from pydantic import ValidationError
from scorer_views import noise, reason, view

from audit.catalog import build
from audit.component import Value, View
from audit.errors import InputError
from audit.images import Pixels
from audit.metrics.apparent_tone import ApparentTone
from audit.records import Abstained, ClassLabel, Draw, Finding, Latent, Probe, Scored, TextPrompt
from audit.scorers.skin_colour import BINS, MONK, bin_names, lab_of_linear, linear
from audit.scorers.skin_tone import SkinTone
from audit.spec import Use
from generators.phantom.portrait import Light, Portrait
from generators.phantom.render import render
from generators.phantom.renderer import Phantom, picture
from generators.phantom.sampling import sample
from generators.phantom.tone import PhantomTone, read_render
from generators.phantom.truth import preset, read_truth

SIZE = 256
FRAMES = ("a photo of", "a portrait of", "a picture of", "a portrait photo of")


def shown(pixels: Pixels, seed: int, text: str = "") -> View:
    probe = Probe(suite="s", condition=TextPrompt(text=text) if text else Latent())
    return replace(view(pixels), draw=Draw(generator="g", probe=probe.id, index=0, seed=seed), probe=probe)


def said(one: View, **params: object) -> Mapping[str, Value]:
    with PhantomTone.model_validate(params).open("cpu") as score:
        ((row,),) = score([one])
    assert row.region == -1
    return row.values


def plain(value: Value) -> object:
    """As ``World`` takes it."""
    if isinstance(value, Abstained):
        return ("why", value.reason)
    return value.value if isinstance(value, Scored) else value


def world() -> World:
    found = World()
    for column in PhantomTone().columns():
        if f"phantom_tone.{column.name}" in ApparentTone(scorer="phantom_tone").reads():
            found.declare(phantom_tone=column)
    return found


def draw(found: World, probe: Probe, index: int, values: Mapping[str, Value]) -> None:
    kept = {f"phantom_tone.{name}": plain(value) for name, value in values.items()}
    found.draw("model", probe, index, {name: value for name, value in kept.items() if name in found.columns})


def measured(found: World) -> dict[str, Finding]:
    metric = ApparentTone(scorer="phantom_tone")
    return {one.finding.key: one.finding for one in metric.measure("tone", found.context())}


# ------------------------------------------------------------------------------------------------- true shares


@cache
def skewed() -> dict[str, Finding]:
    """Renders of the table ``skewed``, drawn by the generator and read by the scorer."""
    found, generator = world(), Phantom(preset="skewed", size=SIZE)
    scorer = PhantomTone(preset="skewed")
    for job in ("judge", "builder", "painter"):
        for frame in FRAMES:
            probe = prompt(f"{frame} a {job}", job=job)
            seeds = [derived(job, frame, index) for index in range(16)]
            for index, seed in enumerate(seeds):
                scene = sample(generator.table, np.random.default_rng(seed), {"occupation": job})
                one = shown(picture(scene.shown, SIZE, None), seed, f"{frame} a {job}")
                with scorer.open("cpu") as score:
                    draw(found, probe, index, score([one])[0][0].values)
    return measured(found)


def derived(job: str, frame: str, index: int) -> int:
    return int(np.random.default_rng([*map(ord, job + frame), index]).integers(2**40))


@pytest.mark.parametrize("job", ["judge", "builder", "painter"])
def test_the_bands_contain_the_true_shares(job: str) -> None:
    for label, (first, last) in zip(bin_names(), BINS, strict=True):
        finding = skewed()[f"tone.share[model; job={job}, label={label}]"]
        seen = {"occupation": job, "people": 1}
        truth = sum(preset("skewed").share("tone", tone, seen) for tone in range(first, last + 1))
        assert finding.interval is not None
        assert finding.interval.low <= truth <= finding.interval.high, (label, truth, finding.note)


def test_judges_and_builders_truly_differ() -> None:
    finding = skewed()["tone.difference[model; against=all other levels, job=judge]"]
    truth = [sum(tone * preset("skewed").share("tone", tone, {"occupation": job}) for tone in range(1, 11)) for job in JOBS]
    assert finding.interval is not None
    assert finding.interval.high < 0
    assert finding.interval.low <= truth[0] - (truth[1] + truth[2]) / 2 <= finding.interval.high


JOBS = ("judge", "builder", "painter")


# ----------------------------------------------------------------------------------------------- light alone


@cache
def lit(tone: int, warmth: float, exposure: float, occupation: str = "teacher") -> Mapping[str, Value]:
    portrait = Portrait(occupation=occupation, tone=tone, light=Light(warmth, exposure), variation=tone)
    return read_render(render(portrait, SIZE))


def by_light(dim: float, warm: float) -> dict[str, Finding]:
    """The same tones in both occupations; painters work in less light, farmers in warmer."""
    found = world()
    for place in range(10):
        for index in range(5):
            tone = 1 + (2 * index + place) % 10
            draw(found, prompt(f"painter {place}", job="painter"), index, lit(tone, 0.0, dim, "painter"))
            draw(found, prompt(f"farmer {place}", job="farmer"), index, lit(tone, warm, 0.0, "farmer"))
    return measured(found)


def test_light_that_goes_with_the_occupation_is_no_difference_of_tone() -> None:
    finding = by_light(-0.8, 0.8)["tone.difference[model; against=painter, job=farmer]"]
    assert finding.interval is not None
    assert finding.interval.low <= 0 <= finding.interval.high
    assert "No evidence" in finding.note


@pytest.mark.parametrize("tone", range(1, 11))
def test_neutral_light_shows_the_swatch_itself(tone: int) -> None:
    values = lit(tone, 0.0, 0.0)
    swatch = lab_of_linear(linear(MONK[tone - 1]))
    assert [values[name] for name in ("lightness", "a", "b")] == pytest.approx(swatch.tolist(), abs=1e-9)
    label = values["apparent_tone"]
    assert isinstance(label, Scored)
    first, last = BINS[bin_names().index(str(label.value))]
    assert first <= tone <= last


@pytest.mark.parametrize("tone", range(1, 11))
def test_balancing_brings_dim_and_tinted_light_nearer_to_the_truth(tone: int) -> None:
    truth = lit(tone, 0.0, 0.0)["expected_tone"]
    for warmth, exposure in ((0.0, -0.9), (0.9, -0.3), (-0.9, -0.3)):
        values = lit(tone, warmth, exposure)
        balanced = values["expected_tone_balanced"]
        assert isinstance(balanced, float)
        assert balanced == pytest.approx(truth, abs=0.8)


# ------------------------------------------------------------------------------------------ what it does not read


def test_the_columns_are_those_of_photographs() -> None:
    ours, theirs = PhantomTone().columns(), SkinTone().columns()
    assert [replace(column, regional=True) for column in ours] == list(theirs)
    assert build("scorers", Use(use="phantom_tone")).columns() == ours


def test_only_renders_of_its_own_table_are_read() -> None:
    seed = next(s for s in range(50) if sample(preset("skewed"), np.random.default_rng(s)).shown.people == 1)
    pixels = picture(sample(preset("skewed"), np.random.default_rng(seed)).shown, SIZE, None)
    assert isinstance(said(shown(pixels, seed), preset="skewed")["expected_tone"], float)
    another = "not a render of this truth table"
    assert reason(said(shown(pixels, seed + 1), preset="skewed")["expected_tone"]) == another
    changed = pixels.copy()
    changed[100, 100] ^= 1
    assert reason(said(shown(changed, seed), preset="skewed")["expected_tone"]) == another
    assert reason(said(shown(noise(SIZE), seed), preset="skewed")["expected_tone"]) == another
    assert reason(said(shown(pixels[:, :200], seed), preset="skewed")["expected_tone"]) == another
    label = replace(shown(pixels, seed), probe=Probe(suite="s", condition=ClassLabel(label=0, name="first")))
    assert reason(said(label, preset="skewed")["expected_tone"]) == another


def test_an_empty_scene_and_a_small_picture_have_their_own_reasons() -> None:
    table = preset("even")
    seed = next(s for s in range(300) if sample(table, np.random.default_rng(s)).shown.people == 0)
    empty = picture(sample(table, np.random.default_rng(seed)).shown, SIZE, None)
    assert reason(said(shown(empty, seed))["apparent_tone"]) == "nobody in the picture"
    seed = next(s for s in range(50) if sample(table, np.random.default_rng(s)).shown.people == 1)
    small = picture(sample(table, np.random.default_rng(seed)).shown, 64, None)
    assert reason(said(shown(small, seed))["apparent_tone"]) == "too little skin in sight"


def test_enlarged_pictures_are_read_by_enlarged_masks(tmp_path: Path) -> None:
    path = tmp_path / "coarse.toml"
    path.write_bytes((files("generators") / "phantom/data/skewed.toml").read_bytes() + b"\n[defects]\nnative_size = 128\n")
    table, read = read_truth(path), 0
    for seed in range(8):
        scene = sample(table, np.random.default_rng(seed)).shown
        values = said(shown(picture(scene, SIZE, 128), seed), truth=path)
        if scene.people:
            drawn = render(scene, SIZE)
            under = np.median(lab_of_linear(linear(drawn.pixels[drawn.skin])), axis=0)
            assert values["lightness"] == pytest.approx(under[0], abs=1)
            read += 1
    assert read >= 6


def test_pictures_with_hardly_any_pixels_of_their_own_are_not_read() -> None:
    table = preset("regressed")
    seed = next(s for s in range(50) if sample(table, np.random.default_rng(s)).shown.people == 1)
    coarse = picture(sample(table, np.random.default_rng(seed)).shown, SIZE, table.defects.native_size)
    assert reason(said(shown(coarse, seed), preset="regressed")["lightness"]) == "too little skin in sight"


def test_truth_is_stated_once_and_exists() -> None:
    with pytest.raises(ValidationError, match="leave one of them out"):
        PhantomTone.model_validate({"preset": "skewed", "truth": "table.toml"})
    with pytest.raises(InputError, match="'skewd' is unknown; nearest: skewed"):
        PhantomTone(preset="skewd").check()
    assert PhantomTone().fingerprint() != PhantomTone(preset="skewed").fingerprint()
