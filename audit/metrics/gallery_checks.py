"""Whether a gallery can be used: one clear message for what makes it useless, before anything is drawn."""

from dataclasses import dataclass

import numpy as np

from audit.errors import InputError
from audit.metrics.gallery_photos import FaceColumns, Faces, Photos, names_on
from audit.metrics.sample import Ints, Sample

__all__ = ["Inspection"]

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
            what = f"the column {self.axis!r} names nobody; name the person, or drop the row"
            raise InputError(self._said(nameless, what))

    def check_photographs(self, columns: FaceColumns) -> None:
        """Every photograph can be read and shows one face.

        Raises:
            InputError: one does not, or there is none.
        """
        if not len(self.sample):
            raise InputError(f"{self._head}: it is empty; it needs a photograph of at least one person")
        lost = np.flatnonzero(self.sample.table.outcome != "made")
        if len(lost):
            why = str(np.asarray(self.sample.table.column("reason"), dtype=object)[lost[0]])
            raise InputError(self._said(lost, f"cannot be read ({why or 'no reason given'}); mend it, or drop the row"))
        faces = Faces.of(self.sample, columns)
        unusable = np.flatnonzero(~faces.present)
        if len(unusable):
            reason = str(faces.reason[unusable[0]])
            remedy = "crop it to the person meant" if reason == "several faces" else "take another photograph"
            raise InputError(self._said(unusable, f"{reason} found where one is needed; {remedy}, or drop the row"))

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

    def _said(self, rows: Ints, what: str) -> str:
        named = ", ".join(self._place(int(row)) for row in rows[:LISTED])
        more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
        return f"{self._head}: {named}{more}: {what}"

    def _place(self, row: int) -> str:
        """The file where there is one, else the person and the number of the photograph."""
        location = str(np.asarray(self.sample.table.column("location"), dtype=object)[row])
        person = names_on(self.sample, self.axis)[row]
        index = int(np.asarray(self.sample.table.column("index"))[row])
        return location or f"photograph {index}{f' of {person}' if person else ''}"
