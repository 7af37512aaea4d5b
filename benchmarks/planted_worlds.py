"""Worlds of known truth, as the score tables of audits: what a truth table says, drawn with an effect of the prompt.

No pixels are drawn here. On renders the oracle is exact as far as its card says, so labels come from the table itself; the
effect of a prompt is planted on top, because the renderer has none and real models have.

A share p becomes the share of one prompt by a Beta (several levels: Dirichlet) distribution of mean p and intraclass
correlation rho. Arms of a counterfactual, and two releases of a model, share the prompt's effect and, with a probability,
the noise of a draw: that is what equal seeds are worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit.component import Column, Context
from audit.records import Axis, Probe, TextPrompt
from audit.table import ScoreTable
from audit.testing import score_table
from generators.phantom.decoding import NOBODY
from generators.phantom.truth import BANDS, TruthTable, preset

__all__ = [
    "COLUMNS",
    "COSINE",
    "FAILED",
    "FEMININE",
    "FILTERED",
    "MASCULINE",
    "REFUSED",
    "SPREAD",
    "TRUNCATED",
    "Floats",
    "Grid",
    "Labels",
    "context",
    "planted_table",
    "prompts",
    "scores",
    "shares_of_prompts",
]

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.object_]

FEMININE, MASCULINE = "feminine", "masculine"
COLUMNS = {
    "oracle.perceived_presentation": Column("perceived_presentation", "label", levels=(FEMININE, MASCULINE)),
    "oracle.tone_band": Column("tone_band", "label", levels=tuple(BANDS)),
    "oracle.mobility_aid": Column("mobility_aid", "label", levels=("no", "yes")),
    "light.exposure": Column("exposure", "number", "Exposure in stops"),
    "clip.cosine": Column("cosine", "number", "Cosine", better="higher"),
    "clip.truncated": Column("truncated", "label", levels=("yes", "no")),
    "features.vector": Column("vector", "vector", "Features"),
}
COSINE, SPREAD = 0.05, 0.05
"""Mean and standard deviation of planted cosines: near 0, so that clamping counts."""
TRUNCATED = 0.1
"""Share of prompts that are too long; a prompt is or is not."""
REFUSED, FILTERED, FAILED = 0.05, 0.04, 0.02
"""Share of prompts that are refused whatever the seed, and of those whose every image is withheld; of draws that fail."""


def planted_table(name: str) -> TruthTable:
    """A preset without its copies, which have no independent draws."""
    table = preset(name)
    return table.model_copy(update={"defects": table.defects.model_copy(update={"copies": None})})


def prompts(occupations: Sequence[str], wordings: int, pair: bool = False, arm: str = "", first: int = 0) -> list[Probe]:
    """Probes by occupation, then wording; ``first`` is the number of the first wording."""
    found = []
    for occupation in occupations:
        for number in range(first, first + wordings):
            axes = [Axis(name="occupation", level=occupation), Axis(name="wording", level=str(number), role="control")]
            axes += [Axis(name="arm", level=arm)] if arm else []
            text = f"{occupation}, wording {number}" + (f", {arm}" if arm else "")
            together = f"{occupation}/{number}" if pair else ""
            found.append(Probe(suite="planted", condition=TextPrompt(text=text), axes=tuple(axes), pair=together))
    return found


def shares_of_prompts(shares: Floats, rho: float, rng: np.random.Generator) -> Floats:
    """Shares (prompts, levels) with the effect of each prompt: Dirichlet around the given ones."""
    if not rho:
        return shares
    drawn = rng.gamma(shares * (1 - rho) / rho)
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True), dtype=np.float64)


def picked(shares: Floats, uniforms: Floats) -> npt.NDArray[np.int64]:
    """Level (prompts, draws) of each draw, from shares (prompts, levels) and uniform numbers (prompts, draws)."""
    bounds = np.cumsum(shares, axis=1)[:, None, :-1]
    return np.asarray((uniforms[:, :, None] >= bounds).sum(axis=2), dtype=np.int64)


def scores(
    images: pa.ChunkedArray, columns: Mapping[str, Labels | Floats], why: Labels | None = None
) -> dict[str, pa.Table]:
    """Score tables of some columns; where ``why`` is not None, the oracle's labels are missing for that reason."""
    found: dict[str, dict[str, object]] = {}
    n = len(images)
    for name, values in columns.items():
        scorer, _, short = name.rpartition(".")
        lost = why if scorer == "oracle" else None
        table = found.setdefault(scorer, {"subject": images, "region": pa.array(np.full(n, -1, dtype=np.int16))})
        kept = values if lost is None else _kept(values, lost)
        table[short] = _vectors(values) if values.ndim == 2 else pa.array(kept)
        table[f"{short}:why"] = pa.nulls(n, pa.string()) if lost is None else pa.array(lost, pa.string())
        table[f"{short}:confidence"] = pa.nulls(n, pa.float32())
    return {scorer: pa.table(table) for scorer, table in found.items()}


def _kept(values: Labels | Floats, lost: Labels) -> Labels:
    return np.array([value if reason is None else None for value, reason in zip(values, lost, strict=True)], dtype=object)


def _vectors(values: Labels | Floats) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.astype(np.float32).ravel()), values.shape[1])


def context(table: ScoreTable, generators: Sequence[str] = ("model",)) -> Context:
    """What a metric is given."""
    protocols = {name.rpartition(".")[0]: "planted-1" for name in COLUMNS}
    return Context(table, tuple(generators), 0.95, 7, COLUMNS, protocols)


# ------------------------------------------------------------------------------------------------ silent prompts


@dataclass(frozen=True)
class Grid:
    """Silent prompts: some occupations of a table, each in many wordings."""

    table: TruthTable
    occupations: tuple[str, ...]
    wordings: int
    draws: int
    rho: float
    _shares: dict[str, Floats] = field(default_factory=dict, repr=False)
    """Attribute -> (prompts, levels)."""

    @cached_property
    def _plain(self) -> ScoreTable:
        return score_table(prompts(self.occupations, self.wordings), self.draws, {})

    @cached_property
    def _occupation(self) -> npt.NDArray[np.int64]:
        """(prompts,)"""
        return np.repeat(np.arange(len(self.occupations)), self.wordings)

    def share(self, attribute: str, level: str | int | bool, occupation: str) -> float:
        """Exact share among the draws on which somebody is to be seen."""
        return self.table.share(attribute, level, {"occupation": occupation, "people": 1, "missing": False})

    def seen(self, occupation: str) -> float:
        """Exact share of the draws on which somebody is to be seen."""
        return self.table.share("missing", False, {"occupation": occupation, "people": 1})

    def exposure(self, occupation: str) -> float:
        """Exact mean of the exposure in stops."""
        lights, law = self.table.lights, self.table.law.shares["light"][occupation]
        return sum(share * sum(lights[str(name)].exposure) / 2 for name, share in law.items())

    def audit(self, rng: np.random.Generator) -> Context:
        """One audit of the world."""
        people, gone = self._people(rng)
        columns: dict[str, Labels | Floats] = {
            "oracle.perceived_presentation": people,
            "oracle.tone_band": self._labels("tone_band", list(BANDS), rng),
            "oracle.mobility_aid": np.where(self._labels("mobility_aid", [True, False], rng), "yes", "no").astype(object),
            "light.exposure": self._exposures(rng),
            "clip.cosine": self._cosines(rng),
            "clip.truncated": np.repeat(np.where(rng.random(len(self._occupation)) < TRUNCATED, "yes", "no"), self.draws),
        }
        columns["clip.truncated"] = columns["clip.truncated"].astype(object)
        draws, why = self._plain.draws, np.array([NOBODY.reason if lost else None for lost in gone], dtype=object)
        table = scores(draws["image"], columns, why)
        return context(ScoreTable(self._outcomes(draws, rng), self._plain.probes, table))

    def _people(self, rng: np.random.Generator) -> tuple[Labels, npt.NDArray[np.bool_]]:
        """Perceived presentation of each draw, and whether nobody is there."""
        cells = [self.table.law.pairs(name) for name in self.occupations]
        pairs = list(cells[0])
        base = np.array([[of[pair] for pair in pairs] for of in cells])[self._occupation]
        found = self._drawn(base, rng)
        rates = np.array([self.table.missing_share(*pair) for pair in pairs])[found]
        presentation = np.array([who for who, _ in pairs], dtype=object)[found]
        return presentation, rng.random(len(found)) < rates

    def _drawn(self, base: Floats, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        uniforms = rng.random((len(base), self.draws))
        return picked(shares_of_prompts(base, self.rho, rng), uniforms).ravel()

    def _labels(self, attribute: str, levels: Sequence[str | bool], rng: np.random.Generator) -> Labels:
        if attribute not in self._shares:
            rows = [[self.share(attribute, level, name) for level in levels] for name in self.occupations]
            self._shares[attribute] = np.array(rows)[self._occupation]
        return np.array(levels, dtype=object)[self._drawn(self._shares[attribute], rng)]

    def _exposures(self, rng: np.random.Generator) -> Floats:
        names = list(self.table.lights)
        law = self.table.law.shares["light"]
        base = np.array([[law[name].get(light, 0.0) for light in names] for name in self.occupations])
        ends = np.array([self.table.lights[name].exposure for name in names])[self._drawn(base[self._occupation], rng)]
        return np.asarray(ends[:, 0] + (ends[:, 1] - ends[:, 0]) * rng.random(len(ends)), dtype=np.float64)

    def _cosines(self, rng: np.random.Generator) -> Floats:
        effect = np.repeat(rng.standard_normal(len(self._occupation)), self.draws)
        noise = rng.standard_normal(len(effect))
        return np.asarray(COSINE + SPREAD * (np.sqrt(self.rho) * effect + np.sqrt(1 - self.rho) * noise), dtype=np.float64)

    def _outcomes(self, draws: pa.Table, rng: np.random.Generator) -> pa.Table:
        """Some prompts are refused whatever the seed, the images of some are withheld, and some draws fail."""
        fate = np.repeat(rng.random(len(self._occupation)), self.draws)
        refused, filtered = fate < REFUSED, (fate >= REFUSED) & (fate < REFUSED + FILTERED)
        failed = ~refused & ~filtered & (rng.random(len(refused)) < FAILED)
        came = [refused, filtered, failed]
        outcome = np.select(came, ["refused", "filtered", "failed"], default="made").astype(object)
        made = zip(draws["image"].to_pylist(), outcome == "made", strict=True)
        images = [image if there else None for image, there in made]
        for name, values in (("outcome", outcome), ("image", images)):
            draws = draws.set_column(
                draws.schema.get_field_index(name), draws.schema.field(name), pa.array(values, pa.string())
            )
        return draws
