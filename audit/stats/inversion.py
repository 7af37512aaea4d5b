"""P-values from intervals, so that a test and the interval beside it never disagree."""

import math
from collections.abc import Callable

from scipy import optimize, special

__all__ = ["LEAST", "p_value"]

NEAREST, FURTHEST = 0.01, 6.4
LEAST = math.erfc(FURTHEST / math.sqrt(2))
"""The smallest p-value that is told, about 1.6e-10: further out no interval here is known to be true."""


def p_value(interval: Callable[[float], tuple[float, float]], *, null: float = 0.0) -> float:
    """Two-sided p-value of a hypothesis: 1 less the highest confidence at which the interval leaves its value out.

    It is at most 1 - c exactly where the interval at confidence c does not hold ``null``, as Tango's (1998) score test is
    that of his interval, and the t test that of the t interval.

    Args:
        interval: confidence in 0 .. 1 -> low and high; wider for more confidence.
        null: the value that the hypothesis names.

    Returns:
        In ``LEAST`` .. 1.

    >>> round(p_value(lambda confidence: (1.0 - 2 * confidence, 1.0 + 2 * confidence)), 6)
    0.5
    """

    def room(deviation: float) -> float:
        """How far the interval stays from the value; below 0 where it holds it."""
        low, high = interval(math.erf(deviation / math.sqrt(2)))
        return max(low - null, null - high)

    if room(NEAREST) <= 0:
        return 1.0
    if room(FURTHEST) > 0:
        return LEAST
    # On the scale of normal deviations most intervals grow almost evenly, so few steps are needed.
    deviation = float(optimize.brentq(room, NEAREST, FURTHEST, xtol=1e-7))
    return float(2 * special.ndtr(-deviation))
