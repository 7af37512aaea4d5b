"""Bytes over HTTP or from a file URL: checked while they stream, and never more of them than expected."""

import base64
import hashlib
import http.client
import netrc
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from audit.errors import WeightsError, WeightsMissing, WeightsTampered

__all__ = ["Link", "Progress", "Web", "authorization", "file_path", "silent", "without_password"]

Progress = Callable[[str, int], Callable[[int], None]]
"""Called with a file and its bytes (0: not known); gives a function that is told of the bytes just done."""

CHUNK = 1 << 20
PAGE_LIMIT = 256 << 20  # metadata of a package with thousands of releases stays far below
ARCHIVE_LIMIT = 64 << 30
ATTEMPTS = 3
STRONG = ("sha256", "sha384", "sha512")
NETWORK_ERRORS = (urllib.error.URLError, ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Link:
    """An archive that an index offers."""

    url: str
    filename: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    """Algorithm -> hexadecimal digest, as the index states it."""


@dataclass(frozen=True, slots=True)
class Web:
    """How this user reaches servers."""

    offline: bool = False
    timeout: float = 15.0
    """Seconds without a byte."""
    certificates: str = ""
    """File or folder of trusted authorities; empty: the system's."""
    client_certificate: str = ""
    proxy: str = ""
    trusted_hosts: frozenset[str] = frozenset()
    """Hosts (or ``host:port``) whose certificate is not checked, by the user's own setting."""
    authorization: Mapping[str, str] = field(default_factory=dict)
    """``host[:port]`` -> Authorization header."""

    @contextmanager
    def open(self, url: str, accept: str = "*/*") -> Iterator[tuple[IO[bytes], str, str]]:
        """Open a URL; gives the stream, its content type and the address that answered in the end."""
        if urlsplit(url).scheme == "file":
            path = file_path(url)
            with path.open("rb") as stream:
                yield stream, "text/html" if path.suffix in {".html", ".htm"} else "", url
            return
        request = self._request(url, accept)
        with self._opener(urlsplit(url)).open(request, timeout=self.timeout) as response:
            yield response, response.headers.get_content_type(), response.url

    def page(self, url: str, accept: str = "*/*") -> tuple[bytes, str, str]:
        """Read a page of metadata; gives its bytes, content type and final address."""

        def read() -> tuple[bytes, str, str]:
            with self.open(url, accept) as (stream, kind, final):
                data = stream.read(PAGE_LIMIT + 1)
            if len(data) > PAGE_LIMIT:
                raise WeightsError(f"{without_password(url)} sent more than {PAGE_LIMIT} bytes of metadata")
            return data, kind, final

        return _persistent(read, url)

    def download(self, link: Link, target: Path, progress: Progress) -> None:
        """Write the link's bytes to ``target`` and check the digests that the link states.

        Raises:
            WeightsTampered: the bytes are not what the index said they are.
            WeightsError: the server did not deliver.
        """
        _persistent(lambda: self._download(link, target, progress), link.url)

    def _download(self, link: Link, target: Path, progress: Progress) -> None:
        sums = {name: hashlib.new(name) for name in link.hashes if name in STRONG}
        with self.open(link.url) as (stream, _, _), target.open("wb") as file:
            expected = _length(stream)
            done = 0
            tick = progress(link.filename, expected)
            while piece := stream.read(CHUNK):
                done += len(piece)
                if done > ARCHIVE_LIMIT:
                    raise WeightsError(f"{without_password(link.url)} is larger than {ARCHIVE_LIMIT} bytes; not taken")
                file.write(piece)
                for checksum in sums.values():
                    checksum.update(piece)
                tick(len(piece))
        if expected and done != expected:
            raise ConnectionError(f"{done} of {expected} bytes came")
        for name, checksum in sums.items():
            if checksum.hexdigest() != link.hashes[name].lower():
                raise WeightsTampered(
                    f"{link.filename} from {without_password(link.url)}: {name} is {checksum.hexdigest()}, "
                    f"expected {link.hashes[name]}; not used. Pull again, or ask whoever runs that index"
                )

    def _request(self, url: str, accept: str) -> urllib.request.Request:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise WeightsError(f"{without_password(url)}: only http, https and file addresses can be used")
        if self.offline:
            raise WeightsMissing(f"{parts.hostname} was not asked, because the network is off")
        headers = {"User-Agent": "imgaudit", "Accept": accept, "Accept-Encoding": "identity"}
        request = urllib.request.Request(without_password(url), headers=headers)  # noqa: S310 - the scheme was checked
        # "Unredirected": a redirect to another host does not carry the user's password there.
        if header := _basic(url) or self.authorization.get(_netloc(url)) or _from_netrc(parts.hostname):
            request.add_unredirected_header("Authorization", header)
        return request

    def _opener(self, parts: SplitResult) -> urllib.request.OpenerDirector:
        # Assembled by hand, because the ready-made opener would also follow a redirect to ftp.
        opener = urllib.request.OpenerDirector()
        proxies = {"http": self.proxy, "https": self.proxy} if self.proxy else None
        for handler in (
            urllib.request.ProxyHandler(proxies),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(context=self._tls(parts)),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            opener.add_handler(handler)
        return opener

    def _tls(self, parts: SplitResult) -> ssl.SSLContext:
        if self.certificates and Path(self.certificates).is_dir():
            context = ssl.create_default_context(capath=self.certificates)
        else:
            context = ssl.create_default_context(cafile=self.certificates or None)
        if self.client_certificate:
            context.load_cert_chain(self.client_certificate)
        if {parts.hostname, parts.netloc.rpartition("@")[2]} & self.trusted_hosts:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def silent(_file: str, _size: int) -> Callable[[int], None]:
    """Progress that nobody watches."""
    return lambda _done: None


def file_path(url: str) -> Path:
    """The path of a file URL."""
    return Path(urllib.request.url2pathname(urlsplit(url).path))


def without_password(url: str) -> str:
    """The URL as it may be shown: without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=_netloc(url)))


def _persistent(action: Callable[[], T], url: str) -> T:
    """Try again where trying again can help; translate the library's errors."""
    shown = without_password(url)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in {429, 500, 502, 503, 504} or attempt == ATTEMPTS:
                raise WeightsMissing(f"{shown} answered {error.code} {error.reason}") from error
        except FileNotFoundError as error:
            raise WeightsMissing(f"{error.filename} does not exist") from error
        except NETWORK_ERRORS as error:
            if attempt == ATTEMPTS:
                raise WeightsMissing(f"{shown} cannot be reached: {getattr(error, 'reason', error)}") from error
        time.sleep(0.3 * attempt)
    raise AssertionError("the last attempt returns or raises")


def _length(stream: IO[bytes]) -> int:
    headers = getattr(stream, "headers", None)
    if headers is None:
        return os.fstat(stream.fileno()).st_size
    value = headers.get("Content-Length", "")
    return int(value) if value.isdigit() else 0


def _netloc(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _basic(url: str) -> str:
    parts = urlsplit(url)
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _from_netrc(host: str) -> str:
    path = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        found = netrc.netrc(str(path)).hosts.get(host)  # not `authenticators`: its default entry goes to any host
    except (OSError, netrc.NetrcParseError):
        return ""
    if found is None:
        return ""
    return "Basic " + base64.b64encode(f"{found[0]}:{found[2]}".encode()).decode()


def authorization(urls: Iterable[str]) -> dict[str, str]:
    """``host[:port]`` -> Authorization header, from the passwords that stand in URLs."""
    return {_netloc(url): header for url in urls if (header := _basic(url))}
