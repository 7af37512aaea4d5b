"""Metric ``phantom_truth``: what an audit measures of a phantom, held against what is true of it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from audit.component import Context, Measured, Metric
from audit.digest import short
from audit.errors import SpecError
from audit.metrics.averages import Quantity, panelled, sentences
from audit.metrics.sample import Sample, protocol
from audit.metrics.wording import described, share_title
from audit.spec import nearest
from generators.phantom.bank import Bank, column, read_bank
from generators.phantom.decoding import ATTRIBUTES
from generators.phantom.held import OCCUPATION, Held
from generators.phantom.known import Ask, of_bank, of_table
from generators.phantom.portrait import NO_OCCUPATION, OCCUPATIONS
from generators.phantom.truth import TruthTable, level_of, preset, read_truth

__all__ = ["PhantomTruth"]

ASKED = ("person", *(name for name in OCCUPATIONS if name != NO_OCCUPATION))
"""Levels of the axis ``occupation`` in the suite ``phantom``."""


SETTINGS = ("pack", "model", "pipeline", "scheduler", "steps", "guidance", "negative_prompt", "truncation")
"""What decides the rates of a model, as generators tell it."""
PACKED = "weight pack"
"""So the model of a pipeline is told that comes from a weight pack; another folder may hold the same weights."""


class PhantomTruth(Metric):
    """Shares of a perceived attribute of phantoms, by occupation, with the true shares beside them.

    The truth of the renderer is exact: the share of its truth table among those who can be seen. The truth of a trained
    model is what its bank of thousands of draws shows, not what it was taught. Only draws count whose prompt states no
    more than an occupation. ``error`` is measured less true over all of them; ``contained`` is the share of the intervals
    by occupation that contain the truth, about the confidence of the audit where its intervals are right.
    """

    quantities: ClassVar[tuple[str, ...]] = ("share", "difference", "error", "contained")

    source: ClassVar[str] = "own truth tables and banks: generators/phantom/data and generators/phantom/banks"

    tables: dict[str, str] = {}
    """Generators that draw by a truth table -> its preset (even, skewed, regressed), or the path of your own .toml file."""
    banks: dict[str, str] = {}
    """Trained generators -> their truth bank (even, skewed, regressed, gan)."""
    scorer: str = "phantom_oracle"
    """Name, in the spec, of the scorer that reads the attribute."""
    attribute: Literal["presentation", "age", "tone", "tone_band", "hair", "glasses", "mobility_aid"] = "presentation"
    """What is measured, as truth tables name it: attributes of the person in front."""
    level: str = "feminine"
    """The level of the attribute whose share is measured."""
    groups: dict[str, tuple[str, ...]] = Field(default={}, max_length=6)
    """Occupations taken together, by a name for them. Their shares are pooled, and each two groups are compared."""
    min_n: int = Field(default=10, ge=1)
    """A cell with fewer readable draws gets no estimate."""

    @model_validator(mode="after")
    def _one_truth_each(self) -> Self:
        if not self.tables and not self.banks:
            raise ValueError("name the phantoms under `tables` (generator: preset) or `banks` (generator: bank)")
        if twice := sorted(set(self.tables) & set(self.banks)):
            raise ValueError(f"{twice[0]!r} stands under both `tables` and `banks`; keep the one that its images come from")
        return self

    def check(self) -> None:
        """Read every table and bank, and see that they know the attribute and its level."""
        levels = ATTRIBUTES[column(self.attribute)]
        if self.level not in levels:
            raise SpecError(f"phantom_truth: {self.attribute} has no level {self.level!r}; {nearest(self.level, levels)}")
        for name, occupations in self.groups.items():
            for occupation in occupations:
                if occupation not in ASKED:
                    raise SpecError(f"phantom_truth: group {name!r} has {occupation!r}; {nearest(occupation, ASKED)}")
        for generator in (*self.tables, *self.banks):
            self._truth(generator)

    def check_generators(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """See that each generator is there, and draws by the table, or as its bank was drawn."""
        for generator in (*self.tables, *self.banks):
            if generator not in settings:
                raise SpecError(f"phantom_truth: no generator is named {generator!r}; {nearest(generator, list(settings))}")
            _refuse_another(generator, settings[generator], self._truth(generator))

    def reads(self) -> tuple[str, ...]:
        """The label column of the attribute."""
        return (f"{self.scorer}.{column(self.attribute)}",)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``share`` of all, by occupation and by group; ``difference`` of groups; ``error``; ``contained``."""
        (path,) = self.reads()
        quantity = self._quantity(name, path, context)
        for generator in (*self.tables, *self.banks):
            if generator not in context.generators:
                hint = nearest(generator, context.generators)
                raise SpecError(f"metrics.{name}.params: no audited generator is named {generator!r}; {hint}")
            truth = self._truth(generator)
            ask = self._ask(truth, context.confidence)
            held = Held.of(Sample.of(context, generator), path, self.level, ask)
            yield from self._held(held, quantity, _told(truth))

    def _held(self, held: Held, quantity: Quantity, truth: str) -> Iterable[Measured]:
        whole, *occupations = held.cells()
        groups = [held.group(name, among) for name, among in self.groups.items()]
        shares = [(cell, held.share(quantity, cell)) for cell in (whole, *occupations, *groups)]
        (_, first), *others = shares
        yield panelled(first, held.chart(shares))
        yield from (one for _, one in others)
        of_groups = others[len(occupations) :]
        yield from held.differences(replace(quantity, name=quantity.name.removesuffix("share") + "mean"), of_groups)
        yield _against(held.error(first.finding, whole), truth)
        yield _against(held.contained(first.finding, others[: len(occupations)]), truth)

    def _quantity(self, name: str, path: str, context: Context) -> Quantity:
        recipe = f"share of {self.level!r} where the prompt states no more than an {OCCUPATION}"
        return Quantity(
            name=f"{name}.share",
            title=share_title(described(name, path, context.columns), self.level),
            protocol=protocol(recipe, [path], context),
            confidence=context.confidence,
            unit="share",
            source=self.source,
            min_n=self.min_n,
        )

    def _truth(self, generator: str) -> Bank | TruthTable:
        if generator in self.banks:
            return read_bank(self.banks[generator])
        told = self.tables[generator]
        return read_truth(Path(told)) if told.endswith(".toml") else preset(told)

    def _ask(self, truth: Bank | TruthTable, confidence: float) -> Ask:
        level = level_of(self.attribute, self.level)
        if isinstance(truth, Bank):
            return of_bank(truth, self.attribute, level, confidence)
        return of_table(truth, self.attribute, level)


def _refuse_another(generator: str, drawn: Mapping[str, str], truth: Bank | TruthTable) -> None:
    """Refuse the truth of another generator, as far as settings tell: a folder of images does not say what drew them.

    Raises:
        SpecError: the generator draws by another table, or is another model than the bank's, or runs otherwise.
    """
    named = "tables" if isinstance(truth, TruthTable) else "banks"
    where = f"metrics: phantom_truth.{named}.{generator}"
    if isinstance(truth, TruthTable):
        if drawn.get("truth", truth.told) != truth.told:
            raise SpecError(f"{where} names {truth.told}, but the generator draws by {drawn['truth']}; name the same twice")
        return
    if "truth" in drawn:
        raise SpecError(f"{where} names a trained model's bank, but the generator draws by a table; name it under `tables`")
    of_bank = truth.facts.settings
    for name in SETTINGS:
        if name in drawn and drawn[name] != of_bank.get(name, "none") and (name != "model" or PACKED in drawn[name]):
            raise SpecError(
                f"{where} names the bank {truth.facts.model!r}, drawn with {name} {of_bank.get(name, 'none')}, but the "
                f"generator has {name} {drawn[name]}; a bank speaks of one model and its settings only"
            )


def _told(truth: Bank | TruthTable) -> str:
    """Which truth, so that errors against different ones are never compared."""
    if isinstance(truth, TruthTable):
        return f"truth table {truth.told}"
    facts = truth.facts
    how = ", ".join(f"{name} {facts.settings[name]}" for name in ("steps", "guidance") if name in facts.settings)
    weights = f"weights {short(facts.weights.get('model', ''))}"
    return ", ".join([f"truth bank {facts.model!r} of {len(truth):,} draws", *([how] if how else []), weights])


def _against(one: Measured, truth: str) -> Measured:
    finding = one.finding
    update = {"protocol": f"{finding.protocol}; {truth}", "note": sentences(finding.note, f"Held against {truth}")}
    return Measured(finding.model_copy(update=update), one.contributions)
