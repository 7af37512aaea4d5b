"""A generator that needs no library."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from audit.component import DrawBatch, Generator, Product
from audit.images import Pixels
from audit.records import ClassLabel, Failed, Filtered, Latent, Refused, TextPrompt

__all__ = ["FakeGenerator", "disc"]


class FakeGenerator(Generator):
    """Draws a coloured disc whose colour and place come from the seed: fast, deterministic, without any library.

    Args:
        side: width and height in pixels.
        refuse, filter, fail: refuse (withhold, fail at) every so many-th seed; 0: never.
    """

    side: int = 64
    refuse: int = 0
    filter: int = 0
    fail: int = 0

    def accepts(self) -> tuple[type[TextPrompt] | type[ClassLabel] | type[Latent], ...]:
        """All kinds."""
        return TextPrompt, ClassLabel, Latent

    def asked_size(self) -> tuple[int, int] | None:
        """Square images."""
        return self.side, self.side

    def settings(self) -> dict[str, str]:
        """Says that it is a fake."""
        return {"model": "fake discs"}

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:  # noqa: ARG002
        """Nothing to load."""
        yield lambda requests: [self._draw(request.draw.seed) for request in requests]

    def _draw(self, seed: int) -> Product:
        if self.refuse and seed % self.refuse == 0:
            return Refused(reason="this fake refuses some seeds")
        if self.filter and seed % self.filter == 0:
            return Filtered(reason="this fake withholds some seeds")
        if self.fail and seed % self.fail == 0:
            return Failed(reason="this fake fails at some seeds")
        return disc(seed, self.side)


def disc(seed: int, side: int) -> Pixels:
    """A disc on a plain ground, both from the seed: (side, side, 3)."""
    rng = np.random.default_rng(seed)
    ground, colour = rng.integers(0, 256, (2, 3), dtype=np.uint8)
    x, y, radius = rng.uniform(0.3, 0.7, 3) * side
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - y) ** 2 + (columns - x) ** 2 < (radius / 2) ** 2
    pixels: Pixels = np.where(inside[:, :, None], colour, ground).astype(np.uint8)
    return pixels
