"""What a plan promises before anything is drawn: images, cells, the difference that each can detect, what labels buy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from audit.plan import Plan, PlannedGenerator, Wanted
from audit.stats.labelling import half_width_of_labels
from audit.stats.planning import Design
from audit.stats.power import detectable_difference

__all__ = ["Cell", "LabelWidths", "PlanSummary", "summarise"]

ICC = 0.1
"""Intraclass correlation that is assumed within a prompt before anything is known of it."""
POWER = 0.8
LABELS = (50, 100, 200, 400)
"""Labels by people of a generator's images of which it is told how narrow they make an interval."""
CORRELATION = 0.8
"""Assumed correlation of a classifier's yes or no with people's: it is right 9 times of 10, at a share of one half."""


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
class LabelWidths:
    """Half the interval that a share near one half of all images of a generator is expected to get."""

    generator: str
    images: int
    uncorrected: float
    """Without labels: what the classifier gets wrong is in the share and not in this width."""
    labelled: dict[int, float]
    """Images that people label, up to all -> half the interval of the corrected share."""


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan in numbers."""

    plan: Plan
    cells: tuple[Cell, ...]
    labels: tuple[LabelWidths, ...] = ()
    """Of each audited generator, where a metric reads labels that a classifier gives."""
    label_columns: tuple[str, ...] = ()
    """The columns that they are of."""

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
            "labels": [{name: getattr(one, name) for name in LabelWidths.__slots__} for one in self.labels],
            "label_columns": list(self.label_columns),
            "assumed": {"icc": ICC, "power": POWER, "alpha": 1 - self.plan.spec.confidence, "correlation": CORRELATION},
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
        if self.labels:
            yield self._labels_table()

    def _labels_table(self) -> tuple[str, Sequence[str], Sequence[Sequence[str]]]:
        """One row for all generators that are planned alike."""
        alike: dict[tuple[str, ...], list[str]] = {}
        for one in self.labels:
            widths = (f"± {100 * one.labelled[n]:.1f} points" if n in one.labelled else "-" for n in LABELS)
            row = (str(one.images), *widths, f"± {100 * one.uncorrected:.1f} points, and biased")
            alike.setdefault(row, []).append(one.generator)
        rows = [(", ".join(names), *row) for row, names in alike.items()]
        title = (
            f"Labels by people (`imgaudit labels export`), of a generator's images, for {', '.join(self.label_columns)}: "
            f"half the interval of a share near 50 %, where the classifier correlates {CORRELATION} with people"
        )
        return title, ("generator", "images", *(f"{n} labels" for n in LABELS), "without"), rows


def summarise(plan: Plan) -> PlanSummary:
    """Count a plan's cells and what they can detect."""
    cells = [cell for generator in plan.generators if generator.name in plan.audited for cell in _cells(plan, generator)]
    read = {column for metric in plan.metrics for column in metric.component.reads()}
    columns = tuple(n for n, column in plan.columns.items() if n in read and column.kind == "label" and not column.exact)
    labels = [_label_widths(plan, g) for g in plan.generators if columns and g.name in plan.audited and g.total > 1]
    return PlanSummary(plan, tuple(cells), tuple(labels), columns)


def _label_widths(plan: Plan, generator: PlannedGenerator) -> LabelWidths:
    clusters, images = _clusters(generator.wanted), generator.total
    design = Design(clusters, images // clusters, ICC)
    if clusters == 1:  # as for cells: a statement about the one prompt
        design = Design(images, 1, 0.0)

    def half(labels: int, correlation: float) -> float:
        return half_width_of_labels(labels, design, correlation=correlation, confidence=plan.spec.confidence)

    all_of_them = (design.clusters or 0) * (design.images_per_cluster or 0)
    labelled = {n: half(n, CORRELATION) for n in LABELS if n <= all_of_them}
    return LabelWidths(generator.name, images, half(all_of_them, 1.0), labelled)


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
