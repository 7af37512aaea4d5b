"""Calibration of a classifier: how often it read which label as which, on images whose label is known.

The file is JSON::

    {"column": "attributes.perceived_gender", "images": "180 photographs of faces, labelled by two people", "dated": "2026",
     "counts": {"feminine": {"feminine": 88, "masculine": 4}, "masculine": {"feminine": 7, "masculine": 81}}}

with the true label outside and the label that was read inside.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.digest import digest, short
from audit.errors import InputError
from audit.stats.confusion import confusion_rates
from audit.stats.misclassified import CalibrationCounts, lang_reiczigel

__all__ = ["Calibration", "read_calibration"]

MAX_BYTES = 1_000_000
MOST_IMAGES = 10**12


class Calibration(BaseModel):
    """Confusion counts of one column."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    column: str = ""
    """``scorer.column`` that was calibrated; empty: not said."""
    images: str = Field(min_length=1)
    """What the images were and who labelled them: the correction holds for images that are read alike."""
    dated: str = ""
    counts: dict[str, dict[str, int]]
    """True label -> label that was read -> images."""

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

    def fits(self, column: str) -> None:
        """See that it is about a column, where it says which.

        Raises:
            InputError: it is about another.
        """
        if self.column and self.column != column:
            raise InputError(f"it is of the column {self.column}, not of {column}; calibrate that one")

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


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key that is given twice is an error, since the second would hide the first."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InputError(f"{key!r} stands there twice; keep one")
        found[key] = value
    return found
