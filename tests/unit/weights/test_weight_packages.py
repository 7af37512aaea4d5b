"""Packs that come inside an installed package: used where they lie, checked like any other, never pulled."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from weight_shelves import MODEL, entry

from audit.cli_weights import weights
from audit.errors import WeightsError, WeightsMissing, WeightsTampered
from audit.weights import cache_folder, find_pack, locate, missing, pull, verify
from training.phantom.pack_entry import entry as package_entry

SOURCE = "{ kind = 'package', package = 'shipped_toys', folder = 'models/toy' }"
FILES = {"unet/model.bin": MODEL, "unet/config.json": b"{}", "model_index.json": b"[]"}
ENTRY = entry("toy", SOURCE, {name: (name, data) for name, data in FILES.items()})


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_packs: Callable[[str], None]) -> Path:
    """The folder of the pack `toy` in an installed package that must not be imported."""
    package = tmp_path / "site" / "shipped_toys"
    for name, data in FILES.items():
        path = package / "models" / "toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (package / "__init__.py").write_text("raise SystemExit('was imported')")
    monkeypatch.syspath_prepend(str(package.parent))
    add_packs(ENTRY)
    return package / "models" / "toy"


def test_it_is_used_where_it_lies(toys: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in toys.rglob("*")}
    located = locate("toy")
    assert located.folder == toys
    assert located.file("unet/model.bin").read_bytes() == MODEL
    assert located.pinned
    assert locate("toy") == verify("toy") == pull("toy", offline=True) == located
    assert not missing("toy")
    assert "shipped_toys" not in sys.modules
    assert {path: path.stat().st_mtime_ns for path in toys.rglob("*")} == before, "nothing was written among its files"
    assert not cache_folder().exists()


def test_the_digest_is_that_of_the_same_files_from_elsewhere(toys: Path, add_packs: Callable[[str], None]) -> None:
    shipped = locate("toy").digest
    add_packs(ENTRY.replace(SOURCE, f"{{ kind = 'path', folder = {str(toys)!r} }}"))
    assert pull("toy").digest == shipped


@pytest.mark.parametrize("action", [locate, verify, pull])
def test_a_changed_file_is_named(toys: Path, action: Callable[[str], object]) -> None:
    (toys / "unet" / "config.json").write_bytes(b"[]")
    with pytest.raises(WeightsTampered, match=r"unet/config\.json has sha256.*package 'shipped_toys': install that again"):
        action("toy")


def test_a_missing_file_is_named(toys: Path) -> None:
    (toys / "unet" / "model.bin").unlink()
    with pytest.raises(WeightsTampered, match=r"unet/model\.bin is gone.*'shipped_toys'"):
        pull("toy")


def test_a_file_that_nobody_named_is_refused(toys: Path) -> None:
    (toys / "unet" / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsTampered, match=r"found .*model\.safetensors"):
        locate("toy")


def test_files_that_an_installer_linked_are_fine_as_long_as_they_are_the_same(toys: Path, tmp_path: Path) -> None:
    before = locate("toy")
    path = toys / "unet" / "model.bin"
    path.rename(tmp_path / "store")
    path.symlink_to(tmp_path / "store")
    assert locate("toy") == before
    (tmp_path / "store").write_bytes(MODEL[1:])
    with pytest.raises(WeightsTampered, match=r"unet/model\.bin"):
        locate("toy")


def test_a_package_without_the_folder(toys: Path) -> None:
    shutil.rmtree(toys)
    assert missing("toy")
    for action in (locate, pull):
        with pytest.raises(WeightsMissing, match=r"'shipped_toys', but .* is not there; install the package again"):
            action("toy")


def test_a_package_that_is_not_installed(add_packs: Callable[[str], None]) -> None:
    add_packs(ENTRY.replace("shipped_toys", "no_such_toys"))
    with pytest.raises(WeightsMissing, match="'no_such_toys', which is not installed"):
        locate("toy")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("member = 'unet/config.json'", "member = 'other.json'", "keeps its name"),
        ("'models/toy'", "'../toy'", "plain relative path"),
        ("'shipped_toys'", "'shipped.toys'", "package"),
    ],
)
def test_an_entry_that_cannot_be(add_packs: Callable[[str], None], old: str, new: str, found: str) -> None:
    assert old in ENTRY
    add_packs(ENTRY.replace(old, new))
    with pytest.raises(WeightsError, match=found):
        find_pack("toy")


def test_an_entry_without_digests(add_packs: Callable[[str], None]) -> None:
    add_packs(entry("toy", SOURCE, {name: (name, None) for name in FILES}))
    with pytest.raises(WeightsError, match="need a sha256 each"):
        find_pack("toy")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(weights, list(arguments), standalone_mode=False)


def test_the_commands_say_where_it_comes_from(toys: Path) -> None:
    for arguments in (["pull", "toy"], ["verify", "toy"], ["verify"]):
        result = run(*arguments)
        assert result.return_value == 0, result.stderr
        assert "toy: here, comes with the package 'shipped_toys'" in result.stdout
    assert "shipped_toys" in run("list").stdout
    (toy,) = [pack for pack in json.loads(run("list", "--json").stdout)["packs"] if pack["name"] == "toy"]
    assert (toy["state"], toy["comes_with"], toy["folder"]) == ("here", "shipped_toys", str(toys))
    (toys / "model_index.json").write_bytes(b"")
    result = run("verify")
    assert result.return_value == 2
    assert "model_index.json" in result.stderr


def test_an_entry_is_printed_from_the_folder(
    toys: Path, add_packs: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = find_pack("toy")
    monkeypatch.chdir(toys.parents[2])
    (toys / ".hidden").write_bytes(b"")
    printed = package_entry(Path("shipped_toys/models/toy"))
    head = "\n".join(line for line in ENTRY.splitlines()[:7] if not line.startswith(("source", "files")))
    add_packs(f"{head}\n{printed}\n")
    found = find_pack("toy")
    assert (found.source, set(found.files)) == (expected.source, set(expected.files))
    for wrong in (Path("shipped_toys"), Path("shipped_toys/absent")):
        with pytest.raises(ValueError, match="folder of files below a package"):
            package_entry(wrong)
