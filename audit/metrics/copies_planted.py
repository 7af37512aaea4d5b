"""How many of planted copies each level finds, by what they went through."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audit.component import Measured
from audit.metrics.averages import Quantity, average, panelled
from audit.metrics.copies_levels import Levels, exact_copies, told_of
from audit.metrics.copies_search import Compared
from audit.metrics.copies_sets import Images
from audit.metrics.sample import Floats, Mask, Scores, protocol
from audit.panels import Heatmap
from audit.table import Strings

__all__ = ["TRANSFORM", "recalls"]

TRANSFORM = "transform"
"""The axis that names what a planted copy went through."""


@dataclass(frozen=True, slots=True)
class _Finder:
    """One way to find a copy, and which planted copies it found."""

    match: str
    told: str
    found: Floats
    """(n,) 1 where it did; 0 where it did not, or could not look."""
    looked: Mask
    why: Strings


def recalls(levels: Levels, own: Images, compared: Compared, planted: Images) -> Iterator[Measured]:
    """``recall`` of each level, of all planted copies and by transform, at the levels that this generator is held to."""
    measured = []
    for finder in _finders(levels, compared, planted):
        measured += list(_of_finder(levels, own, finder, planted))
    grid = _grid([one for one in measured if one.finding.estimate is not None])
    yield from (panelled(one, grid if number == 0 else None) for number, one in enumerate(measured))


def _of_finder(levels: Levels, own: Images, finder: _Finder, planted: Images) -> Iterator[Measured]:
    search = levels.search
    recipe = f"{finder.told}; false-match rate {search.settings.rate:g}; {search.recipe}"
    quantity = Quantity(
        name=f"{levels.metric}.recall",
        title=f"Share of planted copies found: {finder.told}",
        protocol=protocol(recipe, levels.columns.all, levels.context),
        confidence=levels.context.confidence,
        unit="share",
        better="higher",
        source=levels.source,
        note="Of copies that were planted on purpose; copies of other kinds may be found more or less often",
    )
    scores = Scores(finder.found, finder.looked, np.where(finder.looked, "", finder.why).astype(object))
    axes = [TRANSFORM] if TRANSFORM in planted.sample.table.axes else []
    for cell in planted.sample.cells(axes):
        one = average(quantity, planted.sample, scores, cell)
        where = {**one.finding.where, "match": finder.match}
        yield told_of(one, generator=own.sample.generator, baseline=planted.sample.generator, where=where, evidence=())


def _finders(levels: Levels, compared: Compared, planted: Images) -> Iterator[_Finder]:
    search = levels.search
    if levels.columns.fingerprints:
        distance, _ = search.hashes(planted)
        exact = _spread(exact_copies(planted, search), planted.printed)
        yield _Finder("digest", "equal file or pixels", exact, planted.printed, planted.unprinted)
        alike = _spread(distance <= compared.most_bits, planted.printed)
        yield _Finder("hash", "perceptual hash matches", alike, planted.printed, planted.unprinted)
    if compared.level is None:
        return
    near = search.near(planted)
    sides = search.sides(planted, near)
    match = near.similarity[:, 0] > compared.level if near.similarity.size else np.zeros(0)
    yield _Finder("features", "features match", _spread(match, planted.seen), planted.seen, planted.unseen)
    closer = np.zeros(0) if sides is None else sides.closer
    told = "nearer to training than to held-out"
    yield _Finder("closer", told, _spread(closer, planted.seen), planted.seen, planted.unseen)


def _spread(values: Floats | Mask, present: Mask) -> Floats:
    full = np.zeros(len(present))
    full[present] = values
    return full


def _grid(measured: list[Measured]) -> Heatmap | None:
    if not measured:
        return None
    findings = [one.finding for one in measured]
    rows = list(dict.fromkeys(finding.where.get(TRANSFORM, "all") for finding in findings))
    columns = list(dict.fromkeys(finding.where["match"] for finding in findings))
    known = {(f.where.get(TRANSFORM, "all"), f.where["match"]): f.estimate for f in findings}
    values = tuple(tuple(known.get((row, column)) for column in columns) for row in rows)
    summary = "Rows: what the copies went through; columns: how they are looked for. 1: all are found."
    return Heatmap(
        title="Share of planted copies found",
        summary=summary,
        rows=tuple(rows),
        columns=tuple(columns),
        values=values,
        unit="share",
    )
