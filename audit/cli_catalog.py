"""``imgaudit list`` and ``imgaudit init``: what there is, and a spec to start from."""

import json
import shlex
from dataclasses import asdict
from inspect import getdoc
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from audit.catalog import KINDS, Kind, load, names
from audit.component import Component, Metric, ProbeSuite, Scorer
from audit.errors import AuditError, InputError
from audit.reference import Reference
from audit.starters import STARTERS
from audit.terminal import table

__all__ = ["init", "list_plugins"]

PLAIN: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}
FACTS: dict[Kind, tuple[str, ...]] = {"probes": ("probes", "licence"), "references": ("dated", "source")}
"""What a row of the list says of plugins of a kind, beside name and description."""
JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")


@click.command(name="list")
@click.argument("kind", required=False, type=click.Choice(list(KINDS)))
@click.argument("name", required=False)
@JSON
def list_plugins(kind: Kind | None, name: str | None, as_json: bool) -> int:
    """Plugins that are installed; with KIND and NAME, one plugin's parameters and what it gives."""
    if kind and name:
        return _one_plugin(kind, name, as_json=as_json)
    kinds = [kind] if kind else list(KINDS)
    rows = [_described(each, name) for each in kinds for name in names(each)]
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for each in kinds:
        shown = [row for row in rows if row["kind"] == each]
        columns = tuple(key for key in shown[0] if key != "kind") if shown else ()
        table(each, columns, [tuple(row[column] for column in columns) for row in shown])
    click.echo("imgaudit list KIND NAME shows the parameters of one of them")
    return 0


def _one_plugin(kind: Kind, name: str, *, as_json: bool) -> int:
    plugin = load(kind, name)
    parameters = [
        {
            "parameter": field.alias or key,
            "type": PLAIN.get(field.annotation, str(field.annotation).replace("typing.", "")),
            "default": "required" if field.is_required() else str(field.get_default(call_default_factory=True)),
            "what": " ".join((field.description or "").split()),
        }
        for key, field in plugin.model_fields.items()
    ]
    gives = _gives(plugin)
    if as_json:
        told = {"kind": kind, "name": name, "what": getdoc(plugin), "source": plugin.source, "parameters": parameters}
        click.echo(json.dumps({**told, "gives": gives}, indent=1, ensure_ascii=False))
        return 0
    click.echo(f"{name}: {getdoc(plugin)}\n")
    table("parameters", ("parameter", "type", "default", "what"), [tuple(row.values()) for row in parameters])
    if gives:
        table("gives", ("name", "what"), list(gives.items()))
    if plugin.source:
        click.echo(f"source: {plugin.source}")
    return 0


def _gives(plugin: type[Component]) -> dict[str, str]:
    """Columns of a scorer and facts of a reference (where they need no parameters), or quantities of a metric."""
    if issubclass(plugin, Metric):
        return {f"NAME.{quantity}": "finding" for quantity in plugin.quantities}
    if issubclass(plugin, Reference) and not _needs(plugin):
        return {fact: said for fact, said in asdict(plugin().about()).items() if said}
    if issubclass(plugin, Scorer) and not _needs(plugin):
        try:
            return {column.name: f"{column.kind}: {column.title}" for column in plugin().columns()}
        except (AuditError, ValidationError):
            return {}
    return {}


def _described(kind: Kind, name: str) -> dict[str, str]:
    row = {"kind": kind, "name": name}
    facts = dict.fromkeys(FACTS.get(kind, ()), "")
    try:
        plugin = load(kind, name)
    except AuditError as error:
        return {**row, **facts, "what": f"not usable: {error}"}
    needs = _needs(plugin)
    if issubclass(plugin, ProbeSuite):
        facts = {"probes": needs or str(len(plugin().probes())), "licence": plugin.licence}
    if issubclass(plugin, Reference):
        about = None if needs else plugin().about()
        facts = {"dated": about.dated, "source": about.source} if about else {"dated": "", "source": needs}
    return {**row, **facts, "what": (plugin.__doc__ or "").strip().partition("\n")[0]}


def _needs(plugin: type[Component]) -> str:
    """Its required parameters, in words; empty where it needs none."""
    needs = [field for field, info in plugin.model_fields.items() if info.is_required()]
    return f"needs {', '.join(needs)}" if needs else ""


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("audit.yaml"))
@click.option("--kind", type=click.Choice(list(STARTERS)), default="diffusion", show_default=True)
def init(path: Path, kind: str) -> int:
    """Write a commented spec to start from; an existing file is kept."""
    if path.exists():
        raise InputError(f"{path}: is there already; choose another name")
    path.write_text(STARTERS[kind], encoding="utf-8")
    click.echo(f"{path}: edit it, then `imgaudit plan {shlex.quote(str(path))}`")
    return 0
