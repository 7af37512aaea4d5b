"""Metric ``alignment``: how well images fit their prompts, by the cosine of CLIP's image and text vectors."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from audit.component import Context, Measured, Metric
from audit.metrics.averages import BY_PROMPT, Quantity, family
from audit.metrics.sample import Sample, Scores, chosen_axes, protocol

__all__ = ["Alignment"]

WEIGHT = 2.5
"""Hessel et al. 2021: stretches the usual cosines to about 0 .. 1."""


class Alignment(Metric):
    """Mean CLIP-score, mean raw cosine, and the share of prompts cut off by the text encoder.

    ``clipscore`` is 2.5 max(cosine, 0), clamped image by image (0 .. 2.5, higher is better); ``cosine`` is not clamped
    (-1 .. 1). Both carry the preferences of the CLIP model: a difference between groups may be the model's own.
    """

    quantities: ClassVar[tuple[str, ...]] = ("clipscore", "cosine", "truncated")

    source: ClassVar[str] = "Hessel et al. 2021, CLIPScore, section 3 (without the prefix 'A photo depicts')"

    clip: str = "clip"
    """Name, in the spec, of the scorer that gives cosines."""
    by: tuple[str, ...] | None = None
    """Axes whose levels are shown apart; None: all contrast axes."""

    def axes(self) -> tuple[str, ...]:
        """Those of ``by``."""
        return self.by or ()

    def reads(self) -> tuple[str, ...]:
        """Cosine, and whether the prompt was cut."""
        return (f"{self.clip}.cosine", f"{self.clip}.truncated")

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """``clipscore``, ``cosine`` and ``truncated``, for all draws and by level of each axis."""
        axes = chosen_axes(name, self.by, context)
        for generator in context.generators:
            sample = Sample.of(context, generator)
            cells = list(sample.cells(axes))
            cosine = sample.numbers(f"{self.clip}.cosine")
            score = Scores(WEIGHT * np.maximum(cosine.value, 0.0), cosine.present, cosine.reason)
            yield from family(self._quantity(name, "clipscore", context), sample, score, cells)
            yield from family(self._quantity(name, "cosine", context), sample, cosine, cells)
            value, present, reason = sample.labels(f"{self.clip}.truncated")
            cut = Scores((value == "yes").astype(np.float64), present, reason)
            yield from family(self._truncated(name, context), sample, cut, cells)

    def _quantity(self, name: str, which: str, context: Context) -> Quantity:
        clamped = which == "clipscore"
        recipe = f"mean {WEIGHT:g} max(cosine, 0)" if clamped else "mean cosine"
        return Quantity(
            name=f"{name}.{which}",
            title="Fit of images to their prompts (CLIP-score)"
            if clamped
            else "Fit of images to their prompts (raw cosine)",
            protocol=protocol(recipe, [f"{self.clip}.cosine"], context),
            confidence=context.confidence,
            better="higher",
            source=self.source,
            note="As one CLIP model sees it: a gap between groups may be that model's own",
        )

    def _truncated(self, name: str, context: Context) -> Quantity:
        return Quantity(
            name=f"{name}.truncated",
            title="Share of images whose prompt was longer than the text encoder reads",
            protocol=protocol("share", [f"{self.clip}.truncated"], context),
            confidence=context.confidence,
            unit="share",
            better="lower",
            note="What was cut off is not in the CLIP-score",
            correlation=BY_PROMPT,
        )
