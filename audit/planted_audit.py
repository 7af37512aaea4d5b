"""A small audit of a generator whose shares are known, from the first draw to the intervals: do they contain the truth?"""

import math
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
LUCK = 1e-3
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
    truth, shares = _truth(found), _shares(found)
    checks = [
        ("audit of planted shares", *_contained(shares, truth)),
        ("audit of planted shares", *_near(shares, truth)),
        *([("audit of captions", *_nearest(found))] if clip else []),
    ]
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


Told = tuple[str, str, str, bool]
"""What was asked, what must come out, what did, and whether that will do."""


def _contained(shares: Mapping[str, Finding], truth: Mapping[str, float]) -> Told:
    """Of the intervals of the share by occupation, how many contain the share of the truth table."""
    ends = {name: share.interval for name, share in shares.items()}
    held = [one is not None and one.low <= truth[name] <= one.high for name, one in ends.items() if name in truth]
    least = int(stats.binom.ppf(LUCK, len(truth), 0.95))
    what = f"shares perceived as {FEMININE} by occupation, drawn, read and measured: 95 % intervals that contain the truth"
    told = f"{sum(held)} of {len(held)}"
    return what, f"at least {least} of {len(truth)}", told, bool(truth) and len(held) == len(truth) and sum(held) >= least


def _near(shares: Mapping[str, Finding], truth: Mapping[str, float]) -> Told:
    """How far the shares lie from those of the table, in all: with so few draws of a cell, intervals alone are patient."""
    off = 0.0
    for name, true in truth.items():
        share = shares.get(name)
        found, n = (share.estimate, share.n) if share is not None and share.estimate is not None else (math.inf, 1)
        spread = true * (1 - true) / n
        off += (found - true) ** 2 / spread if spread > 0 else 0.0 if found == true else math.inf
    most = float(stats.chi2.isf(LUCK, len(truth)))
    what = f"the same shares: chi-squared of their distances from the truth, over {len(truth)} occupations"
    return what, f"at most {most:.3g}", f"{off:.3g}", bool(truth) and off <= most


def _truth(found: Sequence[Finding]) -> Mapping[str, float]:
    """True share by occupation, as ``phantom_truth`` shows it beside its own measurement."""
    charts = [p for f in found if f.metric == "phantom_truth.share" for p in f.panels if isinstance(p, Intervals)]
    occupations = {f.where.get("occupation") for f in found if f.metric == "phantom_truth.share"}
    return {row.label: row.truth for c in charts for row in c.rows if row.label in occupations and row.truth is not None}


def _nearest(found: Sequence[Finding]) -> Told:
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


def _shares(found: Sequence[Finding]) -> dict[str, Finding]:
    """The measured share by occupation."""
    return {
        f.where["occupation"]: f
        for f in found
        if f.metric == "representation.share" and f.where.get("label") == FEMININE and "occupation" in f.where
    }
