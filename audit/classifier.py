"""A classifier looks at labelled images: which scorers it takes, and what it says of each image.

Images are looked at one chunk at a time and then forgotten: neither pixels nor chips nor vectors are written anywhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import numpy as np

from audit.calibration_figures import Readings
from audit.catalog import recipes
from audit.component import Column, Row, ScoreBatch, Scorer, Value, View
from audit.digest import bytes_digest
from audit.errors import InputError, SpecError
from audit.images import MAX_BYTES, Decoded, decode
from audit.labelled_images import LabelledImage, LabelledImages
from audit.records import Abstained, Draw, Latent, Probe, Scored
from audit.score import scored_by
from audit.spec import nearest
from audit.table import Strings

__all__ = ["UNREADABLE", "Classifier", "Looked", "classifier", "look"]

CHUNK = 32
UNREADABLE = "unreadable image"
"""Reason of images that could not be decoded."""
UNDECLARED = "undeclared label"
NOTHING_SAID = Abstained(reason="nothing said")
PROBE = Probe(suite="calibration", condition=Latent(), unit="draw")
DRAW = Draw(generator="calibration", probe=PROBE.id, index=0, seed=0)


@dataclass(frozen=True, slots=True)
class Classifier:
    """A label column with the scorers that it takes to fill it."""

    path: str
    """``scorer.column``."""
    column: Column
    scorers: Mapping[str, Scorer]
    """Each after those that it requires; the last one fills the column."""

    @property
    def scorer(self) -> Scorer:
        """The one that fills the column."""
        return self.scorers[self._name]

    @property
    def parameter(self) -> str:
        """Its parameter below which confidence means an abstention; empty where it has none."""
        return self.scorer.thresholds().get(self.column.name, "")

    @property
    def threshold(self) -> float:
        """The parameter's value."""
        return float(getattr(self.scorer, self.parameter))

    @property
    def recipe(self) -> str:
        """Digest of the scorer and of what it requires, the same on every machine."""
        return recipes(self.scorers)[self._name]

    @property
    def _name(self) -> str:
        return self.path.rpartition(".")[0]

    def at(self, threshold: float) -> "Classifier":
        """The same with another threshold; at 0 it gives every label."""
        other = self.scorer.model_copy(update={self.parameter: threshold})
        return replace(self, scorers={**self.scorers, self._name: other})


@dataclass
class Looked:
    """What the classifier said of every image."""

    readings: Readings
    unreadable: list[str] = field(default_factory=list)
    """Why, of each image that could not be decoded."""


def classifier(path: str, scorers: Mapping[str, Scorer]) -> Classifier:
    """Look a label column up.

    Args:
        path: ``scorer.column``.
        scorers: by name, each after those that it requires.

    Raises:
        SpecError: there is no such column, or it does not hold labels that its scorer declares.
    """
    name, _, wanted = path.rpartition(".")
    columns = {f"{other}.{column.name}": column for other, scorer in scorers.items() for column in scorer.columns()}
    labels = [known for known, column in columns.items() if column.kind == "label" and column.levels]
    if path not in labels:
        raise SpecError(f"{path or wanted!r} is no column of labels that its scorer declares; {nearest(path, labels)}")
    needed = _needed(name, scorers)
    return Classifier(path, columns[path], {other: scorer for other, scorer in scorers.items() if other in needed})


def _needed(name: str, scorers: Mapping[str, Scorer]) -> set[str]:
    return {name}.union(*(_needed(other, scorers) for other in scorers[name].requires()))


def look(asked: Classifier, labelled: LabelledImages, device: str, tick: Callable[[int], None]) -> Looked:
    """Let the classifier read every image, without its threshold where it has one.

    Args:
        asked: the classifier.
        labelled: the images.
        device: that its scorers work on.
        tick: told how many images are done.

    Raises:
        AuditError: a scorer does not open, or fails.
    """
    opened = asked.at(0.0) if asked.parameter else asked
    found: list[tuple[str, float, str]] = []
    unreadable: list[str] = []
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        calls = {name: stack.enter_context(scorer.open(device)) for name, scorer in opened.scorers.items()}
        for chunk in _chunks(labelled.images):
            decoded = list(pool.map(_decoded, chunk))
            unreadable += [str(one) for one in decoded if isinstance(one, InputError)]
            views = [_view(*one) for one in decoded if not isinstance(one, InputError)]
            values = iter(_values(opened, calls, views))
            found += [
                ("", 0.0, UNREADABLE) if isinstance(one, InputError) else _reading(next(values), asked.column.levels)
                for one in decoded
            ]
            tick(len(chunk))
    return Looked(_readings(labelled, found), unreadable)


def _chunks(images: Sequence[LabelledImage]) -> Iterator[Sequence[LabelledImage]]:
    for start in range(0, len(images), CHUNK):
        yield images[start : start + CHUNK]


def _decoded(image: LabelledImage) -> tuple[bytes, Decoded] | InputError:
    try:
        if image.path.stat().st_size > MAX_BYTES:
            return InputError(f"{image.path.name}: more than {MAX_BYTES} bytes")
        data = image.path.read_bytes()
        return data, decode(data, image.path.name)
    except InputError as error:
        return error
    except OSError as error:
        return InputError(f"{image.path.name}: cannot be read ({error.strerror})")


def _view(data: bytes, decoded: Decoded) -> View:
    return View(decoded.pixels, bytes_digest(data), decoded.codec, DRAW, PROBE, file=lambda: data)


def _values(asked: Classifier, calls: Mapping[str, ScoreBatch], views: Sequence[View]) -> list[Value]:
    """What the column holds for each image: of its largest face where it is about faces."""
    said: dict[str, Sequence[Sequence[Row]]] = {}
    for name, scorer in asked.scorers.items():
        needs = scorer.requires()
        fed = [replace(view, given={other: said[other][i] for other in needs}) for i, view in enumerate(views)]
        said[name] = scored_by(calls[name], fed, name, scorer)
    region = 0 if asked.column.regional else -1
    return [_value(rows, asked.column.name, region) for rows in said[asked.path.rpartition(".")[0]]]


def _value(rows: Sequence[Row], column: str, region: int) -> Value:
    found = {row.region: row.values[column] for row in rows if column in row.values}
    return found.get(region, found.get(-1, NOTHING_SAID))


def _reading(value: Value, labels: Sequence[str]) -> tuple[str, float, str]:
    """Label, confidence and, where there is no label, why."""
    if isinstance(value, Abstained):
        return "", 0.0, value.reason
    sure = value.confidence if isinstance(value, Scored) else None
    label = str(value.value if isinstance(value, Scored) else value)
    return (label, 1.0 if sure is None else float(sure), "") if label in labels else ("", 0.0, UNDECLARED)


def _readings(labelled: LabelledImages, found: Sequence[tuple[str, float, str]]) -> Readings:
    images = labelled.images
    read, sure, reason = zip(*found, strict=True)
    return Readings(
        truth=_strings([image.label for image in images]),
        read=_strings(read),
        sure=np.array(sure, dtype=np.float64),
        reason=_strings(reason),
        groups={name: _strings([image.groups[place] for image in images]) for place, name in enumerate(labelled.groups)},
        person=_strings([image.person for image in images]),
    )


def _strings(values: Sequence[str]) -> Strings:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
