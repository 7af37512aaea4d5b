"""How old the figures of a reference are."""

import re
from datetime import date

__all__ = ["age_told"]

YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20|21)\d\d(?!\d)")
STALE_YEARS = 3


def age_told(dated: str, today: date) -> str:
    """A sentence on the age of figures that are more than three calendar years old, or of which nobody knows it.

    Args:
        dated: what the reference says; of several years in it the last counts.

    >>> age_told("2019-2022", date(2026, 1, 1))
    'Its figures are of 2022, 4 years ago: things may have changed.'
    >>> age_told("March 2023", date(2026, 12, 31))
    ''
    """
    years = [int(year) for year in YEAR.findall(dated)]
    if not years:
        return "It does not say of which year its figures are."
    age = today.year - max(years)
    return f"Its figures are of {max(years)}, {age} years ago: things may have changed." if age > STALE_YEARS else ""
