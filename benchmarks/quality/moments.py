"""Time, memory and error of streaming moments and of the Frechet step.

    python -m benchmarks.quality.moments                         40,960 rows of 2,048 features, in two shards
    python -m benchmarks.quality.moments --rows 2000000          the promise: under 2 GB (some minutes)

Rows are float32, drawn block by block and never held together. Prints seconds, peak memory of the process, how far two
shards lie from one stream, and the seconds of the Frechet step from moments and from features. Exit code 1 where the memory
or the shards break their promise.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from audit.stats.distances import frechet_distance, frechet_from_features, frechet_of_moments
from audit.stats.kernels import kid
from audit.stats.moments import Features, Moments
from benchmarks.one_audit import peak_bytes

__all__ = ["main"]

CHUNK = 8192
BYTES, APART = 2 * 10**9, 1e-10
SIZES = (1_000, 10_000)
"""Images a side of the timed Frechet steps."""


def stream(rows: int, width: int, seed: int) -> Iterator[Features]:
    """Blocks of rectified normal features with a falling spectrum, float32."""
    rng = np.random.default_rng(seed)
    spread = (1 / np.sqrt(np.arange(1, width + 1))).astype(np.float32)
    for start in range(0, rows, CHUNK):
        drawn = rng.standard_normal((min(CHUNK, rows - start), width), dtype=np.float32)
        # A common part makes features alike, as those of a network are.
        yield np.maximum((drawn + drawn[:, :1]) * spread + np.float32(0.1), 0)


def moments_of(blocks: Iterator[Features], width: int) -> Moments:
    """Of a stream."""
    whole = Moments.of(np.zeros((0, width)))
    for block in blocks:
        whole = whole.merge(Moments.of(block))
    return whole


def shards(rows: int, width: int) -> bool:
    """One stream against its two halves; gives whether memory and difference are as promised."""
    began = time.perf_counter()
    one = moments_of(stream(rows, width, 0), width)
    seconds = time.perf_counter() - began
    peak = peak_bytes()
    print(f"{one.n:,} x {width} rows: {seconds:.1f} s, {one.n / seconds:,.0f} rows/s, peak memory {peak / 1e9:.2f} GB")
    first, second = Moments.of(np.zeros((0, width))), Moments.of(np.zeros((0, width)))
    for place, block in enumerate(stream(rows, width, 0)):
        cut = 1 + place % (len(block) - 1)  # a cut that is at no block of either
        first = first.merge(Moments.of(block[:cut]))
        second = second.merge(Moments.of(block[cut:]))
    merged = first.merge(second)
    apart = float(np.abs(merged.scatter - one.scatter).max() / np.abs(one.scatter).max())
    print(f"two shards against one: {apart:.1e} of the largest entry")
    return peak < BYTES and apart < APART


def seconds_of(work: Callable[[], object], times: int) -> float:
    """The fastest of some runs."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def step(n: int, width: int, times: int) -> None:
    """Seconds of the Frechet step and of the full-sample KID."""
    one, two = (np.concatenate(list(stream(n, width, seed))) for seed in (1, 2))
    moments = Moments.of(one), Moments.of(two)
    print(f"{n:,} x {width} a side, best of {times}:")
    print(f"  Frechet distance from features    {seconds_of(lambda: frechet_distance(one, two), times):.2f} s")
    print(f"  Frechet distance from moments     {seconds_of(lambda: frechet_of_moments(*moments), times):.2f} s")
    print(f"  with influences                   {seconds_of(lambda: frechet_from_features(one, two), times):.2f} s")
    print(f"  KID, all pairs, with influences   {seconds_of(lambda: kid(one, two), times):.2f} s")


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.moments", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5 * CHUNK)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--times", type=int, default=3, help="runs of each timed step; 0 leaves them out")
    given = parser.parse_args(arguments)
    kept = shards(given.rows, given.width)
    for n in SIZES if given.times else ():
        step(n, given.width, given.times)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
