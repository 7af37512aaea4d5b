"""Purging a run: pictures go, figures stay, and a run without pictures never pretends to have them."""

import json
import pkgutil
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from leak_scan import files_of, pictures_in
from recognising_plugins import LIKENESS

from audit.cli import call
from audit.cli_purge import purge as command
from audit.errors import InputError, StoreError
from audit.images import encode_png
from audit.plan import make_plan
from audit.purge import check_images_left, delete, extent, finish
from audit.purges import read_purges
from audit.run import Silent, audited, render, run_audit
from audit.spec import Use, parse_spec
from audit.store import RunStore
from audit.testing import disc

SPEC = {
    "name": "purged",
    "seed": 5,
    "draws_per_probe": 2,
    "generators": [{"use": "fake", "params": {"side": 32, "batch": 4, "refuse": 17}}],
    "probes": [{"use": "traits", "params": {"limit": 2}}],
    "scorers": [{"use": "pixels"}],
    "metrics": [{"use": "outcomes"}, {"use": "means", "params": {"columns": ["pixels.brightness"]}}],
    "gates": [{"metric": "outcomes.failed", "at_most": 0.9}],
}
STORED = [{"use": "pixels"}, {"use": "stored"}]
NEARNESS = {"use": "nearness", "params": {"column": "stored.embedding"}}


@pytest.fixture(autouse=True)
def plugins(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, plant_plugins) -> None:
    planted = plant_plugins(
        tmp_path_factory.mktemp("planted"),
        generators={"fake": "audit.testing:FakeGenerator"},
        scorers={"stored": "recognising_plugins:Stored", "embedding": "recognising_plugins:Embedding"},
        metrics={"nearness": "recognising_plugins:Nearness"},
    )
    monkeypatch.syspath_prepend(str(planted))


def planned(**changes: object):
    return make_plan(parse_spec({**SPEC, **changes}), "cpu")


def made(folder: Path | str, **changes: object) -> RunStore:
    return run_audit(planned(**changes), folder, progress=Silent())


def purge(store: RunStore, *, vectors: bool = False) -> None:
    finish(store, delete(store, extent(store, vectors=vectors), "retention over"))


def told(store: RunStore, **changes: object) -> str:
    with pytest.raises(StoreError) as error:
        check_images_left(planned(**changes), RunStore(store.path), retry_failed=False)
    return str(error.value)


def test_images_go_and_every_figure_stays(tmp_path: Path) -> None:
    store = made(tmp_path)
    path = Path(store.path)
    before = {
        file: file.read_bytes() for file in files_of(path) if "images" not in file.parts and file.name != "SHA256SUMS"
    }
    count = len(pictures_in(path))
    purge(store)
    assert pictures_in(path) == {}
    assert not (path / "images").exists()
    assert {file: file.read_bytes() for file in before} == before
    (log,) = read_purges(store)
    assert (log.images, log.reason, log.outside, log.vectors) == (count, "retention over", 0, ())
    assert log.started <= log.finished
    assert RunStore(store.path).verify() == []
    seen = audited(RunStore(store.path))
    assert seen.purges == (log,)
    digest = pq.read_table(next(path.glob("draws/*/*.parquet")))["image"][0].as_py()
    assert (seen.image(digest), seen.link(digest), seen.faces(digest)) == (None, "", None)


def test_pictures_outside_the_run_stay_and_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for seed in range(3):
        (tmp_path / f"photos/{seed}.png").write_bytes(encode_png(disc(seed, 32)))
    folder = {"use": "folder", "params": {"path": str(tmp_path / "photos"), "subject_basis": "generated"}}
    changes = {"generators": [*SPEC["generators"], folder]}
    store = made(tmp_path / "runs", **changes)
    purge(store)
    assert len(list((tmp_path / "photos").iterdir())) == 3
    assert read_purges(store)[0].outside == 3
    seen = audited(RunStore(store.path))
    assert all(seen.image(digest) is None for digest in store.image_refs)
    # what lies outside can still be scored
    only = {**changes, "scorers": STORED}
    assert "images of fake" in told(store, **only)


def test_a_folder_of_images_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    store = made(tmp_path / "runs")
    images = Path(store.path) / "images"
    images.rename(tmp_path / "elsewhere")
    images.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="a link to"):
        extent(store, vectors=False)
    assert pictures_in(tmp_path / "elsewhere")


@pytest.mark.parametrize("linked", ["scores", "one of them", "a part"])
def test_scores_that_are_a_link_keep_their_vectors_and_say_so(tmp_path: Path, linked: str) -> None:
    store = made(tmp_path / "runs", scorers=STORED, metrics=[NEARNESS], gates=[])
    scores = Path(store.path) / "scores"
    folder = next(scores.glob("stored*"))
    moved = {"scores": scores, "one of them": folder, "a part": next(folder.glob("*.parquet"))}[linked]
    moved.rename(tmp_path / "elsewhere")
    moved.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"a link to .*elsewhere, which is not this run's to delete"):
        extent(RunStore(store.path), vectors=True)
    assert call(["purge", store.path, "--yes", "--vectors"]) == 4
    assert pictures_in(Path(store.path))
    assert extent(RunStore(store.path), vectors=False).images  # images alone can go


def test_links_within_go_and_what_they_point_to_stays(tmp_path: Path) -> None:
    store = made(tmp_path / "runs")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/family.png").write_bytes(encode_png(disc(1, 16)))
    images = Path(store.path) / "images"
    (images / "all").symlink_to(tmp_path / "mine")
    (images / "one.png").symlink_to(tmp_path / "mine/family.png")
    purge(store)
    assert not images.exists()
    assert (tmp_path / "mine/family.png").exists()


def test_a_purge_that_was_cut_short_is_finished_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = made(tmp_path)
    path, count = Path(store.path), len(pictures_in(Path(store.path)))

    def half(self: RunStore) -> None:
        for file in sorted((path / "images").rglob("*.png"))[::2]:
            file.unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(RunStore, "remove_images", half)
        with pytest.raises(KeyboardInterrupt):
            delete(store, extent(store, vectors=False), "retention over")
    left = RunStore(store.path)
    assert 0 < len(pictures_in(path)) < count
    assert [fault for fault in left.verify() if "cut short" in fault]
    assert all(audited(left).image(digest) is None for digest in left.image_refs)  # a report shows none of the rest
    assert call(["purge", store.path, "--yes", "--reason", "another"]) == 0
    (log,) = read_purges(left)
    assert (log.images, log.reason) == (count, "retention over")
    assert RunStore(store.path).verify() == []


@pytest.mark.parametrize(
    "step",
    [
        "audit.purge.write_purge",
        "audit.store.RunStore.remove_images",
        "audit.store.RunStore.remove_leavings",
        "audit.store.RunStore.drop_vectors",
        "audit.cli_purge.render",
        "audit.cli_purge._reports_again",
    ],
)
def test_a_kill_after_any_step_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    store = made(tmp_path, scorers=STORED, metrics=[NEARNESS], gates=[])
    path, count = Path(store.path), len(pictures_in(Path(store.path)))
    assert call(["report", store.path]) == 0
    real = pkgutil.resolve_name(step)

    def killed(*arguments: object, **named: object) -> None:
        real(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(step, killed)
        assert call(["purge", store.path, "--yes", "--vectors", "--reason", "first"]) == 130
    assert RunStore(store.path).verify() != []
    assert call(["purge", store.path, "--yes"]) == 0  # it goes on with all that was begun, vectors too
    assert pictures_in(path) == {}
    assert RunStore(store.path).vectors() == {}
    assert RunStore(store.path).verify() == []
    (log,) = read_purges(store)
    assert (log.images, log.reason, len(log.vectors)) == (count, "first", 1)
    assert "data:image" not in (path / "report.html").read_text()


def test_what_killed_processes_left_goes_too(tmp_path: Path) -> None:
    store = made(tmp_path)
    path = Path(store.path)
    for folder in ("images", ".", "scores"):
        (path / folder / f".{uuid.uuid4().hex}.tmp").write_bytes(b"pixels")
    (path / ".draft.tmp").write_bytes(b"of the user")
    purge(store)
    assert [file.name for file in files_of(path) if file.name.startswith(".")] == [".draft.tmp"]


def test_a_report_that_the_sums_do_not_know_is_drawn_again(tmp_path: Path) -> None:
    store = made(tmp_path)
    path = Path(store.path)
    (path / "report.html").write_bytes(b"<img src='data:image/jpeg;base64,'>")  # killed before its digest was noted
    assert call(["purge", store.path, "--yes"]) == 0
    assert b"data:image" not in (path / "report.html").read_bytes()
    assert RunStore(store.path).verify() == []


def test_damaged_scores_do_not_keep_pictures(tmp_path: Path) -> None:
    store = made(tmp_path)
    path = Path(store.path)
    next(path.glob("scores/*/*.parquet")).write_bytes(b"damaged")
    assert call(["purge", store.path, "--yes"]) == 0
    assert pictures_in(path) == {}
    with pytest.raises(StoreError, match="damaged"):
        extent(RunStore(store.path), vectors=True)


@pytest.mark.parametrize("blur", ["all", "none"])
def test_small_copies_of_pictures_outside_go_from_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], blur: str
) -> None:
    (tmp_path / "photos").mkdir()
    for seed in range(3):
        (tmp_path / f"photos/{seed}.png").write_bytes(encode_png(disc(seed, 32)))
    folder = {"use": "folder", "params": {"path": str(tmp_path / "photos"), "subject_basis": "generated"}}
    store = made(tmp_path / "runs", generators=[folder], probes=[], gates=[])
    path = Path(store.path)
    findings = json.loads((path / "findings.json").read_text())
    findings[0]["evidence"] = list(store.image_refs)
    store.write_json("findings.json", findings)
    store.write(*render(store, Use(use="html", params={"blur": blur})))
    assert (path / "report.html").read_text().count("data:image/jpeg") == 3
    assert "photos/0.png" in (path / "report.html").read_text()
    assert not extent(store, vectors=False).nothing

    assert call(["purge", store.path, "--yes", "--reason", "asked to"]) == 0
    out = capsys.readouterr().out
    assert "it holds no images; the small copies in its reports were deleted" in out
    assert "3 images lie outside the run and were not touched" in out
    assert [file for file in files_of(path) if b"data:image" in file.read_bytes()] == []
    assert "photos/0.png" not in (path / "report.html").read_text()
    assert len(list((tmp_path / "photos").iterdir())) == 3
    again = RunStore(store.path)
    (log,) = read_purges(again)
    assert (log.images, log.outside, log.reason, log.reports) == (0, 3, "asked to", ("report.html",))
    assert log.finished
    assert extent(again, vectors=False).nothing
    assert again.verify() == []
    assert call(["report", store.path]) == 0
    assert "data:image" not in (path / "report.html").read_text()


def test_a_run_without_any_image_has_nothing_to_purge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = {"use": "fake", "params": {"side": 32, "batch": 4, "refuse": 1}}
    store = made(tmp_path, generators=[nothing], gates=[])
    assert not store.image_refs
    assert call(["purge", store.path, "--yes"]) == 0
    assert "holds no images, so nothing was deleted" in capsys.readouterr().out
    assert read_purges(store) == ()


def test_reports_are_drawn_again_without_pictures_or_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = made(tmp_path)
    path = Path(store.path)
    assert call(["report", store.path, "--format", "html", "--format", "json"]) == 0
    store.write("slides.pdf", b"%PDF with thumbnails")
    images = list(store.image_refs)[:3]
    findings = json.loads((path / "findings.json").read_text())
    findings[0]["evidence"] = images
    store.write_json("findings.json", findings)
    assert call(["report", store.path]) == 0
    assert "data:image/jpeg" in (path / "report.html").read_text()
    assert call(["purge", store.path, "--yes"]) == 0
    assert "data:image/jpeg" not in (path / "report.html").read_text()
    assert (path / "report.html").read_text().count("no longer stored") >= 3
    assert "begun, not finished" not in (path / "report.html").read_text()
    assert not (path / "slides.pdf").exists()
    assert "slides.pdf: deleted" in capsys.readouterr().err
    assert RunStore(store.path).verify() == []


def test_vectors_go_when_asked_and_all_other_scores_stay(tmp_path: Path) -> None:
    changes = {"scorers": STORED, "metrics": [NEARNESS], "gates": []}
    store = made(tmp_path, **changes)
    (folder,) = store.vectors()
    before = store.scores(folder)
    purge(store)
    check_images_left(planned(**changes), RunStore(store.path), retry_failed=False)  # vectors are there still
    found = extent(RunStore(store.path), vectors=True)
    assert (found.images, found.vectors) == (0, {folder: ["embedding"]})
    again = RunStore(store.path)
    purge(again, vectors=True)
    after = again.scores(folder)
    assert after.equals(before.drop_columns("embedding"))
    assert again.vectors() == {}
    assert RunStore(store.path).verify() == []
    assert [log.vectors for log in read_purges(again)] == [(), (f"{folder}.embedding",)]
    assert "metrics.nearness: it reads stored.embedding, which was deleted" in told(store, **changes)


def test_dropping_vectors_twice_after_a_kill_keeps_each_row_once(tmp_path: Path) -> None:
    store = made(tmp_path, scorers=STORED, metrics=[NEARNESS], gates=[])
    (folder,) = store.vectors()
    before = store.scores(folder).drop_columns("embedding")
    part = next(Path(store.path).glob(f"scores/{folder}/*.parquet"))
    kept = part.read_bytes()
    store.drop_vectors(folder)
    part.write_bytes(kept)  # killed between the new part and the end of the old one
    store.drop_vectors(folder)
    assert store.scores(folder).equals(before)


HELD = {
    "scorers": [{"use": "pixels"}, {"use": "embedding"}],
    "metrics": [{"use": "outcomes"}, {"use": "nearness"}],
    "likeness": {**LIKENESS, "expires": "2999-01-01"},
}


@pytest.mark.parametrize(("most", "code"), [(0.9, 0), (0.0, 1)])
def test_a_finished_run_stands_where_only_what_is_never_stored_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], most: float, code: int
) -> None:
    spec = tmp_path / "audit.yaml"
    gates = [{"metric": "outcomes.refused", "at_most": most}]
    spec.write_text(json.dumps({**SPEC, **HELD, "gates": gates}))
    arguments = ["run", str(spec), "--runs", str(tmp_path / "runs"), "--device", "cpu"]
    assert call(arguments) == code
    (path,) = (tmp_path / "runs").iterdir()
    assert call(["purge", str(path), "--yes"]) == 0
    names = ("findings.json", "verdicts.json", "manifest.json", "report.html")
    before = {name: (path / name).read_bytes() for name in names}
    capsys.readouterr()
    assert call(arguments) == code
    told = [line for line in capsys.readouterr().err.splitlines() if "embedding" in line]
    assert len(told) == 1
    assert "what embedding says is never stored, and the images were purged on " in told[0]
    assert "the figures stand as they were" in told[0]
    assert {name: (path / name).read_bytes() for name in names} == before
    assert RunStore(path).verify() == []
    for change in ("confidence=0.9", "draws_per_probe=3"):  # what is new is not passed over
        assert call([*arguments, "--set", change]) == 4
        assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "lack"),
    [
        ({"draws_per_probe": 3}, "generators.fake: 33 images are not drawn yet"),
        ({"scorers": STORED}, "scorers.stored: "),
        (
            {"scorers": [{"use": "embedding"}], "likeness": {**LIKENESS, "expires": "2999-01-01"}, "metrics": []},
            "scorers.embedding: what it says is never stored, so it needs images of fake",
        ),
    ],
)
def test_work_that_needs_pictures_says_so_and_draws_nothing(tmp_path: Path, changes: dict, lack: str) -> None:
    store = made(tmp_path)
    purge(store)
    before = {file: file.read_bytes() for file in files_of(Path(store.path))}
    with pytest.raises(StoreError) as error:
        run_audit(planned(**{"gates": [], **changes}), tmp_path, progress=Silent())
    assert lack in str(error.value)
    assert "purged on" in str(error.value)
    assert "under another `name`" in str(error.value)
    assert {file: file.read_bytes() for file in files_of(Path(store.path))} == before


def test_work_that_needs_none_goes_on(tmp_path: Path) -> None:
    store = made(tmp_path)
    findings = (Path(store.path) / "findings.json").read_bytes()
    purge(store)
    again = run_audit(planned(), tmp_path, progress=Silent())
    assert again.path == store.path
    assert (Path(store.path) / "findings.json").read_bytes() == findings
    more = [*SPEC["metrics"], {"use": "disparity", "params": {"column": "pixels.brightness", "by": "trait"}}]
    run_audit(planned(metrics=more), tmp_path, progress=Silent())
    assert pictures_in(Path(store.path)) == {}


def test_pictures_that_are_asked_for_all_the_same_are_an_error(tmp_path: Path) -> None:
    store = made(tmp_path)
    ref = next(iter(store.image_refs.values()))
    purge(store)
    with pytest.raises(StoreError, match="purged on"):
        RunStore(store.path).get_image(ref)


def test_a_run_in_object_storage(tmp_path: Path) -> None:
    store = made("memory://purge-test")
    assert extent(store, vectors=False).images > 30
    purge(store)
    assert extent(RunStore(store.path), vectors=False).nothing
    assert RunStore(store.path).verify() == []


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    store = made(tmp_path)
    (Path(store.path) / "purged.json").write_text('{"purges": [{"started": 3}]}')
    with pytest.raises(StoreError, match=r"purged\.json: damaged \(purges\.0\."):
        extent(RunStore(store.path), vectors=False)


def test_the_command_asks_and_a_no_deletes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = made(tmp_path)
    with pytest.raises(InputError, match=r"deletes \d+ images .* add --yes"):
        CliRunner().invoke(command, [store.path], catch_exceptions=False, standalone_mode=False)
    monkeypatch.setattr("audit.cli_purge._asked_at_a_terminal", lambda: True)
    refused = CliRunner().invoke(command, [store.path], input="n\n", standalone_mode=False)
    assert "nothing was deleted" in refused.output
    assert pictures_in(Path(store.path))
    assert not (Path(store.path) / "purged.json").exists()
    done = CliRunner().invoke(command, [store.path], input="y\n", standalone_mode=False)
    assert done.return_value == 0
    assert pictures_in(Path(store.path)) == {}


def test_nothing_but_lists_counts_as_a_vector(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    vector = pa.array([np.zeros(3, np.float32)], pa.list_(pa.float32(), 3))
    rows = {"subject": ["a"], "region": pa.array([-1], pa.int16()), "v": vector, "x": [1.0], "none": pa.nulls(1)}
    store.append_scores("s-1", pa.table(rows))
    assert store.vectors() == {"s-1": ["v"]}
    assert store.score_names("s-1") == {"subject", "region", "v", "x", "none"}
    assert store.score_names("nothing") == set()
