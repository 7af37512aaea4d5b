"""``diffusion`` from a weight pack: the same images as from the folder, under the digest of the pack."""

from pathlib import Path

import numpy as np
import pytest
from diffusion_cases import QUIRKS, calm, opened, refusal, sample  # noqa: F401
from tiny_pipelines import rewrite, stable_diffusion
from weight_shelves import entry

from audit.catalog import build_as, identity
from audit.component import Generator
from audit.errors import SpecError, WeightsError, WeightsMissing, WeightsTampered
from audit.records import TextPrompt
from audit.spec import Use
from audit.weights import pull
from generators.diffusion import Diffusion

pytestmark = QUIRKS


SHIPPED = "{ kind = 'package', package = 'shipped_models', folder = 'tiny' }"


def catalogued(name: str, source: str, folder: Path) -> str:
    """The catalogue entry of a folder as it is now."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    names = [file.relative_to(folder).as_posix() for file in files]
    return entry(name, source, {name: (name, file.read_bytes()) for name, file in zip(names, files, strict=True)})


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue file of one's own, still empty."""
    monkeypatch.setenv("IMGAUDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IMGAUDIT_CATALOGUE", str(tmp_path / "own.toml"))
    (tmp_path / "own.toml").touch()
    return tmp_path / "own.toml"


@pytest.fixture
def model(tmp_path: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline's folder in an installed package: the pack `shipped`."""
    package = tmp_path / "site" / "shipped_models"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    folder = stable_diffusion(package / "tiny")
    catalogue.write_text(catalogued("shipped", SHIPPED, folder))
    return folder


def test_a_pack_draws_what_its_folder_draws(model: Path, catalogue: Path) -> None:
    catalogue.write_text(
        catalogue.read_text() + catalogued("shared", f"{{ kind = 'path', folder = {str(model)!r} }}", model)
    )
    pull("shared")
    expected = sample(Diffusion(model=str(model), steps=2))
    for pack in ("shipped", "shared"):
        generator = Diffusion(pack=pack, steps=2)
        np.testing.assert_array_equal(sample(generator), expected)
        assert generator.accepts() == (TextPrompt,)
        assert generator.packs() == (pack,)
        assert generator.settings()["model"] == f"weight pack {pack}"
    assert Diffusion(model=str(model)).packs() == ()


def test_the_identity_follows_the_weights_of_the_pack(model: Path, catalogue: Path) -> None:
    generator = Diffusion(pack="shipped")
    before = identity(generator, "cpu")
    rewrite(model / "unet" / "diffusion_pytorch_model.safetensors", lambda weights: weights["conv_in.bias"].add_(1))
    for action in (generator.check, lambda: opened(generator)):
        assert "unet/diffusion_pytorch_model.safetensors" in refusal(action, WeightsTampered)
    catalogue.write_text(catalogued("shipped", SHIPPED, model))
    generator.check()
    assert identity(generator, "cpu") != before


def test_a_pack_that_is_not_here_says_how_to_get_it(model: Path, catalogue: Path) -> None:
    catalogue.write_text(catalogued("shared", f"{{ kind = 'path', folder = {str(model)!r} }}", model))
    assert "imgaudit weights pull shared" in refusal(Diffusion(pack="shared").check, WeightsMissing)
    assert "'nonsense'" in refusal(Diffusion(pack="nonsense").check, WeightsError)


def test_a_pack_of_something_else(model: Path, catalogue: Path) -> None:
    (model / "model_index.json").unlink()
    catalogue.write_text(catalogued("shipped", SHIPPED, model))
    assert "model_index.json" in refusal(Diffusion(pack="shipped").check)


@pytest.mark.parametrize("params", [{}, {"model": "a/b", "pack": "shipped"}, {"pack": "shipped", "revision": "main"}])
def test_one_pipeline_is_named(params: dict[str, str]) -> None:
    with pytest.raises(SpecError, match="pack"):
        build_as("generators", Use(use="diffusion", params=params), Generator)
