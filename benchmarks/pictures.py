"""Pictures to look at, and folders of them. Same arguments, same bytes."""

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["Codec", "encoded", "image_folder", "picture"]

Codec = Literal["jpg", "png"]
SAVED: dict[Codec, dict[str, Any]] = {
    "jpg": {"format": "JPEG", "quality": 90},
    "png": {"format": "PNG", "compress_level": 6},
}


def picture(seed: int, side: int) -> npt.NDArray[np.uint8]:
    """Coarse shapes, finer detail and a little noise, roughly the spectrum of a photograph: (side, side, 3)."""
    rng = np.random.default_rng(seed)
    whole = rng.standard_normal((side, side, 3), dtype=np.float32) * 2 + 128
    for cells, strength in ((4, 90.0), (16, 40.0), (64, 16.0)):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        smooth = coarse.resize((side, side), Image.Resampling.BICUBIC)
        whole += (np.asarray(smooth, dtype=np.float32) - 128) * (strength / 128)
    return whole.clip(0, 255).astype(np.uint8)


def encoded(pixels: npt.NDArray[np.uint8], codec: Codec) -> bytes:
    """The bytes of an image file, as other programs write them by default."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **SAVED[codec])
    return file.getvalue()


def image_folder(folder: Path, count: int, *, side: int = 512) -> Path:
    """A folder of ``count`` different pictures, as JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        (folder / f"{seed:05d}.jpg").write_bytes(encoded(picture(seed, side), "jpg"))
    return folder
