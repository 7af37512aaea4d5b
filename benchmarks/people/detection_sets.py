"""Sets of images in which faces are searched, and what was found in each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from audit.component import Row, View
from audit.images import Pixels
from audit.records import Latent, Probe
from audit.scorers.faces import Faces
from audit.scorers.views import label, number, regions, whole
from audit.starters import DEMO_SPEC
from audit.testing import draw_requests, view
from benchmarks.people.photographs import FACES, ROOT, photograph
from generators.gan import Gan
from generators.phantom.render import render
from generators.phantom.sampling import sample
from generators.phantom.truth import preset

__all__ = ["Searched", "generated", "labels", "mosaic", "objects", "phantom", "photographs", "resized", "searched"]

SEED = 20_261_123
GENERATED = 1000
RENDERS = 200
TILES = 4
"""Object photographs across a mosaic."""


@dataclass(frozen=True, slots=True)
class Searched:
    """Rows of ``faces`` for the images of a set."""

    rows: tuple[Sequence[Row], ...]

    @property
    def found(self) -> tuple[bool, ...]:
        """Of each image, whether it has one face or more."""
        return tuple(self._whole(rows, "count") > 0 for rows in self.rows)

    @property
    def outcomes(self) -> Counter[str]:
        """Images by what is in them."""
        return Counter(label(row, "found") or "" for rows in self.rows if (row := whole(rows)) is not None)

    @property
    def links(self) -> Counter[str]:
        """Faces by the search that found them."""
        return Counter(label(face, "link") or "" for rows in self.rows for face in regions(rows))

    def total(self, column: str) -> int:
        """A number of the whole image, summed over the images."""
        return int(sum(self._whole(rows, column) for rows in self.rows))

    @staticmethod
    def _whole(rows: Sequence[Row], column: str) -> float:
        row = whole(rows)
        return 0.0 if row is None else number(row, column) or 0.0


def searched(views: Sequence[View]) -> Searched:
    """Search images with the defaults."""
    rows: list[Sequence[Row]] = []
    with Faces().open("cpu") as score:
        for start in range(0, len(views), 64):
            rows.extend(score(views[start : start + 64]))
    return Searched(tuple(rows))


@cache
def labels() -> tuple[dict[str, str], ...]:
    """Rows of the photographs' table, in its order: ``file``, ``age``, ``gender``."""
    lines = (FACES / "labels.csv").read_text().splitlines()
    names = lines[0].split(",")
    return tuple(dict(zip(names, line.split(","), strict=True)) for line in lines[1:])


@cache
def photographs() -> tuple[View, ...]:
    """The photographs, in the order of their table."""
    return tuple(photograph(FACES / row["file"]) for row in labels())


@cache
def generated() -> tuple[View, ...]:
    """1,000 draws of a DCGAN at the 64 pixels that it draws, seeds fixed."""
    gan = Gan.model_validate(DEMO_SPEC["generators"][0]["params"])
    probe = Probe(suite="bench", condition=Latent(), unit="draw")
    requests = draw_requests(probe, -(-GENERATED // gan.batch) * gan.batch, SEED)
    with gan.open("cpu") as draw:
        parts = (draw(requests[start : start + gan.batch]) for start in range(0, len(requests), gan.batch))
        images = [image for part in parts for image in part if isinstance(image, np.ndarray)]
    return tuple(view(image) for image in images[:GENERATED])


def objects() -> Iterator[tuple[str, tuple[View, ...]]]:
    """Class by class, the photographs of objects and animals of 32 pixels."""
    for folder in sorted(path for path in (ROOT / "cifar10").iterdir() if path.is_dir()):
        yield folder.name, tuple(photograph(path) for path in sorted(folder.iterdir()))


def phantom(size: int) -> tuple[View, ...]:
    """Renders of people who are drawn, one a picture, with the shares of the phantom ``even``."""
    table, rng = preset("even"), np.random.default_rng(SEED)
    scenes = (sample(table, rng, {"people": 1}) for _ in range(RENDERS))
    return tuple(view(render(scene.shown, size).pixels) for scene in scenes)


def mosaic(rng: np.random.Generator, side: int, tiles: Sequence[Path]) -> Pixels:
    """Photographs of objects, enlarged and laid side by side: a busy picture without a person in front."""
    chosen = rng.choice(len(tiles), TILES * TILES, replace=False)
    patches = [resized(photograph(tiles[int(at)]).pixels, side // TILES) for at in chosen]
    return np.concatenate([np.concatenate(patches[i::TILES], axis=1) for i in range(TILES)], axis=0)


def resized(pixels: Pixels, side: int) -> Pixels:
    """A square picture at another size."""
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))
