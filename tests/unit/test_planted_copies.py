"""``planted_copies``: copies are what their names say, at the share that was asked for."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from audit.catalog import build, identity
from audit.component import Encoded, Generator, OnDisk, Product
from audit.errors import InputError, PluginError, SpecError
from audit.images import Pixels, decode
from audit.records import Failed, Latent
from audit.spec import Use
from audit.testing import check_generator, disc, draw_requests
from audit.testing.checks import SAMPLES
from generators.copy_transforms import TRANSFORMS, transformed
from generators.planted_copies import KNOWN, PlantedCopies

pytestmark = pytest.mark.usefixtures("fake_plugin")
FILES = 4


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "inside").mkdir(parents=True)
    for seed in range(FILES):
        Image.fromarray(disc(seed, 48)).save(folder / ("inside" if seed else ".") / f"{seed}.png")
    return folder


def planted(path: Path, **params: Any) -> PlantedCopies:
    found = build("generators", Use(use="planted_copies", params={"path": str(path), **params}))
    assert isinstance(found, PlantedCopies)
    return found


def drawn(generator: Generator, count: int) -> dict[str, list[Product]]:
    """Transform -> its draws."""
    with generator.open("cpu") as draw:
        return {p.levels["transform"]: list(draw(draw_requests(p, count))) for p in generator.probes()}


def sources(folder: Path) -> list[Pixels]:
    return [decode(path.read_bytes(), path.name).pixels for path in sorted(folder.rglob("*.png"))]


def test_it_keeps_the_promises_of_a_generator(photos: Path) -> None:
    check_generator(planted(photos))
    check_generator(planted(photos, of={"use": "fake", "params": {"side": 32}}, share=0.5))


def test_each_transform_is_a_level_and_copies_are_what_it_says(photos: Path) -> None:
    products = drawn(planted(photos), 12)
    assert tuple(products) == KNOWN
    files = {path.read_bytes() for path in photos.rglob("*.png")}
    assert all(isinstance(p, Encoded) and p.data in files for p in products["exact"])
    known = sources(photos)
    assert all(any(np.array_equal(p, k) for k in known) for p in products["reencoded"])
    assert all(any(np.array_equal(np.asarray(p)[:, ::-1], k) for k in known) for p in products["flip"])
    for name in ("jpeg", "resize", "crop", "recolour"):
        for copy in products[name]:
            assert isinstance(copy, np.ndarray)
            assert copy.shape == (48, 48, 3)
            assert not any(np.array_equal(copy, k) for k in known)


def test_copies_come_from_all_files_and_from_the_seed(photos: Path) -> None:
    generator = planted(photos, transforms=["exact"], count=60)
    (probe,) = generator.probes()
    assert probe.draws == 60
    assert probe.unit == "draw"
    (products,) = drawn(generator, 60).values()
    seen = Counter(p.data for p in products if isinstance(p, Encoded))
    assert len(seen) == FILES
    assert [p.data for p in drawn(generator, 60)["exact"] if isinstance(p, Encoded)] == [
        p.data for p in products if isinstance(p, Encoded)
    ]


def test_a_crop_keeps_the_part_that_is_stated() -> None:
    ramp = np.repeat(np.arange(100, dtype=np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=2)
    for seed in range(20):
        crop = transformed(ramp, "crop", np.random.default_rng(seed))[50, :, 0].astype(float)
        assert 0.68 <= (crop[90] - crop[10]) / 80 <= 0.92


def test_a_recolouring_moves_colours_and_not_shapes() -> None:
    picture = disc(3, 64)
    changed = transformed(picture, "recolour", np.random.default_rng(1))
    assert np.abs(changed.astype(int) - picture).max() > 5
    for channel in range(3):
        one, other = picture[..., channel].ravel().astype(float), changed[..., channel].ravel().astype(float)
        order = np.argsort(one, kind="stable")
        assert (np.diff(other[order]) >= -0.5).all()  # a rising function of each channel
    assert set(TRANSFORMS) | {"exact"} == set(KNOWN)


def test_among_other_images_the_share_is_the_one_asked_for(photos: Path) -> None:
    generator = planted(photos, of={"use": "fake", "params": {"side": 32}}, share=0.3, transforms=["reencoded"])
    plain = build("generators", Use(use="fake", params={"side": 32}))
    assert isinstance(plain, Generator)
    assert generator.batch == plain.batch
    requests = draw_requests(SAMPLES[Latent], 600)
    with generator.open("cpu") as draw, plain.open("cpu") as original:
        mixed, alone = list(draw(requests)), list(original(requests))
    copied = np.array([np.asarray(p).shape[0] == 48 for p in mixed])
    assert copied.mean() == pytest.approx(0.3, abs=3 * (0.21 / 600) ** 0.5)
    assert all(np.array_equal(m, a) for m, a, c in zip(mixed, alone, copied, strict=True) if not c)


def test_a_damaged_source_is_a_counted_outcome(photos: Path) -> None:
    generator = planted(photos, transforms=["jpeg"])
    for path in photos.rglob("*.png"):
        path.write_bytes(b"\x89PNG broken")
    with generator.open("cpu") as draw:
        (found,) = draw(draw_requests(generator.probes()[0], 1))
        assert isinstance(found, Encoded)  # the store decodes it, and counts it as failed
        for path in list(photos.rglob("*.png")):
            path.unlink()
        (found,) = draw(draw_requests(generator.probes()[0], 1))
        assert isinstance(found, Failed | OnDisk)
        assert isinstance(found, Failed)


def test_what_cannot_be_copied_is_said_before_any_work(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder of images to copy"):
        planted(tmp_path / "nowhere").check()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="nothing to copy"):
        planted(tmp_path / "empty").check()
    with pytest.raises(SpecError, match="no transform 'rotate'"):
        planted(photos, transforms=["rotate"])
    with pytest.raises(SpecError, match="no transform is named"):
        planted(photos, transforms=[])
    with pytest.raises(SpecError, match="named twice"):
        planted(photos, transforms=["flip", "flip"])
    with pytest.raises((SpecError, PluginError)):
        planted(photos, of={"use": "planted_copies", "params": {"path": str(photos)}})
    with pytest.raises(SpecError, match="leave it out here"):
        planted(photos, of={"use": "fake", "params": {}}, batch=999)


def test_other_files_are_another_generator(photos: Path) -> None:
    before = identity(planted(photos), "cpu")
    assert identity(planted(photos), "cpu") == before
    Image.fromarray(disc(9, 48)).save(photos / "new.png")
    assert identity(planted(photos), "cpu") != before
    told = planted(photos, of={"use": "fake", "params": {}}, share=0.05).settings()
    assert told["copies"] == "0.05 of the draws"
