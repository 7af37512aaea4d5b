"""What can go wrong, and the exit code that each kind of failure gives the command line.

    AuditError                     2
    ├── SpecError                  2   a field of the spec is wrong; names its path
    ├── PluginError                2   a plugin is unknown, does not import, or breaks its protocol
    ├── InputError                 2   a file, folder, image or table from outside cannot be used
    ├── WeightsError               2   weights cannot be used: not safe to open, or they do not fit the model
    │   ├── WeightsMissing         2   it is not on this machine
    │   └── WeightsTampered        2   its bytes are not those of the catalogue
    ├── OutOfMemory            (caught) the device cannot hold this batch; the stage tries a smaller one
    ├── GenerationError            4   a generator broke its promise (wrong count of images, pixels of another type)
    ├── ScoringError               4   a scorer broke its promise
    └── StoreError                 4   the run folder is damaged or of another format

A message says what was found, what was expected and what to do. Library exceptions are translated where an adapter
meets the library, with ``raise ... from error``.
"""

__all__ = [
    "AuditError",
    "GenerationError",
    "InputError",
    "OutOfMemory",
    "PluginError",
    "ScoringError",
    "SpecError",
    "StoreError",
    "WeightsError",
    "WeightsMissing",
    "WeightsTampered",
]


class AuditError(Exception):
    """Base of every error that a user is meant to read: one clear message, no traceback."""

    exit_code = 2


class SpecError(AuditError, ValueError):
    """A field of the spec is missing, misspelt or of the wrong type."""


class PluginError(AuditError):
    """A plugin is unknown, cannot be imported, or does not keep its protocol."""


class InputError(AuditError, ValueError):
    """Something that came from outside cannot be used: a file, a folder, an image, a table."""


class WeightsError(AuditError):
    """Weights cannot be used: not safe to open, or they do not fit the model."""


class WeightsMissing(WeightsError):
    """A weight pack is not on this machine; the message names the command that brings it."""


class WeightsTampered(WeightsError):
    """The bytes of a weight pack are not those that its catalogue entry names; they were not loaded."""


class OutOfMemory(AuditError):
    """The device cannot hold a batch of this size. Adapters raise it; the stages halve the batch and go on."""

    exit_code = 4


class GenerationError(AuditError):
    """A generator broke its promise, so none of this batch can be trusted."""

    exit_code = 4


class ScoringError(AuditError):
    """A scorer broke its promise, so none of this batch's scores can be trusted."""

    exit_code = 4


class StoreError(AuditError):
    """The run folder is damaged, incomplete or of another format."""

    exit_code = 4
