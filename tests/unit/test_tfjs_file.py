"""TensorFlow.js weights: numbers as that library decodes them, and hostile manifests that end with one line."""

import json

import numpy as np
import pytest

from audit.errors import InputError
from audit.model_files.tfjs_file import read_tfjs

QUANTISED = {"name": "b", "shape": [3], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.1, "min": -1.0}}
PLAIN = {"name": "a", "shape": [2, 1], "dtype": "float32"}
WIDE = {"name": "c", "shape": [], "dtype": "float32", "quantization": {"dtype": "uint16", "scale": 2.0, "min": 5.0}}
DATA = np.array([1.5, -2], "<f4").tobytes() + bytes([0, 10, 255]) + np.array([513], "<u2").tobytes()


def written(folder, weights: object = (QUANTISED, PLAIN), data: bytes = b"", paths: object = ("x.bin",)):
    (folder / "x.bin").write_bytes(data)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps([{"weights": weights, "paths": paths}]))
    return manifest


def test_tensors_are_cut_in_order_and_dequantised(tmp_path) -> None:
    found = read_tfjs(written(tmp_path, [PLAIN, QUANTISED, WIDE], DATA))
    assert found["a"].tolist() == [[1.5], [-2.0]]
    assert np.array_equal(found["b"], np.array([-1.0, 10 * 0.1 - 1.0, 255 * 0.1 - 1.0], dtype=np.float32))
    assert found["c"].shape == ()
    assert float(found["c"]) == 513 * 2.0 + 5.0
    assert {value.dtype for value in found.values()} == {np.dtype(np.float32)}


def test_shards_are_joined(tmp_path) -> None:
    (tmp_path / "y.bin").write_bytes(DATA[5:])
    found = read_tfjs(written(tmp_path, [PLAIN, QUANTISED, WIDE], DATA[:5], ["x.bin", "y.bin"]))
    assert found["a"].tolist() == [[1.5], [-2.0]]


@pytest.mark.parametrize(
    ("weights", "data", "told"),
    [
        ([PLAIN], DATA, "at most 8 are expected"),
        ([PLAIN], DATA[:7], "hold 7 bytes, and its tensors need 8"),
        ([PLAIN, PLAIN], DATA + DATA[:5], "two tensors have the same name"),
        ([PLAIN | {"dtype": "int32"}], DATA[:8], r"0\.weights\.0\.dtype"),
        ([PLAIN | {"shape": [-2, -1]}], DATA[:8], r"0\.weights\.0\.shape"),
        ([PLAIN | {"shape": [2**40, 2**40]}], DATA[:8], "at most 268435456"),
        ([PLAIN], np.array([1, np.nan], "<f4").tobytes(), "not finite"),
        ([QUANTISED | {"quantization": {"dtype": "uint8", "scale": 1e300, "min": 0}}], b"abc", "not finite"),
        ([], b"", "have 0 numbers"),
        ("nonsense", b"", r"0\.weights"),
    ],
)
def test_what_does_not_fit_its_manifest_is_refused(tmp_path, weights: object, data: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_tfjs(written(tmp_path, weights, data))


def test_files_that_are_named_again_and_again_are_not_read_again(tmp_path) -> None:
    with pytest.raises(InputError, match=r"x\.bin: 8 bytes; at most 0 are expected"):
        read_tfjs(written(tmp_path, [PLAIN], DATA[:8], ["x.bin"] * 1000))


@pytest.mark.parametrize("name", ["../x.bin", "/etc/hostname", "", "..", "a\\b", "x\0.bin"])
def test_no_name_leads_out_of_the_folder(tmp_path, name: str) -> None:
    with pytest.raises(InputError, match="expected the name of a file beside it"):
        read_tfjs(written(tmp_path, [PLAIN], DATA[:8], [name]))


def test_absent_files_and_what_is_no_json(tmp_path) -> None:
    with pytest.raises(InputError, match=r"y\.bin: cannot be read"):
        read_tfjs(written(tmp_path, [PLAIN], b"", ["y.bin"]))
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="not JSON"):
        read_tfjs(tmp_path / "manifest.json")
