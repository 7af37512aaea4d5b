"""The five plugin kinds. A plugin is a frozen model whose fields are its parameters, plus one method.

What a plugin is given and gives back stands in ``exchange``; plugin authors import all of it from here.
Everything a plugin produces is keyed by its identity: class, version, parameters, weights, fingerprint and numerics.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import ClassVar, Literal

from pydantic import Field

from audit.contributions import Contribution, Parts
from audit.exchange import (
    Audited,
    Column,
    Context,
    DrawBatch,
    Encoded,
    KnownAnswer,
    Measured,
    OnDisk,
    Product,
    Request,
    Row,
    ScoreBatch,
    Value,
    View,
)
from audit.plugin import API_VERSION, Component
from audit.records import ClassLabel, Latent, Probe, TextPrompt

__all__ = [
    "API_VERSION",
    "Audited",
    "Column",
    "Component",
    "Context",
    "Contribution",
    "DrawBatch",
    "Encoded",
    "Generator",
    "KnownAnswer",
    "Measured",
    "Metric",
    "OnDisk",
    "Parts",
    "ProbeSuite",
    "Product",
    "Report",
    "Request",
    "Row",
    "ScoreBatch",
    "Scorer",
    "Value",
    "View",
]

# ------------------------------------------------------------------------------------------------ generators


class Generator(Component, ABC):
    """Turns conditions into images. Each image depends on its own seed only, never on its place in a batch."""

    batch: int = Field(default=8, ge=1, le=4096)
    """Images drawn together. Part of the identity, because libraries pick other kernels for another shape."""

    @abstractmethod
    def accepts(self) -> tuple[type[TextPrompt] | type[ClassLabel] | type[Latent], ...]:
        """The kinds of condition that it can draw."""

    @abstractmethod
    def open(self, device: str) -> AbstractContextManager[DrawBatch]:
        """Load the weights on the device, yield a function that draws a batch, give the memory back."""

    def probes(self) -> tuple[Probe, ...]:
        """Probes that it brings itself (a folder of images does); then the spec's suites are not asked of it."""
        return ()

    def asked_size(self) -> tuple[int, int] | None:
        """Width and height that were asked for; None where the model decides."""
        return None

    def settings(self) -> dict[str, str]:
        """Scheduler, steps, guidance, dtype, safety checker: what a reader must know of how it was run."""
        return {}

    def fixed_block(self) -> bool:
        """Whether it computes on the device, always in ``batch`` rows: a tail is padded, a broken block drawn again.

        False where images come from a network or a disk: then a batch holds what is missing and nothing else, and the
        device is left to the scorers meanwhile.
        """
        return True

    def subject_basis(self) -> str:
        """Why attributes of the depicted may be inferred: ``generated``, or the user's statement about photographs.

        Empty: no basis was given, and scorers that look at people refuse to run.
        """
        return "generated"


# ---------------------------------------------------------------------------------------------------- probes


class ProbeSuite(Component, ABC):
    """A named set of probes: pure and fast, the same for the same parameters."""

    licence: ClassVar[str] = "Apache-2.0"

    @abstractmethod
    def probes(self) -> tuple[Probe, ...]:
        """All probes, in a fixed order."""


# --------------------------------------------------------------------------------------------------- scorers


class Scorer(Component, ABC):
    """Looks at one image at a time (in batches), never aggregates."""

    subject: ClassVar[Literal["image", "draw"]] = "image"
    """``draw`` where the prompt matters: then equal images of two prompts are scored twice."""
    uses_device: ClassVar[bool] = True
    """It computes on the run's device; False where it needs the CPU only, so that a GPU goes on drawing meanwhile."""
    infers_people: ClassVar[bool] = False
    """It infers attributes of depicted people, so photographs need a stated basis."""
    recognises_people: ClassVar[bool] = False
    """It tells persons apart (a face embedding): the spec must state ``likeness``, and it must be ``in_memory``."""
    in_memory: ClassVar[bool] = False
    """What it says is never written: every session that measures looks at the images again."""

    @abstractmethod
    def columns(self) -> tuple[Column, ...]:
        """The columns that it fills."""

    @abstractmethod
    def open(self, device: str) -> AbstractContextManager[ScoreBatch]:
        """Load the model, yield a function that scores a batch, give the memory back."""

    def protocol_name(self) -> str:
        """What the protocol id of its columns begins with: a reader's name of the recipe; the digest follows."""
        return type(self).__name__.lower()

    def requires(self) -> tuple[str, ...]:
        """Names (in the spec) of scorers whose rows of the same image it needs."""
        return ()

    def check_required(self, columns: Mapping[str, Column]) -> None:
        """See that the scorers that it requires fill what it needs; called before any work.

        Args:
            columns: ``scorer.column`` -> what it holds, of those scorers.

        Raises:
            SpecError: they do not; the message begins with the parameter that is wrong.
        """

    def thresholds(self) -> Mapping[str, str]:
        """Label column -> the parameter below which its confidence means an abstention; only columns that have one.

        At 0 of that parameter every label is given with its confidence, from which ``imgaudit calibrate`` chooses it.
        """
        return {}

    def remedies(self) -> Mapping[str, str]:
        """Reason of an abstention -> the parameter that it hangs on; told where a suite has no label at all."""
        return {}

    def known_answers(self) -> Iterable[KnownAnswer]:
        """What it must say of made-up images, to be asked in every run and by ``imgaudit doctor``: a second's work.

        No answers: it is only seen whether it says the same of an image twice, alone and among others.
        """
        return ()


# --------------------------------------------------------------------------------------------------- metrics


class Metric(Component, ABC):
    """Looks at the table of scores and draws, never at pixels; loads no model."""

    quantities: ClassVar[tuple[str, ...]] = ()
    """What its findings are called after the dot, so that a gate's typo is found before any work; empty: not said."""

    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """Columns that it needs, as ``scorer.column``."""

    @abstractmethod
    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """Findings, named ``<name>.<quantity>``."""

    def axes(self) -> tuple[str, ...]:
        """Axes that its parameters name; the plan checks that some probe has them."""
        return ()

    def references(self) -> tuple[str, ...]:
        """Names of generators that it compares with and that are not audited themselves."""
        return ()

    def check_references(self, name: str, context: Context) -> None:
        """See that its reference sets can be used; called once they are scored, before anything else is drawn.

        Args:
            context: as for ``measure``; of generators that are audited it holds what earlier sessions drew.

        Raises:
            InputError: they cannot; the message names the image.
        """

    def check_generators(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """See that what its parameters say of generators fits their settings, by name; called before any work.

        Raises:
            SpecError: it does not.
        """


# --------------------------------------------------------------------------------------------------- reports


class Report(Component, ABC):
    """Turns records into bytes. Never computes a number."""

    filename: ClassVar[str]

    @abstractmethod
    def render(self, audited: Audited) -> bytes:
        """The whole file."""
