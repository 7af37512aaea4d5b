"""Requests to an image API: side by side, tried again where that may help, and cancelled at once when the run stops."""

import asyncio
import json
import math
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import JsonValue, SecretStr

from audit.component import Encoded, Product, Request
from audit.errors import GenerationError, InputError
from audit.records import Failed, TextPrompt
from generators.endpoint_reply import Again, Answer, Found, Hopeless, Link, read_answer, read_image

__all__ = ["Limits", "Service", "Session"]

T = TypeVar("T")

MAX_IMAGE_BYTES = 64 * 2**20
MAX_ANSWER_BYTES = MAX_IMAGE_BYTES * 4 // 3 + 2**20  # base64, and what stands around it
MAX_PAUSE_SECONDS = 60.0
CONNECT_SECONDS = 15.0
POLL_SECONDS = 0.25
REMEDIES = {
    "key": "the key in {key_env} was not accepted; set one that may use this model, then run again",
    "quota": "the quota or budget of the key in {key_env} is used up; raise it, then run again",
    "address": "there is no such address or model; correct `base_url` or `model`",
}


@dataclass(frozen=True, slots=True)
class Service:
    """Whom to ask, and how."""

    address: str
    fields: Mapping[str, JsonValue]
    """Of every request; the prompt is added."""
    send_seed: bool
    key: SecretStr | None
    key_env: str
    key_header: str
    local: bool
    """It runs on this machine, so no proxy of the environment is asked."""
    http_images: bool
    """Whether a link to an image may be plain http."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often to try; see ``Endpoint``."""

    timeout_seconds: float
    retries: int
    first_pause_seconds: float
    concurrency: int
    give_up_after: int


@dataclass(slots=True)
class _KeyAuth(httpx.Auth):
    """Puts the key into a request at the last moment, so that no object that may be printed holds it."""

    header: str
    key: SecretStr = field(repr=False)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        prefix = "Bearer " if self.header.lower() == "authorization" else ""
        request.headers[self.header] = prefix + self.key.get_secret_value()
        yield request


class _TooLarge(Exception):
    """An answer goes on beyond what an image can need."""


class Session:
    """An event loop in a thread of its own, with one client; ``draw`` is called from outside it."""

    def __init__(self, service: Service, limits: Limits) -> None:
        self._service, self._limits = service, limits
        self._auth = _KeyAuth(service.key_header, service.key) if service.key else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="imgaudit-endpoint", daemon=True)
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._failed_in_a_row = 0

    def __enter__(self) -> Self:
        self._client = self._connect()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._call(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def draw(self, requests: Sequence[Request]) -> list[Product]:
        """Ask for the images of a batch; one product a request, in order."""
        return self._call(self._draw_all(requests))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work in the loop, and cancel it if the wait ends early (Ctrl-C) or the program is leaving."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while not wait([future], timeout=POLL_SECONDS).done:
                if not threading.main_thread().is_alive():
                    raise GenerationError("stopped while waiting for an endpoint")
        except BaseException:
            future.cancel()
            raise
        return future.result()

    def _connect(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=self._limits.concurrency, max_keepalive_connections=self._limits.concurrency)
        timeout = httpx.Timeout(None, connect=min(CONNECT_SECONDS, self._limits.timeout_seconds))
        try:
            return httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=not self._service.local)
        except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
            raise InputError(f"the proxy or certificate settings of the environment cannot be used ({error})") from error

    async def _disconnect(self) -> None:
        await self._client.aclose()
        await self._loop.shutdown_asyncgens()

    async def _draw_all(self, requests: Sequence[Request]) -> list[Product]:
        tasks = [asyncio.create_task(self._draw_one(request)) for request in requests]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _draw_one(self, request: Request) -> Product:
        rng = random.Random(request.draw.seed)
        async with self._slots:
            found = await self._with_retries(lambda: self._ask(request), rng)
            if isinstance(found, Link):
                link = found
                found = await self._with_retries(lambda: self._fetch(link.url), rng)
                found = Encoded(found.data, link.note) if isinstance(found, Encoded) else found
        if isinstance(found, Hopeless):
            remedy = REMEDIES[found.kind].format(key_env=self._service.key_env or "`key_env`")
            raise GenerationError(f"{self._service.address}: {self._safe(found.reason)}; {remedy}")
        if isinstance(found, Again):
            return self._gave_up(found)
        assert not isinstance(found, Link)
        self._failed_in_a_row = 0
        return found if isinstance(found, Encoded) else type(found)(reason=self._safe(found.reason))

    async def _with_retries(self, attempt: Callable[[], Awaitable[Found]], rng: random.Random) -> Found:
        for number in range(self._limits.retries):
            found = await attempt()
            if not isinstance(found, Again):
                return found
            await asyncio.sleep(self._pause(found, number, rng))
        return await attempt()

    def _pause(self, failure: Again, number: int, rng: random.Random) -> float:
        growing = min(MAX_PAUSE_SECONDS, self._limits.first_pause_seconds * 2.0**number) * rng.uniform(0.5, 1.0)
        return max(growing, min(MAX_PAUSE_SECONDS, failure.wait_seconds or 0.0))

    def _gave_up(self, failure: Again) -> Failed:
        """A failed draw; stops the run where nothing has worked for long."""
        reason = self._safe(f"{failure.reason}; tried {self._limits.retries + 1} times")
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._limits.give_up_after:
            raise GenerationError(
                f"{self._service.address}: {self._failed_in_a_row} draws in a row failed, the last with: {reason}; "
                "what was stored before is kept, so run again when the service answers"
            )
        return Failed(reason=reason)

    def _safe(self, reason: str) -> str:
        """The reason without the key, which some servers repeat in their answers."""
        return reason.replace(self._service.key.get_secret_value(), "[key]") if self._service.key else reason

    async def _ask(self, request: Request) -> Found:
        condition = request.probe.condition
        assert isinstance(condition, TextPrompt)
        fields = {**self._service.fields, "prompt": condition.text}
        if self._service.send_seed:
            fields["seed"] = request.draw.seed % 2**31
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        post = self._client.build_request(
            "POST", self._service.address, content=json.dumps(fields).encode(), headers=headers
        )
        answer = await self._send(post, self._auth, MAX_ANSWER_BYTES)
        return read_answer(answer) if isinstance(answer, Answer) else answer

    async def _fetch(self, url: str) -> Encoded | Failed | Again:
        """Get an image from where the answer says it is; without the key, which is none of that host's business."""
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL:
            return Failed(reason="the `url` of the answer is no address")
        if target.scheme != "https" and not (target.scheme == "http" and self._service.http_images):
            return Failed(reason=f"the `url` of the answer is of kind {target.scheme!r}; images come over https only")
        if target.userinfo:
            return Failed(reason="the `url` of the answer holds a user or password")
        answer = await self._send(self._client.build_request("GET", target), None, MAX_IMAGE_BYTES)
        return read_image(answer, target.host) if isinstance(answer, Answer) else answer

    async def _send(self, request: httpx.Request, auth: httpx.Auth | None, most: int) -> Answer | Failed | Again:
        try:
            async with asyncio.timeout(self._limits.timeout_seconds):
                response = await self._client.send(request, auth=auth, stream=True)
                try:
                    body = await _body(response, most)
                finally:
                    await response.aclose()
        except TimeoutError:
            return Again(f"no whole answer within {self._limits.timeout_seconds:g} seconds")
        except _TooLarge:
            return Failed(reason=f"the answer is larger than {most} bytes")
        except httpx.DecodingError as error:
            return Failed(reason=f"the answer is garbled ({error})")
        except httpx.TransportError as error:
            return Again(f"the connection to {request.url.host} failed ({str(error) or type(error).__name__})")
        return Answer(response.status_code, body, _wait_seconds(response.headers.get("Retry-After", "")))


async def _body(response: httpx.Response, most: int) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > most:
            raise _TooLarge
    return bytes(body)


def _wait_seconds(header: str) -> float | None:
    """``Retry-After`` in seconds: a number or a date; None where it is neither."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
