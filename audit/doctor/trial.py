"""One question to an instrument whose answer is known beforehand."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from audit.records import Check

__all__ = ["Trial", "told"]

SHOWN = 4
"""Numbers of one answer that a reader is shown."""
ROUNDING = 1e-9
"""What float64 may add to a closed form, relative to a value above 1."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A question to an estimator, and the range in which each number of its answer must lie."""

    instrument: str
    what: str
    """What is asked, in words."""
    ask: Callable[[], npt.ArrayLike]
    least: tuple[float, ...]
    most: tuple[float, ...]
    expected: str

    @classmethod
    def equal(
        cls, instrument: str, what: str, ask: Callable[[], npt.ArrayLike], values: float | Sequence[float], digits: int = 0
    ) -> Self:
        """The answer must be these numbers: as far as ``digits`` decimals where they were published so, else exactly."""
        exact = (values,) if isinstance(values, int | float) else tuple(values)
        off = [(0.5 + 1e-6) * 10**-digits if digits else ROUNDING * max(1.0, abs(value)) for value in exact]
        least, most = (tuple(v + s * o for v, o in zip(exact, off, strict=True)) for s in (-1, 1))
        return cls(instrument, what, ask, least, most, told(exact, digits))

    @classmethod
    def between(cls, instrument: str, what: str, ask: Callable[[], npt.ArrayLike], least: float, most: float) -> Self:
        """The answer is one number from ``least`` to ``most``."""
        return cls(instrument, what, ask, (least,), (most,), f"{least:.4g} to {most:.4g}")

    def make(self) -> Check:
        """Ask. An instrument that raises an error has failed, whatever the error is."""
        started = time.perf_counter()
        try:
            answer = np.asarray(self.ask(), dtype=np.float64).ravel()
            # A NaN fails every comparison, and so the check.
            passed = len(answer) == len(self.least) and all(
                low <= value <= high for low, value, high in zip(self.least, answer, self.most, strict=True)
            )
            found = told(answer)
        except Exception as error:  # a broken instrument may raise anything
            passed, found = False, f"{type(error).__name__}: {error}"
        return Check(
            instrument=self.instrument,
            what=self.what,
            expected=self.expected,
            found=found,
            passed=passed,
            seconds=time.perf_counter() - started,
        )


def told(values: Sequence[float] | npt.NDArray[np.float64], digits: int = 0) -> str:
    """Numbers for a reader; of many, the first four.

    >>> told([0.25, 1 / 3]), told([2.0] * 7)
    ('0.25, 0.333333', '2, 2, 2, 2, ... (7 numbers)')
    """
    shown = [f"{value:.{digits}f}" if digits and math.isfinite(value) else f"{value:.6g}" for value in values[:SHOWN]]
    more = f", ... ({len(values)} numbers)" if len(values) > SHOWN else ""
    return ", ".join(shown) + more
