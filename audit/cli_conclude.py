"""How a command that measures ends: reports are written, verdicts shown, and the exit code says which."""

import json
from typing import Any

import click

from audit.errors import InputError
from audit.gate import exit_code
from audit.measure import rehearse
from audit.plan import Plan, check_baselines, differences, make_plan
from audit.records import Verdict, jsonable
from audit.results import load_results, read_manifest
from audit.rules import check_rules
from audit.run import render
from audit.spec import AuditSpec, Use, parse_spec
from audit.store import RunStore
from audit.terminal import verdict_table

__all__ = ["conclude", "planned", "planned_again", "say", "stored_spec", "write_reports"]


def planned(spec: AuditSpec, device: str) -> Plan:
    """A plan of which every need is met, the baselines of its gates included, and whose gates can name findings."""
    plan = make_plan(spec, device)
    check_baselines(spec, load_results)
    check_rules(spec.gates, rehearse(plan))
    return plan


def planned_again(store: RunStore, spec: AuditSpec, device: str) -> Plan:
    """A plan for images that a run has already.

    Raises:
        InputError: the spec is of another run.
    """
    plan = planned(spec, device)
    if plan.digest != read_manifest(store).digest:
        found = differences(plan.spec, stored_spec(store)) or ["a plugin, or a file that one reads, has changed"]
        raise InputError(
            f"{store.path}: this spec is of another run ({'; '.join(found)}); use `imgaudit run` for new images"
        )
    return plan


def stored_spec(store: RunStore, changes: tuple[str, ...] = ()) -> AuditSpec:
    """The spec that a run was made with, with ``--set`` changes."""
    return parse_spec(read_manifest(store).spec, source=f"{store.path}/manifest.json", changes=changes)


def say(value: Any) -> None:
    """Print JSON."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def write_reports(store: RunStore, formats: tuple[str, ...]) -> list[str]:
    """Draw reports into the run; gives their paths."""
    written = []
    for name in formats:
        filename, data = render(store, Use(use=name))
        store.write(filename, data)
        written.append(f"{store.path}/{filename}")
    return written


def conclude(store: RunStore, verdicts: tuple[Verdict, ...], reports: list[str], data: dict[str, Any] | None) -> int:
    """Show verdicts, and where things are: as JSON together with ``data``, or as text where that is None."""
    code = exit_code(verdicts)
    failed = [check for check in read_manifest(store).checks if not check.passed]
    if data is not None:
        judged, checks = [jsonable(verdict) for verdict in verdicts], [jsonable(check) for check in failed]
        told = {"run": store.path, "exit_code": code, "verdicts": judged, "failed_checks": checks, "reports": reports}
        say({**told, **data})
        return code
    if verdicts:
        verdict_table(verdicts)
    else:
        click.echo("The spec has no gates, so nothing was judged.")
    for check in failed:
        click.echo(f"check failed: {check.instrument}, {check.what}: expected {check.expected}, found {check.found}")
    click.echo(f"run: {store.path}")
    for report in reports:
        click.echo(f"report: {report}")
    return code
