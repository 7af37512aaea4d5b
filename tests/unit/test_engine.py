"""The local engine: who holds a device, and how a stream beside ends."""

import threading
import time
from collections.abc import Iterator

import pytest

from audit.engines.local import Cancelled, LocalEngine


@pytest.mark.parametrize(("devices", "most"), [(("cuda:0",), 1), (("cuda:0", "cuda:1"), 2), (("",), 4)])
def test_a_device_is_held_by_one_piece_of_work_at_a_time(devices: tuple[str, ...], most: int) -> None:
    engine = LocalEngine(workers=4)
    inside = 0
    together: list[int] = []
    guard = threading.Lock()

    def work(item: int) -> None:
        nonlocal inside
        with engine.device(devices[item % len(devices)]):
            with guard:
                inside += 1
                together.append(inside)
            time.sleep(0.05)
            with guard:
                inside -= 1

    list(engine.map(work, range(12)))
    engine.close()
    assert max(together) <= most
    assert max(together) > 1 or most == 1


def test_a_device_that_is_held_does_not_keep_a_run_from_being_stopped() -> None:
    engine = LocalEngine()
    waiting = threading.Event()
    left: list[type[BaseException]] = []

    def wait() -> None:
        waiting.set()
        try:
            with engine.device("cpu"):
                pass
        except Cancelled as error:
            left.append(type(error))

    thread = threading.Thread(target=wait)
    with engine.device("cpu"):
        thread.start()
        waiting.wait()
        engine.close()
        thread.join(timeout=5)
    assert left == [Cancelled]


def test_a_stream_that_was_cut_short_is_not_taken_for_a_finished_one() -> None:
    engine = LocalEngine()

    def endless() -> Iterator[int]:
        while True:
            yield 1

    reader = iter(engine.beside(endless()))
    assert next(reader) == 1
    engine.close()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "imgaudit-beside"]
    thread.join(timeout=5)
    assert not thread.is_alive()
    with pytest.raises(Cancelled):
        list(reader)


def test_the_order_of_a_map_is_that_of_its_items() -> None:
    engine = LocalEngine(workers=4)

    def slow_at_first(item: int) -> int:
        time.sleep(0.02 / (item + 1))
        return item

    assert list(engine.map(slow_at_first, range(20))) == list(range(20))
    engine.close()
