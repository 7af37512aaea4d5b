"""``diffusion`` and the hub: what is in the cache works without it, what is not says how to get it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from diffusion_cases import calm, opened, refusal, sample  # noqa: F401
from huggingface_hub import constants
from tiny_pipelines import ddpm, stable_diffusion

from generators.diffusion import Diffusion

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache of the hub's files, and no way to the hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def test_a_cached_hub_pipeline_works_offline(hub: Path) -> None:
    repository = hub / "models--acme--tiny"
    model = stable_diffusion(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    generator = Diffusion(model="acme/tiny", steps=2)
    np.testing.assert_array_equal(sample(generator), sample(Diffusion(model=str(model), steps=2)))
    assert generator.fingerprint() == f"hub:{COMMIT}"
    assert generator.settings()["revision"] == COMMIT
    assert sample(Diffusion(model="acme/tiny", revision=COMMIT, steps=2)).shape == (4, 32, 32, 3)


def test_a_hub_pipeline_that_is_not_here(hub: Path) -> None:
    message = refusal(Diffusion(model="acme/absent", revision="v1.5").check)
    assert all(
        word in message for word in ("acme/absent", "v1.5", "HF_HUB_OFFLINE", "hf download acme/absent --revision v1.5")
    )


def test_a_hub_pipeline_that_is_here_in_part(hub: Path) -> None:
    model = ddpm(hub / "models--acme--partial" / "snapshots" / COMMIT)
    (model / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    generator = Diffusion(model="acme/partial", revision=COMMIT)
    assert all(word in refusal(generator.check) for word in ("acme/partial", "HF_HUB_OFFLINE", "hf download"))
    refusal(lambda: opened(generator))


def test_a_hub_pipeline_that_is_somewhere_else(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Online, but nobody answers: one line, no traceback."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    message = refusal(Diffusion(model="acme/elsewhere").check)
    assert "hf download acme/elsewhere" in message
    assert "HF_HUB_OFFLINE" not in message
