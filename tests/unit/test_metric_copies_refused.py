"""Metric ``copies`` on sets and parameters that cannot be used: one clear message each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from copied_sets import WIDTH, Sets, filled, measured, saved
from metric_tables import NUMBER, prompt

from audit.errors import InputError, SpecError
from audit.metrics.copies import Copies
from audit.metrics.copies_sets import Columns, References


def one_image(world: Sets) -> None:
    world.references("train", 1)
    world.references("held")


def one_held_out(world: Sets) -> None:
    world.references("train")
    world.references("held", 1)


def same_pixels(world: Sets) -> None:
    (source, *_) = world.references("train")
    world.references("held")
    extra = prompt("held").model_copy(update={"unit": "draw"})
    world.add("held", extra, world.picture(**{"fingerprints.pixels": source["fingerprints.pixels"]}))


def none_read(world: Sets) -> None:
    world.draw("train", prompt("train"), 0, outcome="failed")
    world.references("held")


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (one_image, "params.train: images of train with features: 1; at least 2 are needed"),
        (one_held_out, "params.held_out: images of held with features: 1"),
        (same_pixels, "train and held overlap \\(pictures in both: 1"),
        (none_read, "images of train with features: 0"),
    ],
)
def test_reference_sets_that_cannot_be_used_are_refused(fill: Callable[[Sets], None], message: str) -> None:
    world = Sets()
    fill(world)
    with pytest.raises(InputError, match=message) as told:
        Copies(train="train", held_out="held").check_references("copies", world.context())
    assert "\n" not in str(told.value)


def test_sets_that_fit_are_accepted() -> None:
    Copies(train="train", held_out="held").check_references("copies", filled().context())


def test_one_file_for_both_sides_is_refused(tmp_path: Path) -> None:
    path = saved(filled(), "train", tmp_path / "t.npy")
    (tmp_path / "h.npy").write_bytes(path.read_bytes())
    metric = Copies(train_features=path, held_out_features=tmp_path / "h.npy")
    with pytest.raises(InputError, match="they are the same file"):
        metric.check_references("copies", filled().context())


def test_features_of_another_network_are_refused(tmp_path: Path) -> None:
    world = filled()
    np.save(tmp_path / "other.npy", np.ones((50, WIDTH + 1)))
    saved(world, "train", tmp_path / "train.npy")
    files = {"train_features": tmp_path / "train.npy", "held_out_features": tmp_path / "other.npy"}
    with pytest.raises(InputError, match="are not of one network"):
        Copies(**files).check()
    mixed = Copies(train="train", held_out_features=tmp_path / "other.npy")
    with pytest.raises(InputError, match="16 and 17 numbers"):
        mixed.check_references("copies", world.context())
    with pytest.raises(InputError, match="those of model have 16"):
        list(Copies(train_features=tmp_path / "other.npy").measure("copies", world.context()))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "give the training set once"),
        ({"train": "a", "train_features": "x.npy"}, "give the training set once"),
        ({"train": "a", "held_out": "b", "held_out_features": "x.npy"}, "give the held-out set once"),
        ({"train": "a", "held_out": "a"}, "must be different generators"),
        ({"train": "a", "false_match_rate": 0}, "false_match_rate"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Copies.model_validate(params)


def test_a_column_of_numbers_is_no_features() -> None:
    world = filled()
    world.declare(pixels=NUMBER)
    with pytest.raises(SpecError, match="holds a number; vectors are needed"):
        measured(world, features="pixels.sharpness")


def test_an_equal_part_is_the_same_in_every_run_and_mixes_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.random.default_rng(0).standard_normal((100, 4)))
    found = References.of_file(tmp_path / "v.npy")
    mask = found.equal_part(30)
    assert mask is not None
    assert mask.sum() == 30
    assert (mask == References.of_file(tmp_path / "v.npy").equal_part(30)).all()
    assert mask[:50].sum() not in (0, 30)
    assert found.equal_part(100) is None
    assert Columns("features.vector", "").all == ("features.vector",)
