"""Fixture ``throughput``: how many images a second, and at what cost in reference workloads."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from benchmarks.baseline import Measurement
from benchmarks.reference import reference
from benchmarks.stopwatch import Stopwatch, UnsynchronisedReading

LEAST_ROUNDS, MOST_ROUNDS = 3, 40


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long each benchmark runs."""
    parser.addoption("--seconds", type=float, default=3.0, help="seconds that each benchmark runs, reference work apart")


@pytest.fixture
def throughput(benchmark: Any, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Any:
    """``throughput(work, images=n)`` times ``work()``, which makes or looks at n images.

    With ``prepare``, whatever that gives is handed to each round of ``work``; preparing is not timed. One or two rounds
    of warm-up come first. Before and after every round the reference workload is timed, so that a machine that gets
    busy half-way changes both.
    """
    watch = _stopwatch(request)
    seconds = request.config.getoption("--seconds")

    def run(work: Callable[..., object], *, images: int, prepare: Callable[[], object] | None = None) -> None:
        run_reference = reference(watch)
        readings: list[float] = []

        def arguments() -> tuple[object, ...]:
            return (prepare(),) if prepare else ()

        def before_round() -> tuple[tuple[object, ...], dict[str, object]]:
            given = arguments()
            readings.append(run_reference())
            return given, {}

        once = _warm_up(lambda: partial(work, *arguments()), watch, seconds)
        rounds = min(MOST_ROUNDS, max(LEAST_ROUNDS, int(seconds / once)))
        benchmark.pedantic(work, setup=before_round, rounds=rounds, iterations=1)
        if benchmark.stats is None:  # pytest-benchmark was told to be off
            return
        readings.append(run_reference())
        timed = tuple(benchmark.stats.stats.data)
        record_property("measurement", Measurement(_name(request), images, timed, tuple(readings)))

    return run


def _warm_up(prepared: Callable[[], Callable[[], object]], watch: Stopwatch, seconds: float) -> float:
    """Seconds of the last of the rounds that do not count: two, or one where that took long enough."""
    first, _ = watch.time(prepared())
    return first if first > seconds else watch.time(prepared())[0]


def _stopwatch(request: pytest.FixtureRequest) -> Stopwatch:
    """The timer that pytest-benchmark was given by the row's marker, which must be one that synchronises."""
    marker = request.node.get_closest_marker("benchmark")
    timer = marker.kwargs.get("timer") if marker else None
    if not isinstance(timer, Stopwatch):
        raise UnsynchronisedReading(
            f"{request.node.nodeid}: its timer is {timer!r}, which does not wait for the device; "
            "mark it with @pytest.mark.benchmark(timer=stopwatch(device))"
        )
    return timer


def _name(request: pytest.FixtureRequest) -> str:
    """``generators/fake[cpu]`` for ``test_fake[cpu]`` in ``bench_generators.py``."""
    group = request.node.path.stem.removeprefix("bench_")
    return f"{group}/{request.node.name.removeprefix('test_')}"
