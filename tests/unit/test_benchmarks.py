"""The stopwatch refuses flattering readings; regressions are told from noise."""

import json
import math
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from audit.images import decode
from benchmarks.__main__ import main
from benchmarks.baseline import BUDGET, Baseline, Measurement, Row, compare, summary
from benchmarks.pictures import encoded, image_folder, picture
from benchmarks.reference import reference
from benchmarks.stopwatch import Cpu, Stopwatch, UnsynchronisedReading, stopwatch

ROOT = Path(__file__).parents[2]
ALONE = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
"""Environment without the marks of a parallel test run, under which nothing can be timed."""
SECONDS = 0.05


class Asynchronous:
    """Takes work, answers at once and is done 50 ms later, as a GPU is."""

    name = "fake"

    def __init__(self) -> None:
        self._done = threading.Event()
        self._done.set()

    def launch(self) -> None:
        self._done.clear()
        threading.Timer(SECONDS, self._done.set).start()

    def synchronize(self) -> None:
        self._done.wait()

    def idle(self) -> bool:
        return self._done.is_set()


# ------------------------------------------------------------------------------------------------- the stopwatch


def test_the_stopwatch_waits_for_the_device_where_a_plain_clock_does_not() -> None:
    device = Asynchronous()
    started = time.perf_counter()
    device.launch()
    assert time.perf_counter() - started < SECONDS / 2
    device.synchronize()
    seconds, _ = Stopwatch(device).time(device.launch)
    assert seconds >= SECONDS


def test_a_reading_without_a_synchronise_is_refused() -> None:
    watch = Stopwatch(Asynchronous())
    with pytest.raises(UnsynchronisedReading, match="fake: the clock was read without a synchronise before it"):
        watch.read()


def test_one_synchronise_is_good_for_one_reading() -> None:
    watch = Stopwatch(Asynchronous())
    watch.synchronize()
    watch.read()
    with pytest.raises(UnsynchronisedReading, match="without a synchronise"):
        watch.read()


def test_work_given_to_the_device_after_the_synchronise_is_found() -> None:
    device = Asynchronous()
    watch = Stopwatch(device)
    watch.synchronize()
    device.launch()
    with pytest.raises(UnsynchronisedReading, match="still at work"):
        watch.read()


def test_a_device_that_claims_to_have_synchronised_is_not_believed() -> None:
    class Liar(Asynchronous):
        def synchronize(self) -> None:
            return

    device = Liar()
    device.launch()
    with pytest.raises(UnsynchronisedReading, match="still at work"):
        Stopwatch(device)()


def test_the_cpu_needs_the_same_discipline() -> None:
    with pytest.raises(UnsynchronisedReading, match="cpu"):
        stopwatch("cpu").read()
    assert stopwatch("cpu").time(lambda: time.sleep(0.01))[0] >= 0.01
    assert stopwatch("cuda:1").device.name == "cuda:1"


SUITE = """
import time
import pytest
from benchmarks.stopwatch import stopwatch

def test_without(throughput):
    throughput(lambda: None, images=1)

@pytest.mark.benchmark(timer=time.perf_counter)
def test_plain_clock(throughput):
    throughput(lambda: None, images=1)

@pytest.mark.benchmark(timer=stopwatch("cpu"))
def test_right(throughput):
    throughput(lambda: None, images=1)
"""


def test_a_benchmark_with_another_timer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bench_planted.py").write_text(SUITE)
    options = ["-q", "-p", "benchmarks.conftest", "--rootdir", str(tmp_path), "--seconds", "0.001", "--benchmark-quiet"]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path / "bench_planted.py")]
    done = subprocess.run(command, cwd=ROOT, env=ALONE, capture_output=True, text=True)
    assert re.search("1 passed, .*2 errors", done.stdout), done.stdout + done.stderr
    assert "test_plain_clock: its timer is <built-in function perf_counter>, which does not wait" in done.stdout
    assert "test_without: its timer is None" in done.stdout


# ------------------------------------------------------------------------------------------------ regressions


def row(cost: float, spread: float = 0.0, budget: float = BUDGET) -> Row:
    return Row(images_per_second=1 / cost, cost=cost, spread=spread, rounds=9, budget=budget)


def rounds(seed: int, *, slower: float = 1.0, noise: float = 0.05, busy: bool = False, n: int = 15) -> Measurement:
    """Rounds of 8 images at 0.1 s each on a machine that may become three times slower half-way."""
    rng = np.random.default_rng(seed)
    load = np.where(busy & (np.arange(n + 1) > n // 2), 3.0, 1.0)
    jitter = rng.normal(1, noise, 2 * n + 1).clip(0.5)
    seconds = 0.8 * slower * load[1:] * jitter[:n]
    return Measurement("row", 8, tuple(seconds), tuple(0.02 * load * jitter[n:]))


def state(now: Row, then: Row) -> str:
    (compared,) = compare({"row": now}, {"row": then})
    return compared.state


def test_a_cost_is_counted_in_reference_workloads_an_image() -> None:
    found = summary(Measurement("row", images=4, seconds=(2.0, 4.0, 3.0), reference=(0.5, 0.5, 0.5, 0.5)))
    assert (found.cost, found.spread, found.rounds) == (1.5, 0.5, 3)
    assert found.images_per_second == pytest.approx(4 / 3, rel=1e-3)


def test_a_machine_that_gets_busy_half_way_costs_no_more() -> None:
    quiet, busy = summary(rounds(1)), summary(rounds(1, busy=True))
    assert busy.images_per_second < quiet.images_per_second * 0.95
    assert busy.cost == pytest.approx(quiet.cost, rel=0.05)


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_regression_and_half_as_slow_again_is_one(seed: int) -> None:
    then = summary(rounds(seed))
    assert state(summary(rounds(100 + seed)), then) == "ok"
    assert state(summary(rounds(100 + seed, slower=1.5)), then) == "SLOWER"
    assert state(summary(rounds(100 + seed, slower=1 / 2)), then) == "faster"


def test_what_the_noise_can_explain_is_not_called_a_regression() -> None:
    assert state(row(1.5, spread=0.3), row(1.0, spread=0.2)) == "ok"
    assert state(row(1.5, spread=0.02), row(1.0, spread=0.02)) == "SLOWER"
    (compared,) = compare({"row": row(1.5, spread=0.3)}, {"row": row(1.0, spread=0.2)})
    assert compared.limit == pytest.approx(math.exp(3 * 1.4826 * math.hypot(0.2, 0.2)))


def test_each_row_has_its_own_budget() -> None:
    assert state(row(1.2), row(1.0, budget=1.1)) == "SLOWER"
    assert state(row(1.2), row(1.0, budget=1.3)) == "ok"


def test_rows_without_a_partner_are_named() -> None:
    states = {one.name: one.state for one in compare({"a": row(1), "b": row(1)}, {"b": row(1), "c": row(1)})}
    assert states == {"a": "new", "b": "ok", "c": "not run"}


def test_a_baseline_is_read_as_it_was_written_and_keeps_its_budgets(tmp_path: Path) -> None:
    old = Baseline("machine", {"torch": "2"}, "work", {"a": row(1.0, budget=2.0), "gpu": row(3.0)})
    old.write(tmp_path / "baseline.json")
    assert Baseline.read(tmp_path / "baseline.json") == old
    new = Baseline("machine", {"torch": "3"}, "work", {"a": row(1.5), "b": row(0.1)}).replacing(old)
    assert new.rows == {"a": row(1.5, budget=2.0), "b": row(0.1), "gpu": row(3.0)}
    (tmp_path / "old.json").write_text(json.dumps({"format": 0}))
    with pytest.raises(ValueError, match=r"old\.json: format 0; this version reads format 1"):
        Baseline.read(tmp_path / "old.json")


def test_the_committed_baseline_can_be_read() -> None:
    rows = Baseline.read(ROOT / "benchmarks" / "baseline.json").rows
    assert {name.partition("/")[0] for name in rows} == {"audits", "generators", "metrics", "scorers", "stages"}
    assert all(0 < one.spread < one.cost and one.budget > 1 for one in rows.values())


# ------------------------------------------------------------------------------------------------- the command


def test_the_command_saves_compares_and_fails_on_a_planted_regression(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    command = [sys.executable, "-m", "benchmarks", "--baseline", str(path), "--seconds", "0.2"]
    command += ["stages", "-k", "score_stage"]
    done = subprocess.run([*command, "--save"], cwd=ROOT, env=ALONE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(path.read_text())
    assert list(told["rows"]) == ["stages/score_stage"]
    told["rows"]["stages/score_stage"] |= {"cost": told["rows"]["stages/score_stage"]["cost"] / 1e6, "spread": 0.0}
    path.write_text(json.dumps(told))
    done = subprocess.run([*command, "--compare"], cwd=ROOT, env=ALONE, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"stages/score_stage .* SLOWER", done.stdout)


def test_nothing_to_compare_with_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--compare", "--baseline", str(tmp_path / "none.json")]) == 2
    assert "none.json: no such file; `python -m benchmarks --save` makes one" in capsys.readouterr().err


# ----------------------------------------------------------------------------------------------- what is measured


def test_the_reference_workload_takes_time_and_no_more_than_a_moment() -> None:
    run = reference(Stopwatch(Cpu()))
    assert 1e-4 < min(run() for _ in range(3)) < 1


def test_pictures_differ_by_seed_and_are_the_same_again(tmp_path: Path) -> None:
    assert np.array_equal(picture(1, 64), picture(1, 64))
    assert not np.array_equal(picture(1, 64), picture(2, 64))
    assert np.array_equal(decode(encoded(picture(1, 64), "png"), "test").pixels, picture(1, 64))
    files = sorted(image_folder(tmp_path / "images", 3, side=32).iterdir())
    assert len({file.read_bytes() for file in files}) == 3
