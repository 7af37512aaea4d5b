"""The catalogue: what the built-in packs state, a user's own files, and what a mistake in one gets."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from weight_shelves import MODEL, SOURCE, Server, entry, sha256

from audit.errors import WeightsError
from audit.weights import PackageSource, catalogue


def test_built_in_packs_state_what_a_user_must_know() -> None:
    packs = catalogue()
    assert {
        "centerface",
        "dcgan-digiface",
        "efficientnet-lite0",
        "explicit-content",
        "face-embedding",
        "perceived-gender-age",
        "perceived-gender-age-second",
    } == {name for name, pack in packs.items() if not (pack.unpinned or isinstance(pack.source, PackageSource))}
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
