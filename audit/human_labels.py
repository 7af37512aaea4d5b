"""What people saw in a random subset of the audited draws."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["CANNOT_TELL", "HumanLabels"]

CANNOT_TELL = ""
"""Label of an image of which its raters could not tell."""


@dataclass(frozen=True, slots=True)
class HumanLabels:
    """Labels of one column, one row a labelled draw."""

    generator: npt.NDArray[np.object_]
    """(n,)"""
    probe: npt.NDArray[np.object_]
    """(n,) probe ids."""
    index: npt.NDArray[np.int64]
    """(n,) index of the draw within its probe."""
    image: npt.NDArray[np.object_]
    """(n,) digest of the image that was shown: of a draw that has another image now, the label counts no more."""
    label: npt.NDArray[np.object_]
    """(n,) what people saw; ``CANNOT_TELL`` where they could not."""
    inclusion: npt.NDArray[np.float64]
    """(n,) probability, above 0 and up to 1, with which the draw was chosen for labelling."""
    raters: int
    """People who rated."""
    agreement: float | None = None
    """Krippendorff's alpha between raters, at most 1; None for a single rater."""
