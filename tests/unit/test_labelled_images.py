"""Tables of labelled images: what is read of them, and what is refused before any image is looked at."""

from pathlib import Path

import pytest
from labelled_folders import LABELS, folder_of, image, planted, run

from audit.calibration import read_calibration, write_calibration
from audit.errors import InputError
from audit.labelled_images import Asked, read_labelled


@pytest.mark.parametrize("groups", [("who",), ("place", "who")])
def test_a_group_of_too_many_levels_is_refused_before_any_image_is_looked_at(tmp_path: Path, groups) -> None:
    folder = folder_of(tmp_path, [row for n in range(130) for row in planted(2, 0)][:520])
    lines = (folder / "labels.csv").read_text().splitlines()
    spoiled = [lines[0], *(f"{line.rpartition(',')[0]},{number}" for number, line in enumerate(lines[1:]))]
    (folder / "labels.csv").write_text("\n".join(spoiled))
    with pytest.raises(InputError, match=r"--group who has 520 levels; .* may have 500, so merge rare ones") as caught:
        read_labelled(folder, folder / "labels.csv", Asked("tone", groups=groups), LABELS)
    assert "\n" not in str(caught.value)


def test_the_most_groups_that_are_taken_make_a_file_that_is_read_again(tmp_path: Path) -> None:
    """Each level as long as may be, of a character that JSON writes with six; twice as many tell nothing new."""
    long = [f"{number:03d}".ljust(100, "\x01") for number in range(500)]
    lines = ["file,tone,g", *(f"{n}.png,{'bright' if n % 2 else 'dark'},{level}" for n, level in enumerate(long))]
    for number in range(500):
        image(tmp_path, f"{number}.png", "bright" if number % 2 else "dark")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    write_calibration(tmp_path / "made.json", run(tmp_path, Asked("tone", groups=("g",))).calibration)
    assert (tmp_path / "made.json").stat().st_size > 300_000
    assert len(read_calibration(tmp_path / "made.json").groups) == 503
    (tmp_path / "labels.csv").write_text("\n".join(lines).replace(long[7], long[7] + "x"))
    with pytest.raises(InputError, match=r"--group g: a name of 101 characters; .* may have 100"):
        read_labelled(tmp_path, tmp_path / "labels.csv", Asked("tone", groups=("g",)), LABELS)


@pytest.mark.parametrize(
    ("text", "asked", "told"),
    [
        ("file,tone\n0.png,bright\n1.png,mauve\n", Asked("tone"), r"line 3: tone is 'mauve'.* --map 'mauve=LABEL'"),
        ("file,tone\n0.png,bright\n1.png,dark\n", Asked("tint"), "no column 'tint'; did you mean 'tone'"),
        ("file,tone\n0.png,bright\n1.png,dark\n", Asked("tone", groups=("age",)), "no column 'age'"),
        ("picture,tone\n0.png,bright\n", Asked("tone"), "no column 'file'"),
        ("file,tone\n0.png,bright\n9.png,dark\n", Asked("tone"), "line 3: no image '9.png' in"),
        ("file,tone\n../0.png,bright\n", Asked("tone"), "expected the path of an image inside"),
        ("file,tone\n0.png,bright\n0.png,dark\n", Asked("tone"), r"lines 2 and 3: '0.png' twice"),
        ("file,tone\n0.png,bright\n./0.png,dark\n", Asked("tone"), r"lines 2 and 3: '0.png' twice"),
        (f"file,tone\n{'x' * 5000}.png,bright\n", Asked("tone"), "line 2: no image 'xxx.* in .*too long"),
        ("file,tone\n0.png,bright\n1.png,bright\n", Asked("tone"), "all 2 images are 'bright'; an error needs"),
        ("file,tone\n0.png,bright\n1.png,dark\n", Asked("tone", {"dark": ""}), "all 1 images are 'bright'"),
        ("file,tone\n", Asked("tone"), "a header and no rows"),
        ("", Asked("tone"), "no column 'file'"),
        ("file,tone,tone\n", Asked("tone"), "two columns have the same name"),
        ("file,tone\n0.png\n", Asked("tone"), "line 2: 1 cells; the header has 2"),
        ('file,tone\n"0.png,bright\n', Asked("tone"), "malformed CSV"),
        ("file,tone\n0.png,bright\n1.png,dark\n", Asked("tone", {"dark": "drak"}), "no label 'drak'; did you mean 'dark'"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, asked: Asked, told: str) -> None:
    for name in ("0.png", "1.png"):
        image(tmp_path, name, "dark")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        read_labelled(tmp_path, tmp_path / "labels.csv", asked, LABELS)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such table of labels; name it by --table"):
        read_labelled(tmp_path, tmp_path / "labels.csv", Asked("tone"), LABELS)
    with pytest.raises(InputError, match="expected a folder of images"):
        read_labelled(tmp_path / "nowhere", tmp_path / "labels.csv", Asked("tone"), LABELS)
    (tmp_path / "labels.csv").write_bytes(b"file,tone\n\xff\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_labelled(tmp_path, tmp_path / "labels.csv", Asked("tone"), LABELS)
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_labelled(tmp_path, tmp_path, Asked("tone"), LABELS)


def test_labels_are_mapped_and_rows_left_out(tmp_path: Path) -> None:
    rows = [("light", "bright", 90, "", 1), ("night", "dark", 90, "in", 2), ("?", "dark", 90, "in", 3)]
    folder = folder_of(tmp_path, rows)
    asked = Asked("tone", {"light": "bright", "night": "dark", "?": ""}, ("place",))
    found = read_labelled(folder, folder / "labels.csv", asked, LABELS)
    assert [(one.path.name, one.label, one.groups) for one in found.images] == [
        ("0.png", "bright", ("(empty)",)),
        ("1.png", "dark", ("in",)),
    ]
    assert found.left_out == 1
