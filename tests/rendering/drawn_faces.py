"""Drawn faces, as a run would store them: pixels, boxes and links by image digest."""

import numpy as np
from PIL import Image, ImageDraw

from audit.digest import bytes_digest
from audit.images import Pixels


def face(seed: int, side: int = 64) -> Pixels:
    """A drawn face: an ellipse with eyes and a mouth, in colours that depend on the seed."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (side, side), tuple(int(c) for c in rng.integers(120, 230, 3)))
    pen = ImageDraw.Draw(image)
    skin = [(246, 216, 190), (224, 172, 130), (160, 110, 76), (96, 65, 52)][int(rng.integers(4))]
    hair = [(40, 30, 25), (110, 70, 35), (200, 160, 80)][int(rng.integers(3))]
    pen.ellipse((side * 0.2, side * 0.08, side * 0.8, side * 0.7), fill=hair)
    pen.ellipse((side * 0.25, side * 0.18, side * 0.75, side * 0.88), fill=skin)
    for x in (0.4, 0.6):
        pen.ellipse((side * (x - 0.04), side * 0.42, side * (x + 0.04), side * 0.5), fill=(30, 30, 30))
    pen.arc((side * 0.38, side * 0.55, side * 0.62, side * 0.74), 20, 160, fill=(150, 40, 50), width=2)
    return np.array(image, dtype=np.uint8)


def digest_of(seed: int) -> str:
    """The digest under which image ``seed`` is known."""
    return bytes_digest(f"face {seed}".encode())


IMAGES = {digest_of(seed): seed for seed in range(400)}
PURGED = digest_of(7)
NO_DETECTOR = digest_of(8)
NO_FACE = digest_of(9)
BOX = (16.0, 14.0, 48.0, 56.0)


def pixels_of(image: str) -> Pixels | None:
    """Pixels of an image; one was purged."""
    return None if image == PURGED else face(IMAGES[image])


def boxes_of(image: str) -> list[tuple[float, float, float, float]] | None:
    """One box, none at all, or no detector."""
    return None if image == NO_DETECTOR else [] if image == NO_FACE else [BOX]


def link_of(image: str) -> str:
    """Where the stored image lies, seen from the report."""
    plain = image.removeprefix("sha256:")
    return f"images/{plain[:2]}/{plain}.png"
