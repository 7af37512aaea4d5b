"""A folder of images as a generator: what it asks, what each draw gives, and what it says of useless input."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from audit.catalog import build_as, identity
from audit.component import Generator, OnDisk, Product, Request
from audit.errors import GenerationError, InputError, SpecError
from audit.images import MAX_BYTES, encode_png
from audit.records import ClassLabel, Draw, Failed, Filtered, Latent, Probe, Refused, TextPrompt
from audit.spec import Use
from audit.testing import check_generator
from generators.folder import Folder


def image(path: Path, shade: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(np.full((4, 4, 3), shade, dtype=np.uint8)))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("b.png", "a.PNG", "sub/c.jpg", "sub/deep/d.webp", "Z.png"):
        image(tmp_path / "images" / name)
    for name in ("note.txt", ".hidden.png", ".git/e.png", "sub/._c.jpg"):
        image(tmp_path / "images" / name)
    return tmp_path / "images"


def csv(folder: Path, text: str | bytes) -> Path:
    table = folder.parent / "table.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    return table


def draws(folder: Folder, probe: Probe, indices: Sequence[int] | None = None) -> list[Product]:
    assert probe.draws is not None
    wanted = range(probe.draws) if indices is None else indices
    requests = [Request(Draw(generator="g", probe=probe.id, index=i, seed=i), probe) for i in wanted]
    with folder.open("cpu") as draw:
        return list(draw(requests))


def names(folder: Folder, probe: Probe) -> list[str]:
    products = draws(folder, probe)
    return [p.path.relative_to(folder.path).as_posix() for p in products if isinstance(p, OnDisk)]


# -------------------------------------------------------------------------------------------- without a table


def test_one_unconditional_probe_draws_every_image_in_bytewise_order(images: Path) -> None:
    folder = Folder(path=images)
    (probe,) = folder.probes()
    assert (probe.condition, probe.unit, probe.draws) == (Latent(), "draw", 5)
    assert names(folder, probe) == ["Z.png", "a.PNG", "b.png", "sub/c.jpg", "sub/deep/d.webp"]


def test_a_draw_gives_the_bytes_of_its_file(images: Path) -> None:
    folder = Folder(path=images)
    product = draws(folder, folder.probes()[0], [2])[0]
    assert product == OnDisk(images / "b.png", (images / "b.png").read_bytes())


def test_a_relative_folder_gives_paths_that_hold_from_everywhere(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(images.parent)
    folder = Folder(path=Path("images"))
    product = draws(folder, folder.probes()[0], [2])[0]
    assert isinstance(product, OnDisk)
    assert product.path == images / "b.png"


def test_it_keeps_the_promises_of_a_generator(images: Path) -> None:
    check_generator(Folder(path=images))
    check_generator(Folder(path=images, table=csv(images, "file,prompt\nb.png,x\nno.png,y\nZ.png,x\n")))


def test_it_can_stay_at_the_top(images: Path) -> None:
    folder = Folder(path=images, recursive=False)
    assert names(folder, folder.probes()[0]) == ["Z.png", "a.PNG", "b.png"]


def test_a_limit_takes_the_same_spread_everywhere_and_grows_by_adding(tmp_path: Path) -> None:
    for number in range(60):
        image(tmp_path / f"{number // 20}" / f"{number:02}.png")
    taken = []
    for limit in (10, 20, 60, 100):
        folder = Folder(path=tmp_path, limit=limit)
        taken.append(names(folder, folder.probes()[0]))
    assert [len(t) for t in taken] == [10, 20, 60, 60]
    assert set(taken[0]) < set(taken[1]) < set(taken[2])
    assert {name[0] for name in taken[0]} == {"0", "1", "2"}
    assert taken[0] == sorted(taken[0])


def test_the_fingerprint_follows_names_and_bytes(images: Path) -> None:
    before = Folder(path=images).fingerprint()
    assert Folder(path=images).fingerprint() == before
    data = bytearray((images / "b.png").read_bytes())
    data[-1] ^= 1  # of the same size
    (images / "b.png").write_bytes(bytes(data))
    changed = Folder(path=images).fingerprint()
    (images / "b.png").rename(images / "bb.png")
    assert len({before, changed, Folder(path=images).fingerprint()}) == 3


def test_another_limit_is_another_identity(images: Path) -> None:
    plain = identity(Folder(path=images), None)
    assert identity(Folder(path=images, limit=2), None) != plain
    assert identity(Folder(path=images, batch=2, subject_basis="generated"), None) == plain  # the images are the same


@pytest.mark.parametrize("content", [[], ["note.txt", ".hidden.png"]])
def test_a_folder_without_images_is_named_with_what_was_looked_for(tmp_path: Path, content: list[str]) -> None:
    for name in content:
        image(tmp_path / name)
    with pytest.raises(InputError, match=r"no images in it; looked for files ending in \.png, \.jpg") as caught:
        Folder(path=tmp_path).check()
    assert str(tmp_path) in str(caught.value)


def test_an_absent_folder_and_a_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder of images, found nothing"):
        Folder(path=tmp_path / "no").check()
    image(tmp_path / "x.png")
    with pytest.raises(InputError, match="expected a folder of images, found a file"):
        Folder(path=tmp_path / "x.png").check()


def test_a_circle_of_links_is_named_and_does_not_hang(images: Path) -> None:
    (images / "sub" / "again").symlink_to(images, target_is_directory=True)
    with pytest.raises(InputError, match="are the same folder"):
        Folder(path=images).check()
    assert Folder(path=images, recursive=False).probes()[0].draws == 3


def test_links_to_files_and_folders_elsewhere_are_followed(images: Path, tmp_path: Path) -> None:
    image(tmp_path / "elsewhere" / "e.png")
    (images / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (images / "f.png").symlink_to(tmp_path / "elsewhere" / "e.png")
    folder = Folder(path=images)
    assert {"linked/e.png", "f.png"} < set(names(folder, folder.probes()[0]))


def test_what_cannot_be_read_is_a_failed_draw(tmp_path: Path) -> None:
    image(tmp_path / "0.png")
    (tmp_path / "1.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "2.png").symlink_to(tmp_path / "2.png")
    os.mkfifo(tmp_path / "3.png")
    with (tmp_path / "4.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    (tmp_path / "5.png").touch()
    folder = Folder(path=tmp_path)
    products = draws(folder, folder.probes()[0])
    assert isinstance(products[0], OnDisk)
    assert products[5] == OnDisk(tmp_path / "5.png", b"")  # its decoding fails and names it
    assert products[1] == Failed(reason="1.png: cannot be read (No such file or directory)")
    assert isinstance(products[2], Failed)
    assert "levels of symbolic links" in products[2].reason
    assert products[3] == Failed(reason="3.png: not a regular file")
    assert isinstance(products[4], Failed)
    assert products[4].reason.startswith(f"4.png: {MAX_BYTES + 1} bytes")


def test_a_name_that_is_not_utf8_is_refused_with_the_name(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).touch()
    with pytest.raises(InputError, match=r"xff\.png' is not UTF-8; rename it"):
        Folder(path=tmp_path).check()


def test_a_draw_beyond_the_images_says_that_the_folder_changed(images: Path) -> None:
    folder = Folder(path=images)
    with pytest.raises(GenerationError, match="the folder has 5 images"):
        draws(folder, folder.probes()[0], [5])


def test_photographs_need_a_stated_basis(images: Path) -> None:
    assert Folder(path=images).subject_basis() == ""
    assert Folder(path=images, subject_basis=" generated ").subject_basis() == "generated"
    stated = Folder(path=images, subject_basis="staff, who agreed in writing")
    assert stated.settings()["subject_basis"] == stated.subject_basis() == "staff, who agreed in writing"


def test_it_is_found_by_name_and_checks_its_parameters(images: Path) -> None:
    folder = build_as("generators", Use(use="folder", params={"path": str(images), "limit": 2}), Generator)
    assert (folder.probes()[0].draws, folder.fixed_block()) == (2, False)
    with pytest.raises(SpecError, match="did you mean 'recursive'"):
        build_as("generators", Use(use="folder", params={"path": "x", "recursiv": True}), Generator)


# ----------------------------------------------------------------------------------------------- with a table


def test_rows_are_grouped_into_probes_by_condition_and_axes(images: Path) -> None:
    table = csv(
        images,
        "file,prompt,occupation,note\nb.png,a nurse,nurse,x\nsub/c.jpg,a pilot,pilot,y\n./a.PNG,a nurse,nurse,z\n",
    )
    folder = Folder(path=images, table=table, axes=("occupation",))
    nurse, pilot = folder.probes()
    assert nurse.condition == TextPrompt(text="a nurse")
    assert (nurse.levels, nurse.unit, nurse.draws, pilot.draws) == ({"occupation": "nurse"}, "prompt", 2, 1)
    assert names(folder, nurse) == ["a.PNG", "b.png"]
    assert names(folder, pilot) == ["sub/c.jpg"]


def test_by_default_every_other_column_is_an_axis(images: Path) -> None:
    table = csv(images, "file,label,label_name,split,camera\nb.png,3,cat,test,\n")
    (probe,) = Folder(path=images, table=table, control_axes=("split",)).probes()
    assert probe.condition == ClassLabel(label=3, name="cat")
    assert [(a.name, a.level, a.role) for a in probe.axes] == [("split", "test", "control")]  # no level for an empty cell


def test_rows_without_a_condition_are_sampled_independently(images: Path) -> None:
    (probe,) = Folder(path=images, table=csv(images, "file,place\nb.png,here\nZ.png,here\n")).probes()
    assert (probe.condition, probe.unit, probe.levels) == (Latent(), "draw", {"place": "here"})


def test_csv_jsonl_and_parquet_say_the_same(images: Path, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"file": "b.png", "prompt": 'eine "Ärztin",\nlächelnd', "language": "de", "seed": 7, "year": "1999"},
        {"file": "a.PNG", "prompt": 'eine "Ärztin",\nlächelnd', "language": "de", "seed": 3, "year": "1999"},
    ]
    quoted = '"eine ""Ärztin"",\nlächelnd"'
    (tmp_path / "t.csv").write_text(
        f"file,prompt,language,seed,year\r\nb.png,{quoted},de,7,1999\r\na.PNG,{quoted},de,3,1999\r\n", encoding="utf-8-sig"
    )
    (tmp_path / "t.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8-sig")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    folders = [Folder(path=images, table=tmp_path / f"t.{ending}") for ending in ("csv", "jsonl", "parquet")]
    first = folders[0].probes()
    assert first[0].condition == TextPrompt(text='eine "Ärztin",\nlächelnd', language="de")
    assert all(folder.probes() == first for folder in folders)
    assert all(names(folder, first[0]) == ["a.PNG", "b.png"] for folder in folders)  # by seed


def test_missing_numbers_of_a_data_frame_are_no_labels(images: Path, tmp_path: Path) -> None:
    columns = {"file": ["b.png", "Z.png"], "label": [2.0, float("nan")], "ok": [True, None], "size": [1.5, 2.0]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    labelled, other = Folder(path=images, table=tmp_path / "t.parquet").probes()
    assert labelled.condition == ClassLabel(label=2)
    assert (labelled.levels, other.levels) == ({"ok": "true", "size": "1.5"}, {"size": "2.0"})
    assert other.condition == Latent()


def test_arms_of_a_pair_stay_apart_and_share_their_id(images: Path) -> None:
    table = csv(images, "file,prompt,arm,pair\nb.png,a man,man,p1\nZ.png,a woman,woman,p1\n")
    one, two = Folder(path=images, table=table).probes()
    assert one.pair == two.pair == "p1"
    assert one.id != two.id


def test_the_default_language_is_english_whether_named_or_not(images: Path) -> None:
    table = csv(images, "file,prompt,language\nb.png,a man,\nZ.png,a man,en\n")
    (probe,) = Folder(path=images, table=table).probes()
    assert probe.draws == 2


def test_a_row_may_record_that_there_is_no_image(images: Path) -> None:
    table = csv(
        images,
        "file,prompt,outcome,reason\nb.png,p,made,\n,p,refused,content policy\nblack.png,p,filtered,\n,p,failed,timeout\n",
    )
    folder = Folder(path=images, table=table)
    (probe,) = folder.probes()
    refused, failed, made, filtered = draws(folder, probe)
    assert refused == Refused(reason="content policy")
    assert failed == Failed(reason="timeout")
    assert isinstance(made, OnDisk)
    assert filtered == Filtered(reason="recorded as filtered, without a reason")


def test_a_file_that_is_not_there_is_a_failed_draw_unless_none_is(images: Path) -> None:
    folder = Folder(path=images, table=csv(images, "file\nb.png\nno.png\n"))
    assert draws(folder, folder.probes()[0])[1] == Failed(reason="no.png: cannot be read (No such file or directory)")
    nothing = Folder(path=images, table=csv(images, "file\nx.png\ny.png\n"))
    with pytest.raises(InputError, match=r"none of the 2 files that it names is in .*the first is 'x\.png', line 2"):
        nothing.check()


def test_two_folders_that_were_asked_the_same_bring_the_same_probes(images: Path, tmp_path: Path) -> None:
    image(tmp_path / "other" / "1.png")
    one = Folder(path=images, table=csv(images, "file,prompt,job\nb.png,p,j\nZ.png,p,j\n"))
    (tmp_path / "other.jsonl").write_text('{"job": "j", "prompt": "p", "file": "1.png"}')
    two = Folder(path=tmp_path / "other", table=tmp_path / "other.jsonl")
    assert one.probes()[0].id == two.probes()[0].id


def test_a_limit_holds_for_rows_too(images: Path) -> None:
    table = csv(images, "file,prompt\n" + "".join(f"{name},{name}\n" for name in ("b.png", "a.PNG", "Z.png", "sub/c.jpg")))
    probes = Folder(path=images, table=table, limit=2).probes()
    assert sum(probe.draws or 0 for probe in probes) == 2
    assert set(probes) < set(Folder(path=images, table=table, limit=3).probes())


def test_long_and_odd_prompts_pass_as_they_are(images: Path, tmp_path: Path) -> None:
    prompts = ["x" * 10_000, "<script>alert(1)</script>", "tab\there\x07", "  spaces  ", "🙂 مرحبا"]
    files = ["b.png", "a.PNG", "Z.png", "sub/c.jpg", "sub/deep/d.webp"]
    rows = [json.dumps({"file": file, "prompt": prompt}) for file, prompt in zip(files, prompts, strict=True)]
    (tmp_path / "t.jsonl").write_text("\n".join(rows))
    conditions = [probe.condition for probe in Folder(path=images, table=tmp_path / "t.jsonl").probes()]
    assert conditions == [TextPrompt(text=prompt) for prompt in prompts]


def test_the_fingerprint_follows_the_table(images: Path) -> None:
    before = Folder(path=images, table=csv(images, "file,a\nb.png,1\n")).fingerprint()
    image(images / "unlisted.png")
    assert Folder(path=images, table=csv(images, "file,a\nb.png,1\n")).fingerprint() == before
    assert Folder(path=images, table=csv(images, "file,a\nb.png,2\n")).fingerprint() != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the table has no rows"),
        ("file,prompt\n", "the table has no rows"),
        ("name,prompt\nb.png,x\n", r"line 2: no column `file`; found name, prompt"),
        ("file;prompt\nb.png;x\n", "columns are separated by commas"),
        ("file,a,a\nb.png,1,2\n", "two columns are named 'a'"),
        ("file,\nb.png,1\n", "a column has no name"),
        ("file,a\nb.png,1\nZ.png\n", "line 3: 1 cells; the header has 2"),
        ('file,a\n"b.png,1\n', "malformed CSV"),
        ("file,label\nb.png,cat\n", r"line 2: label: .*valid integer.*'cat'"),
        ("file,label\nb.png,-1\n", r"line 2: label: .*greater than or equal to 0"),
        ("file,prompt,label\nb.png,x,1\n", "both a `prompt` and a `label`"),
        ("file,label_name\nb.png,cat\n", "`label_name` without a `label`"),
        ("file,language\nb.png,de\n", "`language` without a `prompt`"),
        ("file,outcome\nb.png,lost\n", r"outcome: .*'made', 'refused', 'filtered' or 'failed'"),
        ("file,prompt\n,x\n", r"line 2: no `file`"),
        ("file\n../images/b.png\n", "leads out of the folder"),
        ("file\nsub/../../b.png\n", "leads out of the folder"),
        ("file\n/etc/passwd\n", "leads out of the folder"),
        ("file\nsub\\c.jpg\n", "write / between folders"),
        ("file\nb.png\nZ.png\n./b.png\n", r"lines 2 and 4: 'b\.png' twice under the same condition"),
        ("file,a\nb.png,\xe4\n".encode("latin-1"), r"not UTF-8 .* at byte 13"),
        ("file\nb.png\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_table_that_makes_no_sense_is_explained(images: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Folder(path=images, table=csv(images, text)).check()
    assert "table.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"file": "Z.png",', r"line 2: malformed JSON"),
        ('["Z.png"]', "line 2: expected an object, found list"),
        ('{"file": "Z.png", "a": 1, "a": 2}', "a key stands twice"),
        ('{"file": 5}', r"line 2: file: expected text, found 5"),
        ('{"file": "Z.png", "a": [1]}', "line 2: a: the level of an axis is text or a number; found list"),
        ('{"file": "Z.png", "prompt": "\\ud800"}', "line 2: malformed JSON .*surrogates"),
        ('{"file": "Z\\u0000.png"}', "null byte"),
        ("[" * 100_000, "line 2: malformed JSON"),
        ('{"prompt": "x"}', "line 2: no column `file`; found prompt"),
    ],
)
def test_a_jsonl_line_that_makes_no_sense_is_named(images: Path, tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "t.jsonl").write_text('{"file": "b.png"}\n' + line + "\n")
    with pytest.raises(InputError, match=message):
        Folder(path=images, table=tmp_path / "t.jsonl").check()


def test_what_is_no_parquet_file_is_named(images: Path, tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="not a Parquet file, or damaged"):
        Folder(path=images, table=tmp_path / "t.parquet").check()
    pq.write_table(pa.table([pa.array(["b.png"]), pa.array(["x"])], names=["file", "file"]), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="two columns are named 'file'"):
        Folder(path=images, table=tmp_path / "t.parquet").check()


def test_other_tables_and_absent_ones_are_named(images: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.csv, \.jsonl, \.parquet"):
        Folder(path=images, table=tmp_path / "t.xlsx").check()
    with pytest.raises(InputError, match="no such table"):
        Folder(path=images, table=tmp_path / "t.csv").check()


def test_misspelt_axes_are_named_with_the_nearest(images: Path) -> None:
    table = csv(images, "file,occupation\nb.png,nurse\n")
    with pytest.raises(InputError, match=r"no column 'ocupation'.* did you mean 'occupation'"):
        Folder(path=images, table=table, axes=("ocupation",)).check()
    with pytest.raises(InputError, match=r"'occupatoin' is no axis of .*did you mean 'occupation'"):
        Folder(path=images, table=table, control_axes=("occupatoin",)).check()
    with pytest.raises(InputError, match="name columns of a `table`"):
        Folder(path=images, axes=("occupation",)).check()


def test_formats_in_the_folder_are_those_that_decode(tmp_path: Path) -> None:
    for ending in ("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif"):
        Image.new("RGB", (2, 2)).save(tmp_path / f"x.{ending}")
    assert Folder(path=tmp_path).probes()[0].draws == 8
