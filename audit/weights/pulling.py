"""Brings weight packs to this machine: only when asked, whole or not at all.

Files are gathered and checked in a folder of their own and then put in place by one rename, so a killed pull leaves
nothing that could be used by half, and of two pulls at once the first whole one stays.
"""

import importlib
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit.errors import WeightsError, WeightsMissing, WeightsTampered
from audit.weights import index, npm
from audit.weights.cache import (
    LOCK,
    Check,
    Located,
    Lock,
    cache_folder,
    check_files,
    check_pack,
    expected_digests,
    find_pack,
    home,
    is_offline,
    read_lock,
    remedy,
    write_stamp,
)
from audit.weights.download import Link, Progress, Web, silent
from audit.weights.packs import HubSource, IndexSource, NpmSource, Pack, PackageSource, PathSource, UrlSource

__all__ = ["pull"]

STALE_SECONDS = 24 * 3600


def pull(name: str, *, offline: bool = False, progress: Progress = silent) -> Located:
    """Bring a pack to this machine, unless it is here and whole.

    Args:
        name: a name of the catalogue.
        offline: ask no server; folders, file indexes and the hub cache still count.
        progress: told of each download: called with its file and bytes (0: not known), it gives a function that is
            called with the number of bytes just done.

    Raises:
        WeightsMissing: the source does not have it or cannot be reached.
        WeightsTampered: what came is not what the catalogue, or the first pull of an unpinned pack, says.
        WeightsError: the cache cannot be written, or an archive cannot be read.
    """
    pack = find_pack(name)
    if isinstance(pack.source, PackageSource):
        return check_pack(pack, trust_stamp=False)  # installing the package brought it
    try:
        return check_pack(pack, trust_stamp=True)
    except WeightsMissing:
        pass
    except WeightsTampered:
        if pack.unpinned and read_lock(pack) is None:
            raise  # nothing says what to pull again; trusting the source a second time is for the user to decide
    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        with tempfile.TemporaryDirectory(prefix=f".staging-{name}-", dir=root, ignore_cleanup_errors=True) as staging:
            folder = Path(staging) / name
            folder.mkdir()
            _fill(pack, folder, offline=is_offline(offline), progress=progress)
            _shelve(pack, folder)
    except OSError as error:
        raise WeightsError(
            f"pulling {name!r} into {root} failed: {error}; make room or give access there, or set IMGAUDIT_CACHE"
        ) from error
    return check_pack(pack, trust_stamp=True)


def _fill(pack: Pack, folder: Path, *, offline: bool, progress: Progress) -> None:
    """Fetch all files, check them and write the lock file and the stamp."""
    try:
        revision = _fetch(pack, folder, offline=offline, progress=progress)
    except WeightsMissing as error:
        raise WeightsMissing(f"weight pack {pack.name!r} did not come: {error}. {_remedy(pack, offline)}") from error
    except WeightsError as error:
        raise type(error)(f"weight pack {pack.name!r} was not used: {error}") from error
    expected = expected_digests(pack)
    blame = (
        f"What the source holds has changed since the first pull; to accept it, remove {home(pack)} and pull again"
        if pack.unpinned
        else "The source does not hold what the catalogue names: ask whoever runs it"
    )
    checked = check_files(pack, folder, Check(expected, {}, blame))
    lock = Lock(
        pack=pack.name,
        source=pack.source.model_dump(mode="json"),
        revision=revision,
        pulled=datetime.now(UTC).isoformat(timespec="seconds"),
        files={name: mark[0] for name, mark in checked.items()},
    )
    (folder / LOCK).write_text(lock.model_dump_json(indent=1), "utf-8")
    write_stamp(folder, checked)


def _remedy(pack: Pack, offline: bool) -> str:
    if offline:
        return remedy(pack, offline)
    return (
        "Check network, proxy and index settings and pull again, or pull on another machine and copy its folder "
        f"{home(pack).name} into {cache_folder()}"
    )


def _fetch(pack: Pack, into: Path, *, offline: bool, progress: Progress) -> str:
    """Let the source's adapter bring the files; gives the revision that they are of."""
    web = Web(offline=offline)
    match pack.source:
        case IndexSource():
            index.fetch(pack.source, pack.files, into, web=web, progress=progress)
        case NpmSource():
            npm.fetch(pack.source, pack.files, into, web=web, progress=progress)
        case UrlSource():
            _download(pack, pack.source, into, web=web, progress=progress)
        case PathSource():
            _copy(pack, pack.source.folder, into)
        case HubSource():
            return str(_hub().fetch(pack.source, pack.files, into, offline=offline))
    return ""


def _hub() -> Any:
    # By name, as plugins are: importing the core must not import the hub's library.
    try:
        return importlib.import_module("audit.weights.hub")
    except ImportError as error:
        raise WeightsError(
            f"it comes from a model hub, and {error.name} is not installed: pip install 'imgaudit[hub]'"
        ) from error


def _download(pack: Pack, source: UrlSource, into: Path, *, web: Web, progress: Progress) -> None:
    for file in pack.files:
        target = into / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        pin = {} if file.sha256 is None else {"sha256": file.sha256}
        web.download(Link(f"{source.base}/{file.member}", file.name, pin), target, progress)


def _copy(pack: Pack, folder: Path, into: Path) -> None:
    for file in pack.files:
        source, target = folder / file.member, into / file.name
        if not source.is_file():
            raise WeightsMissing(f"there is no file {source}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _shelve(pack: Pack, folder: Path) -> None:
    """Put a checked folder in its place; whoever was faster with a whole one wins, a damaged one makes room."""
    place = home(pack)
    try:
        folder.rename(place)
    except OSError:
        if not place.exists():
            raise
        try:
            check_pack(pack, trust_stamp=False)
        except WeightsError:
            place.rename(folder.with_name("replaced"))  # removed with the staging folder
            folder.rename(place)


def _sweep(root: Path) -> None:
    """Remove what killed pulls left behind a day ago or earlier."""
    for folder in root.glob(".staging-*"):
        try:
            newest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
        except OSError:
            continue  # its owner has just finished
        if time.time() - newest > STALE_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
