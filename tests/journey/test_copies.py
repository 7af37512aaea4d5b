"""An audit of copies as a user runs it: folders of training and held-out images, and copies planted among the drawn."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

SIDE = 48
SPEC = """
name: copies
seed: 11
generators:
  - {use: planted_copies, name: model, params: {path: train, share: 0.2, of: {use: folder, params: {path: drawn}}}}
  - {use: folder, name: photos, params: {path: train}}
  - {use: folder, name: others, params: {path: held}}
  - {use: planted_copies, name: planted, params: {path: train, count: 10}}
scorers: [{use: fingerprints}]
metrics:
  - use: copies
    params: {train: photos, held_out: others, planted: planted, features: fingerprints.thumbnail}
gates: [{metric: copies.exact, at_most: 0}]
"""


def folder(path: Path, seed: int, count: int) -> None:
    """Smooth pictures with detail at all scales, no two alike."""
    path.mkdir(exist_ok=True)
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        layers = sum(s * gaussian_filter(rng.standard_normal((SIDE, SIDE, 3)), (s, s, 0)) for s in (1, 3, 9))
        pixels = (127 + 110 * layers / np.abs(layers).max()).round().astype(np.uint8)
        Image.fromarray(pixels).save(path / f"{index}.png")


@pytest.fixture
def audit(shell):
    for seed, (name, count) in enumerate((("train", 120), ("held", 120), ("drawn", 240))):
        folder(shell.folder / name, seed, count)
    shell.write("audit.yaml", SPEC)
    return shell


def findings(shell, run: str) -> dict[str, dict]:
    return {
        found["metric"] + "".join(f" {level}" for _, level in sorted(found["where"].items())): found
        for found in json.loads((shell.folder / run / "findings.json").read_text())
    }


def test_planted_copies_are_found_counted_and_laid_beside_their_sources(audit) -> None:
    done = audit.run("run", "audit.yaml", "--json")
    assert done.code == 1, done.err  # the gate: no image may be a file of the training set
    run = done.json["run"]
    found = findings(audit, run)
    copied, matched = (found[f"copies.{name}"]["interval"] for name in ("copied", "matched"))
    assert copied["low"] <= 0.2 <= copied["high"]
    assert 0 < matched["low"] <= 0.2  # thumbnails do not see flips and crops
    assert found["copies.copied"]["p_value"] < 0.01
    assert found["copies.exact"]["interval"]["high"] > 2 / 7 * 0.2 > found["copies.exact"]["interval"]["low"]
    assert found["copies.near_duplicate"]["estimate"] > 0.08
    for transform in ("exact", "reencoded", "jpeg", "resize"):
        assert found[f"copies.recall features {transform}"]["estimate"] >= 0.9
    assert found["copies.recall hash flip"]["estimate"] >= 0.9  # the hash of the mirror image
    assert found["copies.recall digest jpeg"]["estimate"] == 0
    (panel,) = found["copies.beyond_chance"]["panels"]
    train = {draw["image"] for draw in _draws(audit, run, "photos")}
    assert {source for _, source in panel["pairs"]} <= train
    assert audit.run("report", run).code == 0
    before = (audit.folder / run / "findings.json").read_bytes()
    assert audit.run("run", "audit.yaml").code == 1
    assert (audit.folder / run / "findings.json").read_bytes() == before


def _draws(shell, run: str, generator: str) -> list[dict]:
    parts = [part for part in (shell.folder / run).rglob("*.parquet") if f"{generator}-" in str(part)]
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def test_reference_sets_that_make_the_test_void_stop_the_run_before_anything_is_drawn(audit) -> None:
    (audit.folder / "held" / "leaked.png").write_bytes((audit.folder / "train" / "3.png").read_bytes())
    done = audit.run("run", "audit.yaml")
    assert done.code == 2
    assert "photos and others overlap (pictures in both: 1" in done.err
    assert "take them out of one of the sets" in done.err
    folder(audit.folder / "single", 9, 1)
    alone = audit.run("run", "audit.yaml", "--set", "generators.others.params.path=single")
    assert alone.code == 2
    assert "images of others with features: 1; at least 2 are needed" in alone.err


def test_files_of_features_stand_in_for_large_training_sets(audit) -> None:
    params = "{train_features: train.npy, held_out_features: held.npy, features: fingerprints.thumbnail}"
    change = ("--set", f"metrics.copies.params={params}", "--set", "gates=[]")
    missing = audit.run("run", "audit.yaml", *change)
    assert missing.code == 2
    assert "no such file of features" in missing.err
    np.save(audit.folder / "train.npy", np.array([object()]), allow_pickle=True)
    refused = audit.run("run", "audit.yaml", *change)
    assert refused.code == 2
    assert "objects and pickles are never loaded" in refused.err
