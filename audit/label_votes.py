"""Files of raters, checked and counted: who said what of which draw, and how far raters agree."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audit.digest import derive_seed
from audit.errors import InputError
from audit.human_labels import CANNOT_TELL
from audit.label_sheet import UNCLEAR, formula_safe
from audit.labels import Agreement, LabelSample, LabelVotes, RatedDraw, majority, read_samples
from audit.records import Interval
from audit.spec import nearest
from audit.stats.agreement import krippendorff_alpha, percent_agreement
from audit.stats.intervals import Estimate
from audit.store import RunStore

__all__ = ["Answer", "Ballots", "Counted", "count", "read_ballots", "sample_of"]

MAX_BYTES = 20_000_000
MAX_ROWS = 200_000
MAX_RATERS = 100
MOST_LEFT_OUT = 0.05
"""Share of a generator's draws, in strata of which nothing was rated, above which its labels say too little."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rater wrote of an item."""

    text: str
    at: str
    """Where it stands, for errors: ``rated.csv: line 7``."""


@dataclass(frozen=True, slots=True)
class Ballots:
    """What raters wrote, not yet held against a sample."""

    answers: tuple[Mapping[str, Answer], ...]
    """By rater: item -> answer; items without one are left out."""
    places: Mapping[str, str]
    """Item -> where it stands first, whether it was rated or not."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Votes as they are stored, and what a reader is told of them."""

    votes: LabelVotes
    sample: LabelSample
    agreement: Estimate | None
    """Krippendorff's alpha; None for one rater, or where all ratings are equal."""
    equal: Estimate | None
    """Share of pairs of ratings of one item that are equal; None where no item has two."""
    by_rater: tuple[Mapping[str, int], ...]
    """Label (``CANNOT_TELL`` too) -> items."""
    by_people: Mapping[str, int]
    """The same of the majority."""
    confusion: Mapping[str, Mapping[str, int]]
    """What people saw -> what the classifier read (empty: it abstained) -> items."""
    unrated: int
    """Items of the sample that nobody rated."""
    left_out: tuple[str, ...]
    """Strata of which nothing was rated, in words."""


# ---------------------------------------------------------------------------------------------- reading files


def read_ballots(paths: Sequence[Path]) -> Ballots:
    """Read raters' files: CSV with columns ``item`` and ``label``, and ``rater`` where a file is not one rater's.

    Raises:
        InputError: a file is absent, too large, not CSV in UTF-8, lacks a column, or rates an item twice; names the line.
    """
    _see_that_each_comes_once(paths)
    raters: dict[str, dict[str, Answer]] = {}
    places: dict[str, str] = {}
    for path in paths:
        for line, rater, item, text in _rows(path):
            answer = Answer(text, f"{path}: line {line}")
            of_rater = raters.setdefault(rater or str(path.resolve()), {})
            if item in of_rater:
                first = of_rater[item].at
                raise InputError(f"{answer.at}: the item {_shown(item)} stands in {first} already; keep one row of a rater")
            places.setdefault(item, answer.at)
            of_rater[item] = answer
    rated = [{item: answer for item, answer in of_rater.items() if answer.text} for of_rater in raters.values()]
    rated = [of_rater for of_rater in rated if of_rater]
    if not rated:
        raise InputError(f"{', '.join(map(str, paths))}: no item has a label yet; rate some and import again")
    if len(rated) > MAX_RATERS:
        raise InputError(f"{len(rated)} raters; at most {MAX_RATERS} are read. Is the column `rater` what it should be?")
    return Ballots(tuple(rated), places)


def _see_that_each_comes_once(paths: Sequence[Path]) -> None:
    for place, path in enumerate(paths):
        if path.resolve() in [other.resolve() for other in paths[:place]]:
            raise InputError(f"{path}: given twice; each file counts as one rater")


def _rows(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Line, rater, item and label of each row."""
    text = _text(path)
    lines = text.splitlines()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(lines[0] if lines else ""), strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        for needed in ("item", "label"):
            if names.count(needed) != 1:
                raise InputError(f"{path}: line 1: expected one column `{needed}`; found {_shown(', '.join(names))}")
        for number, cells in enumerate(reader, start=1):
            if number > MAX_ROWS:
                raise InputError(f"{path}: more than {MAX_ROWS} rows; not a file of labels")
            row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
            if row.get("item"):
                yield reader.line_num, row.get("rater", ""), row["item"], row.get("label", "")
            elif any(row.values()):
                raise InputError(f"{path}: line {reader.line_num}: a row without an item; leave the first column as it was")
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not valid CSV ({error})") from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES} bytes; not a file of labels")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; relative paths count from {Path.cwd()}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a CSV file") from error
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8; save it as `CSV UTF-8`") from None


def _delimiter(header: str) -> str:
    """A comma, or what spreadsheets put in its place where the comma is the decimal sign."""
    return next((sign for sign in (",", ";", "\t") if sign in header), ",")


def _shown(text: str) -> str:
    """A cell of a stranger's file in an error."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


# -------------------------------------------------------------------------------------- against the sample


def sample_of(store: RunStore, ballots: Ballots) -> LabelSample:
    """The smallest exported sample of the run that has all the items.

    Raises:
        InputError: none has.
    """
    samples = read_samples(store)
    if not samples:
        raise InputError(f"{store.path}: nothing was exported for rating; `imgaudit labels export {store.path}` does that")
    unknown = [ballots.places.keys() - {item.id for item in sample.items} for sample in samples]
    best, strange = min(zip(samples, unknown, strict=True), key=lambda pair: len(pair[1]))
    if strange:
        first = next(item for item in ballots.places if item in strange)
        among = f"{len(strange)} of {len(ballots.places)} items are not of one sample exported from {store.path}"
        hint = nearest(first, [item.id for item in best.items[:2000]]) if len(strange) == 1 else ""
        raise InputError(
            f"{ballots.places[first]}: unknown item {_shown(first)}; {among}. "
            + (hint if hint.startswith("did") else "Import files of this run's last export together, and of one column")
        )
    return best


def count(sample: LabelSample, ballots: Ballots, *, confidence: float) -> Counted:
    """Hold what raters wrote against a sample.

    An item that nobody rated counts as not chosen: items are shown in random order, so those left open are left to chance,
    and the probabilities of inclusion are those of the rated ones. ``CANNOT_TELL`` is an answer like the others.

    Raises:
        InputError: a label that is none, or so little rated that whole strata are without a label.
    """
    votes = [_checked(sample, of_rater) for of_rater in ballots.answers]
    of_item = {item.id: tuple(of_rater.get(item.id) for of_rater in votes) for item in sample.items}
    rated = [item for item in sample.items if any(vote is not None for vote in of_item[item.id])]
    chosen = Counter(item.stratum for item in rated)
    left_out = _left_out(sample, chosen)
    draws = tuple(
        RatedDraw(
            generator=item.generator,
            probe=item.probe,
            index=item.index,
            image=item.image,
            inclusion=chosen[item.stratum] / sample.strata[item.stratum].size,
            votes=of_item[item.id],
        )
        for item in rated
    )
    alpha, equal = _agreement(sample, [draw.votes for draw in draws], confidence)
    seen = [majority(draw.votes) for draw in draws]
    confusion: dict[str, Counter[str]] = {}
    for item, label in zip(rated, seen, strict=True):
        confusion.setdefault(label, Counter())[sample.strata[item.stratum].predicted] += 1
    return Counted(
        votes=LabelVotes(
            column=sample.column,
            levels=sample.levels,
            sample=sample.digest,
            raters=len(votes),
            agreement=_stored(alpha),
            draws=draws,
        ),
        sample=sample,
        agreement=alpha,
        equal=equal,
        by_rater=tuple(Counter(of_rater.values()) for of_rater in votes),
        by_people=Counter(seen),
        confusion=confusion,
        unrated=len(sample.items) - len(rated),
        left_out=left_out,
    )


def _checked(sample: LabelSample, of_rater: Mapping[str, Answer]) -> dict[str, str]:
    """Item -> label of one rater, each of them one that may be given."""
    meaning = {formula_safe(level): level for level in sample.levels} | {level: level for level in sample.levels}
    meaning |= {UNCLEAR: CANNOT_TELL}
    folded = {text.casefold(): label for text, label in meaning.items()}
    found = {}
    for item, answer in of_rater.items():
        label = meaning.get(answer.text, folded.get(answer.text.casefold()))
        if label is None:
            known = [*sample.levels, UNCLEAR]
            hint = nearest(answer.text, known)
            raise InputError(f"{answer.at}: unknown label {_shown(answer.text)} of {item}; {hint}")
        found[item] = label
    return found


def _left_out(sample: LabelSample, rated: Mapping[int, int]) -> tuple[str, ...]:
    """Strata that the classifier gave a label and of which nothing was rated, in words."""
    draws: Counter[str] = Counter()
    without: dict[str, list[tuple[str, int]]] = {}
    for place, stratum in enumerate(sample.strata):
        if not stratum.predicted:
            continue
        draws[stratum.generator] += stratum.size
        if not rated.get(place):
            without.setdefault(stratum.generator, []).append((stratum.predicted, stratum.size))
    for generator, lacking in without.items():
        size = sum(size for _, size in lacking)
        if size > MOST_LEFT_OUT * draws[generator]:
            labels = ", ".join(label for label, _ in lacking)
            raise InputError(
                f"too little was rated: nothing of the draws by {generator} that the classifier read as {labels}, "
                f"{size} of {draws[generator]}; rate more items and import again"
            )
    return tuple(f"{generator}: {label} ({size} draws)" for generator, some in without.items() for label, size in some)


def _agreement(
    sample: LabelSample, votes: Sequence[tuple[str | None, ...]], confidence: float
) -> tuple[Estimate | None, Estimate | None]:
    """Krippendorff's alpha and the share of equal pairs; ``CANNOT_TELL`` is a label like the others here."""
    code = {label: float(place) for place, label in enumerate([*sample.levels, CANNOT_TELL])}
    given = np.array([[vote is not None for vote in of_item] for of_item in votes]).T
    if not (given.sum(axis=0) > 1).any():
        return None, None
    ratings = np.array([[code[vote] if vote is not None else -1.0 for vote in of_item] for of_item in votes]).T
    rng = np.random.default_rng(derive_seed(sample.seed, "agreement", sample.digest))
    alpha = krippendorff_alpha(ratings, rng, given=given, confidence=confidence)
    return alpha, percent_agreement(ratings, given=given, confidence=confidence)


def _stored(alpha: Estimate | None) -> Agreement | None:
    if alpha is None:
        return None
    interval = Interval(low=alpha.interval[0], high=alpha.interval[1]) if alpha.interval else None
    return Agreement(alpha=alpha.value, interval=interval, items=alpha.clusters)
