"""Images per second of scorers, on images in memory."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit.component import Scorer, View
from audit.errors import WeightsError
from audit.records import Latent, Probe
from audit.scorers.attributes import Attributes
from audit.scorers.clip import Clip
from audit.scorers.faces import Faces
from audit.scorers.features import Features
from audit.scorers.pixels import PixelStatistics
from audit.starters import DEMO_SPEC
from audit.testing import draw_requests, view
from audit.weights import locate
from benchmarks.clip_model import small_clip
from benchmarks.devices import ON_CPU, ON_EACH_DEVICE
from benchmarks.models import feature_weights
from benchmarks.pictures import picture
from generators.gan import Gan

IMAGES = 32


@pytest.fixture(scope="module")
def views() -> list[View]:
    """Pictures of 512 pixels with prompts."""
    return [view(picture(seed, 512), prompt=f"picture number {seed}") for seed in range(IMAGES)]


@pytest.fixture(scope="module")
def people() -> list[View]:
    """Generated faces of 64 pixels; skips where a pack is absent."""
    params = DEMO_SPEC["generators"][0]["params"]
    try:
        locate(params["pack"])
        locate("centerface")
        locate("perceived-gender-age")
    except WeightsError as error:
        pytest.skip(str(error))
    gan = Gan.model_validate(params)
    with gan.open("cpu") as draw:
        images = draw(draw_requests(Probe(suite="bench", condition=Latent(), unit="draw"), IMAGES))
    return [view(image) for image in images if isinstance(image, np.ndarray)]


def _score(throughput: Any, scorer: Scorer, views: Sequence[View], device: str = "cpu") -> None:
    with scorer.open(device) as score:
        throughput(lambda: score(views), images=len(views))


@ON_CPU
def test_pixels_512px(throughput: Any, views: list[View]) -> None:
    """Always on the CPU."""
    _score(throughput, PixelStatistics(), views)


@ON_EACH_DEVICE
def test_features_lite0_512px(throughput: Any, views: list[View], tmp_path: Path, device: str) -> None:
    """EfficientNet-lite0 with random weights, resize included."""
    _score(throughput, Features.model_validate(feature_weights(tmp_path)), views, device)


@ON_EACH_DEVICE
def test_features_lite0_pack_512px(throughput: Any, views: list[View], device: str) -> None:
    """The same network from its pack, with batch norms folded."""
    scorer = Features(pack="efficientnet-lite0")
    try:
        scorer.check()
    except WeightsError as error:
        pytest.skip(str(error))
    _score(throughput, scorer, views, device)


@ON_EACH_DEVICE
def test_clip_small_512px(throughput: Any, views: list[View], tmp_path: Path, device: str) -> None:
    """A two-layer CLIP: mostly its image transform. Texts are encoded in the warm-up, as once a run."""
    _score(throughput, Clip(path=small_clip(tmp_path / "clip")), views, device)


@ON_CPU
def test_faces_64px(throughput: Any, people: list[View]) -> None:
    """Images are enlarged to 256 pixels first."""
    _score(throughput, Faces(), people)


@ON_CPU
def test_attributes_64px(throughput: Any, people: list[View]) -> None:
    """On faces found before."""
    with Faces().open("cpu") as find:
        found = find(people)
    _score(throughput, Attributes(), [replace(v, given={"faces": rows}) for v, rows in zip(people, found, strict=True)])
