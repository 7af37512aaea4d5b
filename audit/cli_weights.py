"""``imgaudit weights``: what packs there are, bring them here, check them. Results to stdout, progress to stderr."""

import json
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from audit.errors import AuditError, WeightsMissing, WeightsTampered
from audit.weights import (
    Located,
    Pack,
    PackageSource,
    cache_folder,
    catalogue,
    find_pack,
    locate,
    missing,
    pull,
    verify,
)

__all__ = ["weights"]

JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")


@click.group()
def weights() -> None:
    """Weight packs: model files with their source, digest, licence, intended use and known limits."""


@weights.command("list")
@JSON
def list_packs(as_json: bool) -> int:
    """All packs of the catalogue and whether they are on this machine."""
    packs = sorted(catalogue().values(), key=lambda pack: pack.name)
    rows = [_described(pack) for pack in packs]
    if as_json:
        click.echo(json.dumps({"cache": str(cache_folder()), "packs": rows}, indent=1, ensure_ascii=False))
        return 0
    table = Table(show_lines=True, header_style="bold")
    for column in ("pack", "what", "licence", "size", "digests", "here"):
        table.add_column(column, overflow="fold", no_wrap=column == "pack")  # a name is there to be copied
    for pack, row in zip(packs, rows, strict=True):
        digests = "unpinned" if pack.unpinned else "pinned"
        table.add_row(pack.name, pack.title, pack.licence, _size(pack.size), digests, row["state"] + _origin(row))
    terminal = Console()
    (terminal if terminal.is_terminal else Console(width=120)).print(table)
    click.echo(f"cache: {cache_folder()}")
    return 0


@weights.command("pull")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="All packs of the catalogue.")
@click.option("--offline", is_flag=True, help="Ask no server: local folders, file indexes and the hub cache only.")
@JSON
def pull_packs(names: tuple[str, ...], everything: bool, offline: bool, as_json: bool) -> int:
    """Bring packs to this machine through your own index, registry and hub settings."""
    if everything == bool(names):
        raise click.UsageError("name the packs to pull, or give --all")
    chosen = sorted(catalogue()) if everything else [find_pack(name).name for name in names]
    with _bars() as bars:
        results = [_tried(name, lambda name: pull(name, offline=offline, progress=_begin(bars))) for name in chosen]
    return _report(results, as_json=as_json)


@weights.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@JSON
def verify_packs(names: tuple[str, ...], as_json: bool) -> int:
    """Hash every byte of packs again: of those named, or of all that are on this machine."""
    chosen = [find_pack(name).name for name in names] or [name for name in sorted(catalogue()) if _here(name)]
    if not chosen:
        click.echo(f"no pack is in {cache_folder()}", err=True)
    return _report([_tried(name, verify) for name in chosen], as_json=as_json)


# ------------------------------------------------------------------------------------------------------ parts


def _described(pack: Pack) -> dict[str, Any]:
    """A pack as ``list --json`` shows it: the catalogue entry, and what is on this machine."""
    state = _tried(pack.name, locate)
    files = [file.model_dump(mode="json") for file in pack.files]
    return {**pack.model_dump(mode="json"), "files": files, "size": pack.size, **state}


def _tried(name: str, action: Callable[[str], Located]) -> dict[str, Any]:
    """One pack's outcome; a failure does not keep the others from being tried."""
    try:
        located = action(name)
    except WeightsMissing as error:
        return {"name": name, "state": "absent", "error": str(error)}
    except WeightsTampered as error:
        return {"name": name, "state": "damaged", "error": str(error)}
    except AuditError as error:
        return {"name": name, "state": "failed", "error": str(error)}
    source = find_pack(name).source
    origin = {"comes_with": source.package} if isinstance(source, PackageSource) else {}
    return {
        "name": name,
        "state": "here",
        "digest": located.digest,
        "pinned": located.pinned,
        "folder": str(located.folder),
        "sha256": dict(located.sha256),
        **origin,
    }


def _here(name: str) -> bool:
    try:
        return not missing(name)
    except WeightsTampered:
        return True


def _report(results: list[dict[str, Any]], *, as_json: bool) -> int:
    """Say what came of each pack; 2 where one failed."""
    for result in results:
        if "error" in result:
            click.echo(f"error: {result['error']}", err=True)
    if as_json:
        click.echo(json.dumps(results, indent=1, ensure_ascii=False))
    else:
        for result in results:
            note = "" if result.get("pinned", True) else "  unpinned: digests are those of the first pull"
            state = result["state"] + _origin(result)
            click.echo(f"{result['name']}: {state}  {result.get('folder', '')}{note}".rstrip())
    return AuditError.exit_code if any("error" in result for result in results) else 0


def _origin(result: dict[str, Any]) -> str:
    return f", comes with the package {result['comes_with']!r}" if "comes_with" in result else ""


def _bars() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _begin(bars: Progress) -> Callable[[str, int], Callable[[int], None]]:
    def begin(label: str, size: int) -> Callable[[int], None]:
        task = bars.add_task(label, total=size or None)
        return lambda done: bars.advance(task, done)

    return begin


def _size(size: int | None) -> str:
    return "not known" if size is None else f"{size / 1e6:.1f} MB"
