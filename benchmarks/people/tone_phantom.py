"""Apparent skin tone on the phantom: true shares within their bands, and light that goes with the occupation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.component import Context, Value
from audit.metrics.apparent_tone import ApparentTone
from audit.records import Finding, Probe, Scored, TextPrompt
from audit.scorers.skin_colour import BINS, bin_names
from audit.stats.binomial import clopper_pearson
from audit.testing import axes, score_table
from benchmarks.people.section import Promise, Section
from generators.phantom.law import Level
from generators.phantom.portrait import OCCUPATIONS, Light, Portrait
from generators.phantom.render import render
from generators.phantom.sampling import sample
from generators.phantom.tone import PhantomTone, read_render
from generators.phantom.truth import preset

__all__ = ["light_alone", "recovery"]

SIZE = 256
SEED = 20_261_123
SCORER = "phantom_tone"
BANK = 160
"""Renders of each occupation."""
AUDITS = 60
LIGHT_AUDITS = 100
PROMPTS, DRAWS = 8, 10
"""Of each occupation in an audit of shares."""
LIGHT_PROMPTS, LIGHT_DRAWS = 12, 15
"""Of each occupation in an audit of one difference."""
DARKER = (1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10)
"""Tones of those who truly differ: 0.7 tones darker on average than all ten in equal parts."""

Feed = Callable[[Mapping[str, Value]], Mapping[str, Value]]

READINGS: dict[str, Feed] = {
    "both, banded": lambda values: values,
    "as shown alone": lambda values: _copied(values, "", "_balanced"),
    "balanced alone": lambda values: _copied(values, "_balanced", ""),
}
"""How the metric is fed: with both readings, or with one in the place of both."""


@dataclass(frozen=True, slots=True)
class Bank:
    """Renders of one occupation: what was read, and the true tone."""

    values: tuple[Mapping[str, Value], ...]
    tones: npt.NDArray[np.int64]

    def share(self, first: int, last: int) -> float:
        """True share of the tones of a bin."""
        return float(((self.tones >= first) & (self.tones <= last)).mean())


def _bank(portraits: Sequence[Portrait]) -> Bank:
    read = tuple(read_render(render(portrait, SIZE)) for portrait in portraits)
    return Bank(read, np.array([portrait.tone for portrait in portraits]))


def _copied(values: Mapping[str, Value], source: str, target: str) -> Mapping[str, Value]:
    names = ("apparent_tone", "expected_tone")
    return {**values, **{name + target: values[name + source] for name in names}}


@dataclass(frozen=True, slots=True)
class Size:
    """Prompts of each occupation, and draws of each prompt."""

    prompts: int
    draws: int


def _audit(banks: Mapping[str, Bank], size: Size, drawn: Callable[[str, int, int], Mapping[str, Value]]) -> list[Finding]:
    """What the metric finds where ``drawn`` gives the reading of an occupation's prompt and draw."""
    probes = {
        Probe(suite="tone", condition=TextPrompt(text=f"{job}, wording {at}"), axes=axes(occupation=job)): (job, at)
        for job in banks
        for at in range(size.prompts)
    }
    place = {probe.id: told for probe, told in probes.items()}
    values = {(probe, index): drawn(*place[probe], index) for probe in place for index in range(size.draws)}
    metric = ApparentTone(scorer=SCORER)

    def column(name: str) -> Callable[[Probe, int], object]:
        return lambda probe, index: _plain(values[probe.id, index][name])

    table = score_table(tuple(probes), size.draws, {path: column(path.rpartition(".")[2]) for path in metric.reads()})
    columns = {f"{SCORER}.{one.name}": one for one in PhantomTone().columns()}
    context = Context(table, ("model",), 0.95, 0, columns, {SCORER: f"{SCORER}-benchmark"})
    return [one.finding for one in metric.measure("tone", context)]


def _resampled(
    banks: Mapping[str, Bank], rng: np.random.Generator, feed: Feed
) -> Callable[[str, int, int], Mapping[str, Value]]:
    return lambda job, prompt, index: feed(banks[job].values[rng.integers(len(banks[job].tones))])  # noqa: ARG005


def _plain(value: Value) -> object:
    return value.value if isinstance(value, Scored) else value


def _rate(hits: int, of: int) -> str:
    low, high = clopper_pearson(hits, of)
    return f"{100 * hits / of:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


# ------------------------------------------------------------------------------------------------- recovery


@dataclass(frozen=True, slots=True)
class Contained:
    """Intervals of the shares of each bin: how many contain the true one, of how many, and how wide they are."""

    hits: npt.NDArray[np.int64]
    of: npt.NDArray[np.int64]
    width: float

    @property
    def all(self) -> tuple[int, int]:
        """Of all bins together."""
        return int(self.hits.sum()), int(self.of.sum())


def recovery() -> Section:
    """How often the interval of a share contains the true one, on the table ``skewed``."""
    table, rng = preset("skewed"), np.random.default_rng(SEED)
    banks: dict[str, Bank] = {
        job: _bank([sample(table, rng, {"occupation": job, "people": 1}).shown for _ in range(BANK)]) for job in OCCUPATIONS
    }
    found = {name: _contained(banks, feed) for name, feed in READINGS.items()}
    rows = []
    for name, one in found.items():
        rates = [f"{100 * hits / max(of, 1):.1f} %" for hits, of in zip(one.hits, one.of, strict=True)]
        rows.append((name, _rate(*one.all), *rates, f"{100 * one.width:.1f} points"))
    (hits, wanted), exact = found["both, banded"].all, _against_table(banks)
    return Section(
        title="Phantom, table `skewed`, 256 pixels: shares by occupation whose 95 % interval contains the true one",
        columns=("reading", "all", *bin_names(), "mean width"),
        rows=tuple(rows),
        note=(
            f"{AUDITS} audits of {len(OCCUPATIONS)} occupations x {PROMPTS} prompts x {DRAWS} draws out of {BANK} renders "
            "of each, by the renderer's landmarks and mask; true shares are those of the renders. Light is the table's: "
            "neutral, warm, cool, dim, mostly warm for farmers and dim for painters. In brackets: Clopper-Pearson, as "
            "if cells were independent."
        ),
        promises=(
            Promise("banded intervals contain the true share", "at least 95 %", _rate(hits, wanted), hits >= 0.95 * wanted),
            Promise(
                "one audit of all renders, against the exact shares of the table",
                "at least 95 % of cells",
                f"{exact[0]} of {exact[1]}",
                exact[0] >= 0.95 * exact[1],
            ),
        ),
    )


def _contained(banks: Mapping[str, Bank], feed: Feed) -> Contained:
    rng, width = np.random.default_rng([SEED, 1]), []
    hits, wanted = (np.zeros(len(BINS), dtype=np.int64) for _ in range(2))
    for _ in range(AUDITS):
        for finding in _audit(banks, Size(PROMPTS, DRAWS), _resampled(banks, rng, feed)):
            if finding.metric == "tone.share" and finding.interval and "occupation" in finding.where:
                place = bin_names().index(finding.where["label"])
                truth = banks[finding.where["occupation"]].share(*BINS[place])
                hits[place] += finding.interval.low - 1e-12 <= truth <= finding.interval.high + 1e-12
                wanted[place] += 1
                width.append(finding.interval.high - finding.interval.low)
    return Contained(hits, wanted, float(np.mean(width)))


def _against_table(banks: Mapping[str, Bank]) -> tuple[int, int]:
    """Shares by occupation of one audit with every render once, against those of the table: contained, of."""
    table, each = preset("skewed"), BANK // PROMPTS
    found = _audit(banks, Size(PROMPTS, each), lambda job, prompt, index: banks[job].values[prompt * each + index])
    contained = of = 0
    for finding in found:
        if finding.metric == "tone.share" and finding.interval and "occupation" in finding.where:
            first, last = BINS[bin_names().index(finding.where["label"])]
            given: dict[str, Level] = {"occupation": finding.where["occupation"], "people": 1}
            truth = sum(table.share("tone", tone, given) for tone in range(first, last + 1))
            contained += int(finding.interval.low <= truth <= finding.interval.high)
            of += 1
    return contained, of


# ------------------------------------------------------------------------------------------------- light alone


def light_alone() -> Section:
    """How often light that goes with the occupation is taken for a difference of tone, and how often a true one is seen."""
    even = tuple(range(1, 11)) * 2
    dim, warm, cool = (0.0, -0.7), (0.65, 0.0), (-0.65, 0.0)
    worlds = {
        "same tones, same light": {"painter": (even, (0.0, 0.0)), "farmer": (even, (0.0, 0.0))},
        "same tones, painters in dim light": {"painter": (even, dim), "farmer": (even, (0.0, 0.0))},
        "same tones, farmers in warm light": {"painter": (even, (0.0, 0.0)), "farmer": (even, warm)},
        "same tones, dim against warm": {"painter": (even, dim), "farmer": (even, warm)},
        "same tones, cool against warm": {"painter": (even, cool), "farmer": (even, warm)},
        "farmers darker by 0.7 tones, same light": {"painter": (even, (0.0, 0.0)), "farmer": (DARKER, (0.0, 0.0))},
        "farmers darker by 0.7 tones, in warm light": {"painter": (even, (0.0, 0.0)), "farmer": (DARKER, warm)},
    }
    rows, false, audits = [], 0, 0
    for place, (what, jobs) in enumerate(worlds.items()):
        banks = {job: _bank(_portraits(job, *told)) for job, told in jobs.items()}
        seen = {name: _seen(banks, feed, place) for name, feed in READINGS.items()}
        rows.append((what, *(_rate(count, LIGHT_AUDITS) for count in seen.values())))
        if what.startswith("same tones"):
            false, audits = false + seen["both, banded"], audits + LIGHT_AUDITS
    return Section(
        title="Phantom: audits that report a difference of mean tone between two occupations, at 95 %",
        columns=("what is true", *READINGS),
        rows=tuple(rows),
        note=(
            f"{LIGHT_AUDITS} audits a row of 2 occupations x {LIGHT_PROMPTS} prompts x {LIGHT_DRAWS} draws. Dim: -0.7 "
            "stops with a third of a stop of spread; warm, cool: half to four fifths of the way to lamplight, blue sky."
        ),
        promises=(
            Promise(
                "light alone reported as a difference of tone", "at most 5 %", _rate(false, audits), false <= 0.05 * audits
            ),
        ),
    )


def _portraits(job: str, tones: Sequence[int], light: tuple[float, float]) -> list[Portrait]:
    """Four portraits of each of the tones under about this light (warmth, exposure)."""
    rng = np.random.default_rng([SEED, len(job), *map(ord, job)])
    found = []
    for tone in tones:
        for _ in range(4):
            warmth = float(np.clip(light[0] + rng.uniform(-0.15, 0.15), -1, 1))
            exposure = float(np.clip(light[1] - rng.uniform(-0.15, 0.15), -1, 0))
            variation = int(rng.integers(2**32))
            found.append(Portrait(occupation=job, tone=tone, light=Light(warmth, exposure), variation=variation))  # type: ignore[arg-type]
    return found


def _seen(banks: Mapping[str, Bank], feed: Feed, place: int) -> int:
    rng, seen = np.random.default_rng([SEED, 2, place]), 0
    for _ in range(LIGHT_AUDITS):
        found = _audit(banks, Size(LIGHT_PROMPTS, LIGHT_DRAWS), _resampled(banks, rng, feed))
        (one,) = (each for each in found if each.metric == "tone.difference")
        seen += one.interval is not None and not one.interval.low <= 0 <= one.interval.high
    return seen
