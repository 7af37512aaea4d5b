"""Archives, catalogue entries and a scripted server for the tests of weight packs."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MODEL = bytes(range(256)) * 400
MEMBERS = {"toy/model.bin": MODEL, "toy/setup.py": b"raise SystemExit"}
SOURCE = "{ kind = 'wheel', package = 'Toy_Model', version = '1.0' }"
FILENAME = "toy_model-1.0-py3-none-any.whl"

Reply = tuple[int, Mapping[str, str], bytes]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarball(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@dataclass
class Server:
    """Answers from a table of pages, or by a function; remembers what it was asked."""

    pages: dict[str, bytes | Callable[[], Reply]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def reply(self, path: str, headers: Mapping[str, str]) -> Reply:
        self.asked.append(path)
        self.headers.append({name.lower(): value for name, value in headers.items()})
        page = self.pages.get(path)
        if page is None:
            return 404, {}, b""
        if callable(page):
            return page()
        kind = "text/html" if path.endswith("/") else "application/octet-stream"
        return 200, {"Content-Type": kind}, page

    def add_release(self, project: str, filename: str, data: bytes, *, stated: str | None = None) -> None:
        """List an archive on a PEP 503 page; ``stated`` is the digest in its link (empty: none)."""
        stated = sha256(data) if stated is None else stated
        link = f"../../files/{filename}" + (f"#sha256={stated}" if stated else "")
        page = self.pages.setdefault(f"/simple/{project}/", b"<!DOCTYPE html>")
        assert isinstance(page, bytes)
        self.pages[f"/simple/{project}/"] = page + f'<a href="{link}">{filename}</a>'.encode()
        self.pages[f"/files/{filename}"] = data


def entry(name: str, source: str, files: Mapping[str, tuple[str, bytes | None]]) -> str:
    """A catalogue table; ``files`` is name -> (member, bytes); without bytes the file has no digest."""
    lines = [
        f"  {{ name = {name!r}, member = {member!r}"
        + ("" if data is None else f", size = {len(data)}, sha256 = '{sha256(data)}'")
        + " },"
        for name, (member, data) in files.items()
    ]
    unpinned = any(data is None for _, data in files.values())
    return (
        f"[{name}]\ntitle = 'T'\nlicence = 'MIT'\nlicence_source = 'S'\nintended_use = 'U'\nlimits = 'L'\n"
        f"unpinned = {str(unpinned).lower()}\nsource = {source}\nfiles = [\n" + "\n".join(lines) + "\n]\n"
    )
