"""Metric ``copies`` on planted copies: every level finds what it should, and chance is told as chance."""

from pathlib import Path

import numpy as np
import pytest
from copied_sets import Sets, filled, measured, saved
from metric_tables import prompt, sound

from audit.metrics.copies import Copies
from audit.panels import Heatmap, Pairs, Table
from audit.records import Axis, Latent, Probe
from benchmarks.people.copies_worlds import audit, fresh, split


def test_copies_are_counted_within_their_intervals() -> None:
    found = measured(filled(copied=30))
    for name in ("copied", "matched"):
        interval = found[name].interval
        assert interval is not None
        assert interval.low <= 0.1 <= interval.high
        assert interval.low < found[name].estimate < interval.high
    assert found["matched"].interval.low > 0
    assert found["copied"].p_value < 0.01
    assert found["closer_to_training"].estimate == pytest.approx((found["copied"].estimate + 1) / 2)
    assert found["beyond_chance"].estimate == pytest.approx(0.1, abs=0.01)
    assert found["closer_to_training"].clusters == 30
    assert found["exact"].estimate == 0


def test_without_copies_nothing_is_found() -> None:
    found = measured(filled())
    assert found["beyond_chance"].estimate == 0
    for name in ("copied", "matched"):
        assert found[name].interval.low <= 0 <= found[name].interval.high
        assert found[name].expected == 0
    assert found["closer_to_training"].p_value > 0.02
    assert found["closer_to_training"].expected == 0.5


@pytest.mark.parametrize("seed", range(4))
def test_other_draws_of_the_same_share_are_within_too(seed: int) -> None:
    found = measured(filled(copied=15, seed=100 + seed))
    assert found["copied"].interval.low <= 0.05 <= found["copied"].interval.high
    assert found["matched"].interval.low <= 0.05 <= found["matched"].interval.high


def test_equal_pixels_and_equal_files_are_exact_copies() -> None:
    world = Sets()
    sources = world.references("train")
    world.references("held")
    same = world.picture(**{"fingerprints.pixels": sources[3]["fingerprints.pixels"]})
    world.add("model", prompt("a"), same, *(world.picture() for _ in range(9)))
    row = next(row for row in world.rows if row["generator"] == "train")
    world.rows.append({**row, "generator": "model", "probe": prompt("b").id, "index": 0})  # the very file
    world.probes[prompt("b").id] = prompt("b")
    found = measured(world)
    assert found["exact"].estimate == pytest.approx(2 / 11)
    assert found["exact"].baseline == "train"
    assert len(found["exact"].evidence) == 2


def flipped(bits: str, count: int) -> str:
    return f"{int(bits, 16) ^ ((1 << count) - 1):016x}"


def test_hashes_match_within_what_held_out_images_allow_plain_or_mirrored() -> None:
    world = filled()
    sources = world.scores["fingerprints.hash"]["hash"]
    near = [
        world.picture(**{"fingerprints.hash": flipped(str(sources[0]), 3)}),
        world.picture(**{"fingerprints.mirrored_hash": flipped(str(sources[1]), 2)}),
        world.picture(**{"fingerprints.hash": flipped(str(sources[2]), 32)}),
    ]
    world.add("model", prompt("hashes"), *near)
    finding = measured(world)["near_duplicate"]
    assert finding.n == 303
    # random hashes have some training image within the calibrated distance about as often as a held-out one
    assert finding.expected is not None
    assert finding.expected <= 0.01
    assert 2 / 303 <= finding.estimate <= 10 / 303
    strict = measured(world, false_match_rate=1e-9)["near_duplicate"]
    assert strict.expected == 0
    assert strict.estimate >= 2 / 303
    plain = next(iter(strict.evidence))
    assert plain


def test_counts_are_made_equal_and_it_is_told() -> None:
    world = filled(copied=30, train=500, held_out=100)
    found = measured(world)
    assert "100 images of train and 100 of held are compared" in found["copied"].note
    assert "copies of the other 400 training images" in found["copied"].note
    assert "100 a side" in found["copied"].protocol
    assert found["beyond_chance"].estimate >= 0.09  # all of the training set is searched
    again = measured(world)
    assert again == found
    more = measured(filled(copied=30, train=100, held_out=500))
    assert "400 held-out images are left out" in more["copied"].note


def test_evidence_lays_copies_beside_their_sources() -> None:
    world = filled(copied=5)
    finding = measured(world)["beyond_chance"]
    (panel,) = finding.panels
    assert isinstance(panel, Pairs)
    images = [row["image"] for row in world.rows if row["generator"] == "train"]
    copies = [row["image"] for row in world.rows if row["generator"] == "model"][:5]
    shown = dict(panel.pairs)
    assert {copy: shown[copy] for copy in copies} == dict(zip(copies, images[:5], strict=True))
    assert all("cosine 0.99" in caption for caption in panel.captions[:5])
    assert all("of 64 bits apart" in caption for caption in panel.captions)
    assert set(finding.evidence) >= set(copies)


def test_small_p_values_are_not_told_beyond_what_the_tail_can_bear() -> None:
    (panel,) = measured(filled(copied=5))["beyond_chance"].panels
    assert isinstance(panel, Pairs)
    assert all("p below 1e-06" in caption for caption in panel.captions[:5])
    assert not any("e-1" in caption for caption in panel.captions)


def test_worlds_of_the_benchmark_hold_what_was_planted() -> None:
    rng = np.random.default_rng(3)
    pool = fresh(900, rng)
    for by_prompt in (False, True):
        drawn = [split(pool, 300, 0.1, rng, by_prompt=by_prompt) for _ in range(40)]
        copied = np.concatenate([one.model >= pool.size for one in drawn])
        assert copied.mean() == pytest.approx(0.1, abs=0.04)
        for one in drawn[:5]:
            own = one.model[one.model < pool.size]
            assert not set(own) & (set(one.train) | set(one.held_out))
            assert not set(one.train) & set(one.held_out)
            assert set(one.model[one.model >= pool.size] - pool.size) <= set(one.train)
    found = audit(pool, split(pool, 300, 0.5, rng), 0)
    assert found["copied"].estimate == pytest.approx(0.5, abs=0.2)


def test_without_held_out_images_there_is_no_decision() -> None:
    found = measured(filled(copied=30), held_out="")
    assert set(found) == {"exact", "near_duplicate", "nearest"}
    assert "No held-out set" in found["nearest"].note
    assert "equal hashes count only" in found["near_duplicate"].note
    assert found["near_duplicate"].expected is None


def test_features_of_a_file_say_what_those_of_a_generator_do(tmp_path: Path) -> None:
    world = filled(copied=30)
    files = {name: saved(world, name, tmp_path / f"{name}.npy") for name in ("train", "held")}
    params = {"train": "", "train_features": files["train"], "held_out": "", "held_out_features": files["held"]}
    found = {key.partition("[")[0]: one for key, one in measured(world, **params).items()}
    inside = measured(world)
    for name in ("nearest", "beyond_chance", "closer_to_training", "copied", "matched"):
        assert found[name].estimate == pytest.approx(inside[name].estimate)
        assert found[name].baseline == "train.npy"
    assert "exact" not in found
    (panel,) = found["beyond_chance"].panels
    assert isinstance(panel, Table)
    assert {row[1] for row in panel.rows[:5]} <= {str(i) for i in range(30)}
    metric = Copies(**params)
    metric.check()
    metric.check_references("copies", world.context())
    assert metric.reads() == ("features.vector",)


def _planted(world: Sets) -> None:
    sources = world.scores
    for level, change in {"exact": 0.0, "noise": 0.05, "lost": 50.0}.items():
        probe = Probe(suite="planted", condition=Latent(), unit="draw", axes=(Axis(name="transform", level=level),))
        for index in range(20):
            source = {name: values[name.rpartition(".")[2]][index] for name, values in sources.items()}
            picture = dict(source) if level == "exact" else world.near(source, change)
            world.add("planted", probe, picture)


def test_recall_of_planted_copies_is_told_by_level_and_transform() -> None:
    world = filled(copied=15)
    _planted(world)
    found = sound(Copies(train="train", held_out="held", planted="planted").measure("copies", world.context()))
    recall = {
        (f.where.get("transform", "all"), f.where["match"]): f
        for f in (one.finding for one in found.values())
        if f.metric == "copies.recall"
    }
    assert {match for _, match in recall} == {"digest", "hash", "features", "closer"}
    assert {level for level, _ in recall} == {"all", "exact", "noise", "lost"}
    assert recall["exact", "digest"].estimate == 1
    assert recall["noise", "digest"].estimate == 0
    assert recall["exact", "features"].estimate == recall["noise", "features"].estimate == 1
    assert recall["lost", "features"].estimate < 0.3
    assert recall["all", "features"].n == 60
    assert recall["noise", "closer"].estimate == 1
    assert recall["exact", "hash"].interval.low == pytest.approx(20 / (20 + 1.96**2), abs=0.001)  # Wilson
    (grid,) = recall["all", "digest"].panels
    assert isinstance(grid, Heatmap)
    assert grid.rows == ("all", "exact", "lost", "noise")
    assert grid.columns == ("digest", "hash", "features", "closer")
    assert recall["exact", "hash"].generator == "model"
    assert recall["exact", "hash"].baseline == "planted"


def test_missing_images_are_counted_and_no_image_is_no_estimate() -> None:
    world = filled(copied=0, images=40)
    world.draw("model", prompt("prompt 1"), 99, outcome="refused")
    world.add("model", prompt("prompt 2"), {**world.picture(), "features.vector": ("why", "not finite")})
    found = measured(world)
    assert (found["copied"].n, found["copied"].n_missing) == (40, 2)
    assert "1 refused" in found["copied"].note
    assert "not finite" in found["copied"].note
    assert (found["exact"].n, found["exact"].n_missing) == (41, 1)
    empty = filled(images=0)
    empty.draw("model", prompt("a"), 0, outcome="failed")
    assert all(finding.estimate is None for finding in measured(empty).values())


def test_a_rehearsal_with_nothing_drawn_gives_no_estimates() -> None:
    world = Sets()
    for name in ("model", "train", "held", "planted"):
        world.draw(name, prompt(name), 0, outcome="failed")
    found = sound(Copies(train="train", held_out="held", planted="planted").measure("copies", world.context()))
    assert len(found) >= 7
    assert all(one.finding.estimate is None for one in found.values())


def test_where_not_even_an_exact_copy_could_stand_out_there_is_no_estimate() -> None:
    finding = measured(filled(copied=30, images=100))["beyond_chance"]
    assert finding.estimate is None
    assert "even an exact copy would not stand out: 100 images give ranks only; 200 are needed for more" in finding.note
    assert measured(filled(copied=30, images=300))["beyond_chance"].estimate == pytest.approx(0.1, abs=0.01)
