"""Metric ``support``: where generated images lie beside a reference set, and whether they are all alike."""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from audit.component import Context, Measured, Metric
from audit.errors import SpecError
from audit.metrics.distance_findings import LEAST_FOR_KERNEL
from audit.metrics.image_sets import ImageSet, Pairing, halves
from audit.metrics.sample import protocol
from audit.metrics.support_alone import repeated, within_prompt
from audit.metrics.support_findings import Beside, measured
from audit.metrics.support_kinds import QUANTITIES
from audit.metrics.support_panels import with_panels
from audit.metrics.wording import described
from audit.stats.manifolds import NEAREST

__all__ = ["Support"]


class Support(Metric):
    """Precision, recall, density, coverage, near-duplicates, modes and Vendi score: what a distance alone does not tell.

    A distance is one number for images that are poor and for images that are all alike; these tell the two apart. As for
    ``fidelity``, all are taken at one n a side, and of seeds that reference and generator share each side gives half.
    Each has what images of the reference's own law would score at that n as its expectation. Diversity within prompts and
    byte for byte repetitions need no reference.
    """

    quantities: ClassVar[tuple[str, ...]] = (*QUANTITIES, "within_prompt_diversity", "repeated")

    source: ClassVar[str] = "Kynkaanniemi et al. 2019; Naeem et al. 2020; Friedman & Dieng 2023"

    features: str = "features.vector"
    """The column of feature vectors."""
    reference: str | None = None
    """Name of the generator (often a ``folder``) that holds the reference set."""
    nearest: int = Field(default=NEAREST, ge=1, le=50)
    """Neighbourhoods reach to the k-th nearest other image of a set: the k of precision, recall, density and coverage."""
    cells: int = Field(default=20, ge=2, le=1000)
    """Cells that the reference is parted into (k-means), whose occupancy tells the effective number of modes."""
    max_n: int = Field(default=10_000, ge=LEAST_FOR_KERNEL)
    """Most images a side. Set it below what every run delivers, to keep n (and so the protocol) equal between runs."""
    min_n: int = Field(default=LEAST_FOR_KERNEL, ge=2)
    """Fewer images a side than this: no estimate."""

    def reads(self) -> tuple[str, ...]:
        """The feature vectors."""
        return (self.features,)

    def references(self) -> tuple[str, ...]:
        """The reference set."""
        return () if self.reference is None else (self.reference,)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """What needs a reference, where there is one, then what needs none."""
        column = described(name, self.features, context.columns)
        if column.kind != "vector":
            raise SpecError(f"metrics.{name}.params.features: {self.features} holds a {column.kind}; vectors are needed")
        features = protocol("", [self.features], context)
        if self.reference is not None:
            yield from with_panels(self._beside(name, context, features))
        for generator in context.generators:
            yield within_prompt(name, context, generator, self.features)
            yield repeated(name, context.confidence, ImageSet.of(context, generator, self.features, self.max_n))

    def _beside(self, name: str, context: Context, features: str) -> Iterator[list[Measured]]:
        """For each generator, all that is measured beside the reference."""
        sets = {who: ImageSet.of(context, who, self.features, 2 * self.max_n) for who in context.generators}
        against = ImageSet.of(context, str(self.reference), self.features, 2 * self.max_n)
        pairings = {who: halves(own, against) for who, own in sets.items() if who != against.name}
        for pairing in self._equal(pairings).values():
            fixed = (features, against, self.nearest, self.cells, self._least)
            yield measured(Beside(name, context.confidence, pairing, *fixed))

    @property
    def _least(self) -> int:
        return max(self.min_n, self.nearest + 1)

    def _equal(self, pairings: Mapping[str, Pairing]) -> dict[str, Pairing]:
        """All at one n; sets too small for any estimate do not pull the others down."""
        able = [pairing.n for pairing in pairings.values() if pairing.n >= self._least]
        n = min([self.max_n, *able])
        return {name: pairing.at(min(n, pairing.n)) for name, pairing in pairings.items()}
