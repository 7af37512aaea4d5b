"""Known-answer checks of the estimators: a wrong one must not measure anything."""

from collections.abc import Callable

from audit.doctor import corrections, hypotheses, indices, intervals, simulations
from audit.doctor.trial import Trial
from audit.records import Check

__all__ = ["TRIALS", "check_estimators"]

TRIALS: tuple[Trial, ...] = (
    *intervals.TRIALS,
    *indices.TRIALS,
    *corrections.TRIALS,
    *hypotheses.TRIALS,
    *simulations.TRIALS,
)


def check_estimators(tick: Callable[[int], None] = lambda _: None) -> tuple[Check, ...]:
    """Hold every estimator against published numbers, closed forms and planted truth.

    Seeds are fixed, so the outcome is the same each time: a check fails because the estimator, or a library under it,
    gives other numbers than it must, never by chance.

    Args:
        tick: told of each check that is made.
    """
    made = []
    for trial in TRIALS:
        made.append(trial.make())
        tick(1)
    return tuple(made)
