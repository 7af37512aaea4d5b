"""What intervals of shares and means must give: published tables, other libraries' digits, and closed forms."""

import numpy as np
import numpy.typing as npt

from audit.doctor.trial import Trial
from audit.stats import binomial, bounds, gaps, intervals, paired

__all__ = ["TRIALS"]


def _ends(found: tuple[float, float] | None) -> tuple[float, float]:
    return found if found is not None else (float("nan"), float("nan"))


def _whole_clusters() -> npt.NDArray[np.float64]:
    """Ten prompts of 20 images: of five all images have the label, of five none."""
    return np.tile([0.0, 20.0], 5)


def _of_whole_clusters() -> tuple[float, float]:
    return _ends(intervals.cluster_share(_whole_clusters(), np.full(10, 20.0)).interval)


def _ratio() -> tuple[float, ...]:
    found = intervals.cluster_mean(np.array([1.0, 4.0, 9.0]), np.array([2.0, 4.0, 6.0]))
    return found.value, *_ends(found.interval)


def _bounded() -> tuple[float, ...]:
    found = bounds.missing_bounds(np.array([4.0, 6.0]), np.array([10.0, 10.0]), np.array([2.0, 1.0]))
    return found.low, found.high, found.missing


def _bounded_without_labels() -> tuple[float, float]:
    """Interval where not one image could be labelled: nothing can be said."""
    return _ends(bounds.missing_bounds(np.zeros(12), np.full(12, 5.0), np.full(12, 5.0)).interval)


def _paired() -> tuple[float, ...]:
    values = (2.0, 0.0, 7.0, 4.0, 9.0)
    base = {str(pair): (value, 1.0) for pair, value in enumerate(values)}
    new = {str(pair): (value + more, 1.0) for pair, (value, more) in enumerate(zip(values, (1, 3, 2, 4, 5), strict=True))}
    found = paired.difference(new, base)
    return found.estimate, *_ends(None if found.low is None or found.high is None else (found.low, found.high))


def _unpaired_shares() -> tuple[float, float]:
    sides = []
    for name, hits, n in (("a", 56, 70), ("b", 48, 80)):
        sides.append({f"{name}{i}": (float(i < hits), 1.0) for i in range(n)})
    found = paired.difference(*sides, share=True)
    return _ends(None if found.low is None or found.high is None else (found.low, found.high))


def _gap() -> tuple[float, ...]:
    found = gaps.gap(np.array([[3.0, 1.0], [2.0, 1.0]]), np.full((2, 2), 4.0))
    return found.value, float(found.highest), float(found.lowest)


GOODMAN = (0.085167239139, 0.16626140813, 0.114532918905, 0.204372582695, 0.116395289224, 0.206727515772)

TRIALS: tuple[Trial, ...] = (
    # Newcombe 1998, Table I (method 3)
    Trial.equal("wilson", "81 of 263 (Newcombe 1998)", lambda: intervals.wilson(81, 263), (0.2553, 0.3662), 4),
    Trial.equal("wilson", "1 of 29 (Newcombe 1998)", lambda: intervals.wilson(1, 29), (0.0061, 0.1718), 4),
    # closed form z^2 / (n + z^2)
    Trial.equal("wilson", "0 of 20, closed form", lambda: intervals.wilson(0, 20), (0.0, 0.16112515805281938)),
    # Newcombe 1998, Table I (method 5)
    Trial.equal("clopper_pearson", "1 of 29 (Newcombe 1998)", lambda: binomial.clopper_pearson(1, 29), (0.0009, 0.1776), 4),
    # closed form 1 - .025^(1/20)
    Trial.equal(
        "clopper_pearson", "0 of 20, closed form", lambda: binomial.clopper_pearson(0, 20), (0.0, 0.1684334709830853)
    ),
    # statsmodels 0.15.0, proportion_confint(method="jeffreys")
    Trial.equal(
        "jeffreys", "15 of 148 (statsmodels)", lambda: binomial.jeffreys(15, 148), (0.060448517009296, 0.157643143478741)
    ),
    # Newcombe 1998b, example a, method 10; digits of statsmodels 0.15.0
    Trial.equal(
        "newcombe",
        "56 of 70 less 48 of 80 (Newcombe 1998)",
        lambda: binomial.newcombe(56, 70, 48, 80),
        (0.05243147240236498, 0.33387265403690614),
    ),
    # counts of Sison & Glaz 1995; statsmodels 0.15.0, multinomial_proportions_confint(method="goodman")
    Trial.equal(
        "goodman",
        "three of seven labels together (statsmodels)",
        lambda: binomial.goodman([56, 72, 73, 59, 62, 87, 58])[:3],
        GOODMAN,
    ),
    # t of 4 degrees of freedom, 3 -+ t sqrt(1/2)
    Trial.equal(
        "cluster_mean",
        "1, 2, 3, 4, 5: t interval on 4 degrees of freedom",
        lambda: _ends(intervals.cluster_mean(np.arange(1.0, 6.0), np.ones(5)).interval),
        (1.0367568385224428, 4.963243161477557),
    ),
    # Cochran 1977, equation 6.13, t on 2 degrees of freedom
    Trial.equal(
        "cluster_mean",
        "three prompts of unequal size: ratio with linearised variance (Cochran 1977)",
        _ratio,
        (1.1666666666666667, 0.07126489871192887, 2.262068434621405),
    ),
    # effective n 9 = 200 / (200 / 9), Wilson with t on 9 degrees of freedom
    Trial.equal(
        "cluster_share",
        "ten prompts whose images are all alike count as nine images, t on 9 degrees of freedom",
        _of_whole_clusters,
        (0.19896561128149587, 0.8010343887185041),
    ),
    # t^2 / (37.5 + t^2), t on 11 degrees of freedom; 37.5 = 60 / (1 + 4 * .15)
    Trial.equal(
        "cluster_share",
        "no event in 12 prompts of 5: closed form at the assumed correlation",
        lambda: _ends(intervals.cluster_share(np.zeros(12), np.full(12, 5.0)).interval),
        (0.0, 0.11440339298580972),
    ),
    # Kish 1965: 10/9 (of g - 1) times 20 times (n - 1) / n of 200
    Trial.equal(
        "design_effect",
        "ten prompts whose images are all alike (Kish 1965)",
        lambda: intervals.design_effect(_whole_clusters(), np.full(10, 20.0), _whole_clusters()) or 0.0,
        10 / 9 * 20 * 199 / 200,
    ),
    Trial.equal("missing_bounds", "3 of 20 labels missing (Manski 1989)", _bounded, (0.5, 0.65, 0.15)),
    Trial.equal("missing_bounds", "no label known: nothing is ruled out", _bounded_without_labels, (0.0, 1.0)),
    # differences 1, 3, 2, 4, 5, as cluster_mean
    Trial.equal("difference", "five pairs: paired t interval", _paired, (3.0, 1.0367568385224428, 4.963243161477557)),
    # no unit in common: Newcombe 1998b, method 10
    Trial.equal(
        "difference",
        "56 of 70 less 48 of 80, unpaired (Newcombe 1998)",
        _unpaired_shares,
        (0.05243147240236498, 0.33387265403690614),
    ),
    Trial.equal("gap", "two groups, 5 and 2 of 8", _gap, (0.375, 0.0, 1.0)),
)
