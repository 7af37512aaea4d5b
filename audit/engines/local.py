"""The local engine: threads beside one device.

Work for a device takes its turn under a lock, so that drawing and scoring on one device do not fight for its cores and
on two devices overlap. Encoding, decoding and writing run in a thread pool beside it. Nothing here knows what the work is.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from audit.errors import OutOfMemory

__all__ = ["Cancelled", "LocalEngine", "halving"]

T = TypeVar("T")
R = TypeVar("R")

POLL_SECONDS = 0.1
LEAVE_SECONDS = 10.0
"""How long a batch in flight may take to finish when the run is stopped; an API that never answers is left behind."""


class Cancelled(Exception):
    """The run is being stopped; raised where a stage would wait."""


class _End:
    """Marks the end of a stream, with the error that ended it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class LocalEngine:
    """Threads and device locks of one run.

    Args:
        workers: threads for encoding, decoding and writing.
    """

    def __init__(self, workers: int = 4) -> None:
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="imgaudit")
        self.ahead = 2 * workers
        self._stop = threading.Event()
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    @contextmanager
    def device(self, name: str) -> Iterator[None]:
        """Hold a device: one piece of work at a time runs on it. An empty name holds nothing."""
        if not name:
            yield
            return
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        while not lock.acquire(timeout=POLL_SECONDS):
            self.checkpoint()
        try:
            yield
        finally:
            lock.release()

    def checkpoint(self) -> None:
        """Leave here if the run is being stopped."""
        if self._stop.is_set():
            raise Cancelled

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Map in the pool, in order, with a bounded number in flight."""
        flying: deque[Future[R]] = deque()
        for item in items:
            flying.append(self.pool.submit(function, item))
            if len(flying) >= self.ahead:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()

    def beside(self, stream: Iterable[R], depth: int = 1) -> Iterator[R]:
        """Run a stream in a thread of its own, at most ``depth`` items ahead of who reads it."""
        ready: queue.Queue[R | _End] = queue.Queue(maxsize=depth)

        def fill() -> None:
            error: BaseException | None = None
            try:
                for item in stream:
                    self._put(ready, item)
            except BaseException as caught:  # handed to the reader, which raises it
                error = caught
            finally:
                self._end(ready, error)

        thread = threading.Thread(target=fill, name="imgaudit-beside", daemon=True)
        thread.start()
        try:
            while not isinstance(item := self._get(ready, thread), _End):
                yield item
            if item.error is not None:
                raise item.error
        except BaseException:
            self._stop.set()
            raise
        finally:
            thread.join(timeout=LEAVE_SECONDS if self._stop.is_set() else 0)

    def _put(self, ready: "queue.Queue[R | _End]", item: R) -> None:
        while True:
            self.checkpoint()
            try:
                ready.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return

    def _end(self, ready: "queue.Queue[R | _End]", error: BaseException | None) -> None:
        while True:
            try:
                ready.put(_End(error), timeout=POLL_SECONDS)
            except queue.Full:
                if self._stop.is_set():
                    return
                continue
            return

    @staticmethod
    def _get(ready: "queue.Queue[R | _End]", thread: threading.Thread) -> "R | _End":
        """The next item or the end; a thread that died without an end must not look like one that finished."""
        while True:
            try:
                return ready.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if not thread.is_alive() and ready.empty():
                    raise Cancelled("the run was stopped before its stream ended") from None

    def close(self) -> None:
        """Stop all threads: what is being written is finished, what waits is dropped."""
        self._stop.set()
        self.pool.shutdown(wait=True, cancel_futures=True)


def halving(work: Callable[[list[T], int], list[R]], items: list[T], size: int) -> tuple[list[R], int]:
    """Do work in pieces of at most ``size``, halving it whenever the device runs out of memory.

    Args:
        work: is given a piece and the size in force.

    Returns:
        The results in order and the size that worked, so that the next batch starts with it.

    Raises:
        OutOfMemory: not even one item fits.

    >>> halving(lambda piece, size: [x * 2 for x in piece], [1, 2, 3], 2)
    ([2, 4, 6], 2)
    """
    results: list[R] = []
    while len(results) < len(items):
        try:
            results.extend(work(items[len(results) : len(results) + size], size))
        except OutOfMemory:
            if size == 1:
                raise
            size = (size + 1) // 2
    return results, size
