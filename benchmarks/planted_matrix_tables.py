"""Results of the matrix of designs: judged, as tables for people, and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from audit.environment import device_name, revision, versions
from benchmarks.planted_matrix_methods import INTERVAL, TEST, Method
from benchmarks.planted_matrix_worlds import Design

__all__ = ["ALPHA", "LEAST", "MOST", "Result", "as_json", "as_markdown", "as_promised", "bound_of_all", "summary"]

LEAST, MOST = 0.935, 0.975
"""Wanted of a nominal 95 % interval: below is a broken promise, above is told with the width."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Result:
    """How often a method was right (intervals), or rejected the truth (tests), in the audits of one design."""

    errors: str
    """Of the classifier."""
    method: Method
    design: Design
    audits: int
    rate: float
    """Of the audits in which the method said something."""
    width: float
    """Mean, of intervals."""
    refused: int

    @property
    def error(self) -> float:
        """Monte-Carlo standard error; of a rate at 0 or 1, that of one audit more or less."""
        said = max(1, self.audits - self.refused)
        return max(float(np.sqrt(self.rate * (1 - self.rate) / said)), float(1 / (said * np.sqrt(12))))

    @property
    def short(self) -> bool:
        """An interval covers less than it should, beyond two standard errors."""
        return self.method.kind == INTERVAL and self.rate + 2 * self.error < LEAST

    @property
    def wide(self) -> bool:
        """An interval covers more than it should, beyond two standard errors."""
        return self.method.kind == INTERVAL and self.rate - 2 * self.error > MOST


def bound_of_all(results: Sequence[Result]) -> float:
    """What the largest rejection rate of so many true tests stays within in 97.5 % of cases (binomial, Bonferroni)."""
    audits = min((one.audits for one in results), default=1)
    return float(stats.binom.isf(0.025 / max(1, len(results)), audits, ALPHA)) / audits


def as_promised(results: Sequence[Result]) -> bool:
    """Whether no interval of the product covers too little and none of its tests rejects the truth too often."""
    ours = [one for one in results if one.method.ours]
    tests = [one for one in ours if one.method.kind == TEST]
    return not any(one.short for one in ours) and all(one.rate <= bound_of_all(tests) for one in tests)


def summary(results: Sequence[Result]) -> Iterator[str]:
    """A line for each method of each kind of error."""
    tests = [one for one in results if one.method.kind == TEST and one.method.ours]
    for (errors, method), found in _grouped(results).items():
        rates = [one.rate for one in found]
        told = f"errors {errors}: {method.name}: {len(found)} designs, {min(rates):.3f} to {max(rates):.3f}"
        if method.kind == TEST:
            plain = ALPHA + 2 * float(np.sqrt(ALPHA * (1 - ALPHA) / found[0].audits))
            bound = bound_of_all(tests)
            beyond = [f"{sum(rate > most for rate in rates)} in more than {most:.4f}" for most in (plain, bound)]
            yield f"{told}; reject the truth: {', '.join(beyond)}"
            continue
        less, more = sum(one.short for one in found), sum(one.wide for one in found)
        refused = sum(one.refused for one in found)
        mine = "" if method.ours else " (shown for comparison)"
        yield f"{told}; {less} cover less than {LEAST}, {more} more than {MOST}; {refused} refused{mine}"


def as_markdown(results: Sequence[Result], told: str) -> str:
    """All results as tables: designs by correlation, the coverage or rejection rate, and in brackets the mean width."""
    lines = ["# Intervals and tests in audits whose truth is planted", "", told, ""]
    lines += [f"- {line}" for line in summary(results)]
    for (errors, method), found in _grouped(results).items():
        what = "rejects the truth" if method.kind == TEST else "covers (mean width)"
        aside = "" if method.ours else ", for comparison"
        lines += ["", f"## Errors {errors}: {method.name}{aside}", "", *_pivot(found, what)]
    return "\n".join(lines) + "\n"


def _pivot(found: Sequence[Result], what: str) -> Iterator[str]:
    correlations = sorted({one.design.correlation for one in found})
    yield f"| share | prompts x images | {' | '.join(f'{what}, correlation {each:g}' for each in correlations)} |"
    yield "|---|---|" + "---|" * len(correlations)
    rows: dict[tuple[float, str], dict[float, str]] = {}
    for one in found:
        images = f"1 to {2 * one.design.images - 1}" if one.design.uneven else str(one.design.images)
        rows.setdefault((one.design.share, f"{one.design.prompts} x {images}"), {})[one.design.correlation] = _cell(one)
    for (share, size), cells in rows.items():
        yield f"| {share:g} | {size} | {' | '.join(cells.get(each, '') for each in correlations)} |"


def _cell(one: Result) -> str:
    if one.method.kind == TEST:
        return f"{one.rate:.4f}"
    mark = "**" if one.short else ""
    refused = f", {one.refused} refused" if one.refused else ""
    return f"{mark}{one.rate:.3f}{mark} ({one.width:.3f}{refused})"


def as_json(results: Sequence[Result], told: Mapping[str, object]) -> str:
    """All results, a line each, with where they come from."""
    head = {"format": 1, **told, "machine": device_name("cpu"), "revision": revision(), "versions": versions()}
    rows = [_row(one) for one in results]
    body = ",\n".join(f"  {json.dumps(list(row.values()))}" for row in rows)
    columns = json.dumps(list(rows[0]) if rows else [])
    return json.dumps(head, indent=1)[:-2] + f',\n "columns": {columns},\n "rows": [\n{body}\n ]\n}}\n'


def _row(one: Result) -> dict[str, object]:
    row = {"errors": one.errors, "method": one.method.name, "kind": one.method.kind, "default": one.method.ours}
    row |= asdict(one.design) | {"audits": one.audits, "rate": round(one.rate, 4), "error": round(one.error, 4)}
    return row | {"width": round(one.width, 4), "refused": one.refused}


def _grouped(results: Sequence[Result]) -> dict[tuple[str, Method], list[Result]]:
    groups: dict[tuple[str, Method], list[Result]] = {}
    for one in results:
        groups.setdefault((one.errors, one.method), []).append(one)
    return groups
