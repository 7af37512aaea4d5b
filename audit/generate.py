"""Stage one: draws to stored images. What is stored already is not drawn again."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audit.component import DrawBatch, Encoded, OnDisk, Product, Request, View
from audit.digest import bytes_digest
from audit.engines.local import Cancelled, LocalEngine, halving
from audit.environment import device_name, peak_bytes
from audit.errors import AuditError, GenerationError, InputError, OutOfMemory, StoreError
from audit.images import Pixels, decode, encode_png
from audit.plan import PlannedGenerator
from audit.records import Cost, Failed, ImageRecord, Made, Outcome
from audit.store import ImageRef, RunStore

__all__ = ["Drawing", "GenerateStage"]

log = logging.getLogger(__name__)

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A stored draw, with its pixels where an image was made."""

    record: ImageRecord
    request: Request
    location: str = ""
    pixels: Pixels | None = None


@dataclass(frozen=True, slots=True)
class _Drawn:
    """How a block was drawn."""

    seconds: float
    """Share of each image."""
    batch: int
    """Rows drawn together."""


@dataclass
class GenerateStage:
    """Draws the images of one generator and hands them on in chunks, as soon as the store has them.

    Attributes:
        needed: says for a chunk of stored records whether its pixels are wanted (some scorer has not seen them).
        retry_failed: draw again what failed in an earlier session.
        may_draw: False where only stored images are wanted; a missing one is then an error.
    """

    planned: PlannedGenerator
    store: RunStore
    engine: LocalEngine
    device: str
    needed: Callable[[Sequence[ImageRecord]], bool]
    tick: Callable[[int], None]
    retry_failed: bool = False
    may_draw: bool = True
    notes: list[str] = field(default_factory=list)
    _seconds: float = 0.0
    _drawn: int = 0
    _size: int = 0
    _held: str = ""
    _worked_on: str = ""
    _table: pa.Table = None
    _rows: dict[Key, int] = field(default_factory=dict)

    def chunks(self) -> Iterator[list[View]]:
        """Views of every chunk that some scorer wants to see; missing draws are made on the way."""
        component = self.planned.component
        self._size = component.batch
        self._held = self.device if component.fixed_block() else ""
        self._worked_on = f"{self._held}: {device_name(self._held)}" if self._held else "none"
        self._read_stored()
        with ExitStack() as stack:
            draw: DrawBatch | None = None
            for chunk in self.planned.chunks():
                self.engine.checkpoint()
                missing = [block for block in chunk if any(_key(r) not in self._rows for r in block)]
                if missing and draw is None:
                    draw = self._opened(stack)
                fresh: dict[Key, Drawing] = {}
                for block in self._drawn_blocks(draw, missing) if draw else ():
                    fresh |= {_key(drawing.request): drawing for drawing in block}
                self.tick(sum(_key(r) in self._rows for block in chunk for r in block))
                yield from self._views([request for block in chunk for request in block], fresh)
        self.store.compact(f"draws/{self.planned.folder}")

    def _opened(self, stack: ExitStack) -> DrawBatch:
        if not self.may_draw:
            raise StoreError(f"generators.{self.planned.name}: some images are not drawn yet; finish with `imgaudit run`")
        try:
            with self.engine.device(self._held):
                return stack.enter_context(self.planned.component.open(self.device))
        except (AuditError, Cancelled):
            raise
        except Exception as error:
            name = f"generators.{self.planned.name}"
            raise GenerationError(f"{name}: does not open ({type(error).__name__}: {error})") from error

    def cost(self) -> Cost:
        """What drawing took, without encoding and storing beside it."""
        return Cost(
            stage="generate",
            name=self.planned.name,
            images=self._drawn,
            seconds=self._seconds,
            device=self._held or "cpu",
            device_bytes=peak_bytes(self._held or "cpu"),
        )

    def _read_stored(self) -> None:
        self._table = self.store.draws(self.planned.folder)
        if self.retry_failed:
            self._table = self._table.filter(pc.not_equal(self._table["outcome"], "failed"))
        keys = zip(self._table["probe"].to_pylist(), self._table["index"].to_pylist(), strict=True)
        self._rows = {key: row for row, key in enumerate(keys)}

    def _stored(self, request: Request) -> Drawing:
        row = self._table.slice(self._rows[_key(request)], 1).to_pylist()[0]
        return Drawing(_record(row), request, row["location"])

    def _views(self, requests: list[Request], fresh: dict[Key, Drawing]) -> Iterator[list[View]]:
        drawings = [fresh.get(_key(request)) or self._stored(request) for request in requests]
        if not fresh and not self.needed([drawing.record for drawing in drawings]):
            return
        made = [drawing for drawing in drawings if isinstance(drawing.record.outcome, Made)]
        views = list(self.engine.map(self._view, made))
        if views:
            yield views

    def _view(self, drawing: Drawing) -> View:
        outcome = drawing.record.outcome
        assert isinstance(outcome, Made)
        ref = ImageRef(outcome.image, outcome.codec, drawing.location)
        pixels = drawing.pixels
        if pixels is None:
            pixels = decode(self.store.get_image(ref), drawing.location or outcome.image).pixels
        return View(
            pixels=pixels,
            image=outcome.image,
            codec=outcome.codec,
            draw=drawing.record.draw,
            probe=drawing.request.probe,
            asked=self.planned.component.asked_size(),
            file=lambda: self.store.get_image(ref),
        )

    def _drawn_blocks(self, draw: DrawBatch, blocks: list[list[Request]]) -> Iterator[list[Drawing]]:
        """Draw blocks one after the other; while one is drawn, the one before is encoded and written."""
        flying: deque[list[Future[Drawing]]] = deque()
        try:
            for block in blocks:
                flying.append(self._draw_block(draw, block))
                if len(flying) > 1:
                    yield self._finish(flying.popleft())
            while flying:
                yield self._finish(flying.popleft())
        except AuditError:
            while flying:  # what was drawn before the error is kept: it may have been paid for
                self._finish(flying.popleft())
            raise

    def _draw_block(self, draw: DrawBatch, block: list[Request]) -> list[Future[Drawing]]:
        missing = [request for request in block if _key(request) not in self._rows]
        asked = block if self._held else missing
        with self.engine.device(self._held):
            started = time.perf_counter()
            products, size = self._products(draw, asked)
            seconds = time.perf_counter() - started
        if size < self._size:
            note = f"{self.planned.name}: batch reduced from {self._size} to {size} after running out of memory"
            log.warning(note)
            self.notes.append(note)
            self._size = size
        self._seconds += seconds
        self._drawn += len(asked)
        drawn = _Drawn(seconds / len(asked), min(size, len(asked)) if not self._held else size)
        pairs = [(r, p) for r, p in zip(asked, products, strict=True) if _key(r) not in self._rows]
        return [self.engine.pool.submit(self._keep, request, product, drawn) for request, product in pairs]

    def _products(self, draw: DrawBatch, asked: list[Request]) -> tuple[list[Product], int]:
        name = f"generators.{self.planned.name}"
        try:
            return halving(lambda part, size: self._call(draw, part, size), asked, self._size)
        except OutOfMemory as error:
            raise GenerationError(
                f"{name}: a single image does not fit into memory ({error}); draw smaller images or use its offload options"
            ) from error
        except AuditError:
            raise
        except Exception as error:
            raise GenerationError(f"{name}: the plugin failed ({type(error).__name__}: {error})") from error

    def _call(self, draw: DrawBatch, part: list[Request], size: int) -> list[Product]:
        padded = [*part, *[part[-1]] * (size - len(part))] if self._held else part
        products = list(draw(padded))
        if len(products) != len(padded):
            raise GenerationError(
                f"generators.{self.planned.name}: asked for {len(padded)} images, got {len(products)}; the plugin is broken"
            )
        return products[: len(part)]

    def _keep(self, request: Request, product: Product, drawn: _Drawn) -> Drawing:
        """Store one product; runs beside the device."""
        outcome, location, pixels = self._outcome(product)
        record = ImageRecord(
            draw=request.draw, outcome=outcome, seconds=drawn.seconds, device=self._worked_on, batch=drawn.batch
        )
        return Drawing(record, request, location, pixels)

    def _outcome(self, product: Product) -> tuple[Outcome, str, Pixels | None]:
        name = self.planned.name
        if isinstance(product, np.ndarray):
            _check_pixels(product, name)
            image = self.store.put_image(encode_png(product), "png")
            return Made(image=image, width=product.shape[1], height=product.shape[0], codec="png"), "", product
        if isinstance(product, Encoded | OnDisk):
            location = str(product.path) if isinstance(product, OnDisk) else ""
            try:
                decoded = decode(product.data, location or f"generators.{name}")
            except InputError as error:
                return Failed(reason=f"cannot be decoded: {error}"), "", None
            image = bytes_digest(product.data) if location else self.store.put_image(product.data, decoded.codec)
            height, width = decoded.pixels.shape[:2]
            note = product.note if isinstance(product, Encoded) else ""
            return Made(image=image, width=width, height=height, codec=decoded.codec, note=note), location, decoded.pixels
        return product, "", None

    def _finish(self, futures: list[Future[Drawing]]) -> list[Drawing]:
        drawings = [future.result() for future in futures]
        self.store.append_draws(self.planned.folder, [(d.record, d.location) for d in drawings])
        self.tick(len(drawings))
        return drawings


def _key(request: Request) -> Key:
    return request.draw.probe, request.draw.index


def _check_pixels(pixels: Pixels, name: str) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise GenerationError(
            f"generators.{name}: an image of shape {pixels.shape} and type {pixels.dtype}; "
            "pixels are uint8 of shape (height, width, 3)"
        )


def _record(row: dict[str, object]) -> ImageRecord:
    """An ``ImageRecord`` from its flat row."""
    draw = {name: row[name] for name in ("generator", "probe", "index", "seed")}
    fields = ("image", "width", "height", "codec") if row["outcome"] == "made" else ("reason",)
    outcome = {"outcome": row["outcome"], **{name: row[name] for name in fields}}
    outcome |= {"note": row["reason"]} if row["outcome"] == "made" else {}
    rest = {name: row[name] for name in ("seconds", "device", "batch")}
    return ImageRecord.model_validate({"draw": draw, "outcome": outcome, **rest})
