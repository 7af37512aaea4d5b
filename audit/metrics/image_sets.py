"""Sets of feature vectors that a distance compares: which images go in, and at which n."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from audit.component import Context, Contribution
from audit.digest import derive_seed, set_digest, short
from audit.metrics.sample import Mask, Sample, Units, contributions, why_missing
from audit.stats.influence import Compared
from audit.table import Strings

__all__ = ["ImageSet", "Pairing", "halves", "joint_contributions"]


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Images of one generator with their features."""

    name: str
    """Of the generator."""
    features: npt.NDArray[np.float32]
    """(n, d)"""
    images: Strings
    """(n,) digests."""
    seeds: Strings
    """(n,) equal in two sets where images share their noise."""
    cluster: Strings
    """(n,) what was sampled independently."""
    codecs: tuple[str, ...]
    """How the stored bytes are encoded, sorted."""
    lost: Strings
    """(l,) reasons of the draws that should be in the set and are not."""
    lost_seeds: Strings
    """(l,)"""
    one_probe: bool
    """All images are of one prompt or class, so each counts as drawn independently."""

    def __len__(self) -> int:
        return len(self.features)

    @classmethod
    def of(cls, context: Context, generator: str, column: str, most: int) -> "ImageSet":
        """Read the features of a generator's draws; of more than ``most`` draws, those that come first by hash."""
        everything = Sample.of(context, generator)
        first = np.sort(_by_hash(everything.seeds)[:most])
        chosen = np.isin(np.arange(len(everything)), first)
        sample = Sample(generator, everything.table.where(chosen))
        found = sample.table.values(column)
        units = sample.units(found.present)
        codecs = np.asarray(sample.table.column("codec"), dtype=object)[found.present]
        vectors = np.asarray(found.value, dtype=np.float32)
        return cls(
            name=generator,
            features=vectors[found.present] if vectors.ndim == 2 else np.zeros((0, 0), dtype=np.float32),
            images=sample.images[found.present],
            seeds=sample.seeds[found.present],
            cluster=units.cluster,
            codecs=tuple(sorted({str(codec) for codec in codecs})),
            lost=found.reason[~found.present],
            lost_seeds=sample.seeds[~found.present],
            one_probe=units.one_probe,
        )

    def where(self, mask: Mask) -> "ImageSet":
        """The images of a mask."""
        return replace(
            self,
            features=self.features[mask],
            images=self.images[mask],
            seeds=self.seeds[mask],
            cluster=self.cluster[mask],
        )

    def of_seeds(self, seeds: Strings) -> "ImageSet":
        """The images, and the lost draws, of some seeds."""
        kept = np.isin(self.lost_seeds.astype(str), seeds.astype(str))
        lost = replace(self, lost=self.lost[kept], lost_seeds=self.lost_seeds[kept])
        return lost.where(np.isin(self.seeds.astype(str), seeds.astype(str)))

    @property
    def all_seeds(self) -> set[str]:
        """Seeds of the images and of the lost draws."""
        return set(self.seeds) | set(self.lost_seeds)

    def first(self, n: int) -> "ImageSet":
        """The n images that come first by hash of their digest, with as large a part of the lost draws; always the same."""
        if n >= len(self):
            return self
        lost = _by_hash(self.lost_seeds)[: round(len(self.lost) * n / len(self))]
        fewer = replace(self, lost=self.lost[lost], lost_seeds=self.lost_seeds[lost])
        return fewer.where(np.isin(np.arange(len(self)), _by_hash(self.images)[:n]))

    @property
    def codec(self) -> str:
        """The codecs in one word."""
        return "+".join(self.codecs)

    @property
    def digest(self) -> str:
        """Short digest of the images in the set."""
        return short(set_digest(str(image) for image in self.images))

    @property
    def why_missing(self) -> str:
        """Counts of the reasons in words."""
        return why_missing(self.lost)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two sets that are to be compared, with no draw in both."""

    first: ImageSet
    second: ImageSet
    split: bool
    """They had seeds in common, so each gives only the half of the seeds that the other does not."""

    @property
    def n(self) -> int:
        """Images a side that both can give."""
        return min(len(self.first), len(self.second))

    def at(self, n: int) -> "Pairing":
        """The same with n images a side."""
        return Pairing(self.first.first(n), self.second.first(n), self.split)


def halves(first: ImageSet, second: ImageSet) -> Pairing:
    """Half of the seeds from each set, so that no noise is on both sides; the split is by hash of the seed.

    Counterfactual arms and generators that share seeds are split alike, and both halves hold every probe. Sets without
    common seeds are left whole.
    """
    if not first.all_seeds & second.all_seeds:
        return Pairing(first, second, split=False)
    seeds = np.array(sorted(first.all_seeds | second.all_seeds), dtype=object)
    ranked = seeds[_by_hash(seeds)]
    return Pairing(first.of_seeds(ranked[0::2]), second.of_seeds(ranked[1::2]), split=True)


def joint_contributions(compared: Compared, pairing: Pairing) -> Sequence[Contribution]:
    """Pseudo-values of both sets by cluster; a cluster that is in both sets is one.

    Single images of a reference set go by their digest, so that they cancel when two runs used the same set.
    """
    one, other = pairing.first, pairing.second
    cluster = other.cluster
    if one.name != other.name and not set(one.cluster) & set(cluster):
        single = len(set(cluster)) == len(other)
        cluster = np.array([f"{other.name}/{name}" for name in (other.images if single else cluster)], dtype=object)
    units = Units.named(np.concatenate([one.cluster, cluster]), one_probe=False)
    return contributions(compared.pseudo_values(), units)


def _by_hash(names: Strings) -> npt.NDArray[np.int64]:
    """Order of names by hash: without regard to the order of work, and the same in every run."""
    return np.argsort(np.array([derive_seed(str(name)) for name in names], dtype=np.int64), kind="stable")
