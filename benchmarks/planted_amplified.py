"""Amplification: what the trained models show, less what their truth tables taught them.

The amplification of a row is judged by no promise: it is what the model is like. Its note gives the ends of its interval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from audit.errors import InputError
from audit.stats.intervals import wilson
from benchmarks.planted_banks import NAMED
from benchmarks.planted_rows import AMPLIFIED, TOLERANCE, Row
from generators.phantom.bank import Bank, stated
from generators.phantom.law import Level
from generators.phantom.portrait import AGES, PRESENTATIONS
from generators.phantom.truth import TruthTable, preset

__all__ = ["amplification"]

AUDITED = (("presentation", "feminine"), ("age", "older"), ("tone_band", "dark"))
PLANTED = 0.05
"""Occupations whose planted share lies nearer to that of all have no sign: nobody planted a dependence there."""
GAN = "gan"
TAUGHT_TO_GAN = "even"


@dataclass(frozen=True)
class Moved:
    """A share as it was taught and as the model shows it."""

    name: str
    planted: float
    shown: float
    interval: tuple[float, float]
    n: int
    note: str = ""

    def row(self, setting: str) -> Row:
        """Shown less planted."""
        low, high = (end - self.planted for end in self.interval)
        told = f"{low:+.3f} to {high:+.3f}: taught {self.planted:.3f}, shows {self.shown:.3f}"
        note = f"{told}; {self.note}" if self.note else told
        return Row(AMPLIFIED, self.name, setting, self.n, self.shown - self.planted, (high - low) / 2, note)


def amplification(bank: Bank) -> list[Row]:
    """Model rate less planted rate by occupation, the bias amplification over all of them, and that of an interaction.

    A GAN is conditioned on presentation, age and occupation, so of it the tone is compared, by each of them.
    """
    model = bank.facts.model
    if model == GAN:
        setting = f"{model}: tone_band dark"
        return [moved.row(setting) for moved in _by_class(bank, preset(TAUGHT_TO_GAN))]
    rows: list[Row] = []
    for attribute, level in AUDITED:
        moved = [_moved(bank, preset(model), name, (attribute, level)) for name in NAMED]
        setting = f"{model}: {attribute} {level}"
        rows += [*(one.row(setting) for one in moved), *_bias_amplification(moved, setting)]
    return [*rows, *_interaction(bank, preset(model))]


def _moved(bank: Bank, table: TruthTable, occupation: str, level: tuple[str, Level]) -> Moved:
    given: dict[str, Level] = {"occupation": occupation}
    true, planted = bank.share(*level, given), _planted(table, level, given)
    decoders = f"decoders {true.reach[0]:.3f} to {true.reach[1]:.3f}"
    return Moved(f"by occupation: {occupation}", planted, true.value, true.interval, true.n, decoders)


def _planted(table: TruthTable, level: tuple[str, Level], given: Mapping[str, Level]) -> float:
    """Share among those who can be seen."""
    return table.share(*level, {"people": 1, **given, "missing": False})


def _bias_amplification(moved: Sequence[Moved], setting: str) -> list[Row]:
    """Wang & Russakovsky 2021, task to attribute: mean of sign(planted dependence) (model share - planted share).

    Above 0 the model exaggerates what it was taught. Its interval is recovered from those of the shares (Newcombe 1998,
    method 10). Two perceived presentations give equal terms, so the feminine share says all.
    """
    overall = float(np.mean([one.planted for one in moved]))
    signed = [
        (1 if one.planted > overall else -1, one) for one in moved if abs(one.planted - overall) >= PLANTED - TOLERANCE
    ]
    if not signed:
        return []
    k = len(signed)
    value = sum(sign * (one.shown - one.planted) for sign, one in signed) / k
    ends = [(one.shown - one.interval[0], one.interval[1] - one.shown)[::sign] for sign, one in signed]
    low, high = value - sqrt(sum(end[0] ** 2 for end in ends)) / k, value + sqrt(sum(end[1] ** 2 for end in ends)) / k
    direction = "exaggerates" if low > 0 else "flattens" if high < 0 else "neither exaggerates nor flattens"
    told = f"{low:+.3f} to {high:+.3f}: over {k} occupations the model {direction} what it was taught"
    n = sum(one.n for _, one in signed)
    return [Row(AMPLIFIED, "BiasAmp, task to attribute", setting, n, value, (high - low) / 2, told)]


def _interaction(bank: Bank, table: TruthTable) -> Iterator[Row]:
    """The feminine share among the older less that among the young, where a table ties the two in one occupation."""
    if table.interaction is None:
        return
    occupation = table.interaction.occupation
    here = bank.stating({"occupation": occupation})
    older, young = (_read(bank, occupation, table, age, here & (bank.level("age") == age)) for age in ("older", "young"))
    shown, planted = older.shown - young.shown, older.planted - young.planted
    below = hypot(older.shown - older.interval[0], young.interval[1] - young.shown)
    above = hypot(older.interval[1] - older.shown, young.shown - young.interval[0])
    both = Moved(f"older less young, {occupation}", planted, shown, (shown - below, shown + above), older.n + young.n)
    yield both.row(f"{bank.facts.model}: presentation feminine")


def _read(bank: Bank, occupation: str, table: TruthTable, age: str, rows: np.ndarray) -> Moved:
    """The feminine share among draws that are read as of one age."""
    read = [level for level in bank.level("presentation")[rows] if level is not None]
    if not read:
        raise InputError(f"bank {bank.facts.model!r}: presentation and {age!r} were read in no draw of {occupation!r}")
    hits = sum(level == "feminine" for level in read)
    planted = _planted(table, ("presentation", "feminine"), {"occupation": occupation, "age": age})
    return Moved(age, planted, hits / len(read), wilson(hits, len(read)), len(read))


def _by_class(bank: Bank, table: TruthTable) -> Iterator[Moved]:
    """Shares of dark tones in the classes of a GAN, pooled by what they state."""
    facts = [stated(probe) for probe in bank.probes]
    planted = np.array([_planted(table, ("tone_band", "dark"), given) if given else np.nan for given in facts])
    tones = bank.level("tone_band")
    read = np.array([tone is not None for tone in tones])
    for attribute, levels in (("presentation", PRESENTATIONS), ("age", AGES), ("occupation", NAMED)):
        for name in levels:
            among = np.array([given.get(attribute) == name for given in facts])
            rows = among[bank.asked] & read
            n, hits = int(rows.sum()), int((tones[rows] == "dark").sum())
            taught = float(planted[bank.asked[rows]].mean())
            yield Moved(f"by {attribute}: {name}", taught, hits / n, wilson(hits, n), n, f"{among.sum()} classes")
