"""What is said of one audit: by the product, and by published methods that forget prompts or errors.

Each kind of classifier error has the interval that ``representation`` gives for it; the others stand beside it to show
what they would have said, and nothing is promised of them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from audit.stats.confusion import confusion_rates, matrix_prevalence, misread_test
from audit.stats.fit import cluster_test, effective_test
from audit.stats.intervals import FloatArray, cluster_mean, cluster_share, wilson
from audit.stats.misclassified import CalibrationCounts, lang_reiczigel, rogan_gladen
from audit.stats.prediction_powered import LabelledSubset, ppi_mean, prediction_powered_share
from benchmarks.planted_matrix_worlds import (
    PHOTOGRAPHS,
    RATES,
    RATES_BY_PROMPT,
    RATES_OF_THREE,
    Design,
    calibration,
    drawn_for_labels,
    misread,
)

__all__ = ["ERRORS", "INTERVAL", "TEST", "Method", "Said"]

INTERVAL, TEST = "interval", "test"
ALPHA = 0.05
TOLERANCE = 1e-9
Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Method:
    """An interval or a test."""

    name: str
    kind: str = INTERVAL
    ours: bool = True
    """The product gives it by default for this kind of error; else it is shown for comparison only."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a method says of one audit."""

    method: Method
    yes: bool
    """The interval holds the truth, or the test rejects it."""
    width: float = 0.0
    given: bool = True
    """False where the method refuses an interval."""


def exact(design: Design, rng: np.random.Generator) -> Iterator[Said]:
    """Labels without error."""
    audit = design.audit(rng)
    counts = audit.counts(audit.label)
    totals, sizes = counts[:, 0], counts.sum(axis=1)
    yield _covers(Method("cluster_share"), cluster_share(totals, sizes).interval, design)
    yield _covers(Method("t interval of prompts", ours=False), cluster_mean(totals, sizes).interval, design)
    independent = wilson(float(totals.sum()), float(sizes.sum()))
    yield _covers(Method("Wilson, images as if independent", ours=False), independent, design)
    yield from _tests(counts, design, rng)


def evenly_wrong(design: Design, rng: np.random.Generator) -> Iterator[Said]:
    """The same errors on every prompt, of a confusion matrix that was counted on other images."""
    audit = design.audit(rng)
    counts = audit.counts(misread(audit, RATES, rng))
    matrix = calibration(RATES, rng)
    yield _covers(Method("lang_reiczigel"), _lang_reiczigel(counts, matrix), design)
    general = matrix_prevalence(counts, matrix, rng).intervals
    yield _covers(Method("matrix_prevalence", ours=False), None if general is None else tuple(general[0]), design)
    naive = cluster_share(counts[:, 0], counts.sum(axis=1)).interval
    yield _covers(Method("uncorrected", ours=False), naive, design)
    yield _covers(Method("errors as if known", ours=False), _as_if_known(naive, matrix), design)
    yield from _misread_tests(counts, matrix, design, rng)


def three_labels(design: Design, rng: np.random.Generator) -> Iterator[Said]:
    """The same errors on every prompt, between three labels."""
    audit = design.audit(rng)
    counts = audit.counts(misread(audit, RATES_OF_THREE, rng))
    matrix = calibration(RATES_OF_THREE, rng)
    found = matrix_prevalence(counts, matrix, rng).intervals
    yield _covers(Method("matrix_prevalence"), None if found is None else tuple(found[0]), design)
    naive = cluster_share(counts[:, 0], counts.sum(axis=1)).interval
    yield _covers(Method("uncorrected", ours=False), naive, design)
    yield from _misread_tests(counts, matrix, design, rng)
    yield from _tests(audit.counts(audit.label), design, rng)


def wrong_by_prompt(design: Design, rng: np.random.Generator) -> Iterator[Said]:
    """Errors that depend on the prompt; people label some of the images."""
    audit = design.audit(rng)
    label = misread(audit, RATES_BY_PROMPT, rng)
    seen, read = (np.asarray(found == 0, dtype=np.float64) for found in (audit.label, label))
    drawn = drawn_for_labels(label, rng)
    subset = LabelledSubset(read, audit.clusters, drawn.rows, seen[drawn.rows], drawn.inclusion)
    found = prediction_powered_share(subset)
    yield _covers(Method("prediction_powered_share"), found.interval, design)
    if found.effective_n is not None:
        shares, worth = np.array([found.value, 1 - found.value]), np.full(2, found.effective_n)
        df = len(np.unique(audit.clusters[drawn.rows])) - 1
        p_value = effective_test(shares, worth, design.shares, df=df).p_value
        yield Said(Method("effective_test", TEST), p_value <= ALPHA)
    counts = audit.counts(label)
    yield _covers(Method("uncorrected", ours=False), cluster_share(counts[:, 0], counts.sum(axis=1)).interval, design)
    elsewhere = _lang_reiczigel(counts, calibration(PHOTOGRAPHS, rng))
    yield _covers(Method("lang_reiczigel, calibrated on photographs", ours=False), elsewhere, design)
    if len(drawn.rows) < len(read):
        chosen = rng.choice(len(read), len(drawn.rows), replace=False)
        published = ppi_mean(seen[chosen], read[chosen], np.delete(read, chosen)).interval
        yield _covers(Method("PPI++ as published", ours=False), published, design)


ERRORS: Mapping[str, Callable[[Design, np.random.Generator], Iterator[Said]]] = {
    "none": exact,
    "even": evenly_wrong,
    "even, three labels": three_labels,
    "by prompt, 200 labels": wrong_by_prompt,
}


def _tests(counts: FloatArray, design: Design, rng: np.random.Generator) -> Iterator[Said]:
    """Tests of the truth itself: as a known reference, and as one that was estimated from so many people."""
    yield Said(Method("cluster_test", TEST), cluster_test(counts, design.shares).p_value <= ALPHA)
    for people in (100, 1000):
        reference = rng.multinomial(people, design.shares) / people
        p_value = cluster_test(counts, reference, reference_n=people).p_value
        yield Said(Method(f"cluster_test, reference of {people} people", TEST), p_value <= ALPHA)


def _misread_tests(counts: FloatArray, matrix: FloatArray, design: Design, rng: np.random.Generator) -> Iterator[Said]:
    """The same of readings that a confusion matrix corrects."""
    yield Said(Method("misread_test", TEST), misread_test(counts, matrix, design.shares).p_value <= ALPHA)
    for people in (100, 1000):
        reference = rng.multinomial(people, design.shares) / people
        p_value = misread_test(counts, matrix, reference, reference_n=people).p_value
        yield Said(Method(f"misread_test, reference of {people} people", TEST), p_value <= ALPHA)


def _lang_reiczigel(counts: FloatArray, matrix: FloatArray) -> Ends | None:
    """At the effective n of the clusters, as ``representation`` does."""
    plain = cluster_share(counts[:, 0], counts.sum(axis=1))
    if plain.effective_n is None:
        return None
    known = CalibrationCounts(matrix[0, 0], matrix[:, 0].sum(), matrix[1, 1], matrix[:, 1].sum())
    quantile = float(special.stdtrit(plain.clusters - 1, 0.975))
    found = lang_reiczigel(plain.value * plain.effective_n, plain.effective_n, known, quantile=quantile)
    return float(found.low), float(found.high)


def _as_if_known(ends: Ends | None, matrix: FloatArray) -> Ends | None:
    """An interval of readings, carried over by errors that are taken as known (as CLEAM does)."""
    if ends is None:
        return None
    rates = confusion_rates(matrix)
    low, high = rogan_gladen(np.array(ends), rates[0, 0], rates[1, 1])
    return float(low), float(high)


def _covers(method: Method, ends: Ends | None, design: Design) -> Said:
    if ends is None:
        return Said(method, True, 1.0, given=False)
    low, high = ends
    return Said(method, bool(low - TOLERANCE <= design.share <= high + TOLERANCE), float(high - low))
