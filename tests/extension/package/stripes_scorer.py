"""A scorer in one file."""

from collections.abc import Iterator
from contextlib import contextmanager

from audit.component import Column, Row, ScoreBatch, Scorer


class Redness(Scorer):
    """How much red exceeds the other channels, -1 to 1."""

    def columns(self):
        return (Column(name="redness", kind="number", title="Redness"),)

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        yield lambda views: [[Row({"redness": self._of(view.pixels / 255.0)})] for view in views]

    @staticmethod
    def _of(pixels):
        return float(pixels[..., 0].mean() - pixels[..., 1:].mean())
