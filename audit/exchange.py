"""What plugins are given and give back: small values that live for one batch or one measurement, in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from audit.contributions import Contribution
from audit.human_labels import HumanLabels
from audit.images import Pixels
from audit.purges import Purge
from audit.records import Abstained, Draw, Failed, Filtered, Finding, Probe, Refused, RunManifest, Scored, Verdict
from audit.reference import Reference
from audit.table import ScoreTable

__all__ = [
    "Audited",
    "Column",
    "Context",
    "DrawBatch",
    "Encoded",
    "KnownAnswer",
    "Measured",
    "OnDisk",
    "Product",
    "Request",
    "Row",
    "ScoreBatch",
    "Value",
    "View",
]


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
    flag: bool = False
    """Says whether something is there (a face, a reason to look twice): its shares count, equal ones mean nothing."""
    optional: bool = False
    """A second reading beside another column, which good images may lack: that none of a suite has it is no fault."""

    @property
    def composes(self) -> bool:
        """Whether its labels say who or what is shown, so that equal shares of them are a yardstick."""
        return not (self.exact or self.flag)


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
    held: int = 0
    """Images that the run was given to hold; a purge deletes them."""
    outside: int = 0
    """Images in files outside the run, which no purge touches."""
