"""Scores by two protocols: the command line tells them apart, and the remedy that it names works."""

import pytest
from safetensors.torch import save_file

from benchmarks.quality.random_inception import random_weights

SPEC = """
name: protocols
seed: 5
generators: [{use: fake, name: drawn}]
probes: [{use: latents, params: {count: 2}}]
draws_per_probe: 1
scorers:
  - use: features
    params: {protocol: fid-inception-clean, weights: inception.safetensors}
metrics:
  - use: fidelity
    params: {features: features.vector}
"""
REMEDY = "scorers.features.params.protocol=fid-inception-clean"


@pytest.fixture
def run(shell) -> str:
    """A run by clean-fid's protocol, exported as a baseline and then scored by another."""
    save_file(random_weights(), shell.folder / "inception.safetensors")
    shell.write("audit.yaml", SPEC)
    name = shell.run("run", "audit.yaml", "--json").json["run"]
    assert shell.run("baseline", "export", name, "--out", "base.json").code == 0
    assert shell.run("score", name, "--set", REMEDY.replace("clean", "tf1")).code == 0
    return name


def test_numbers_of_two_protocols_are_not_compared_until_the_remedy_is_followed(shell, run) -> None:
    moves = shell.run("compare", "base.json", run, "--json").json["moves"]
    assert {move["finding"] for move in moves} >= {"fidelity.floor_kid[drawn]", "fidelity.diversity[drawn]"}
    for move in moves:
        assert move["direction"] == "not comparable"
        assert "features=fid-inception-tf1-" in move["reason"]
        assert "scorer features follows fid-inception-tf1 here and fid-inception-clean in the baseline" in move["reason"]
        assert f"imgaudit score RUN --set {REMEDY}" in move["reason"]
    assert shell.run("score", run, "--set", REMEDY).code == 0
    moves = shell.run("compare", "base.json", run, "--json").json["moves"]
    assert moves
    assert not any("protocols differ" in move["reason"] for move in moves)
