"""Copies of the repeated pictures of a truth table, found by nearest neighbour among any other pictures."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from audit.errors import InputError
from audit.images import Pixels
from generators.phantom.portrait import OCCUPATIONS, PRESENTATIONS
from generators.phantom.renderer import picture
from generators.phantom.sampling import repeated
from generators.phantom.truth import TruthTable

__all__ = ["COPY_BELOW", "SIDE", "copy_distances", "repeated_pictures"]

SIDE = 64
"""Pixels a side of the pictures that are compared."""
CELLS = 32
"""Cells a side over which they are averaged first, so that the grain of a model's decoder does not count."""
COPY_BELOW = 16.0
"""A picture nearer than this to a repeated one counts as its copy.

Of 20,127 renders of the table ``regressed`` that are no copies 7 are nearer (.03 %); the nearest lies at 10.8, half of
them beyond 40. Copies by the renderer lie at 0; what is left of one after the models' autoencoder lies at 3 to 6.
"""


def repeated_pictures(table: TruthTable) -> Pixels:
    """The pictures that a table repeats, one for each occupation and presentation: (k, 64, 64, 3).

    Raises:
        InputError: the table repeats none.
    """
    cells = [{"occupation": occupation, "presentation": who} for occupation in OCCUPATIONS for who in PRESENTATIONS]
    portraits = [repeated(table, **cell) for cell in cells if _exists(table, cell)]
    pictures = [picture(one, SIDE, table.defects.native_size) for one in portraits if one]
    if not pictures:
        raise InputError(f"truth table {table.name!r} repeats no picture; take one with defects.copies, as 'regressed'")
    return np.stack(pictures)


def _exists(table: TruthTable, cell: Mapping[str, str]) -> bool:
    try:
        return table.share("people", 1, cell) > 0
    except InputError:  # a table that gives this occupation to the others only
        return False


def copy_distances(pixels: Pixels, pictures: Pixels) -> npt.NDArray[np.float64]:
    """How far each picture is from the nearest of some others.

    The root mean square of the differences of 32 x 32 cells in all channels, in grey levels, 0 (the same) to 255.

    Args:
        pixels: (n, 64, 64, 3).
        pictures: (k, 64, 64, 3).

    Returns:
        (n,)
    """
    one, other = _cells(pixels), _cells(pictures)
    nearest = [np.sqrt(((cells - other) ** 2).mean(axis=1).min()) for cells in one]
    return np.array(nearest, dtype=np.float64)


def _cells(pixels: Pixels) -> npt.NDArray[np.float64]:
    n, wide = len(pixels), SIDE // CELLS
    parts = pixels.reshape(n, CELLS, wide, CELLS, wide, 3).astype(np.float64)
    return np.asarray(parts.mean(axis=(2, 4)).reshape(n, -1), dtype=np.float64)
