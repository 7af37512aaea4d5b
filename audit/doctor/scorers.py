"""Known-answer checks of scorers, made on the opened model and its device."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from audit.component import KnownAnswer, Row, ScoreBatch, Scorer, View
from audit.doctor.trial import told
from audit.errors import OutOfMemory
from audit.images import Pixels
from audit.records import Abstained, Check, Scored
from audit.testing import disc, view

__all__ = ["SAME", "OpenScorer", "check_scorer", "instrument", "said_of"]

SAME = 1e-3
"""Most that a number may differ between two looks at the same pixels, relative to the largest of its row above 1."""
LUCK = 1e-4
"""Chance with which a scorer that errs just as often as it promises would fail, were its images not fixed."""
SHOWN = 4
SIDE = 96


@dataclass(frozen=True, slots=True)
class OpenScorer:
    """A scorer that is open on its device, and those whose rows it needs."""

    name: str
    """In the spec."""
    scorer: Scorer
    call: ScoreBatch
    needs: Mapping[str, "OpenScorer"]

    def score(self, views: Sequence[View]) -> Sequence[Sequence[Row]]:
        """Rows of views that hold no rows yet: what it requires is scored first.

        Where the device has no room for all of them, as beside a generator, each is scored alone.
        """
        given = {name: other.score(views) for name, other in self.needs.items()}
        fed = [replace(one, given={name: rows[i] for name, rows in given.items()}) for i, one in enumerate(views)]
        try:
            return self.call(fed)
        except OutOfMemory:
            return [self.call([one])[0] for one in fed]


def instrument(name: str) -> str:
    """What checks call a scorer.

    >>> instrument("clip")
    'scorer clip'
    """
    return f"scorer {name}"


def check_scorer(opened: OpenScorer) -> tuple[Check, ...]:
    """Hold a scorer against its own known answers, and see that it says the same of an image twice.

    A scorer that raises an error, whatever it is, has failed.
    """
    try:
        answers = tuple(opened.scorer.known_answers())
    except Exception as error:  # a plugin may raise anything
        return (_failed(opened, "its known answers", "answers", error),)
    checks = [_repeats(opened, answers)]
    for answer in answers:
        checks.extend(_answered(opened, answer))
    return tuple(checks)


def said_of(scorer: Scorer, error: Exception) -> str:
    """An error in words; its kind alone where nothing the scorer says is to be written, as its words may hold a vector."""
    kind = type(error).__name__
    return kind if scorer.in_memory else f"{kind}: {error}"


def _failed(opened: OpenScorer, what: str, expected: str, error: Exception) -> Check:
    found = said_of(opened.scorer, error)
    return Check(instrument=instrument(opened.name), what=what, expected=expected, found=found, passed=False, seconds=0.0)


# --------------------------------------------------------------------------------------------- the same twice


def _repeats(opened: OpenScorer, answers: Sequence[KnownAnswer]) -> Check:
    """Three pictures in a batch, then the first and the last of them alone."""
    what, expected = "the same pixels alone and in a batch", f"equal labels, numbers within {SAME:g}"
    noise: Pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    own = [image for answer in answers for image in answer.images[-1:]][-1:]
    views = [view(image, prompt="a coloured disc") for image in [disc(1, SIDE), noise, *(own or [disc(2, SIDE)])]]
    started = time.perf_counter()
    try:
        together = opened.score(views)
        off = max(_apart(opened.score([views[i]])[0], together[i]) for i in (0, -1))
    except Exception as error:  # a plugin may raise anything
        return _failed(opened, what, expected, error)
    return Check(
        instrument=instrument(opened.name),
        what=what,
        expected=expected,
        found=f"off by at most {off:.2g}" if np.isfinite(off) else "another label, region or reason",
        passed=off <= SAME,
        seconds=time.perf_counter() - started,
    )


def _apart(rows: Sequence[Row], others: Sequence[Row]) -> float:
    """Largest relative difference of two readings of one image; infinite where they differ in kind."""
    if [row.region for row in rows] != [row.region for row in others]:
        return float("inf")
    pairs = [
        (row.values.get(name), other.values.get(name))
        for row, other in zip(rows, others, strict=True)
        for name in {*row.values, *other.values}
    ]
    return max((_off(_plain(one), _plain(other)) for one, other in pairs), default=0.0)


def _off(one: Any, other: Any) -> float:
    if any(value is None or isinstance(value, str | Abstained) for value in (one, other)):
        return 0.0 if type(one) is type(other) and one == other else float("inf")
    first, second = (np.asarray(value, dtype=np.float64) for value in (one, other))
    if first.shape != second.shape or not (np.isfinite(first).all() and np.isfinite(second).all()):
        return float("inf")
    return float(np.abs(first - second).max() / max(1.0, np.abs(first).max()))


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Scored) else value


# ---------------------------------------------------------------------------------------------- known answers


def _answered(opened: OpenScorer, answer: KnownAnswer) -> list[Check]:
    """A check for each column of the answer."""
    started = time.perf_counter()
    prompts = answer.prompts or ("",) * len(answer.images)
    try:
        views = [view(image, prompt=prompt) for image, prompt in zip(answer.images, prompts, strict=True)]
        if answer.files:
            views = [replace(one, file=partial(bytes, file)) for one, file in zip(views, answer.files, strict=True)]
        rows = opened.score(views)
        whole = [next(row for row in of_image if row.region < 0) for of_image in rows]
        seconds = (time.perf_counter() - started) / max(1, len(answer.expected))
        return [
            _column(opened.name, answer, name, [_plain(row.values.get(name)) for row in whole], seconds)
            for name in answer.expected
        ]
    except Exception as error:  # a plugin may raise anything
        return [_failed(opened, answer.what, "an answer", error)]


def _column(name: str, answer: KnownAnswer, column: str, found: Sequence[Any], seconds: float) -> Check:
    expected = answer.expected[column]
    judged = [_judge(want, got, answer.tolerance) for want, got in zip(expected, found, strict=True)]
    wrong, unread = judged.count("wrong"), judged.count("unread")
    most = [_allowed(len(judged), share) for share in (answer.wrong, answer.unread)]
    few = len(judged) <= SHOWN
    return Check(
        instrument=instrument(name),
        what=f"{column}: {answer.what}",
        expected=_shown(expected) if few else f"{len(judged)} images, at most {most[0]} wrong and {most[1]} unread",
        found=_shown(found) if few else f"{wrong} wrong, {unread} unread",
        passed=wrong <= most[0] and unread <= most[1],
        seconds=seconds,
    )


def _judge(want: float | str | Abstained, got: Any, tolerance: float) -> str:
    if isinstance(want, Abstained):
        return "right" if isinstance(got, Abstained) else "wrong"
    if isinstance(got, Abstained):
        return "unread"
    if isinstance(want, str) or isinstance(got, str) or got is None:
        return "right" if want == got else "wrong"
    return "right" if abs(float(got) - want) <= tolerance else "wrong"


def _allowed(images: int, share: float) -> int:
    """Images that may be amiss: as many as chance allows a scorer that keeps its promise."""
    return int(stats.binom.ppf(1 - LUCK, images, share)) if share > 0 else 0


def _shown(values: Sequence[Any]) -> str:
    return ", ".join(_text(value) for value in values)


def _text(value: Any) -> str:
    if isinstance(value, Abstained):
        return "no value"
    return "nothing" if value is None else value if isinstance(value, str) else told([float(value)])
