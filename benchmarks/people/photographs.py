"""Where the labelled photographs lie that this benchmark looks at: never copied into the repository."""

import os
from pathlib import Path

from audit.component import View
from audit.digest import bytes_digest
from audit.images import decode
from audit.records import Draw, Latent, Probe

__all__ = ["AGE_BANDS", "FACES", "GENDERS", "available", "photograph"]

ROOT = Path(os.environ.get("IMGAUDIT_PHOTOGRAPHS", Path(__file__).parents[3] / "shared" / "data"))
"""Folder with ``faces`` and ``cifar10``; by default in a folder ``shared`` beside the repository."""
FACES = ROOT / "faces"
"""180 FairFace photographs of adults (padding 1.25, validation part), 15 for each of two genders and six age bands."""
GENDERS = {"female": "feminine", "male": "masculine"}
"""Annotated gender -> label of the scorers."""
AGE_BANDS = {
    "20-29": "under 30",
    "30-39": "30-49",
    "40-49": "30-49",
    "50-59": "50 and over",
    "60-69": "50 and over",
    "70+": "50 and over",
}
"""Annotated age -> label of the scorers."""


def available() -> bool:
    """Whether the photographs are on this machine."""
    return (FACES / "labels.csv").is_file()


def photograph(path: Path) -> View:
    """An image file as a scorer sees it."""
    data = path.read_bytes()
    decoded = decode(data, path.name)
    probe = Probe(suite="photographs", condition=Latent(), unit="draw")
    draw = Draw(generator="photographs", probe=probe.id, index=0, seed=0)
    return View(decoded.pixels, bytes_digest(data), decoded.codec, draw, probe, file=lambda: data)
