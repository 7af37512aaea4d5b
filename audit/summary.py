"""What a plan promises before anything is drawn: images, cells, and the difference that each cell can detect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from audit.plan import Plan, PlannedGenerator, Wanted
from audit.stats.power import detectable_difference

__all__ = ["Cell", "PlanSummary", "summarise"]

ICC = 0.1
"""Intraclass correlation that is assumed within a prompt before anything is known of it."""
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Cell:
    """The images at one level of one axis."""

    generator: str
    axis: str
    levels: int
    images: int
    """Images at the thinnest level."""
    clusters: int
    """Probes (or independent draws) at the thinnest level."""
    detectable: float
    """Difference of a share near one half, between two such levels, that is found with 80 % power at 5 %."""


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan in numbers."""

    plan: Plan
    cells: tuple[Cell, ...]

    @property
    def images(self) -> int:
        """Images wanted in all."""
        return sum(generator.total for generator in self.plan.generators)

    def as_data(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "run": self.plan.run_name,
            "device": self.plan.device,
            "images": self.images,
            "generators": {g.name: {"images": g.total, "probes": len(g.wanted)} for g in self.plan.generators},
            "suites": dict(self.plan.suites),
            "packs": self.plan.packs(),
            "cells": [{name: getattr(cell, name) for name in Cell.__slots__} for cell in self.cells],
            "assumed": {"icc": ICC, "power": POWER, "alpha": 1 - self.plan.spec.confidence},
        }

    def tables(self) -> Iterator[tuple[str, Sequence[str], Sequence[Sequence[str]]]]:
        """Title, columns and rows for a terminal."""
        audited = self.plan.audited
        rows = [
            (g.name, str(g.total), str(len(g.wanted)), "yes" if g.name in audited else "reference")
            for g in self.plan.generators
        ]
        yield f"{self.images} images on {self.plan.device}", ("generator", "images", "probes", "audited"), rows
        cells = [
            (c.generator, c.axis, str(c.levels), str(c.images), str(c.clusters), f"{100 * c.detectable:.0f} points")
            for c in self.cells
        ]
        columns = ("generator", "axis", "levels", "images a level", "clusters a level", "detectable difference")
        note = f"Cells (a share near 50 %, {POWER:.0%} power, correlation {ICC} within a prompt)"
        yield note, columns, cells


def summarise(plan: Plan) -> PlanSummary:
    """Count a plan's cells and what they can detect."""
    cells = [cell for generator in plan.generators if generator.name in plan.audited for cell in _cells(plan, generator)]
    return PlanSummary(plan, tuple(cells))


def _cells(plan: Plan, generator: PlannedGenerator) -> Iterator[Cell]:
    axes = {axis.name for wanted in generator.wanted for axis in wanted.probe.axes if axis.role == "contrast"}
    yield _cell(plan, generator.name, "all images", [generator.wanted])
    for name in sorted(axes):
        levels: dict[str, list[Wanted]] = {}
        for wanted in generator.wanted:
            if name in wanted.probe.levels:
                levels.setdefault(wanted.probe.levels[name], []).append(wanted)
        yield _cell(plan, generator.name, name, list(levels.values()))


def _cell(plan: Plan, generator: str, axis: str, levels: Sequence[Sequence[Wanted]]) -> Cell:
    thinnest = min(levels, key=_images)
    images, clusters, icc = _images(thinnest), _clusters(thinnest), ICC
    if clusters == 1:  # one prompt: its draws are the units of a statement about that prompt
        clusters, icc = images, 0.0
    found = detectable_difference(images, clusters=clusters, icc=icc, power=POWER, alpha=1 - plan.spec.confidence)
    return Cell(generator, axis, len(levels), images, clusters, found)


def _clusters(level: Sequence[Wanted]) -> int:
    """Independent units: each draw of latents, else each prompt, the arms of a counterfactual pair together."""
    prompts = {wanted.probe.pair or wanted.probe.id for wanted in level if wanted.probe.unit == "prompt"}
    return len(prompts) + sum(wanted.draws for wanted in level if wanted.probe.unit == "draw")


def _images(level: Sequence[Wanted]) -> int:
    return sum(wanted.draws for wanted in level)
