"""Instrument checks: estimators and scorers held against answers that are known."""
