"""Instrument checks: estimators and scorers held against answers that are known."""

from audit.doctor.estimators import TRIALS, check_estimators
from audit.doctor.scorers import OpenScorer, check_scorer, instrument, said_of

__all__ = ["TRIALS", "OpenScorer", "check_estimators", "check_scorer", "instrument", "said_of"]
