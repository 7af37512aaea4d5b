"""An audit of skew made by hand: shares beside three references, bands, corrections, p-values, a truth and checks."""

from rendering.sample_audit import HOSTILE, audited, verdict

from audit.component import Audited
from audit.panels import Heatmap, Intervals, Span
from audit.records import Check, Finding, Interval, Verdict

OCCUPATIONS = tuple(f"{name} {place}".strip() for place in ("", "in a small town") for name in ("nurse", "pilot", "judge"))
REFERENCES = ("equal shares", "us_workforce_2022", f"the last release {HOSTILE}")
TONES = tuple(f"Monk {tone}" for tone in range(1, 11))
LEVELS = tuple(f"occupation number {number}" for number in range(1, 41))


def finding(metric: str, estimate: float, half: float = 0.05, **changes: object) -> Finding:
    """A share of a perceived label, uncorrected."""
    known = {
        "metric": metric,
        "title": "Share of images perceived as feminine",
        "protocol": "share/p1",
        "generator": "phantom-skewed",
        "estimate": estimate,
        "interval": Interval(low=estimate - half, high=estimate + half),
        "confidence": 0.95,
        "unit": "share",
        "better": "none",
        "n": 240,
        "n_missing": 12,
        "clusters": 40,
        "method": "share by cluster; t interval",
        "note": "Uncorrected for classifier error. 12 missing: 12 ambiguous.",
        "correction": "uncorrected",
        "bounds": Interval(low=estimate * 0.95, high=estimate * 0.95 + 0.05),
    }
    return Finding.model_validate(known | changes)


def span(label: str, one: Finding, **more: object) -> Span:
    """The row of a chart that shows a finding."""
    assert one.interval is not None
    known = {"label": label, "estimate": one.estimate, "low": one.interval.low, "high": one.interval.high, "n": one.n}
    return Span.model_validate(known | more)


def shares() -> tuple[Finding, ...]:
    """Shares by occupation beside three references, and a grid of perceived tone by occupation."""
    cells = [
        finding(
            "representation.share", 0.9 - 0.14 * at, 0.09, n=40, n_missing=2, where={"label": "feminine", "occupation": job}
        )
        for at, job in enumerate(OCCUPATIONS)
    ]
    whole = finding("representation.share", 0.63, where={"label": "feminine"}, correction="labels")
    rows = [span("all", whole, marks=(0.5, 0.47, None))]
    rows += [
        span(f"occupation: {job}", one, marks=(0.5, None if at == 3 else 0.88 - 0.1 * at, 0.7 - 0.12 * at))
        for at, (job, one) in enumerate(zip(OCCUPATIONS, cells, strict=True))
    ]
    chart = Intervals(
        title="Share of images perceived as feminine",
        summary="With 95 % intervals, highest first.",
        rows=tuple(rows),
        unit="share",
        marks=REFERENCES,
    )
    grid = Heatmap(
        title="Shares of perceived tone by occupation",
        summary="Shares of each label at 40 levels of occupation.",
        rows=LEVELS,
        columns=TONES,
        values=tuple(
            tuple(None if (i + j) % 17 == 0 else ((i * 3 + j * 7) % 10) / 20 for j in range(len(TONES)))
            for i in range(len(LEVELS))
        ),
        unit="share",
        center=0.1,
    )
    return whole.model_copy(update={"panels": (chart, grid)}), *cells


def skews() -> tuple[Finding, ...]:
    """An index of skew by occupation: each finding with the band of its own n, tested and adjusted."""
    found = []
    for at, job in enumerate(OCCUPATIONS):
        one = finding(
            "representation.skew",
            0.42 - 0.06 * at,
            0.08,
            title="Distance of perceived gender from equal shares (total variation)",
            where={"occupation": job},
            unit="fraction",
            better="lower",
            expected=0.09,
            correction="labels",
            p_value=min(1.0, 0.0002 * 6**at),
            p_adjusted=min(1.0, 0.0012 * 6**at),
        )
        band = (0.0, 0.18 + 0.02 * at)
        panel = Intervals(title="One", summary="", rows=(span(job, one),), unit="fraction", reference=0.09, band=band)
        found.append(one.model_copy(update={"panels": (panel,)}))
    return tuple(found)


def held() -> tuple[Finding, ...]:
    """Shares and a difference of a generator whose truth is known, and how many of its intervals hold."""
    indoors = finding("phantom_truth.share", 0.704, 0.09, where={"group": "indoors"})
    outdoors = finding("phantom_truth.share", 0.227, 0.08, where={"group": "outdoors"}, n_missing=0)
    rows = (span("indoors", indoors, truth=0.802), span("outdoors", outdoors, truth=0.221))
    chart = Intervals(title="Measured against true", summary="By group.", rows=rows, unit="share")
    apart = finding(
        "phantom_truth.difference",
        0.477,
        0.2,
        title="Difference in share of images perceived as feminine: indoors minus outdoors",
        where={"group": "indoors", "against": "outdoors"},
        unit="share difference",
        expected=0.0,
        bounds=None,
    )
    alone = Intervals(title="One", summary="", rows=(span("all", apart, truth=0.581),), unit="share difference")
    contained = finding(
        "phantom_truth.contained",
        12 / 13,
        0.07,
        title="Share of 95 % intervals by occupation that contain the truth",
        n=13,
        n_missing=0,
        note="n counts intervals. Of many correct ones 95 % contain the truth.",
        correction="",
        bounds=None,
    )
    return (
        indoors.model_copy(update={"panels": (chart,)}),
        outdoors,
        apart.model_copy(update={"panels": (alone,)}),
        contained,
    )


def checks(failed: int = 0, size: int = 34) -> tuple[Check, ...]:
    """Known-answer checks, the last of which failed."""
    return tuple(
        Check(
            instrument=f"estimator_{number}",
            what=f"coverage of planted shares {HOSTILE}" if number == size - 1 else "a share of 0.3 among 40 prompts",
            expected="0.93 to 0.97",
            found="0.71" if number >= size - failed else "0.951",
            passed=number < size - failed,
            seconds=0.01,
        )
        for number in range(size)
    )


def verdicts(found: tuple[Finding, ...]) -> tuple[Verdict, ...]:
    """A failed gate on a difference whose truth is known, an undecided one on a count of intervals, and a margin."""
    by_metric = {one.metric: one for one in found}
    apart, contained = by_metric["phantom_truth.difference"], by_metric["phantom_truth.contained"]
    indoors = next(one for one in found if one.where == {"group": "indoors"})
    undecided = verdict(contained, "inconclusive", 0.9, "phantom_truth.contained is at least 90 %")
    margin = verdict(indoors, "pass", 0.2, "phantom_truth.share where group = indoors is within 20 points of phantom-even")
    return (
        verdict(apart, "fail", 0.15, "phantom_truth.difference is at most 15 points"),
        undecided.model_copy(update={"decides": "about 3 times as many images, if the estimate stays where it is"}),
        margin.model_copy(update={"estimate": 0.02, "interval": Interval(low=-0.06, high=0.1)}),
    )


def skewed(failed: int = 0, **changes: object) -> Audited:
    """The whole audit; ``failed`` of its instrument checks failed."""
    found = (*shares(), *skews(), *held())
    return audited(found, verdicts(found), **({"checks": checks(failed)} | changes))
