"""Metric ``fidelity`` on planted feature vectors."""

import re

import numpy as np
import pytest
from metric_tables import NUMBER, VECTOR, World, latent, prompt, sound

from audit.errors import SpecError
from audit.metrics.fidelity import Fidelity
from audit.metrics.image_sets import ImageSet, halves
from audit.stats.distances import frechet_from_features
from audit.stats.intervals import cluster_mean
from audit.stats.kernels import kid
from audit.stats.paired import difference

D = 12


def _world(seed: int = 7) -> World:
    return World(seed).declare(features=VECTOR)


def _fill(world: World, generator: str, count: int, *, shift: float = 0.0, own_probe: bool = False, start: int = 0) -> None:
    """Latent draws; with ``own_probe`` (as a folder has) their seeds are shared with nobody."""
    probe = prompt(generator) if own_probe else latent()
    probe = probe.model_copy(update={"unit": "draw"})
    rng = np.random.default_rng([start, count, own_probe, int(shift * 100)])
    for index in range(start, start + count):
        world.draw(generator, probe, index, {"features.vector": rng.standard_normal(D) + shift})


def _vectors(world: World, generator: str) -> np.ndarray:
    return np.asarray(world.table().select(generator).values("features.vector").value)


def test_distances_of_whole_sets_are_those_of_the_statistics() -> None:
    world = _world()
    _fill(world, "model", 220)
    _fill(world, "photos", 220, shift=0.5, own_probe=True)
    found = sound(Fidelity(reference="photos").measure("fidelity", world.context()))
    one, two = _vectors(world, "model"), _vectors(world, "photos")
    for key, expected in (("frechet", frechet_from_features(one, two)), ("kid", kid(one, two))):
        measured = found[f"fidelity.{key}[model vs photos]"]
        assert measured.finding.estimate == pytest.approx(expected.value)
        assert (measured.finding.n, measured.finding.n_missing, measured.finding.clusters) == (220, 0, 220)
        interval = cluster_mean(expected.pseudo_values(), np.ones(440)).interval
        assert measured.finding.interval is not None
        assert (measured.finding.interval.low, measured.finding.interval.high) == pytest.approx(interval)
        assert measured.finding.interval.low > 0


def test_a_generator_that_matches_the_reference_is_within_noise_of_it() -> None:
    world = _world()
    _fill(world, "model", 300)
    _fill(world, "photos", 300, own_probe=True)
    found = sound(Fidelity(reference="photos").measure("f", world.context()))
    for key in ("f.kid[model vs photos]", "f.floor_kid[model]"):
        finding = found[key].finding
        assert finding.interval is not None
        assert finding.interval.low <= 0 <= finding.interval.high
        assert finding.expected == 0
    chart = found["f.kid[model vs photos]"].finding.panels[0]
    assert chart.type == "intervals"
    assert [row.n for row in chart.rows] == [300, 150]


def test_sets_are_compared_at_one_n_for_all_generators() -> None:
    world = _world()
    _fill(world, "model", 260)
    _fill(world, "other", 240)
    _fill(world, "tiny", 20)
    _fill(world, "photos", 900, own_probe=True)
    found = sound(Fidelity(reference="photos", floor=False).measure("f", world.context(("model", "other", "tiny"))))
    assert found["f.frechet[model vs photos]"].finding.n == found["f.frechet[other vs photos]"].finding.n == 240
    assert found["f.frechet[tiny vs photos]"].finding.n == 20
    assert found["f.frechet[tiny vs photos]"].finding.estimate is None
    limited = sound(Fidelity(reference="photos", floor=False, max_n=210).measure("f", world.context(("model",))))
    assert limited["f.frechet[model vs photos]"].finding.n == 210


def test_seeds_that_generator_and_reference_share_are_on_one_side_only() -> None:
    world = _world()
    _fill(world, "model", 500)
    _fill(world, "copy", 500, shift=0.3)
    world.draw("model", latent(), 500, outcome="failed")
    context = world.context()
    sides = halves(*(ImageSet.of(context, name, "features.vector", 10_000) for name in ("model", "copy")))
    assert not set(sides.first.seeds) & set(sides.second.seeds)
    assert len(sides.first) + len(sides.second) + len(sides.first.lost) in (500, 501)
    assert abs(len(sides.first) - len(sides.second)) <= 2
    finding = sound(Fidelity(reference="copy").measure("f", context))["f.kid[model vs copy]"].finding
    assert finding.n in (249, 250)
    assert "Seeds are shared" in finding.note


def test_an_identical_copy_is_at_the_floor() -> None:
    world = _world()
    _fill(world, "model", 500)
    _fill(world, "copy", 500)
    assert np.array_equal(_vectors(world, "model"), _vectors(world, "copy"))
    found = sound(Fidelity(reference="copy").measure("f", world.context()))
    assert found["f.frechet[model vs copy]"].finding.estimate == pytest.approx(
        found["f.floor_frechet[model]"].finding.estimate
    )


def test_too_few_images_are_refused_with_the_reason() -> None:
    world = _world()
    _fill(world, "model", 120)
    _fill(world, "photos", 120, own_probe=True)
    found = sound(Fidelity(reference="photos").measure("f", world.context()))
    assert found["f.kid[model vs photos]"].finding.estimate is not None
    refused = found["f.frechet[model vs photos]"].finding
    assert refused.estimate is None
    assert "120 images a side, at least 200 needed" in refused.note
    assert found["f.diversity[model]"].finding.estimate is not None


def test_no_image_at_all_is_no_estimate() -> None:
    world = _world()
    for index in range(5):
        world.draw("model", latent(), index, outcome="refused")
        world.draw("model", latent(), 5 + index, {"features.vector": ("why", "image is black")})
    found = sound(Fidelity(reference="photos").measure("f", world.context()))
    assert len(found) == 5
    for one in found.values():
        assert one.finding.estimate is None
        assert one.finding.n == 0
        assert "refused" in one.finding.note
    assert found["f.kid[model vs photos]"].finding.n_missing == 10
    assert "image is black" in found["f.kid[model vs photos]"].finding.note


def test_an_empty_table_is_no_estimate() -> None:
    found = sound(Fidelity().measure("f", _world().context()))
    assert {one.finding.estimate for one in found.values()} == {None}


def test_the_protocol_names_what_decides_the_number() -> None:
    def protocols(count: int, reference: int, scorer: str = "features-1") -> dict[str, str]:
        world = _world()
        _fill(world, "model", count)
        _fill(world, "photos", reference, own_probe=True)
        context = world.context()
        context.protocols["features"] = scorer  # type: ignore[index]
        found = sound(Fidelity(reference="photos", floor=False).measure("f", context))
        return {key: one.finding.protocol for key, one in found.items()}

    base = protocols(240, 400)
    assert base == protocols(240, 400)
    frechet, kernel = "f.frechet[model vs photos]", "f.kid[model vs photos]"
    assert base[frechet] != protocols(239, 400)[frechet]
    assert base[kernel] == protocols(239, 400)[kernel]
    for other in (protocols(240, 401), protocols(240, 400, "features-2")):
        assert base[frechet] != other[frechet]
        assert base[kernel] != other[kernel]


def test_codecs_that_differ_are_said_and_are_in_the_protocol() -> None:
    world = _world()
    _fill(world, "model", 60)
    rng = np.random.default_rng(0)
    for index in range(60):
        world.draw("photos", prompt("photos"), index, {"features.vector": rng.standard_normal(D)}, codec="jpeg")
    finding = sound(Fidelity(reference="photos").measure("f", world.context()))["f.kid[model vs photos]"].finding
    assert "Codecs differ (png against jpeg)" in finding.note
    assert "png against jpeg" in finding.protocol


def test_the_images_least_like_the_reference_are_shown() -> None:
    world = _world()
    _fill(world, "model", 200)
    _fill(world, "photos", 200, own_probe=True)
    for index in (200, 201, 202):
        world.draw("model", latent(), index, {"features.vector": np.full(D, 5.0)})
    finding = sound(Fidelity(reference="photos").measure("f", world.context()))["f.kid[model vs photos]"].finding
    odd = set(world.table().select("model").images[200:])
    assert set(finding.evidence[:3]) <= odd | set(finding.evidence)
    assert odd & set(finding.evidence)
    gallery = finding.panels[-1]
    assert gallery.type == "gallery"
    assert odd & set(gallery.images[:6])
    assert not odd & set(gallery.images[6:])


def test_runs_of_the_same_seeds_pair_and_those_of_others_do_not() -> None:
    def parts(seed: int, shift: float) -> dict[str, tuple[float, float]]:
        world = _world(seed)
        _fill(world, "model", 250, shift=shift)
        _fill(world, "photos", 250, own_probe=True)
        found = sound(Fidelity(reference="photos", floor=False).measure("f", world.context()))
        return {p.pair: (p.total, p.n) for p in found["f.kid[model vs photos]"].contributions}

    same, other_seed = difference(parts(1, 0.2), parts(1, 0.2)), difference(parts(1, 0.2), parts(2, 0.2))
    assert (same.estimate, same.low, same.high) == (0, 0, 0)
    assert same.pairs == 500
    assert other_seed.pairs == 250  # the reference images


def test_images_of_a_prompt_are_one_cluster() -> None:
    world = _world()
    rng = np.random.default_rng(0)
    for word in range(10):
        centre = rng.standard_normal(D) * 2
        for index in range(30):
            values = {"features.vector": centre + rng.standard_normal(D) * 0.1}
            world.draw("model", prompt(f"a photo of {word}"), index, values)
    _fill(world, "photos", 300, own_probe=True)
    found = sound(Fidelity(reference="photos").measure("f", world.context()))
    assert found["f.kid[model vs photos]"].finding.clusters == 10
    assert found["f.floor_kid[model]"].finding.clusters == 10
    assert found["f.diversity[model]"].finding.clusters == 10


def test_the_same_context_gives_the_same_findings_whatever_the_order_of_rows() -> None:
    def findings(order: np.ndarray) -> dict[str, float | None]:
        world = _world()
        _fill(world, "model", 420)
        _fill(world, "photos", 500, shift=0.2, own_probe=True)
        world.rows = [world.rows[i] for i in order]
        found = sound(Fidelity(reference="photos").measure("f", world.context()))
        return {key: one.finding.estimate for key, one in found.items()}

    first = findings(np.arange(920))
    shuffled = findings(np.random.default_rng(0).permutation(920))
    assert first.keys() == shuffled.keys()
    for key, value in first.items():
        assert shuffled[key] == (None if value is None else pytest.approx(value, rel=1e-7))


def test_a_generator_is_not_compared_with_itself_and_wrong_columns_are_named() -> None:
    world = _world().declare(pixels=NUMBER)
    _fill(world, "model", 60)
    keys = sound(Fidelity(reference="model").measure("f", world.context()))
    assert not [key for key in keys if "vs" in key]
    with pytest.raises(SpecError, match=re.escape("metrics.f.params.features: pixels.sharpness holds a number")):
        list(Fidelity(features="pixels.sharpness").measure("f", world.context()))
    with pytest.raises(SpecError, match=r"no scorer fills 'nothing\.here'"):
        list(Fidelity(features="nothing.here").measure("f", world.context()))
