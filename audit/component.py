"""The five plugin kinds. A plugin is a frozen model whose fields are its parameters, plus one method.

What a plugin is given and gives back are the small dataclasses of this file; they live for one batch, in memory.
Everything a plugin produces is keyed by its identity: class, version, parameters, weights, fingerprint and numerics.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from audit.contributions import Contribution, Parts
from audit.human_labels import HumanLabels
from audit.images import Pixels
from audit.plugin import API_VERSION, Component
from audit.purges import Purge
from audit.records import (
    Abstained,
    ClassLabel,
    Draw,
    Failed,
    Filtered,
    Finding,
    Latent,
    Probe,
    Refused,
    RunManifest,
    Scored,
    TextPrompt,
    Verdict,
)
from audit.reference import Reference
from audit.table import ScoreTable

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


@dataclass(frozen=True, slots=True)
class Request:
    """One draw and the probe that it belongs to."""

    draw: Draw
    probe: Probe


@dataclass(frozen=True, slots=True)
class OnDisk:
    """An image that already lies on disk and stays there; the run refers to it by path and digest."""

    path: Path
    data: bytes
    """The file's bytes, read once."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """An image that arrived encoded (from an API): the store keeps these very bytes, and they are what is scored."""

    data: bytes
    note: str = ""
    """What the service said about it, such as the prompt that it drew instead."""


Product = Pixels | Encoded | OnDisk | Refused | Filtered | Failed
"""What a generator gives back for one request."""

DrawBatch = Callable[[Sequence[Request]], Sequence[Product]]
"""Draws a batch; gives one product a request, in order. Raises ``OutOfMemory`` where the batch is too large."""


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


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a scorer fills."""

    name: str
    kind: Literal["number", "label", "vector"]
    title: str = ""
    """In plain words, for a reader."""
    unit: str = ""
    better: Literal["higher", "lower", "none"] = "none"
    levels: tuple[str, ...] = ()
    """The labels that a label column may hold."""
    regional: bool = False
    """Filled for regions (faces) rather than for the whole image."""
    exact: bool = False
    """Read off the file or the request, not judged by a classifier: there is no error to correct for."""


Value = float | str | npt.NDArray[np.float32] | Scored | Abstained
"""A number, label or vector (with ``Scored`` also its confidence), or an abstention with its reason."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a scorer says of the whole image (region -1) or of one region of it (0, 1, ... by falling size)."""

    values: Mapping[str, Value]
    region: int = -1


@dataclass(frozen=True, slots=True)
class View:
    """One image as a scorer sees it."""

    pixels: Pixels
    image: str
    """Digest of the stored bytes."""
    codec: str
    draw: Draw
    probe: Probe
    asked: tuple[int, int] | None = None
    """Width and height asked of the generator."""
    given: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Rows of the scorers named by ``requires``, for this image."""
    file: Callable[[], bytes] = bytes
    """Reads the stored bytes, for what decoding leaves behind (metadata, signatures); empty for made-up images."""


ScoreBatch = Callable[[Sequence[View]], Sequence[Sequence[Row]]]
"""Scores a batch; gives for each view its rows: first the whole image's, then those of its regions."""


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """Made-up images of which it is known what a scorer must say of the whole of each."""

    what: str
    """What the images are, in words."""
    images: tuple[Pixels, ...]
    expected: Mapping[str, Sequence[float | str | Abstained]]
    """Column -> what must come out, one an image. ``Abstained``: no value, whatever the reason."""
    tolerance: float = 0.0
    """Most that a number may be off."""
    wrong: float = 0.0
    """Share of images that the scorer promises to read wrongly at most; 0 where nothing excuses an error."""
    unread: float = 0.0
    """Share of images with an answer on which it may abstain."""
    prompts: tuple[str, ...] = ()
    """What each image was asked with; empty: nothing."""
    files: tuple[bytes, ...] = ()
    """The stored file of each image, for scorers that read it; empty: there is none."""


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

    def known_answers(self) -> Iterable[KnownAnswer]:
        """What it must say of made-up images, to be asked in every run and by ``imgaudit doctor``: a second's work.

        No answers: it is only seen whether it says the same of an image twice, alone and among others.
        """
        return ()


# --------------------------------------------------------------------------------------------------- metrics


@dataclass(frozen=True, slots=True)
class Measured:
    """A finding and its contributions by cluster (none where it has no such form)."""

    finding: Finding
    contributions: Sequence[Contribution] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a metric is given."""

    table: ScoreTable
    generators: tuple[str, ...]
    """The audited generators; reference sets are not among them."""
    confidence: float
    seed: int
    columns: Mapping[str, Column]
    """``scorer.column`` -> what it holds."""
    protocols: Mapping[str, str]
    """Scorer name -> protocol id of its columns."""
    recipes: Mapping[str, str] = field(default_factory=dict)
    """Scorer name -> digest of its class, parameters and weights, the same on every machine."""
    references: Mapping[str, Reference] = field(default_factory=dict)
    """Distributions that shares are laid beside, by their name in the spec."""
    reference_ids: Mapping[str, str] = field(default_factory=dict)
    """The same names -> what decides their figures (parameters, files), for the protocol of a finding that uses them."""
    labels: Mapping[str, HumanLabels] = field(default_factory=dict)
    """``scorer.column`` -> what people saw in some of the draws."""


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


@dataclass(frozen=True, slots=True)
class Audited:
    """A finished run as a report sees it."""

    manifest: RunManifest
    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    image: Callable[[str], Pixels | None]
    """Pixels of an image digest; None where the image was purged."""
    link: Callable[[str], str]
    """Relative link from the report to the stored image; empty where there is none."""
    faces: Callable[[str], Sequence[tuple[float, float, float, float]] | None]
    """Boxes (left, top, right, bottom) in pixels; None where no detector looked."""
    purges: tuple[Purge, ...] = ()
    """Deletions of the run's images; after one, no picture of any image is shown."""


class Report(Component, ABC):
    """Turns records into bytes. Never computes a number."""

    filename: ClassVar[str]

    @abstractmethod
    def render(self, audited: Audited) -> bytes:
        """The whole file."""
