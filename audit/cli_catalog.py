"""``imgaudit list`` and ``imgaudit init``: what there is, and a spec to start from."""

import json
import shlex
from pathlib import Path

import click

from audit.catalog import KINDS, Kind, load, names
from audit.component import ProbeSuite
from audit.errors import AuditError, InputError
from audit.starters import STARTERS
from audit.terminal import table

__all__ = ["init", "list_plugins"]

JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")


@click.command(name="list")
@click.argument("kind", required=False, type=click.Choice(list(KINDS)))
@JSON
def list_plugins(kind: Kind | None, as_json: bool) -> int:
    """Plugins that are installed; of probe suites also size and licence."""
    rows = [_described(each, name) for each in ([kind] if kind else KINDS) for name in names(each)]
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for each in [kind] if kind else list(KINDS):
        shown = [row for row in rows if row["kind"] == each]
        columns = tuple(key for key in shown[0] if key != "kind") if shown else ()
        table(each, columns, [tuple(row[column] for column in columns) for row in shown])
    return 0


def _described(kind: Kind, name: str) -> dict[str, str]:
    row = {"kind": kind, "name": name}
    suite = {"probes": "", "licence": ""} if kind == "probes" else {}
    try:
        plugin = load(kind, name)
    except AuditError as error:
        return {**row, **suite, "what": f"not usable: {error}"}
    if issubclass(plugin, ProbeSuite):
        needs = [field for field, info in plugin.model_fields.items() if info.is_required()]
        suite = {"probes": f"needs {', '.join(needs)}" if needs else str(len(plugin().probes())), "licence": plugin.licence}
    return {**row, **suite, "what": (plugin.__doc__ or "").strip().partition("\n")[0]}


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
