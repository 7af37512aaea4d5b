"""Scorer ``phantom_tone``: apparent skin tone of the phantom's renders, by the renderer's own landmarks and mask."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image
from pydantic import Field, model_validator
from scipy import ndimage

from audit.component import Column, Row, ScoreBatch, Scorer, Value, View
from audit.digest import digest
from audit.errors import InputError
from audit.records import Abstained, ClassLabel, TextPrompt
from audit.scorers.skin_columns import tone_columns, tone_numerics, tone_values, without_tone
from audit.scorers.skin_light import LightLimits
from audit.scorers.skin_reading import SkinLimits, read_skin
from audit.scorers.views import checked_pixels
from generators.phantom.captions import parse
from generators.phantom.law import Level
from generators.phantom.render import SIZES, Rendering, render
from generators.phantom.renderer import EVEN
from generators.phantom.sampling import sample
from generators.phantom.truth import TruthTable, preset, read_truth

__all__ = ["ANOTHER", "NOBODY", "PhantomTone", "read_render"]

Mask = npt.NDArray[np.bool_]

NOBODY = Abstained(reason="nobody in the picture")
ANOTHER = Abstained(reason="not a render of this truth table")
SCENE_LEVEL = 0.78
"""Minkowski mean (p = 6) of the linear light around the face under full neutral light: .76 to .83 in every scene, since
the white frame decides most of it."""
MOST_STOPS = 1.0
HEAD = {"side": 1.6, "above": 1.6, "below": 0.3}
"""Of the head around its landmarks, in distances between the eyes: beside and above the eyes, and below the chin."""


class PhantomTone(Scorer):
    """The apparent tone of drawn skin, as ``skin_tone`` reads it of photographs, but with nothing found: each draw is
    rendered again from its seed, and the renderer says where the skin is.

    It holds the colour science apart from the finding of faces: what is wrong here is wrong with the light or the scale.
    Pictures of anything but the phantom's renderer with this truth table abstain. Renders of 64 pixels have too little
    skin; use 256.
    """

    infers_people: ClassVar[bool] = True  # of drawn figures only
    uses_device: ClassVar[bool] = False
    subject: ClassVar = "draw"
    source: ClassVar[str] = "as skin_tone; masks of the phantom's renderer"

    preset: str = EVEN
    """Truth table that the phantom draws by: ``even``, ``skewed`` or ``regressed``."""
    truth: Path | None = None
    """A truth table of your own (TOML), in place of a preset."""
    least_pixels: int = Field(default=500, ge=1)
    """Fewer pixels of unclipped skin than this are not read."""

    @model_validator(mode="after")
    def _one_table(self) -> Self:
        if self.truth and self.preset != EVEN:
            raise ValueError(f"truth: preset {self.preset!r} is set, too; leave one of them out")
        return self

    @cached_property
    def table(self) -> TruthTable:
        """The truth.

        Raises:
            InputError: an unknown preset, or a file that cannot be read or is wrong.
        """
        return read_truth(self.truth) if self.truth else preset(self.preset)

    def columns(self) -> tuple[Column, ...]:
        """Those of ``skin_tone``, of the whole picture: of the person in front."""
        return tone_columns(regional=False)

    def fingerprint(self) -> str:
        """Digest of the truth."""
        return digest(self.table.model_dump(mode="json"))

    def numerics(self, device: str) -> dict[str, str]:  # noqa: ARG002  # it runs on the CPU
        """The libraries that draw again and measure colours."""
        return {**tone_numerics(), "pillow": PIL.__version__}

    def check(self) -> None:
        """Read the truth."""
        _ = self.table

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:  # noqa: ARG002
        """Nothing to load."""
        yield lambda views: [[Row(self._values(view))] for view in views]

    def _values(self, view: View) -> Mapping[str, Value]:
        pixels = checked_pixels(view)
        given = _stated(view)
        height, width = pixels.shape[:2]
        if given is None or height != width or width not in SIZES:
            return without_tone(ANOTHER)
        try:
            shown = sample(self.table, np.random.default_rng(view.draw.seed), given).shown
        except InputError:  # the table has nobody with what the prompt states, so this is no draw of it
            return without_tone(ANOTHER)
        drawn = _enlarged(render(shown, min(width, self.table.defects.native_size or width)), width)
        if not np.array_equal(pixels, drawn.pixels):
            return without_tone(ANOTHER)
        return read_render(drawn, self.least_pixels) if shown.people else without_tone(NOBODY)


def read_render(drawn: Rendering, least_pixels: int = 500) -> dict[str, Value]:
    """What is read of a render that shows somebody, by its own landmarks and mask.

    Args:
        drawn: with pixels, landmarks and skin of one size.
        least_pixels: of unclipped skin.
    """
    light = LightLimits(level=SCENE_LEVEL, most_stops=MOST_STOPS)
    limits = SkinLimits(fewest=least_pixels, light=light)
    return tone_values(read_skin(drawn.pixels, drawn.skin, _around(drawn), limits))


def _stated(view: View) -> Mapping[str, Level] | None:
    condition = view.probe.condition
    if isinstance(condition, ClassLabel):
        return None
    return parse(condition.text).given if isinstance(condition, TextPrompt) else {}


def _around(drawn: Rendering) -> Mask:
    """What is not the head of the person in front."""
    left, right = (np.array(drawn.landmarks[name]) for name in ("left_eye", "right_eye"))
    middle, unit = (left + right) / 2, float(np.hypot(*(right - left)))
    y, x = np.mgrid[: drawn.skin.shape[0], : drawn.skin.shape[1]]
    beside = np.abs(x - middle[0]) < HEAD["side"] * unit
    chin = drawn.landmarks["chin"][1] + HEAD["below"] * unit
    return np.asarray(~(beside & (y > middle[1] - HEAD["above"] * unit) & (y < chin)), dtype=bool)


def _enlarged(drawn: Rendering, size: int) -> Rendering:
    """A render as its enlarged picture has it; skin loses the rim that scaling mixes most with other colours."""
    factor = size // len(drawn.skin)
    if factor == 1:
        return drawn
    skin = ndimage.binary_erosion(np.kron(drawn.skin, np.ones((factor, factor), dtype=bool)), iterations=factor)
    coarse = Image.fromarray(drawn.pixels)
    pixels = np.array(coarse.resize((size, size), Image.Resampling.BICUBIC))
    landmarks = {name: (factor * x, factor * y) for name, (x, y) in drawn.landmarks.items()}
    return Rendering(pixels, landmarks, np.asarray(skin, dtype=bool))
