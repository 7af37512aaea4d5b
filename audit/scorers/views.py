"""Reading what a scorer is given: pixels as the interface promises them, and rows of the scorers that it requires."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from audit.component import Row, Value, View
from audit.errors import ScoringError
from audit.images import Pixels
from audit.records import Abstained, Scored

__all__ = ["checked_pixels", "label", "number", "regions", "required", "vector", "whole"]


def checked_pixels(view: View) -> Pixels:
    """The view's pixels, (height, width, 3) uint8.

    A float image would be scaled a second time by most encoders and give a plausible, wrong number.

    Raises:
        ScoringError: another type or shape.
    """
    pixels = view.pixels
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ScoringError(
            f"image {view.image}: pixels are {pixels.dtype} of shape {pixels.shape}; scorers take uint8 (height, width, 3)"
        )
    return pixels


def required(view: View, scorer: str) -> Sequence[Row]:
    """Rows of another scorer for this image.

    Raises:
        ScoringError: that scorer gave none.
    """
    rows = view.given.get(scorer)
    if not rows:
        raise ScoringError(f"image {view.image}: no rows of scorer {scorer!r} were given; name it among the spec's scorers")
    return rows


def whole(rows: Sequence[Row]) -> Row | None:
    """The row of the whole image; None where there is none."""
    return next((row for row in rows if row.region < 0), None)


def regions(rows: Sequence[Row]) -> list[Row]:
    """The rows of regions, in their order."""
    return [row for row in rows if row.region >= 0]


def _plain(row: Row, column: str) -> object:
    value: Value | None = row.values.get(column)
    return value.value if isinstance(value, Scored) else value


def number(row: Row, column: str) -> float | None:
    """A number; None where the scorer abstained or has no such column."""
    value = _plain(row, column)
    return float(value) if isinstance(value, int | float | np.number) else None


def label(row: Row, column: str) -> str | None:
    """A label; None where the scorer abstained or has no such column."""
    value = _plain(row, column)
    return value if isinstance(value, str) else None


def vector(row: Row, column: str) -> npt.NDArray[np.float32] | None:
    """A vector, (d,); None where the scorer abstained or has no such column."""
    value = _plain(row, column)
    if value is None or isinstance(value, str | Abstained):
        return None
    return np.asarray(value, dtype=np.float32).ravel()
