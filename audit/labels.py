"""Labels of people as a run keeps them: which draws were chosen for rating, what raters saw in them, and reading it back.

labels/<column>/sample-<digest>.json   one for each sample: which item is which draw; raters never see it
labels/<column>/votes.json             what the raters said; raters are numbered, nobody is named
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeVar
from urllib.parse import quote

import numpy as np
from pydantic import Field, FiniteFloat, ValidationError

from audit.component import Column
from audit.digest import digest, short
from audit.errors import StoreError
from audit.human_labels import CANNOT_TELL, HumanLabels
from audit.records import Interval, Record
from audit.store import RunStore
from audit.table import ScoreTable

__all__ = [
    "Agreement",
    "Item",
    "LabelSample",
    "LabelVotes",
    "RatedDraw",
    "Stratum",
    "majority",
    "read_labels",
    "read_samples",
    "told_of_labels",
    "without_labels",
    "write_sample",
    "write_votes",
]

R = TypeVar("R", bound=Record)

log = logging.getLogger(__name__)

TOLD = "Labels by people of "


class Stratum(Record):
    """Draws of one generator of which the classifier said the same."""

    generator: str
    predicted: str
    """Label that the classifier gave; empty where it abstained."""
    size: int = Field(ge=1)
    """Draws."""
    chosen: int = Field(ge=0)
    """Of these, chosen for rating."""


class Item(Record):
    """One draw that is to be rated."""

    id: str
    """What raters see of it."""
    generator: str
    probe: str
    index: int
    image: str
    """Digest of the image."""
    stratum: int
    """Position among the strata."""


class LabelSample(Record):
    """A stratified random sample of the made draws of a run."""

    format: Literal[1] = 1
    about: str = "Which item is which draw. Not for raters: they rate without knowing it."
    run: str
    """Digest of the run."""
    column: str
    """``scorer.column``"""
    title: str
    """What the column holds, in plain words."""
    levels: tuple[str, ...]
    """The labels that may be given."""
    regional: bool
    """The classifier reads the largest region (face), not the whole image."""
    seed: int
    strata: tuple[Stratum, ...]
    items: tuple[Item, ...]
    """In the order of their ids, which is random."""

    @property
    def digest(self) -> str:
        """Names the sample."""
        return short(digest(self.model_dump(mode="json")), 16)


class Agreement(Record):
    """Krippendorff's alpha between raters."""

    alpha: FiniteFloat = Field(le=1)
    interval: Interval | None
    items: int
    """Items with two ratings or more."""


class RatedDraw(Record):
    """One draw and what each rater said of it."""

    generator: str
    probe: str
    index: int
    image: str
    inclusion: FiniteFloat = Field(gt=0, le=1)
    """Probability with which it was chosen and rated."""
    votes: tuple[str | None, ...]
    """By rater: a label, ``CANNOT_TELL``, or None where it was not rated."""


class LabelVotes(Record):
    """What raters said of the draws of a sample."""

    format: Literal[1] = 1
    column: str
    levels: tuple[str, ...]
    sample: str
    """Digest of the sample."""
    raters: int = Field(ge=1)
    agreement: Agreement | None
    """None for one rater, or where all ratings are equal."""
    draws: tuple[RatedDraw, ...]
    """Those that at least one rater rated."""


def majority(votes: Sequence[str | None]) -> str:
    """The label that most raters gave; ``CANNOT_TELL`` counts as an answer, and is what a tie gives.

    >>> majority(["older", "younger", "older", None]), majority(["older", "younger"])
    ('older', '')
    """
    counts = Counter(vote for vote in votes if vote is not None).most_common()
    tied = len(counts) > 1 and counts[0][1] == counts[1][1]
    return CANNOT_TELL if tied or not counts else counts[0][0]


# ------------------------------------------------------------------------------------------------ in the run


def _folder(column: str) -> str:
    return f"labels/{quote(column, safe='')}"


def write_sample(store: RunStore, sample: LabelSample) -> None:
    """Keep a sample in the run."""
    store.write_json(f"{_folder(sample.column)}/sample-{sample.digest}.json", sample.model_dump(mode="json"))


def read_samples(store: RunStore, column: str = "") -> tuple[LabelSample, ...]:
    """The samples of a column that were exported, or of all columns; the smallest first.

    Raises:
        StoreError: one is damaged.
    """
    under = f"{_folder(column)}/" if column else "labels/"
    names = [name for name in store.names(under) if name.rpartition("/")[2].startswith("sample-")]
    return tuple(sorted((_read(store, name, LabelSample) for name in names), key=lambda one: (len(one.items), one.digest)))


def write_votes(store: RunStore, votes: LabelVotes) -> None:
    """Keep what raters said, in place of what was kept of that column."""
    store.write_json(_votes_name(votes.column), votes.model_dump(mode="json"))


def _votes_name(column: str) -> str:
    return f"{_folder(column)}/votes.json"


def _read(store: RunStore, name: str, kind: type[R]) -> R:
    try:
        return kind.model_validate(store.read_json(name))
    except ValidationError as error:
        fault = error.errors()[0]
        why = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        raise StoreError(
            f"{store.path}/{name}: damaged, or written by another version of imgaudit ({why}); import the labels again"
        ) from error


# ---------------------------------------------------------------------------------------------- for metrics


def read_labels(store: RunStore, columns: Mapping[str, Column], table: ScoreTable) -> dict[str, HumanLabels]:
    """``scorer.column`` -> what people saw in the draws of a table.

    Labels of draws that have another image now, or that are no longer wanted, are left out. So are those of a column whose
    scorer has other labels now than the raters could choose from; a warning says so.

    Raises:
        StoreError: stored votes are damaged.
    """
    found: dict[str, HumanLabels] = {}
    stored = [name for name, column in columns.items() if column.kind == "label" and store.has(_votes_name(name))]
    for name in stored:
        votes = _read(store, _votes_name(name), LabelVotes)
        if columns[name].levels and set(columns[name].levels) != set(votes.levels):
            log.warning(
                "%s: people chose among %s, and the scorer has %s now; their labels are not used",
                *(name, ", ".join(votes.levels), ", ".join(columns[name].levels)),
            )
            continue
        shown = _images(table, {draw.probe for draw in votes.draws})
        draws = [draw for draw in votes.draws if shown.get((draw.generator, draw.probe, draw.index)) == draw.image]
        if draws:
            found[name] = _as_arrays(votes, draws)
    return found


def _images(table: ScoreTable, probes: set[str]) -> dict[tuple[str, str, int], str]:
    """Generator, probe and index -> image digest, of the draws of some probes."""
    code, names = table.asked
    rows = np.flatnonzero(np.array([name in probes for name in names], dtype=bool)[code]) if len(names) else code
    columns = (table.column(name)[rows].tolist() for name in ("generator", "probe", "index"))
    return dict(zip(zip(*columns, strict=True), table.images[rows].tolist(), strict=True))


def _as_arrays(votes: LabelVotes, draws: Sequence[RatedDraw]) -> HumanLabels:
    return HumanLabels(
        generator=np.array([draw.generator for draw in draws], dtype=object),
        probe=np.array([draw.probe for draw in draws], dtype=object),
        index=np.array([draw.index for draw in draws], dtype=np.int64),
        image=np.array([draw.image for draw in draws], dtype=object),
        label=np.array([majority(draw.votes) for draw in draws], dtype=object),
        inclusion=np.array([draw.inclusion for draw in draws], dtype=np.float64),
        raters=votes.raters,
        agreement=votes.agreement.alpha if votes.agreement else None,
    )


def told_of_labels(labels: Mapping[str, HumanLabels]) -> Iterator[str]:
    """What a reader of the run must know of the labels that it was measured with, a note a column."""
    for column, found in labels.items():
        unclear = int((found.label == CANNOT_TELL).sum())
        people = "1 rater" if found.raters == 1 else f"{found.raters} raters"
        agreed = "" if found.agreement is None else f", Krippendorff's alpha {found.agreement:.2f}"
        yield f"{TOLD}{column}: {len(found.label)} draws by {people}{agreed}; {unclear} without a clear label"


def without_labels(notes: Sequence[str]) -> list[str]:
    """Notes of a run without what ``told_of_labels`` said when it was measured before."""
    return [note for note in notes if not note.startswith(TOLD)]
