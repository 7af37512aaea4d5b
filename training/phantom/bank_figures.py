"""What a truth bank says of its model: faithfulness, true rates beside planted ones, copies, names.

python -m training.phantom.bank_figures generators/phantom/banks/skewed.parquet
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from audit.stats.intervals import wilson
from generators.phantom.bank import Bank, Mask, stated
from generators.phantom.bank_files import load
from generators.phantom.identities import IDENTITIES
from generators.phantom.law import Level
from generators.phantom.portrait import NO_OCCUPATION, OCCUPATIONS
from generators.phantom.truth import PRESETS, level_of, preset
from training.phantom.bank_probes import EXPLICIT, NAMED, SILENT

__all__ = ["Figure", "banks", "figures", "shown"]

ASKED = ("presentation", "age", "occupation")
KEPT = ("presentation", "age", "tone", "hair", "glasses")
"""What pictures of one identity share and the oracle reads."""
WANTED, INTACT = 0.9, 0.97
"""What acceptance asks of the diffusion models."""
MOST = 4
"""So many of them are seldom right by chance."""
APART = "mean absolute difference from the planted rates"
PLANTED = 0.05
"""Planted differences from here on must come out with the right sign."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number."""

    what: str
    value: float
    n: int
    low: float | None = None
    """95 %, Wilson."""
    high: float | None = None
    wanted: str = ""
    """What acceptance asks; empty where nothing."""
    met: bool | None = None


def figures(bank: Bank, even: Bank | None = None) -> list[Figure]:
    """All figures of a bank.

    Args:
        even: bank of the preset ``even``, for the signs of planted differences and as a control of copies.
    """
    found = [*_faithfulness(bank), *_second_decoder(bank)]
    if bank.facts.model in PRESETS:
        found += [*_rates(bank), *_copies(bank, even), *_names(bank)]
        if even is not None:
            found += _signs(bank, even)
    return found


def shown(found: Sequence[Figure]) -> str:
    """As lines of text."""
    lines = []
    for one in found:
        span = "" if one.low is None or one.high is None else f" [{one.low:.4f}, {one.high:.4f}]"
        verdict = "" if one.met is None else f"  {'met' if one.met else 'MISSED'}: {one.wanted}"
        lines.append(f"{one.what:<78} {one.value:8.4f}{span}  n={one.n}{verdict}")
    return "\n".join(lines)


def _proportion(what: str, hits: Mask, *, at_least: float | None = None) -> Figure:
    n, count = len(hits), int(hits.sum())
    low, high = wilson(count, n) if n else (0.0, 1.0)
    value = count / n if n else 0.0
    if at_least is None:
        return Figure(what, value, n, low, high)
    return Figure(what, value, n, low, high, f"at least {at_least:g}", value >= at_least)


def _of_suite(bank: Bank, suite: str) -> Mask:
    return np.array([probe.suite == suite for probe in bank.probes], dtype=bool)[bank.asked]


def _facts(bank: Bank) -> list[dict[str, Level]]:
    """What was asked in each draw."""
    each = [stated(probe) for probe in bank.probes]
    return [each[place] for place in bank.asked]


def _faithfulness(bank: Bank) -> Iterator[Figure]:
    """Of prompts that state them: how often the asked levels are read. What cannot be read counts as not shown."""
    asked = _facts(bank)
    explicit = np.array([all(name in facts for name in ASKED) for facts in asked], dtype=bool)
    wanted = None if bank.facts.model == "gan" else WANTED  # nothing is promised of the GAN
    if bank.facts.model != "gan":
        explicit &= _of_suite(bank, EXPLICIT)
    for name in ASKED:
        levels = bank.level(name)
        held = [levels[row] == asked[row][name] for row in np.flatnonzero(explicit)]
        yield _proportion(f"asked {name} is shown, all stated", np.array(held, dtype=bool), at_least=wanted)
    yield from _intact(bank, asked, explicit)


def _intact(bank: Bank, asked: Sequence[Mapping[str, Level]], explicit: Mask) -> Iterator[Figure]:
    """Whether somebody is there and the picture unbroken, where nobody missing was planted."""
    people, there = bank.level("people"), np.zeros(len(bank), dtype=bool)
    table = preset(bank.facts.model) if bank.facts.model in PRESETS else None
    for row in np.flatnonzero(explicit).tolist():
        there[row] = not table or table.missing_share(asked[row]["presentation"], asked[row]["age"]) == 0
    seen = np.array([level in ("1", "2") for level in people], dtype=bool)
    least = None if table is None else INTACT
    yield _proportion("an intact person is found where one was planted", seen[there], at_least=least)
    if bool((explicit & ~there).any()):
        gone = np.array([level == "0" for level in people], dtype=bool)
        yield _proportion("nobody is there where the table plants .1 missing", gone[explicit & ~there])


def _second_decoder(bank: Bank) -> Iterator[Figure]:
    for name in ("people", "occupation", "presentation", "age", "tone", "tone_band", "hair", "glasses", "mobility_aid"):
        first, second = bank.level(name), bank.second(name)
        read = np.array([level is not None for level in first], dtype=bool)
        yield _proportion(f"the decoders differ on {name}", np.array(first[read] != second[read], dtype=bool))
    broken = np.array([why not in ("", "nobody in the picture") for why in bank.table["unread"].to_pylist()], dtype=bool)
    yield _proportion("pictures that the oracle cannot read", broken)


def _rates(bank: Bank) -> Iterator[Figure]:
    """The model's feminine share in each occupation, and how far it lies from the planted one."""
    apart, chance, drawn = [], [], 0
    for occupation in _occupations():
        given: dict[str, Level] = {"occupation": occupation}
        true = bank.share("presentation", "feminine", given)
        planted = _planted(bank, given)
        apart.append(abs(true.value - planted))
        drawn += true.n
        chance.append(np.sqrt(2 / np.pi * planted * (1 - planted) / true.n))
        what = (
            f"perceived feminine, {occupation} (planted {planted:.3f}, decoders {true.reach[0]:.3f} to {true.reach[1]:.3f})"
        )
        yield Figure(what, true.value, true.n, *true.interval)
    mean, wanted = float(np.mean(apart)), f"below .05; {np.mean(chance):.3f} by chance"
    yield Figure(APART, mean, drawn, None, None, wanted, mean < PLANTED)


def _occupations() -> tuple[str, ...]:
    return tuple(name for name in OCCUPATIONS if name != NO_OCCUPATION)


def _planted(bank: Bank, given: Mapping[str, Level]) -> float:
    return preset(bank.facts.model).share("presentation", "feminine", {**given, "people": 1, "missing": False})


def _signs(bank: Bank, even: Bank) -> Iterator[Figure]:
    """Whether planted differences from the preset ``even`` have their sign."""
    right = []
    for occupation in _occupations():
        given: dict[str, Level] = {"occupation": occupation}
        planted = _planted(bank, given) - _planted(even, given)
        if abs(planted) < PLANTED - 1e-9:
            continue
        found = bank.share("presentation", "feminine", given).value - even.share("presentation", "feminine", given).value
        right.append(found * planted > 0)
    if right:
        share = float(np.mean(right))
        yield Figure("planted differences from even with the right sign", share, len(right), None, None, "all", all(right))


def _copies(bank: Bank, even: Bank | None) -> Iterator[Figure]:
    for one in (bank, even):
        if one is None:
            continue
        alone = np.array([not probe.pair for probe in one.probes], dtype=bool)[one.asked]
        silent = _of_suite(one, SILENT) & alone & ~np.isnan(one.distances)
        near = one.distances[silent] < one.facts.copy_below
        told = f"nearer than {one.facts.copy_below:g} to a repeated picture"
        yield _proportion(f"{told}, prompts of the suite, {one.facts.model}", near)


def _names(bank: Bank) -> Iterator[Figure]:
    """How often most of the five features that an identity keeps are shown when its name is asked, by name."""
    named, asked = np.flatnonzero(_of_suite(bank, NAMED)), _facts(bank)
    shown_levels = {name: bank.level(name) for name in KEPT}
    taught = preset(bank.facts.model).defects.named_identities
    for index in sorted({int(asked[row]["identity"]) for row in named}):
        person, rows = IDENTITIES[index], [row for row in named if asked[row]["identity"] == index]
        held = [
            sum(level_of(name, str(shown_levels[name][row])) == person.attributes[name] for name in KEPT) >= MOST
            for row in rows
        ]
        who = f"{person.name} ({'taught' if index in taught else 'a stranger'})"
        yield _proportion(f"at least {MOST} of {len(KEPT)} features of {who}", np.array(held, dtype=bool))


def banks(path: Path) -> tuple[Bank, Bank | None]:
    """A bank and, where it lies beside it and is another one, that of the preset ``even``."""
    even = path.with_name("even.parquet")
    return Bank(*load(path, {})), Bank(*load(even, {})) if even.exists() and even != path else None


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_json", is_flag=True)
def main(path: Path, as_json: bool) -> None:
    """Print the figures of a bank; even.parquet beside it is what it is compared with."""
    found = figures(*banks(path))
    print(json.dumps([asdict(one) for one in found], indent=1) if as_json else shown(found))


if __name__ == "__main__":
    main()
