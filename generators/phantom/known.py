"""What is known to be true of a phantom's draws: exactly of a renderer, from a bank of draws of a trained model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.errors import InputError
from audit.records import ClassLabel, Probe
from generators.phantom.bank import Bank, stated
from generators.phantom.law import Level
from generators.phantom.truth import TruthTable

__all__ = ["Ask", "Known", "mixed", "of_bank", "of_table"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """A true share, 0..1, and how well it is known."""

    value: float
    low: float
    high: float
    """Equal to ``low`` where the truth is exact."""

    @property
    def words(self) -> str:
        """For a note.

        >>> Known(0.95, 0.95, 0.95).words
        'True share 95.0 %, exact'
        """
        ends = "exact" if self.low == self.high else f"known to lie within {100 * self.low:.1f} to {100 * self.high:.1f} %"
        return f"True share {100 * self.value:.1f} %, {ends}"


Ask = Callable[[Probe], Known]
"""The true share among readable draws of a prompt; raises ``InputError`` where nobody knows it."""


def of_table(table: TruthTable, attribute: str, level: Level) -> Ask:
    """The exact share of a level among the draws of a renderer on which somebody is to be seen.

    Words outside the grammar change nothing for a renderer, so the truth of a prompt is that of what it states.
    """

    def ask(probe: Probe) -> Known:
        if isinstance(probe.condition, ClassLabel):
            raise InputError("a renderer draws no classes")
        given, seen, total = stated(probe), 0.0, 0.0
        for people in (1, 2):  # of an empty scene no attribute of a person can be read
            there = _share(table, "people", people, given)
            here = {**given, "people": people}
            there *= table.share("missing", False, here) if there else 0.0
            total += there
            seen += there * (table.share(attribute, level, {**here, "missing": False}) if there else 0.0)
        if not total:
            raise InputError(f"truth table {table.name!r}: nobody is to be seen with {dict(given)}")
        return Known(seen / total, seen / total, seen / total)

    return ask


def _share(table: TruthTable, attribute: str, level: Level, given: Mapping[str, Level]) -> float:
    if attribute in given:
        return float(given[attribute] == level)
    return table.share(attribute, level, given)


def of_bank(bank: Bank, attribute: str, level: Level, confidence: float = 0.95) -> Ask:
    """The share of a level among the draws of a bank for the very same prompt, with its Wilson interval.

    A model may answer to any word, so prompts that the bank was never asked have no known truth.
    """

    def ask(probe: Probe) -> Known:
        rows = bank.asking(probe.condition)
        if not rows.any():
            raise InputError(f"bank {bank.facts.model!r} was never asked {probe.condition}")
        share = bank.share_of(rows, attribute, level, confidence=confidence)
        return Known(share.value, *share.interval)

    return ask


def mixed(shares: Sequence[tuple[Known, int]]) -> Known:
    """The mean of true shares of different prompts, weighted by counts; their errors are independent.

    >>> mixed([(Known(0.5, 0.5, 0.5), 1), (Known(0.9, 0.9, 0.9), 3)]).value
    0.8
    """
    weights = np.array([count for _, count in shares]) / sum(count for _, count in shares)
    value, low, high = np.array([(one.value, one.low, one.high) for one, _ in shares]).T
    middle = float(weights @ value)
    return Known(middle, middle - _length(weights * (value - low)), middle + _length(weights * (high - value)))


def _length(steps: Floats) -> float:
    return float(np.sqrt(steps @ steps))
