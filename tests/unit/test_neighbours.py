"""Nearest neighbours against a second implementation, and files of vectors that are hostile until read."""

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit.errors import InputError
from audit.metrics import copies_files
from audit.metrics.copies_files import InMemory, NpyFile, ParquetFile, content, open_vectors
from audit.metrics.neighbours import Exact, Inverted, hamming, recall, unit

ROWS, WIDTH = 700, 12


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies_files, "BLOCK_BYTES", 4 * WIDTH * 90)


def vectors(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, WIDTH)).astype(np.float32)


def by_hand(queries: np.ndarray, references: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    lengths = [np.linalg.norm(rows.astype(float), axis=1, keepdims=True) for rows in (queries, references)]
    cosine = (queries / lengths[0]) @ (references / lengths[1]).T
    rows = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(cosine, rows, 1), rows


def parquet(path: Path, values: np.ndarray, missing: tuple[int, ...] = (), name: str = "vector") -> Path:
    listed = [None if row in missing else value.tolist() for row, value in enumerate(values)]
    column = pa.array(listed, pa.list_(pa.float32(), values.shape[1]))
    pq.write_table(pa.table({"subject": [str(i) for i in range(len(values))], name: column}), path)
    return path


@pytest.mark.parametrize("k", [1, 50, ROWS])
def test_exact_search_block_by_block_is_brute_force(k: int) -> None:
    queries, references = vectors(40, 1), vectors(ROWS)
    found = Exact(InMemory(references)).search(queries, k)
    cosine, rows = by_hand(queries, references, k)
    np.testing.assert_allclose(found.similarity, cosine, atol=1e-5)
    assert (found.row == rows).mean() > 0.99  # float32 may swap what is equal to it


def test_only_the_references_that_take_part_are_found() -> None:
    queries, references = vectors(40, 1), vectors(ROWS)
    only = np.random.default_rng(3).random(ROWS) < 0.3
    cosine, rows = by_hand(queries, references[only], 5)
    for searcher in (Exact(InMemory(references), only), Inverted(InMemory(references), searched=999, only=only)):
        found = searcher.search(queries, 5)
        np.testing.assert_allclose(found.similarity, cosine, atol=2e-3)
        assert (found.row[:, 0] == np.flatnonzero(only)[rows[:, 0]]).mean() > 0.9


def test_equal_references_are_all_found_once() -> None:
    references = np.tile(vectors(1), (ROWS, 1))
    found = Exact(InMemory(references)).search(references[:2], ROWS)
    np.testing.assert_allclose(found.similarity, 1, atol=1e-5)
    assert all(set(rows) == set(range(ROWS)) for rows in found.row.tolist())


def test_a_vector_of_zeros_has_no_direction() -> None:
    assert unit(np.zeros((1, 4), dtype=np.float32)).tolist() == [[0, 0, 0, 0]]
    found = Exact(InMemory(vectors(5))).search(np.zeros((1, WIDTH), dtype=np.float32), 1)
    assert found.similarity[0, 0] == 0


def test_inverted_lists_measure_what_they_find_exactly_and_say_what_they_miss() -> None:
    rng = np.random.default_rng(0)
    centres = 4 * rng.standard_normal((30, WIDTH))
    references = (centres[rng.integers(30, size=6000)] + rng.standard_normal((6000, WIDTH))).astype(np.float32)
    queries = (references[:300] + 0.1 * rng.standard_normal((300, WIDTH))).astype(np.float32)
    exact = Exact(InMemory(references)).search(queries, 5)
    few, all_ = (Inverted(InMemory(references), searched=count) for count in (1, 6))
    assert all_.lists == 6
    found = all_.search(queries, 5)
    assert recall(found, exact) > 0.97
    assert (found.similarity[:, 0] <= exact.similarity[:, 0] + 1e-5).all()
    assert recall(few.search(queries, 5), exact) <= recall(found, exact)
    pairs = np.einsum("ij,ij->i", unit(queries), unit(references[found.row[:, 0]]))
    np.testing.assert_allclose(found.similarity[:, 0], pairs, atol=1e-6)  # not the 8-bit approximation


def test_bits_are_counted() -> None:
    rng = np.random.default_rng(5)
    queries, references = rng.integers(0, 256, (30, 8), dtype=np.uint8), rng.integers(0, 256, (50, 8), dtype=np.uint8)
    apart = np.unpackbits(queries[:, None] ^ references[None], axis=2).sum(axis=2)
    distance, row = hamming(queries, references)
    assert distance.tolist() == apart.min(axis=1).tolist()
    assert (apart[np.arange(30), row] == distance).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_npy_files_are_read_block_by_block(tmp_path: Path, dtype: type) -> None:
    values = vectors(ROWS).astype(dtype)
    np.save(tmp_path / "v.npy", values)
    found = open_vectors(tmp_path / "v.npy")
    assert isinstance(found, NpyFile)
    assert (found.rows, found.width) == (ROWS, WIDTH)
    blocks = list(found.blocks())
    assert max(map(len, blocks)) == 90
    np.testing.assert_array_equal(np.concatenate(blocks), values.astype(np.float32))


def test_parquet_parts_are_read_and_abstentions_left_out(tmp_path: Path) -> None:
    values = vectors(ROWS)
    one = parquet(tmp_path / "one.parquet", values, missing=(3, 7))
    found = open_vectors(one)
    assert isinstance(found, ParquetFile)
    assert found.rows == ROWS - 2
    np.testing.assert_array_equal(np.concatenate(list(found.blocks())), np.delete(values, (3, 7), axis=0))
    folder = tmp_path / "parts"
    folder.mkdir()
    parquet(folder / "b.parquet", values[400:])
    parquet(folder / "a.parquet", values[:400])
    np.testing.assert_array_equal(np.concatenate(list(open_vectors(folder).blocks())), values)
    assert content(open_vectors(folder)) != content(found)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    np.save(tmp_path / "objects.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match=r"objects and pickles are never loaded"):
        open_vectors(tmp_path / "objects.npy")
    with pytest.raises(InputError, match=r"not a \.npy file"):
        open_vectors(tmp_path / "plain.npy")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 4), dtype=np.int64), "holds int64 of shape"),
        (np.zeros(5), r"expected float16, float32 or float64 of shape \(n, d\)"),
        (np.zeros((0, 4)), "0 vectors of 4 numbers"),
        (np.zeros((4, 0)), "4 vectors of 0 numbers"),
        (np.asfortranarray(np.zeros((4, 4))), "row by row"),
        (np.zeros((2, 2), dtype=complex), "holds complex128"),
    ],
)
def test_arrays_that_are_no_vectors_are_refused(tmp_path: Path, values: np.ndarray, message: str) -> None:
    np.save(tmp_path / "v.npy", values)
    with pytest.raises(InputError, match=message):
        open_vectors(tmp_path / "v.npy")


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_numbers_that_are_not_finite_are_named_by_row(tmp_path: Path, bad: float) -> None:
    values = vectors(ROWS).astype(np.float64)
    values[432, 5] = bad
    np.save(tmp_path / "v.npy", values)
    with pytest.raises(InputError, match=r"v\.npy: row 432 holds a number that is not finite"):
        Exact(open_vectors(tmp_path / "v.npy")).search(vectors(2), 1)
    if bad != 1e300:
        with pytest.raises(InputError, match="row 432"):
            list(open_vectors(parquet(tmp_path / "v.parquet", values)).blocks())


def test_damaged_files_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file of features"):
        open_vectors(tmp_path / "absent.npy")
    with pytest.raises(InputError, match=r"no \.parquet file in it"):
        open_vectors(tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        open_vectors(tmp_path / "x.parquet")
    pq.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / "y.parquet")
    with pytest.raises(InputError, match="expected one column of fixed-size lists of floats; found none"):
        open_vectors(tmp_path / "y.parquet")
    np.save(tmp_path / "cut.npy", vectors(ROWS))
    found = open_vectors(tmp_path / "cut.npy")
    whole = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="it was cut while it was read"):
        list(found.blocks())
    with pytest.raises(InputError, match="cannot be read as numbers"):
        open_vectors(tmp_path / "cut.npy")


def test_exact_search_holds_a_block_not_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = 2**20
    monkeypatch.setattr(copies_files, "BLOCK_BYTES", block)
    np.save(tmp_path / "v.npy", np.random.default_rng(0).standard_normal((60_000, 128), dtype=np.float32))
    found = open_vectors(tmp_path / "v.npy")
    queries = np.random.default_rng(1).standard_normal((20, 128), dtype=np.float32)
    tracemalloc.start()
    Exact(found).search(queries, 50)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 6 * block < 25 * block < (tmp_path / "v.npy").stat().st_size


@pytest.mark.parametrize("width", [0, 70_000])
def test_a_width_that_no_network_has_is_refused_before_a_row_is_read(tmp_path: Path, width: int) -> None:
    pq.write_table(pa.table({"v": pa.array([None], pa.list_(pa.float32(), width))}), tmp_path / "v.parquet")
    with pytest.raises(InputError, match=f"vectors of {width} numbers; expected 1 to 65536"):
        open_vectors(tmp_path / "v.parquet")
