"""What an image API answered, read without trust: an image, a link to one, a refusal, or what went wrong.

Pure functions of status and body. An answer is JSON ``{"data": [{"b64_json": ...} or {"url": ...}]}``, or on failure
``{"error": {"code": ..., "message": ...}}`` in one of the dialects that are about.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from audit.component import Encoded
from audit.records import Failed, Filtered, Refused

__all__ = ["Again", "Answer", "Found", "Hopeless", "Link", "read_answer", "read_image"]

REASON_LENGTH = 300
DEPTH = 6
TRANSIENT = (408, 409, 425, 429)
CONTENT_STATUS = (400, 403, 422, 451)
POLICY_WORDS = (
    "contentpolicy",
    "contentfilter",
    "contentmoderation",
    "moderationblocked",
    "policyviolation",
    "responsibleai",
)
POLICY_PHRASES = ("safety system", "content policy", "content management policy", "content moderation")
QUOTA_WORDS = ("insufficientquota", "billinghardlimit", "billingnotactive")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    wait_seconds: float | None = None
    """How long the server asks to wait before the next request."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where the image can be fetched."""

    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """A failure that may pass by itself."""

    reason: str
    wait_seconds: float | None = None
    """How long the server asks to wait before the next request."""


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Every draw would fail like this one until somebody does something about it."""

    kind: str
    """``key``, ``quota`` or ``address``."""
    reason: str


Found = Encoded | Link | Refused | Filtered | Failed | Again | Hopeless
"""What an answer may mean."""


def read_answer(answer: Answer) -> Found:
    """Tell what an answer to a generation request means."""
    if 200 <= answer.status < 300:
        return _image(answer.body)
    error = _json(answer.body)
    reason = f"HTTP {answer.status}{_message(error, answer.body)}"
    if answer.status in CONTENT_STATUS and _is_policy(error):
        return Filtered(reason=reason) if "output" in _values(error, "moderation_stage") else Refused(reason=reason)
    if any(word in _plain(code) for word in QUOTA_WORDS for code in _values(error, "code", "type")):
        return Hopeless("quota", reason)
    if answer.status in (401, 403):
        return Hopeless("key", reason)
    if answer.status in (404, 405) or 300 <= answer.status < 400:
        return Hopeless("address", reason)
    if answer.status in TRANSIENT or answer.status >= 500:
        return Again(reason, answer.wait_seconds)
    return Failed(reason=reason)


def read_image(answer: Answer, host: str) -> Encoded | Failed | Again:
    """Tell what the answer to fetching an image means. Only its host is named: the rest of a link may be a secret."""
    if answer.status == 200:
        return Encoded(answer.body) if answer.body else Failed(reason=f"the image at {host} is empty")
    reason = f"the image at {host} could not be fetched: HTTP {answer.status}"
    if answer.status in TRANSIENT or answer.status >= 500:
        return Again(reason, answer.wait_seconds)
    return Failed(reason=reason)


def _image(body: bytes) -> Encoded | Link | Filtered | Failed:
    content = _json(body)
    if not isinstance(content, dict):
        return Failed(reason=f"the answer is not a JSON object but {_shown(body)}")
    data = content.get("data")
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        return Failed(reason=f"the answer has no list `data` of images; its keys are {_line(', '.join(content)) or 'none'}")
    if len(data) != 1:
        return Failed(reason=f"{len(data)} images in the answer; one was asked for")
    item = data[0]
    if item.get("respect_moderation") is False or any("contentfilter" in _plain(v) for v in _values(item, "finish_reason")):
        return Filtered(reason="the answer marks the image as withheld by moderation")
    note = _rewritten(item)
    if item.get("b64_json"):
        return _decoded(item["b64_json"], note)
    url = item.get("url")
    if not isinstance(url, str) or not url:
        return Failed(reason=f"neither `b64_json` nor `url` in the answer; its keys are {_line(', '.join(item)) or 'none'}")
    return Link(url, note)


def _rewritten(item: dict[str, Any]) -> str:
    """A service that draws another prompt than the one asked for says so; an audit must not lose that."""
    prompt = item.get("revised_prompt")
    return f"drawn instead: {_line(prompt)}" if isinstance(prompt, str) and prompt else ""


def _decoded(text: object, note: str) -> Encoded | Failed:
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError) as error:
        return Failed(reason=f"`b64_json` of the answer is not base64 ({error})")
    return Encoded(data, note) if data else Failed(reason="`b64_json` of the answer holds no image")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_policy(error: Any) -> bool:
    codes = [_plain(code) for code in _values(error, "code", "type", "name")]
    if any(word in code for word in POLICY_WORDS for code in codes):
        return True
    return any(phrase in text.lower() for phrase in POLICY_PHRASES for text in _values(error, "message", "detail"))


def _values(content: Any, *names: str, depth: int = DEPTH) -> Iterator[str]:
    """Every text under one of these keys, at any level that an error report may reasonably have."""
    if isinstance(content, list) and depth:
        for item in content[:DEPTH]:
            yield from _values(item, *names, depth=depth - 1)
    if isinstance(content, dict) and depth:
        for name, value in content.items():
            if name in names and isinstance(value, str):
                yield value
            yield from _values(value, *names, depth=depth - 1)


def _message(error: Any, body: bytes) -> str:
    if isinstance(error, dict) and isinstance(error.get("error"), str):
        return f": {_line(error['error'])}"
    parts = [next(_values(error, "code"), ""), next(_values(error, "message", "detail"), "")]
    text = ": ".join(part for part in parts if part)
    return f": {_line(text)}" if text else f" and {_shown(body)}" if body else " without a body"


def _plain(code: str) -> str:
    return "".join(letter for letter in code.lower() if letter.isalnum())


def _shown(body: bytes) -> str:
    return repr(_line(body[:80].decode("utf-8", errors="replace"))) if body else "empty"


def _line(text: str) -> str:
    """One printable line of bounded length."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * REASON_LENGTH])
    line = " ".join(line.split())
    return line if len(line) <= REASON_LENGTH else line[: REASON_LENGTH - 3] + "..."
