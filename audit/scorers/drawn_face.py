"""A face that nobody has: a drawing that a face detector finds, to check detectors without any photograph."""

import numpy as np
from scipy import ndimage

from audit.images import Pixels

__all__ = ["drawn_face"]

PARTS = (
    # centre x and y, radius x and y (from -1 to 1 across the picture), grey level
    (0.0, -0.10, 0.66, 0.80, 40),  # hair
    (0.0, 0.05, 0.55, 0.72, 190),  # face
    (-0.24, -0.20, 0.16, 0.035, 70),  # brows
    (0.24, -0.20, 0.16, 0.035, 70),
    (-0.24, -0.05, 0.13, 0.06, 240),  # eyes
    (0.24, -0.05, 0.13, 0.06, 240),
    (-0.24, -0.05, 0.055, 0.055, 30),
    (0.24, -0.05, 0.055, 0.055, 30),
    (0.0, 0.22, 0.10, 0.10, 150),  # nose
    (0.0, 0.18, 0.07, 0.10, 200),
    (0.0, 0.42, 0.24, 0.06, 90),  # mouth
    (0.0, 0.40, 0.20, 0.02, 60),
)


def drawn_face(side: int) -> Pixels:
    """A grey drawing of a frontal face in the middle of the picture: (side, side, 3).

    dlib's HOG detector finds it with a score of 1.1 to 1.4 at 96 to 256 pixels.
    """
    y, x = np.mgrid[:side, :side] / side * 2 - 1
    grey = np.full((side, side), 90.0)
    for centre_x, centre_y, radius_x, radius_y, level in PARTS:
        grey[((x - centre_x) / radius_x) ** 2 + ((y - centre_y) / radius_y) ** 2 < 1] = level
    soft: Pixels = ndimage.gaussian_filter(grey, side / 80).astype(np.uint8)
    return np.repeat(soft[:, :, None], 3, axis=2)
