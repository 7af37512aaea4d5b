"""The generator ``phantom``: draws the calibrated world itself, without any learning, so its true shares are known."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import PIL
from PIL import Image
from pydantic import Field, model_validator

from audit.component import DrawBatch, Encoded, Generator, Product, Request
from audit.digest import digest
from audit.errors import GenerationError, InputError
from audit.images import Pixels, encode_png
from audit.records import ClassLabel, Failed, Latent, TextPrompt
from generators.phantom.captions import Asked, parse
from generators.phantom.grammar import GRAMMAR
from generators.phantom.identities import IDENTITIES
from generators.phantom.law import Level
from generators.phantom.portrait import Portrait
from generators.phantom.render import render
from generators.phantom.sampling import sample
from generators.phantom.truth import TruthTable, preset, read_truth

__all__ = ["Phantom", "picture"]

EVEN = "even"


class Phantom(Generator):
    """Draws portraits of people who do not exist, with the shares and defects of a truth table.

    A prompt fixes what it states, in the words of ``captions``; the draw's seed decides the rest with the table's shares,
    conditioned on what is stated. Words that it does not know, and facts that contradict each other, are named in the
    outcome's note; a prompt that states nothing it knows is drawn as an unconditional portrait.

    Repeated pictures stand in for draws whose prompt they fit, so a prompt holds for them too: a missing person is the
    only way that this generator breaks one.
    """

    version: ClassVar[int] = 1
    source: ClassVar[str] = "own drawing; skin tones after Monk 2023, https://skintone.google"

    preset: str = EVEN
    """Truth table that comes with it: ``even``, ``skewed`` or ``regressed``."""
    truth: Path | None = None
    """A truth table of your own (TOML), in place of a preset."""
    size: Literal[64, 128, 256] = 64
    """Pixels a side."""
    batch: int = Field(default=64, ge=1, le=4096)

    @model_validator(mode="after")
    def _one_table(self) -> Self:
        if self.truth and self.preset != EVEN:
            raise ValueError(f"truth: preset {self.preset!r} is set, too; leave one of them out")
        return self

    @cached_property
    def table(self) -> TruthTable:
        """The truth.

        Raises:
            InputError: an unknown preset, or a file that cannot be read or is wrong; names the field.
        """
        return read_truth(self.truth) if self.truth else preset(self.preset)

    def accepts(self) -> tuple[type[TextPrompt] | type[ClassLabel] | type[Latent], ...]:
        """Prompts, and latents: portraits of anybody."""
        return TextPrompt, Latent

    def asked_size(self) -> tuple[int, int]:
        """A square."""
        return self.size, self.size

    def fixed_block(self) -> bool:
        """No: it needs no device, and an image does not depend on what is drawn with it."""
        return False

    def fingerprint(self) -> str:
        """Digest of the truth, the grammar and the identities."""
        known = [record.model_dump(mode="json") for record in (self.table, GRAMMAR, *IDENTITIES)]
        return digest(known)

    def numerics(self, device: str) -> dict[str, str]:  # noqa: ARG002  # it is drawn on the CPU
        """The libraries that draw numbers and pixels."""
        return {"numpy": np.__version__, "pillow": PIL.__version__}

    def settings(self) -> dict[str, str]:
        """Which truth was drawn."""
        return {"truth": self.table.told, "planted": self.table.about}

    def check(self) -> None:
        """Read the truth."""
        _ = self.table

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:  # noqa: ARG002  # it is drawn on the CPU
        """Nothing to load."""
        table, size = self.table, self.size

        def draw(requests: Sequence[Request]) -> list[Product]:
            return [_product(table, request, size) for request in requests]

        yield draw


def _product(table: TruthTable, request: Request, size: int) -> Product:
    asked = _asked(request)
    try:
        scene = sample(table, np.random.default_rng(request.draw.seed), asked.given)
    except InputError as error:  # a table may give nobody what the prompt states
        return Failed(reason=str(error))
    pixels = picture(scene.shown, size, table.defects.native_size)
    notes = [note for note in (asked.note, _unknown_name(table, asked.given)) if note]
    return Encoded(encode_png(pixels), "; ".join(notes)) if notes else pixels


def _asked(request: Request) -> Asked:
    condition = request.probe.condition
    if isinstance(condition, TextPrompt):
        return parse(condition.text)
    if isinstance(condition, Latent):
        return Asked({})
    raise GenerationError(f"{request.draw.generator}: draws prompts and latents, not {condition.type} conditions")


def _unknown_name(table: TruthTable, given: Mapping[str, Level]) -> str:
    identity = given.get("identity")
    if identity is None or identity in table.defects.named_identities:
        return ""
    return f"nobody is known as {IDENTITIES[int(identity)].name}: drawn as somebody"


def picture(portrait: Portrait, size: int, native_size: int | None) -> Pixels:
    """A render of this size; where the native size is smaller, its detail is scaled up."""
    if native_size is None or native_size >= size:
        return render(portrait, size).pixels
    coarse = Image.fromarray(render(portrait, native_size).pixels)
    return np.array(coarse.resize((size, size), Image.Resampling.BICUBIC))
