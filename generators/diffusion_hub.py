"""Where a diffusers pipeline comes from: a local folder, or the hub through the user's own hub settings."""

import re
from functools import lru_cache
from pathlib import Path

import diffusers
import huggingface_hub
from huggingface_hub import constants

from audit.errors import InputError
from generators.diffusion_folder import PipelineFolder

__all__ = ["complete", "find", "offline"]

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def offline() -> bool:
    """Whether the user's hub settings forbid to fetch anything."""
    return bool(constants.HF_HUB_OFFLINE)


def find(model: str, revision: str) -> PipelineFolder:
    """The pipeline that a local folder or a hub id names.

    Of a hub pipeline only its configuration is fetched here, and nothing where ``HF_HUB_OFFLINE`` is set.

    Args:
        model: a folder, or ``owner/name`` on the hub.
        revision: branch, tag or commit on the hub; empty for the default branch.

    Raises:
        InputError: there is no such folder and no such hub pipeline, or the hub cannot be reached.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        if revision:
            raise InputError(f"{model}: a local folder has no revision; leave `revision` out")
        return PipelineFolder(path)
    if path.exists():
        raise InputError(
            f"{model}: a file; expected a folder written by save_pretrained (a single checkpoint becomes one through "
            "`StableDiffusionPipeline.from_single_file(FILE).save_pretrained(FOLDER)`)"
        )
    if not HUB_ID.fullmatch(model):
        raise InputError(f"{model}: no such folder; `model` is a pipeline's folder or a hub id such as owner/name")
    return _from_hub(model, revision)


@lru_cache(maxsize=64)  # a branch means one commit for the whole run, and the hub is asked once
def _from_hub(hub_id: str, revision: str) -> PipelineFolder:
    try:
        path = Path(huggingface_hub.snapshot_download(hub_id, revision=revision or None, allow_patterns=["*.json"]))
    except Exception as error:  # refusals, time-outs and broken connections have no common class
        raise InputError(_hub_trouble(hub_id, revision, error)) from error
    return PipelineFolder(path, hub_id, commit=path.name)


def complete(folder: PipelineFolder, variant: str) -> PipelineFolder:
    """The folder with all its files: of a hub pipeline the missing ones are fetched, safetensors only.

    Raises:
        InputError: the hub cannot be reached, or has no safetensors weights.
    """
    if not folder.hub_id:
        return folder
    wanted = {"revision": folder.commit, "use_safetensors": True, "variant": variant or None}
    try:
        path = diffusers.DiffusionPipeline.download(folder.hub_id, **wanted)
    except Exception as error:  # as above
        raise InputError(_hub_trouble(folder.hub_id, folder.commit, error)) from error
    return PipelineFolder(Path(path), folder.hub_id, folder.commit)


def _hub_trouble(hub_id: str, revision: str, error: Exception) -> str:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    at = f" at revision {revision}" if revision else ""
    pull = f"hf download {hub_id}" + (f" --revision {revision}" if revision else "")
    why = " (HF_HUB_OFFLINE is set, so nothing is fetched)" if offline() else ""
    return (
        f"{hub_id}{at}: no such folder here, and not available from the hub{why}: {reason}; "
        f"run `{pull}` where the hub can be reached, or give a local folder"
    )
