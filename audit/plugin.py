"""What every plugin is: a frozen model whose fields are its parameters; facts are class variables."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

__all__ = ["API_VERSION", "Component"]

API_VERSION = 1
"""Version of this interface. A plugin for another version sets ``api`` and is refused with a clear error."""


class Component(BaseModel):
    """Base of every plugin: parameters as fields, facts as class variables."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    api: ClassVar[int] = API_VERSION
    version: ClassVar[int] = 1
    """Raise it when the same parameters give other numbers."""
    source: ClassVar[str] = ""
    """Publication or standard behind it."""

    def packs(self) -> tuple[str, ...]:
        """Weight packs that it loads, by catalogue name."""
        return ()

    def fingerprint(self) -> str:
        """Digest of outside files that the parameters point to; empty where there are none."""
        return ""

    def numerics(self, device: str) -> dict[str, str]:  # noqa: ARG002  # a default that needs no device
        """What decides its numbers besides parameters: backend, dtype, library versions."""
        return {}

    def check(self) -> None:
        """Look at the parameters and the files they name before any work; raise an ``AuditError`` with the remedy."""
