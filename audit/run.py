"""The stages in order: plan, generate, score, measure, gate, report. Every stage makes what the store lacks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from audit.catalog import build
from audit.component import Audited, Report, View
from audit.digest import short
from audit.doctor import check_estimators, instrument
from audit.engines.local import LocalEngine
from audit.environment import device_name, revision, versions
from audit.errors import AuditError
from audit.gate import judge
from audit.generate import GenerateStage
from audit.images import Box, Pixels, decode, decoder
from audit.labels import read_labels, told_of_labels, without_labels
from audit.measure import build_table, check_references, measure
from audit.plan import Plan, PlannedGenerator, check_baselines
from audit.purge import check_images_left
from audit.readable import unreadable
from audit.records import Check, Cost, RunManifest, Verdict
from audit.results import load_results, read_manifest, read_results, read_verdicts, write_results
from audit.score import ScoreStage
from audit.spec import AuditSpec, Use
from audit.store import RunStore
from audit.weights import catalogue

__all__ = ["Progress", "Silent", "audited", "judge_run", "note_checks", "render", "run_audit", "score_again"]


class Progress(Protocol):
    """Told of the work; the command line draws bars from it."""

    def begin(self, label: str, total: int) -> Callable[[int], None]:
        """Work of ``total`` items starts; call the result with the number of items done since the last call."""


class Silent:
    """No progress is shown."""

    def begin(self, label: str, total: int) -> Callable[[int], None]:  # noqa: ARG002
        """Ignore it."""
        return lambda _: None


@dataclass
class _Session:
    """One session of work on a run."""

    plan: Plan
    store: RunStore
    progress: Progress
    retry_failed: bool = False
    may_draw: bool = True
    engine: LocalEngine = field(default_factory=LocalEngine)
    notes: list[str] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def work(self) -> None:
        """Everything from the first draw to the verdicts."""
        plan, store = self.plan, self.store
        check_images_left(plan, store, retry_failed=self.retry_failed)
        manifest = _begin(plan, store)
        try:
            held = self._draw_and_score({check.instrument for check in manifest.checks})
            table = build_table(plan, store, held)
            labels = read_labels(store, plan.columns, table)
            measured, costs = measure(plan, table, self.progress.begin("measure", len(plan.metrics)), labels)
        finally:
            self.engine.close()
            manifest = _checked(store, manifest, self.checks)  # also where the session is stopped
        estimators = check_estimators()
        write_results(store, measured)
        done = {
            "counts": {str(one["values"]): one["counts"] for one in pc.value_counts(table.draws["outcome"]).to_pylist()},
            "costs": _added(manifest.costs, self.costs, costs),
            "checks": (*estimators, *manifest.checks, *unreadable(plan, table)),
            "notes": tuple(dict.fromkeys([*without_labels(manifest.notes), *self.notes, *told_of_labels(labels)])),
            "finished": _now(),
        }
        store.write_json("manifest.json", manifest.model_copy(update=done).model_dump(mode="json"))
        judge_run(store, plan.spec)
        store.seal()

    def _draw_and_score(self, checked: set[str]) -> dict[str, pa.Table]:
        """Reference sets first, as they may turn out to be of no use. Gives the scores that are never written."""
        plan = self.plan
        unchecked = frozenset(s.name for s in plan.scorers if instrument(s.name) not in checked)
        with ScoreStage(plan.scorers, self.store, self.engine, plan.device, unchecked, self.checks) as scoring:
            for generator in (g for g in plan.generators if g.name in plan.references):
                self._one_generator(generator, scoring)
            check_references(plan, self.store, scoring.held())
            for generator in (g for g in plan.generators if g.name not in plan.references):
                self._one_generator(generator, scoring)
            self.costs.extend(scoring.costs())
            return scoring.held()

    def _one_generator(self, generator: PlannedGenerator, scoring: ScoreStage) -> None:
        stage = GenerateStage(
            planned=generator,
            store=self.store,
            engine=self.engine,
            device=self.plan.device,
            needed=lambda records: scoring.needed(generator.scorers, records),
            tick=self.progress.begin(f"{generator.name}: draw and score", generator.total),
            retry_failed=self.retry_failed,
            may_draw=self.may_draw,
        )
        views: Iterator[list[View]] = self.engine.beside(stage.chunks())
        for chunk in views:
            scoring.score(generator.scorers, chunk)
        self.notes.extend(stage.notes)
        cost = stage.cost()
        self.costs.extend([cost] if cost.images else [])


def run_audit(plan: Plan, root: Path | str, *, progress: Progress, retry_failed: bool = False) -> RunStore:
    """Run an audit, or whatever of it is not stored yet, in the folder ``root/<name>-<digest>``.

    Args:
        progress: told of the work.
        retry_failed: draw failed images again.

    Raises:
        AuditError: something is wrong; what was stored before stays and the same call resumes.
        KeyboardInterrupt: as above.
    """
    check_baselines(plan.spec, load_results)
    store = RunStore.within(root, plan.run_name)
    _Session(plan, store, progress, retry_failed).work()
    return store


def score_again(store: RunStore, plan: Plan, *, progress: Progress) -> None:
    """Score, measure and judge the stored images of a run by a plan whose scorers, metrics or gates may be new.

    Nothing is drawn, so this works on a machine whose device or libraries would draw other images.

    Raises:
        StoreError: the plan wants images that the run lacks.
    """
    drawn = read_manifest(store).keys
    generators = tuple(replace(g, key=drawn.get(f"generator.{g.name}", g.key)) for g in plan.generators)
    _Session(replace(plan, generators=generators), store, progress, may_draw=False).work()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _begin(plan: Plan, store: RunStore) -> RunManifest:
    """Write the manifest before any work, keeping what earlier sessions of this run noted."""
    components = plan.components()
    keys = {f"generator.{g.name}": g.key for g in plan.generators} | {f"scorer.{s.name}": s.key for s in plan.scorers}
    keys |= {f"reference.{reference.name}": reference.key for reference in plan.distributions}
    earlier = read_manifest(store) if store.has("manifest.json") else None
    packs = plan.packs()
    numerics = {name: component.numerics(plan.device) for name, component in components.items()}
    if earlier:  # what was drawn elsewhere keeps the numerics that it was drawn with
        numerics |= {name: found for name, found in earlier.numerics.items() if earlier.keys.get(name) == keys.get(name)}
    manifest = RunManifest(
        digest=plan.digest,
        spec=plan.spec.model_dump(mode="json"),
        keys=keys,
        numerics=numerics,
        people=_people(plan),
        image_sets=tuple(sorted(plan.references)),
        settings={generator.name: generator.component.settings() for generator in plan.generators},
        packs=packs,
        unpinned=tuple(pack for pack in packs if catalogue()[pack].unpinned),
        suites=dict(plan.suites),
        references={each.name: asdict(each.component.about()) for each in plan.distributions},
        versions={**versions(), "image decoder": decoder()},
        device=f"{plan.device}: {device_name(plan.device)}",
        revision=revision(),
        counts=earlier.counts if earlier else {},
        costs=earlier.costs if earlier else (),
        checks=_of_scorers(earlier, keys) if earlier else (),
        notes=earlier.notes if earlier else (),
        started=earlier.started if earlier else _now(),
    )
    store.write_json("grid.json", _grid(plan))
    store.write_json("manifest.json", manifest.model_dump(mode="json"))
    return manifest


def _people(plan: Plan) -> dict[str, Literal["attributes", "identity"]]:
    """What each scorer that reads depicted persons reads of them."""
    reading = [scorer for scorer in plan.scorers if scorer.component.infers_people or scorer.component.recognises_people]
    return {s.name: "identity" if s.component.recognises_people else "attributes" for s in reading}


def _of_scorers(earlier: RunManifest, keys: Mapping[str, str]) -> tuple[Check, ...]:
    """Checks of scorers that are still the same: what they scored stands, and so does what was found of them."""
    same = {instrument(name.removeprefix("scorer.")) for name, key in keys.items() if earlier.keys.get(name) == key}
    return tuple(check for check in earlier.checks if check.instrument in same)


def _checked(store: RunStore, manifest: RunManifest, checks: Sequence[Check]) -> RunManifest:
    """The manifest with checks added; written, as a session that is stopped has made them too."""
    if checks:
        manifest = manifest.model_copy(update={"checks": (*manifest.checks, *checks)})
        store.write_json("manifest.json", manifest.model_dump(mode="json"))
    return manifest


def _grid(plan: Plan) -> dict[str, Any]:
    """Probes and how many draws of each are wanted, so that a run can be read without its plugins."""
    return {
        "probes": {probe_id: probe.model_dump(mode="json") for probe_id, probe in plan.probes.items()},
        "wanted": {g.name: {wanted.probe.id: wanted.draws for wanted in g.wanted} for g in plan.generators},
    }


def _added(earlier: Sequence[Cost], drawn: Sequence[Cost], measured: Sequence[Cost]) -> tuple[Cost, ...]:
    """Costs of all sessions; measuring is done anew in each, so only the last counts."""
    total: dict[tuple[str, str], Cost] = {(c.stage, c.name): c for c in earlier if c.stage in ("generate", "score")}
    for cost in drawn:
        before = total.get((cost.stage, cost.name))
        if before is not None:
            added = {"images": before.images + cost.images, "seconds": before.seconds + cost.seconds}
            total[cost.stage, cost.name] = cost.model_copy(update=added)
        else:
            total[cost.stage, cost.name] = cost
    return (*total.values(), *measured)


def judge_run(store: RunStore, spec: AuditSpec) -> tuple[Verdict, ...]:
    """Judge the findings of a run by the gates of a spec, and store the verdicts."""
    verdicts = judge(spec.gates, read_results(store), load_results)
    store.write_json("verdicts.json", [verdict.model_dump(mode="json") for verdict in verdicts])
    return verdicts


def note_checks(store: RunStore, checks: Sequence[Check]) -> tuple[Verdict, ...]:
    """Write checks into a finished run, in place of earlier ones of the same instruments, and judge it again."""
    manifest = read_manifest(store)
    anew = {check.instrument for check in checks}
    kept = tuple(check for check in manifest.checks if check.instrument not in anew)
    _checked(store, manifest.model_copy(update={"checks": kept}), checks)
    return judge_run(store, AuditSpec.model_validate(manifest.spec))


def audited(store: RunStore) -> Audited:
    """A finished run as a report sees it; one that was purged shows no picture, of images outside it neither."""
    results = read_results(store)
    known = store.image_refs
    refs = {} if store.purges else known
    outside = sum(bool(ref.location) for ref in known.values())

    def image(digest: str) -> Pixels | None:
        try:
            return decode(store.get_image(refs[digest]), digest).pixels
        except (KeyError, AuditError):
            return None  # purged, or kept outside and gone: the report shows that it is missing

    def link(digest: str) -> str:
        return store.image_link(refs[digest]) if digest in refs else ""

    faces = _faces(store, results.manifest)
    records = (results.manifest, results.findings, read_verdicts(store))
    return Audited(*records, image, link, faces, store.purges, held=len(known) - outside, outside=outside)


FOUND_FACES = frozenset({"left", "top", "right", "bottom", "landmarks"})
"""Columns of a face finder, whatever its name. Landmarks are among them, as boxes alone may be of anything."""
NOWHERE = (float("nan"),) * 4
"""Box of a region without one: it cannot be trusted, so the whole image is blurred."""


def _faces(store: RunStore, manifest: RunManifest) -> Callable[[str], Sequence[Box] | None]:
    """Face boxes by image digest, from every scorer that found faces."""
    if store.purges:
        return lambda _: None
    boxes: dict[str, list[Box]] = {}
    for use in AuditSpec.model_validate(manifest.spec).scorers:
        folder = f"{use.label}-{short(manifest.keys.get(f'scorer.{use.label}', ''))}"
        if not FOUND_FACES.issubset(store.score_names(folder)):
            continue
        table = store.scores(folder, ["left", "top", "right", "bottom"])
        for row in table.to_pylist() if table is not None else ():
            found = boxes.setdefault(row["subject"].rpartition("/")[2], [])  # of a draw: its image
            if row["region"] >= 0:
                edges = row["left"], row["top"], row["right"], row["bottom"]
                found.append(NOWHERE if None in edges else edges)
    return boxes.get


def render(store: RunStore, use: Use) -> tuple[str, bytes]:
    """Draw a report of a run: its file name and bytes."""
    report = build("reports", use)
    assert isinstance(report, Report)
    return report.filename, report.render(audited(store))
