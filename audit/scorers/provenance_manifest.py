"""C2PA manifests in image files: whether they verify, and what they say of how the picture came about. No network."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import c2pa

from audit.errors import InputError
from audit.scorers.provenance_blocks import container

__all__ = ["ABSENT", "ELSEWHERE", "INVALID", "STATES", "TRUSTED", "UNREADABLE", "VALID", "Manifest", "ManifestReader"]

ABSENT = "none"
TRUSTED = "valid, trusted signer"
VALID = "valid, signer not trusted"
INVALID = "invalid"
UNREADABLE = "unreadable"
ELSEWHERE = "elsewhere, not fetched"
STATES = (ABSENT, TRUSTED, VALID, INVALID, UNREADABLE, ELSEWHERE)

OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}, "core": {"allowed_network_hosts": []}}
"""The last of them alone forbids every connection; the others save the attempt."""
MIME = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "tiff": "image/tiff", "gif": "image/gif"}

BOX_TYPE = bytes.fromhex("00110010800000aa00389b71")
BOX_KINDS = (b"c2pa", b"c2ma", b"c2um", b"c2cl", b"c2as", b"c2cs")
"""With ``BOX_TYPE`` they are the type identifiers of the boxes that a manifest store is made of."""

MOST_TEXT = 16 * 2**20
"""Characters of a manifest store as JSON."""
MOST_PARENTS = 16
CODE = re.compile(r"[A-Za-z0-9._-]{1,80}")
UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The active manifest of a file."""

    state: str
    """One of ``STATES``."""
    problem: str = ""
    """Code of the first thing wrong, in the terms of the C2PA specification; empty where nothing is."""
    generator: str = ""
    """What claims to have made the manifest."""
    source_type: str = ""
    """Digital source type, a URI; empty where none is stated."""

    @property
    def sound(self) -> bool:
        """Its signature and hashes fit the file."""
        return self.state in (TRUSTED, VALID)


class ManifestReader:
    """Reads and verifies manifests against one set of trusted anchors."""

    def __init__(self, context: c2pa.Context) -> None:
        self._context = context

    @classmethod
    @contextmanager
    def open(cls, anchors: str = "", where: str = "anchors") -> Iterator["ManifestReader"]:
        """A reader.

        Args:
            anchors: certificates in PEM of the authorities whose signers are trusted; none: no signer is.
            where: what to call them in an error.

        Raises:
            InputError: they are no certificates.
        """
        settings: dict[str, Any] = {**OFFLINE, **({"trust": {"user_anchors": anchors}} if anchors else {})}
        try:
            context = c2pa.Context.from_dict(settings)
        except c2pa.C2paError as error:
            raise InputError(
                f"{where}: a certificate in it cannot be read; expected certificates in PEM ({_first_line(error)})"
            ) from error
        with context:
            yield cls(context)

    def read(self, data: bytes) -> Manifest:
        """What the file's manifest store says; whatever the bytes are, this does not raise."""
        try:
            reader = c2pa.Reader.try_create(MIME.get(container(data), ""), io.BytesIO(data), context=self._context)
            if reader is None:
                return _nothing_read(data, "no store found")
            with reader:
                text = reader.json()
            if len(text) > MOST_TEXT:
                return Manifest(UNREADABLE, "too large")
            return _manifest(json.loads(text))
        except Exception as error:  # hostile bytes: the library raises nearly every type there is
            if _first_line(error).startswith("Remote"):
                return Manifest(ELSEWHERE)
            return _nothing_read(data, _first_line(error).partition(":")[0])


def _nothing_read(data: bytes, why: str) -> Manifest:
    """Why there is no manifest: a file without a store is unmarked, one with a damaged store is not."""
    if not any(kind + BOX_TYPE in data for kind in BOX_KINDS):
        return Manifest(ABSENT)
    return Manifest(UNREADABLE, CODE.findall(f"{why} unknown")[0])


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _manifest(store: Mapping[str, Any]) -> Manifest:
    state = {"Trusted": TRUSTED, "Valid": VALID}.get(store.get("validation_state", ""), INVALID)
    manifests = store.get("manifests", {})
    active = manifests.get(store.get("active_manifest"), {})
    return Manifest(state, _problem(store, state), _generator(active), _source_type(manifests, active))


def _problem(store: Mapping[str, Any], state: str) -> str:
    if state != INVALID:
        return ""
    failed = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    codes = [str(one.get("code")) for one in [*failed, *store.get("validation_status", [])]]
    told = next((code for code in codes if code != UNTRUSTED), "unknown")
    return told if CODE.fullmatch(told) else "other"


def _generator(manifest: Mapping[str, Any]) -> str:
    named = [str(one.get("name", "")) for one in manifest.get("claim_generator_info") or [] if isinstance(one, dict)]
    return next(filter(None, [*named, str(manifest.get("claim_generator") or "")]), "")


def _source_type(manifests: Mapping[str, Any], active: Mapping[str, Any]) -> str:
    """That of the first action that states one, in the manifest, else in those that the picture was opened from."""
    manifest = active
    for _ in range(MOST_PARENTS):
        stated = [str(action["digitalSourceType"]) for action in _actions(manifest) if action.get("digitalSourceType")]
        if stated:
            return stated[0]
        parents = [one for one in manifest.get("ingredients", []) if one.get("relationship") == "parentOf"]
        manifest = manifests.get(parents[0].get("active_manifest"), {}) if parents else {}
    return ""


def _actions(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for assertion in manifest.get("assertions", []):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            yield from assertion.get("data", {}).get("actions", [])
