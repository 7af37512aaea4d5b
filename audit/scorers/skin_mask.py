"""Where a face shows skin: cheeks and forehead, laid out from five landmarks; eyes, brows, lips and beard stay outside."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import draw

from audit.face_columns import LANDMARKS
from audit.images import Pixels
from audit.scorers.skin_colour import lab_of_linear, linear

__all__ = ["CHEEKS", "FOREHEAD", "FaceFrame", "Window", "skin_mask", "skin_patches"]

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Window = tuple[slice, slice]
"""Rows and columns of a part of a picture."""

NOSE_BELOW = 0.77
"""From the middle between the eyes down to the base of the nose in a frontal face, in distances between the eyes."""
MOST_PITCH = (0.6, 1.6)
"""Between these factors the height of a face follows the base of the nose; heads are rarely lowered or raised further."""
TURNED = 0.2
"""Offset of the nose to a side, in distances between the eyes, from which the cheek at that side is left out."""
ERODED = 0.03
"""Rim of each patch that is left out, in distances between the eyes, at least a pixel."""
ANOTHER_COLOUR = 25.0
"""From the cheeks' median in CIELAB (CIE 1976): a forehead so far off is hair, a hat or a shadow."""
OUTLIERS = 3.0
"""Times the median distance from the median colour beyond which a pixel is a hair, a mole or a rim."""
LEAST_SPREAD = 4.0
"""Least median distance that is assumed, so that even skin is not cut to nothing."""

CHEEK = ((0.32, 0.44), (0.62, 0.38), (0.70, 0.52), (0.64, 0.76), (0.50, 0.88), (0.38, 0.74))
CHEEKS = (tuple((-x, y) for x, y in CHEEK), CHEEK)
"""At the left and the right of the picture, below the rims of glasses and beside the folds of the mouth."""
FOREHEAD = ((-0.36, -0.60), (0.0, -0.66), (0.36, -0.60), (0.40, -0.86), (0.0, -0.94), (-0.40, -0.86))
"""Above the brows and below most hairlines."""


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """Coordinates of a face: origin between the eyes, x to the right along them, y down to the nose; unit: eye to eye."""

    origin: Floats
    right: Floats
    """(2,) step of one unit along the eyes, in pixels."""
    down: Floats
    """(2,) step of one unit down the face, in pixels."""
    turn: float
    """Of the nose's base from the middle, in units; positive to the right of the picture."""

    @classmethod
    def of(cls, landmarks: npt.ArrayLike) -> "FaceFrame | None":
        """Lay the frame over five landmarks; None where they are none of an upright face (eyes in one place, nose above).

        Args:
            landmarks: (10,) x and y in turn of the outer and inner corner of the eye at the right of the picture, the
                outer and inner corner of the eye at its left, and the base of the nose, in pixels.
        """
        points = np.asarray(landmarks, dtype=np.float64)
        if points.size != LANDMARKS or not np.isfinite(points).all():
            return None
        points = points.reshape(-1, 2)
        eyes = points[2:4].mean(axis=0), points[:2].mean(axis=0)
        along = eyes[1] - eyes[0]
        apart = float(np.hypot(*along))
        if apart < 1:
            return None
        origin, below = (eyes[0] + eyes[1]) / 2, np.array([-along[1], along[0]])
        nose = points[4] - origin
        height = float(nose @ below) / apart**2 / NOSE_BELOW
        if height <= 0:
            return None
        low, high = MOST_PITCH
        return cls(origin, along, below * min(max(height, low), high), float(nose @ along) / apart**2)

    @property
    def unit(self) -> float:
        """Distance between the eyes in pixels."""
        return float(np.hypot(*self.right))

    def at(self, points: npt.ArrayLike) -> Floats:
        """(n, 2) pixels x, y of points of the face."""
        told = np.asarray(points, dtype=np.float64)
        return self.origin + told[:, :1] * self.right + told[:, 1:] * self.down

    def window(self, shape: tuple[int, int]) -> Window:
        """Rows and columns that hold all patches of the face, as far as they lie in the picture.

        Args:
            shape: height and width of the picture.
        """
        points = self.at((*CHEEKS[0], *CHEEKS[1], *FOREHEAD))[:, ::-1]
        starts = np.clip(np.floor(points.min(axis=0)), 0, shape).astype(int)
        stops = np.clip(np.ceil(points.max(axis=0)) + 1, starts, shape).astype(int)
        return slice(int(starts[0]), int(stops[0])), slice(int(starts[1]), int(stops[1]))


def skin_patches(frame: FaceFrame, shape: tuple[int, int]) -> tuple[Mask, ...]:
    """Cheeks (the far one of a turned face is left out) and forehead of a face, as far as they lie in the picture.

    Args:
        frame: of the face.
        shape: height and width of the picture.

    Returns:
        Masks of the shape of the frame's window, cheeks first; a patch may be empty.
    """
    left, right = CHEEKS
    turned_left, turned_right = frame.turn < -TURNED, frame.turn > TURNED
    shown = [*([] if turned_left else [left]), *([] if turned_right else [right]), FOREHEAD]
    return tuple(_patch(frame, corners, shape) for corners in shown)


def skin_mask(pixels: Pixels, frame: FaceFrame) -> Mask:
    """Cheeks and forehead without what is not of their colour: a fringe, the rim of glasses, a strand of hair.

    Args:
        pixels: (height, width, 3), the whole picture.
        frame: of the face.

    Returns:
        A mask of the shape of the frame's window; empty where the patches lie outside the picture.
    """
    shape = pixels.shape[0], pixels.shape[1]
    near = pixels[frame.window(shape)]
    *cheeks, forehead = skin_patches(frame, shape)
    mask = np.logical_or.reduce(cheeks)
    if not mask.any():
        return forehead
    if forehead.any():
        apart = _lab(near, forehead), _lab(near, mask)
        if np.linalg.norm(np.median(apart[0], axis=0) - np.median(apart[1], axis=0)) <= ANOTHER_COLOUR:
            mask = mask | forehead
    lab = _lab(near, mask)
    distance = np.linalg.norm(lab - np.median(lab, axis=0), axis=1)
    kept = np.zeros(mask.shape, dtype=bool)
    kept[mask] = distance <= OUTLIERS * max(float(np.median(distance)), LEAST_SPREAD)
    return kept


def _lab(pixels: Pixels, mask: Mask) -> Floats:
    return lab_of_linear(linear(pixels[mask]))


def _patch(frame: FaceFrame, corners: npt.ArrayLike, shape: tuple[int, int]) -> Mask:
    down, across = frame.window(shape)
    mask = np.zeros((down.stop - down.start, across.stop - across.start), dtype=bool)
    points = frame.at(corners)
    rows, columns = draw.polygon(points[:, 1], points[:, 0], shape)  # type: ignore[no-untyped-call]
    if not len(rows):
        return mask
    rows, columns = rows - down.start, columns - across.start
    mask[rows, columns] = True
    within = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    rim = min(max(1, round(ERODED * frame.unit)), max(mask[within].shape))
    mask[within] = ndimage.binary_erosion(mask[within], iterations=rim)
    return mask
