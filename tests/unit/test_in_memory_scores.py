"""What a scorer keeps in memory reaches metrics and no file: every file of a run is read and searched for it."""

from pathlib import Path

import numpy as np
import pytest
from leak_scan import drawn_in, files_of, leavings_in, pictures_in, vectors_in
from recognising_plugins import LIKENESS, Embedding, vector_of

from audit.component import View
from audit.errors import InputError, ScoringError
from audit.label_sample import Wish, draw_sample
from audit.plan import make_plan
from audit.results import read_results
from audit.run import Silent, run_audit, score_again
from audit.spec import AuditSpec, parse_spec
from audit.store import RunStore

SPEC = {
    "name": "memory",
    "seed": 5,
    "draws_per_probe": 2,
    "generators": [{"use": "fake", "params": {"side": 32, "batch": 4, "refuse": 17}}],
    "probes": [{"use": "traits", "params": {"limit": 2}}],
    "scorers": [{"use": "pixels"}, {"use": "embedding"}],
    "metrics": [{"use": "outcomes"}, {"use": "nearness"}],
    "likeness": {**LIKENESS, "expires": "2999-12-31"},
}


@pytest.fixture(autouse=True)
def plugins(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, plant_plugins) -> None:
    names = {"embedding": "Embedding", "careless": "Careless", "stored": "Stored"}
    planted = plant_plugins(
        tmp_path_factory.mktemp("planted"),
        generators={"fake": "audit.testing:FakeGenerator"},
        scorers={name: f"recognising_plugins:{target}" for name, target in names.items()},
        metrics={"nearness": "recognising_plugins:Nearness"},
    )
    monkeypatch.syspath_prepend(str(planted))
    Embedding.looked.clear()


def spec(**changes: object) -> AuditSpec:
    return parse_spec({**SPEC, **changes})


def run(folder: Path, progress: Silent | None = None, **changes: object) -> Path:
    store = run_audit(make_plan(spec(**changes), "cpu"), folder, progress=progress or Silent())
    return Path(store.path)


def nearness(run: Path) -> object:
    return next(f for f in read_results(RunStore.existing(run)).findings if f.metric == "nearness.cosine")


def expected(run: Path) -> float:
    """The metric by another way: from the planted vectors of the draws of the run."""
    rows = [row for _, table in RunStore.existing(run).all_draws() for row in table.to_pylist() if row["outcome"] == "made"]
    vectors = np.array([vector_of(row["image"]) for row in rows], dtype=np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return float((np.square(unit.sum(axis=0)).sum() - len(unit)) / (len(unit) * (len(unit) - 1)))


def test_columns_reach_a_metric_and_no_file(tmp_path: Path) -> None:
    path = run(tmp_path)
    found = nearness(path)
    assert found.n > 30
    assert found.estimate == pytest.approx(expected(path), abs=1e-4)
    images = drawn_in(path)
    assert vectors_in(path, map(vector_of, images)) == []
    assert set(pictures_in(path)) == images
    assert leavings_in(path) == []
    assert not list(path.glob("scores/embedding*"))
    manifest = read_results(RunStore.existing(path)).manifest
    assert manifest.people == {"embedding": "identity"}


def test_the_scan_finds_vectors_where_they_are_stored(tmp_path: Path) -> None:
    """The same vectors by a scorer that says it recognises nobody: the scan above does see them."""
    path = run(
        tmp_path, scorers=[{"use": "stored"}], metrics=[{"use": "nearness", "params": {"column": "stored.embedding"}}]
    )
    leaks = vectors_in(path, map(vector_of, drawn_in(path)))
    assert leaks
    assert all(name.startswith("scores/stored") for name in leaks)


class StoppedAfter(Silent):
    """Control-C after some images."""

    def __init__(self, images: int) -> None:
        self.left = images

    def begin(self, label: str, total: int):
        def tick(count: int) -> None:
            self.left -= count
            if self.left < 0:
                raise KeyboardInterrupt

        return tick


def test_a_stopped_session_leaves_nothing_and_the_next_looks_again(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", StoppedAfter(50))
    stopped = next((tmp_path / "stopped").iterdir())
    assert drawn_in(stopped)
    assert vectors_in(stopped, map(vector_of, drawn_in(stopped))) == []
    Embedding.looked.clear()
    assert run(tmp_path / "stopped") == stopped
    assert set(Embedding.looked) == drawn_in(whole)  # also those that the first session drew
    assert read_results(RunStore.existing(stopped)).findings == read_results(RunStore.existing(whole)).findings
    assert vectors_in(stopped, map(vector_of, drawn_in(stopped))) == []


def test_scoring_again_looks_again_and_finds_the_same(tmp_path: Path) -> None:
    path = run(tmp_path)
    before, stored = nearness(path), files_of(path / "scores")
    Embedding.looked.clear()
    score_again(RunStore.existing(path), make_plan(spec(), "cpu"), progress=Silent())
    assert nearness(path) == before
    assert set(Embedding.looked) == drawn_in(path)
    assert files_of(path / "scores") == stored


def test_the_words_of_an_error_are_not_stored_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many libraries put the array that they cannot take into their message, and checks of scorers are in the manifest."""

    def failing(self: Embedding, view: View) -> dict[str, object]:
        raise RuntimeError(f"bad vector {vector_of(view.image)[0]}")

    monkeypatch.setattr(Embedding, "say", failing)
    with pytest.raises(ScoringError, match=r"scorers\.embedding: the plugin failed \(RuntimeError\)$"):
        run(tmp_path)
    assert [path for path in files_of(tmp_path) if b"bad vector" in path.read_bytes()] == []
    assert [path for path in files_of(tmp_path) if b'"RuntimeError"' in path.read_bytes()]


def test_labels_of_what_is_never_stored_are_not_sampled(tmp_path: Path) -> None:
    """Nothing is stored by which to choose: one line says so, rather than a sample of images without any label."""
    path = run(tmp_path)
    with pytest.raises(InputError, match=r"embedding\.label: .*never stored"):
        draw_sample(RunStore.existing(path), Wish(n=10, column="embedding.label"))
