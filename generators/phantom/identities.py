"""Forty people who do not exist: an invented name and features that every picture of one shares."""

import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, TypeAdapter

from generators.phantom.portrait import Age, Face, Hair, HairColour, Presentation

__all__ = ["IDENTITIES", "Identity"]


class Identity(BaseModel):
    """A fictitious person. Any likeness in name or face is chance."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    """Two invented words."""
    presentation: Presentation
    """Perceived presentation."""
    cues: tuple[bool, ...]
    """As in ``Portrait``."""
    age: Age
    """Perceived age band."""
    tone: int
    """Monk tone."""
    hair: Hair
    hair_colour: HairColour
    glasses: bool
    face: Face

    @property
    def attributes(self) -> dict[str, str | int | bool]:
        """What a truth table speaks of: attribute -> level."""
        names = ("presentation", "age", "tone", "hair", "hair_colour", "glasses")
        return {name: getattr(self, name) for name in names}


def _shipped() -> tuple[Identity, ...]:
    data = tomllib.loads((files("generators") / "phantom" / "data" / "identities.toml").read_text("utf-8"))
    return TypeAdapter(tuple[Identity, ...]).validate_python(data["identity"])


IDENTITIES = _shipped()
"""In a fixed order: ``Portrait.identity`` is an index into it."""
