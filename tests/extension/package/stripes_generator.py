"""A generator in one file: stripes in the colour that the prompt names."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from audit.component import DrawBatch, Generator, Request
from audit.records import TextPrompt

COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (40, 60, 210)}


class Stripes(Generator):
    """Stripes whose phase comes from the seed."""

    side: int = 32

    def accepts(self):
        return (TextPrompt,)

    def asked_size(self):
        return self.side, self.side

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:
        yield lambda requests: [self._draw(request) for request in requests]

    def _draw(self, request: Request):
        words = request.probe.condition.text.split()
        colour = next((COLOURS[word] for word in words if word in COLOURS), (128, 128, 128))
        phase = request.draw.seed % 8
        stripes = (np.arange(self.side) + phase) // 4 % 2 == 0
        image = np.full((self.side, self.side, 3), 255, np.uint8)
        image[:, stripes] = colour
        return image
