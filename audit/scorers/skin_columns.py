"""The columns that tell of apparent skin tone, and what a reading puts into them."""

from collections.abc import Mapping
from importlib.metadata import version

import numpy as np
import scipy

from audit.component import Column, Value
from audit.records import Abstained, Scored
from audit.scorers.skin_colour import Tone, bin_names
from audit.scorers.skin_reading import SkinReading

__all__ = ["tone_columns", "tone_numerics", "tone_values", "without_tone"]

SAID = "apparent, rendered skin colour, lighting included"
BALANCED = "apparent skin colour, balanced for the light around"
NUMBERS: Mapping[str, tuple[str, str]] = {
    "lightness": ("L*", ""),
    "a": ("a*, green to red", ""),
    "b": ("b*, blue to yellow", ""),
    "ita": ("individual typology angle", "degrees"),
    "hue": ("hue, 0 red to 90 yellow", "degrees"),
    "expected_tone": ("mean Monk tone, 1 lightest to 10", "tones"),
}
"""Column -> what of the colour it is, and its unit."""


def tone_columns(*, regional: bool) -> tuple[Column, ...]:
    """Numbers and bin as shown; the same, ``_balanced``; and how far the two lie apart.

    Args:
        regional: whether they are filled for faces, or for the image.
    """
    found = []
    for suffix, said in (("", SAID), ("_balanced", BALANCED)):
        for name, (what, unit) in NUMBERS.items():
            found.append(Column(name + suffix, "number", f"{said}: {what}", unit=unit, regional=regional))
        title, second = f"{said}: bin of the Monk scale", said is BALANCED
        label = f"apparent_tone{suffix}"
        found.append(Column(label, "label", title, levels=bin_names(), regional=regional, optional=second))
    title = "Mean Monk tone balanced for the light, less as shown"
    return (*found, Column("tone_sensitivity", "number", title, unit="tones", regional=regional))


def tone_values(reading: SkinReading) -> dict[str, Value]:
    """Values of all columns; a label's confidence is the soft membership in its bin."""
    return {
        **_numbers(reading.plain, ""),
        "apparent_tone": _label(reading.shown),
        **_numbers(reading.balanced, "_balanced"),
        "apparent_tone_balanced": _label(reading.balanced),
        "tone_sensitivity": reading.sensitivity,
    }


def without_tone(why: Abstained) -> dict[str, Value]:
    """All columns without a value."""
    return {column.name: why for column in tone_columns(regional=False)}


def tone_numerics() -> dict[str, str]:
    """What decides the numbers besides parameters."""
    return {
        "scikit-image": version("scikit-image"),
        "scipy": scipy.__version__,
        "numpy": np.__version__,
        "colour": "CIELAB in float64, D65, 2 degrees",
    }


def _numbers(tone: Tone | Abstained, suffix: str) -> dict[str, Value]:
    if isinstance(tone, Abstained):
        return {name + suffix: tone for name in NUMBERS}
    told = (tone.lightness, tone.a, tone.b, tone.ita, tone.hue, tone.expected)
    return {name + suffix: value for name, value in zip(NUMBERS, told, strict=True)}


def _label(tone: Tone | Abstained) -> Value:
    return tone if isinstance(tone, Abstained) else Scored(value=tone.label, confidence=float(tone.bins.max()))
