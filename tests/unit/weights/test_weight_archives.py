"""Archives are hostile: members by exact name, plain, once, of the stated size, and nothing else."""

import io
import stat
import struct
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from weight_shelves import tarball, wheel

from audit.errors import WeightsError
from audit.weights.archive import extract

MODEL = bytes(range(256)) * 40


def take(archive: bytes, tmp_path: Path, *, member: str = "toy/model.bin", size: int | None = None) -> bytes:
    """Extract one member; whatever happens, nothing else may be written."""
    source, out = tmp_path / "archive", tmp_path / "out"
    source.write_bytes(archive)
    out.mkdir()
    target = out / "model.bin"
    try:
        extract(source, {member: target}, {} if size is None else {member: size})
    finally:
        assert {path.name for path in tmp_path.iterdir()} == {"archive", "out"}
        assert {path.name for path in out.iterdir()} <= {"model.bin"}
    return target.read_bytes()


@pytest.mark.parametrize("pack", [wheel, tarball])
def test_only_the_named_member_comes_out(pack, tmp_path: Path) -> None:
    members = {"../escape": b"1", "/abs": b"2", "toy/../../escape": b"3", "toy/model.bin": MODEL, "other/model.bin": b"4"}
    assert take(pack(members), tmp_path) == MODEL


@pytest.mark.parametrize("pack", [wheel, tarball])
def test_absent_member_is_named(pack, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"toy/model\.bin"):
        take(pack({"model.bin": MODEL, "toy/model.bin/": b""}), tmp_path)


@pytest.mark.parametrize("pack", [wheel, tarball])
def test_another_size_than_the_catalogue_states_is_refused_unread(pack, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="10240 bytes, expected 7"):
        take(pack({"toy/model.bin": MODEL}), tmp_path, size=7)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_refused_in_a_zip(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("toy/model.bin", MODEL)
        archive.writestr("toy/model.bin", b"other")
    with pytest.raises(WeightsError, match="twice"):
        take(buffer.getvalue(), tmp_path)


def test_a_member_twice_is_refused_in_a_tar(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for data in (MODEL, b"other"):
            info = tarfile.TarInfo("toy/model.bin")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with pytest.raises(WeightsError, match="twice"):
        take(buffer.getvalue(), tmp_path)


def test_symbolic_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    info = zipfile.ZipInfo("toy/model.bin")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(WeightsError, match="not a plain file"):
        take(buffer.getvalue(), tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_anything_but_a_plain_file_in_a_tar_is_refused(kind: bytes, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    info = tarfile.TarInfo("toy/model.bin")
    info.type, info.linkname = kind, "/etc/passwd"
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(info)
    with pytest.raises(WeightsError, match="not a plain file"):
        take(buffer.getvalue(), tmp_path)


def test_encrypted_member_is_refused(tmp_path: Path) -> None:
    data = bytearray(wheel({"toy/model.bin": MODEL}))
    directory = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, directory + 8, 1)  # general purpose flag, bit 0: encrypted
    with pytest.raises(WeightsError, match="encrypted"):
        take(bytes(data), tmp_path)


def test_zip_that_unpacks_to_more_than_it_claims_is_refused(tmp_path: Path) -> None:
    data = bytearray(wheel({"toy/model.bin": bytes(5_000_000)}))
    directory = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, directory + 24, 100)  # uncompressed size in the central directory
    with pytest.raises(WeightsError, match="not a readable archive"):
        take(bytes(data), tmp_path)


def test_compressed_bomb_before_the_member_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.weights.archive.SLACK", 1 << 20)
    bomb = tarball({"zeros": bytes(64 << 20), "toy/model.bin": MODEL})
    started = time.monotonic()
    with pytest.raises(WeightsError, match="far more than its own size"):
        take(bomb, tmp_path)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("pack", [wheel, tarball])
def test_cut_off_archive_is_not_readable(pack, tmp_path: Path) -> None:
    whole = pack({"toy/model.bin": MODEL + b"end" * 1000, "more": bytes(range(256)) * 100})
    with pytest.raises(WeightsError, match=r"not a readable archive|has no file"):
        take(whole[: len(whole) // 3], tmp_path)


@pytest.mark.parametrize("data", [b"", b"<html>", b"PK\x03\x04" + bytes(50), b"\x1f\x8b" + bytes(50)])
def test_no_archive_at_all(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not a readable archive"):
        take(data, tmp_path)


def test_damaged_member_of_a_zip_is_noticed(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("toy/model.bin", MODEL)
    data = bytearray(buffer.getvalue())
    data[200] ^= 1
    with pytest.raises(WeightsError, match="not a readable archive"):
        take(bytes(data), tmp_path)
