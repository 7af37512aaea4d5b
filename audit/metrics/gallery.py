"""Metric ``gallery``: whether generated images depict people of a gallery of reference photographs."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from audit.component import Context, Measured, Metric
from audit.digest import derive_seed
from audit.errors import SpecError
from audit.metrics.contrasts import Adjustment, adjusted
from audit.metrics.gallery_checks import Inspection, check_count, check_impostors
from audit.metrics.gallery_decision import Decision, Recipe
from audit.metrics.gallery_matches import Matches
from audit.metrics.gallery_names import NameEffects
from audit.metrics.gallery_photos import FaceColumns, Photos
from audit.metrics.gallery_rates import ErrorRates
from audit.metrics.gallery_search import Searched
from audit.metrics.sample import Sample, protocol
from audit.metrics.wording import described

__all__ = ["Gallery"]


class Gallery(Metric):
    """Whether images depict people of a gallery: a folder of photographs that the user has the right to use for this.

    Asked of the images whose prompt names somebody in the gallery (axis ``name``, arm ``named`` where there are arms); the
    images of all other prompts are the impostors. With ``impostors``, another generator of images of nobody in the gallery,
    all images are asked about. Images with no face or with several count as missing.

    ``threshold``: the similarity that is a match, from the impostors: the lowest at which the false match rate is shown to
    be on target in every group. ``false_match_rate``: of all impostors and by group; ``worst_false_match_rate``: the group
    whose rate may be highest; ``false_non_match_rate``: what the threshold misses among the photographs. ``matches``: share
    of images that match somebody, chance matches included, so that a gate's ``at_most`` below ``expected`` (images of
    nobody, at the target rate) may fail without any likeness; ``excess_matches``: less the share of impostors that match,
    the one to gate where the rate is not tiny. ``standouts``: the same by rank among impostors, without a threshold; no
    estimate where too few impostors could not show any. ``name_effect``: how much more like a person images are when the
    prompt names the person.

    Only rates and differences leave it. No image is laid beside a person but with ``show_matches``; the sums by prompt and
    by seed, by which runs are compared, tell of single images, too, where a prompt or a seed has one.
    """

    quantities: ClassVar[tuple[str, ...]] = (
        "threshold",
        "false_match_rate",
        "worst_false_match_rate",
        "false_non_match_rate",
        "matches",
        "excess_matches",
        "standouts",
        "name_effect",
    )

    source: ClassVar[str] = (
        "error rates: ISO/IEC 19795-1; intervals: Fogliato, Patil & Perona 2024; ranks: Vovk, Gammerman & Shafer 2005; "
        "permutation: Phipson & Smyth 2010"
    )

    gallery: str
    """Name of the generator (a ``folder``) that holds the photographs; its table says who is on each."""
    column: str = "face_embedding.vector"
    """The column of face embeddings."""
    faces: str = "faces.count"
    """The column that counts faces."""
    person: str = "person"
    """Axis (column of the table) of the gallery that says who is on a photograph."""
    name_axis: str = "name"
    """Axis of the prompts that says whom they name, in the words of ``person``."""
    impostors: str | None = None
    """Name of a generator with images of nobody in the gallery, made as the audited ones are; None: the images of prompts
    that name nobody in it."""
    group_by: str | None = None
    """Axis, or label column, by which impostors are grouped, so that the threshold holds in every group."""
    false_match_rate: float | None = Field(default=None, gt=0, lt=1)
    """Most that a single comparison may match falsely; None: so little that the chance of any false match among all images
    and people is at most 1 - confidence."""
    any_people: bool = False
    """Let threshold and false match rates hold for other people, too, of whom those of the gallery are a sample."""
    same_person: float = Field(default=0.98, gt=0, le=1)
    """Photographs at least this alike (cosine) are taken for one person; under two names, they are an error."""
    adjust: Adjustment = "holm"
    """How p-values of ``name_effect`` are adjusted for the number of people: ``holm``, ``bh`` or ``by``."""
    show_matches: bool = False
    """Name the images that match, and lay them beside the photographs that they are like."""

    def reads(self) -> tuple[str, ...]:
        """Embeddings, counts, and a label column to group by."""
        grouping = (self.group_by,) if self.group_by is not None and "." in self.group_by else ()
        return (self.column, self.faces, *grouping)

    def axes(self) -> tuple[str, ...]:
        """The axis to group by."""
        return (self.group_by,) if self.group_by is not None and "." not in self.group_by else ()

    def references(self) -> tuple[str, ...]:
        """The gallery, and the impostors where they are named."""
        return (self.gallery,) if self.impostors is None else (self.gallery, self.impostors)

    def check_generators(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """See that the impostors, where they are named and counted, are not one image.

        Raises:
            InputError: they are.
        """
        if self.impostors is not None:
            check_count(self.impostors, settings[self.impostors])

    def check_references(self, name: str, context: Context) -> None:
        """See that every photograph of the gallery shows one face and says whose, and that nobody has two names.

        Impostors, where they are named, are to be enough to tell anything.

        Raises:
            InputError: they are not, or a photograph is of no use; the message names it.
        """
        inspection = self._inspection(name, context)
        inspection.check_people()
        inspection.check_photographs(self._columns)
        photos = Photos.of(context, self.gallery, self._columns, self.person)
        inspection.check_apart(photos, self.same_person)
        if self.impostors is not None:
            others = Searched.of(context, self.impostors, photos, self._columns, self.name_axis)
            check_impostors(name, others.impostors(None), self.false_match_rate, context)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """All findings of each generator."""
        self._check(name, context)
        photos = Photos.of(context, self.gallery, self._columns, self.person)
        recipe = self._recipe(name, photos, context)
        for generator in context.generators:
            decision = self._decision(recipe, photos, generator, context)
            yield Measured(decision.finding())
            yield from ErrorRates(decision).measure()
            yield Matches(decision).matches()
            yield Matches(decision).excess()
            yield Matches(decision).standouts()
            effects = NameEffects(decision, derive_seed(context.seed, name, generator))
            yield from adjusted(list(effects.measure()), self.adjust, "people")

    @property
    def _columns(self) -> FaceColumns:
        return FaceColumns(self.column, self.faces)

    def _inspection(self, name: str, context: Context) -> Inspection:
        return Inspection(name, self.gallery, Sample.of(context, self.gallery), self.person)

    def _check(self, name: str, context: Context) -> None:
        wanted = {"column": (self.column, "vector"), "faces": (self.faces, "number")}
        if self.group_by is not None and "." in self.group_by:
            wanted["group_by"] = (self.group_by, "label")
        for parameter, (path, kind) in wanted.items():
            column = described(name, path, context.columns)
            if column.kind != kind:
                raise SpecError(
                    f"metrics.{name}.params.{parameter}: {path} holds {column.kind}s; a {kind} column is needed"
                )
        self._inspection(name, context).check_people()

    def _decision(self, recipe: Recipe, photos: Photos, generator: str, context: Context) -> Decision:
        searched = Searched.of(context, generator, photos, self._columns, self.name_axis)
        others = searched
        if self.impostors is not None:
            others = Searched.of(context, self.impostors, photos, self._columns, self.name_axis)
        labels = context.columns[self.group_by].levels if self.group_by and "." in self.group_by else ()
        tested = searched.named >= 0 if self.impostors is None else np.ones(len(searched.named), dtype=bool)
        return Decision(recipe, photos, searched, tested, others.impostors(self.group_by, labels), self.false_match_rate)

    def _recipe(self, name: str, photos: Photos, context: Context) -> Recipe:
        target = "family-wise" if self.false_match_rate is None else f"{self.false_match_rate:g} a comparison"
        grouped = f", worst group of {self.group_by}" if self.group_by else ""
        people = ", any people" if self.any_people else ""
        impostors = self.impostors or "images of other prompts"
        aim = f"false match rate {target}{grouped}{people}"
        told = f"gallery search, cosine; {aim}; impostors: {impostors}; gallery {photos.digest}"
        return Recipe(
            metric=name,
            baseline=self.gallery,
            protocol=protocol(told, [self.column, self.faces], context),
            confidence=context.confidence,
            source=self.source,
            any_people=self.any_people,
            show_matches=self.show_matches,
        )
