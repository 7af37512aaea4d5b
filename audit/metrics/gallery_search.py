"""Images searched for in a gallery: those that are tested, and impostors, which are known to be of nobody in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit.component import Context
from audit.metrics.gallery_photos import FaceColumns, Faces, Photos, names_on
from audit.metrics.sample import Floats, Ints, Mask, Sample, Units
from audit.records import Probe
from audit.stats.matching_threshold import Impostors
from audit.table import Strings

__all__ = ["ARM", "NAMED", "ImpostorSet", "Searched"]

ARM = "arm"
"""Axis of prompts that alter a name, or describe without it."""
NAMED = "named"
"""Its level of the prompts that give the name as it is."""

SINGULAR = {"images": "image", "prompts": "prompt", "classes": "class", "sets of paired prompts": "set of paired prompts"}


@dataclass(frozen=True)
class Searched:
    """Images of one generator, each compared with everybody in a gallery."""

    sample: Sample
    faces: Faces
    best: Floats
    """(n, people) similarity to the photograph of each person that the image is most like; 0 where there is no face."""
    mean: Floats
    """(n, people) mean similarity to the photographs of each person."""
    name: Strings
    """(n,) whom the prompt names; empty where it names nobody, or alters the name."""
    named: Ints
    """(n,) position of that person among the people, -1 where nobody of them is named."""

    @classmethod
    def of(cls, context: Context, generator: str, photos: Photos, columns: FaceColumns, axis: str) -> "Searched":
        """Compare the images of a generator; ``axis`` says whom a prompt names."""
        sample = Sample.of(context, generator)
        faces = Faces.of(sample, columns)
        place = {name: position for position, name in enumerate(photos.people)}
        as_it_is = np.isin(sample.levels(ARM), ["", NAMED])
        name = np.where(as_it_is, names_on(sample, axis), "").astype(object)
        named = np.array([place.get(str(each), -1) for each in name], dtype=np.int64)
        return cls(sample, faces, photos.best(faces.vector), photos.mean(faces.vector), name, named)

    @cached_property
    def top(self) -> Floats:
        """(n,) similarity to the person whom the image is most like."""
        return self.best.max(axis=1) if self.best.shape[1] else np.zeros(len(self.sample))

    def impostors(self, group_by: str | None, labels: Sequence[str] = ()) -> "ImpostorSet":
        """Its images of prompts that name nobody in the gallery; ``labels`` are those of a column to group by."""
        of_nobody = self.named < 0
        return ImpostorSet(self, of_nobody & self.faces.present, of_nobody & ~self.faces.present, group_by, tuple(labels))


@dataclass(frozen=True)
class ImpostorSet:
    """Images of nobody in a gallery, by group."""

    searched: Searched
    chosen: Mask
    """(n,) images with a face."""
    lost: Mask
    """(n,) draws that should be among them and have no face to compare."""
    group_by: str | None
    """Axis, or label column, by which they are grouped."""
    labels: tuple[str, ...]
    """Groups that there may be, besides those found."""

    @cached_property
    def rows(self) -> Ints:
        """(m,) their positions in the sample."""
        return np.flatnonzero(self.chosen)

    @cached_property
    def units(self) -> Units:
        """What was sampled independently among them."""
        return self.searched.sample.units(self.rows)

    @cached_property
    def unit(self) -> str:
        """What was sampled independently, in the plural, for a sentence."""
        if self.units.one_probe or not len(self.rows):
            return "images"
        probes, ids = self.searched.sample.table.probes, self.searched.sample.table.probe_ids[self.rows]
        return " and ".join(sorted({_unit_of(probes[str(probe)]) for probe in set(ids)}))

    def told(self, units: int) -> str:
        """As so many units, for a sentence: ``40 images``, or ``of 40 prompts``."""
        name = SINGULAR.get(self.unit, self.unit) if units == 1 else self.unit
        return f"{'' if self.unit == 'images' else 'of '}{units} {name}"

    @cached_property
    def _groups(self) -> Strings:
        """(n,) the group of every draw; empty where nothing says so."""
        if self.group_by is None:
            return np.full(len(self.chosen), "", dtype=object)
        if "." not in self.group_by:
            return self.searched.sample.levels(self.group_by)
        label, present, _ = self.searched.sample.labels(self.group_by)
        return np.where(present, label, "").astype(object)

    @cached_property
    def group(self) -> Strings:
        """(m,) the group of each; empty where nothing says so."""
        return self._groups[self.rows]

    @property
    def key(self) -> str:
        """What a group is called in ``Finding.where``."""
        return (self.group_by or "").rpartition(".")[2]

    def members(self) -> Mapping[str, Ints]:
        """Group -> positions among ``rows``; the empty name stands for all of them, whatever their group."""
        levels = sorted({*self.labels, *map(str, self._groups[self.chosen | self.lost])} - {""})
        return {"": np.arange(len(self.rows)), **{level: np.flatnonzero(self.group == level) for level in levels}}

    def compared(self, members: Ints, *, any_people: bool) -> Impostors:
        """The comparisons of some of them."""
        _, unit = np.unique(self.units.code[members], return_inverse=True)
        return Impostors(self.searched.best[self.rows[members]], unit.astype(np.int64), any_people)


def _unit_of(probe: Probe) -> str:
    """What draws of a probe are clusters of; photographs without a prompt are clusters of their own."""
    if probe.unit == "draw":
        return "images"
    if probe.pair:
        return "sets of paired prompts"
    return "classes" if probe.condition.type == "class" else "prompts"
