"""Audits out of the truth banks: whether they hold the rates of the model that the bank was drawn from.

Truth and audit speak of the same few prompts, so draws are what was sampled. Prompts as units, as a run has them, speak of
other prompts too; such intervals are wider, and three prompts an occupation make them too wide to fail.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from audit.compare import compare
from audit.component import Context, Metric
from audit.digest import derive_seed
from audit.metrics.averages import Quantity
from audit.metrics.representation import Representation
from audit.metrics.sample import Sample
from audit.records import Interval, RunManifest
from audit.results import Results
from audit.table import ScoreTable
from benchmarks.planted_rows import COVERAGE, Cover, Row, Tally
from generators.phantom.bank import Bank, Mask, column
from generators.phantom.bank_audits import COLUMNS, SCORER
from generators.phantom.held import Held
from generators.phantom.known import of_bank
from generators.phantom.portrait import NO_OCCUPATION, OCCUPATIONS

__all__ = ["AUDITED", "NAMED", "audits_of_bank", "by_draw", "compared_banks", "rates", "silent"]

AUDITED = ("presentation", "age", "tone_band")
OFTEN = 8
"""Draws of a prompt in one audit of a bank."""
NAMED = tuple(name for name in OCCUPATIONS if name != NO_OCCUPATION)
GROUPS = {
    "indoors": ("doctor", "nurse", "painter", "scientist"),
    "outdoors": ("builder", "firefighter", "pilot", "police officer"),
}
"""Occupations that the demo takes together."""
FEW = 4
"""So many times fewer audits have prompts as units."""


def silent(bank: Bank) -> Mask:
    """(n,) draws of the suite's prompts that state an occupation and nothing of the person."""
    asked = [probe.suite == "phantom" and not probe.pair and probe.levels["occupation"] in NAMED for probe in bank.probes]
    return np.array(asked, dtype=bool)[bank.asked]


def by_draw(table: ScoreTable) -> ScoreTable:
    """The same audit with each draw as a unit."""
    probes = {name: probe.model_copy(update={"unit": "draw"}) for name, probe in table.probes.items()}
    return ScoreTable(table.draws, probes, table.scores)


# ------------------------------------------------------------------------------------------------- one bank


def audits_of_bank(bank: Bank, audits: int, seed: int) -> list[Row]:
    """Coverage of the model's own rates by audits drawn from its bank."""
    audit = _Audit(bank, silent(bank))
    setting = f"bank of {bank.facts.model}, {len(set(bank.asked[audit.rows].tolist()))} prompts x {OFTEN}"
    tally, prompts, rng = Tally(COVERAGE, setting), Tally(COVERAGE, setting), np.random.default_rng(seed)
    kept: list[Interval] = []
    shares: list[float] = []
    for number in range(audits):
        table = bank.resample(rng, OFTEN, rows=audit.rows)
        audit.count(by_draw(table), tally, "")
        audit.held(by_draw(table), tally, kept, shares)
        if number % FEW == 0:
            audit.count(table, prompts, ", prompts as units")
    average = float(np.mean(shares))
    for ends in kept:
        tally.cover("phantom_truth.contained, held against its mean", [Cover.of(ends, average)])
    return [*tally.coverage(), *prompts.coverage("3 prompts an occupation: covers more")]


@dataclass
class _Audit:
    """What is counted in each audit of a bank."""

    bank: Bank
    rows: Mask

    def __post_init__(self) -> None:
        self.truths = {name: rates(self.bank, self.rows, name) for name in AUDITED}
        self.ask = cache(of_bank(self.bank, "presentation", "feminine"))

    def count(self, table: ScoreTable, tally: Tally, units: str) -> None:
        """Shares of every audited attribute."""
        context = _context(table)
        found: dict[str, list[Cover]] = {}
        for name in AUDITED:
            for finding in (one.finding for one in _metric(name).measure(name, context)):
                if finding.metric != f"{name}.share" or finding.interval is None:
                    continue
                label, occupation = finding.where["label"], finding.where.get("occupation", "")
                where = "by occupation" if occupation else "all draws"
                cover = Cover.of(finding.interval, self.truths[name][label, occupation], f"{label} {occupation}".strip())
                found.setdefault(f"representation.share of {name}, {where}{units}", []).append(cover)
        for what, covers in found.items():
            tally.cover(what, covers)

    def held(self, table: ScoreTable, tally: Tally, kept: list[Interval], shares: list[float]) -> None:
        """What ``phantom_truth`` says of an audit: shares, difference of groups, error, and how many shares hold."""
        sample, path = Sample.of(_context(table), "model"), f"{SCORER}.{column('presentation')}"
        held = Held.of(sample, path, "feminine", self.ask)
        whole, *cells = held.cells()
        groups = [held.group(name, among) for name, among in GROUPS.items()]
        measured = [(cell, held.share(QUANTITY, cell)) for cell in (whole, *cells, *groups)]
        for what, some in (("all draws", measured[:1]), ("by occupation", measured[1 : 1 + len(cells)])):
            covers = [
                Cover.of(one.finding.interval, known.value, cell.level)
                for cell, one in some
                if one.finding.interval and (known := held.known(cell))
            ]
            tally.cover(f"phantom_truth.share, {what}", covers)
        first, second = (known.value for cell in groups if (known := held.known(cell)))
        for moved in held.differences(DIFFERENCE, measured[1 + len(cells) :]):
            if moved.finding.interval:
                tally.cover("phantom_truth.difference", [Cover.of(moved.finding.interval, first - second)])
        error = held.error(measured[0][1].finding, whole).finding.interval
        contained = held.contained(measured[0][1].finding, measured[1 : 1 + len(cells)]).finding
        if error:
            tally.cover("phantom_truth.error", [Cover.of(error, 0.0)])
        if contained.interval and contained.estimate is not None:
            kept.append(contained.interval)
            shares.append(contained.estimate)


QUANTITY = Quantity("truth.share", "Share perceived as feminine", "planted", 0.95, unit="share", min_n=10)
DIFFERENCE = Quantity("truth.mean", "Share perceived as feminine", "planted", 0.95, unit="share", min_n=10)


# ------------------------------------------------------------------------------------------------- two banks


def compared_banks(before: Bank, after: Bank, audits: int, seed: int) -> list[Row]:
    """Coverage of the difference of two models' rates, from audits that share prompts and seeds."""
    rows = silent(before), silent(after)
    tally = Tally(COVERAGE, f"bank of {after.facts.model} against {before.facts.model}, x {OFTEN}")
    known = [rates(bank, mine, "presentation") for bank, mine in zip((before, after), rows, strict=True)]
    for number in range(audits):
        one, other = (
            results(by_draw(bank.resample(np.random.default_rng(derive_seed(seed, number)), OFTEN, rows=mine)))
            for bank, mine in zip((before, after), rows, strict=True)
        )
        moves = {move.finding: move for move in compare(one, other).moves}
        for where, names in (("all draws", ("",)), ("by occupation", NAMED)):
            covers = []
            for name in names:
                ends = moves[f"presentation.share[model; label=feminine{f', occupation={name}' if name else ''}]"].interval
                if ends:
                    covers.append(Cover.of(ends, known[1]["feminine", name] - known[0]["feminine", name], name))
            tally.cover(f"compare, share of presentation, {where}", covers)
    return tally.coverage()


def results(table: ScoreTable) -> Results:
    """An audit as a finished run has it: shares of presentation by occupation."""
    metric = _metric("presentation")
    found = list(metric.measure("presentation", _context(table)))
    manifest = RunManifest(digest="bank", spec={}, keys={}, numerics={}, started="", finished="bank")
    return Results(
        manifest, tuple(one.finding for one in found), {one.finding.key: tuple(one.contributions) for one in found}
    )


def _metric(attribute: str) -> Metric:
    return Representation(column=f"{SCORER}.{column(attribute)}", by=("occupation",))


def _context(table: ScoreTable) -> Context:
    return Context(table, ("model",), 0.95, 7, COLUMNS, {SCORER: "bank-1"})


def rates(bank: Bank, rows: Mask, attribute: str) -> Mapping[tuple[str, str], float]:
    """(level, occupation) -> share among these draws; the empty occupation is all of them."""
    levels = bank.level(attribute)[rows]
    occupations = [bank.probes[place].levels["occupation"] for place in bank.asked[rows]]
    hits: Counter[tuple[str, str]] = Counter()
    counts: Counter[str] = Counter()
    for level, occupation in zip(levels, occupations, strict=True):
        if level is not None:
            hits.update([(level, occupation), (level, "")])
            counts.update([occupation, ""])
    names = COLUMNS[f"{SCORER}.{column(attribute)}"].levels
    return {(level, of): hits[level, of] / n for of, n in counts.items() for level in names}
