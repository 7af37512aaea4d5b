"""What a truth table plants besides shares: lights, an interaction, and what is wrong with the pictures."""

from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from audit.digest import derive_seed
from generators.phantom.law import Level
from generators.phantom.portrait import Age, Presentation

__all__ = ["Copies", "Defects", "Interaction", "LightRange", "Missing", "Record"]


class Record(BaseModel):
    """Base: frozen, no unknown key, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class LightRange(Record):
    """A named light; warmth and exposure are uniform in these ranges."""

    warmth: tuple[float, float]
    """-1 bluish .. 1 lamplight."""
    exposure: tuple[float, float]
    """Stops, -1 .. 0."""

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        for name, (low, high), least, most in (("warmth", self.warmth, -1, 1), ("exposure", self.exposure, -1, 0)):
            if not least <= low <= high <= most:
                raise ValueError(f"{name} is {low:g} to {high:g}; expected a range within {least} to {most}")
        return self


class Interaction(Record):
    """Presentation and age depend on each other in one occupation, and the shares of each by itself do not change."""

    occupation: str
    lift: dict[Age, float]
    """By age: added to the joint share of feminine people, taken from the masculine ones. They sum to zero."""


class Missing(Record):
    """Somebody was asked for, and the picture shows the scene alone."""

    presentation: Presentation
    age: Age
    share: float = Field(ge=0, le=1)
    """Of the draws of one person of this group that are no copies."""


class Copies(Record):
    """Some draws are pictures of a fixed set: one for each occupation and presentation, drawn once from ``seed``.

    A draw of one person is replaced by the picture of its occupation and presentation, if that picture has all that
    the prompt stated. So prompts still hold, and the shares of occupation and presentation stay what they are.
    """

    share: float = Field(ge=0, le=1)
    """Of the draws that such a picture fits."""
    seed: int = Field(ge=0)

    def rng(self, occupation: Level, presentation: Level) -> np.random.Generator:
        """What the repeated picture of an occupation and a presentation is drawn from."""
        return np.random.default_rng(derive_seed(self.seed, "copy", str(occupation), str(presentation)))


class Defects(Record):
    """What is wrong with the pictures, besides who is on them."""

    missing: Missing | None = None
    copies: Copies | None = None
    native_size: Literal[32, 64, 128] | None = None
    """Pixels a side of the true detail, scaled up to the size asked for; empty: the size asked for."""
    named_identities: tuple[int, ...] = ()
    """Identities that it draws when it is asked for them by name; to all other names it draws somebody."""
