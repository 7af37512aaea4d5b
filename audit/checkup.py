"""What ``imgaudit doctor`` does: every instrument in use is held against answers that are known."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from audit.catalog import build, names
from audit.component import Scorer
from audit.doctor import TRIALS, OpenScorer, check_estimators, check_scorer, instrument
from audit.errors import AuditError, InputError, WeightsTampered
from audit.plan import Plan
from audit.planted_audit import PHANTOM_CLIP, check_planted_shares
from audit.records import Check
from audit.spec import Use
from audit.weights import locate, verify

__all__ = ["Examined", "Unchecked", "examine", "examine_plan"]

_PRESENTATIONS = ("feminine", "masculine")
USUAL: tuple[dict[str, Any], ...] = (
    {"use": "pixels"},
    {"use": "faces"},
    {"use": "attributes"},
    {"use": "second_attributes"},
    {"use": "agreement"},
    {"use": "features", "params": {"pack": "efficientnet-lite0"}},
    {"use": "phantom_oracle"},
    {"use": "clip", "params": {"pack": PHANTOM_CLIP}},
    {
        "use": "zero_shot",
        "params": {
            "pack": PHANTOM_CLIP,
            "labels": {name: [f"a portrait photo of a {name} person"] for name in _PRESENTATIONS},
        },
    },
)
"""Scorers that are checked where no spec says which are in use."""

Begin = Callable[[str, int], Callable[[int], None]]
"""Starts a progress bar over so many items; gives what is told of items done."""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """An instrument that could not be checked here."""

    instrument: str
    reason: str
    """Why, and what would help."""


@dataclass
class Examined:
    """What was found."""

    checks: list[Check] = field(default_factory=list)
    unchecked: list[Unchecked] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """No check failed; what was not checked is another matter."""
        return all(check.passed for check in self.checks)


def examine(begin: Begin, device: str) -> Examined:
    """Check the estimators, the scorers that are usable here without a download, and a small audit of known shares."""
    found, scorers = Examined(), dict[str, Scorer]()
    for use in _usual():
        try:
            scorer = _built(use)
            if lacking := [name for name in scorer.requires() if name not in scorers]:
                raise InputError(f"it needs the scorer {lacking[0]!r}, which is not checked either")
        except WeightsTampered as error:
            found.checks.append(_tampered(use.label, error))
        except AuditError as error:
            found.unchecked.append(Unchecked(instrument(use.label), str(error)))
        else:
            scorers[use.label] = scorer
    return _examined(found, scorers, begin, device)


def examine_plan(plan: Plan, begin: Begin) -> Examined:
    """Check the estimators, the scorers of a plan with their weights, and a small audit of known shares.

    Raises:
        AuditError: a scorer does not open.
    """
    found = _examined(Examined(), {s.name: s.component for s in plan.scorers}, begin, plan.device)
    named = {instrument(scorer.name) for scorer in plan.scorers}
    for one in found.unchecked:
        if one.instrument in named:
            raise InputError(f"{one.instrument}: {one.reason}")
    return found


def _built(use: Use) -> Scorer:
    scorer = build("scorers", use)
    assert isinstance(scorer, Scorer)
    for pack in scorer.packs():
        locate(pack)
    scorer.check()
    return scorer


def _usual() -> list[Use]:
    """The usual scorers, then those of other distributions as they are without parameters."""
    usual = [Use.model_validate(use) for use in USUAL]
    told = {use.use for use in usual}
    return [*usual, *(Use(use=name) for name in names("scorers") if name not in told)]


def _examined(found: Examined, scorers: dict[str, Scorer], begin: Begin, device: str) -> Examined:
    found.checks.extend(check_estimators(begin("estimators", len(TRIALS))))
    packs = sorted({pack for scorer in scorers.values() for pack in scorer.packs()})
    tick = begin("weights", len(packs))
    for pack in packs:
        found.checks.append(_check_weights(pack))
        tick(1)
    _look_at_scorers(found, scorers, begin, device)
    tick = begin("an audit of planted shares", 1)
    try:
        found.checks.extend(check_planted_shares(clip=PHANTOM_CLIP in packs, device=device))
    except AuditError as error:
        found.unchecked.append(Unchecked("audit of planted shares", str(error)))
    tick(1)
    return found


def _look_at_scorers(found: Examined, scorers: dict[str, Scorer], begin: Begin, device: str) -> None:
    tick = begin("scorers", len(scorers))
    with ExitStack() as stack:
        opened: dict[str, OpenScorer] = {}
        for name, scorer in scorers.items():
            try:
                call = stack.enter_context(scorer.open(device))
                opened[name] = OpenScorer(name, scorer, call, {other: opened[other] for other in scorer.requires()})
            except Exception as error:  # a plugin may raise anything
                found.unchecked.append(Unchecked(instrument(name), f"it does not open ({type(error).__name__}: {error})"))
            else:
                found.checks.extend(check_scorer(opened[name]))
            tick(1)


def _check_weights(pack: str) -> Check:
    """Every byte of a pack hashed again."""
    started = time.perf_counter()
    try:
        located = verify(pack)
    except WeightsTampered as error:
        return _tampered(pack, error)
    return Check(
        instrument=f"weights of {pack}",
        what="sha256 of every file",
        expected="digests of the catalogue" if located.pinned else "digests of the first pull (unpinned)",
        found=f"the same, of {len(located.files)} files",
        passed=True,
        seconds=time.perf_counter() - started,
    )


def _tampered(name: str, error: WeightsTampered) -> Check:
    return Check(
        instrument=f"weights of {name}",
        what="sha256 of every file",
        expected="digests of the catalogue, or of the first pull",
        found=str(error),
        passed=False,
        seconds=0.0,
    )
