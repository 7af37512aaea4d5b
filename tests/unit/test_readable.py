"""A column of people that nobody could be read in: which gates it makes invalid, and what is told of the cause."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from audit.cli import call
from audit.component import Column, Row, ScoreBatch, Scorer
from audit.plan import make_plan
from audit.records import Abstained, Verdict
from audit.results import read_manifest, read_verdicts
from audit.run import Silent, run_audit
from audit.spec import parse_spec
from audit.store import RunStore

COLUMNS = ("coat", "hat", "hat_balanced")
IMAGES = 12


class Wearers(Scorer):
    """Says `yes` of every image in every column, but for those in which it is told to say nothing."""

    infers_people: ClassVar[bool] = True

    silent: tuple[str, ...] = ()
    least_light: float = 0.4

    def columns(self) -> tuple[Column, ...]:
        """The last is a second reading of the one before."""
        return tuple(Column(name, "label", levels=("yes", "no"), optional=name == "hat_balanced") for name in COLUMNS)

    def remedies(self) -> Mapping[str, str]:
        """One reason hangs on a parameter."""
        return {"too dim": "least_light"}

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Of the first image nobody could say anything."""

        def told(first: bool) -> Abstained:
            return Abstained(reason="turned away" if first else "too dim")

        yield lambda views: [
            [Row({c: told(view.pixels[0, 0, 0] == 0) if c in self.silent else "yes" for c in COLUMNS})] for view in views
        ]


def _shares(column: str) -> dict[str, object]:
    return {"use": "representation", "name": column, "params": {"column": f"wearers.{column}", "by": []}}


def _gate(metric: str) -> dict[str, object]:
    return {"metric": metric, "where": {"label": "yes"}, "at_least": 0.1}


SPEC = {
    "name": "read",
    "scorers": [{"use": "wearers"}],
    "metrics": [*(_shares(column) for column in COLUMNS), {"use": "outcomes"}],
}
GATES = [_gate("coat.share"), _gate("hat.share"), {"metric": "outcomes.failed", "at_most": 0.9}]


@pytest.fixture
def done(tmp_path: Path, plant_plugins, tmp_path_factory, monkeypatch):
    points = {"wearers": f"{__name__}:Wearers"}
    monkeypatch.syspath_prepend(str(plant_plugins(tmp_path_factory.mktemp("planted"), scorers=points)))

    def folder(name: str) -> dict[str, object]:
        (tmp_path / name).mkdir()
        for number in range(IMAGES):
            pixels = np.full((32, 32, 3), number * 20, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
        return {"use": "folder", "name": name, "params": {"path": str(tmp_path / name), "subject_basis": "generated"}}

    def run(silent: tuple[str, ...], gates: list[dict], metrics: list[dict] | None = None) -> RunStore:
        changes = {"scorers": [{"use": "wearers", "params": {"silent": list(silent)}}], "gates": gates}
        changes |= {"generators": [folder("pictures")]} | ({"metrics": metrics} if metrics else {})
        plan = make_plan(parse_spec(SPEC | changes, source="test"), "cpu")
        return run_audit(plan, tmp_path / "runs", progress=Silent())

    return run


def _outcomes(verdicts: tuple[Verdict, ...]) -> dict[str, str]:
    return {verdict.gate.partition(".")[0]: verdict.outcome for verdict in verdicts}


def _failed(store: RunStore) -> list[str]:
    return [check.instrument for check in read_manifest(store).checks if not check.passed]


def test_only_gates_whose_metric_reads_the_column_are_invalid(done) -> None:
    store = done(("hat",), GATES)
    assert _failed(store) == ["column wearers.hat"]
    assert _outcomes(read_verdicts(store)) == {"coat": "pass", "hat": "invalid", "outcomes": "pass"}


def test_the_commonest_reason_is_told_with_its_parameter(done) -> None:
    store = done(("hat",), GATES)
    told = next(verdict.reason for verdict in read_verdicts(store) if verdict.outcome == "invalid")
    assert "column wearers.hat, reads images of the suite folder by pictures" in told
    assert f"none, of {IMAGES - 1} because of 'too dim' (scorers.wearers.params.least_light is 0.4" in told
    assert "1 more" not in told


def test_a_second_reading_alone_fails_nothing(done) -> None:
    store = done(("hat_balanced",), GATES)
    assert _failed(store) == []
    assert set(_outcomes(read_verdicts(store)).values()) == {"pass"}


@pytest.mark.parametrize(
    ("silent", "fatal"),
    [(("hat",), False), (("coat",), False), (("coat", "hat"), True), (("coat", "hat", "hat_balanced"), True)],
)
def test_a_run_without_gates_is_invalid_where_nobody_was_read_at_all(done, silent, fatal: bool) -> None:
    store = done(silent, [])
    assert _failed(store) == [f"column wearers.{name}" for name in silent if name != "hat_balanced"]
    assert [verdict.outcome for verdict in read_verdicts(store)] == ["invalid"] * fatal


def test_the_only_column_of_people_is_enough(done) -> None:
    (verdict,) = read_verdicts(done(("hat",), [], [_shares("hat")]))
    assert verdict.outcome == "invalid"


def test_a_failed_check_is_told_also_where_all_gates_pass(done, capsys) -> None:
    gates = [GATES[0], GATES[2]]
    store = done(("hat",), gates)
    assert call(["gate", store.path]) == 0
    assert "check failed: column wearers.hat, reads images of the suite folder by pictures" in capsys.readouterr().out
