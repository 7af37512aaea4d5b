"""What measured effective resolution means, from copies of images that were reduced and enlarged by known factors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit import panels
from audit.component import Context
from audit.metrics.averages import sentences
from audit.metrics.sample import Sample

__all__ = ["Curve", "calibration"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Measured share -> true share, through the means of the copies and through 1, 1."""

    measured: Floats
    """(k,) rising."""
    share: Floats
    """(k,) rising: 1 / factor of each copy, and 1."""
    what: str
    """Copies with their factors and numbers of images, for a protocol."""
    left_out: str
    """Copies that say nothing, in a sentence; empty where there is none."""

    def true(self, measured: Floats) -> Floats:
        """True shares, by straight lines between the copies; below the last one in proportion."""
        inside = np.interp(measured, self.measured, self.share)
        below = measured * self.share[0] / self.measured[0]
        return np.where(measured < self.measured[0], below, inside)

    @property
    def panel(self) -> panels.Curve:
        """The curve, for a reader."""
        line = panels.Line(label="copies", x=tuple(self.share.tolist()), y=tuple(self.measured.tolist()))
        ideal = panels.Line(label="as it should be", x=(0.0, 1.0), y=(0.0, 1.0))
        return panels.Curve(
            title="Effective resolution of copies that were reduced and enlarged",
            summary=f"Measured share over true share of {self.what}.",
            x_label="1 / factor",
            y_label="measured share",
            lines=(line, ideal),
        )


def calibration(context: Context, column: str, factors: Mapping[str, float]) -> Curve | None:
    """Measure the copies; None where there is none with a value.

    A copy that measures no lower than one reduced less says nothing and is left out: the images themselves did not hold
    the detail that it was reduced from, so that what is reduced more takes its place.
    """
    found = []
    for name, factor in factors.items():
        scores = Sample.of(context, name).numbers(column)
        if scores.present.any():
            found.append((1 / factor, float(scores.value[scores.present].mean()), name, int(scores.present.sum())))
    kept: list[tuple[float, float, str, int]] = []
    for point in sorted(found):
        if (not kept or point[1] > kept[-1][1]) and point[1] < 1:
            kept.append(point)
    if not kept:
        return None
    gone = [name for _, _, name, _ in found if name not in {each[2] for each in kept}]
    gone += [f"{name} (no values)" for name in factors if name not in {each[2] for each in found}]
    return Curve(
        measured=np.array([*(point[1] for point in kept), 1.0]),
        share=np.array([*(point[0] for point in kept), 1.0]),
        what=", ".join(f"{name} 1/{1 / share:g} (n={n})" for share, _, name, n in kept),
        left_out=sentences(f"Left out, as they say nothing: {', '.join(gone)}" if gone else ""),
    )
