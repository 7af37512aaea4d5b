"""Weight packs on this machine: checked before use, never one in place of another, never downloaded here.

A pack lies in ``<cache>/<name>-<key>/``: its files, a lock file (what was pulled, from where) and a stamp (which
bytes were already checked, so that a pack of 10 GB is not hashed at every start). A pack that comes with an installed
package lies there instead, and is small enough to be hashed each time: nothing is written among a package's files.
"""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_dir
from pydantic import ValidationError

from audit.digest import TAG, digest, file_digest, short
from audit.errors import WeightsError, WeightsMissing, WeightsTampered
from audit.weights.installed import package_folder
from audit.weights.packs import Entry, Pack, PackageSource, Sha256, catalogue

__all__ = [
    "LOCK",
    "Check",
    "Located",
    "Lock",
    "cache_folder",
    "check_files",
    "check_pack",
    "expected_digests",
    "find_pack",
    "home",
    "is_offline",
    "locate",
    "missing",
    "read_lock",
    "remedy",
    "verify",
    "write_stamp",
]

LOCK = "imgaudit.lock.json"
STAMP = "imgaudit.stamp.json"
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
    sha256: Mapping[str, str]
    """File name -> hexadecimal digest."""

    def file(self, name: str) -> Path:
        """The path of one file.

        Raises:
            WeightsError: the pack has no such file.
        """
        if name not in self.files:
            raise WeightsError(f"weight pack {self.name!r} has no file {name!r}; it has {', '.join(self.files)}")
        return self.files[name]


class Lock(Entry):
    """What a pull brought."""

    pack: str
    source: dict[str, Any]
    revision: str
    """The hub commit; empty for other sources."""
    pulled: str
    """UTC time, ISO 8601."""
    files: dict[str, Sha256]


@dataclass(frozen=True, slots=True)
class Check:
    """What the files of a folder must be."""

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
    return check_pack(find_pack(name), trust_stamp=True)


def verify(name: str) -> Located:
    """Like ``locate``, but every byte is hashed."""
    return check_pack(find_pack(name), trust_stamp=False)


def missing(name: str) -> bool:
    """Whether a pack is not on this machine.

    Raises:
        WeightsTampered: it is, but a file is not what it must be.
    """
    try:
        locate(name)
    except WeightsMissing:
        return True
    return False


# ------------------------------------------------------------------------------------------- parts of a check


def check_pack(pack: Pack, *, trust_stamp: bool) -> Located:
    """Check the pulled folder of a pack; see ``locate`` and ``verify``."""
    folder = home(pack)
    if not folder.is_dir():
        raise WeightsMissing(f"weight pack {pack.name!r} is not on this machine. {remedy(pack, is_offline())}")
    expected = expected_digests(pack)
    if len(expected) < len(pack.files):
        raise WeightsTampered(
            f"weight pack {pack.name!r}: {folder / LOCK} is gone, so nothing says what its files must be; "
            f"remove {folder} and run: imgaudit weights pull {pack.name}"
        )
    in_cache = not isinstance(pack.source, PackageSource)
    stamp = _read_stamp(folder) if trust_stamp and in_cache else {}
    checked = check_files(pack, folder, Check(expected, stamp, remedy(pack, offline=False)))
    _no_strangers(pack, folder)
    if checked != stamp and in_cache:
        write_stamp(folder, checked)
    return Located(
        name=pack.name,
        digest=digest({name: TAG + value for name, value in expected.items()}),
        folder=folder,
        pinned=not pack.unpinned,
        files={file.name: folder / file.name for file in pack.files},
        sha256=expected,
    )


def home(pack: Pack) -> Path:
    """The folder of a pack; another source or other digests give another one.

    Raises:
        WeightsMissing: it comes with a package that is not installed.
    """
    if isinstance(pack.source, PackageSource):
        return package_folder(pack.name, pack.source)
    return cache_folder() / f"{pack.name}-{short(pack.key)}"


def remedy(pack: Pack, offline: bool) -> str:
    """What brings a pack that is not here."""
    if isinstance(pack.source, PackageSource):
        return f"It comes with the package {pack.source.package!r}: install that again"
    command = f"imgaudit weights pull {pack.name}"
    if not offline:
        return f"Run: {command}"
    return (
        f"The network is off (--offline or IMGAUDIT_OFFLINE): run {command} on a machine that has one "
        f"and copy its folder {home(pack).name} into {cache_folder()}"
    )


def expected_digests(pack: Pack) -> dict[str, str]:
    """File name -> hexadecimal sha256, from the catalogue or else the first pull; unknown files are left out."""
    known = {file.name: file.sha256 for file in pack.files if file.sha256 is not None}
    lock = read_lock(pack) if pack.unpinned else None
    return known if lock is None else {file.name: known.get(file.name, lock.files[file.name]) for file in pack.files}


def read_lock(pack: Pack) -> Lock | None:
    """What the first pull brought; None where there is no lock file.

    Raises:
        WeightsTampered: it cannot be read.
    """
    path = home(pack) / LOCK
    try:
        lock = Lock.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise _broken_lock(pack, path) from error
    if not {file.name for file in pack.files} <= lock.files.keys():
        raise _broken_lock(pack, path)
    return lock


def _broken_lock(pack: Pack, path: Path) -> WeightsTampered:
    return WeightsTampered(
        f"weight pack {pack.name!r}: {path} is damaged, so nothing says what its files must be; "
        f"remove {path.parent} and run: imgaudit weights pull {pack.name}"
    )


def check_files(pack: Pack, folder: Path, check: Check) -> dict[str, list[Any]]:
    """Check each file; gives what may be written into the stamp: sha256, size and times of each.

    Raises:
        WeightsTampered: a file is gone, is not a plain file, or has another digest.
    """
    checked = {}
    # Installers may link a package's files to a store of theirs; what the link leads to is hashed.
    look = Path.stat if isinstance(pack.source, PackageSource) else Path.lstat
    for file in pack.files:
        path = folder / file.name
        expected = check.expected.get(file.name)
        try:
            state = look(path)
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


def _damage(pack: Pack, name: str, found: str, check: Check) -> WeightsTampered:
    expected = f"expected sha256 {check.expected[name]}" if name in check.expected else "expected a plain file"
    return WeightsTampered(f"weight pack {pack.name!r}: {name} {found}, {expected}; it was not used. {check.remedy}")


def _no_strangers(pack: Pack, folder: Path) -> None:
    """A library that is handed the folder might load a file that nobody checked."""
    known = {file.name for file in pack.files} | {LOCK, STAMP}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if not path.name.startswith(".") and name not in known and (path.is_symlink() or not path.is_dir()):
            raise WeightsTampered(
                f"weight pack {pack.name!r}: found {path}, expected the files of the catalogue alone; "
                f"it was not used. Remove that file, or start anew. {remedy(pack, offline=False)}"
            )


def _read_stamp(folder: Path) -> dict[str, Any]:
    try:
        stamp = json.loads((folder / STAMP).read_bytes())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(folder: Path, checked: Mapping[str, Any]) -> None:
    """Note what was checked, so that the next ``locate`` need not hash it."""
    temporary = folder / f".{STAMP}.{os.getpid()}"
    try:
        temporary.write_text(json.dumps(checked), "utf-8")
        temporary.replace(folder / STAMP)
    except OSError:
        # A cache that only others may write to is fine: it is hashed again next time.
        temporary.unlink(missing_ok=True)
