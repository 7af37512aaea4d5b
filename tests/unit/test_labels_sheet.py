"""The folder that raters get: what is in it and what is not, and its page in a browser, by mouse, finger and keyboard."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESK, PHONE, Visit
from PIL import Image

from audit.digest import bytes_digest
from audit.errors import InputError, StoreError
from audit.images import decode, encode_png
from audit.label_sheet import hand_out
from audit.label_votes import count, read_ballots
from audit.labels import Item, LabelSample, Stratum
from audit.records import Draw, ImageRecord, Made
from audit.store import RunStore

HOSTILE = "</script><img src=x onerror=alert(1)>"
LEVELS = ("older", "younger", "=1+1", HOSTILE)


def _bytes(n: int, codec: str) -> bytes:
    pixels = np.full((48, 64, 3), 40 * n, dtype=np.uint8)
    if codec == "png":
        return encode_png(pixels)
    out = io.BytesIO()
    exif = Image.Exif()
    exif[270] = "taken at home"
    Image.fromarray(pixels).save(out, codec, exif=exif)
    return out.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Five images: two PNG, a JPEG, a WebP, and a JPEG that lies outside the run."""
    store = RunStore(tmp_path / "run")
    records = []
    for n, codec in enumerate(["png", "png", "jpeg", "webp", "jpeg"]):
        data, location = _bytes(n, codec), ""
        if n == 4:
            location = str(tmp_path / "photo.jpg")
            Path(location).write_bytes(data)
        else:
            store.put_image(data, codec)
        made = Made(image=bytes_digest(data), width=64, height=48, codec=codec)
        draw = Draw(generator="secret model", probe=f"a nurse {n}", index=n, seed=n)
        records.append((ImageRecord(draw=draw, outcome=made, seconds=0.1, device="cpu", batch=1), location))
    store.append_draws("model-1", records)
    return store


@pytest.fixture
def sample(store: RunStore) -> LabelSample:
    images = sorted(store.image_refs)
    draws = [{"generator": "secret model", "probe": f"nurse{n}", "index": n, "image": images[n]} for n in range(5)]
    return LabelSample(
        run="sha256:" + "b" * 64,
        column="attributes.perceived_age",
        title=f"Perceived age {HOSTILE}",
        levels=LEVELS,
        regional=True,
        seed=1,
        strata=(Stratum(generator="secret model", predicted="predicted thing", size=9, chosen=5),),
        items=tuple(Item(id=f"i{n}a", stratum=0, **draw) for n, draw in enumerate(draws)),
    )


@pytest.fixture
def folder(store: RunStore, sample: LabelSample, tmp_path: Path) -> Path:
    folder = tmp_path / "rate"
    hand_out(store, sample, folder, lambda _: None)
    return folder


# ------------------------------------------------------------------------------------------------ what is in it


def test_images_are_those_of_the_run_and_photographs_lose_what_else_their_files_tell(
    store: RunStore, sample: LabelSample, folder: Path
) -> None:
    for item in sample.items:
        (path,) = (folder / "images").glob(f"{item.id}.*")
        ref = store.image_refs[item.image]
        original = store.get_image(ref)
        assert np.array_equal(decode(path.read_bytes(), "it").pixels, decode(original, "original").pixels)
        as_stored = not ref.location and ref.codec in ("png", "jpeg")
        assert (path.read_bytes() == original) == as_stored
        assert path.suffix == (".jpg" if as_stored and ref.codec == "jpeg" else ".png")
        assert as_stored or b"taken at home" not in path.read_bytes()


def test_raters_are_blind(sample: LabelSample, folder: Path) -> None:
    text = (folder / "sheet.html").read_text() + (folder / "labels.csv").read_text()
    for word in ("secret", "nurse", "predicted thing", "sha256", sample.items[0].image[-20:]):
        assert word not in text
    assert {path.stem for path in (folder / "images").iterdir()} == {item.id for item in sample.items}


def test_the_table_lists_items_and_choices_and_runs_no_formula(sample: LabelSample, folder: Path) -> None:
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["item"] for row in rows] == [item.id for item in sample.items]
    assert all((folder / row["image"]).is_file() for row in rows)
    assert {row["label"] for row in rows} == {""}
    assert all(row["choices"].startswith("older | younger") for row in rows)


def test_again_is_the_same_and_labels_or_other_files_are_not_overwritten(
    store: RunStore, sample: LabelSample, folder: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    hand_out(store, sample, folder, lambda _: None)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    table = folder / "labels.csv"
    table.write_text(
        table.read_text().replace("i0a,images/i0a.png,", "i0a,images/i0a.png,older").replace("jpg,", "jpg,older")
    )
    with pytest.raises(InputError, match="holds labels"):
        hand_out(store, sample, folder, lambda _: None)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").write_text("x")
    with pytest.raises(InputError, match="other files"):
        hand_out(store, sample, tmp_path / "other", lambda _: None)
    with pytest.raises(InputError, match="a file, and a folder"):
        hand_out(store, sample, tmp_path / "other" / "thesis.doc", lambda _: None)


def test_an_image_that_changed_is_named_and_no_half_file_stays(
    store: RunStore, sample: LabelSample, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"another")
    with pytest.raises(StoreError, match=r"photo\.jpg: its bytes have changed"):
        hand_out(store, sample, tmp_path / "rate", lambda _: None)
    assert not list((tmp_path / "rate").rglob("*.tmp"))
    assert not (tmp_path / "rate" / "sheet.html").exists()


def test_a_stop_between_images_leaves_whole_files_and_the_next_call_goes_on(
    store: RunStore, sample: LabelSample, tmp_path: Path
) -> None:
    folder, written = tmp_path / "rate", []

    def stop_after_two(count: int) -> None:
        written.append(count)
        if len(written) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hand_out(store, sample, folder, stop_after_two)
    assert len(list((folder / "images").iterdir())) == 2
    hand_out(store, sample, folder, written.append)
    assert sum(written) == 2 + 5
    assert len(list((folder / "images").iterdir())) == 5
    assert (folder / "sheet.html").exists()


# ---------------------------------------------------------------------------------------------- in a browser


@pytest.fixture
def visit(chromium: Any, folder: Path) -> Iterator[Visit]:
    with Visit(chromium, folder / "sheet.html") as visit:
        yield visit
        assert visit.console == []


def standing(visit: Visit) -> str:
    return str(visit.page.locator("#standing").inner_text())


def reached(visit: Visit, place: int) -> None:
    visit.page.locator("#standing", has_text=f"Picture {place} of").wait_for()


def stored(visit: Visit) -> dict[str, str]:
    found = visit.page.evaluate("Object.values(localStorage)")
    assert len(found) == 1
    return dict(json.loads(found[0]))


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_and_is_accessible_and_asks_no_network(chromium: Any, folder: Path, width: int, scheme: str) -> None:
    with Visit(chromium, folder / "sheet.html", width, scheme) as visit:
        assert visit.page.locator("#image").evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
        assert visit.overflow() == 0
        assert visit.console == []
        assert all(url.startswith((folder.as_uri(), "data:")) for url in visit.requests)
        assert visit.grave_violations() == []
        assert visit.page.locator("img").count() == 1  # the title is text
        choices = visit.page.locator(".choice")
        assert choices.all_inner_texts()[-1].startswith("cannot tell")
        assert min(box["height"] for box in (choice.bounding_box() for choice in choices.all())) >= 44
        assert "largest" in visit.page.locator("#hint").inner_text()


def test_rating_by_keyboard_is_kept_and_downloaded_as_a_file_that_imports(
    visit: Visit, sample: LabelSample, tmp_path: Path
) -> None:
    page = visit.page
    assert standing(visit) == "Picture 1 of 5; 0 of 5 rated"
    for key, answers in (("1", 1), ("3", 2), ("0", 3), ("4", 4)):
        page.keyboard.press(key)
        reached(visit, answers + 1)
    page.keyboard.press("9")  # no such answer
    assert stored(visit) == {"i0a": "older", "i1a": "=1+1", "i2a": "cannot tell", "i3a": HOSTILE}
    page.keyboard.press("b")
    assert page.locator("input:checked").get_attribute("value") == HOSTILE
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "labels-rated.csv"
    path = tmp_path / "rated.csv"
    download.value.save_as(path)
    rows = list(csv.reader(io.StringIO(path.read_text(), newline="")))
    assert rows[0] == ["item", "image", "label"]
    assert [row[2] for row in rows[1:]] == ["older", "'=1+1", "cannot tell", HOSTILE, ""]
    found = count(sample, read_ballots([path]), confidence=0.95)
    assert found.by_people == {"older": 1, "=1+1": 1, "": 1, HOSTILE: 1}
    assert found.unrated == 1


def test_it_goes_on_where_it_was_left_and_starts_over_when_asked(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("2")
    reached(visit, 2)
    page.reload()
    assert standing(visit) == "Picture 2 of 5; 1 of 5 rated"
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#anew").click()
    assert standing(visit) == "Picture 1 of 5; 0 of 5 rated"
    assert stored(visit) == {}


def test_arrow_keys_choose_without_going_on_and_the_pointer_goes_on(visit: Visit) -> None:
    page = visit.page
    page.locator("#choices input").first.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    assert stored(visit) == {"i0a": "younger"}
    assert standing(visit).startswith("Picture 1 of 5")
    page.keyboard.press("n")
    page.locator(".choice").first.click()
    reached(visit, 3)
    assert stored(visit) == {"i0a": "younger", "i1a": "older"}
    page.locator("#next").click()
    page.locator("#next").click()
    assert page.locator("#next").is_disabled()
    page.locator("#open").click()
    assert standing(visit).startswith("Picture 3 of 5")


def test_the_end_is_told_and_a_lost_picture_too(chromium: Any, folder: Path) -> None:
    (folder / "images" / next((folder / "images").glob("i1a.*")).name).unlink()
    with Visit(chromium, folder / "sheet.html") as visit:
        for place in range(5):
            visit.page.keyboard.press("1")
            if place < 4:
                reached(visit, place + 2)
            if place == 0:
                visit.page.wait_for_selector("#lost:not([hidden])")
        assert "All are rated: download" in standing(visit)
        assert not visit.page.locator("#lost").is_visible()
        assert visit.page.locator("progress").evaluate("p => p.value / p.max") == 1


def test_without_javascript_it_says_what_to_do(chromium: Any, folder: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "sheet.html").as_uri())
    assert page.locator("noscript").is_visible()
    assert "labels.csv" in page.inner_text("body")
    context.close()
