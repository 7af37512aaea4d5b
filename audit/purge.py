"""Deleting the images of a run and keeping its figures; and what cannot be done with such a run any more."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from audit.errors import StoreError
from audit.plan import Plan, PlannedGenerator, PlannedScorer
from audit.purges import PURGED, Purge, closed, write_purge
from audit.results import read_manifest
from audit.store import SUMS, RunStore
from audit.table import draw_key

__all__ = ["Extent", "check_images_left", "delete", "extent", "finish", "reports_of", "why_it_stands"]

RECORDS = frozenset({"manifest.json", "grid.json", "findings.json", "contributions.parquet", "verdicts.json", PURGED, SUMS})
"""Files of a run that hold no picture. Any other at its top is a report, which may."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a purge of a run would delete."""

    images: int
    size: int
    """Bytes of the images."""
    outside: int
    """Images outside the run, which stay where they are."""
    reports: tuple[str, ...]
    """Files of the run that may hold small copies of images."""
    shows: bool
    """Reports show small copies of images, or would: nothing was purged, and there are images in the run or outside."""
    vectors: dict[str, list[str]]
    """Folder of scores -> its columns of vectors; empty where vectors are to stay."""
    cut_short: bool
    """An earlier purge was not finished."""

    @property
    def nothing(self) -> bool:
        """Everything was deleted before, and no report shows a picture."""
        return not (self.images or self.vectors or self.cut_short or self.shows)


def extent(store: RunStore, *, vectors: bool, filenames: Iterable[str] = ()) -> Extent:
    """See what there is to delete; touches nothing.

    Args:
        vectors: whether feature vectors are to go too.
        filenames: what reports call their files.

    Raises:
        StoreError: the run is damaged, or its folder of images or of vectors is a link to another place.
    """
    held = store.held_images()
    cut_short = bool(store.purges) and not store.purges[-1].finished
    begun = store.purges[-1].vectors if cut_short else ()
    stored = store.vectors() if vectors or begun else {}  # else damaged scores would keep images from being deleted
    asked = {f: [c for c in names if vectors or f"{f}.{c}" in begun] for f, names in stored.items()}
    outside = sum(bool(ref.location) for ref in store.image_refs.values())
    return Extent(
        images=len(held),
        size=sum(held.values()),
        outside=outside,
        reports=tuple(reports_of(store, filenames)),
        shows=not store.purges and bool(held or outside),
        vectors={folder: names for folder, names in asked.items() if names},
        cut_short=cut_short,
    )


def delete(store: RunStore, found: Extent, reason: str) -> Purge:
    """Log the purge, then delete. A kill at any instant leaves a log that says so, and the same call goes on.

    The log is closed by ``finish``, after the reports are drawn again: they hold small copies of the images.
    """
    purge = Purge(
        started=_now(),
        reason=reason,
        images=found.images,
        size=found.size,
        outside=found.outside,
        vectors=tuple(f"{folder}.{column}" for folder, columns in found.vectors.items() for column in columns),
        reports=found.reports,
    )
    if found.cut_short:
        purge = _continued(store.purges[-1], purge)
    write_purge(store, purge)
    store.remove_images()
    store.remove_leavings()
    for folder in found.vectors:
        store.drop_vectors(folder)
    if purge.vectors:
        store.seal()
    return purge


def _continued(earlier: Purge, now: Purge) -> Purge:
    """The purge that was cut short counted all that there was; only what it did not ask for is added."""
    vectors = tuple(dict.fromkeys([*earlier.vectors, *now.vectors]))
    more = {"vectors": vectors, "images": max(earlier.images, now.images)}
    return earlier.model_copy(update={**more, "reports": tuple(sorted({*earlier.reports, *now.reports}))})


def finish(store: RunStore, purge: Purge) -> Purge:
    """Say in the log that everything is gone."""
    done = purge.model_copy(update={"finished": _now()})
    write_purge(store, done)
    return done


def reports_of(store: RunStore, filenames: Iterable[str]) -> list[str]:
    """Files of the run that may hold pictures besides its images: its reports.

    Args:
        filenames: what reports call their files. A kill may have left one that ``SHA256SUMS`` does not know.
    """
    names = {*store.names(""), *(name for name in filenames if store.has(name))}
    return sorted(name for name in names if "/" not in name and name not in RECORDS)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


# ------------------------------------------------------------------------------------------- work on a purged run


def check_images_left(plan: Plan, store: RunStore, *, retry_failed: bool) -> None:
    """See that a plan needs nothing of what was purged; of a run with its images this asks nothing.

    Raises:
        StoreError: it does; says what needs it, and what can be done.
    """
    if not store.purges:
        return
    for lack in _lacks(plan, store, retry_failed=retry_failed):
        raise StoreError(f"{store.path}: {lack.words}; {closed(store.purges)}")


def why_it_stands(plan: Plan, store: RunStore, *, retry_failed: bool) -> str:
    """Why a purged run that was finished by this very plan is left as it is; empty where there is work, or an error.

    Columns that are never stored cannot be had again without the images, and neither can what was measured on them: but
    nothing was asked that the stored findings do not say.
    """
    if not (store.purges and store.has("findings.json")):
        return ""
    manifest = read_manifest(store)
    same = all(manifest.keys.get(f"scorer.{scorer.name}") == scorer.key for scorer in plan.scorers)
    if not (manifest.finished and same and manifest.spec == plan.spec.model_dump(mode="json")):
        return ""
    lacks = list(_lacks(plan, store, retry_failed=retry_failed))
    if not lacks or any(not lack.scorer for lack in lacks):
        return ""
    scorers = ", ".join(dict.fromkeys(lack.scorer for lack in lacks))
    return (
        f"what {scorers} says is never stored, and the images were purged on {store.purges[-1].started[:10]}: "
        "nothing was measured again, the figures stand as they were"
    )


@dataclass(frozen=True, slots=True)
class _Lack:
    """A need that cannot be met."""

    words: str
    scorer: str = ""
    """The scorer, where all that is lacking is what it never stores."""


def _lacks(plan: Plan, store: RunStore, *, retry_failed: bool) -> Iterator[_Lack]:
    for generator in plan.generators:
        rows = _rows(generator, store.draws(generator.folder))
        if retry_failed:
            rows = [row for row in rows if row["outcome"] != "failed"]
        if undrawn := generator.total - len(rows):
            yield _Lack(f"generators.{generator.name}: {undrawn} images are not drawn yet")
        held = [row for row in rows if row["outcome"] == "made" and not row["location"]]
        for scorer in (scorer for scorer in plan.scorers if held and scorer.name in generator.scorers):
            if scorer.component.in_memory:
                told = f"scorers.{scorer.name}: what it says is never stored, so it needs images of {generator.name}"
                yield _Lack(told, scorer.name)
            elif unseen := len(_subjects(scorer, held) - _scored(scorer, store)):
                yield _Lack(f"scorers.{scorer.name}: {unseen} images of {generator.name} are not scored yet")
    gone = {column for purge in store.purges for column in purge.vectors}
    for metric in plan.metrics:
        for scorer, column in ((s, c) for s in plan.scorers for c in s.component.columns()):
            if f"{scorer.name}.{column.name}" in metric.component.reads() and f"{scorer.folder}.{column.name}" in gone:
                yield _Lack(f"metrics.{metric.name}: it reads {scorer.name}.{column.name}, which was deleted on purpose")


def _rows(generator: PlannedGenerator, table: pa.Table) -> list[dict[str, object]]:
    """Stored draws that the plan wants."""
    limit = {wanted.probe.id: wanted.draws for wanted in generator.wanted}
    names = ["generator", "probe", "index", "outcome", "image", "location"]
    return [row for row in table.select(names).to_pylist() if row["index"] < limit.get(row["probe"], 0)]


def _subjects(scorer: PlannedScorer, rows: list[dict[str, object]]) -> set[str]:
    if scorer.component.subject == "image":
        return {str(row["image"]) for row in rows}
    keys = ((row["generator"], row["probe"], row["index"], row["image"]) for row in rows)
    return {draw_key(str(name), str(probe), int(str(index)), str(image)) for name, probe, index, image in keys}


def _scored(scorer: PlannedScorer, store: RunStore) -> set[str]:
    table = store.read_table(f"scores/{scorer.folder}", ["subject"])
    return set() if table is None else set(pc.unique(table["subject"]).to_pylist())
