"""Pull, locate and verify: what is used was checked, what is damaged is named, nothing is there by half."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from weight_shelves import FILENAME, MODEL, SOURCE, Server, entry, sha256, wheel

from audit.errors import WeightsError, WeightsMissing, WeightsTampered
from audit.weights import cache_folder, locate, missing, pull, verify


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
