"""Audits out of the truth banks, what the trained models amplify, and copies."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from audit.compare import compare
from audit.component import Context, Metric, Request
from audit.digest import derive_seed
from audit.images import Pixels, decode
from audit.metrics.representation import Representation
from audit.records import Draw, Finding, Probe, RunManifest, TextPrompt
from audit.results import Results
from audit.stats.intervals import wilson
from audit.table import ScoreTable
from benchmarks.planted_coverage import COVERAGE, TOLERANCE
from benchmarks.planted_rows import Row, Tally
from generators.phantom.bank import Bank, Mask, column
from generators.phantom.bank_audits import COLUMNS, SCORER
from generators.phantom.copies import COPY_BELOW, copy_distances, repeated_pictures
from generators.phantom.law import Level
from generators.phantom.portrait import NO_OCCUPATION, OCCUPATIONS
from generators.phantom.renderer import Phantom
from generators.phantom.truth import preset

__all__ = ["AMPLIFIED", "COPIES", "amplification", "audits_of_bank", "bank_copies", "compared_banks", "renderer_copies"]

AMPLIFIED, COPIES = "amplification: model less table", "copies"
AUDITED = ("presentation", "age", "tone_band")
NORMAL = 1.96
OFTEN = 8
"""Draws of a prompt in one audit of a bank."""
NAMED = tuple(name for name in OCCUPATIONS if name != NO_OCCUPATION)


def silent(bank: Bank) -> Mask:
    """(n,) draws of the suite's prompts that state an occupation and nothing of the person."""
    asked = [probe.suite == "phantom" and not probe.pair and probe.levels["occupation"] in NAMED for probe in bank.probes]
    return np.array(asked, dtype=bool)[bank.asked]


# ------------------------------------------------------------------------------------------------- amplification


def amplification(bank: Bank) -> list[Row]:
    """Model rate less planted rate of the feminine share by occupation, and the bias amplification over all of them."""
    table, setting = preset(bank.facts.model), f"{bank.facts.model}: perceived feminine"
    rows, moved = [], []
    for occupation in NAMED:
        given: dict[str, Level] = {"occupation": occupation}
        true = bank.share("presentation", "feminine", given)
        planted = table.share("presentation", "feminine", {**given, "people": 1, "missing": False})
        half = (true.interval[1] - true.interval[0]) / 2
        told = (
            f"taught {planted:.3f}, shows {true.value:.3f} in {true.n}; decoders {true.reach[0]:.3f} to {true.reach[1]:.3f}"
        )
        rows.append(Row(AMPLIFIED, occupation, setting, true.n, true.value - planted, half, told))
        moved.append((planted, true.value, true.n))
    return [*rows, *_bias_amplification(moved, setting)]


def _bias_amplification(moved: Sequence[tuple[float, float, int]], setting: str) -> list[Row]:
    """Wang & Russakovsky 2021, task to attribute: mean of sign(planted dependence) (model share - planted share).

    Above 0 the model exaggerates what it was taught. Occupations without a planted dependence have no sign and are left
    out. Two perceived presentations give equal terms, so the feminine share says all.
    """
    overall = float(np.mean([planted for planted, _, _ in moved]))
    signed = [(np.sign(p - overall), p, q, n) for p, q, n in moved if abs(p - overall) > TOLERANCE]
    if not signed:
        return []
    value = float(np.mean([sign * (found - planted) for sign, planted, found, _ in signed]))
    half = NORMAL * sqrt(sum(found * (1 - found) / n for _, _, found, n in signed)) / len(signed)
    direction = "exaggerates" if value > half else "flattens" if value < -half else "neither exaggerates nor flattens"
    told = f"over {len(signed)} occupations; the model {direction} what it was taught"
    return [Row(AMPLIFIED, "BiasAmp, task to attribute", setting, sum(n for *_, n in signed), value, half, told)]


# ------------------------------------------------------------------------------------------------- audits of banks


def audits_of_bank(bank: Bank, audits: int, seed: int) -> list[Row]:
    """Coverage of the model's own rates by audits drawn from its bank."""
    rows, rng = silent(bank), np.random.default_rng(seed)
    prompts = len(set(bank.asked[rows].tolist()))
    tally = Tally(COVERAGE, f"bank of {bank.facts.model}, {prompts} prompts x {OFTEN}")
    truths = {name: _rates(bank, rows, name) for name in AUDITED}
    for _ in range(audits):
        cells: dict[str, list[tuple[bool, float]]] = {}
        for finding in measured(bank.resample(rng, OFTEN, rows=rows)):
            name, _, quantity = finding.metric.partition(".")
            if quantity == "share" and finding.interval:
                truth = truths[name][finding.where["label"], finding.where.get("occupation", "")]
                where = "by occupation" if "occupation" in finding.where else "all draws"
                held = finding.interval.low - TOLERANCE <= truth <= finding.interval.high + TOLERANCE
                found = cells.setdefault(f"representation.share of {name}, {where}", [])
                found.append((held, finding.interval.high - finding.interval.low))
        for told, all_of in cells.items():
            tally.add(told, [held for held, _ in all_of], [width for _, width in all_of])
    return tally.coverage()


def compared_banks(before: Bank, after: Bank, audits: int, seed: int) -> list[Row]:
    """Coverage of the difference of two models' rates, from audits that share prompts and seeds."""
    rows = silent(before), silent(after)
    tally = Tally(COVERAGE, f"bank of {after.facts.model} against {before.facts.model}, x {OFTEN}")
    rates = [_rates(bank, mine, "presentation") for bank, mine in zip((before, after), rows, strict=True)]
    for number in range(audits):
        one, other = (
            results(bank.resample(np.random.default_rng(derive_seed(seed, number)), OFTEN, rows=mine))
            for bank, mine in zip((before, after), rows, strict=True)
        )
        moves = {move.finding: move for move in compare(one, other).moves}
        cells = []
        for occupation in NAMED:
            ends = moves[f"presentation.share[model; label=feminine, occupation={occupation}]"].interval
            truth = rates[1]["feminine", occupation] - rates[0]["feminine", occupation]
            if ends:
                cells.append((ends.low - TOLERANCE <= truth <= ends.high + TOLERANCE, ends.high - ends.low))
        tally.add(
            "compare, share of presentation, by occupation", [held for held, _ in cells], [width for _, width in cells]
        )
    return tally.coverage()


def results(table: ScoreTable) -> Results:
    """An audit as a finished run has it: shares of presentation by occupation."""
    metric = _metric("presentation")
    found = list(metric.measure("presentation", _context(table)))
    manifest = RunManifest(digest="bank", spec={}, keys={}, numerics={}, started="", finished="bank")
    return Results(manifest, tuple(one.finding for one in found), {one.finding.key: one.contributions for one in found})


def measured(table: ScoreTable) -> list[Finding]:
    """Shares of every audited attribute."""
    context = _context(table)
    return [one.finding for name in AUDITED for one in _metric(name).measure(name, context)]


def _metric(attribute: str) -> Metric:
    return Representation(column=f"{SCORER}.{column(attribute)}", by=("occupation",))


def _context(table: ScoreTable) -> Context:
    return Context(table, ("model",), 0.95, 7, COLUMNS, {SCORER: "bank-1"})


def _rates(bank: Bank, rows: Mask, attribute: str) -> Mapping[tuple[str, str], float]:
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


# ------------------------------------------------------------------------------------------------------- copies


def renderer_copies(audits: int, draws: int, seed: int) -> list[Row]:
    """Whether nearest neighbours among rendered pixels find the planted rate of copies."""
    table, generator = preset("regressed"), Phantom(preset="regressed")
    probes = [Probe(suite="copies", condition=TextPrompt(text=f"A portrait photo of a {name}")) for name in NAMED]
    planted = float(np.mean([table.share("copy", True, {"occupation": name, "people": 1}) for name in NAMED]))
    pictures, held, widths, found = repeated_pictures(table), [], [], 0
    with generator.open("cpu") as draw:
        for audit in range(audits):
            asked = [
                Request(Draw(generator="r", probe=p.id, index=i, seed=derive_seed(seed, audit, p.id, i)), p)
                for p in probes
                for i in range(draws)
            ]
            pixels = np.stack([_pixels(product) for product in draw(asked)])
            near = int((copy_distances(pixels, pictures) < COPY_BELOW).sum())
            low, high = wilson(near, len(asked))
            held.append(low <= planted <= high)
            widths.append(high - low)
            found += near
    n = audits * draws * len(probes)
    ends, setting = wilson(found, n), f"renderer, regressed, {len(probes) * draws} pictures"
    tally = Tally(COPIES, setting)
    for one, width in zip(held, widths, strict=True):
        tally.add("coverage of the planted rate by nearest neighbours", [one], [width])
    told = f"planted {planted:.4f}, found {ends[0]:.4f} to {ends[1]:.4f}"
    whole = Row(COPIES, "rate by nearest neighbours, all audits", setting, audits, found / n, (ends[1] - ends[0]) / 2, told)
    return [*tally.coverage(), whole]


def _pixels(product: object) -> Pixels:
    if isinstance(product, np.ndarray):
        return product
    return decode(getattr(product, "data", b""), "a rendered picture").pixels


def bank_copies(bank: Bank, audits: int, seed: int) -> list[Row]:
    """The rate of copies measured on a bank, and whether audits out of it hold it."""
    rows = np.flatnonzero(silent(bank) & ~np.isnan(bank.distances))
    near = bank.distances[rows] < bank.facts.copy_below
    rate, ends = float(near.mean()), wilson(int(near.sum()), len(rows))
    setting, rng, size = f"bank of {bank.facts.model}", np.random.default_rng(seed), min(300, len(rows) // 4)
    told = f"{ends[0]:.4f} to {ends[1]:.4f}, nearer than {bank.facts.copy_below:g} to a repeated picture"
    whole = Row(COPIES, "rate by nearest neighbours, whole bank", setting, len(rows), rate, (ends[1] - ends[0]) / 2, told)
    tally = Tally(COPIES, f"{setting}, {size} draws")
    for _ in range(audits):
        low, high = wilson(int(near[rng.choice(len(rows), size, replace=False)].sum()), size)
        tally.add("coverage of the bank's rate", [low <= rate <= high], [high - low])
    return [whole, *tally.coverage()]
