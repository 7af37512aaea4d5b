"""Charts of where generated images lie beside a reference set."""

from collections.abc import Iterable, Iterator

from audit.component import Measured
from audit.metrics.averages import panelled
from audit.panels import Curve, Gallery, Intervals, Line, Span, Table
from audit.records import Finding

__all__ = ["with_panels"]

SHARES = ("precision", "recall", "coverage", "duplicates")
OWN_LAW = "images of the reference's own law"


def with_panels(generators: Iterable[list[Measured]]) -> Iterator[Measured]:
    """The findings with their charts: collapse, of each generator, and all generators in one plane."""
    found = list(generators)
    plane = _plane([_named(one) for one in found])
    for place, one in enumerate(found):
        by_name = _named(one)
        for each in one:
            name = _name(each.finding)
            if name == "coverage":
                yield panelled(each, _collapse(by_name), _numbers(by_name))
            elif name == "precision":
                yield panelled(each, plane if place == 0 else None, _outside(each.finding))
            else:
                yield each


def _name(finding: Finding) -> str:
    return finding.metric.rpartition(".")[2]


def _named(found: list[Measured]) -> dict[str, Finding]:
    return {_name(one.finding): one.finding for one in found}


def _collapse(found: dict[str, Finding]) -> Intervals | None:
    """All shares of a generator, each beside what is expected of the reference's own law."""
    rows = []
    for name in SHARES:
        finding = found[name]
        if finding.estimate is not None and finding.interval is not None:
            ends = {"low": finding.interval.low, "high": finding.interval.high}
            rows.append(Span(label=name, estimate=finding.estimate, n=finding.n, marks=(finding.expected,), **ends))
    if not rows:
        return None
    first = found["coverage"]
    summary = (
        f"{first.generator} beside {first.baseline}, with what {OWN_LAW} would score. Collapse: high precision, low recall "
        "and coverage, many near-duplicates."
    )
    return Intervals(title="Signs of mode collapse", summary=summary, rows=tuple(rows), unit="share", marks=(OWN_LAW,))


def _numbers(found: dict[str, Finding]) -> Table | None:
    """Those that are no shares."""
    rows = []
    for name in ("density", "modes", "vendi"):
        finding = found[name]
        if finding.estimate is not None and finding.expected is not None:
            ends = finding.interval
            span = "none" if ends is None else f"{ends.low:.3g} to {ends.high:.3g}"
            rows.append((name, f"{finding.estimate:.3g}", span, f"{finding.expected:.3g}"))
    if not rows:
        return None
    first = found["coverage"]
    return Table(
        title="Crowding and diversity",
        summary=f"{first.generator} beside {first.baseline}.",
        columns=("quantity", "estimate", f"{100 * first.confidence:g} % interval", OWN_LAW),
        rows=tuple(rows),
    )


def _plane(generators: list[dict[str, Finding]]) -> Curve | None:
    """Precision over coverage, a point for each generator and one for the reference's own law."""
    points, law = [], None
    for found in generators:
        precision, coverage = found["precision"], found["coverage"]
        if precision.estimate is None or coverage.estimate is None:
            continue
        points.append(Line(label=precision.generator, x=(coverage.estimate,), y=(precision.estimate,)))
        if precision.expected is not None and coverage.expected is not None:
            law = Line(label=OWN_LAW, x=(coverage.expected,), y=(precision.expected,))
    if not points or law is None:
        return None
    told = "; ".join(f"{line.label}: {line.y[0]:.0%} precision at {line.x[0]:.0%} coverage" for line in (*points, law))
    lines = (law, *points)
    return Curve(title="Fidelity and coverage", summary=f"{told}.", x_label="coverage", y_label="precision", lines=lines)


def _outside(finding: Finding) -> Gallery | None:
    if not finding.evidence:
        return None
    return Gallery(
        title="Generated images unlike any reference image",
        summary=f"Some of {finding.generator} that lie in the neighbourhood of no image of {finding.baseline}.",
        images=finding.evidence,
        captions=("unlike any reference image",) * len(finding.evidence),
    )
