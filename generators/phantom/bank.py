"""Truth banks: what thousands of draws of a trained model show, one row a draw and no pixels.

A truth table says what a model was taught; its bank says what it learnt. Amplification is the second less the first, and
the intervals of audits are held against the second. ``python -m training.phantom.bank`` draws a bank.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit.errors import InputError
from audit.records import ClassLabel, Condition, Probe, TextPrompt
from audit.stats.intervals import wilson
from audit.table import ScoreTable
from generators.phantom.bank_audits import audited
from generators.phantom.bank_files import NOTHING, Facts, load, weights_digest
from generators.phantom.captions import parse
from generators.phantom.decoding import ATTRIBUTES
from generators.phantom.law import Level
from generators.phantom.portrait import AGES, OCCUPATIONS, PRESENTATIONS
from generators.phantom.truth import written

__all__ = ["BANKS", "Bank", "TrueShare", "column", "read_bank", "stated"]

BANKS = ("even", "skewed", "regressed", "gan")
HERE = Path(__file__).parent
DECODED = {"presentation": "perceived_presentation", "age": "perceived_age_band", "tone": "monk_tone"}
"""Attributes of truth tables that the oracle calls otherwise."""

Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class TrueShare:
    """Share of a level among the draws of a model."""

    value: float
    interval: tuple[float, float]
    """Wilson's: draws are independent, and the bank's prompts are all that it speaks of."""
    n: int
    """Draws in which the attribute was read."""
    n_missing: int
    """Draws in which it was not: nobody there, a broken picture or none, ambiguous."""
    differing: float
    """Share of the n draws in which the second decoder reads the attribute otherwise, 0..1."""
    reach: tuple[float, float]
    """Lowest and highest value, had the first decoder erred wherever the second disagrees and nowhere else."""


@dataclass(frozen=True)
class Bank:
    """Draws of one model, read by the oracle."""

    facts: Facts
    table: pa.Table
    """Columns of ``bank_files.SCHEMA``."""

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def probes(self) -> tuple[Probe, ...]:
        """Every prompt or class that was drawn, once."""
        return tuple(Probe.model_validate_json(text) for text in dict.fromkeys(self._words("probe")))

    @cached_property
    def asked(self) -> npt.NDArray[np.int64]:
        """(n,) place of each draw's probe in ``probes``."""
        texts = self._words("probe")
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        return np.array([places[text] for text in texts], dtype=np.int64)

    @cached_property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Of each of ``probes``: its id, and the pair that it draws with, or its id again."""
        return tuple((identity, probe.pair or identity) for probe in self.probes for identity in (probe.id,))

    @cached_property
    def seeds(self) -> npt.NDArray[np.int64]:
        """(n,) of the draws; those of the arms of a pair are equal."""
        return np.asarray(self.table["seed"].to_numpy(), dtype=np.int64)

    def asking(self, condition: Condition) -> Mask:
        """(n,) draws of just this prompt, class or latent, whichever suite asked for it."""
        return np.array([probe.condition == condition for probe in self.probes], dtype=bool)[self.asked]

    def stating(self, given: Mapping[str, Level]) -> Mask:
        """(n,) draws whose prompt or class states these facts and no other.

        Args:
            given: attribute -> level as truth tables name them; nothing: prompts that state nothing. That one person is
                asked for (``people``) need not be said beside other facts.
        """
        wanted = {"people": 1, **given} if given else {}
        return np.array([facts == wanted for facts in self._stated], dtype=bool)[self.asked]

    @cached_property
    def _stated(self) -> tuple[dict[str, Level], ...]:
        return tuple(stated(probe) for probe in self.probes)

    def level(self, attribute: str) -> Words:
        """(n,) level that the first decoder read; None where it read none."""
        return self._words(column(attribute))

    def second(self, attribute: str) -> Words:
        """(n,) what the second decoder read where the first read a level; ``nothing`` where it abstained."""
        differs = self._words(f"{column(attribute)}:second")
        return np.where(_there(differs), differs, self.level(attribute))

    @cached_property
    def distances(self) -> npt.NDArray[np.float64]:
        """(n,) from the nearest repeated picture, see ``copies``; NaN where there is no picture."""
        return np.asarray(self.table["copy_distance"].to_numpy(), dtype=np.float64)

    def share(self, attribute: str, level: Level, given: Mapping[str, Level]) -> TrueShare:
        """The model's own share of a level, for prompts that state exactly these facts, with its 95 % interval.

        Of prompts that ask for a person ``TruthTable.share`` answers the same of the table that the model was taught. Who
        is missing counts in the share of ``missing`` alone, so ask the table with ``missing: False`` beside what is given.

        Args:
            attribute: as in ``TruthTable.share``; ``light`` is not decoded, and of ``hair_colour`` nothing is either.
            level: one of its levels.
            given: see ``stating``.

        Raises:
            InputError: an unknown attribute or level, no such prompt in the bank, or nothing that could be read.
        """
        rows = self.stating(given)
        if not rows.any():
            raise InputError(f"bank {self.facts.model!r}: no prompt states exactly {dict(given)}; its `probes` lists all")
        return self.share_of(rows, attribute, level)

    def share_of(self, rows: Mask, attribute: str, level: Level, *, confidence: float = 0.95) -> TrueShare:
        """The share of a level among some draws; of those that share a seed, as arms of a pair do, the first one.

        Args:
            rows: (n,) which draws.
            attribute: see ``share``.
            level: one of its levels; True or False for ``copy`` and ``missing``.
            confidence: of the interval, 0..1.

        Raises:
            InputError: an unknown attribute or level, or nothing that could be read.
        """
        taken = np.flatnonzero(rows)
        taken = np.sort(taken[np.unique(self.seeds[taken], return_index=True)[1]])
        return _share(*self._decoded(taken, attribute, level), confidence)

    def _decoded(self, rows: npt.NDArray[np.int64], attribute: str, level: Level) -> tuple[Words, Words, Level]:
        """What both decoders read in some draws, and how they write the level."""
        if attribute in ("copy", "missing") and not isinstance(level, bool):
            raise InputError(f"{attribute} {level!r} is unknown; expected True or False")
        if attribute == "copy":
            near = self.distances[rows]
            copied = np.array([None if np.isnan(one) else bool(one < self.facts.copy_below) for one in near], dtype=object)
            return copied, copied, level
        if attribute == "missing":
            first, second = (_nobody(read[rows]) for read in (self.level("people"), self.second("people")))
            return first, second, level
        names, name = ATTRIBUTES[column(attribute)], written(level)
        if name not in names:
            raise InputError(f"{attribute} {name!r} is unknown; expected one of {', '.join(names)}")
        return self.level(attribute)[rows], self.second(attribute)[rows], name

    def resample(
        self, rng: np.random.Generator, draws: int, *, rows: Mask | None = None, generator: str = "model"
    ) -> ScoreTable:
        """An audit out of the bank: so many draws of each probe, without replacement.

        The arms of a counterfactual pair get the same seeds, as in a run; so do, with equal states of ``rng``, audits out
        of two banks that asked the same.

        Args:
            rng: decides which draws.
            draws: of each probe; far fewer than the bank has, or the audits are too much alike.
            rows: (n,) draws of the bank that may be taken; None: all.
            generator: its name in the audit.

        Raises:
            InputError: a probe has fewer draws than that.
        """
        allowed = np.arange(len(self)) if rows is None else np.flatnonzero(rows)
        index = np.asarray(self.table["index"].to_numpy(), dtype=np.int64)
        units: dict[str, dict[int, list[int]]] = {}
        for row in allowed.tolist():
            units.setdefault(self.names[self.asked[row]][1], {}).setdefault(int(index[row]), []).append(row)
        taken: list[int] = []
        for name, by_index in sorted(units.items()):
            if len(by_index) < draws:
                raise InputError(f"bank {self.facts.model!r}: {len(by_index)} draws of {name!r}; {draws} were asked for")
            chosen = rng.choice(sorted(by_index), draws, replace=False)
            taken += [row for number in sorted(chosen.tolist()) for row in by_index[number]]
        places = np.array(taken, dtype=np.int64)
        asked = {
            identity: self.probes[place]
            for place in set(self.asked[places].tolist())
            for identity, _ in [self.names[place]]
        }
        ids = np.array([self.names[place][0] for place in self.asked[places]], dtype=object)
        return audited(self.table.take(pa.array(places)), asked, ids, generator)

    def _words(self, name: str) -> Words:
        return np.array(self.table[name].to_pylist(), dtype=object)


def read_bank(name: str) -> Bank:
    """A bank that comes with the phantom.

    Args:
        name: one of ``BANKS``.

    Raises:
        InputError: there is no such bank, or its file is damaged.
        StoreError: it was drawn with other weights than those that are here.
        WeightsMissing: the weights that it speaks of are not here.
    """
    if name not in BANKS:
        raise InputError(f"there is no truth bank {name!r}; expected one of {', '.join(BANKS)}")
    weights = {what: weights_digest(HERE / "models" / folder) for what, folder in (("model", name), ("oracle", "oracle"))}
    return Bank(*load(HERE / "banks" / f"{name}.parquet", weights))


def column(attribute: str) -> str:
    """What the oracle calls an attribute of a truth table.

    >>> column("age"), column("glasses")
    ('perceived_age_band', 'glasses')

    Raises:
        InputError: it decodes no such attribute.
    """
    name = DECODED.get(attribute, attribute)
    if name not in ATTRIBUTES:
        known = sorted({*ATTRIBUTES, *DECODED, "missing", "copy"} - set(DECODED.values()))
        raise InputError(f"attribute {attribute!r} is not decoded; expected one of {', '.join(known)}")
    return name


def stated(probe: Probe) -> dict[str, Level]:
    """What a prompt or a class of the phantom's GAN states, as truth tables name it.

    Raises:
        InputError: a class of something else.
    """
    condition = probe.condition
    if isinstance(condition, TextPrompt):
        return dict(parse(condition.text).given)
    if not isinstance(condition, ClassLabel):
        return {}
    age, presentation, occupation = (*condition.name.split(" ", 2), "", "")[:3]
    if age not in AGES or presentation not in PRESENTATIONS or occupation not in OCCUPATIONS:
        raise InputError(f"class {condition.name!r} is none of the phantom's; expected such as 'young feminine nurse'")
    return {"age": age, "presentation": presentation, "occupation": occupation, "people": 1}


def _share(first: Words, second: Words, level: Level, confidence: float) -> TrueShare:
    read = _there(first)
    n = int(read.sum())
    if not n:
        raise InputError(f"the oracle read nothing in {len(first)} draws, so there is no share to give")
    one, other, doubtful = first[read] == level, second[read] == level, second[read] == NOTHING
    hits, too_many, too_few = (int(found.sum()) for found in (one, one & ~other, ~one & (other | doubtful)))
    return TrueShare(
        value=hits / n,
        interval=wilson(hits, n, confidence=confidence),
        n=n,
        n_missing=len(first) - n,
        differing=float(np.mean(second[read] != first[read])),
        reach=((hits - too_many) / n, (hits + too_few) / n),
    )


def _there(values: Words) -> Mask:
    return np.array([value is not None for value in values], dtype=bool)


def _nobody(people: Words) -> Words:
    """Whether nobody is there, for counts of people; what was not read stays so."""
    return np.array([value if value in (None, NOTHING) else value == "0" for value in people], dtype=object)
