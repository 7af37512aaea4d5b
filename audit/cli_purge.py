"""``imgaudit purge``: delete the images of a run and keep its figures."""

import sys
from collections.abc import Mapping

import click

from audit.catalog import load, names
from audit.cli_conclude import say
from audit.component import Report
from audit.errors import AuditError, InputError, PluginError
from audit.purge import Extent, delete, extent, finish, reports_of
from audit.purges import PURGED, Purge
from audit.records import jsonable
from audit.run import render
from audit.spec import Use
from audit.store import RunStore

__all__ = ["purge"]

NO_REASON = "none was given"


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--reason", default=NO_REASON, metavar="TEXT", help="Why, for the log; name no person in it.")
@click.option("--vectors", is_flag=True, help="Delete feature vectors of images from the scores too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")
def purge(run: str, reason: str, vectors: bool, yes: bool, as_json: bool) -> int:
    """Delete the images that RUN holds and the small copies in its reports, for good; figures stay, and files outside RUN.

    Draws, scores, findings, verdicts and the manifest are kept, so `gate`, `report`, `compare` and `baseline export` work
    as before. Reports are drawn again without pictures. No image can be drawn into RUN or scored in it any more. A purge
    that was cut short is finished by the same command; purged.json says when, how many and why.
    """
    store = RunStore.existing(run)
    plugins = _report_plugins()
    found = extent(store, vectors=vectors, filenames=plugins)
    if found.nothing:
        return _told(store, store.purges[-1] if store.purges else None, [], as_json=as_json)
    if not yes and not _confirmed(run, found):
        click.echo("nothing was deleted")
        return 0
    started = delete(store, found, reason.strip() or NO_REASON)
    _reports_again(RunStore.existing(run), plugins)  # before the log is closed: a kill leaves no report with pictures
    done = finish(store, started)
    drawn = _reports_again(RunStore.existing(run), plugins)  # these say that all is gone
    return _told(store, done, drawn, as_json=as_json)


def _confirmed(run: str, found: Extent) -> bool:
    if not _asked_at_a_terminal():
        raise InputError(
            f"purge: deletes {_what(found)} of {run} for good, and nobody can be asked here; add --yes to do it"
        )
    return click.confirm(f"Delete {_what(found)} of {run} for good? The figures stay.", err=True)


def _asked_at_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _what(found: Extent) -> str:
    parts = [f"{found.images} images ({found.size / 1e6:.1f} MB)"] if found.images else []
    parts += [f"the vectors {folder}.{column}" for folder, columns in found.vectors.items() for column in columns]
    parts += ["the small copies of images in its reports"] if found.shows else []
    return ", ".join(parts) or "what an earlier purge left"


def _reports_again(store: RunStore, plugins: Mapping[str, str]) -> list[str]:
    """Draw each report of the run again, now that it finds no image; one that cannot be drawn is deleted."""
    drawn = []
    for filename in reports_of(store, plugins):
        try:
            if filename not in plugins:
                raise PluginError(f"no installed report writes {filename}")
            store.write(filename, render(store, Use(use=plugins[filename]))[1])
            drawn.append(filename)
        except AuditError as error:
            store.remove(filename)
            click.echo(f"{filename}: deleted, as it may hold pictures and is not drawn again here ({error})", err=True)
    return drawn


def _report_plugins() -> dict[str, str]:
    """File name -> report that writes it, of those that import here."""
    found = {}
    for name in names("reports"):
        try:
            plugin = load("reports", name)
        except PluginError:
            continue
        if issubclass(plugin, Report):
            found[plugin.filename] = name
    return found


def _told(store: RunStore, done: Purge | None, drawn: list[str], *, as_json: bool) -> int:
    if as_json:
        say({"run": store.path, "purge": jsonable(done) if done else None, "reports": drawn})
        return 0
    if done is None:
        click.echo(f"{store.path}: holds no images, so nothing was deleted")
        return 0
    what = f"{done.images} images were deleted"
    if done.outside and not done.images:
        what = "it holds no images; the small copies in its reports were deleted"
    click.echo(f"{store.path}: {what} on {done.started[:10]}; the figures are all there")
    if done.reports:
        click.echo(f"reports without pictures: {', '.join(done.reports)}")
    if done.vectors:
        click.echo(f"deleted with them: {', '.join(done.vectors)}")
    if done.outside:
        click.echo(f"{done.outside} images lie outside the run and were not touched")
    click.echo(f"log: {store.path}/{PURGED}")
    click.echo("Copies that `imgaudit labels export` handed out, and backups, are not this command's to find.")
    return 0
