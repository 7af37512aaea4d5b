"""Whether a gallery can be used: one clear message for what makes it useless, before anything is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audit.component import Context
from audit.errors import InputError
from audit.metrics.gallery_photos import FaceColumns, Faces, Photos, names_on
from audit.metrics.gallery_search import ImpostorSet
from audit.metrics.sample import Sample
from audit.stats.matching import per_comparison_rate
from audit.stats.matching_chance import impostors_needed

__all__ = ["Inspection", "check_count", "check_impostors"]

MORE = "give more, or leave `impostors` out"
LISTED = 20
"""Photographs named in one message."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Looks for what makes a gallery useless, before anything is drawn."""

    metric: str
    gallery: str
    sample: Sample
    axis: str

    def check_people(self) -> None:
        """Every photograph says whose it is.

        Raises:
            InputError: one does not.
        """
        if not len(self.sample):
            return
        if self.axis not in self.sample.table.axes:
            known = ", ".join(self.sample.table.axes) or "none"
            raise InputError(
                f"{self._head}: nothing says who is on its photographs; its table needs a column {self.axis!r}, "
                f"with a name in every row (axes found: {known})"
            )
        nameless = np.flatnonzero(names_on(self.sample, self.axis) == "")
        if len(nameless):
            what = f"the column {self.axis!r} names nobody"
            told = self._listed([(int(row), what) for row in nameless])
            raise InputError(f"{told}; name the person, or drop the row")

    def check_photographs(self, columns: FaceColumns) -> None:
        """Every photograph can be read and shows one face.

        Raises:
            InputError: one does not, or there is none.
        """
        if not len(self.sample):
            raise InputError(f"{self._head}: it is empty; it needs a photograph of at least one person")
        lost = self.sample.table.outcome != "made"
        reason = np.where(lost, self.sample.table.column("reason"), Faces.of(self.sample, columns).reason)
        faults = [
            (row, f"cannot be read ({why or 'no reason given'})" if lost[row] else f"{why} found where one is needed")
            for row, why in enumerate(reason)
            if lost[row] or why
        ]
        if faults:
            raise InputError(
                f"{self._listed(faults)}. Mend them, or take others; where there are several faces, crop it to the person "
                "meant; or drop the rows"
            )

    def check_apart(self, photos: Photos, same: float) -> None:
        """Nobody is there under two names.

        Raises:
            InputError: a file is, or two photographs are nearly identical.
        """
        names = names_on(self.sample, self.axis)
        holders: dict[str, int] = {}
        for row, image in enumerate(self.sample.images):
            first = holders.setdefault(str(image), row)
            if names[first] != names[row]:
                raise InputError(
                    f"{self._head}: {self._place(first)} ({names[first]}) and {self._place(row)} ({names[row]}) are one "
                    "image under two names; keep the right one"
                )
        alike = photos.between()
        if alike.size and alike.max() >= same:
            one, other = np.unravel_index(int(alike.argmax()), alike.shape)
            raise InputError(
                f"{self._head}: {photos.people[min(one, other)]!r} and {photos.people[max(one, other)]!r} have photographs "
                f"that are nearly identical (cosine {alike.max():.3f}, {same:g} or more is taken for one person); give the "
                "person one name, or raise `same_person`"
            )

    @property
    def _head(self) -> str:
        return f"metrics.{self.metric}: the gallery {self.gallery!r}"

    def _listed(self, faults: Sequence[tuple[int, str]]) -> str:
        """Photographs by what is wrong with them, the first of them by name."""
        named: dict[str, list[str]] = {}
        for row, what in faults[:LISTED]:
            named.setdefault(what, []).append(self._place(row))
        told = "; ".join(f"{', '.join(places)}: {what}" for what, places in named.items())
        more = f"; and {len(faults) - LISTED} more" if len(faults) > LISTED else ""
        return f"{self._head}: {told}{more}"

    def _place(self, row: int) -> str:
        """The file where there is one, else the person and the number of the photograph."""
        location = str(np.asarray(self.sample.table.column("location"), dtype=object)[row])
        person = names_on(self.sample, self.axis)[row]
        index = int(np.asarray(self.sample.table.column("index"))[row])
        return location or f"photograph {index}{f' of {person}' if person else ''}"


def check_count(name: str, settings: Mapping[str, str]) -> None:
    """Impostors whose number is known before any work are more than one.

    Raises:
        InputError: there is one.
    """
    if settings.get("draws") == "1":
        raise InputError(
            f"gallery: the impostors {name!r}: 1 image found, which tells nothing of how alike strangers are; {MORE}"
        )


def check_impostors(metric: str, impostors: ImpostorSet, target: float | None, context: Context) -> None:
    """Named impostors are enough for a threshold at the target rate, or for an image to stand out among them.

    Args:
        metric: its name in the spec.
        target: rate of a single comparison; None: that for a single image asked about, the highest there can be.

    Raises:
        InputError: they are enough for neither.
    """
    level, known = 1 - context.confidence, len(impostors.units.names)
    least = impostors_needed(1, level)
    if known >= least or (known and _may_decide(impostors, target, context.confidence)):
        return
    who = f"metrics.{metric}: the impostors {impostors.searched.sample.generator!r}"
    raise InputError(
        f"{who} are {impostors.told(known)} with one face; at least {least} are needed, so that an image can stand out "
        f"among them, and many more for a threshold; {MORE}"
    )


def _may_decide(impostors: ImpostorSet, target: float | None, confidence: float) -> bool:
    """Whether they would show the target rate if none of them matched."""
    compared = impostors.compared(np.arange(len(impostors.rows)), any_people=False)
    shown = compared.shown_by_none(confidence=confidence)
    return shown is not None and shown <= (target or per_comparison_rate(1 - confidence, compared.similarity.shape[1]))
