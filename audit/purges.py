"""The log of what was deleted from a run on purpose: ``purged.json``, written before the first byte goes."""

from collections.abc import Sequence

from pydantic import Field, ValidationError

from audit.errors import StoreError
from audit.files import RunFiles
from audit.records import Record

__all__ = ["PURGED", "Purge", "PurgeLog", "closed", "read_purges", "write_purge"]

PURGED = "purged.json"


class Purge(Record):
    """One deletion. Nobody is named in it, and no image: digests of images stand in the draws that are kept."""

    started: str
    finished: str = ""
    """Empty where it was cut short: the same command goes on with it."""
    reason: str
    images: int = Field(ge=0)
    """Images that the run held."""
    size: int = Field(ge=0)
    """Their bytes."""
    outside: int = Field(ge=0)
    """Images that the run only refers to; they stay where they are."""
    vectors: tuple[str, ...] = ()
    """Columns of vectors that were deleted from the scores, as ``folder.column``."""
    reports: tuple[str, ...] = ()
    """Reports of the run, which may have held small copies of images: drawn again without them, or deleted."""


class PurgeLog(Record):
    """The file as it is stored."""

    imgaudit_purges: int = 1
    purges: tuple[Purge, ...]


def read_purges(files: RunFiles) -> tuple[Purge, ...]:
    """Deletions in their order; none where nothing was deleted.

    Raises:
        StoreError: the log is damaged.
    """
    if not files.has(PURGED):
        return ()
    try:
        return PurgeLog.model_validate(files.read_json(PURGED)).purges
    except ValidationError as error:
        fault = error.errors()[0]
        why = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        raise StoreError(f"{files.path}/{PURGED}: damaged ({why}); restore it, or delete it and purge again") from error


def write_purge(files: RunFiles, purge: Purge) -> None:
    """Add a deletion to the log, in place of the last one where that was cut short."""
    kept = [earlier for earlier in read_purges(files) if earlier.finished]
    files.write_json(PURGED, PurgeLog(purges=(*kept, purge)).model_dump(mode="json"))


def closed(purges: Sequence[Purge]) -> str:
    """What a purged run says to work that would need its images."""
    return (
        f"its images were purged on {purges[-1].started[:10]} (see {PURGED}) and are not drawn again in silence; "
        "for new images, run the spec under another `name`"
    )
