"""Metric ``support`` on planted feature vectors: poor images, collapsed images and images of the reference's own law."""

import re
from collections import Counter

import numpy as np
import pytest
from metric_tables import NUMBER, VECTOR, World, latent, prompt, sound

from audit.component import Measured
from audit.errors import SpecError
from audit.metrics.image_sets import ImageSet, Pairing
from audit.metrics.support import Support
from audit.metrics.support_findings import Beside, measured
from audit.metrics.support_kinds import QUANTITIES
from audit.stats.diversity import cosine_diversity, vendi
from audit.stats.manifolds import expected_coverage, support
from reports.curves import draw_curve

D = 8
SHARES = ("precision", "recall", "coverage", "duplicates")


def _world() -> World:
    return World().declare(features=VECTOR)


def _fill(world: World, generator: str, rows: np.ndarray, prompts: int = 0) -> None:
    """Latent draws with these features, of seeds shared with nobody; or of as many prompts in turn."""
    for index, row in enumerate(rows):
        if prompts:
            probe = prompt(f"{generator} {index % prompts}")
        else:
            probe = prompt(generator).model_copy(update={"unit": "draw"})
        world.draw(generator, probe, index, {"features.vector": row})


def _normal(seed: int, n: int, spread: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, D)) * spread


def _collapsed(seed: int, n: int) -> np.ndarray:
    """Ten images again and again, hardly changed."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((10, D))[rng.integers(10, size=n)] + 0.05 * rng.standard_normal((n, D))


def _measured(rows: np.ndarray, photos: np.ndarray, **params: object) -> dict[str, Measured]:
    world = _world()
    _fill(world, "model", rows)
    _fill(world, "photos", photos)
    return _quantities(sound(Support(reference="photos", **params).measure("s", world.context())))


def _quantities(found: dict[str, Measured], generator: str = "model") -> dict[str, Measured]:
    return {one.finding.metric[2:]: one for one in found.values() if one.finding.generator == generator}


def test_values_are_those_of_the_statistics() -> None:
    world = _world()
    _fill(world, "model", _normal(1, 220, 0.9))
    _fill(world, "photos", _normal(2, 220))
    found = _quantities(sound(Support(reference="photos").measure("s", world.context())))
    assert set(found) == set(Support.quantities)
    one, two = (np.asarray(world.table().select(name).values("features.vector").value) for name in ("model", "photos"))
    plain = support(one, two, np.arange(220))
    told = {name: found[name].finding.estimate for name in found}
    assert told["precision"] == pytest.approx(plain.inside.mean())
    assert told["recall"] == pytest.approx(plain.recalled.mean())
    assert told["density"] == pytest.approx(plain.density.mean())
    assert told["coverage"] == pytest.approx(plain.covered.mean())
    assert told["vendi"] == pytest.approx(vendi(one).value)
    assert told["repeated"] == 0
    assert told["within_prompt_diversity"] == pytest.approx(cosine_diversity(one).value, rel=1e-6)
    expected = {name: found[name].finding.expected for name in QUANTITIES}
    assert expected["coverage"] == expected_coverage(220, 220)
    assert expected["density"] == 1
    assert expected["vendi"] == pytest.approx(vendi(two).value)
    assert expected["precision"] == expected["recall"] == pytest.approx(plain.typical.mean())


def test_images_of_the_references_own_law_are_at_what_is_expected() -> None:
    found = _measured(_normal(3, 400), _normal(4, 400))
    for name in QUANTITIES:
        finding = found[name].finding
        assert finding.interval is not None
        assert finding.expected is not None
        assert finding.interval.low <= finding.expected <= finding.interval.high, name


def _image_set(name: str, rows: np.ndarray, prompts: int) -> ImageSet:
    names = np.array([f"{name} {place}" for place in range(len(rows))], dtype=object)
    cluster = np.array([f"{name} prompt {place % prompts}" for place in range(len(rows))], dtype=object)
    none = np.zeros(0, dtype=object)
    return ImageSet(name, rows.astype(np.float32), names, names, cluster, ("png",), none, none, one_probe=False)


@pytest.mark.parametrize("prompts", [160, 32])
def test_equal_laws_are_told_apart_no_oftener_than_chance_would(prompts: int) -> None:
    """Both sides are drawn anew each time: nominal 95 % intervals hold what is expected, and are not much too wide."""
    rng = np.random.default_rng(25)
    missed: Counter[str] = Counter()
    apart: dict[str, list[float]] = {}
    width: dict[str, list[float]] = {}
    for _ in range(120):
        one, two = (
            _image_set(*side)
            for side in (
                ("model", rng.standard_normal((160, 12)), prompts),
                ("photos", rng.standard_normal((160, 12)), 160),
            )
        )
        for finding in (
            each.finding for each in measured(Beside("s", 0.95, Pairing(one, two, split=False), "", two, 5, 8, 50))
        ):
            name, ends = finding.metric[2:], finding.interval
            assert ends is not None
            assert finding.expected is not None
            assert finding.estimate is not None
            missed[name] += not ends.low <= finding.expected <= ends.high
            apart.setdefault(name, []).append(finding.estimate - finding.expected)
            width.setdefault(name, []).append((ends.high - ends.low) / 2 / 1.96)
    assert set(apart) == set(QUANTITIES)
    for name, errors in apart.items():
        assert missed[name] <= 13, name  # 6 on average; 14 or more come 4 times in 1,000
        assert np.mean(width[name]) < 1.9 * np.std(errors), name
        assert abs(np.mean(errors)) < 0.35 * np.std(errors), name


def test_a_collapsed_generator_is_told_from_a_poor_one() -> None:
    photos = _normal(5, 400)
    collapsed, poor = _measured(_collapsed(6, 400), photos), _measured(_normal(7, 400, 3.0), photos)

    def beyond(found: dict[str, Measured], name: str) -> int:
        """-1: its interval is below what is expected; 1: above; 0: it holds it."""
        finding = found[name].finding
        assert finding.interval is not None
        assert finding.expected is not None
        return int(finding.interval.low > finding.expected) - int(finding.interval.high < finding.expected)

    assert [beyond(collapsed, name) for name in ("recall", "coverage", "modes", "vendi")] == [-1] * 4
    assert beyond(collapsed, "duplicates") == 1
    assert beyond(poor, "precision") == -1
    assert beyond(poor, "duplicates") <= 0
    assert (collapsed["coverage"].finding.estimate or 0) < 0.5
    assert (collapsed["precision"].finding.estimate or 0) > (poor["precision"].finding.estimate or 0) + 0.3


def test_planted_modes_are_counted() -> None:
    rng = np.random.default_rng(8)
    modes = 15 * rng.standard_normal((10, D))
    photos = modes[rng.integers(10, size=400)] + rng.standard_normal((400, D))
    rows = modes[rng.integers(4, size=400)] + rng.standard_normal((400, D))
    finding = _measured(rows, photos, cells=10)["modes"].finding
    assert finding.estimate == pytest.approx(4, rel=0.03)
    assert finding.expected == pytest.approx(10, rel=0.05)
    assert finding.interval is not None
    assert finding.interval.high < 5


def test_prompts_are_clusters_and_each_has_its_own_diversity() -> None:
    rng = np.random.default_rng(9)
    centres = rng.standard_normal((20, D)) * 2
    world = _world()
    _fill(world, "model", np.tile(centres, (6, 1)) + 0.01 * rng.standard_normal((120, D)), prompts=20)
    world.draw("model", prompt("asked once"), 0, {"features.vector": np.ones(D)})
    world.draw("model", prompt("asked once"), 1, outcome="refused")
    _fill(world, "photos", _normal(10, 121))
    found = _quantities(sound(Support(reference="photos").measure("s", world.context())))
    assert found["coverage"].finding.clusters == found["precision"].finding.clusters == 21
    within = found["within_prompt_diversity"].finding
    assert within.clusters == 20
    assert within.n == 120
    assert within.n_missing == 1
    assert within.estimate is not None
    assert within.estimate < 0.001
    assert "1 images are the only ones of their prompt" in within.note
    assert "1 missing: 1 refused" in found["recall"].finding.note


def test_one_prompt_speaks_of_its_own_draws() -> None:
    world = _world()
    _fill(world, "model", _normal(11, 60), prompts=1)
    within = _quantities(sound(Support().measure("s", world.context())))["within_prompt_diversity"].finding
    assert within.clusters == 60
    assert within.interval is not None
    assert "One probe" in within.note


def test_repeated_bytes_are_counted_apart_from_likeness() -> None:
    world = _world()
    _fill(world, "model", _normal(12, 80))
    image = world.rows[0]["image"]
    for row in world.rows[1:20]:
        row["image"] = image
    finding = _quantities(sound(Support().measure("s", world.context())))["repeated"].finding
    assert finding.estimate == 0.25
    assert finding.expected == 0
    assert finding.evidence == (image,)


def test_all_generators_are_measured_at_one_n_and_shown_in_one_plane() -> None:
    world = _world()
    _fill(world, "model", _normal(13, 260))
    _fill(world, "other", _normal(14, 230, 0.5))
    _fill(world, "tiny", _normal(15, 20))
    _fill(world, "photos", _normal(16, 300))
    found = sound(Support(reference="photos").measure("s", world.context(("model", "other", "tiny"))))
    assert {found[f"s.{name}[{who} vs photos]"].finding.n for name in QUANTITIES for who in ("model", "other")} == {230}
    tiny = found["s.coverage[tiny vs photos]"].finding
    assert tiny.estimate is None
    assert "20 images a side, at least 50 needed" in tiny.note
    plane = found["s.precision[model vs photos]"].finding.panels[0]
    assert plane.type == "curve"
    assert [line.label for line in plane.lines] == ["images of the reference's own law", "model", "other"]
    assert plane.lines[1].y == (found["s.precision[model vs photos]"].finding.estimate,)
    assert plane.lines[1].x == (found["s.coverage[model vs photos]"].finding.estimate,)
    draw_curve(plane)
    collapse, numbers = found["s.coverage[other vs photos]"].finding.panels
    assert collapse.type == "intervals"
    assert [row.label.partition(":")[0] for row in collapse.rows] == list(SHARES)
    assert [row.marks[0] for row in collapse.rows] == [
        found[f"s.{name}[other vs photos]"].finding.expected for name in SHARES
    ]
    assert numbers.type == "table"
    assert [row[0] for row in numbers.rows] == ["density", "modes", "vendi"]


def test_few_images_have_no_modes_and_the_rest_all_the_same() -> None:
    found = _measured(_normal(17, 120), _normal(18, 120))
    assert found["modes"].finding.estimate is None
    assert "120 images a side, at least 200 needed for 20 cells" in found["modes"].finding.note
    assert found["coverage"].finding.estimate is not None
    assert _measured(_normal(17, 120), _normal(18, 120), cells=12)["modes"].finding.estimate is not None


def test_images_outside_the_reference_are_the_evidence_of_precision() -> None:
    rows = _normal(19, 200, 0.3)
    rows[:3] = 40 + np.eye(D)[:3]
    found = _measured(rows, _normal(20, 200))["precision"].finding
    assert len(found.evidence) == 3
    gallery = found.panels[-1]
    assert gallery.type == "gallery"
    assert gallery.images == found.evidence


def test_seeds_that_generator_and_reference_share_are_on_one_side_only() -> None:
    world = _world()
    for name in ("model", "copy"):
        for index, row in enumerate(_normal(21, 300)):
            world.draw(name, latent(), index, {"features.vector": row})
    finding = sound(Support(reference="copy").measure("s", world.context()))["s.precision[model vs copy]"].finding
    assert finding.n == 150
    assert "Seeds are shared" in finding.note
    assert finding.estimate is not None
    assert finding.estimate < 1


def test_the_order_of_rows_does_not_matter() -> None:
    def findings(order: np.ndarray) -> dict[str, tuple[float | None, ...]]:
        world = _world()
        _fill(world, "model", _normal(26, 260, 0.8))
        _fill(world, "photos", _normal(27, 240))
        world.rows = [world.rows[place] for place in order]
        found = sound(Support(reference="photos").measure("s", world.context()))
        ends = {key: one.finding.interval for key, one in found.items()}
        return {
            key: (
                one.finding.estimate,
                one.finding.expected,
                *(() if (span := ends[key]) is None else (span.low, span.high)),
            )
            for key, one in found.items()
        }

    first, shuffled = findings(np.arange(500)), findings(np.random.default_rng(0).permutation(500))
    assert first.keys() == shuffled.keys()
    for key, values in first.items():
        assert shuffled[key] == tuple(None if value is None else pytest.approx(value, rel=1e-9) for value in values), key


def test_nothing_is_no_estimate() -> None:
    world = _world()
    for index in range(5):
        world.draw("model", latent(), index, outcome="refused")
    found = sound(Support(reference="photos").measure("s", world.context()))
    assert len(found) == 9
    assert {one.finding.estimate for one in found.values()} == {None}
    assert {one.finding.estimate for one in sound(Support().measure("s", _world().context())).values()} == {None}


def test_the_protocol_names_what_decides_the_number() -> None:
    def protocol(n: int = 60, photos: int = 90, **params: object) -> str:
        return _measured(_normal(22, n), _normal(23, photos), **params)["coverage"].finding.protocol

    base = protocol()
    assert base == protocol()
    assert len({base, protocol(n=59), protocol(photos=91), protocol(nearest=3)}) == 4


def test_wrong_columns_are_named() -> None:
    world = _world().declare(pixels=NUMBER)
    _fill(world, "model", _normal(24, 60))
    with pytest.raises(SpecError, match=re.escape("metrics.s.params.features: pixels.sharpness holds a number")):
        list(Support(features="pixels.sharpness").measure("s", world.context()))
    assert not [key for key in sound(Support(reference="model").measure("s", world.context())) if "vs" in key]
