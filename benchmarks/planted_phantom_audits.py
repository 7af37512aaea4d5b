"""Audits of 1,200 images out of the truth banks: what ``representation`` and ``association`` say of known models.

Each audit takes as many draws of every occupation from a bank, with replacement, so that the bank's own rates are the
truth of what is sampled. Draws are the units where the statement is about the bank's three wordings an occupation; with
prompts as units, as a run has them, intervals speak of other wordings too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit.component import Context
from audit.metrics.association import Association
from audit.metrics.representation import Representation
from audit.records import Finding
from audit.reference import About, Asked, Expected, Reference, Silent
from audit.table import ScoreTable
from audit.testing import score_table
from benchmarks.planted_banks import AUDITED, NAMED, by_draw, rates, silent
from benchmarks.planted_rows import COVERAGE, TESTS, Cover, Row, Tally
from benchmarks.planted_worlds import planted_table, prompts, scores
from generators.phantom.bank import Bank, Mask, column
from generators.phantom.bank_audits import COLUMNS, SCORER, audited
from generators.phantom.truth import TruthTable

__all__ = ["OwnRates", "contained", "drawn_again", "false_findings", "hidden_skew"]

Ints = npt.NDArray[np.int64]

IMAGES = 1200
ALPHA, POWER = 0.05, 0.9
FEW = 4
"""So many times fewer audits are also looked at with prompts as units."""
XOR = "teacher"
"""The occupation of ``skewed`` whose young are feminine and whose older are masculine, with even shares of each."""
FIVE = (XOR, "nurse", "builder", "doctor", "chef")


class OwnRates(Reference):
    """The rates of a bank, by occupation and over all of them."""

    rates: Mapping[str, Mapping[str, float]]
    """Occupation (empty: all) -> label -> share."""

    def about(self) -> About:
        """What it is."""
        return About(title="The rates of the bank that the audit was drawn from")

    def expected(self, attribute: str, labels: Sequence[str], asked: Asked) -> Expected | Silent:  # noqa: ARG002
        """The rates of one occupation, or of all."""
        return Expected(self.rates[asked.where.get("occupation", "")])


def drawn_again(bank: Bank, rows: Mask, rng: np.random.Generator, names: Sequence[str] = NAMED) -> ScoreTable:
    """An audit of 1,200 draws, as many of each occupation, with replacement: each counts as a draw of its own."""
    allowed = np.flatnonzero(rows)
    occupation = np.array([bank.probes[place].levels["occupation"] for place in bank.asked[allowed]], dtype=object)
    images = IMAGES // len(names)
    places = np.concatenate([_spread(bank, allowed[occupation == name], images, rng) for name in names])
    fresh = pa.array(np.arange(len(places)))
    taken = bank.table.take(pa.array(places))
    for name in ("index", "seed"):
        at = taken.schema.get_field_index(name)
        taken = taken.set_column(at, name, fresh.cast(taken.schema.field(name).type))
    ids = np.array([bank.names[place][0] for place in bank.asked[places]], dtype=object)
    probes = {bank.names[place][0]: bank.probes[place] for place in set(bank.asked[places].tolist())}
    return audited(taken, probes, ids, "model")


def _spread(bank: Bank, rows: Ints, images: int, rng: np.random.Generator) -> Ints:
    """So many draws of one occupation, evenly over its prompts."""
    asked = bank.asked[rows]
    prompts = np.unique(asked)
    often = np.full(len(prompts), images // len(prompts))
    often[: images % len(prompts)] += 1
    return np.concatenate([rng.choice(rows[asked == one], n) for one, n in zip(prompts, often, strict=True)])


def contained(bank: Bank, audits: int, seed: int) -> list[Row]:
    """How often the interval of an occupation's share contains the model's rate."""
    rows, rng = silent(bank), np.random.default_rng(seed)
    truth = {name: rates(bank, rows, name) for name in AUDITED}
    tally, prompts = Tally(COVERAGE, _setting(bank)), Tally(COVERAGE, _setting(bank))
    for _ in range(audits):
        table = drawn_again(bank, rows, rng)
        for into, some, units in ((tally, by_draw(table), ""), (prompts, table, ", prompts as units")):
            for name in AUDITED:
                covers = [
                    Cover.of(
                        one.interval, truth[name][one.where["label"], one.where["occupation"]], one.where["occupation"]
                    )
                    for one in _representation(name, some)
                    if one.metric.endswith(".share") and "occupation" in one.where and one.interval
                ]
                into.cover(f"representation.share of {name}, an occupation among 1,200 images{units}", covers)
    return [*tally.coverage(), *prompts.coverage("3 prompts an occupation: covers more")]


def false_findings(bank: Bank, audits: int, seed: int) -> list[Row]:
    """How often any occupation is found apart from the bank's own rates, adjusted p-value below .05."""
    rows, rng = silent(bank), np.random.default_rng(seed)
    own = {name: _own_rates(rates(bank, rows, name)) for name in AUDITED}
    tally = Tally(TESTS, _setting(bank))
    for number in range(audits):
        table = drawn_again(bank, rows, rng)
        units_of = [(by_draw(table), ""), (table, ", prompts as units")]
        for some, units in units_of[: 1 if number % FEW else 2]:
            for name in AUDITED:
                tested = [one for one in _representation(name, some, own[name]) if one.where.get("reference")]
                found = [one for one in tested if one.p_adjusted is not None and one.p_adjusted < ALPHA]
                what = f"any false finding of {name} against its own rates in 12 occupations{units}"
                tally.add(what, [any(one.where.get("occupation") for one in found)])
    return tally.rates(ALPHA)


def hidden_skew(bank: Bank, audits: int, seed: int) -> list[Row]:
    """How often the skew of the teachers is found that shares of each attribute hide: of the model, and of its table.

    The model learnt less of it than its table holds: 1,200 images show it where they are of five occupations, and are few
    for twelve, of which nothing is promised.
    """
    rows, rng = silent(bank), np.random.default_rng(seed)
    table = planted_table(bank.facts.model)
    worlds: list[tuple[str, bool, Callable[[], ScoreTable]]] = [
        (f"table of {_setting(bank)[len('bank of ') :]}", True, lambda: _of_table(table, rng)),
        (_setting(bank, FIVE), True, lambda: by_draw(drawn_again(bank, rows, rng, FIVE))),
        (_setting(bank), False, lambda: by_draw(drawn_again(bank, rows, rng))),
    ]
    found: list[Row] = []
    for setting, promised, audit in worlds:
        power, *others = _detected(setting, audit, audits)
        found += [_promised(power) if promised else power, *others]
    return found


def _detected(setting: str, audit: Callable[[], ScoreTable], audits: int) -> list[Row]:
    metric = Association(column=_path("presentation"), other=_path("age"), by="occupation")
    tally = Tally(TESTS, setting)
    for _ in range(audits):
        table = audit()
        found = [one.finding for one in metric.measure("association", _context(table))]
        tally.add(f"power: association.dependence finds that young and older {XOR}s differ", [_found(found, "dependence")])
        told = f"representation.skew of presentation finds the same {XOR}s uneven; the table has them even"
        tally.add(told, [_found(_representation("presentation", table), "skew")])
    return tally.rates()


def _of_table(table: TruthTable, rng: np.random.Generator) -> ScoreTable:
    """An audit of 1,200 draws by a table, as the renderer makes them; a draw is a unit."""
    images = IMAGES // len(NAMED)
    plain = score_table(prompts(NAMED, 1), images, {})
    drawn: dict[str, list[str]] = {"presentation": [], "age": []}
    for name in NAMED:
        pairs = table.law.pairs(name)
        chosen = rng.choice(len(pairs), images, p=np.array(list(pairs.values())))
        for attribute, levels in zip(drawn, zip(*pairs, strict=True), strict=True):
            drawn[attribute] += [str(levels[place]) for place in chosen]
    columns = {_path(attribute): np.array(levels, dtype=object) for attribute, levels in drawn.items()}
    return by_draw(ScoreTable(plain.draws, plain.probes, scores(plain.draws["image"], columns)))


def _promised(row: Row) -> Row:
    return replace(row, note=f"promised above {POWER:g}", met=row.value > POWER)


def _found(findings: Sequence[Finding], quantity: str) -> bool:
    return any(
        one.metric.endswith(f".{quantity}")
        and one.where.get("occupation") == XOR
        and one.p_adjusted is not None
        and one.p_adjusted < ALPHA
        for one in findings
    )


def _representation(attribute: str, table: ScoreTable, own: OwnRates | None = None) -> list[Finding]:
    metric = Representation(column=_path(attribute), by=("occupation",))
    context = _context(table, {"own": own} if own else {})
    return [one.finding for one in metric.measure(attribute, context)]


def _own_rates(found: Mapping[tuple[str, str], float]) -> OwnRates:
    by_occupation: dict[str, dict[str, float]] = {}
    for (label, occupation), share in found.items():
        by_occupation.setdefault(occupation, {})[label] = share
    return OwnRates(rates=by_occupation)


def _context(table: ScoreTable, references: Mapping[str, Reference] | None = None) -> Context:
    return Context(table, ("model",), 0.95, 7, COLUMNS, {SCORER: "bank-1"}, references or {})


def _path(attribute: str) -> str:
    return f"{SCORER}.{column(attribute)}"


def _setting(bank: Bank, names: Sequence[str] = NAMED) -> str:
    return f"bank of {bank.facts.model}, {len(names)} occupations x {IMAGES // len(names)}"
