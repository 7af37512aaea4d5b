"""Which boxes a report blurs: those of every scorer that found faces, whatever its name."""

import math
from pathlib import Path

import pyarrow as pa

from audit.results import write_results
from audit.run import audited
from audit.store import RunStore

VECTOR = pa.list_(pa.float32(), 2)


def scored(store: RunStore, name: str, rows: list[tuple[str, int, tuple[float, ...] | None]], *, landmarks: bool = True):
    """Store boxes by subject and region under ``name-12345678``; None is a region without a box."""
    boxes = [box or (None,) * 4 for *_, box in rows]
    edges = {edge: [box[i] for box in boxes] for i, edge in enumerate(("left", "top", "right", "bottom"))}
    table = pa.table(
        {
            "subject": [subject for subject, _, _ in rows],
            "region": pa.array([region for _, region, _ in rows], pa.int16()),
            **{edge: pa.array(values, pa.float64()) for edge, values in edges.items()},
        }
    )
    if landmarks:
        table = table.append_column("landmarks", pa.array([[1.0, 2.0] if box else None for *_, box in rows], VECTOR))
    store.append_scores(f"{name}-12345678", table)


def faces(store: RunStore, *scorers: str):
    keys = {f"scorer.{name}": f"sha256:12345678{name}" for name in scorers}
    spec = {"name": "a", "generators": [{"use": "fake"}], "scorers": [{"use": "any", "name": name} for name in scorers]}
    manifest = {
        "digest": "sha256:00",
        "spec": spec,
        "keys": keys,
        "numerics": {},
        "started": "2026-11-22T08:00:00Z",
        "finished": "2026-11-22T08:01:00Z",
    }
    store.write_json("manifest.json", manifest)
    write_results(store, [])
    store.write_json("verdicts.json", [])
    return audited(RunStore(store.path)).faces


def test_boxes_of_all_finders_are_joined(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    scored(store, "faces", [("a", -1, None), ("a", 0, (1, 1, 5, 5)), ("b", -1, None)])
    scored(store, "hub_finder", [("a", -1, None), ("a", 0, (6, 6, 9, 9)), ("c", -1, None), ("c", 0, (2, 2, 3, 3))])
    found = faces(store, "faces", "hub_finder")
    assert found("a") == [(1, 1, 5, 5), (6, 6, 9, 9)]
    assert found("b") == []  # one looked and found none: the report blurs the whole image
    assert found("c") == [(2, 2, 3, 3)]
    assert found("d") is None


def test_boxes_of_other_things_are_no_faces(tmp_path: Path) -> None:
    """A finder of signs or hands leaves a face beside them sharp, if its boxes were taken for those of faces."""
    store = RunStore(tmp_path / "run")
    scored(store, "signs", [("a", -1, None), ("a", 0, (1, 1, 5, 5))], landmarks=False)
    store.append_scores("pixels-12345678", pa.table({"subject": ["a"], "region": pa.array([-1], pa.int16()), "x": [1.0]}))
    assert faces(store, "signs", "pixels", "never_stored")("a") is None


def test_a_region_without_a_box_covers_the_whole_image(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    scored(store, "faces", [("a", -1, None), ("a", 0, (1, 1, 5, 5)), ("a", 1, None)])
    (_, nowhere) = faces(store, "faces")("a")
    assert all(map(math.isnan, nowhere))


def test_scores_of_a_draw_belong_to_its_image(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    scored(store, "faces", [("g/p/0/a", -1, None), ("g/p/0/a", 0, (1, 1, 5, 5)), ("g/q/0/a", -1, None)])
    assert faces(store, "faces")("a") == [(1, 1, 5, 5)]
