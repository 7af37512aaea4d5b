"""The overhead and memory scripts, each run once in small."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MIB = 2**20


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_overhead_times_the_loops_and_the_audits_and_judges_the_ratios() -> None:
    done = script("overhead", "--images", "16", "--side", "32", "--steps", "1", "--repeat", "1", "--threads", "1")
    assert done.returncode in (0, 1), done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["warm-up", "repetition 1"]
    draw, score, audit, one, wait, score_again, second, two = (float(x) for x in re.findall(r"\d+\.\d+", lines[1]))
    assert abs(one - audit / (draw + score)) < 0.1 * one + 0.05 * one / (draw + score)
    assert abs(two - second / max(wait, score_again)) < 0.1 * two + 0.05 * two / max(wait, score_again)
    promises = [("one device", one, 1.10), ("two devices", two, 1.15)]
    kept = [ratio <= promise for _, ratio, promise in promises]
    for line, (what, ratio, _), is_kept in zip(lines[2:], promises, kept, strict=True):
        assert line.startswith(what)
        assert f"{ratio:.3f} (" in line
        assert line.endswith("kept" if is_kept else "BROKEN")
    assert done.returncode == (0 if all(kept) else 1)


def test_memory_compares_two_audits_in_processes_of_their_own() -> None:
    done = script("memory", "--images", "3", "9", "--side", "64", "--scorers", "pixels")
    assert done.returncode == 0, done.stdout + done.stderr
    first, second, verdict = done.stdout.splitlines()
    peaks = [int(re.fullmatch(rf" *{n} images: peak (\d+) MiB", line)[1]) for n, line in ((3, first), (9, second))]
    assert all(50 < peak < 1000 for peak in peaks)
    assert abs(float(verdict.split()[1]) - peaks[1] / peaks[0]) < 0.02
    assert verdict.endswith("kept")


def test_the_peak_is_that_of_the_process_itself_and_outlives_what_was_freed() -> None:
    held = bytearray(b"x") * (400 * MIB)
    code = (
        "from benchmarks.one_audit import peak_bytes\n"
        "before = peak_bytes(); block = bytearray(b'x') * (300 * 2**20); del block; print(before, peak_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    before, after = (int(word) for word in done.stdout.split())
    assert len(held) > before
    assert after - before > 250 * MIB
