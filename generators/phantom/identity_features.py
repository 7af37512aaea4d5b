"""Scorer ``phantom_identity``: which fictitious person a picture of the phantom shows, as a vector of features."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from audit.component import Column, Row, ScoreBatch, Scorer, Value, View
from audit.errors import SpecError
from audit.records import Abstained
from audit.scorers.views import label, required, whole
from generators.phantom.decoding import AMBIGUOUS, ATTRIBUTES

__all__ = ["FEATURES", "PhantomIdentity", "features"]

FEATURES = ("perceived_presentation", "perceived_age_band", "monk_tone", "hair", "glasses")
"""What every picture of an identity shares, as far as the oracle reads it."""
LEVELS = tuple((feature, level) for feature in FEATURES for level in ATTRIBUTES[feature])

NOTHING_READ = Abstained(reason="no feature of a person was read")


class PhantomIdentity(Scorer):
    """The five features by which the phantom's fictitious people are told apart, as a vector of length 1.

    One number for each level of perceived presentation, age band, Monk tone, hair and glasses: positive where the oracle
    read that level, else 0. The cosine of two pictures is the share of features that they have in common (of k features
    read in one and l in the other, over the root of k l). It knows drawings of the phantom only and stands in for a face
    embedding where the truth is known. The people are fictitious; as of all scorers that tell persons apart, its vectors
    are kept in memory and the spec must state ``likeness``.
    """

    recognises_people: ClassVar[bool] = True  # people who do not exist
    in_memory: ClassVar[bool] = True
    uses_device: ClassVar[bool] = False
    source: ClassVar[str] = "own features, see generators/phantom/data/identities.toml"

    oracle: str = "phantom_oracle"
    """Name, in the spec, of the scorer that reads the attributes."""

    def columns(self) -> tuple[Column, ...]:
        """One vector of the person in front."""
        return (Column("vector", "vector", f"Features of the drawn person, {len(LEVELS)} numbers of length 1"),)

    def requires(self) -> tuple[str, ...]:
        """The oracle."""
        return (self.oracle,)

    def check_required(self, columns: Mapping[str, Column]) -> None:
        """See that the oracle fills the five features.

        Raises:
            SpecError: it does not.
        """
        for feature in FEATURES:
            if f"{self.oracle}.{feature}" not in columns:
                raise SpecError(f"oracle: {self.oracle!r} fills no column {feature!r}; name a `phantom_oracle`")

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:  # noqa: ARG002  # there is nothing to load
        """Ready at once."""
        yield lambda views: [[Row({"vector": self._value(view)})] for view in views]

    def _value(self, view: View) -> Value:
        row = whole(required(view, self.oracle))
        if row is None:
            return NOTHING_READ
        found = features([label(row, feature) for feature in FEATURES])
        if found is not None:
            return found
        why = row.values.get(FEATURES[0])
        return why if isinstance(why, Abstained) and why != AMBIGUOUS else NOTHING_READ


def features(levels: Sequence[str | None]) -> npt.NDArray[np.float32] | None:
    """The vector of what was read; None where nothing was.

    Args:
        levels: of each of ``FEATURES``; None where it was not read.
    """
    read = dict(zip(FEATURES, levels, strict=True))
    found = np.array([read[feature] == level for feature, level in LEVELS], dtype=np.float32)
    return found / np.float32(np.sqrt(found.sum())) if found.any() else None
