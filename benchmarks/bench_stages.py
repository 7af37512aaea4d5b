"""Images per second of what lies between plugins: encoding, storing, decoding, both stages on plugins that cost little."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit.component import Column, DrawBatch, Request, Row, ScoreBatch, Scorer, View
from audit.digest import bytes_digest
from audit.engines.local import LocalEngine
from audit.generate import GenerateStage
from audit.images import Pixels, decode, encode_png
from audit.plan import CHUNK, PlannedGenerator, PlannedScorer, Wanted
from audit.records import Probe, TextPrompt
from audit.score import ScoreStage
from audit.store import RunStore
from audit.testing import FakeGenerator, draw_requests
from benchmarks.devices import ON_CPU
from benchmarks.pictures import Codec, encoded, picture

SIDE = 512
IMAGES = 8
PROBE = Probe(suite="bench", condition=TextPrompt(text="a picture"))
KEY = "sha256:" + 64 * "0"


class Pictures(FakeGenerator):
    """Gives one picture, a grey level apart for each seed: no two images are equal, and none costs anything to draw."""

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:  # noqa: ARG002
        """Make the picture."""
        base = picture(0, self.side)

        def draw(requests: Sequence[Request]) -> list[Pixels]:
            return [base ^ np.uint8(request.draw.index % 256) for request in requests]

        yield draw


class Nothing(Scorer):
    """Gives a number and a vector without looking."""

    def columns(self) -> tuple[Column, ...]:
        """One of each."""
        return Column("number", "number"), Column("vector", "vector")

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:  # noqa: ARG002
        """Nothing to load."""
        row = Row({"number": 0.5, "vector": np.zeros(1280, np.float32)})
        yield lambda views: [[row] for _ in views]


@pytest.fixture
def fresh_store(tmp_path: Path) -> Callable[[], RunStore]:
    """A store in an empty folder, another one at each call."""
    number = count()
    return lambda: RunStore(tmp_path / f"run-{next(number)}")


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    """Different pictures of 512 pixels."""
    return [picture(seed, SIDE) for seed in range(IMAGES)]


@ON_CPU
def test_encode_and_store_png_512px(throughput: Any, pictures: list[Pixels], fresh_store: Callable[[], RunStore]) -> None:
    """One thread."""

    def work(store: RunStore) -> None:
        for pixels in pictures:
            store.put_image(encode_png(pixels), "png")

    throughput(work, images=IMAGES, prepare=fresh_store)


@ON_CPU
@pytest.mark.parametrize("codec", ["jpg", "png"])
def test_decode_512px(throughput: Any, pictures: list[Pixels], codec: Codec) -> None:
    """One thread."""
    files = [encoded(pixels, codec) for pixels in pictures]
    throughput(lambda: [decode(data, "bench") for data in files], images=IMAGES)


@ON_CPU
@pytest.mark.parametrize("side", [64, 512])
def test_generate_stage(throughput: Any, fresh_store: Callable[[], RunStore], side: int) -> None:
    """Everything but drawing: encoding, storing and handing on, in the engine's threads."""
    images = 4 * CHUNK

    def work(store: RunStore) -> None:
        planned = PlannedGenerator("pictures", Pictures(side=side), KEY, (Wanted(PROBE, images),), (), seed=0)
        engine = LocalEngine()
        stage = GenerateStage(planned, store, engine, "cpu", needed=lambda _: True, tick=lambda _: None)
        try:
            seen = sum(len(views) for views in stage.chunks())
        finally:
            engine.close()
        assert seen == images

    throughput(work, images=images, prepare=fresh_store)


@ON_CPU
def test_score_stage(throughput: Any, fresh_store: Callable[[], RunStore]) -> None:
    """Everything but scoring: a number and a vector of 1280 to Parquet."""
    pixels = picture(0, 64)
    views = [
        View(pixels, bytes_digest(str(i).encode()), "png", request.draw, request.probe)
        for i, request in enumerate(draw_requests(PROBE, 4 * CHUNK))
    ]

    def work(store: RunStore) -> None:
        engine = LocalEngine()
        try:
            with ScoreStage([PlannedScorer("nothing", Nothing(), KEY)], store, engine, "cpu") as stage:
                for start in range(0, len(views), CHUNK):
                    stage.score(["nothing"], views[start : start + CHUNK])
        finally:
            engine.close()

    throughput(work, images=len(views), prepare=fresh_store)
