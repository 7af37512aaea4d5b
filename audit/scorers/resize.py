"""Resizes that other libraries made the standard of, each as two small matrices: exact, and faster than the originals.

A resize along one side is linear, so it is a matrix (out, in) of few numbers a row; a picture takes one for its height and
one for its width. Weights are computed in float64 and applied in float32.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from scipy import sparse
from torch import Tensor

from audit.images import Pixels

__all__ = [
    "MATRICES",
    "Floats",
    "bicubic_pil",
    "bilinear_tf1",
    "pil_uint8",
    "resized_on_cpu",
    "resized_on_device",
    "shorter_to",
]

Floats = npt.NDArray[np.float32]
Matrix = Callable[[int, int], sparse.csr_array]
"""Pixels along a side before and after, to (after, before)."""
SIZES, SIZES_ON_DEVICE = 64, 16
"""Pairs of sizes kept, since most sets have few; one takes some 20 KB, up to 1 MB; on a device 1 MB, up to 20."""


@lru_cache(maxsize=SIZES)
def bicubic_pil(before: int, after: int) -> sparse.csr_array:
    """Pillow's antialiased bicubic (a = -0.5), which clean-fid applies to each channel in float.

    The kernel is widened by the factor of reduction, cut off at the edges of the image, and its weights are made to sum
    to 1. Source: Pillow, ``Resample.c``; Parmar, Zhang, Zhu 2022, "On aliased resizing".
    """
    if before == after:  # Pillow leaves that side alone
        return sparse.eye_array(before, dtype=np.float32, format="csr")
    step = before / after
    wide = max(step, 1.0)
    middle = (np.arange(after) + 0.5) * step
    first = np.maximum(0, (middle - 2 * wide + 0.5).astype(np.int64))
    last = np.minimum(before, (middle + 2 * wide + 0.5).astype(np.int64))
    columns = first[:, None] + np.arange((last - first).max())
    inside = columns < last[:, None]
    weights = _cubic((columns - middle[:, None] + 0.5) / wide) * inside
    weights /= weights.sum(axis=1, keepdims=True)
    starts = np.concatenate([[0], inside.sum(axis=1).cumsum()])
    return sparse.csr_array((weights[inside].astype(np.float32), columns[inside], starts), shape=(after, before))


def _cubic(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


@lru_cache(maxsize=SIZES)
def bilinear_tf1(before: int, after: int) -> sparse.csr_array:
    """TensorFlow 1's bilinear, which the first FID had: corners not aligned, no half-pixel centres, no antialiasing.

    Places are computed in float32, as there: where one falls onto a pixel, a rounding decides between two neighbours.
    Source: TensorFlow 1, ``resize_bilinear_op.cc``; Heusel et al. 2017.
    """
    places = np.arange(after, dtype=np.float32) * np.float32(before / after)
    low = places.astype(np.int64)
    high = np.minimum(low + 1, before - 1)
    share = places - low.astype(np.float32)
    rows = np.arange(after)
    values = np.concatenate([1 - share, share])
    both = (values, (np.concatenate([rows, rows]), np.concatenate([low, high])))
    return sparse.csr_array(sparse.coo_array(both, shape=(after, before)))


MATRICES: dict[str, Matrix] = {"bicubic_pil": bicubic_pil, "bilinear_tf1": bilinear_tf1}
"""Kernel -> its matrix."""


def resized_on_cpu(image: Pixels, size: tuple[int, int], matrix: Matrix) -> Floats:
    """(height, width, 3) uint8 to (3, *size) float32, not cut to 0..255; one core."""
    height, width, channels = image.shape
    rows, columns = matrix(height, size[0]), matrix(width, size[1])
    # Height first: both products then run along memory, and one transposition is enough.
    lower = (rows @ image.reshape(height, -1).astype(np.float32)).reshape(size[0], width, channels)
    narrower = columns @ np.ascontiguousarray(lower.transpose(1, 0, 2)).reshape(width, -1)
    found: Floats = narrower.reshape(size[1], size[0], channels).transpose(2, 1, 0)
    return found


def resized_on_device(planes: Tensor, size: tuple[int, int], matrix: Matrix) -> Tensor:
    """(3, height, width) float32 to (3, *size), with dense matrices: small work for what is not a CPU."""
    height, width = planes.shape[1:]
    rows, columns = _dense(matrix, height, size[0], planes.device), _dense(matrix, width, size[1], planes.device)
    return rows @ planes @ columns.T


@lru_cache(maxsize=SIZES_ON_DEVICE)
def _dense(matrix: Matrix, before: int, after: int, device: torch.device) -> Tensor:
    return torch.from_numpy(matrix(before, after).toarray()).to(device)


def pil_uint8(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Pillow's bicubic on whole numbers, rounded after each side, as dgm-eval and clean-fid's CLIP have it."""
    height, width = size
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def shorter_to(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width once the shorter is ``side``; the longer is rounded down, as torchvision does."""
    longer = math.floor(side * max(height, width) / min(height, width))
    return (side, longer) if height <= width else (longer, side)
