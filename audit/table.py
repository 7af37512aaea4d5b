"""ScoreTable: one row a draw, joined with its probe's axes and with the score columns that metrics read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audit.records import Probe

__all__ = ["DRAW_SCHEMA", "ScoreTable", "Strings", "Values", "draw_key"]

Strings = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]

DRAW_SCHEMA = pa.schema(
    [
        ("generator", pa.string()),
        ("probe", pa.string()),
        ("index", pa.int64()),
        ("seed", pa.int64()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("image", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("codec", pa.string()),
        ("location", pa.string()),
        ("seconds", pa.float64()),
        ("device", pa.string()),
        ("batch", pa.int32()),
    ]
)
"""Columns of the draws table: an ``ImageRecord``, flat. ``location`` is empty, or the path of an image kept outside.

``reason`` says why there is no image; of a made one it is the generator's note.
"""

MISSING = "not scored"


def draw_key(generator: str, probe: str, index: int, image: str) -> str:
    """The subject of scores that belong to a draw rather than to an image: another image of it is another subject."""
    return f"{generator}/{probe}/{index}/{image}"


@dataclass(frozen=True, slots=True)
class Values:
    """One score column over the rows of a table."""

    value: npt.NDArray[np.float64] | npt.NDArray[np.float32] | Strings
    """(n,) numbers or labels, or (n, d) vectors; meaningless where ``present`` is false."""
    present: Mask
    reason: Strings
    """(n,) why there is no value; empty where there is one."""
    confidence: npt.NDArray[np.float64]
    """(n,) NaN where the scorer gave none."""


@dataclass(frozen=True)
class ScoreTable:
    """Draws, probes and scores of a run.

    Attributes:
        draws: a table with the columns of ``DRAW_SCHEMA``.
        probes: probe id -> probe.
        scores: scorer name -> table with ``subject``, ``region`` and for each column ``c``: ``c``, ``c:why``,
            ``c:confidence``.
    """

    draws: pa.Table
    probes: Mapping[str, Probe]
    scores: Mapping[str, pa.Table] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.draws.num_rows)

    def column(self, name: str) -> npt.NDArray[np.generic]:
        """A column of the draws table as an array; strings come as objects, nulls as empty strings."""
        data = self.draws.column(name)
        return _strings(data) if pa.types.is_string(data.type) else np.asarray(data.to_numpy(zero_copy_only=False))

    @cached_property
    def outcome(self) -> Strings:
        """(n,) made, refused, filtered or failed."""
        return np.asarray(self.column("outcome"), dtype=object)

    @cached_property
    def images(self) -> Strings:
        """(n,) image digests; empty where no image was made."""
        return np.asarray(self.column("image"), dtype=object)

    @cached_property
    def asked(self) -> tuple[npt.NDArray[np.int64], Strings]:
        """(n,) position of each draw's probe in the second array: the ids of the probes that were drawn."""
        return _coded(self.draws.column("probe"))

    @cached_property
    def probe_ids(self) -> Strings:
        """(n,) probe ids."""
        code, names = self.asked
        return np.asarray(names[code], dtype=object)

    @cached_property
    def clusters(self) -> Strings:
        """(n,) what was sampled independently: the probe, or the draw itself for latents."""
        index = self.column("index")
        return self._per_row(
            lambda row, probe: f"{self.probe_ids[row]}/{index[row]}" if probe.unit == "draw" else str(self.probe_ids[row])
        )

    @cached_property
    def pairs(self) -> Strings:
        """(n,) ids shared by draws with the same seed in the arms of a counterfactual: pair (or probe) and index."""
        index = self.column("index")
        return self._per_row(lambda row, probe: f"{probe.pair or self.probe_ids[row]}/{index[row]}")

    @cached_property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """Axis name -> its levels among these rows, sorted."""
        found: dict[str, set[str]] = {}
        for probe_id in self.asked[1]:
            for name, level in self.probes[probe_id].levels.items():
                found.setdefault(name, set()).add(level)
        return {name: tuple(sorted(levels)) for name, levels in sorted(found.items())}

    @cached_property
    def contrast_axes(self) -> tuple[str, ...]:
        """Axes whose levels are to be compared (role ``contrast``)."""
        names = {a.name for p in self.asked[1] for a in self.probes[p].axes if a.role == "contrast"}
        return tuple(sorted(names))

    def axis(self, name: str) -> Strings:
        """(n,) level of each draw on an axis; empty where its probe lacks the axis."""
        code, names = self.asked
        levels = np.array([self.probes[probe].levels.get(name, "") for probe in names], dtype=object)
        return np.asarray(levels[code], dtype=object)

    def _per_row(self, function: Callable[[int, Probe], str]) -> Strings:
        rows = [function(row, self.probes[probe_id]) for row, probe_id in enumerate(self.probe_ids)]
        return np.array(rows, dtype=object)

    def where(self, mask: Mask) -> "ScoreTable":
        """The rows where the mask is true."""
        return ScoreTable(self.draws.filter(pa.array(mask)), self.probes, self.scores)

    def select(self, generator: str | None = None, levels: Mapping[str, str] | None = None) -> "ScoreTable":
        """The rows of one generator and of the given axis levels."""
        mask = np.ones(len(self), dtype=bool)
        if generator is not None:
            mask &= np.asarray(pc.equal(self.draws.column("generator"), generator))
        for name, level in (levels or {}).items():
            mask &= self.axis(name) == level
        return self.where(mask)

    def groups(self, axis: str) -> Iterator[tuple[str, "ScoreTable"]]:
        """Level and rows, for each level of an axis; rows without the axis are in none."""
        levels = self.axis(axis)
        for level in self.axes.get(axis, ()):
            yield level, self.where(levels == level)

    def values(self, column: str) -> Values:
        """A score column, ``scorer.column``, over these rows. Of a regional column: the first (largest) region.

        A draw without an image, without a score, or whose scorer abstained has ``present`` false and a reason.
        """
        scorer, _, name = column.rpartition(".")
        scores = self.scores[scorer]
        position = self._rows_of(scorer, regional=self._is_regional(scores, name))
        made = self.outcome == "made"
        found = position >= 0
        taken = scores.take(pa.array(np.where(found, position, 0))) if scores.num_rows else None
        return _values(taken, name, made=made, found=found, outcome=self.outcome)

    @staticmethod
    def _is_regional(scores: pa.Table, name: str) -> bool:
        filled = pc.or_(pc.is_valid(scores.column(name)), pc.is_valid(scores.column(f"{name}:why")))
        return bool(pc.any(pc.and_(filled, pc.greater_equal(scores.column("region"), 0))).as_py())

    def _rows_of(self, scorer: str, *, regional: bool) -> npt.NDArray[np.int64]:
        """(n,) row of the score table for each draw, -1 where there is none; whole-image rows stand in for no region."""
        scores = self.scores[scorer]
        region = np.asarray(scores.column("region").to_numpy(zero_copy_only=False))
        subject = scores.column("subject").combine_chunks()
        rows = self._matched(subject, np.flatnonzero(region == -1))
        if regional:
            largest = self._matched(subject, np.flatnonzero(region == 0))
            rows = np.where(largest >= 0, largest, rows)
        return rows

    def _matched(self, subject: pa.Array, among: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(n,) row, of those among the scores, whose subject is each draw's image or the draw itself; -1 where none is."""
        if not len(among):
            return np.full(len(self), -1, dtype=np.int64)
        # The last of equal subjects counts, and a look-up finds the first.
        among = among[::-1]
        subjects = subject.take(pa.array(among))
        found = _looked_up(self.draws.column("image"), subjects)
        left = pa.array((found < 0) & (self.outcome == "made"))
        if pc.any(pc.match_substring(subjects, "/")).as_py():
            found[np.asarray(left)] = _looked_up(self._draw_keys(left), subjects)
        return np.where(found >= 0, among[found], -1)

    def _draw_keys(self, mask: pa.Array) -> pa.ChunkedArray:
        """``draw_key`` of the rows of a mask."""
        rows = self.draws.filter(mask)
        parts = [rows.column("generator"), rows.column("probe"), pc.cast(rows.column("index"), pa.string())]
        return pc.binary_join_element_wise(*parts, rows.column("image"), "/")


def _looked_up(wanted: pa.ChunkedArray, subjects: pa.Array) -> npt.NDArray[np.int64]:
    """(n,) place of each wanted string among the subjects, -1 where it is not one of them, or null."""
    place = pc.fill_null(pc.index_in(wanted, value_set=subjects, skip_nulls=True), -1)
    return np.array(
        place.to_numpy(zero_copy_only=False) if isinstance(place, pa.Array) else place.to_numpy(), dtype=np.int64
    )


def _coded(data: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], Strings]:
    """Codes (n,) and the distinct strings that they stand for; nulls as empty strings."""
    coded = pc.fill_null(data, "").combine_chunks().dictionary_encode()
    coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
    names = np.array(coded.dictionary.to_pylist(), dtype=object)
    return np.asarray(coded.indices.to_numpy(zero_copy_only=False), dtype=np.int64), names


def _strings(data: pa.ChunkedArray) -> Strings:
    """(n,) strings; equal ones are one object, so that a million rows of few labels are cheap."""
    code, names = _coded(data)
    return np.asarray(names[code], dtype=object) if len(names) else np.zeros(0, dtype=object)


def _values(taken: pa.Table | None, name: str, *, made: Mask, found: Mask, outcome: Strings) -> Values:
    n = len(made)
    reason = np.where(made, MISSING, outcome).astype(object)
    if taken is None or not n:
        return Values(np.zeros(n), np.zeros(n, dtype=bool), reason, np.full(n, np.nan))
    data = taken.column(name)
    present = found & np.asarray(pc.is_valid(data).to_numpy(zero_copy_only=False), dtype=bool)
    why = _strings(taken.column(f"{name}:why").cast(pa.string()))
    reason = np.where(present, "", np.where(found & (why != ""), why, reason)).astype(object)
    confidence = taken.column(f"{name}:confidence").to_numpy(zero_copy_only=False).astype(np.float64)
    return Values(_array(data), present, reason, np.where(present, confidence, np.nan))


def _array(data: pa.ChunkedArray) -> npt.NDArray[np.float64] | npt.NDArray[np.float32] | Strings:
    if pa.types.is_fixed_size_list(data.type):
        flat = data.combine_chunks()
        flat = flat.chunk(0) if isinstance(flat, pa.ChunkedArray) else flat
        width = data.type.list_size
        out = np.zeros((len(flat), width), dtype=np.float32)
        valid = np.asarray(flat.is_valid())
        out[valid] = flat.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        return out
    if pa.types.is_string(data.type):
        return _strings(data)
    if pa.types.is_null(data.type):  # every subject abstained, so not even the kind of value is known
        return np.zeros(len(data), dtype=np.float64)
    return np.asarray(pc.fill_null(data, 0.0).to_numpy(zero_copy_only=False), dtype=np.float64)
