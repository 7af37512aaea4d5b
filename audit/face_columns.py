"""What a face finder is: a scorer, whatever its name, that fills these columns.

Scorers of faces (``attributes`` and those after it) name one in their parameter ``faces``, and reports blur the boxes of
every one. An own finder is such a scorer; ``audit.testing.check_face_finder`` says whether it keeps to what stands here.

Rows: one of the whole image (region -1) with ``count``, then one for each face (0, 1, ...), the largest box first. Without
a face there is the first row only, with a count of 0, and the columns of faces hold ``NO_FACE`` there or nothing.
"""

from audit.component import Column
from audit.records import Abstained

__all__ = ["BOX", "FACE_COLUMNS", "LANDMARKS", "NO_FACE"]

NO_FACE = Abstained(reason="no face found")
"""Said of an image without a face."""

BOX = ("left", "top", "right", "bottom")
"""Edges of a face's box within the image, in pixels of the image as it was delivered: x to the right, y down."""

LANDMARKS = 10
"""Numbers in a face's landmarks: x and y in turn of five points, in the same pixels (a pixel's whole numbers are its
centre): outer and inner corner of the eye at the picture's right, outer and inner corner of the eye at its left, base of
the nose. A finder without landmarks abstains from them; then nothing is read of its faces, but they are blurred."""

FACE_COLUMNS = (
    Column("count", "number", "Faces found", unit="faces"),
    Column("left", "number", "Left edge of the face box", unit="px", regional=True),
    Column("top", "number", "Top edge of the face box", unit="px", regional=True),
    Column("right", "number", "Right edge of the face box", unit="px", regional=True),
    Column("bottom", "number", "Bottom edge of the face box", unit="px", regional=True),
    Column("landmarks", "vector", "Five landmarks, x and y in turn (10 numbers)", unit="px", regional=True),
)
"""What every face finder fills; it may fill more."""
