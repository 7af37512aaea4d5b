"""Files from a model hub through huggingface_hub: the user's own token, endpoint, mirror and cache."""

import os
import shutil
import socket
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from audit.errors import WeightsError, WeightsMissing
from audit.weights.packs import HubSource, PackFile

__all__ = ["fetch"]


def fetch(source: HubSource, files: Sequence[PackFile], into: Path, *, offline: bool) -> str:
    """Bring files into a folder; gives the commit that they are of.

    Without a network (``offline`` or the hub's own HF_HUB_OFFLINE) files of the user's hub cache are still used.

    Raises:
        WeightsMissing: the hub cannot be reached, or does not have (or not show this user) the file.
    """
    revision = source.revision
    offline = offline or not _resolves()
    for file in files:
        cached = Path(_download(source, file.member, revision, offline=offline))
        # Every further file comes from the commit of the first, even if the branch moves in between.
        revision = _commit(cached, file.member)
        target = into / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        _place(cached.resolve(), target)
    return revision


def _resolves() -> bool:
    """Whether the hub's name is known; without a network the library itself would try again for half a minute."""
    if urllib.request.getproxies():
        return True  # then the proxy resolves it
    try:
        socket.getaddrinfo(urlsplit(constants.ENDPOINT).hostname, None)
    except socket.gaierror:
        return False
    return True


def _download(source: HubSource, member: str, revision: str, *, offline: bool) -> str:
    what = f"{member} of {source.repo}@{revision}"
    try:
        return str(hf_hub_download(source.repo, member, revision=revision, local_files_only=offline))
    except GatedRepoError as error:
        raise WeightsMissing(f"{what}: accept the terms of {source.repo} on the hub, then set HF_TOKEN") from error
    except LocalEntryNotFoundError as error:
        why = f"{constants.ENDPOINT} cannot be reached, or the network is off (--offline, IMGAUDIT_OFFLINE, HF_HUB_OFFLINE)"
        raise WeightsMissing(f"{what} is not in the hub cache, and {why}") from error
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        raise WeightsMissing(f"{what} does not exist on {constants.ENDPOINT}, or HF_TOKEN may not read it") from error
    except Exception as error:  # which HTTP library lies below, and what it raises, changes between hub releases
        raise WeightsError(f"{what} did not arrive: {error}") from error


def _commit(cached: Path, member: str) -> str:
    """The commit in ``.../snapshots/<commit>/<member>``."""
    return cached.parents[member.count("/")].name


def _place(blob: Path, target: Path) -> None:
    """Put a blob of the hub cache into ours; a hard link where that works, so that 10 GB lie on the disk once."""
    try:
        os.link(blob, target)
    except OSError:
        shutil.copyfile(blob, target)
