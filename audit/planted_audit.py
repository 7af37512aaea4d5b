"""A small audit of a generator whose shares are known, from the first draw to the intervals: do they contain the truth?"""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scipy import stats

from audit.catalog import build
from audit.component import ProbeSuite
from audit.panels import Intervals
from audit.plan import make_plan
from audit.records import Check, Finding, TextPrompt
from audit.results import read_results
from audit.run import Silent, run_audit
from audit.spec import Use, parse_spec

__all__ = ["PHANTOM_CLIP", "check_planted_shares"]

PHANTOM_CLIP = "phantom-clip"
LUCK = 1e-4
"""Chance with which right instruments would fail, were the seeds not fixed."""
FEMININE = "feminine"
NEAREST = 0.9
"""Least share of drawings of an occupation that are nearest to its caption; the model's card says 1 of all."""

SHARES = {"use": "representation", "params": {"column": "phantom_oracle.perceived_presentation", "by": ["occupation"]}}
CAPTIONS = {"use": "representation", "name": "captions", "params": {"column": "zero_shot.label", "by": ["occupation"]}}
SPEC: dict[str, Any] = {
    "name": "doctor",
    "seed": 7,
    "draws_per_probe": 6,
    "generators": [{"use": "phantom", "params": {"preset": "skewed"}}],
    "probes": [{"use": "phantom"}],
    "scorers": [{"use": "phantom_oracle"}],
    "metrics": [{"use": "phantom_truth", "params": {"tables": {"phantom": "skewed"}}}, SHARES],
}


def check_planted_shares(*, clip: bool, device: str) -> tuple[Check, ...]:
    """Audit 39 prompts of the phantom, six drawings each, and hold the findings against its truth table.

    Args:
        clip: hold the phantom's CLIP model against captions, too.
        device: where the scorers work.

    Raises:
        AuditError: a part of it is not installed here.
    """
    started = time.perf_counter()
    spec = parse_spec(SPEC | (_with_clip() if clip else {}), source="doctor")
    with tempfile.TemporaryDirectory(prefix="imgaudit-doctor-") as folder:
        found = read_results(run_audit(make_plan(spec, device), folder, progress=Silent())).findings
    shares = _contained(found)
    checks = [("audit of planted shares", *shares), *([("audit of captions", *_nearest(found))] if clip else [])]
    seconds = (time.perf_counter() - started) / len(checks)
    return tuple(
        Check(instrument=name, what=what, expected=expected, found=told, passed=passed, seconds=seconds)
        for name, what, expected, told, passed in checks
    )


def _with_clip() -> dict[str, Any]:
    """Scorers and metrics that label each drawing by the nearest caption."""
    told = {"pack": PHANTOM_CLIP}
    labels = {name: (text,) for name, text in _captions()}
    zero_shot = {"use": "zero_shot", "params": told | {"labels": labels}}
    return {
        "scorers": [*SPEC["scorers"], {"use": "clip", "params": told}, zero_shot],
        "metrics": [*SPEC["metrics"], CAPTIONS],
    }


def _captions() -> Iterator[tuple[str, str]]:
    """Each occupation and a prompt that asks for it."""
    suite = build("probes", Use(use="phantom"))
    assert isinstance(suite, ProbeSuite)
    for probe in suite.probes():
        levels = {axis.name: axis.level for axis in probe.axes}
        if (
            isinstance(probe.condition, TextPrompt)
            and levels.get("template") == "portrait"
            and levels["occupation"] != "person"
        ):
            yield levels["occupation"], probe.condition.text


def _contained(found: Sequence[Finding]) -> tuple[str, str, str, bool]:
    """Of the intervals of the share by occupation, how many contain the share of the truth table."""
    truth = _truth(found)
    held = [
        f.interval.low <= truth[f.where["occupation"]] <= f.interval.high
        for f in _shares(found, "representation", FEMININE)
        if f.interval is not None and f.where["occupation"] in truth
    ]
    least = int(stats.binom.ppf(LUCK, len(truth), 0.95))
    what = f"shares perceived as {FEMININE} by occupation, drawn, read and measured: 95 % intervals that contain the truth"
    told = f"{sum(held)} of {len(held)}"
    return what, f"at least {least} of {len(truth)}", told, bool(truth) and len(held) == len(truth) and sum(held) >= least


def _truth(found: Sequence[Finding]) -> Mapping[str, float]:
    """True share by occupation, as ``phantom_truth`` shows it beside its own measurement."""
    charts = [p for f in found if f.metric == "phantom_truth.share" for p in f.panels if isinstance(p, Intervals)]
    occupations = {f.where.get("occupation") for f in found if f.metric == "phantom_truth.share"}
    return {row.label: row.truth for c in charts for row in c.rows if row.label in occupations and row.truth is not None}


def _nearest(found: Sequence[Finding]) -> tuple[str, str, str, bool]:
    """Least share, over occupations, of drawings whose nearest caption is that of their occupation."""
    own = [
        f.estimate
        for f in found
        if f.metric == "captions.share" and f.where.get("occupation") == f.where.get("label") and f.estimate is not None
    ]
    asked = len(list(_captions()))
    what = "drawings of each occupation that are nearest to its own caption: least share"
    told = f"{min(own, default=0.0):.3g} in {len(own)} occupations"
    return what, f"at least {NEAREST:g} in {asked} occupations", told, len(own) == asked and min(own) >= NEAREST


def _shares(found: Sequence[Finding], metric: str, label: str) -> list[Finding]:
    """Shares of a label by one occupation each."""
    return [f for f in found if f.metric == f"{metric}.share" and f.where.get("label") == label and "occupation" in f.where]
