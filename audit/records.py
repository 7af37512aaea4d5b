"""The values that cross a file or a plugin boundary: frozen, closed, finite.

What comes by the million (draws, images, scores) lives in Arrow tables with the columns of these types; instances of
them exist at plugin edges only.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from audit.digest import digest, short
from audit.panels import Panel

__all__ = [
    "Abstained",
    "Axis",
    "Check",
    "ClassLabel",
    "Condition",
    "Cost",
    "Draw",
    "Failed",
    "Filtered",
    "Finding",
    "ImageRecord",
    "Interval",
    "Latent",
    "Made",
    "Outcome",
    "Probe",
    "Record",
    "Refused",
    "RunManifest",
    "Score",
    "Scored",
    "TextPrompt",
    "Verdict",
    "jsonable",
]


class Record(BaseModel):
    """Base of all records: frozen, no unknown fields, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# ---------------------------------------------------------------------------------------------- what is asked


class Axis(Record):
    """One factor of a probe and the level that this probe takes on it."""

    name: str
    level: str
    role: Literal["contrast", "control"] = "contrast"
    """``contrast``: levels are compared with each other; ``control``: held fixed and averaged over."""


class TextPrompt(Record):
    """A prompt for a text-to-image generator."""

    type: Literal["text"] = "text"
    text: str
    language: str = "en"
    """ISO 639-1 code."""


class ClassLabel(Record):
    """A class of a class-conditional generator."""

    type: Literal["class"] = "class"
    label: int = Field(ge=0)
    name: str = ""


class Latent(Record):
    """No condition: the generator draws from its own latent distribution with the draw's seed."""

    type: Literal["latent"] = "latent"


Condition = Annotated[TextPrompt | ClassLabel | Latent, Field(discriminator="type")]


class Probe(Record):
    """One condition with its axes; draws of the same probe differ by seed only."""

    suite: str
    condition: Condition
    axes: tuple[Axis, ...] = ()
    pair: str = ""
    """Probes of the same pair id share their seeds: the arms of a counterfactual. Empty: the probe is on its own."""
    unit: Literal["prompt", "draw"] = "prompt"
    """What is sampled independently: the prompt (its images are one cluster), or each draw (latents)."""
    draws: int | None = Field(default=None, ge=1)
    """How many images this probe wants, where that is not the spec's ``draws_per_probe``."""

    @property
    def id(self) -> str:
        """Digest of what defines the probe. More draws of it are the same probe."""
        return short(digest(self.model_dump(mode="json", exclude={"draws"})), 16)

    @property
    def levels(self) -> dict[str, str]:
        """Axis name to level."""
        return {axis.name: axis.level for axis in self.axes}

    @model_validator(mode="after")
    def _axes_differ(self) -> Self:
        if len(self.levels) != len(self.axes):
            raise ValueError("a probe names each axis once")
        return self


class Draw(Record):
    """One wanted image."""

    generator: str
    """Name of the generator in the spec."""
    probe: str
    """Probe id."""
    index: int = Field(ge=0)
    seed: int = Field(ge=0, lt=2**53)
    """The same for every generator, and for every arm of a counterfactual pair."""


# ------------------------------------------------------------------------------------------- what came of it


class Made(Record):
    """An image was made and is stored."""

    outcome: Literal["made"] = "made"
    image: str
    """Digest of the stored bytes."""
    width: int
    height: int
    codec: str
    """How the stored bytes are encoded, for example ``png`` or ``jpeg``."""
    note: str = ""
    """What the generator said about it, such as the prompt that it drew instead of the one asked for."""


class Refused(Record):
    """The generator declined to draw this condition (an API's content policy, say)."""

    outcome: Literal["refused"] = "refused"
    reason: str


class Filtered(Record):
    """An image was drawn and withheld by a safety filter."""

    outcome: Literal["filtered"] = "filtered"
    reason: str


class Failed(Record):
    """No usable image: the error says why."""

    outcome: Literal["failed"] = "failed"
    reason: str


Outcome = Annotated[Made | Refused | Filtered | Failed, Field(discriminator="outcome")]


class ImageRecord(Record):
    """What came of one draw."""

    draw: Draw
    outcome: Outcome
    seconds: FiniteFloat
    """Wall-clock share of this image in its batch."""
    device: str
    batch: int
    """Rows of the batch that it was drawn in; smaller than planned after an out-of-memory."""


class Scored(Record):
    """A value of a score column: a number, a label, or a vector."""

    value: FiniteFloat | str | tuple[FiniteFloat, ...]
    confidence: FiniteFloat | None = None


class Abstained(Record):
    """No value, and why. Never a stand-in number."""

    reason: str


class Score(Record):
    """What one scorer says in one column about one subject. The Arrow tables of the store have these columns."""

    subject: str
    """Image digest, or draw key where the prompt matters."""
    region: int = -1
    """-1: the whole image; 0, 1, ...: a part of it, such as the faces in order of size."""
    scorer: str
    column: str
    result: Scored | Abstained


# --------------------------------------------------------------------------------------------- what it means


class Interval(Record):
    """A confidence interval, ends included."""

    low: FiniteFloat
    high: FiniteFloat

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class Finding(Record):
    """An estimate and everything that is needed to judge it."""

    metric: str
    """Dotted: the metric's name in the spec and the quantity, for example ``fidelity.kid``."""
    title: str
    """What was measured, in plain words for a reader."""
    protocol: str
    """The exact recipe: numbers of different protocols are never compared."""
    generator: str
    baseline: str = ""
    """The reference set, or the generator it is compared with."""
    where: dict[str, str] = {}
    """Label, axis levels and whatever else singles this finding out among those of its metric."""
    estimate: FiniteFloat | None
    """None: the data do not support an estimate; ``note`` says why."""
    interval: Interval | None
    confidence: FiniteFloat
    unit: str
    better: Literal["higher", "lower", "none"]
    n: int
    """Draws behind the estimate."""
    n_missing: int
    """Draws that should be behind it and are not: refused, filtered, failed, abstained."""
    clusters: int
    """Independent sampling units behind it."""
    method: str
    """Estimator and interval, in words."""
    source: str = ""
    """Publication or standard that defines the number."""
    note: str = ""
    """What a reader must know before using the number: bias, uncorrected labels, bounds for missing data."""
    expected: FiniteFloat | None = None
    """Expectation of the estimate under an even generator of the same n (dispersion indices), or under no difference."""
    bounds: Interval | None = None
    """Worst case over the missing data: all missing to one side, all to the other."""
    correction: Literal["", "labels", "confusion matrix", "uncorrected"] = ""
    """What a classifier's labels were corrected by; empty where no classifier's label is behind the number."""
    p_value: FiniteFloat | None = Field(default=None, ge=0, le=1)
    """Of the hypothesis that there is nothing to find, which ``method`` or ``note`` names."""
    p_adjusted: FiniteFloat | None = Field(default=None, ge=0, le=1)
    """The same, adjusted for all tests of this quantity that were made together; the note names the adjustment."""
    packs: dict[str, str] = {}
    """Weight pack behind the number -> digest of its files."""
    unpinned: tuple[str, ...] = ()
    """Those of them whose digest was recorded on the first pull and is not fixed in the catalogue."""
    panels: tuple[Panel, ...] = ()
    evidence: tuple[str, ...] = ()
    """Digests of some images behind the number."""

    @property
    def key(self) -> str:
        """Names this finding within a run and across runs: ``fidelity.kid[dcgan vs photos; label=x]``."""
        who = self.generator + (f" vs {self.baseline}" if self.baseline else "")
        where = ", ".join(f"{name}={level}" for name, level in sorted(self.where.items()))
        return f"{self.metric}[{who}{'; ' + where if where else ''}]"


class Verdict(Record):
    """What a gate concludes about one finding."""

    gate: str
    """The rule in words, as a reader would say it."""
    finding: str
    """Key of the finding; empty where none matched."""
    outcome: Literal["pass", "fail", "inconclusive", "invalid"]
    reason: str
    decides: str = ""
    """What would decide an inconclusive or invalid verdict."""
    note: str = ""
    """Why the rule is there, in the words of the spec."""
    estimate: FiniteFloat | None = None
    interval: Interval | None = None
    limit: FiniteFloat | None = None
    """What the estimate is held against, in its unit; the nearer of two. Of a margin: the difference that is too much."""


def jsonable(record: Record) -> dict[str, Any]:
    """A record as JSON-ready data."""
    return record.model_dump(mode="json")


# ------------------------------------------------------------------------------------------- how it was made


class Cost(Record):
    """What one part of a run took, as measured with the device synchronised."""

    stage: Literal["generate", "score", "measure", "report"]
    name: str
    """Name of the generator, scorer or metric in the spec."""
    images: int
    seconds: FiniteFloat
    device: str
    device_bytes: int = 0
    """Peak memory of this process on its device so far: CUDA memory, or resident memory on a CPU."""


class Check(Record):
    """One instrument held against an answer that is known."""

    instrument: str
    """Estimator or classifier: ``cluster_share``, ``scorer clip``."""
    what: str
    """What was asked of it, in words."""
    expected: str
    found: str
    passed: bool
    seconds: FiniteFloat
    metrics: tuple[str, ...] = ()
    """Metrics, by name in the spec, whose findings it speaks of; empty: whatever the run measured."""
    generator: str = ""
    """The generator whose findings it speaks of; empty: all."""
    fatal: bool = True
    """Whether a run without gates is invalid where it fails."""

    def concerns(self, finding: Finding | None) -> bool:
        """Whether it speaks of a finding; of no finding in particular only where it speaks of all."""
        if finding is None:
            return not (self.metrics or self.generator)
        named = not self.metrics or finding.metric.rpartition(".")[0] in self.metrics
        return named and self.generator in ("", finding.generator, finding.baseline)


class RunManifest(Record):
    """What a run was made with: enough to say why another run differs."""

    format: Literal[1] = 1
    digest: str
    """Digest of generators, probes and seed: what the run folder is named by."""
    spec: dict[str, Any]
    keys: dict[str, str]
    """``generator.<name>``, ``scorer.<name>``, ``reference.<name>`` -> digest of class, version, parameters, numerics."""
    numerics: dict[str, dict[str, str]]
    """The same names -> what decides numbers besides parameters: backend, dtype, library versions."""
    references: dict[str, dict[str, str]] = {}
    """Name of each distribution that shares were laid beside -> its title, dated, source, caveats."""
    image_sets: tuple[str, ...] = ()
    """Generators that metrics compare with (reference, training and held-out sets, galleries); they are not audited."""
    settings: dict[str, dict[str, str]] = {}
    """Generator name -> scheduler, steps, guidance, dtype, safety checker and the like, as they were in force."""
    people: dict[str, Literal["attributes", "identity"]] = {}
    """Scorer -> what it read of depicted persons: perceived attributes, or whether they are the same person."""
    packs: dict[str, str] = {}
    """Weight pack -> digest of its files."""
    unpinned: tuple[str, ...] = ()
    """Packs whose digest was recorded on first pull, not fixed in the catalogue."""
    suites: dict[str, str] = {}
    """Suite -> digest of its probes."""
    versions: dict[str, str] = {}
    device: str = ""
    revision: str = ""
    """Source revision of imgaudit where it runs from a checkout."""
    counts: dict[str, int] = {}
    """Outcome -> draws."""
    costs: tuple[Cost, ...] = ()
    checks: tuple[Check, ...] = ()
    """Known-answer checks of the instruments in use, made when the run was measured."""
    notes: tuple[str, ...] = ()
    """What a reader must know of how it went, such as batches that had to be halved."""
    started: str
    finished: str = ""
