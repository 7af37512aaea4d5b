import io

import numpy as np
import pyarrow as pa
import pytest

from audit.digest import bytes_digest
from audit.errors import InputError, StoreError
from audit.images import encode_png
from audit.records import Draw, Failed, ImageRecord, Made, Refused
from audit.store import ImageRef, RunStore


def record(index: int, outcome: object, probe: str = "p") -> ImageRecord:
    draw = Draw(generator="g", probe=probe, index=index, seed=index)
    return ImageRecord(draw=draw, outcome=outcome, seconds=0.1, device="cpu", batch=1)


def image(store: RunStore, value: int) -> Made:
    digest = store.put_image(encode_png(np.full((4, 4, 3), value, np.uint8)), "png")
    return Made(image=digest, width=4, height=4, codec="png")


@pytest.fixture
def store(tmp_path) -> RunStore:
    store = RunStore(tmp_path / "run")
    store.write_json("manifest.json", {"a": 1})
    store.append_draws("g-1", [(record(0, image(store, 1)), ""), (record(1, Refused(reason="no")), "")])
    store.append_draws("g-1", [(record(2, image(store, 2)), "")])
    store.append_scores("s-1", pa.table({"subject": ["x"], "region": pa.array([-1], pa.int16()), "v": [1.0]}))
    return store


def test_draws_come_back_as_written(store) -> None:
    rows = store.draws("g-1").to_pylist()
    assert [(row["index"], row["outcome"], row["reason"]) for row in rows] == [
        (0, "made", ""),
        (1, "refused", "no"),
        (2, "made", ""),
    ]


def test_writing_a_part_twice_changes_nothing(store, tmp_path) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*.parquet"))
    store.append_draws("g-1", [(record(2, image(store, 2)), "")])
    assert sorted(path.name for path in tmp_path.rglob("*.parquet")) == before


def test_a_made_image_wins_over_an_earlier_failure(store) -> None:
    store.append_draws("g-1", [(record(3, Failed(reason="timeout")), "")])
    store.append_draws("g-1", [(record(3, image(store, 3)), "")])
    assert store.draws("g-1").to_pylist()[3]["outcome"] == "made"


def test_compaction_keeps_every_row(store, tmp_path) -> None:
    for index in range(10, 90):
        store.append_draws("g-1", [(record(index, Refused(reason="no")), "")])
    before = store.draws("g-1")
    store.compact("draws/g-1")
    assert len(list((tmp_path / "run/draws/g-1").iterdir())) == 1
    assert store.draws("g-1").equals(before)
    assert store.verify() == []


def every_file(tmp_path) -> list:
    return sorted(path for path in (tmp_path / "run").rglob("*") if path.is_file())


def test_verify_names_any_file_with_one_byte_flipped(store, tmp_path) -> None:
    assert store.verify() == []
    for path in every_file(tmp_path):
        good = path.read_bytes()
        for position in (0, len(good) // 2, len(good) - 1):
            bad = bytearray(good)
            bad[position] ^= 1
            path.write_bytes(bytes(bad))
            faults = RunStore(tmp_path / "run").verify()
            assert any(path.name in fault for fault in faults), (path, position, faults)
        path.write_bytes(good)
    assert RunStore(tmp_path / "run").verify() == []


def test_verify_names_a_file_that_is_gone(store, tmp_path) -> None:
    store.seal()
    for path in every_file(tmp_path):
        good = path.read_bytes()
        path.unlink()
        faults = RunStore(tmp_path / "run").verify()
        assert any(path.name in fault and "missing" in fault for fault in faults), (path, faults)
        path.write_bytes(good)


def test_changed_bytes_are_never_handed_out(store, tmp_path) -> None:
    ref = next(iter(store.image_refs.values()))
    path = next((tmp_path / "run/images").rglob("*.png"))
    ref = store.image_refs["sha256:" + path.stem]
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(StoreError, match=r"changed.*restore"):
        store.get_image(ref)


def test_an_image_outside_is_kept_by_reference(store, tmp_path) -> None:
    outside = tmp_path / "photo.png"
    outside.write_bytes(encode_png(np.zeros((4, 4, 3), np.uint8)))
    ref = ImageRef(bytes_digest(outside.read_bytes()), "png", str(outside))
    assert store.get_image(ref) == outside.read_bytes()
    outside.write_bytes(b"other")
    with pytest.raises(StoreError, match="changed"):
        store.get_image(ref)


def test_a_torn_part_is_an_error_that_names_it(store, tmp_path) -> None:
    part = next((tmp_path / "run/draws/g-1").iterdir())
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(StoreError, match=part.name):
        store.draws("g-1")


def test_leftovers_of_a_killed_writer_are_ignored(store, tmp_path) -> None:
    (tmp_path / "run/draws/g-1/.abc.tmp").write_bytes(b"half")
    assert len(store.draws("g-1")) == 3
    assert store.verify() == []


def test_no_run_here_is_an_input_error(tmp_path) -> None:
    with pytest.raises(InputError, match="no run here"):
        RunStore.existing(tmp_path)


def test_a_run_may_live_in_object_storage() -> None:
    store = RunStore("memory://bucket/run")
    store.write_json("manifest.json", {})
    made = image(store, 5)
    store.append_draws("g-1", [(record(0, made), "")])
    assert store.get_image(store.image_refs[made.image]) == encode_png(np.full((4, 4, 3), 5, np.uint8))
    assert store.verify() == []


def test_sums_are_in_the_format_of_sha256sum(store) -> None:
    lines = store.read("SHA256SUMS").decode().splitlines()
    assert lines[0] == f"{bytes_digest(store.read('manifest.json')).removeprefix('sha256:')}  manifest.json"
    assert lines[-1].startswith("# sha256:")


def test_vectors_stay_fixed_size_lists_also_beside_parts_without_any(store) -> None:
    kind = pa.list_(pa.float32(), 2)
    one = {"subject": ["a"], "region": pa.array([-1], pa.int16()), "v": pa.nulls(1)}
    two = {"subject": ["b"], "region": pa.array([-1], pa.int16()), "v": pa.array([[1.0, 2.0]], kind)}
    store.append_scores("vec-1", pa.table(one))
    store.append_scores("vec-1", pa.table(two))
    table = store.scores("vec-1")
    assert table.schema.field("v").type == kind
    assert table["v"].to_pylist() == [None, [1.0, 2.0]]


def test_parts_are_readable_by_pandas(store, tmp_path) -> None:
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(next((tmp_path / "run/draws/g-1").iterdir()).read_bytes()))
    assert set(frame["outcome"]) <= {"made", "refused"}
