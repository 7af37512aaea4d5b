"""The catalogue entries of the phantom's models, as the training scripts write them."""

import json
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `torch` brings it")

from audit.demos import PHANTOM
from audit.weights.packs import Pack
from training.phantom import catalogue
from training.phantom.catalogue import PACKS, section, with_section

ROOT = Path(__file__).parents[2]
WRONG = {name: {"wrong": {"count": 3, "n": 1500}} for name in catalogue.READ}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two published models."""
    monkeypatch.chdir(tmp_path)
    folder = Path("generators/phantom/models")
    for name in ("clip", "oracle"):
        (folder / name).mkdir(parents=True)
        (folder / name / "weights.safetensors").write_bytes(name.encode())
    (folder / "clip/README.md").write_text(
        "| what | share right |\n|---|---|\n| zero_shot_age | 0.9812 |\n| retrieval | 1.0000 |\n"
    )
    (folder / "oracle/card.json").write_text(json.dumps({"measured": {"unchanged": WRONG}}))
    return folder


def packs(text: str) -> dict[str, Pack]:
    return {name: Pack.model_validate({"name": name, **table}) for name, table in tomllib.loads(text).items()}


def test_entries_are_sound_packs_with_what_was_measured(models: Path) -> None:
    found = packs(section())
    assert set(found) == {"phantom-clip", "phantom-oracle"}
    assert {m.what: m.value for m in found["phantom-clip"].measured} == {
        "zero shot age, right": 0.9812,
        "retrieval, right": 1.0,
    }
    assert {m.value for m in found["phantom-oracle"].measured} == {0.002}
    assert found["phantom-oracle"].source.kind == "package"


def test_writing_again_changes_nothing_but_the_section(models: Path) -> None:
    before = (ROOT / "audit/weights/catalogue.toml").read_text("utf-8")
    once = with_section(before, section())
    assert with_section(once, section()) == once
    others = packs(before)
    assert {name: pack for name, pack in packs(once).items() if not name.startswith("phantom-")} == {
        name: pack for name, pack in others.items() if not name.startswith("phantom-")
    }


def test_everything_that_the_demo_loads_is_told_of() -> None:
    assert {pack.removeprefix("phantom-") for pack in PHANTOM.packs} <= set(PACKS)
