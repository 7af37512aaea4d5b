"""A classifier in closed form: it reads `bright` or `dark` off the first pixel's red, its confidence off the green."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from audit.component import Column, Row, ScoreBatch, Scorer, Value, View
from audit.records import Abstained, Scored


class Brightness(Scorer):
    """Tells bright from dark; blue at 255 in the first pixel makes it abstain."""

    uses_device: ClassVar[bool] = False

    least_sure: float = 0.6
    """Below this confidence it says nothing."""

    def columns(self) -> tuple[Column, ...]:
        """One label of the whole image."""
        return (Column("tone", "label", "Tone of the image", levels=("bright", "dark")),)

    def thresholds(self) -> Mapping[str, str]:
        """It has one."""
        return {"tone": "least_sure"}

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Nothing to load."""
        yield lambda views: [[Row({"tone": self._tone(view)})] for view in views]

    def _tone(self, view: View) -> Value:
        red, green, blue = (int(value) for value in view.pixels[0, 0])
        if blue == 255:
            return Abstained(reason="too blue")
        sure = green / 100
        label = "bright" if red >= 128 else "dark"
        return Scored(value=label, confidence=sure) if sure >= self.least_sure else Abstained(reason="unsure")


class BrightPeople(Brightness):
    """The same, of people."""

    infers_people: ClassVar[bool] = True
