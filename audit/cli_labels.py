"""``imgaudit labels``: hand a random sample of a run's images to people, and take their labels back."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse

import click

from audit.cli_conclude import conclude, planned_again, say, stored_spec, write_reports
from audit.environment import chosen_device
from audit.errors import AuditError, InputError
from audit.human_labels import CANNOT_TELL
from audit.label_sample import Wish, draw_sample
from audit.label_sheet import UNCLEAR, hand_out
from audit.label_votes import Counted, count, read_ballots, sample_of
from audit.labels import LabelSample, read_samples, write_sample, write_votes
from audit.results import read_manifest, read_verdicts
from audit.run import score_again
from audit.stats.intervals import Estimate
from audit.store import RunStore
from audit.terminal import Bars, table

__all__ = ["labels"]

JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")
DEVICE = click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, or auto.")
NOT_READ = "(no label)"
RATED = "{} of {} items rated"


@click.group()
def labels() -> None:
    """Labels by people of some images of a run, to correct what its classifiers get wrong."""


# ---------------------------------------------------------------------------------------------------- export


@labels.command()
@click.argument("run", metavar="RUN")
@click.option("--n", default=200, show_default=True, type=click.IntRange(min=1), help="Draws to rate, over all generators.")
@click.option("--column", default="", metavar="SCORER.COLUMN", help="Labels to rate; by default those that metrics read.")
@click.option("--generator", "generators", multiple=True, metavar="NAME", help="Only this generator; may be repeated.")
@click.option("--seed", type=click.IntRange(min=0, max=2**53 - 1), help="Of the choice; by default the seed of the spec.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; by default labels-RUN-COLUMN beside RUN.")
@JSON
def export(run: str, out: Path | None, as_json: bool, **options: Any) -> int:
    """Draw a random sample of the images of RUN for blind rating: a folder with images, a page and a table.

    Draws are chosen at random within generator and predicted label, a few of each rare one. Open sheet.html in a browser,
    or fill in labels.csv; one copy of the folder for each rater. Which image is what stays in RUN. More --n extends a
    sample: what was rated keeps its place.
    """
    store = RunStore.existing(run)
    sample = draw_sample(store, Wish(**options))
    folder = out or _beside(run, sample.column)
    _see_that_it_is_outside(folder, run)
    earlier = read_samples(store, sample.column)
    write_sample(store, sample)
    with Bars() as bars:
        hand_out(store, sample, folder, bars.begin("copy images", len(sample.items)))
    notes = [_against(sample, earlier), *_bases(store, {stratum.generator for stratum in sample.strata})]
    if as_json:
        strata = [stratum.model_dump(mode="json") for stratum in sample.strata]
        told = {"column": sample.column, "items": len(sample.items), "seed": sample.seed, "sample": sample.digest}
        say({"folder": str(folder), **told, "strata": strata, "notes": notes})
        return 0
    rows = [(s.generator, s.predicted or NOT_READ, str(s.size), str(s.chosen)) for s in sample.strata]
    table(f"{sample.title}: {len(sample.items)} draws to rate", ("generator", "classifier read", "draws", "to rate"), rows)
    for line in notes:
        click.echo(line)
    click.echo(f"rate: {folder}/sheet.html (or fill in {folder}/labels.csv)")
    click.echo(f"then: imgaudit labels import {run} FILE [FILE ...]   (one file for each rater)")
    return 0


def _beside(run: str, column: str) -> Path:
    name = f"labels-{Path(urlparse(run).path).resolve().name}-{quote(column, safe='')}"
    return Path(name) if "://" in run else Path(run).resolve().parent / name


def _see_that_it_is_outside(folder: Path, run: str) -> None:
    """Raters get the folder whole, and the run says which image is what."""
    if "://" not in run and folder.resolve().is_relative_to(Path(run).resolve()):
        raise InputError(f"{folder}: inside the run, which raters must not see; choose a folder elsewhere by --out")


def _against(sample: LabelSample, earlier: Sequence[LabelSample]) -> str:
    """How it stands to the samples of the column that were exported before."""
    items = {item.id for item in sample.items}
    if any(other.digest == sample.digest for other in earlier):
        return "This is the same sample as before."
    held = [len(other.items) for other in earlier if {item.id for item in other.items} <= items]
    if held:
        return (
            f"It extends the earlier sample of {max(held)} draws: files that were rated for that one can be imported too."
        )
    if earlier:
        return (
            "It is another sample than the ones before (the run or the arguments have changed): files that were rated for "
            "those can still be imported, but not together with files of this one."
        )
    return "It is the first sample of this column."


def _bases(store: RunStore, generators: set[str]) -> Iterator[str]:
    settings = read_manifest(store).settings
    for name in sorted(generators):
        basis = settings.get(name, {}).get("subject_basis", "generated")
        if basis and basis != "generated":
            yield f"{name}: photographs, looked at on this basis: {basis}. Delete the folder when it was rated."


# ---------------------------------------------------------------------------------------------------- import


@labels.command(name="import")
@click.argument("run", metavar="RUN")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@DEVICE
@JSON
def import_labels(run: str, files: tuple[Path, ...], device: str, as_json: bool) -> int:
    """Take raters' files back, report how far they agree, and measure and judge RUN again with their labels.

    Each FILE is a CSV with the columns `item` and `label` and counts as one rater, unless it has a column `rater`. The
    majority of an item counts, and a tie is "cannot tell". What was imported for the column before is replaced, so give
    the files of all raters. No name of a rater is stored.
    """
    store = RunStore.existing(run)
    ballots = read_ballots(files)
    sample = sample_of(store, ballots)
    counted = count(sample, ballots, confidence=stored_spec(store).confidence)
    write_votes(store, counted.votes)
    if not as_json:
        _show(counted)
    try:
        plan = planned_again(store, stored_spec(store), chosen_device(device))
        with Bars() as bars:
            score_again(store, plan, progress=bars)
        reports = write_reports(store, ("html",))
    except AuditError as error:
        raise type(error)(
            f"{error}\nThe labels are stored, but the run could not be measured again here; "
            f"`imgaudit score {run}` does that where its plugins and weights are"
        ) from error
    return conclude(store, read_verdicts(store), reports, {"labels": _as_data(counted)} if as_json else None)


def _show(counted: Counted) -> None:
    sample, raters = counted.sample, counted.votes.raters
    known = [*sample.levels, CANNOT_TELL]
    of_classifier = _sums(counted.confusion.values())
    rows = [
        [label or UNCLEAR, *(str(c.get(label, 0)) for c in (*counted.by_rater, counted.by_people, of_classifier))]
        for label in known
    ]
    names = [f"rater {number + 1}" for number in range(raters)]
    title = f"{sample.title}: {RATED.format(len(counted.votes.draws), len(sample.items))} by {_people(raters)}"
    table(title, ("label", *names, "majority", "classifier"), rows)
    read = [label for label in known if of_classifier.get(label)]
    seen = [label for label in known if label in counted.confusion]
    grid = [[label or UNCLEAR, *(str(counted.confusion[label].get(other, 0)) for other in read)] for label in seen]
    note = "Items, of which rare labels were drawn more often: these are not shares of the draws"
    table(note, ("people saw", *(f"read as {label or NOT_READ}" for label in read)), grid)
    for line in _told(counted):
        click.echo(line)


def _told(counted: Counted) -> Iterator[str]:
    if counted.votes.raters == 1:
        yield "One rater: nothing can be said of agreement. A second rater's file shows how clear the labels are."
    elif counted.equal is None:
        yield "No item has two ratings, so nothing can be said of agreement."
    else:
        alpha = "cannot be told from chance, as all gave one and the same label"
        if counted.agreement:
            alpha = (
                f"{counted.agreement.value:.2f}{_interval(counted.agreement, '.2f')}, 0 is chance and 1 is full agreement"
            )
        yield f"Krippendorff's alpha: {alpha}"
        yield f"equal pairs of ratings: {counted.equal.value:.0%}{_interval(counted.equal, '.0%')}"
    if counted.unrated:
        yield f"{counted.unrated} items were rated by nobody; they count as not chosen"
    for stratum in counted.left_out:
        yield f"nothing was rated of {stratum}: the labels say nothing of these"
    yield "Earlier labels of this column, if there were any, are replaced."


def _interval(found: Estimate, form: str) -> str:
    if found.interval is None:
        return " (no interval: no item shows a disagreement)"
    low, high = found.interval
    return f" ({low:{form}} to {high:{form}}, {found.clusters} items)"


def _people(raters: int) -> str:
    return "1 rater" if raters == 1 else f"{raters} raters"


def _sums(rows: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for row in rows:
        for label, items in row.items():
            total[label] = total.get(label, 0) + items
    return total


def _as_data(counted: Counted) -> dict[str, Any]:
    """For ``--json``; "cannot tell" and "no label" are spelt out."""
    return {
        "column": counted.sample.column,
        "sample": counted.sample.digest,
        "raters": counted.votes.raters,
        "items": len(counted.sample.items),
        "rated": len(counted.votes.draws),
        "unrated": counted.unrated,
        "alpha": _estimate(counted.agreement),
        "equal_pairs": _estimate(counted.equal),
        "by_rater": [_spelt(of_rater, UNCLEAR) for of_rater in counted.by_rater],
        "majority": _spelt(counted.by_people, UNCLEAR),
        "confusion": {label or UNCLEAR: _spelt(row, NOT_READ) for label, row in counted.confusion.items()},
        "left_out": list(counted.left_out),
    }


def _spelt(counts: Mapping[str, int], empty: str) -> dict[str, int]:
    return {label or empty: items for label, items in counts.items()}


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    interval = list(found.interval) if found.interval else None
    return {"estimate": found.value, "interval": interval, "items": found.clusters, "method": found.method}
