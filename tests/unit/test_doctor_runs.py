"""Checks in a run: made once for each scorer, kept in the manifest, and a failed one makes every verdict invalid."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import pytest

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer
from audit.doctor import TRIALS
from audit.gate import exit_code
from audit.plan import make_plan
from audit.planted_audit import check_planted_shares
from audit.records import Check, RunManifest, Scored
from audit.results import read_manifest, read_verdicts
from audit.run import Silent, judge_run, note_checks, run_audit, score_again
from audit.spec import parse_spec
from audit.stats import intervals
from audit.store import RunStore
from audit.testing import disc

SPEC = {
    "name": "checked",
    "seed": 3,
    "draws_per_probe": 2,
    "generators": [{"use": "fake", "params": {"side": 32, "batch": 8}}],
    "probes": [{"use": "traits", "params": {"limit": 2}}],
    "scorers": [{"use": "pixels"}],
    "metrics": [{"use": "outcomes"}],
    "gates": [{"metric": "outcomes.failed", "at_most": 0.5}],
}


class Liar(Scorer):
    """Says of every image that it is bright, and knows that grey is not."""

    def columns(self) -> tuple[Column, ...]:
        return (Column("bright", "label", levels=("yes", "no")),)

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        yield lambda views: [[Row({"bright": "yes"})] for _ in views]

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        return (KnownAnswer("a disc", (disc(1, 16),), {"bright": ("no",)}),)


@pytest.fixture
def lying(plant_plugins, tmp_path_factory, monkeypatch) -> None:
    points = {"generators": {"fake": "audit.testing:FakeGenerator"}, "scorers": {"liar": f"{__name__}:Liar"}}
    monkeypatch.syspath_prepend(str(plant_plugins(tmp_path_factory.mktemp("planted"), **points)))


def done(tmp_path, **changes) -> tuple[RunStore, RunManifest]:
    store = run_audit(make_plan(parse_spec(SPEC | changes, source="test"), "cpu"), tmp_path, progress=Silent())
    return store, read_manifest(store)


def of_scorer(manifest: RunManifest, name: str) -> list[Check]:
    return [check for check in manifest.checks if check.instrument == f"scorer {name}"]


def test_a_run_notes_the_checks_of_estimators_and_scorers(tmp_path, fake_plugin) -> None:
    store, manifest = done(tmp_path)
    assert all(check.passed for check in manifest.checks)
    assert len(manifest.checks) == len(TRIALS) + len(of_scorer(manifest, "pixels"))
    assert len(of_scorer(manifest, "pixels")) > 5
    assert [verdict.outcome for verdict in read_verdicts(store)] == ["pass"]


def test_a_resumed_run_keeps_what_was_checked_and_checks_only_what_is_new(tmp_path, fake_plugin, monkeypatch) -> None:
    _, before = done(tmp_path)
    asked: list[str] = []
    monkeypatch.setattr("audit.score.check_scorer", lambda opened: asked.append(opened.name) or ())
    _, after = done(tmp_path, draws_per_probe=3)  # pixels is opened again for the new draws
    assert asked == []
    assert of_scorer(after, "pixels") == of_scorer(before, "pixels")
    more = [{"use": "pixels"}, {"use": "pixels", "name": "again", "params": {"blank_below": 0.1}}]
    store, _ = done(tmp_path, scorers=more, draws_per_probe=3)
    assert asked == ["again"]
    changed = [{"use": "pixels", "params": {"blank_below": 0.2}}]
    score_again(store, make_plan(parse_spec(SPEC | {"scorers": changed}, source="test"), "cpu"), progress=Silent())
    assert asked == ["again", "pixels"]
    assert of_scorer(read_manifest(store), "pixels") == []  # the old ones spoke of another scorer


def test_a_wrong_estimator_makes_the_run_invalid(tmp_path, fake_plugin, monkeypatch) -> None:
    with monkeypatch.context() as wrong:
        wrong.setattr(intervals, "shrunk_design_effect", lambda *_, **__: 1.0)
        store, _ = done(tmp_path)
    (verdict,) = read_verdicts(store)
    assert verdict.outcome == "invalid"
    assert exit_code((verdict,)) == 4
    assert verdict.reason.startswith("an instrument failed its check: cluster_share, ")
    assert "imgaudit doctor" in verdict.decides
    done(tmp_path)  # measured again by the right one
    assert [one.outcome for one in read_verdicts(store)] == ["pass"]


def test_a_wrong_scorer_makes_the_run_invalid_also_without_gates_and_when_resumed(tmp_path, lying) -> None:
    for _ in range(2):
        store, manifest = done(tmp_path, scorers=[{"use": "liar"}], gates=[])
        assert [check.passed for check in of_scorer(manifest, "liar")] == [True, False]
        (verdict,) = read_verdicts(store)
        assert (verdict.outcome, verdict.gate) == ("invalid", "all instruments pass their checks")
        assert "scorer liar, bright: a disc: expected no, found yes" in verdict.reason


def test_checks_of_a_session_that_breaks_off_are_kept(tmp_path, fake_plugin, monkeypatch) -> None:
    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr("audit.run.build_table", broken)
        with pytest.raises(KeyboardInterrupt):
            done(tmp_path)
    monkeypatch.setattr("audit.score.check_scorer", broken)  # is not asked again
    _, manifest = done(tmp_path)
    assert len(of_scorer(manifest, "pixels")) > 5


def test_a_small_audit_of_known_shares_sees_a_reader_that_is_wrong(monkeypatch) -> None:
    oracle = pytest.importorskip("generators.phantom.oracle", reason="the extra `torch` brings it")
    right = check_planted_shares(clip=False, device="cpu")
    assert [check.passed for check in right] == [True, True]
    assert right[0].found.endswith(" of 13")
    real, turns = oracle._values, cycle((True, False))

    def often_feminine(reading):
        """A reader that takes every other picture for feminine."""
        found = real(reading)
        read = isinstance(found["perceived_presentation"], Scored)
        return {**found, "perceived_presentation": "feminine"} if read and next(turns) else found

    monkeypatch.setattr(oracle, "_values", often_feminine)
    assert not all(check.passed for check in check_planted_shares(clip=False, device="cpu"))


def test_checks_made_later_replace_those_of_the_same_instruments(tmp_path, fake_plugin) -> None:
    store, before = done(tmp_path)
    late = Check(instrument="scorer pixels", what="x", expected="1", found="2", passed=False, seconds=0.1)
    (verdict,) = note_checks(store, [late])
    assert verdict.outcome == "invalid"
    after = read_manifest(store)
    assert of_scorer(after, "pixels") == [late]
    assert len(after.checks) == len(before.checks) - len(of_scorer(before, "pixels")) + 1
    assert judge_run(store, parse_spec(SPEC, source="test"))[0].outcome == "invalid"
