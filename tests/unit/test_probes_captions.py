import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import AuditError, InputError, SpecError
from audit.records import Axis, Probe, TextPrompt
from probes.captions import Captions
from probes.wording import fault_of


def written(folder: Path, name: str, data: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def asked(path: Path, **params: Any) -> tuple[Probe, ...]:
    return Captions(path=path, **params).probes()


def texts(probes: tuple[Probe, ...]) -> list[str]:
    return [p.condition.text for p in probes if isinstance(p.condition, TextPrompt)]


def fault(path: Path, **params: Any) -> str:
    with pytest.raises(AuditError) as caught:
        Captions(path=path, **params).check()
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", "a cat\n  two  <b>dogs</b>\t\n\na {person}\n"),
        ("a.txt", "\ufeffa cat\r\ntwo  <b>dogs</b>\r\na {person}"),
        ("a.TXT", "a cat\ntwo  <b>dogs</b>\na {person}"),
        ("a.csv", "text\na cat\ntwo  <b>dogs</b>\n\n a {person} \n"),
        ("a.csv", '\ufeff"prompt"\r\n"a cat"\r\n"two  <b>dogs</b>"\r\na {person}\r\n'),
        ("a.jsonl", '{"caption": "a cat"}\n{"caption": "two  <b>dogs</b>"}\n\n{"caption": " a {person}"}\n'),
    ],
)
def test_the_three_formats_give_the_same_prompts_verbatim(tmp_path: Path, name: str, data: str) -> None:
    probes = asked(written(tmp_path, name, data))
    assert texts(probes) == ["a cat", "two  <b>dogs</b>", "a {person}"]
    assert {(p.suite, p.axes, p.pair, p.unit) for p in probes} == {("captions", (), "", "prompt")}


def test_columns_become_axes(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "a.csv",
        'text,style,animal,pair,language,seed\n"a cat, drawn",drawing,cat,one,en,7\nein Hund,photo,dog,one,de,8\n'
        "an eel,photo,,,,9\n",
    )
    probes = asked(path, control_axes=("style",))
    assert [p.levels for p in probes] == [
        {"animal": "cat", "style": "drawing"},
        {"animal": "dog", "style": "photo"},
        {"style": "photo"},
    ]
    assert probes[0].axes == (Axis(name="animal", level="cat"), Axis(name="style", level="drawing", role="control"))
    assert [p.pair for p in probes] == ["one", "one", ""]
    assert [p.condition.language for p in probes if isinstance(p.condition, TextPrompt)] == ["en", "de", "en"]
    assert [a.name for a in asked(path, axes=("style", "animal"))[0].axes] == ["style", "animal"]
    assert asked(path, axes=())[0].axes == ()


def test_json_values_are_text_or_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": "a", "n": 3, "x": 0.5, "b": true, "none": null}\n{"text": "b", "n": 4}\n')
    assert [p.levels for p in asked(path)] == [{"b": "true", "n": "3", "x": "0.5"}, {"n": "4"}]


def test_repeated_rows_count_once_and_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, "a.csv", "text,animal\na,cat\nb,cat\na,cat\na,dog\n a ,cat\n")
    with caplog.at_level(logging.WARNING):
        Captions(path=path).check()
    assert "2 of 5 rows repeat another one" in caplog.text
    assert [(p.levels["animal"], t) for p, t in zip(asked(path), texts(asked(path)), strict=True)] == [
        ("cat", "a"),
        ("cat", "b"),
        ("dog", "a"),
    ]


def test_long_and_foreign_prompts_are_kept(tmp_path: Path) -> None:
    long = "very " * 2000 + "long"
    assert texts(asked(written(tmp_path, "a.txt", f"{long}\n一名护士\nصورة ممرضة"))) == [long, "一名护士", "صورة ممرضة"]
    assert texts(asked(written(tmp_path, "a.csv", f"text\n{long}\n"))) == [long]


def test_a_limit_takes_a_sample_that_grows(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "\n".join(f"prompt {i:03}" for i in range(100)))
    few, more = (texts(asked(path, limit=n)) for n in (10, 11))
    assert len(few) == 10
    assert set(few) < set(more)
    assert few == sorted(few), "in the file's order"
    assert few != texts(asked(path))[:10]


def test_levels_can_be_excluded(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "text,animal\na,cat\nb,dog\n")
    assert texts(asked(path, exclude=({"animal": "cat"},))) == ["b"]
    assert "nothing is left to ask" in fault(path, exclude=({"animal": "cat"}, {"animal": "dog"}))


def test_the_fingerprint_is_that_of_the_bytes(tmp_path: Path) -> None:
    one, same, other = (written(tmp_path, f"{i}.txt", data) for i, data in enumerate(("a\nb", "a\nb", "a\nb\n")))
    marks = [Captions(path=path).fingerprint() for path in (one, same, other)]
    assert marks[0] == marks[1] != marks[2]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.txt", "", "no row with text"),
        ("a.txt", "\ufeff \n\r\n\t\n", "no row with text"),
        ("a.csv", "text,animal\n", "no row with text"),
        ("a.jsonl", "\n\n", "no row with text"),
        ("a.docx", "a cat", "unknown kind of file; expected a name that ends in .txt, .csv, .jsonl"),
        ("a.txt", "a cat\na d\x07og\n", "line 2: text: control character U+0007 at position 4"),
        ("a.txt", "a cat\rno dog\n", "line 1: text: control character U+000D at position 6"),
        ("a.txt", "a\x00b", "line 1: text: control character U+0000"),
        ("a.txt", "a\u2028b", "line 1: text: line separator U+2028"),
        ("a.txt", "a cat\nnurse\u202e", "line 2: text: bidirectional control U+202E"),
        ("a.csv", 'text,x\nfine,1\n"two\nlines",2\n', "line 4: text: control character U+000A at position 4"),
        ("a.csv", "text,x\nfine,\x1b[31m\n", "line 2: x: control character U+001B"),
        ("a.jsonl", '{"text": "fine"}\n{"text": "a\\u0000b"}', "line 2: text: control character U+0000"),
        ("a.jsonl", '{"text": "a\\ud800b"}', "line 1: text: half of a surrogate pair U+D800"),
        ("a.txt", b"caf\xc3\xa9\ncaf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        ("a.txt", "a cat".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
        ("a.csv", "text,animal\na,cat,extra\n", "line 2: 3 values for the 2 columns text, animal"),
        ("a.csv", "text,animal\na\n", "line 2: 1 values for the 2 columns"),
        ("a.csv", 'text\n"never closed\n', "not valid CSV"),
        ("a.csv", 'text\n"a"b\n', "line 2: not valid CSV"),
        ("a.csv", "text,text\na,b\n", "two columns are named 'text'"),
        ("a.csv", "text,\na,b\n", "a column has no name"),
        ("a.csv", "words\na\n", "no column text, prompt, caption, but words; name the prompt's column in `column`"),
        ("a.csv", "text,animal\n,cat\n", "line 2: text is empty"),
        ("a.csv", "text,language\na,english\n", "line 2: language 'english'; expected a code such as en or de"),
        ("a.csv", "text\n" + "x" * 200_000, "not valid CSV"),
        ("a.jsonl", '{"text": "a"}\n{"text": }\n', "line 2: not valid JSON"),
        ("a.jsonl", '["a"]', "line 1: found list; expected one JSON object a line"),
        ("a.jsonl", '{"text": ["a"]}', "line 1: 'text' is a list; expected a text or a number"),
        ("a.jsonl", '{"text": "a", "x": NaN}', "line 1: not valid JSON (NaN is no JSON number)"),
        ("a.jsonl", '{"text": "a", "text": "b"}', "line 1: not valid JSON (a key stands twice"),
        ("a.jsonl", '{"text": "a"}\n{"prompt": "b"}', "line 2: text is empty"),
        ("a.jsonl", "[" * 100_000, "line 1: not valid JSON"),
    ],
)
def test_hostile_files_get_one_line_that_names_the_place(tmp_path: Path, name: str, data: str | bytes, words: str) -> None:
    path = written(tmp_path, name, data)
    message = fault(path)
    assert words in message
    assert str(path) in message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for call in (lambda: fault(tmp_path / "absent.txt"), lambda: _fingerprint_fault(tmp_path / "absent.txt")):
        assert "absent.txt: no such file; relative paths count from" in call()
    (tmp_path / "folder.txt").mkdir()
    assert "folder.txt: cannot be read" in fault(tmp_path / "folder.txt")


def _fingerprint_fault(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        Captions(path=path).fingerprint()
    return str(caught.value)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"column": "txt"}, "column 'txt' is unknown; nearest: 'text'"),
        ({"axes": ("anmal",)}, "axes: column 'anmal' is unknown; nearest: 'animal'"),
        ({"axes": ("animal", "animal")}, "'animal' is named twice"),
        ({"axes": ("animal",), "control_axes": ("style",)}, "control_axes: axis 'style' is unknown; nearest: 'animal'"),
        ({"exclude": ({"animal": "cow"},)}, "level of animal 'cow' is unknown"),
    ],
)
def test_parameters_that_do_not_fit_the_file_are_spec_errors(tmp_path: Path, params: dict[str, Any], words: str) -> None:
    path = written(tmp_path, "a.csv", "text,animal,style\na,cat,photo\nb,dog,photo\n")
    with pytest.raises(SpecError):
        asked(path, **params)
    assert words in fault(path, **params)


@given(data=st.binary(max_size=200), suffix=st.sampled_from([".txt", ".csv", ".jsonl"]))
def test_no_bytes_get_past_as_anything_but_clean_prompts(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = written(tmp_path_factory.getbasetemp(), f"any{suffix}", data)
    try:
        found = texts(asked(path))
    except AuditError:
        return
    assert found
    assert all(text and text == text.strip() and not fault_of(text) for text in found)
