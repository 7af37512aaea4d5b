"""`imgaudit weights`: results on stdout, everything else on stderr, exit codes as the interface."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from weight_shelves import entry, sha256, wheel

from audit.cli_weights import weights
from audit.weights import PackageSource, cache_folder, catalogue, locate

MODEL = b"numbers" * 1000


@pytest.fixture(autouse=True)
def two_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_packs: Callable[[str], None]) -> Path:
    """`toy` can be had from a folder of archives, `gone` cannot; gives that folder."""
    links = tmp_path / "links"
    links.mkdir()
    (links / "toy-1.0-py3-none-any.whl").write_bytes(wheel({"toy/model.bin": MODEL}))
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    files = {"model.bin": ("toy/model.bin", MODEL)}
    toy = entry("toy", "{ kind = 'wheel', package = 'toy', version = '1.0' }", files)
    add_packs(toy + entry("gone", "{ kind = 'wheel', package = 'gone', version = '2.0' }", files))
    return links


def run(*arguments: str) -> Result:
    return CliRunner().invoke(weights, list(arguments), standalone_mode=False)


def answer(result: Result) -> Any:
    assert result.exception is None
    return json.loads(result.stdout)


def test_list_shows_what_is_here_and_what_is_not() -> None:
    assert run("pull", "toy").return_value == 0
    shown = answer(run("list", "--json"))
    packs = {pack["name"]: pack for pack in shown["packs"]}
    assert shown["cache"] == str(cache_folder())
    assert packs["toy"]["state"] == "here"
    assert packs["toy"]["digest"] == locate("toy").digest
    assert packs["toy"]["sha256"] == {"model.bin": sha256(MODEL)}
    assert packs["gone"]["state"] == "absent"
    assert "imgaudit weights pull gone" in packs["gone"]["error"]
    assert packs["clip-vit-b-32"]["unpinned"]
    assert packs["perceived-gender-age"]["measured"]
    text = run("list")
    assert text.return_value == 0
    for part in ("toy", "dcgan-digiface", "CC0-1.0 AND MIT", "unpinned", "absent"):
        assert part in text.stdout


def test_pull_says_where_it_lies() -> None:
    result = run("pull", "toy")
    assert result.return_value == 0
    assert result.stdout.strip() == f"toy: here  {locate('toy').folder}"


def test_one_failure_does_not_stop_the_others() -> None:
    result = run("pull", "gone", "toy", "--json")
    assert result.return_value == 2
    states = {pack["name"]: pack["state"] for pack in answer(result)}
    assert states == {"gone": "absent", "toy": "here"}
    assert result.stderr.startswith("error: weight pack 'gone' did not come: ")


def test_all_means_the_whole_catalogue() -> None:
    result = run("pull", "--all", "--offline", "--json")
    states = {pack["name"]: pack["state"] for pack in answer(result)}
    assert states["toy"] == "here"
    assert states["inception-v3-fid"] == "absent"
    assert states.keys() == catalogue().keys()
    assert "network is off" in result.stderr


@pytest.mark.parametrize("arguments", [("pull",), ("pull", "toy", "--all")])
def test_pull_wants_names_or_all(arguments: tuple[str, ...]) -> None:
    assert "name the packs to pull, or give --all" in str(run(*arguments).exception)


def test_verify_covers_what_is_here() -> None:
    shipped = [name for name, pack in sorted(catalogue().items()) if isinstance(pack.source, PackageSource)]
    nothing_pulled = run("verify", "--json")
    assert nothing_pulled.return_value == 0
    assert [pack["name"] for pack in answer(nothing_pulled)] == shipped
    run("pull", "toy")
    result = run("verify", "--json")
    assert result.return_value == 0
    assert [pack["name"] for pack in answer(result)] == [*shipped, "toy"]


def test_verify_says_where_it_looked_when_no_pack_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: pack for name, pack in catalogue().items() if not isinstance(pack.source, PackageSource)}
    monkeypatch.setattr("audit.cli_weights.catalogue", lambda: known)
    result = run("verify", "--json")
    assert result.return_value == 0
    assert answer(result) == []
    assert f"no pack is in {cache_folder()}" in result.stderr


def test_verify_fails_on_a_damaged_file_and_pull_mends_it() -> None:
    run("pull", "toy")
    locate("toy").file("model.bin").write_bytes(b"x")
    result = run("verify")
    assert result.return_value == 2
    assert "toy: damaged" in result.stdout
    for part in ("model.bin", sha256(b"x"), sha256(MODEL)):
        assert part in result.stderr
    assert answer(run("list", "--json"))["packs"][-1]["state"] == "damaged"
    assert run("pull", "toy").return_value == 0
    assert run("verify", "toy").return_value == 0


def test_verify_of_an_absent_pack_fails() -> None:
    result = run("verify", "gone")
    assert result.return_value == 2
    assert "imgaudit weights pull gone" in result.stderr


@pytest.mark.parametrize("command", ["pull", "verify"])
def test_unknown_name_is_an_error_that_lists_the_known(command: str) -> None:
    assert "known are" in str(run(command, "toys").exception)
