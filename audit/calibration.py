"""Calibration of a classifier: how often it read which label as which, on images whose label is known.

The file is JSON::

    {"column": "attributes.perceived_gender", "images": "180 photographs of faces, labelled by two people", "dated": "2026",
     "counts": {"feminine": {"feminine": 88, "masculine": 4}, "masculine": {"feminine": 7, "masculine": 81}}}

with the true label outside and the label that was read inside; images without a label that was read are not among them.
``imgaudit calibrate`` writes such files, with what else is known of the error.
"""

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.digest import digest, short
from audit.errors import InputError
from audit.stats.confusion import confusion_rates
from audit.stats.misclassified import CalibrationCounts, lang_reiczigel

__all__ = ["Calibration", "GroupError", "HeldOut", "read_calibration", "write_calibration"]

MAX_BYTES = 1_000_000
MOST_IMAGES = 10**12


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GroupError(_Part):
    """Error among the images of one group."""

    column: str
    """Column of the table that tells groups apart; empty: all images."""
    level: str
    read: int = Field(ge=0)
    """Images whose label was read."""
    wrong: int = Field(ge=0)
    """Of those, read as another label than the true one."""
    abstained: int = Field(ge=0)
    """Images of which no label was read."""
    interval: tuple[float, float] | None = None
    """Of wrong / read."""


class HeldOut(_Part):
    """Error on images that took no part in the choice of the threshold."""

    target: float
    """Error that the threshold was to meet by its upper limit."""
    parts: int
    """Images were dealt to so many parts; for each the threshold was chosen on the others."""
    unmet: int
    """Parts for which no threshold met the target, so that nothing of them was read."""
    read: int = Field(ge=0)
    wrong: int = Field(ge=0)
    left: int = Field(ge=0)
    """Images that the thresholds left without a label."""
    interval: tuple[float, float] | None = None
    """Of wrong / read."""

    @property
    def holds(self) -> bool:
        """Whether the choice stands: most parts had one, and its error on other images is not above the target.

        The lowest of many thresholds is often one that met the target by luck, on a handful of labels.
        """
        above = self.interval is not None and self.interval[0] > self.target
        return 2 * self.unmet <= self.parts and not above


class Calibration(_Part):
    """Confusion counts of one column."""

    column: str = ""
    """``scorer.column`` that was calibrated; empty: not said."""
    images: str = Field(min_length=1)
    """What the images were and who labelled them: the correction holds for images that are read alike."""
    dated: str = ""
    counts: dict[str, dict[str, int]]
    """True label -> label that was read -> images."""
    basis: str = ""
    """Why attributes of the depicted might be inferred, for photographs of people."""
    recipe: str = ""
    """Scorer behind the counts (class, parameters, weights), the same on every machine; empty: not said."""
    thresholds: dict[str, float] = {}
    """Parameters of the scorer below which it gave no label."""
    abstained: dict[str, dict[str, int]] = {}
    """True label -> reason -> images of which no label was read."""
    groups: tuple[GroupError, ...] = ()
    """Error by group, of all images first."""
    held_out: HeldOut | None = None
    """Error of the chosen threshold on other images; None where none was chosen."""
    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Of the intervals."""

    @property
    def id(self) -> str:
        """Short digest of the counts, for a protocol."""
        return short(digest(self.counts))

    def matrix(self, labels: tuple[str, ...]) -> npt.NDArray[np.float64]:
        """(K, K) images of true label k (column) that were read as j (row).

        Raises:
            InputError: it is not about these labels.
        """
        told = {*self.counts, *(read for row in self.counts.values() for read in row)}
        if set(self.counts) != set(labels) or not told <= set(labels):
            raise InputError(f"calibration of {', '.join(sorted(told))}; the column has the labels {', '.join(labels)}")
        rows = [[self.counts[true].get(read, 0) for true in labels] for read in labels]
        return np.array(rows, dtype=np.float64)

    def fits(self, column: str, recipe: str = "") -> None:
        """See that it is about a column, and made with the scorer that fills it, where it says so.

        Args:
            column: ``scorer.column`` that is to be corrected.
            recipe: of that scorer; empty: not known.

        Raises:
            InputError: it is about another, or other thresholds, weights or detector were behind it.
        """
        if self.column and self.column != column:
            raise InputError(f"it is of the column {self.column}, not of {column}; calibrate that one")
        if self.recipe and recipe and self.recipe != recipe:
            told = ", ".join(f"{name}: {value:g}" for name, value in self.thresholds.items())
            raise InputError(
                f"it was measured with other parameters or weights than the scorer has here{f' ({told})' if told else ''}; "
                "give the scorer those, or calibrate again with this spec"
            )

    def usable(self, labels: tuple[str, ...]) -> None:
        """See that shares of these labels can be corrected by it.

        Raises:
            InputError: it is about other labels.
            ValueError: it confuses them too often, or holds too few images.
        """
        matrix = self.matrix(labels)
        confusion_rates(matrix)
        if len(labels) == 2:
            known = CalibrationCounts(matrix[0, 0], matrix[:, 0].sum(), matrix[1, 1], matrix[:, 1].sum())
            lang_reiczigel(1.0, 2.0, known)


def read_calibration(path: Path) -> Calibration:
    """Read and check a calibration file.

    Raises:
        InputError: absent, too large, or not of this form; names the field.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"larger than {MAX_BYTES} bytes; not a calibration")
        found = Calibration.model_validate(json.loads(path.read_bytes(), object_pairs_hook=_without_twins))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except FileNotFoundError:
        raise InputError(f"{path}: no such calibration file; relative paths count from {Path.cwd()}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a JSON file with confusion counts") from error
    except ValidationError as error:
        fault = error.errors()[0]
        raise InputError(f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}; expected counts by label") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from error
    counts = [count for row in found.counts.values() for count in row.values()]
    if len(found.counts) < 2 or not all(0 <= count <= MOST_IMAGES for count in counts):
        raise InputError(f"{path}: counts of at least two labels are needed, none of them below 0 or above {MOST_IMAGES}")
    return found


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration file, whole or not at all.

    Raises:
        InputError: it cannot be written there.
    """
    text = json.dumps(calibration.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        beside.write_text(f"{text}\n", "utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key that is given twice is an error, since the second would hide the first."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InputError(f"{key!r} stands there twice; keep one")
        found[key] = value
    return found
