"""An image API that speaks the protocol of OpenAI's ``images/generations``: hosted services and servers of one's own.

One request an image. What the service declines to draw is an outcome, not a failure; what it sends is kept byte for
byte. The key comes from the environment and is never stored, logged or put into a message.
"""

import ipaddress
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import httpx
from pydantic import AfterValidator, Field, FiniteFloat, JsonValue, SecretStr

from audit.component import DrawBatch, Generator
from audit.digest import canonical_json
from audit.errors import InputError
from audit.records import TextPrompt
from generators.endpoint_session import Limits, Service, Session

__all__ = ["Endpoint"]

OWN_KEYS = frozenset({"prompt", "model", "size", "n", "seed", "stream"})
SECRET = re.compile(r"key|token|secret|password|authorization", re.IGNORECASE)


def _plain_address(base_url: str) -> str:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"not an address ({error})") from None
    if url.scheme not in ("https", "http") or not url.host:
        raise ValueError("not an address such as https://api.example.com/v1")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("an address with a user, a query or a fragment would be stored; keys come from `key_env`")
    return base_url.rstrip("/")


def _no_own_keys(extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
    for name in extra:
        if name in OWN_KEYS:
            raise ValueError(f"{name!r} is set by the audit itself; `extra` holds other parameters")
        if SECRET.search(name):
            raise ValueError(f"{name!r} looks like a secret, and parameters are stored; keys come from `key_env`")
    return extra


class Endpoint(Generator):
    """Draws images from an OpenAI-compatible API, ``concurrency`` requests at a time.

    Tried again, with growing random pauses: answers 408, 409, 425, 429 (waiting as long as ``Retry-After`` says) and
    5xx, broken connections, and requests that take longer than ``timeout_seconds``. What still fails then, and every
    answer that makes no sense, is a failed draw. A content policy's "no" is a refused draw; an image that the service
    says it drew and withheld is a filtered one.

    Raises:
        GenerationError: while drawing, where no later draw could succeed: a rejected key, a used-up quota, an unknown
            address or model, or ``give_up_after`` draws in a row that failed however often they were tried.
    """

    base_url: Annotated[str, AfterValidator(_plain_address)]
    """What stands before ``/images/generations``, for example ``https://api.openai.com/v1``."""
    model: str = Field(min_length=1)
    size: str = Field(default="1024x1024", pattern=r"^(auto|[1-9]\d{0,4}x[1-9]\d{0,4})$")
    extra: Annotated[dict[str, JsonValue], AfterValidator(_no_own_keys)] = {}
    """Further fields of the request as the service defines them: ``quality``, ``style``, ``response_format``, ..."""
    send_seed: bool = False
    """Send the draw's seed modulo 2**31 as ``seed``, to a service that knows it."""
    key_env: str = Field(default="OPENAI_API_KEY", pattern=r"^\w*$", exclude=True)
    """Environment variable that holds the key; empty for a server that wants none."""
    key_header: str = Field(default="Authorization", pattern=r"^[A-Za-z][A-Za-z-]*$", exclude=True)
    """Header for the key; ``Authorization`` gets ``Bearer KEY``, any other (such as ``api-key``) the key itself."""
    allow_http: bool = Field(default=False, exclude=True)
    """Allow ``http`` to other machines too: key, prompts and images then cross the network in the open."""
    timeout_seconds: FiniteFloat = Field(default=120, gt=0, le=3600, exclude=True)
    """For one request, from connecting to the last byte."""
    retries: int = Field(default=5, ge=0, le=20, exclude=True)
    first_pause_seconds: FiniteFloat = Field(default=1, ge=0, le=60, exclude=True)
    """Pause before the first retry; it doubles each time, up to a minute, and is shortened at random by up to a half."""
    concurrency: int = Field(default=4, ge=1, le=64, exclude=True)
    give_up_after: int = Field(default=20, ge=1, exclude=True)
    """Stop the run after so many draws in a row that failed in spite of all retries."""
    batch: int = Field(default=16, ge=1, le=4096, exclude=True)

    def accepts(self) -> tuple[type[TextPrompt]]:
        """Text prompts only."""
        return (TextPrompt,)

    def fixed_block(self) -> bool:
        """Never: the images are computed elsewhere."""
        return False

    def asked_size(self) -> tuple[int, int] | None:
        """Width and height of ``size``; None for ``auto``."""
        if self.size == "auto":
            return None
        width, _, height = self.size.partition("x")
        return int(width), int(height)

    def settings(self) -> dict[str, str]:
        """Model, address and every parameter of the request; not the key."""
        return {
            "endpoint": self.base_url,
            "model": self.model,
            "size": self.size,
            "extra": canonical_json(self.extra).decode(),
            "seed": "sent" if self.send_seed else "not sent: draws cannot be repeated",
        }

    def check(self) -> None:
        """Look at the address and the key before any request.

        Raises:
            InputError: plain http to another machine, or the environment variable is unset or holds no usable key.
        """
        url = httpx.URL(self.base_url)
        if url.scheme == "http" and not (self.allow_http or is_loopback(url.host)):
            raise InputError(f"{self.base_url}: http would send the key in the open; use https, or set `allow_http: true`")
        self._key()

    def _key(self) -> SecretStr | None:
        if not self.key_env:
            return None
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise InputError(f"the environment variable {self.key_env} is not set; it holds the key for {self.base_url}")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise InputError(f"the environment variable {self.key_env} holds no key: it has spaces or special characters")
        return SecretStr(key)

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:  # noqa: ARG002  (nothing is computed here)
        """Yield a function that requests the images of a batch side by side."""
        self.check()
        host = httpx.URL(self.base_url).host
        service = Service(
            address=f"{self.base_url}/images/generations",
            fields={"model": self.model, "size": self.size, "n": 1, **self.extra},
            send_seed=self.send_seed,
            key=self._key(),
            key_env=self.key_env,
            key_header=self.key_header,
            local=is_loopback(host),
            http_images=self.allow_http or is_loopback(host),
        )
        limits = Limits(
            timeout_seconds=self.timeout_seconds,
            retries=self.retries,
            first_pause_seconds=self.first_pause_seconds,
            concurrency=self.concurrency,
            give_up_after=self.give_up_after,
        )
        with Session(service, limits) as session:
            yield session.draw


def is_loopback(host: str) -> bool:
    """Whether a host name certainly means this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
