"""Gallery search on made-up embeddings: intervals of false match rates, thresholds that hold in every group, and tests."""

import math
from collections.abc import Iterator

import numpy as np

from audit.stats.intervals import FloatArray, wilson
from audit.stats.matching import all_pairs_rate, crossed_rate, probe_rate
from audit.stats.matching_chance import rank_p_values, swapped_difference
from audit.stats.multiplicity import benjamini_hochberg
from benchmarks.people.gallery_faces import SEED, faces, mixed
from benchmarks.people.gallery_thresholds import thresholds
from benchmarks.people.section import Promise, Section

WORLDS = 1000
"""Worlds of every row on intervals."""
RESAMPLES = 199


def sections() -> Iterator[Section]:
    """The tables, in order."""
    yield intervals()
    yield thresholds()
    yield tests()


# ---------------------------------------------------------------------------------------------------- intervals


def intervals() -> Section:
    """How often intervals of the false match rate contain the true one."""
    rows, promises = [], []
    for threshold in (0.4, 0.55):
        truth = _true_rate(threshold)
        for people in (100, 300):
            share = _covered_pairs(people, threshold, truth)
            name = f"all pairs of {people} people"
            rows.append((name, f"{truth:.2g}", *(f"{each:.3f}" for each in share)))
            promises.append(_covers(f"{name}, rate {truth:.2g}", share[-1]))
        for images, people in ((100, 30), (300, 100)):
            share = _covered_crossed(images, people, threshold, truth)
            name = f"{images} images x {people} people, both drawn anew"
            rows.append((name, f"{truth:.2g}", *(f"{each:.3f}" for each in share)))
            promises.append(_covers(f"{name}, rate {truth:.2g}", share[-1]))
        share, mean = _covered_probes(200, 20, threshold)
        name = "200 images x 20 people, the same people"
        rows.append((name, f"about {mean:.2g}", f"{share[0]:.3f}", "", f"{share[1]:.3f}"))
        promises.append(_covers(f"{name}, rate about {mean:.2g}", share[1]))
    return Section(
        title="Coverage of intervals of the false match rate, nominal 95 %",
        columns=("comparisons", "true rate", "as if independent", f"bootstrap of people ({RESAMPLES})", "as shipped"),
        rows=tuple(rows),
        note=(
            f"{WORLDS} worlds a row, people and images drawn anew in each. Three in ten faces share a shift. Wilson "
            "intervals: of all comparisons as if independent, and as shipped, at the effective number that people and "
            "images stand for. The percentile bootstrap of people is there to compare."
        ),
        promises=tuple(promises),
    )


def _covers(name: str, share: float) -> Promise:
    return Promise(f"coverage, {name}", "at least .93", f"{share:.3f}", share >= 0.93)


def _true_rate(threshold: float) -> float:
    """The rate of strangers, from two million pairs."""
    rng = np.random.default_rng([SEED, int(1000 * threshold)])
    parts = [(mixed(100_000, rng) * mixed(100_000, rng)).sum(axis=1) >= threshold for _ in range(20)]
    return float(np.mean(parts))


def _covered_pairs(people: int, threshold: float, truth: float) -> tuple[float, ...]:
    rng, covered = np.random.default_rng([SEED, people, int(1000 * threshold)]), np.zeros(3)
    pairs = people * (people - 1) / 2
    for _ in range(WORLDS):
        drawn = mixed(people, rng)
        matches = drawn @ drawn.T >= threshold
        matches |= matches.T
        np.fill_diagonal(matches, False)
        found = all_pairs_rate(matches)
        assert found.interval is not None
        ends = (wilson(found.value * pairs, pairs), _resampled(matches, rng), found.interval)
        covered += [low <= truth <= high for low, high in ends]
    return tuple(covered / WORLDS)


def _resampled(matches: np.ndarray[tuple[int, int], np.dtype[np.bool_]], rng: np.random.Generator) -> tuple[float, float]:
    """Percentiles of the rate among people drawn with replacement; a person is not compared with himself or herself."""
    people = len(matches)
    times = rng.multinomial(people, np.full(people, 1 / people), RESAMPLES).astype(np.float64)
    rates = ((times @ matches.astype(np.float64)) * times).sum(axis=1) / (people**2 - (times * times).sum(axis=1))
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def _covered_crossed(images: int, people: int, threshold: float, truth: float) -> tuple[float, ...]:
    rng, covered = np.random.default_rng([SEED, images, people, int(1000 * threshold)]), np.zeros(3)
    sizes = np.ones((images, people))
    for _ in range(WORLDS):
        matches = (mixed(images, rng) @ mixed(people, rng).T >= threshold).astype(np.float64)
        found = crossed_rate(matches, sizes)
        assert found.interval is not None
        ends = (wilson(matches.sum(), matches.size), _resampled_crossed(matches, rng), found.interval)
        covered += [low <= truth <= high for low, high in ends]
    return tuple(covered / WORLDS)


def _resampled_crossed(matches: FloatArray, rng: np.random.Generator) -> tuple[float, float]:
    rows, columns = (rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(np.float64) for n in matches.shape)
    rates = ((rows @ matches) * columns).sum(axis=1) / matches.size
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def _covered_probes(images: int, people: int, threshold: float) -> tuple[tuple[float, float], float]:
    """Coverage of the rate at one gallery, which is another in every world, and the mean of these rates."""
    rng, covered, rates = np.random.default_rng([SEED, 3, int(1000 * threshold)]), np.zeros(2), []
    for _ in range(WORLDS):
        gallery = mixed(people, rng)
        truth = float((mixed(10_000, rng) @ gallery.T >= threshold).mean())
        matches = (mixed(images, rng) @ gallery.T >= threshold).astype(np.float64)
        found = probe_rate(matches, np.ones_like(matches), images=1).interval
        assert found is not None
        covered += [low <= truth <= high for low, high in (wilson(matches.sum(), matches.size), found)]
        rates.append(truth)
    return (float(covered[0] / WORLDS), float(covered[1] / WORLDS)), float(np.mean(rates))


# -------------------------------------------------------------------------------------------------------- tests


def tests() -> Section:
    """False alarms and power of what needs no threshold."""
    rows, promises = [], []
    for what, alarm, found in (
        ("standouts: 40 images, 100 impostor prompts; 8 of them depict somebody", *_standouts()),
        ("name effect: 1 prompt x 12 images before 39 other prompts", *_names(0.0)),
        ("name effect: the same, where a prompt draws one face over and over", *_names(0.9)),
    ):
        rows.append((what, f"{alarm:.3f}", f"{found:.3f}"))
        most = 0.05 + 2 * math.sqrt(0.05 * 0.95 / 500)
        promises.append(
            Promise(f"false alarms, {what}", f"at most 5 %, with chance {most:.3f}", f"{alarm:.3f}", alarm <= most)
        )
    return Section(
        title="Tests of likeness without a threshold, at 5 %",
        columns=("test", "audits with a false alarm", "audits that find it"),
        rows=tuple(rows),
        note=(
            "500 worlds a cell. Standouts: best match of each image by its rank among those of impostors, "
            "Benjamini-Hochberg over images. Name effect: mean similarity to the person's photographs, prompts are swapped."
        ),
        promises=tuple(promises),
    )


def _standouts() -> tuple[float, float]:
    alarms = np.zeros(2)
    for world in range(500):
        rng = np.random.default_rng([SEED, 5, world])
        gallery = faces(10, rng)
        best = (faces(100, rng) @ gallery.T).max(axis=1)
        images = faces(40, rng)
        depicting = images.copy()
        depicting[:8] = gallery[:8] + 0.6 * images[:8]
        depicting /= np.linalg.norm(depicting, axis=1, keepdims=True)
        for place, drawn in enumerate((images, depicting)):
            p_values = rank_p_values((drawn @ gallery.T).max(axis=1), best, np.arange(100))
            alarms[place] += benjamini_hochberg(p_values).min() <= 0.05
    return float(alarms[0] / 500), float(alarms[1] / 500)


def _names(alike: float) -> tuple[float, float]:
    """``alike``: how much of an image is its prompt's."""
    alarms = np.zeros(2)
    named = np.arange(40) == 0
    for world in range(500):
        rng = np.random.default_rng([SEED, 6, world, int(10 * alike)])
        person = faces(1, rng)[0]
        drawn = alike * faces(40, rng)[:, None] + math.sqrt(1 - alike**2) * faces(480, rng).reshape(40, 12, -1)
        for place, likeness in enumerate((0.0, 0.8)):
            images = drawn + likeness * named[:, None, None] * person
            images /= np.linalg.norm(images, axis=2, keepdims=True)
            _, p = swapped_difference((images @ person).mean(axis=1), named, np.zeros(40, dtype=np.int64), rng)
            alarms[place] += p <= 0.05
    return float(alarms[0] / 500), float(alarms[1] / 500)
