"""The quantities of metric ``support``, and how each is told."""

from dataclasses import dataclass
from typing import Literal

from audit.stats.duplicates import RARE

__all__ = ["KINDS", "QUANTITIES", "Kind"]

BY_CLUSTER = "mean over generated images; interval by cluster"
JACKKNIFE = "jackknife that leaves out one cluster of generated images at a time"


@dataclass(frozen=True, slots=True)
class Kind:
    """One quantity, and how it is told."""

    name: str
    title: str
    recipe: str
    """Goes into the protocol, with {k} and {cells} filled in."""
    method: str
    better: Literal["higher", "lower", "none"]
    unit: str
    source: str
    note: str


KYNKAANNIEMI = "Kynkaanniemi et al. 2019"
NAEEM = "Naeem et al. 2020"
TYPICAL = "Expected: the share of reference images that lie in the neighbourhood of another one"
SAMPLED = "The interval takes in that the reference, and with it what is expected, is a sample too"
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "precision",
            "Generated images that look like some reference image",
            "precision, k={k}",
            f"share, {BY_CLUSTER}, Wilson at the effective n",
            "higher",
            "share",
            KYNKAANNIEMI,
            f"{TYPICAL}. {SAMPLED}",
        ),
        Kind(
            "recall",
            "Reference images that look like some generated image",
            "recall, k={k}",
            f"share; interval from the {JACKKNIFE}, no narrower than Wilson's",
            "higher",
            "share",
            KYNKAANNIEMI,
            f"{TYPICAL}. {SAMPLED}. Near 1 it is wider than it need be",
        ),
        Kind(
            "density",
            "How crowded with reference images the places of generated images are",
            "density, k={k}",
            f"{BY_CLUSTER}, t quantile",
            "none",
            "",
            NAEEM,
            f"1 for images of the reference's own law; above 1 where they keep to its crowded places. {SAMPLED}",
        ),
        Kind(
            "coverage",
            "Reference images with a generated image nearby",
            "coverage, k={k}",
            f"share; interval from the {JACKKNIFE}, no narrower than Wilson's",
            "higher",
            "share",
            NAEEM,
            "Its expectation is exact for images of the reference's own law. The interval is wider than it need be",
        ),
        Kind(
            "duplicates",
            "Generated images with a near-duplicate among the others",
            f"nearest other image nearer than the nearest of all but {RARE:g} of the reference images",
            f"share; interval from the {JACKKNIFE}, at the level found, no narrower than Wilson's",
            "lower",
            "share",
            "",
            "The level rests on few reference images, so a rate below the expected one means little; "
            f"images of one prompt are alike, so some excess is the prompts'. {SAMPLED}",
        ),
        Kind(
            "modes",
            "Effective number of kinds of image that occur, of those of the reference",
            "exp entropy (Miller) of the occupancy of {cells} k-means cells of half of the reference",
            f"interval from the {JACKKNIFE}, t quantile, no narrower than for independent images",
            "higher",
            "",
            "Miller 1955",
            "Expected: the number of the other half of the reference. Kinds are cells that the reference falls into, "
            f"which need not be natural ones. Few prompts visit few cells, whatever the generator. {SAMPLED}",
        ),
        Kind(
            "vendi",
            "Vendi score: how many images that share nothing would be as diverse",
            "exp entropy of the eigenvalues of cosines / n (Vendi score of order 1)",
            "interval from influences by cluster, t quantile",
            "higher",
            "",
            "Friedman & Dieng 2023",
            "Expected: that of the reference set at this n. It grows with n: compare at this n only",
        ),
    )
}
QUANTITIES = tuple(KINDS)
