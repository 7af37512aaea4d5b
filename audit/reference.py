"""References: distributions that measured shares are laid beside. Named, dated and sourced; none of them is called fair."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.plugin import Component

__all__ = ["About", "Asked", "Expected", "Reference", "Silent"]


@dataclass(frozen=True, slots=True)
class About:
    """What a reader must know of a reference."""

    title: str
    """In plain words: ``Employed people in the United States, 2022``."""
    dated: str = ""
    """What time its figures are of: ``2022``; empty where it has none, as equal shares."""
    source: str = ""
    """Publication or file."""
    caveats: str = ""
    """Why a share may differ from it and nothing be wrong; what it leaves out; whether it is old."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The draws of one cell, as a reference sees them."""

    where: Mapping[str, str]
    """As in ``Finding.where``, without the label: empty for all draws."""
    prompts: Sequence[tuple[Mapping[str, str], float]]
    """Axis levels of each probe of the cell, and how many of its draws were read; counts are above 0."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reference says of the labels of a cell."""

    shares: Mapping[str, float]
    """Label -> share, 0 .. 1. Labels that it says nothing of are left out; a distance needs all of them."""
    n_effective: float = math.inf
    """Simple random sample that would know these shares as well; infinite where they are exact."""
    note: str = ""
    """What was compared with what: ``row 'Registered nurses'``."""


@dataclass(frozen=True, slots=True)
class Silent:
    """A reference says nothing of a cell: that is not a share of 0."""

    reason: str


class Reference(Component, ABC):
    """A distribution of an attribute that shares are compared with."""

    @abstractmethod
    def about(self) -> About:
        """What it is, of when, from where, and what a reader must know of it."""

    @abstractmethod
    def expected(self, attribute: str, labels: Sequence[str], asked: Asked) -> Expected | Silent:
        """What it says of the labels of an attribute (a column's name, ``perceived_gender``) for the draws of a cell."""
