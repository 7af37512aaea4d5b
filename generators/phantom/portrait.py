"""What a portrait of the phantom shows: every latent attribute as a plain value.

The attributes are independent by themselves; a truth table (``truth.py``) ties them together. All people are drawn
adults who do not exist. *Perceived presentation* is carried by seven cues that each overlap between the two groups: no
single one decides, the majority does.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from audit.errors import InputError

__all__ = [
    "AGES",
    "CUES",
    "HAIRS",
    "HAIR_COLOURS",
    "NO_OCCUPATION",
    "OCCUPATIONS",
    "PRESENTATIONS",
    "TONES",
    "Age",
    "Face",
    "Hair",
    "HairColour",
    "Light",
    "Occupation",
    "Portrait",
    "Presentation",
]

Occupation = Literal[
    "none",
    "chef",
    "nurse",
    "doctor",
    "firefighter",
    "builder",
    "police officer",
    "teacher",
    "scientist",
    "farmer",
    "pilot",
    "judge",
    "painter",
]
Presentation = Literal["feminine", "masculine"]
Age = Literal["young", "middle-aged", "older"]
Hair = Literal["straight", "curly"]
HairColour = Literal["black", "brown", "auburn", "blond"]

NO_OCCUPATION: Occupation = "none"
OCCUPATIONS: tuple[Occupation, ...] = get_args(Occupation)
"""``none`` (everyday clothes) and twelve occupations, each shown by prop, headgear, clothes and scene."""
PRESENTATIONS: tuple[Presentation, ...] = get_args(Presentation)
AGES: tuple[Age, ...] = get_args(Age)
"""Bands of adult age: about 20 to 34, 35 to 59, 60 and over."""
TONES = tuple(range(1, 11))
"""The ten tones of the Monk scale, 1 the lightest (Monk 2023, https://skintone.google)."""
HAIRS: tuple[Hair, ...] = get_args(Hair)
HAIR_COLOURS: tuple[HairColour, ...] = get_args(HairColour)
"""Colour before age greys it: nothing of it is to be seen in older people."""
CUES = ("hair", "lashes", "lips", "earrings", "jaw", "brows", "neckline")
"""What carries perceived presentation; each is drawn in one of two forms."""
MAJORITY = 5
"""At least this many of the seven cues agree with the presentation; the others may say the opposite."""


@dataclass(frozen=True, slots=True)
class Light:
    """The light on the scene. It multiplies every linear colour, the white frame of the picture included."""

    warmth: float = 0.0
    """-1 bluish daylight, 0 neutral, 1 lamplight."""
    exposure: float = 0.0
    """Stops (factors of two), -1..0."""


@dataclass(frozen=True, slots=True)
class Face:
    """Geometry that makes a face recognisable; each number lies in 0..1 and .5 is the average."""

    width: float = 0.5
    eye_spacing: float = 0.5
    eye_size: float = 0.5
    nose: float = 0.5
    mouth: float = 0.5
    mark: int = 0
    """0 none, 1 a mole on the left cheek, 2 one on the right, 3 freckles."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """One picture of the world.

    Raises:
        InputError: an attribute out of its range; the message names it.
    """

    people: int = 1
    """0: the scene and the tools alone; 1; 2: somebody else stands behind."""
    occupation: Occupation = NO_OCCUPATION
    presentation: Presentation = "feminine"
    """Perceived presentation of the person in front."""
    cues: tuple[bool, ...] = (True,) * len(CUES)
    """For each of CUES, whether it takes the form that is typical of a feminine presentation."""
    age: Age = "young"
    """Perceived age band."""
    tone: int = 5
    """Monk tone of the skin, 1..10."""
    hair: Hair = "straight"
    hair_colour: HairColour = "brown"
    glasses: bool = False
    mobility_aid: bool = False
    """Sits in a wheelchair."""
    identity: int | None = None
    """Index of a fictitious identity; None: nobody in particular."""
    face: Face = Face()
    light: Light = Light()
    variation: int = 0
    """Seed of what no attribute speaks of: position, tilt, expression, shades of the clothes, details of the scene."""

    def __post_init__(self) -> None:
        allowed: dict[str, tuple[object, ...]] = {
            "people": (0, 1, 2),
            "occupation": OCCUPATIONS,
            "presentation": PRESENTATIONS,
            "age": AGES,
            "tone": TONES,
            "hair": HAIRS,
            "hair_colour": HAIR_COLOURS,
        }
        for name, levels in allowed.items():
            if getattr(self, name) not in levels:
                raise InputError(
                    f"portrait: {name} is {getattr(self, name)!r}; expected one of {', '.join(map(str, levels))}"
                )
        if len(self.cues) != len(CUES):
            raise InputError(f"portrait: cues has {len(self.cues)} entries; expected {len(CUES)}, one for each of {CUES}")
        agreeing = sum(cue == (self.presentation == "feminine") for cue in self.cues)
        if agreeing < MAJORITY:
            raise InputError(
                f"portrait: {agreeing} of {len(CUES)} cues agree with presentation {self.presentation!r}; "
                f"expected at least {MAJORITY}"
            )
        ranges = {"light.warmth": (self.light.warmth, -1, 1), "light.exposure": (self.light.exposure, -1, 0)}
        ranges |= {
            f"face.{name}": (getattr(self.face, name), 0, 1)
            for name in ("width", "eye_spacing", "eye_size", "nose", "mouth")
        }
        for name, (value, low, high) in ranges.items():
            if not low <= value <= high:
                raise InputError(f"portrait: {name} is {value:g}; expected {low} to {high}")
