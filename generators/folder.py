"""Images that already lie on disk, drawn by reference: what another tool generated, or a reference set.

Every file keeps its place; the run refers to it by path and digest. A table of conditions (see ``folder_table``)
groups the images into probes; without one they are draws of a single unconditional probe.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from pathlib import Path, PurePosixPath

from pydantic import Field

from audit.component import DrawBatch, Generator, Product, Request
from audit.digest import digest, file_digest
from audit.errors import GenerationError, InputError
from audit.images import EXTENSIONS
from audit.records import Axis, ClassLabel, Failed, Filtered, Latent, Probe, Refused, TextPrompt
from audit.spec import nearest
from generators.folder_files import ABSENT, content_digest, read, scan, size
from generators.folder_table import Entry, read_table

__all__ = ["Folder"]

Instead = Refused | Filtered | Failed
OUTCOMES: Mapping[str, type[Instead]] = {"refused": Refused, "filtered": Filtered, "failed": Failed}


@dataclass(frozen=True, slots=True)
class _Item:
    """What one draw gives: a file, or the recorded outcome in its stead."""

    file: str
    size: int
    """Bytes; ``ABSENT`` where there is no such file."""
    seed: int | None = None
    instead: Instead | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class _Contents:
    probes: tuple[Probe, ...]
    items: Mapping[str, tuple[_Item, ...]]
    """Probe id -> what its draws 0, 1, ... give."""


class Folder(Generator):
    """Images of a folder, in the formats of ``audit.images``.

    Draw ``i`` of a probe is its i-th file: by the ``seed`` of the table where there is one, then by path, bytewise. Two
    folders whose tables ask the same thing bring the same probes, and are compared probe by probe.

    Hidden files and folders are passed over. Links to files are followed, wherever they lead; links to folders too, but
    no folder may be entered twice, since its images would count twice or without end. A file that is absent or cannot
    be read is a failed draw.
    """

    path: Path
    """The folder; a relative path counts from the current one."""
    table: Path | None = None
    """CSV, JSONL or Parquet with a row for each image; files that it does not name are not part of the set."""
    axes: tuple[str, ...] | None = None
    """Columns of the table that are axes; by default all that have no other meaning."""
    control_axes: tuple[str, ...] = ()
    """Axes that are held fixed and averaged over rather than compared."""
    recursive: bool = True
    """Look into the folders inside it too (without a table)."""
    limit: int | None = Field(default=None, ge=1)
    """Take this many images, chosen by the digest of their paths: spread over the folder, and the same everywhere."""
    suite: str = Field(default="folder", min_length=1)
    """Suite of its probes. With the name of a probe suite, and that suite's ``axes`` in its order, they are its probes."""
    basis: str = Field(default="", alias="subject_basis", exclude=True)
    """Why attributes of depicted people may be inferred: ``generated``, or for photographs a statement such as who
    consented to what. Empty: scorers that look at people refuse to run."""
    batch: int = Field(default=32, ge=1, le=4096, exclude=True)

    def accepts(self) -> tuple[type[TextPrompt] | type[ClassLabel] | type[Latent], ...]:
        """Every kind of condition: the table says what an image was made from."""
        return (TextPrompt, ClassLabel, Latent)

    def fixed_block(self) -> bool:
        """Never: reading a file is no computation."""
        return False

    def subject_basis(self) -> str:
        """What the user states in ``subject_basis``."""
        return self.basis.strip()

    def settings(self) -> dict[str, str]:
        """Where the images come from, how many there are, and the basis for looking at people in them."""
        items = self._contents.items.values()
        found = {"folder": str(self.path), "draws": str(sum(map(len, items))), "subject_basis": self.subject_basis()}
        return found | ({"table": str(self.table)} if self.table else {})

    def fingerprint(self) -> str:
        """Digest of every image's name and bytes and of the table's bytes: a replaced image makes another run."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        names = sorted({item.file for items in self._contents.items.values() for item in items})
        with ThreadPoolExecutor() as pool:
            digests = list(pool.map(lambda name: content_digest(self.path / name), names))
        return digest(
            {"files": dict(zip(names, digests, strict=True)), "table": file_digest(self.table) if self.table else ""}
        )

    def check(self) -> None:
        """Read the table and look for the images.

        Raises:
            InputError: no such folder, no image in it, or a table that cannot be used.
        """
        if not self.path.is_dir():
            found = "a file" if self.path.exists() else "nothing"
            raise InputError(f"{self.path}: expected a folder of images, found {found}; the path counts from {Path.cwd()}")
        if self.table is None and (self.axes or self.control_axes):
            raise InputError("`axes` and `control_axes` name columns of a `table`, and none is given")
        _ = self._contents

    def probes(self) -> tuple[Probe, ...]:
        """A probe for each condition and set of levels in the table, in its order; or one that holds all images."""
        return self._contents.probes

    def open(self, device: str) -> AbstractContextManager[DrawBatch]:  # noqa: ARG002  (nothing is computed)
        """Yield a function that reads the files of a batch."""
        self.check()
        return nullcontext(self._draw)

    def _draw(self, requests: Sequence[Request]) -> list[Product]:
        return [self._product(request) for request in requests]

    def _product(self, request: Request) -> Product:
        items = self._contents.items.get(request.probe.id, ())
        if request.draw.index >= len(items):
            raise GenerationError(
                f"{self.path}: draw {request.draw.index} of probe {request.probe.id} was asked for; the folder has "
                f"{len(items)} images of it, so it changed since the run was planned"
            )
        item = items[request.draw.index]
        return item.instead or read(self.path, item.file)

    @cached_property
    def _contents(self) -> _Contents:
        """What the folder holds, looked up once for each instance."""
        return self._from_table(self.table) if self.table else self._from_files()

    def _from_files(self) -> _Contents:
        found = [_Item(file, found_size) for file, found_size in scan(self.path, recursive=self.recursive)]
        if not found:
            hint = "" if self.recursive else ", and `recursive` is off"
            raise InputError(f"{self.path}: no images in it; looked for files ending in {', '.join(EXTENSIONS)}{hint}")
        items = _ordered(_limited(found, self.limit))
        probe = Probe(suite=self.suite, condition=Latent(), unit="draw", draws=len(items))
        return _Contents((probe,), {probe.id: items})

    def _from_table(self, table: Path) -> _Contents:
        entries = {entry.line: entry for entry in read_table(table, self.axes)}
        items = [_item(self.path, entry) for entry in entries.values()]
        _check_some_exist(items, self.path, table)
        controls = self._controls({name for entry in entries.values() for name, _ in entry.axes}, table)
        groups: dict[tuple[object, ...], list[_Item]] = {}
        for item in sorted(_limited(items, self.limit), key=lambda item: item.line):
            groups.setdefault(_asked(entries[item.line]), []).append(item)
        contents: dict[str, tuple[_Item, ...]] = {}
        probes = []
        for group in groups.values():
            probe = _probe(entries[group[0].line], self.suite, controls).model_copy(update={"draws": len(group)})
            contents[probe.id] = _without_repeats(_ordered(group), table)
            probes.append(probe)
        return _Contents(tuple(probes), contents)

    def _controls(self, axes: set[str], table: Path) -> frozenset[str]:
        for name in self.control_axes:
            if name not in axes:
                raise InputError(f"`control_axes`: {name!r} is no axis of {table}; {nearest(name, sorted(axes))}")
        return frozenset(self.control_axes)


def _asked(entry: Entry) -> tuple[object, ...]:
    """What rows of the same probe have in common."""
    language = entry.language or "en" if entry.prompt else ""
    return entry.prompt, language, entry.label, entry.label_name, entry.pair, entry.axes


def _probe(entry: Entry, suite: str, controls: frozenset[str]) -> Probe:
    axes = tuple(Axis(name=n, level=v, role="control" if n in controls else "contrast") for n, v in entry.axes)
    if entry.prompt:
        text = TextPrompt(text=entry.prompt, language=entry.language or "en")
        return Probe(suite=suite, condition=text, axes=axes, pair=entry.pair)
    if entry.label is not None:
        label = ClassLabel(label=entry.label, name=entry.label_name)
        return Probe(suite=suite, condition=label, axes=axes, pair=entry.pair)
    return Probe(suite=suite, condition=Latent(), axes=axes, pair=entry.pair, unit="draw")


def _item(folder: Path, entry: Entry) -> _Item:
    if entry.outcome != "made":
        reason = entry.reason or f"recorded as {entry.outcome}, without a reason"
        return _Item(entry.file, ABSENT, entry.seed, OUTCOMES[entry.outcome](reason=reason), entry.line)
    file = PurePosixPath(entry.file).as_posix()
    return _Item(file, size(folder / file), entry.seed, None, entry.line)


def _check_some_exist(items: Sequence[_Item], folder: Path, table: Path) -> None:
    named = [item for item in items if item.instead is None]
    if named and all(item.size == ABSENT for item in named):
        raise InputError(
            f"{table}: none of the {len(named)} files that it names is in {folder} (the first is {named[0].file!r}, "
            f"line {named[0].line}); the paths count from that folder"
        )


def _limited(items: list[_Item], limit: int | None) -> list[_Item]:
    return items if limit is None else nsmallest(limit, items, key=lambda item: digest([item.file, item.line]))


def _ordered(items: Sequence[_Item]) -> tuple[_Item, ...]:
    return tuple(sorted(items, key=lambda item: (item.seed is None, item.seed or 0, item.file.encode(), item.line)))


def _without_repeats(items: tuple[_Item, ...], table: Path) -> tuple[_Item, ...]:
    lines: dict[str, int] = {}
    for item in items:
        first = lines.setdefault(item.file, item.line) if item.instead is None else item.line
        if first != item.line:
            raise InputError(f"{table}, lines {first} and {item.line}: {item.file!r} twice under the same condition")
    return items
