"""What is measured, in words for a reader."""

from collections.abc import Mapping

from audit.component import Column
from audit.errors import SpecError

__all__ = ["COUNT", "described", "lowered", "mean_title", "meaning", "share_title", "subject"]

COUNT = "count"
"""A column of this name counts what was found, so 0 means nothing was."""

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
    """The attribute in words: ``perceived gender``; an abbreviation as the title has it.

    >>> subject(Column("perceived_gender", "label")), subject(Column("c2pa", "label", "C2PA manifest of the file"))
    ('perceived gender', 'C2PA')
    """
    name = column.name.replace("_", " ")
    own = column.title[: len(name)]
    return own if own.isupper() and own.lower() == name else name


def share_title(column: Column, label: str) -> str:
    """``Share of faces perceived as feminine``.

    >>> share_title(Column("perceived_gender", "label", regional=True), "feminine")
    'Share of faces perceived as feminine'
    >>> share_title(Column("flagged", "label"), "not flagged"), share_title(Column("marking", "label"), "none")
    ('Share of images that are not flagged', "Share of images with marking 'none'")
    """
    things = "faces" if column.regional else "images"
    if column.name.startswith("perceived_"):
        return f"Share of {things} perceived as {label}"
    if label.removeprefix("not ") == subject(column):
        return f"Share of {things} that are {label}"
    return f"Share of {things} with {subject(column)} {label!r}"


def mean_title(column: Column) -> str:
    """``Mean sharpness``; what the column holds stands in the note, see ``meaning``.

    >>> mean_title(Column("perceived_age", "number")), mean_title(Column("count", "number", "Faces found"))
    ('Mean perceived age', 'Mean number of faces found')
    """
    if column.name == COUNT and column.title:
        return f"Mean number of {lowered(column.title)}"
    return f"Mean {subject(column)}"


def meaning(column: Column) -> str:
    """What a number column holds, for a note; empty where its name says as much.

    >>> meaning(Column("brightness", "number", "Mean luma, 0 (black) to 1 (white)"))
    'Brightness: mean luma, 0 (black) to 1 (white)'
    """
    name = subject(column).capitalize()
    told = column.title.lower().startswith(name.lower()) or column.name == COUNT
    return "" if told or not column.title else f"{name}: {lowered(column.title)}"


def lowered(title: str) -> str:
    """A title inside a sentence: its first letter small, unless it begins with an abbreviation.

    >>> lowered("Share of faces"), lowered("CLIP-score")
    ('share of faces', 'CLIP-score')
    """
    return title if title[:2].isupper() else title[:1].lower() + title[1:]
