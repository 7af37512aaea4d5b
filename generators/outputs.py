"""Checks on what a generator's network gives back, and its way from floats to pixels."""

import numpy as np
import numpy.typing as npt

from audit.component import Product
from audit.errors import GenerationError
from audit.records import Failed

__all__ = ["Range", "assemble", "check_independence", "check_range", "check_shape", "products"]

Range = tuple[float, float]
"""The two values that mean black and full brightness."""


def check_shape(shape: tuple[int, ...], wanted: int, source: str) -> None:
    """Check that an output holds the wanted number of colour or grey images, channels first.

    Args:
        shape: expected is (wanted, 3, height, width) or (wanted, 1, height, width).
        wanted: how many images were asked for.
        source: what to call the generator in the message.

    Raises:
        GenerationError: another number of images, of dimensions or of channels.
    """
    if len(shape) != 4 or shape[1] not in (1, 3) or 0 in shape[1:]:
        raise GenerationError(
            f"{source}: the output has shape {shape}; expected ({wanted}, 1 or 3, height, width): "
            "wrap the generator so that it returns one image a latent, channels first"
        )
    if shape[0] != wanted:
        raise GenerationError(f"{source}: {shape[0]} images came back where {wanted} were asked for")


def check_range(far_share: float, output_range: Range, source: str) -> None:
    """Refuse a range that cannot be the right one.

    Args:
        far_share: share of values that lie more than the range's own width outside it. Networks without a final
            ``tanh`` overshoot a little; an output of 0..255 read as -1..1 is nearly all outside.
        output_range: what the parameters say.
        source: what to call the generator in the message.

    Raises:
        GenerationError: more than half of the values are that far out.
    """
    if far_share > 0.5:
        raise GenerationError(
            f"{source}: {far_share:.0%} of the output lies far outside {output_range[0]:g}..{output_range[1]:g}; "
            "set `output_range` to the values that mean black and full brightness, for example [0, 255]"
        )


def check_independence(image: npt.NDArray[np.uint8], again: npt.NDArray[np.uint8], source: str, remedy: str) -> None:
    """Refuse a network whose images depend on more than their own latent.

    Args:
        image: pixels of one latent.
        again: pixels of the same latent, drawn beside other neighbours.
        source: what to call the generator in the message.
        remedy: what the user can do.

    Raises:
        GenerationError: they differ by more than one grey level somewhere, which is more than rounding does.
    """
    apart = int(np.abs(image.astype(np.int16) - again.astype(np.int16)).max())
    if apart > 1:
        raise GenerationError(
            f"{source}: the same z gives another image beside other neighbours (up to {apart} grey levels apart): the "
            f"network draws noise of its own, or normalises over the batch; {remedy}"
        )


def assemble(pixels: npt.NDArray[np.uint8], finite: npt.NDArray[np.bool_]) -> list[Product]:
    """One product an image: its pixels, grey repeated to three channels, or ``Failed`` where it was not finite.

    Args:
        pixels: shape (n, height, width, 1 or 3); rows of images that are not finite are ignored.
        finite: shape (n,); False where an image has NaN or infinite values.
    """
    colour = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:3], 3)))
    failed = Failed(reason="the generator's output has NaN or infinite values")
    return [image if fine else failed for image, fine in zip(colour, finite.tolist(), strict=True)]


def products(images: npt.NDArray[np.floating], output_range: Range, source: str) -> list[Product]:
    """Turn network outputs into pixels: scaled, clipped and rounded (half to even) once.

    Args:
        images: shape (n, 1 or 3, height, width).
        output_range: the two values that mean black and full brightness.
        source: what to call the generator in the message.

    Returns:
        For each image its pixels, uint8 (height, width, 3); ``Failed`` where a value is NaN or infinite.

    Raises:
        GenerationError: most values lie far outside ``output_range``.
    """
    low, high = output_range
    values = images.astype(np.float32)
    finite = np.isfinite(values.reshape(len(values), -1)).min(axis=1, initial=True)
    values[~finite] = low
    unit = (values - np.float32(low)) / np.float32(high - low)
    check_range(float(((unit < -1) | (unit > 2)).mean()), output_range, source)
    pixels = np.round(unit.clip(0, 1) * np.float32(255)).astype(np.uint8)
    return assemble(pixels.transpose(0, 2, 3, 1), finite)
