"""RunStore: what a run holds, by content, complete by check; a kill at any instant loses nothing written before.

    manifest.json  grid.json  findings.json  contributions.parquet  verdicts.json  report.html  SHA256SUMS
    purged.json   where images were deleted on purpose
    draws/<generator>-<key>/part-<digest>.parquet
    scores/<scorer>-<key>/part-<digest>.parquet
    images/ab/abcd....png

Parts and images are named by the digest of their bytes, so writing one twice changes nothing. Every file is written
beside its place and renamed into it. Paths go through fsspec, so a run may live in object storage.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audit.digest import bytes_digest, short
from audit.errors import InputError, StoreError
from audit.files import SUMS
from audit.image_files import ImageFiles, ImageRef
from audit.purges import PURGED
from audit.records import ImageRecord, Made
from audit.table import DRAW_SCHEMA

__all__ = ["SUMS", "ImageRef", "RunStore", "first_of_each"]

PART = ".parquet"
COMPACT_ABOVE = 64


class RunStore(ImageFiles):
    """One run folder: images, tables of draws and scores, and the files on top of them."""

    @classmethod
    def within(cls, root: str | Path, name: str) -> "RunStore":
        """The run of this name in a folder (or URL) of runs; it need not exist yet."""
        return cls(f"{str(root).rstrip('/')}/{name}")

    @classmethod
    def existing(cls, path: str | Path) -> "RunStore":
        """A run that is there already.

        Raises:
            InputError: there is no run at this path.
        """
        store = cls(path)
        if not store.has("manifest.json"):
            raise InputError(f"{path}: no run here (manifest.json is missing); `imgaudit run SPEC` makes one")
        return store

    # ------------------------------------------------------------------------------------------------ tables

    def _parts(self, folder: str) -> list[str]:
        if not self._fs.isdir(self._at(folder)):
            return []
        names = (entry.rpartition("/")[2] for entry in self._fs.ls(self._at(folder), detail=False))
        return sorted(f"{folder}/{name}" for name in names if name.startswith("part-") and name.endswith(PART))

    def _read_part(self, name: str, columns: Sequence[str] | None) -> pa.Table:
        data = self.read(name)
        try:
            # without Arrow's threads: a process that ends soon after they start may abort, and lose its exit code
            return pq.ParquetFile(io.BytesIO(data)).read(columns=list(columns) if columns else None, use_threads=False)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise StoreError(f"{self.path}/{name}: damaged ({error}); delete it and resume") from error

    def _append(self, folder: str, table: pa.Table) -> None:
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        data = buffer.getvalue()
        self._write(f"{folder}/part-{short(bytes_digest(data), 32)}{PART}", data)

    def read_table(self, folder: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """All parts of a folder as one table; None where there is none."""
        tables = [self._read_part(name, columns) for name in self._parts(folder)]
        try:
            return pa.concat_tables(tables, promote_options="permissive") if tables else None
        except pa.ArrowException as error:
            raise StoreError(
                f"{self.path}/{folder}: its parts do not fit together ({error}); run `imgaudit verify`"
            ) from error

    def compact(self, folder: str) -> None:
        """Merge many small parts into one. A kill in between leaves rows twice, which readers expect."""
        parts = self._parts(folder)
        if len(parts) <= COMPACT_ABOVE:
            return
        table = self.read_table(folder)
        self._append(folder, table)
        self._write_sums({name: digest for name, digest in self._sums().items() if name not in parts})
        for name in parts:
            with suppress(FileNotFoundError):  # another process was faster
                self._fs.rm_file(self._at(name))

    def append_draws(self, folder: str, records: Iterable[tuple[ImageRecord, str]]) -> None:
        """Add a part of draws; with each record the location of an image that stays outside, or an empty string."""
        rows = [_draw_row(record, location) for record, location in records]
        self._append(f"draws/{folder}", pa.Table.from_pylist(rows, schema=DRAW_SCHEMA))

    def draws(self, folder: str) -> pa.Table:
        """Draws of one generator, each once: an image wins over a refusal or a filter, and these over a failure."""
        table = self.read_table(f"draws/{folder}")
        if table is None:
            return DRAW_SCHEMA.empty_table()
        rank = pc.index_in(table["outcome"], pa.array(["made", "refused", "filtered", "failed"]))
        ranked = table.append_column("rank", rank)
        ranked = ranked.sort_by([("index", "ascending"), ("probe", "ascending"), ("rank", "ascending")])
        return _first_of(ranked.drop_columns("rank"), ["probe", "index"])

    def append_scores(self, folder: str, table: pa.Table) -> None:
        """Add a part of scores."""
        self._append(f"scores/{folder}", table)

    def scores(
        self, folder: str, columns: Sequence[str] | None = None, subjects: Sequence[str] | None = None
    ) -> pa.Table | None:
        """Scores of one scorer, each subject and region once; of some subjects only, where they are given."""
        wanted = None if columns is None else ["subject", "region", *columns]
        table = self._of_subjects(folder, subjects) if subjects is not None else self.read_table(f"scores/{folder}", wanted)
        return None if table is None else first_of_each(table)

    def _of_subjects(self, folder: str, subjects: Sequence[str]) -> pa.Table | None:
        """Part by part, so that no more than one part and what was asked for is in memory."""
        found = []
        for name in self._parts(f"scores/{folder}"):
            part = self._read_part(name, None)
            found.append(part.filter(pc.is_in(part["subject"], pa.array(subjects))))
        return pa.concat_tables(found, promote_options="permissive") if found else None

    def score_names(self, folder: str) -> set[str]:
        """Names of the stored columns of one scorer, as its first part has them; none where nothing is stored."""
        first = self._parts(f"scores/{folder}")[:1]
        return {name for part in first for name in self._schema(part).names}

    def vectors(self) -> dict[str, list[str]]:
        """Folder of scores -> its columns of vectors; folders without any are left out.

        Raises:
            StoreError: some of the scores are a link to a place outside the run, where vectors would stay.
        """
        self._check_no_link("scores")
        found: dict[str, set[str]] = {}
        for part in self._all_parts("scores"):
            names = {field.name for field in self._schema(part) if _is_vector(field.type)}
            found.setdefault(part.split("/")[1], set()).update(names)
        return {folder: sorted(names) for folder, names in sorted(found.items()) if names}

    def _schema(self, name: str) -> pa.Schema:
        try:
            with self._fs.open(self._at(name), "rb") as file:  # its end says it, so the rest is not read
                return pq.read_schema(file)
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"{self.path}/{name}: damaged ({error}); delete it and resume") from error

    def drop_vectors(self, folder: str) -> None:
        """Write the scores of one scorer again without vectors. A kill in between leaves rows twice, as in ``compact``."""
        for name in self._parts(f"scores/{folder}"):
            table = self._read_part(name, None)
            kept = [field.name for field in table.schema if not _is_vector(field.type)]
            if len(kept) < table.num_columns:
                self._append(f"scores/{folder}", table.select(kept))
                self.remove(name)

    # ------------------------------------------------------------------------------------------------ checks

    def seal(self) -> None:
        """Note every part in ``SHA256SUMS``, so that ``verify`` misses one that is lost."""
        kept = {name: digest for name, digest in self._sums().items() if not name.startswith(("draws/", "scores/"))}
        parts = [name for kind in ("draws", "scores") for name in self._all_parts(kind)]
        self._write_sums(kept | {name: bytes_digest(self.read(name)) for name in parts})

    def all_draws(self) -> Iterator[tuple[str, pa.Table]]:
        """Folder and draws of every generator key that this run ever held."""
        root = self._at("draws")
        for entry in sorted(self._fs.ls(root, detail=False)) if self._fs.isdir(root) else []:
            folder = entry.rpartition("/")[2]
            yield folder, self.draws(folder)

    @cached_property
    def image_refs(self) -> dict[str, ImageRef]:
        """Image digest -> where its bytes are."""
        refs: dict[str, ImageRef] = {}
        for _, table in self.all_draws():
            made = table.filter(pc.equal(table["outcome"], "made"))
            columns = (made.column(name).to_pylist() for name in ("image", "codec", "location"))
            refs |= {image: ImageRef(image, codec, location) for image, codec, location in zip(*columns, strict=True)}
        return refs

    def verify(self, tick: Callable[[int], None] = lambda _: None) -> list[str]:
        """Hash everything again. Gives a line for each file that is missing or changed; none means clean.

        Args:
            tick: called with the number of images that were checked since the last call.
        """
        return [*self._verify_sums(), *self._verify_parts(), *self._verify_images(tick)]

    def _verify_sums(self) -> Iterator[str]:
        if not self.has(SUMS):
            yield f"{SUMS}: missing"
            return
        text = self.read(SUMS).decode("utf-8", "replace")
        lines, _, seal = text.rpartition("# ")
        if seal != f"{bytes_digest(lines.encode())}\n":
            yield f"{SUMS}: changed"
            return
        for name, digest in self._sums().items():
            if not self.has(name):
                yield f"{name}: missing"
            elif bytes_digest(self.read(name)) != digest:
                yield f"{name}: changed"

    def _all_parts(self, kind: str) -> list[str]:
        found = (name.removeprefix(self._root).lstrip("/") for name in self._fs.find(self._at(kind)))
        return sorted(name for name in found if name.endswith(PART))

    def _verify_parts(self) -> Iterator[str]:
        for name in [*self._all_parts("draws"), *self._all_parts("scores")]:
            if name.rpartition("/")[2] != f"part-{short(bytes_digest(self.read(name)), 32)}{PART}":
                yield f"{name}: changed"

    def _verify_images(self, tick: Callable[[int], None]) -> Iterator[str]:
        try:
            refs = self.image_refs
        except StoreError as error:
            yield str(error)
            return
        if self.purges:
            refs = {digest: ref for digest, ref in refs.items() if ref.location}
            left = len(self.held_images())
            if left or not self.purges[-1].finished:
                yield f"{PURGED}: it was cut short, {left} images are left; `imgaudit purge {self.path}` goes on with it"
        for ref in refs.values():
            tick(1)
            try:
                changed = bytes_digest(self._bytes_of(ref)) != ref.digest
            except StoreError:
                yield f"{self._name_of(ref)}: missing"
            else:
                if changed:
                    yield f"{self._name_of(ref)}: changed"


def _is_vector(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _draw_row(record: ImageRecord, location: str) -> dict[str, Any]:
    outcome = record.outcome
    made = isinstance(outcome, Made)
    return {
        **record.draw.model_dump(),
        "outcome": outcome.outcome,
        "reason": outcome.note if isinstance(outcome, Made) else outcome.reason,
        "image": outcome.image if isinstance(outcome, Made) else "",
        "width": outcome.width if isinstance(outcome, Made) else 0,
        "height": outcome.height if isinstance(outcome, Made) else 0,
        "codec": outcome.codec if isinstance(outcome, Made) else "",
        "location": location if made else "",
        "seconds": record.seconds,
        "device": record.device,
        "batch": record.batch,
    }


def first_of_each(table: pa.Table) -> pa.Table:
    """Scores with each subject and region once, sorted by them."""
    return _first_of(table.sort_by([("subject", "ascending"), ("region", "ascending")]))


def _first_of(table: pa.Table, keys: Sequence[str] = ("subject", "region")) -> pa.Table:
    """The first row of each key; the table is sorted by it already."""
    numbered = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    rows = numbered.group_by(list(keys), use_threads=False).aggregate([("row", "min")])["row_min"].to_numpy()
    return table.take(pa.array(np.sort(rows)))
