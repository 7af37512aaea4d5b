"""Faces cut upright and to scale from a picture, in memory only."""

import dlib
import numpy as np
import numpy.typing as npt

from audit.images import Pixels

__all__ = ["CHIP_PADDING", "LANDMARKS", "chip_numerics", "face_chip"]

CHIP_PADDING = 0.2
"""On each side, as a share of the side of a chip without any."""
TEMPLATE = (
    (0.8595674595992, 0.2134981538014),
    (0.6460604764104, 0.2289674387677),
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.4901123135679, 0.6277975316475),
)
"""Where dlib's five-point model places the landmarks in a chip without padding, as shares of its side."""
LANDMARKS = 2 * len(TEMPLATE)
"""Numbers in the landmarks of a face."""


def face_chip(pixels: Pixels, landmarks: npt.NDArray[np.float32], side: int, padding: float = CHIP_PADDING) -> Pixels:
    """Cut a face upright and to scale.

    Equal to ``dlib.get_face_chip`` where the landmarks are whole numbers; it also takes those between pixels, which a
    face found in an enlarged copy of a small image has.

    Args:
        pixels: (height, width, 3).
        landmarks: x and y in turn of dlib's five points, in pixels.
        side: width and height of the chip.
        padding: on each side, as a share of the side of a chip without any.
    """
    scale = side / (1 + 2 * padding)
    chip = dlib.dpoints([dlib.dpoint((x + padding) * scale, (y + padding) * scale) for x, y in TEMPLATE])
    image = dlib.dpoints([dlib.dpoint(float(x), float(y)) for x, y in landmarks.reshape(-1, 2)])
    details = dlib.chip_details(chip, image, dlib.chip_dims(side, side))
    return np.asarray(dlib.extract_image_chip(np.ascontiguousarray(pixels), details), dtype=np.uint8)


def chip_numerics(*sides: int, padding: float = CHIP_PADDING) -> dict[str, str]:
    """What decides the pixels of a chip, for the numerics of a scorer."""
    told = " and ".join(map(str, sides))
    return {"dlib": dlib.__version__, "chips": f"similarity of five landmarks, bilinear, {told} px, padding {padding}"}
