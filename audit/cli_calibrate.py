"""``imgaudit calibrate``: the error of a classifier on labelled images. Results to stdout, progress to stderr."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from audit.calibrate import CONFIDENCE, Calibrated, Goal, calibrated
from audit.calibration import Calibration, GroupError, write_calibration
from audit.catalog import build, names
from audit.classifier import Classifier, classifier, look
from audit.cli_conclude import say
from audit.component import Scorer
from audit.environment import chosen_device
from audit.errors import InputError
from audit.fitting import check_likeness, check_requirements, ordered
from audit.labelled_images import MOST_LEVELS, Asked, LabelledImages, read_labelled
from audit.spec import AuditSpec, LikenessBasis, Use, load_spec
from audit.terminal import Bars, table

__all__ = ["calibrate"]

USUAL = ("faces", "attributes", "second_attributes", "agreement")
"""Scorers without a spec, with their defaults."""
DEVICE = click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, or auto.")
JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")


PERSON = "Column that is equal for images of one person; an image whose cell is empty counts as a person of its own."
GROUP = f"Tell the error by this column of the CSV too; at most {MOST_LEVELS} levels in all."


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--table", "labels", type=click.Path(path_type=Path), help="CSV of labels; by default FOLDER/labels.csv.")
@click.option("--column", required=True, metavar="SCORER.COLUMN=TRUE", help="Classifier, and its true labels in the CSV.")
@click.option("--map", "pairs", multiple=True, metavar="TRUE=LABEL", help="What a true label is called; empty: skip it.")
@click.option("--group", "groups", multiple=True, metavar="COLUMN", help=GROUP)
@click.option("--person", default="", metavar="COLUMN", help=PERSON)
@click.option("--basis", default="", help="Why these people may be looked at: `generated`, or who agreed to what.")
@click.option("--images", default="", help="What the images are and who labelled them, for readers.")
@click.option("--spec", type=click.Path(path_type=Path), help="Use the scorers of this spec instead of the usual ones.")
@click.option("--set", "changes", multiple=True, metavar="A.B=C", help="Override a field of the spec.")
@click.option(
    "--target-error",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Choose the lowest threshold whose error has an upper limit of at most this.",
)
@click.option("--keep", is_flag=True, help="Choose no threshold; keep that of the scorer.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file to write, for `calibration` of representation.")
@DEVICE
@JSON
def calibrate(folder: Path, column: str, out: Path | None, device: str, as_json: bool, **options: Any) -> int:
    """Measure the error of a classifier on the labelled images of FOLDER, by group, and choose its ambiguous band.

    The CSV has a column `file` with paths inside FOLDER, a column of true labels, and columns of groups. Of an image with
    several faces the largest counts. Nothing of an image is stored but counts.
    """
    path, equals, true = column.partition("=")
    if not (path and equals and true):
        raise InputError(f"--column {column}: expected SCORER.COLUMN=TRUE, as in attributes.perceived_gender=gender")
    if out is not None and not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}; make it first")
    if options["changes"] and not options["spec"]:
        raise InputError("--set changes a field of a spec, and none is given; name it by --spec")
    spec = load_spec(options["spec"], options["changes"]) if options["spec"] else None
    asked = classifier(path, _scorers(path, spec))
    _check_people(asked, options["basis"].strip(), spec.likeness if spec else None)
    from_csv = options["labels"] or folder / "labels.csv"
    wanted = Asked(true, _mapping(options["pairs"]), options["groups"], options["person"])
    labelled = read_labelled(folder, from_csv, wanted, asked.column.levels)
    told = options["images"] or f"{len(labelled.images)} images of {folder.resolve().name}, labelled in {from_csv.name}"
    target = None if options["keep"] else options["target_error"]
    with Bars() as bars:
        looked = look(asked, labelled, chosen_device(device), bars.begin("look at images", len(labelled.images)))
    found = calibrated(asked, looked, labelled, Goal(true, told, options["basis"].strip(), target))
    if out is not None:
        write_calibration(out, found.calibration)
    if as_json:
        say(_as_data(found, labelled, out))
    else:
        _show(found, out)
    return 0


def _scorers(path: str, spec: AuditSpec | None) -> dict[str, Scorer]:
    """The spec's scorers, or the usual ones and the one that is named."""
    uses = spec.scorers if spec else [Use(use=name) for name in USUAL]
    name = path.rpartition(".")[0]
    if spec is None and name not in USUAL and name in names("scorers"):
        uses = [*uses, Use(use=name)]
    scorers = dict(ordered([(use.label, _built(use)) for use in uses]))
    check_requirements(scorers)
    return scorers


def _built(use: Use) -> Scorer:
    scorer = build("scorers", use)
    assert isinstance(scorer, Scorer)
    return scorer


def _check_people(asked: Classifier, basis: str, likeness: LikenessBasis | None) -> None:
    inferring = [name for name, scorer in asked.scorers.items() if scorer.infers_people]
    if inferring and not basis:
        raise InputError(
            f"{', '.join(inferring)} would infer attributes of people in these images; say by --basis who agreed to that, "
            "or `--basis generated` where nobody in them exists"
        )
    check_likeness(likeness, asked.scorers, datetime.now(UTC).date())
    for scorer in asked.scorers.values():
        scorer.check()


def _mapping(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        true, equals, label = pair.partition("=")
        if not equals or not true or found.setdefault(true, label) != label:
            raise InputError(f"--map {pair}: expected TRUE=LABEL, once for each true label")
    return found


# ------------------------------------------------------------------------------------------------------- showing


def _show(found: Calibrated, out: Path | None) -> None:
    made = found.calibration
    table(
        f"Error of {made.column} on {made.images}",
        ("group", "images", "no label", "read", "wrong", "error", f"{CONFIDENCE:.0%} interval"),
        [_group_row(group) for group in made.groups],
    )
    rows = [(true, why, str(n)) for true, reasons in made.abstained.items() for why, n in reasons.items()]
    if rows:
        table("Images without a label", ("true label", "why", "images"), rows)
    read = list(made.counts)
    grid = [(true, *(str(made.counts[true][label]) for label in read)) for true in read]
    table("What was read as what", ("true label", *(f"read as {label}" for label in read)), grid)
    _show_thresholds(found)
    for note in found.notes:
        click.echo(note)
    click.echo(f"written: {out}" if out else "nothing was written; --out FILE keeps the counts for `calibration`")


def _show_thresholds(found: Calibrated) -> None:
    if not found.along:
        click.echo("This scorer has no threshold of confidence; its labels are taken as they are.")
        return
    everything = max(1, found.along[0].read)
    rows = [
        (
            f"{at.threshold:g}",
            _mark(at.threshold, found),
            f"{at.read} ({at.read / everything:.0%})",
            *_error(at.wrong, at.read, at.interval),
            f"{at.limit:.1%}",
        )
        for at in found.along
    ]
    heads = ("threshold", "", "read", "error", f"{CONFIDENCE:.0%} interval", f"one-sided {CONFIDENCE:.0%} limit")
    table(f"Coverage and error along {found.parameter}", heads, rows)
    for line in _choice(found):
        click.echo(line)


def _choice(found: Calibrated) -> Iterator[str]:
    held = found.calibration.held_out
    if found.before is None or held is None:
        return
    least = min(at.limit for at in found.along)
    if found.chosen is None and least <= held.target:
        told = f"{_error(held.wrong, held.read, held.interval)[0]} of {held.read} read were wrong" if held.read else ""
        yield (
            f"A threshold meets the target on these images, but not on images that took no part in its choice "
            f"({'; '.join(filter(None, [told, f'for {held.unmet} of {held.parts} parts there was none']))}), so none is "
            f"chosen; {found.parameter} stays {found.before:g}. More images, or a higher --target-error, may help."
        )
        return
    if found.chosen is None:
        yield (
            f"No threshold has an error with an upper limit of {held.target:.3g} or less (the lowest in the table is "
            f"{least:.3f}); {found.parameter} stays {found.before:g}. More images, or a higher --target-error, may help."
        )
        return
    yield f"For the spec, among the params of {found.calibration.column.rpartition('.')[0]}:"
    yield f"  {found.parameter}: {found.chosen:g}"
    if held.read:
        error, interval = _error(held.wrong, held.read, held.interval)
        yield (
            f"Chosen and judged on the same images, an error looks too low. Judged on images that took no part in the "
            f"choice: {error} ({interval}) of {held.read} read, {held.left} left without a label ({held.parts} parts"
            + (f", in {held.unmet} of them no threshold met the target)." if held.unmet else ").")
        )


def _mark(threshold: float, found: Calibrated) -> str:
    marks = {"chosen": found.chosen, "now": found.before}
    return ", ".join(mark for mark, value in marks.items() if value == threshold)


def _group_row(group: GroupError) -> tuple[str, ...]:
    images = group.read + group.abstained
    name = f"{group.column}: {group.level}" if group.column else "all"
    gone = f"{group.abstained} ({group.abstained / images:.0%})"
    return (name, str(images), gone, str(group.read), str(group.wrong), *_error(group.wrong, group.read, group.interval))


def _error(wrong: int, read: int, interval: tuple[float, float] | None) -> tuple[str, str]:
    if not read:
        return "-", "-"
    return f"{wrong / read:.1%}", f"{interval[0]:.1%} to {interval[1]:.1%}" if interval else "-"


def _as_data(found: Calibrated, labelled: LabelledImages, out: Path | None) -> dict[str, Any]:
    made: Calibration = found.calibration
    return {
        "calibration": made.model_dump(mode="json"),
        "parameter": found.parameter,
        "before": found.before,
        "chosen": found.chosen,
        "along": [
            {
                "threshold": at.threshold,
                "read": at.read,
                "wrong": at.wrong,
                "interval": list(at.interval) if at.interval else None,
                "limit": at.limit,
            }
            for at in found.along
        ],
        "left_out": labelled.left_out,
        "notes": list(found.notes),
        "written": str(out) if out else None,
    }
