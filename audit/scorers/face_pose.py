"""Where a face lies in a picture, how large and how turned it is, and how much of it the picture cuts off."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

__all__ = ["Box", "Pose"]

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the image; it may reach beyond it."""

# Constants below are in units of a face chip (0 to 1 between the edges of a chip without padding), fitted to 90 of the 180
# benchmark photographs: mean places of CenterFace's points, and of the box of dlib's HOG detector, in chips that were cut
# by dlib's landmarks; edges of CenterFace's boxes by how far the nose is turned from the middle of the eyes.
SHAPE = np.array([0.223 + 0.206j, 0.757 + 0.206j, 0.490 + 0.526j, 0.270 + 0.792j, 0.710 + 0.792j])
"""Eye at the left, eye at the right, nose, mouth's left and right corner: x + iy."""
HOG_MIDDLE, HOG_WIDTH = 0.503 + 0.471j, 1.291
EDGES = np.array(
    [
        # at rest, by the turn, by the turn whatever its side
        (-0.090, -1.685, -0.491),  # left
        (-0.328, -0.023, -0.712),  # top
        (1.082, -1.624, 0.272),  # right
        (1.185, 0.153, 0.409),  # bottom
    ]
)
GRID = 24
"""Points across a face at which it is seen whether they lie in the image."""


@dataclass(frozen=True, slots=True)
class Pose:
    """A face's own coordinates: a point p of the chip lies at ``origin + unit * p`` in the image (x + iy)."""

    origin: complex
    unit: complex
    """Its length is the size of the face, its angle the tilt of the head."""
    turn: float = 0.0
    """How far the nose is from the middle of the eyes, to the picture's right."""
    from_points: bool = False
    """Read off five points of the face; else guessed from a box."""

    @classmethod
    def of_points(cls, points: npt.NDArray[np.complex128]) -> Self:
        """The similarity that brings the mean face nearest to a face's five points (least squares).

        Args:
            points: (5,) x + iy, in the order of ``SHAPE``.
        """
        middle, centre = points.mean(), SHAPE.mean()
        unit = np.vdot(SHAPE - centre, points - middle) / np.vdot(SHAPE - centre, SHAPE - centre).real
        unit = complex(unit) or 1e-9 + 0j  # five points in one place: a face of no size, which its box drops
        own = (points - middle) / unit
        return cls(complex(middle - unit * centre), unit, float(own[2].real - (own[0].real + own[1].real) / 2), True)

    @classmethod
    def of_square(cls, box: Box) -> Self:
        """A frontal, upright face in a box as dlib's HOG detector draws it."""
        left, top, right, bottom = box
        unit = complex((right - left) / HOG_WIDTH)
        return cls((left + right) / 2 + 1j * (top + bottom) / 2 - unit * HOG_MIDDLE, unit)

    def places(self, own: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
        """Points of the chip in the image, as pixels whose whole numbers are their centres."""
        return self.origin + self.unit * own - (0.5 + 0.5j)

    def square(self) -> tuple[complex, float]:
        """Middle and width of the upright square from the brows to the chin in which dlib looks for landmarks."""
        return self.origin + self.unit * HOG_MIDDLE, abs(self.unit) * HOG_WIDTH

    def outside(self, width: int, height: int) -> float:
        """Share of the whole face, from hairline to chin and ear to ear, that lies outside the image."""
        left, top, right, bottom = EDGES @ (1.0, self.turn, abs(self.turn))
        steps = (np.arange(GRID) + 0.5) / GRID
        own = left + (right - left) * steps[None, :] + 1j * (top + (bottom - top) * steps[:, None])
        points = self.origin + self.unit * own
        inside = (points.real >= 0) & (points.real <= width) & (points.imag >= 0) & (points.imag <= height)
        return float(1 - inside.mean())
