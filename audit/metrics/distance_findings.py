"""Findings of distances between sets of images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from audit.component import Contribution, Measured
from audit.metrics.averages import ONE_PROBE, sentences
from audit.metrics.image_sets import ImageSet, Pairing, joint_contributions
from audit.metrics.sample import Units, contributions
from audit.panels import Gallery, Intervals, Span
from audit.records import Finding, Interval
from audit.stats.distances import Features, frechet_from_features
from audit.stats.diversity import cosine_diversity
from audit.stats.influence import Compared
from audit.stats.intervals import cluster_mean
from audit.stats.kernels import kid
from audit.table import Strings

__all__ = ["KERNEL", "KINDS", "LEAST_FOR_KERNEL", "Distance", "Kind", "Subject", "beside", "distance", "diversity"]

LEAST_FOR_KERNEL = 50
"""Images a side, below which the spread of a kernel distance is not worth an interval."""
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to measure the distance of two sets."""

    name: str
    title: str
    recipe: str
    measure: Callable[[Features, Features], Compared]
    biased: bool
    """Its expectation depends on n, so n is part of the protocol."""


FRECHET = Kind("frechet", "Frechet distance", "Frechet distance", frechet_from_features, biased=True)
KERNEL = Kind("kid", "Kernel distance (KID)", "unbiased MMD^2, kernel (x.y/d + 1)^3, all pairs", kid, biased=False)
KINDS = (FRECHET, KERNEL)


@dataclass(frozen=True, slots=True)
class Subject:
    """What the findings of one metric share."""

    metric: str
    confidence: float
    features: str
    """Protocol of the feature vectors."""
    source: str
    least_for_frechet: int


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance and the images that it comes from."""

    measured: Measured
    gallery: Gallery | None
    """Generated images least and most like the reference; None without an estimate."""


def distance(subject: Subject, kind: Kind, pairing: Pairing, reference: ImageSet | None = None) -> Distance:
    """The distance of a pairing; without a ``reference`` it is a floor, between two halves of one generator's images."""
    n = pairing.n
    least = subject.least_for_frechet if kind.biased else LEAST_FOR_KERNEL
    finding = _finding(subject, kind, pairing, reference)
    if n < least:
        why = f"No estimate: {n} images a side, at least {least} needed"
        return Distance(Measured(finding.model_copy(update={"note": sentences(why, finding.note)})), None)
    compared = kind.measure(pairing.first.features, pairing.second.features)
    parts = joint_contributions(compared, pairing)
    known = _known(compared, parts, subject.confidence, floor_at_zero=kind.biased)
    known["clusters"] = len(set(pairing.first.cluster))  # of one side, as n is
    if reference is None:
        return Distance(Measured(finding.model_copy(update=known), parts), None)
    ranked = pairing.first.images[np.argsort(-compared.first, kind="stable")]
    known["evidence"] = tuple(dict.fromkeys(str(image) for image in ranked[:SHOWN]))
    return Distance(Measured(finding.model_copy(update=known), parts), _gallery(ranked, finding))


def diversity(subject: Subject, own: ImageSet) -> Measured:
    """Mean cosine distance between two images of a set."""
    finding = Finding(
        metric=f"{subject.metric}.diversity",
        title="How different two generated images are on average (1 - cosine of features)",
        protocol=f"mean of 1 - cosine over all pairs; {subject.features}",
        generator=own.name,
        estimate=None,
        interval=None,
        confidence=subject.confidence,
        unit="",
        better="higher",
        n=len(own),
        n_missing=len(own.lost),
        clusters=0,
        method="U-statistic over all pairs; interval from influences by cluster, t quantile",
        note=sentences("0: copies of one image. It has no natural upper end; compare it with that of a reference set"),
    )
    if len(own) < LEAST_FOR_KERNEL:
        why = f"No estimate: {len(own)} images, at least {LEAST_FOR_KERNEL} needed"
        return Measured(finding.model_copy(update={"note": sentences(why, own.why_missing)}))
    compared = cosine_diversity(own.features)
    parts = contributions(compared.pseudo_values(), Units.named(own.cluster, one_probe=own.one_probe))
    known = _known(compared, parts, subject.confidence, floor_at_zero=True)
    return Measured(finding.model_copy(update=known | {"note": sentences(finding.note, own.why_missing)}), parts)


def beside(finding: Finding, floor: Measured | None) -> Intervals | None:
    """A chart of a distance above its noise floor; None where one of them has no interval."""
    pairs = [(f"from {finding.baseline}", finding)]
    if floor is not None:
        pairs.append(("between two halves of its own images (noise floor)", floor.finding))
    rows = [
        Span(label=label, estimate=of.estimate, low=of.interval.low, high=of.interval.high, n=of.n)
        for label, of in pairs
        if of.estimate is not None and of.interval is not None
    ]
    if len(rows) < 2:
        return None
    summary = (
        f"{rows[0].estimate:.3g} from {finding.baseline}; {rows[1].estimate:.3g} between two halves of its own images."
    )
    return Intervals(title=f"{finding.title}, and its noise floor", summary=summary, rows=tuple(rows), unit=finding.unit)


def _finding(subject: Subject, kind: Kind, pairing: Pairing, reference: ImageSet | None) -> Finding:
    n, own = pairing.n, pairing.first
    floor = reference is None
    title, against, codec = "between two halves of the generated images", "own halves", own.codec
    if reference is not None:
        title, against = f"from the reference set {reference.name}", f"reference {reference.digest}"
        codec = f"{own.codec} against {reference.codec}"
    at = f" at n={n} a side" if kind.biased else ""
    return Finding(
        metric=f"{subject.metric}.{'floor_' if floor else ''}{kind.name}",
        title=f"{kind.title} {title}",
        protocol=f"{kind.recipe}{at}; {against}; {codec}; {subject.features}",
        generator=own.name,
        baseline="" if reference is None else reference.name,
        estimate=None,
        interval=None,
        confidence=subject.confidence,
        unit="",
        better="lower",
        n=n,
        n_missing=len(own.lost),
        clusters=0,
        method=f"{kind.recipe}, {n} images a side; interval from influences by cluster of both sides, t quantile",
        source=subject.source,
        note=_note(kind, pairing, reference),
        expected=None if kind.biased else 0.0,
    )


def _note(kind: Kind, pairing: Pairing, reference: ImageSet | None) -> str:
    n, own, width = pairing.n, pairing.first, pairing.first.features.shape[1]
    bias = "Biased upward by about c / n: compare at this n only; the interval speaks of this n" if kind.biased else ""
    few = f"Fewer images than the {width} dimensions: most of it may be that bias" if kind.biased and n <= width else ""
    split = codecs = ""
    if reference is not None:
        split = "Seeds are shared with the reference, so each side gives the half of them that the other does not"
        differ = own.codecs and reference.codecs and own.codecs != reference.codecs
        codecs = (
            f"Codecs differ ({own.codec} against {reference.codec}), so compression counts as distance" if differ else ""
        )
    alone = ONE_PROBE if own.one_probe else ""
    sides = "n and clusters are those of one side"
    return sentences(bias, few, split if pairing.split else "", codecs, alone, sides, own.why_missing)


def _known(
    compared: Compared, parts: Sequence[Contribution], confidence: float, *, floor_at_zero: bool
) -> dict[str, object]:
    """What an estimate adds to a finding."""
    totals, sizes = np.array([part.total for part in parts]), np.array([part.n for part in parts])
    found = cluster_mean(totals, sizes, confidence=confidence)
    ends = found.interval
    interval = None if ends is None else Interval(low=max(0.0, ends[0]) if floor_at_zero else ends[0], high=ends[1])
    return {"estimate": compared.value, "interval": interval, "clusters": found.clusters}


def _gallery(ranked: Strings, finding: Finding) -> Gallery:
    """Both ends of the images in order of likeness to the reference, the least like first."""
    least, most = ranked[:SHOWN], ranked[::-1][:SHOWN]
    return Gallery(
        title="Generated images least and most like the reference",
        summary=f"By what each adds to the distance of {finding.generator} from {finding.baseline}.",
        images=tuple(str(image) for image in (*least, *most)),
        captions=("least like the reference",) * len(least) + ("most like the reference",) * len(most),
    )
