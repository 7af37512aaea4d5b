"""Metric ``fidelity``: distance of a generator's images from a reference set, its noise floor, and their diversity."""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from audit.component import Context, Measured, Metric
from audit.errors import SpecError
from audit.metrics.averages import panelled
from audit.metrics.distance_findings import KERNEL, KINDS, LEAST_FOR_KERNEL, Subject, beside, distance, diversity
from audit.metrics.image_sets import ImageSet, Pairing, halves
from audit.metrics.sample import protocol
from audit.metrics.wording import described

__all__ = ["Fidelity"]


class Fidelity(Metric):
    """Frechet distance and unbiased kernel distance (KID) on any feature vectors.

    All distances of a run are taken at one n: the smallest that a generator or the reference set can give, at most
    ``max_n``. Where reference and generator share their seeds (a copy, a model asked the same), each gives the half of
    the seeds that the other does not, so that the sets are independent. The floor is the distance between two halves
    of the generator's own images: what "no difference" looks like at that n. The Frechet distance is biased upward by
    about c / n and refused below ``min_n``; KID is unbiased and may be negative.
    """

    quantities: ClassVar[tuple[str, ...]] = ("frechet", "kid", "floor_frechet", "floor_kid", "diversity")

    source: ClassVar[str] = "Heusel et al. 2017 (Frechet distance); Binkowski et al. 2018 (KID)"

    features: str = "features.vector"
    """The column of feature vectors."""
    reference: str | None = None
    """Name of the generator (often a ``folder``) that holds the reference set."""
    floor: bool = True
    """Measure the distance between two halves of each generator's own images."""
    max_n: int = Field(default=10_000, ge=LEAST_FOR_KERNEL)
    """Most images a side. Set it below what every run delivers, to keep n (and so the protocol) equal between runs."""
    min_n: int = Field(default=200, ge=2)
    """Fewer images a side than this: no Frechet distance."""

    def reads(self) -> tuple[str, ...]:
        """The feature vectors."""
        return (self.features,)

    def references(self) -> tuple[str, ...]:
        """The reference set."""
        return () if self.reference is None else (self.reference,)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``frechet`` and ``kid`` against the reference, ``floor_frechet`` and ``floor_kid``, and ``diversity``."""
        column = described(name, self.features, context.columns)
        if column.kind != "vector":
            raise SpecError(f"metrics.{name}.params.features: {self.features} holds a {column.kind}; vectors are needed")
        subject = Subject(name, context.confidence, protocol("", [self.features], context), self.source, self.min_n)
        sets = {name: ImageSet.of(context, name, self.features, 2 * self.max_n) for name in context.generators}
        floors = self._floors(subject, sets)
        if self.reference is not None:
            against = ImageSet.of(context, self.reference, self.features, 2 * self.max_n)
            yield from self._distances(subject, sets, against, floors)
        yield from floors.values()
        yield from (diversity(subject, own.first(self.max_n)) for own in sets.values())

    def _floors(self, subject: Subject, sets: Mapping[str, ImageSet]) -> dict[tuple[str, str], Measured]:
        """Kind and generator -> distance between two halves of its images."""
        if not self.floor:
            return {}
        pairings = self._equal({name: halves(own, own) for name, own in sets.items()})
        found = ((kind, name, pairing) for name, pairing in pairings.items() for kind in KINDS)
        return {(kind.name, name): distance(subject, kind, pairing).measured for kind, name, pairing in found}

    def _distances(
        self,
        subject: Subject,
        sets: Mapping[str, ImageSet],
        reference: ImageSet,
        floors: Mapping[tuple[str, str], Measured],
    ) -> Iterator[Measured]:
        """Distances from the reference, each with its floor beside it, and the images that it comes from."""
        pairings = {name: halves(own, reference) for name, own in sets.items() if name != reference.name}
        for name, pairing in self._equal(pairings).items():
            for kind in KINDS:
                found = distance(subject, kind, pairing, reference=reference)
                chart = beside(found.measured.finding, floors.get((kind.name, name)))
                yield panelled(found.measured, chart, found.gallery if kind is KERNEL else None)

    def _equal(self, pairings: Mapping[str, Pairing]) -> dict[str, Pairing]:
        """All at one n; sets too small for any distance do not pull the others down."""
        able = [pairing.n for pairing in pairings.values() if pairing.n >= LEAST_FOR_KERNEL]
        n = min([self.max_n, *able])
        return {name: pairing.at(min(n, pairing.n)) for name, pairing in pairings.items()}
