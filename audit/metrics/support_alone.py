"""Findings of how alike a generator's images are that need no reference set."""

from collections import Counter

import numpy as np

from audit.component import Context, Measured
from audit.metrics.averages import BY_PROMPT, ONE_PROBE, cut, sentences
from audit.metrics.image_sets import ImageSet
from audit.metrics.sample import Ints, Sample, Units, contributions, protocol, why_missing
from audit.records import Finding, Interval
from audit.stats.distances import Features
from audit.stats.diversity import cosine_diversity, diversity_within
from audit.stats.intervals import cluster_mean, cluster_share

__all__ = ["repeated", "within_prompt"]

SHOWN = 6


def within_prompt(metric: str, context: Context, generator: str, column: str) -> Measured:
    """Diversity of the images of a prompt, averaged over prompts; of a single one, or of latents, over pairs of draws."""
    sample = Sample.of(context, generator)
    found = sample.table.values(column)
    present = np.flatnonzero(found.present)
    probe = sample.table.asked[0]
    usable = present[np.bincount(probe[present])[probe[present]] > 1] if len(present) else present
    alone = len(present) - len(usable)
    finding = Finding(
        metric=f"{metric}.within_prompt_diversity",
        title="How different two images of the same prompt are on average (1 - cosine of features)",
        protocol=protocol("mean over prompts of 1 - cosine over pairs of a prompt", [column], context),
        generator=generator,
        estimate=None,
        interval=None,
        confidence=context.confidence,
        unit="",
        better="higher",
        n=len(usable),
        n_missing=int((~found.present).sum()),
        clusters=0,
        method="U-statistic of each prompt, mean over prompts, t interval by prompt; of one prompt, by draw",
        note=sentences(
            "0: each prompt gives one image again and again. It has no natural upper end; compare generators",
            f"{alone} images are the only ones of their prompt and are left out" if alone else "",
            why_missing(found.reason[~found.present]),
        ),
    )
    if not len(usable):
        why = "No estimate: no prompt has two images"
        return Measured(finding.model_copy(update={"note": sentences(why, finding.note)}))
    return _within(finding, sample, np.asarray(found.value, dtype=np.float32)[usable], usable)


def _within(finding: Finding, sample: Sample, rows: Features, usable: Ints) -> Measured:
    """The estimate, from the features of some of the draws."""
    probe, units = sample.table.asked[0][usable], sample.units(usable)
    names, values = diversity_within(rows, probe)
    if len(names) == 1:
        parts = contributions(cosine_diversity(rows).pseudo_values(), units)
    else:
        first = np.array([int(np.argmax(probe == name)) for name in names])
        parts = contributions(values, Units.named(units.cluster[first], one_probe=False))
    average = cluster_mean(parts.total, parts.n, confidence=finding.confidence)
    ends = average.interval
    known = {
        "estimate": average.value,
        "interval": None if ends is None else Interval(low=max(0.0, ends[0]), high=min(2.0, ends[1])),
        "clusters": average.clusters,
        "note": sentences(finding.note, ONE_PROBE if units.one_probe else ""),
    }
    return Measured(finding.model_copy(update=known), parts)


def repeated(metric: str, confidence: float, own: ImageSet) -> Measured:
    """Share of images whose bytes another image of the set has as well."""
    n = len(own)
    finding = Finding(
        metric=f"{metric}.repeated",
        title="Generated images that are byte for byte equal to another one",
        protocol=f"digest equal to that of another image; n={n}; {own.codec}",
        generator=own.name,
        estimate=None,
        interval=None,
        confidence=confidence,
        unit="share",
        better="lower",
        n=n,
        n_missing=len(own.lost),
        clusters=0,
        method="share, Wilson interval at the effective n of the clusters",
        note=sentences("It grows with n: compare at this n only", own.why_missing),
        expected=0.0,
    )
    if n < 2:
        why = f"No estimate: {n} images, at least 2 needed"
        return Measured(finding.model_copy(update={"note": sentences(why, finding.note)}))
    counts = Counter(str(image) for image in own.images)
    twice = np.array([counts[str(image)] > 1 for image in own.images])
    parts = contributions(twice.astype(np.float64), Units.named(own.cluster, one_probe=own.one_probe))
    share = cluster_share(parts.total, parts.n, confidence=confidence, correlation=BY_PROMPT)
    known = {
        "estimate": share.value,
        "interval": cut(share.interval, "share"),
        "clusters": share.clusters,
        "evidence": tuple(dict.fromkeys(str(image) for image in own.images[twice]))[:SHOWN],
    }
    return Measured(finding.model_copy(update=known), parts)
