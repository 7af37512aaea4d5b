"""A scorer that errs never: it looks up what the renderer ``phantom`` drew, instead of looking at the picture."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from audit.component import Column, Row, ScoreBatch, Scorer, View
from audit.records import Abstained
from generators.phantom.bank import stated
from generators.phantom.sampling import sample
from generators.phantom.truth import preset

NOBODY = Abstained(reason="nobody in the picture")


class SceneReader(Scorer):
    """What an errorless ``phantom_oracle`` would read."""

    subject = "draw"
    uses_device = False

    presets: dict[str, str]
    """Generator -> the truth table that it draws by."""

    def columns(self) -> tuple[Column, ...]:
        return (
            Column("people", "label", "People in the drawing", levels=("0", "1", "2")),
            Column(
                "perceived_presentation",
                "label",
                "Perceived presentation of the drawn person",
                levels=("feminine", "masculine"),
            ),
            Column(
                "perceived_age_band",
                "label",
                "Perceived age band of the drawn person",
                levels=("young", "middle-aged", "older"),
            ),
        )

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        yield lambda views: self._read(views)

    def _read(self, views: Sequence[View]) -> list[list[Row]]:
        return [[Row(self._scene(view))] for view in views]

    def _scene(self, view: View) -> dict[str, str | Abstained]:
        table = preset(self.presets[view.draw.generator])
        shown = sample(table, np.random.default_rng(view.draw.seed), stated(view.probe)).shown
        return {
            "people": str(shown.people),
            "perceived_presentation": shown.presentation if shown.people else NOBODY,
            "perceived_age_band": shown.age if shown.people else NOBODY,
        }
