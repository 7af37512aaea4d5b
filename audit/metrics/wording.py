"""What is measured, in words for a reader."""

from collections.abc import Mapping

from audit.component import Column
from audit.errors import SpecError

__all__ = ["described", "mean_title", "share_title", "subject"]

UNCORRECTED = "Labels are a classifier's impression, uncorrected for its error; they say nothing of identity"


def described(metric: str, column: str, columns: Mapping[str, Column]) -> Column:
    """What a column holds.

    Raises:
        SpecError: no scorer of the spec fills it.
    """
    if column not in columns:
        known = ", ".join(sorted(columns)) or "none"
        raise SpecError(f"metrics.{metric}.params.column: no scorer fills {column!r}; columns: {known}")
    return columns[column]


def subject(column: Column) -> str:
    """The attribute in words: ``perceived gender``."""
    return column.name.replace("_", " ")


def share_title(column: Column, label: str) -> str:
    """``Share of faces perceived as feminine``.

    >>> share_title(Column("perceived_gender", "label", regional=True), "feminine")
    'Share of faces perceived as feminine'
    """
    things = "faces" if column.regional else "images"
    if column.name.startswith("perceived_"):
        return f"Share of {things} perceived as {label}"
    return f"Share of {things} with {subject(column)} {label!r}"


def mean_title(column: Column) -> str:
    """``Mean of: Sharpness``."""
    return f"Mean of: {column.title or subject(column)}"
