"""Five landmarks of a face by dlib's model, wherever the face was found, however small and however tilted."""

from pathlib import Path

import dlib
import numpy as np
import numpy.typing as npt

from audit.errors import WeightsError
from audit.images import Pixels
from audit.scorers.face_chips import TEMPLATE
from audit.scorers.face_pose import Pose

__all__ = ["Landmarks"]

POINTS = 5
FACE, MARGIN = 160, 60
"""Pixels across the square from brows to chin, and around it, in the upright patch that dlib looks at."""
PATCH = FACE + 2 * MARGIN
MEAN_FACE = np.array([x + 1j * y for x, y in TEMPLATE])


class Landmarks:
    """dlib's five-point model on upright patches of one size: what it says does not depend on the image's size.

    Of turned heads, for which that model was not made, it is often wrong. So where a detector gave points of its own, each
    landmark is the mean of dlib's and its place in a mean face laid on the detector's points. Perceived gender read from
    chips that were cut by these means was right at least as often as by either alone, on the 180 benchmark photographs.
    """

    def __init__(self, path: Path) -> None:
        """Read the model.

        Raises:
            WeightsError: the file is no dlib landmark model, or one of other points.
        """
        try:
            self._model = dlib.shape_predictor(str(path))
        except RuntimeError as error:
            raise WeightsError(f"{path}: not a dlib landmark model ({error}); name a pack that holds one") from error
        points = self._model(np.zeros((16, 16, 3), dtype=np.uint8), dlib.rectangle(0, 0, 15, 15)).num_parts
        if points != POINTS:
            raise WeightsError(f"{path}: a landmark model of {points} points; one of {POINTS} is needed")

    def of(self, pixels: Pixels, pose: Pose) -> npt.NDArray[np.float32]:
        """x and y in turn, (10,), in pixels of the image; a pixel's whole numbers are its centre, as in dlib.

        Args:
            pixels: (height, width, 3); beyond its border the patch is black.
            pose: where the face is.
        """
        middle, width = pose.square()
        side = width * PATCH / FACE
        tilt = float(np.angle(pose.unit))
        # dlib lays the centres of the patch's outermost pixels on the edges that it is given.
        x, y, half = middle.real - 0.5, middle.imag - 0.5, side / 2 * (1 - 1 / PATCH)
        edges = (x - half, y - half, x + half, y + half)
        details = dlib.chip_details(dlib.drectangle(*edges), dlib.chip_dims(PATCH, PATCH), tilt)
        patch = dlib.extract_image_chip(np.ascontiguousarray(pixels), details)
        parts = self._model(patch, dlib.rectangle(MARGIN, MARGIN, MARGIN + FACE - 1, MARGIN + FACE - 1)).parts()
        upright = np.array([part.x + 1j * part.y for part in parts]) + (0.5 + 0.5j)
        found = middle + (upright / PATCH - (0.5 + 0.5j)) * side * np.exp(1j * tilt) - (0.5 + 0.5j)
        if pose.from_points:
            found = (found + pose.places(MEAN_FACE)) / 2
        return np.stack([found.real, found.imag], axis=1).ravel().astype(np.float32)
