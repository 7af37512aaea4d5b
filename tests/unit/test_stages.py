"""The stages on fakes: what is stored is not made again, and broken plugins lose nothing."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from audit.component import Column, Component, DrawBatch, Encoded, Row, ScoreBatch, Scorer, View
from audit.engines.local import LocalEngine, halving
from audit.errors import GenerationError, OutOfMemory, ScoringError
from audit.generate import GenerateStage
from audit.plan import PlannedGenerator, PlannedScorer, Wanted
from audit.records import Abstained, Probe, TextPrompt
from audit.score import ScoreStage
from audit.store import RunStore
from audit.table import ScoreTable, draw_key
from audit.testing import FakeGenerator, disc

PROBES = [Probe(suite="s", condition=TextPrompt(text=text)) for text in ("a", "b", "c")]
CALLS: list[list[int]] = []


class Counting(FakeGenerator):
    """Notes the shape of every batch; runs out of memory above ``fits`` images."""

    fits: int = 10_000
    breaks_at: int = 10_000

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:
        with super().open(device) as draw:

            def counted(requests):
                if len(requests) > self.fits:
                    raise OutOfMemory("planted")
                CALLS.append([request.draw.index for request in requests])
                if len(CALLS) > self.breaks_at:
                    raise RuntimeError("planted crash")
                return draw(requests)

            yield counted


class Mean(Scorer):
    """Mean grey value."""

    def columns(self) -> tuple[Column, ...]:
        return (Column(name="mean", kind="number"),)

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        yield lambda views: [[Row({"mean": float(view.pixels.mean())})] for view in views]


class Doubled(Scorer):
    """Twice what another scorer said."""

    of: str = "mean"
    seen: ClassVar[list[int]] = []

    def columns(self) -> tuple[Column, ...]:
        return (Column(name="twice", kind="number"),)

    def requires(self) -> tuple[str, ...]:
        return (self.of,)

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        yield lambda views: [[Row({"twice": 2 * view.given[self.of][0].values["mean"]})] for view in views]


@dataclass
class Bench:
    """Generates and scores into one store, one session at a time."""

    store: RunStore
    scorers: list[tuple[str, Scorer]] = field(default_factory=lambda: [("mean", Mean())])

    def session(self, generator: FakeGenerator, draws: int = 5, *, probes: Sequence[Probe] = PROBES, retry: bool = False):
        planned_scorers = [PlannedScorer(name, scorer, f"sha256:{name:_<8}") for name, scorer in self.scorers]
        names = tuple(name for name, _ in self.scorers)
        wanted = tuple(Wanted(probe, draws) for probe in probes)
        planned = PlannedGenerator("fake", generator, "sha256:12345678", wanted, names, seed=1)
        engine = LocalEngine()
        CALLS.clear()
        try:
            with ScoreStage(planned_scorers, self.store, engine, "cpu") as scoring:
                stage = GenerateStage(
                    planned=planned,
                    store=self.store,
                    engine=engine,
                    device="cpu",
                    needed=lambda records: scoring.needed(names, records),
                    tick=lambda _: None,
                    retry_failed=retry,
                )
                for views in engine.beside(stage.chunks()):
                    scoring.score(names, views)
        finally:
            engine.close()
        return stage, scoring

    def images(self) -> list[str]:
        return [row["image"] for row in self.store.draws("fake-12345678").to_pylist()]

    def scores(self, name: str = "mean") -> dict:
        table = self.store.scores(f"{name}-{name:_<8}")
        return {row["subject"]: row for row in table.to_pylist()}


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(RunStore(tmp_path / "run"))


def test_every_image_is_made_and_scored_once(bench) -> None:
    bench.session(Counting(batch=4))
    assert len(set(bench.images())) == 15
    assert len(bench.scores()) == 15
    bench.store.seal()
    assert bench.store.verify() == []


def test_batches_have_one_shape_and_the_tail_is_padded(bench) -> None:
    bench.session(Counting(batch=4))
    assert [len(call) for call in CALLS] == [4, 4, 4, 4]
    assert bench.store.draws("fake-12345678").num_rows == 15


def test_a_finished_session_draws_and_scores_nothing_again(bench) -> None:
    bench.session(Counting(batch=4))
    stage, scoring = bench.session(Counting(batch=4))
    assert CALLS == []
    assert scoring.costs() == []
    assert stage.cost().images == 0


def test_scores_are_those_of_the_stored_images(bench) -> None:
    bench.session(FakeGenerator(batch=4))
    for row in bench.store.draws("fake-12345678").to_pylist():
        assert bench.scores()[row["image"]]["mean"] == pytest.approx(disc(row["seed"], 64).mean())


def test_more_draws_extend_and_keep_the_earlier_ones(bench) -> None:
    bench.session(Counting(batch=4), draws=2)
    before = {(r["probe"], r["index"]): r["image"] for r in bench.store.draws("fake-12345678").to_pylist()}
    bench.session(Counting(batch=4), draws=5)
    after = {(r["probe"], r["index"]): r["image"] for r in bench.store.draws("fake-12345678").to_pylist()}
    assert len(after) == 15
    assert before.items() <= after.items()


def test_a_crash_keeps_what_was_finished_and_a_resume_equals_one_go(bench, tmp_path) -> None:
    with pytest.raises(GenerationError, match=r"generators\.fake.*RuntimeError: planted crash"):
        bench.session(Counting(batch=4, breaks_at=2))
    assert 0 < bench.store.draws("fake-12345678").num_rows < 15
    bench.session(Counting(batch=4))
    whole = Bench(RunStore(tmp_path / "whole"))
    whole.session(Counting(batch=4))
    assert bench.images() == whole.images()
    assert bench.scores() == whole.scores()


def test_out_of_memory_halves_the_batch_and_goes_on(bench) -> None:
    stage, _ = bench.session(Counting(batch=8, fits=3))
    assert len(set(bench.images())) == 15
    assert {len(call) for call in CALLS} == {2}
    assert stage.notes == ["fake: batch reduced from 8 to 2 after running out of memory"]
    assert set(bench.store.draws("fake-12345678")["batch"].to_pylist()) == {2}


def test_one_image_that_does_not_fit_is_an_error_with_a_remedy(bench) -> None:
    with pytest.raises(GenerationError, match=r"single image does not fit.*smaller"):
        bench.session(Counting(batch=8, fits=0))


def test_outcomes_are_counted_and_not_scored(bench) -> None:
    bench.session(FakeGenerator(batch=4, refuse=3, fail=4))
    rows = bench.store.draws("fake-12345678").to_pylist()
    assert {row["outcome"] for row in rows} == {"made", "refused", "failed"}
    assert all(bool(row["reason"]) == (row["outcome"] != "made") for row in rows)
    assert len(bench.scores()) == sum(row["outcome"] == "made" for row in rows)


def test_failures_are_drawn_again_only_on_request(bench) -> None:
    bench.session(FakeGenerator(batch=4, fail=2))
    failed = bench.images().count("")
    assert failed > 0
    bench.session(Counting(batch=4))
    assert bench.images().count("") == failed
    bench.session(Counting(batch=4), retry=True)
    assert bench.images().count("") == 0


@pytest.mark.parametrize(
    ("products", "words"),
    [
        (lambda n: [disc(1, 8)] * (n - 1), "asked for 4 images, got 3"),
        (lambda n: [np.full((8, 8, 3), np.nan)] * n, r"float64; pixels are uint8"),
        (lambda n: [np.zeros((8, 8), np.uint8)] * n, r"shape \(8, 8\)"),
        (lambda n: [np.zeros((0, 8, 3), np.uint8)] * n, r"shape \(0, 8, 3\)"),
    ],
)
def test_a_generator_that_breaks_its_promise_stops_the_run(bench, products, words: str) -> None:
    class Broken(FakeGenerator):
        @contextmanager
        def open(self, device: str) -> Iterator[DrawBatch]:
            yield lambda requests: products(len(requests))

    with pytest.raises(GenerationError, match=words):
        bench.session(Broken(batch=4))


def test_bytes_from_outside_are_kept_as_they_came_and_garbage_is_a_failure(bench) -> None:
    class Posted(FakeGenerator):
        def fixed_block(self) -> bool:
            return False

        @contextmanager
        def open(self, device: str) -> Iterator[DrawBatch]:
            yield lambda requests: [Encoded(b"garbage" if r.draw.seed % 2 else webp) for r in requests]

    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(disc(3, 32)).save(buffer, "WEBP", lossless=True)
    webp = buffer.getvalue()
    bench.session(Posted(batch=4))
    rows = bench.store.draws("fake-12345678").to_pylist()
    made = [row for row in rows if row["outcome"] == "made"]
    assert made
    assert all(row["codec"] == "webp" for row in made)
    assert bench.store.get_image(bench.store.image_refs[made[0]["image"]]) == webp
    assert all("cannot be decoded" in row["reason"] for row in rows if row["outcome"] == "failed")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (lambda views: [[Row({"mean": float("nan")})] for _ in views], "not a finite number"),
        (lambda views: [[Row({"other": 1.0})] for _ in views], "does not declare: other"),
        (lambda views: [[Row({"mean": "much"})] for _ in views], "not a finite number"),
        (lambda views: [[] for _ in views], "first row must be the whole image's"),
        (lambda views: [], "was given .* images and scored 0"),
        (lambda views: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_scorer_that_breaks_its_promise_stops_the_run_and_keeps_the_images(bench, said, words: str) -> None:
    class Broken(Mean):
        @contextmanager
        def open(self, device: str) -> Iterator[ScoreBatch]:
            yield said

    bench.scorers = [("mean", Broken())]
    with pytest.raises(ScoringError, match=words):
        bench.session(FakeGenerator(batch=4))
    assert bench.store.draws("fake-12345678").num_rows > 0


def test_a_scorer_added_later_reads_what_it_requires_from_the_store(bench) -> None:
    bench.session(FakeGenerator(batch=4))
    bench.scorers.append(("doubled", Doubled()))
    _, scoring = bench.session(Counting(batch=4))
    assert CALLS == []
    assert set(scoring.images) == {"doubled"}
    for subject, row in bench.scores("doubled").items():
        assert row["twice"] == pytest.approx(2 * bench.scores()[subject]["mean"])


def test_abstentions_keep_their_reason(bench) -> None:
    class Shy(Mean):
        @contextmanager
        def open(self, device: str) -> Iterator[ScoreBatch]:
            yield lambda views: [[Row({"mean": Abstained(reason="too plain")})] for _ in views]

    bench.scorers = [("mean", Shy())]
    bench.session(FakeGenerator(batch=4))
    assert {(row["mean"], row["mean:why"]) for row in bench.scores().values()} == {(None, "too plain")}


def test_memory_holds_a_few_chunks_only(bench) -> None:
    alive: list[int] = []

    class Slow(Mean):
        @contextmanager
        def open(self, device: str) -> Iterator[ScoreBatch]:
            def score(views: Sequence[View]):
                alive.append(len(CALLS) * 4)
                return [[Row({"mean": 0.0})] for _ in views]

            yield score

    bench.scorers = [("mean", Slow())]
    bench.session(Counting(batch=4), draws=100)
    seen = 0
    for drawn in alive:
        seen += 32
        assert drawn <= seen + 3 * 32


def test_halving_keeps_order_and_settles_on_what_fits() -> None:
    def work(piece: list[int], size: int) -> list[int]:
        if len(piece) > 3:
            raise OutOfMemory("planted")
        return [item * 10 for item in piece]

    assert halving(work, list(range(10)), 8) == ([item * 10 for item in range(10)], 2)


def test_an_error_beside_reaches_the_reader_and_ends_the_thread() -> None:
    engine = LocalEngine()

    def stream() -> Iterator[int]:
        yield 1
        raise ValueError("planted")

    with pytest.raises(ValueError, match="planted"):
        list(engine.beside(stream()))
    engine.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "imgaudit-beside"]


def test_a_reader_that_stops_ends_the_thread_beside() -> None:
    engine = LocalEngine()

    def endless() -> Iterator[int]:
        while True:
            yield 1

    def read_one() -> None:
        for _ in engine.beside(endless()):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_one()
    engine.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "imgaudit-beside"]


def test_components_without_parameters_check_nothing() -> None:
    assert Component().check() is None
    assert Component().packs() == ()


class Prompted(Mean):
    """Scores a draw rather than an image."""

    subject: ClassVar[str] = "draw"


def test_another_image_of_a_draw_is_scored_anew(bench) -> None:
    bench.scorers = [("prompted", Prompted())]
    bench.session(FakeGenerator(batch=4, side=64))
    table = bench.store.draws("fake-12345678")
    redrawn = Bench(RunStore(bench.store.path), bench.scorers)
    for path in (Path(bench.store.path) / "draws").rglob("*.parquet"):
        path.unlink()
    redrawn.session(FakeGenerator(batch=4, side=32))  # as a new library version would: other images, same draws
    rows = redrawn.store.draws("fake-12345678")
    scores = redrawn.scores("prompted")
    for row in rows.to_pylist():
        key = draw_key(row["generator"], row["probe"], row["index"], row["image"])
        assert scores[key]["mean"] == pytest.approx(disc(row["seed"], 32).mean())
    joined = ScoreTable(
        rows, {probe.id: probe for probe in PROBES}, {"prompted": redrawn.store.scores("prompted-prompted")}
    )
    assert joined.values("prompted.mean").present.all()
    assert set(rows["image"].to_pylist()).isdisjoint(table["image"].to_pylist())


def test_a_refusal_stays_once_a_failure_was_drawn_again(bench) -> None:
    bench.session(FakeGenerator(batch=4, fail=1))
    bench.session(FakeGenerator(batch=4, refuse=1), retry=True)
    assert set(bench.store.draws("fake-12345678")["outcome"].to_pylist()) == {"refused"}
    bench.session(Counting(batch=4, fail=1), retry=True)
    assert CALLS == []


def test_required_scores_of_an_image_that_comes_again_are_found(bench) -> None:
    class Same(FakeGenerator):
        """Every draw of odd index gives one and the same image."""

        @contextmanager
        def open(self, device: str) -> Iterator[DrawBatch]:
            yield lambda requests: [disc(r.draw.seed if r.draw.index % 2 else 7, 16) for r in requests]

    bench.scorers.append(("doubled", Doubled()))
    bench.session(Same(batch=4), draws=40)
    assert len(bench.scores("doubled")) == len(bench.scores())


def test_what_was_drawn_before_a_crash_is_kept(bench) -> None:
    with pytest.raises(GenerationError):
        bench.session(Counting(batch=4, breaks_at=3))
    assert bench.store.draws("fake-12345678").num_rows == 12


def test_each_image_records_the_batch_that_it_was_drawn_in(bench) -> None:
    class Tiring(Counting):
        @contextmanager
        def open(self, device: str) -> Iterator[DrawBatch]:
            with super().open(device) as draw:

                def tired(requests):
                    if len(CALLS) >= 1 and len(requests) > 2:
                        raise OutOfMemory("planted")
                    return draw(requests)

                yield tired

    bench.session(Tiring(batch=8))
    rows = bench.store.draws("fake-12345678").to_pylist()
    assert sorted(row["batch"] for row in rows) == [2] * 7 + [8] * 8


@pytest.mark.parametrize("part", ["generator", "scorer"])
def test_a_plugin_that_does_not_open_is_named(bench, part: str) -> None:
    class Shut(FakeGenerator):
        @contextmanager
        def open(self, device: str) -> Iterator[DrawBatch]:
            raise RuntimeError("no such layer")
            yield

    class ShutScorer(Mean):
        @contextmanager
        def open(self, device: str) -> Iterator[ScoreBatch]:
            raise RuntimeError("no such layer")
            yield

    if part == "scorer":
        bench.scorers = [("mean", ShutScorer())]
    wrong = GenerationError if part == "generator" else ScoringError
    with pytest.raises(wrong, match=r"does not open \(RuntimeError: no such layer\)"):
        bench.session(Shut(batch=4) if part == "generator" else FakeGenerator(batch=4))
