"""``imgaudit doctor``: are the instruments right? Results to stdout, progress to stderr."""

import json
import os
from pathlib import Path
from typing import Any

import click

from audit.checkup import Examined, Unchecked, examine, examine_plan
from audit.doctor import instrument
from audit.environment import chosen_device
from audit.gate import EXIT_CODES
from audit.plan import Plan, make_plan
from audit.records import RunManifest, jsonable
from audit.results import read_manifest
from audit.run import note_checks
from audit.spec import load_spec, parse_spec
from audit.store import RunStore
from audit.terminal import Bars, table

__all__ = ["doctor"]

JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")
DEVICE = click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, or auto.")


@click.command()
@click.argument("target", required=False, metavar="[SPEC|RUN]")
@DEVICE
@JSON
def doctor(target: str | None, device: str, as_json: bool) -> int:
    """Hold the instruments against answers that are known; exit code 4 where one gives another.

    Estimators: published numbers, closed forms, planted truth. Scorers, those of SPEC or RUN or else the usual ones:
    made-up images, the same answer twice, digests of their weights. And a small audit of a generator whose shares are
    known. What is found of a RUN is noted in it, and it is judged again.
    """
    _sleep_between_steps()
    chosen = chosen_device(device)
    if target is None:
        with Bars() as bars:
            found = examine(bars.begin, chosen)
    elif _is_spec(target):
        with Bars() as bars:
            found = examine_plan(make_plan(load_spec(Path(target), ()), chosen), bars.begin)
    else:
        found = _of_run(RunStore.existing(target), chosen)
    return _told(found, as_json=as_json)


def _sleep_between_steps() -> None:
    """Threads of OpenMP that have nothing to do sleep, where the user has not said otherwise.

    By default they spin: beside other work on the same cores that doubles the time of the many small steps made here.
    It is read when a library with OpenMP is loaded, so it is said before any scorer is.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _is_spec(target: str) -> bool:
    return "://" not in target and not Path(target).is_dir()


def _of_run(store: RunStore, device: str) -> Examined:
    manifest = read_manifest(store)
    plan = make_plan(parse_spec(manifest.spec, source=f"{store.path}/manifest.json"), device)
    with Bars() as bars:
        found = examine_plan(plan, bars.begin)
    others = _others(plan, manifest)
    found.unchecked.extend(Unchecked(name, reason) for name, reason in others.items())
    if manifest.finished:
        note_checks(store, [check for check in found.checks if check.instrument not in others])
    return found


def _others(plan: Plan, manifest: RunManifest) -> dict[str, str]:
    """Scorers that are not here what they were in the run, as they were checked here all the same."""
    told = "as it was in the run: there it had other libraries, weights or another device, so this is not noted in the run"
    keys = {scorer.name: (scorer.key, manifest.keys.get(f"scorer.{scorer.name}")) for scorer in plan.scorers}
    return {instrument(name): told for name, (here, there) in keys.items() if here != there}


def _told(found: Examined, *, as_json: bool) -> int:
    code = 0 if found.passed else EXIT_CODES["invalid"]
    if as_json:
        data: dict[str, Any] = {
            "exit_code": code,
            "checks": [jsonable(check) for check in found.checks],
            "unchecked": [{"instrument": one.instrument, "reason": one.reason} for one in found.unchecked],
        }
        click.echo(json.dumps(data, indent=1, ensure_ascii=False))
        return code
    columns = ("instrument", "what", "expected", "found", "ok", "seconds")
    rows = [
        (c.instrument, c.what, c.expected, c.found, "yes" if c.passed else "NO", f"{c.seconds:.2f}") for c in found.checks
    ]
    table("Instruments against known answers", columns, rows)
    for one in found.unchecked:
        click.echo(f"not checked: {one.instrument}: {one.reason}")
    failed = sum(not check.passed for check in found.checks)
    click.echo(f"{len(found.checks)} checks, {failed} failed, {len(found.unchecked)} instruments not checked")
    if failed:
        click.echo("an instrument has drifted: nothing that it measures can be trusted until it passes")
    return code
