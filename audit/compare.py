"""What moved between two runs, and what changed in how they were made."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from audit.gate import difference_of, protocols_differ
from audit.records import Finding, Interval, Record, RunManifest
from audit.results import Results
from audit.stats.paired import Parts

__all__ = ["Change", "Comparison", "Move", "compare"]


class Move(Record):
    """How one finding differs between two runs."""

    finding: str
    title: str
    before: float | None
    after: float | None
    difference: float | None = None
    interval: Interval | None = None
    direction: Literal["better", "worse", "changed", "no change shown", "not comparable"]
    method: str = ""
    reason: str = ""
    """Why it cannot be compared."""


class Change(Record):
    """One setting that differs."""

    what: str
    before: str
    after: str


class Comparison(Record):
    """Two runs side by side."""

    moves: tuple[Move, ...]
    changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]


def compare(before: Results, after: Results) -> Comparison:
    """Compare run ``after`` with run ``before``: differences are after minus before, paired where seeds are shared."""
    old = {finding.key: finding for finding in before.findings}
    new = {finding.key: finding for finding in after.findings}
    return Comparison(
        moves=tuple(_move(old[key], new[key], before.parts(key), after.parts(key)) for key in new if key in old),
        changes=tuple(_changes(before.manifest, after.manifest)),
        only_before=tuple(key for key in old if key not in new),
        only_after=tuple(key for key in new if key not in old),
    )


def _move(old: Finding, new: Finding, parts_before: Parts, parts_after: Parts) -> Move:
    base = Move(finding=new.key, title=new.title, before=old.estimate, after=new.estimate, direction="not comparable")
    if differ := protocols_differ(new, old):
        return base.model_copy(update={"reason": "; ".join(differ)})
    moved = None if old.estimate is None or new.estimate is None else difference_of(new, old, parts_after, parts_before)
    if moved is None:
        return base.model_copy(update={"reason": "one of them has no estimate, or none by cluster"})
    found = {"difference": moved.estimate, "method": moved.method}
    if moved.low is None or moved.high is None:
        return base.model_copy(update={**found, "reason": "one cluster on a side, so no interval"})
    interval = Interval(low=moved.low, high=moved.high)
    direction = _direction(moved.low, moved.high, new.better)
    return base.model_copy(update={**found, "interval": interval, "direction": direction})


def _direction(low: float, high: float, better: str) -> str:
    if low <= 0 <= high:
        return "no change shown"
    if better == "none":
        return "changed"
    return "better" if (low > 0) == (better == "higher") else "worse"


def _changes(old: RunManifest, new: RunManifest) -> Iterator[Change]:
    """Weights, settings, libraries, device and spec fields that differ."""
    for what, before, after in (
        ("weights", old.packs, new.packs),
        ("settings", old.settings, new.settings),
        ("numerics", old.numerics, new.numerics),
        ("suites", old.suites, new.suites),
        ("versions", old.versions, new.versions),
        ("spec", old.spec, new.spec),
        ("run", {"device": old.device, "revision": old.revision}, {"device": new.device, "revision": new.revision}),
    ):
        flat_before, flat_after = dict(_flat(before, what)), dict(_flat(after, what))
        for path in dict.fromkeys([*flat_before, *flat_after]):
            if flat_before.get(path) != flat_after.get(path):
                yield Change(what=path, before=flat_before.get(path, "absent"), after=flat_after.get(path, "absent"))


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Leaves of nested data by dotted path; list entries go by their name where they have one."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            name = (item.get("name") or item.get("use")) if isinstance(item, Mapping) else None
            yield from _flat(item, f"{path}.{name or number}")
    else:
        yield path, str(value)
