"""ONNX files written for one size: read for any, with nothing else changed; what is no such file gets a clear error."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from audit.errors import InputError
from audit.model_files.onnx_file import open_session
from audit.model_files.onnx_sizes import free_sizes

SAID = "not an ONNX model"


def model(*sizes: int | str | None, channels: int = 3) -> bytes:
    """A network that doubles pictures declared as (batch, channels, height, width)."""
    shape = [sizes[0], channels, *sizes[1:]]
    names = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubling", names[:1], names[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return made.SerializeToString()


def sizes_of(data: bytes) -> list[list[int | str]]:
    graph = onnx.load_model_from_string(data).graph
    shapes = [entry.type.tensor_type.shape.dim for entry in (*graph.input, *graph.output)]
    return [[dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in shape] for shape in shapes]


@pytest.mark.parametrize("declared", [(10, 32, 32), (1, 640, 20_000), (1, 127, 128), ("n", 32, "w")])
def test_batch_height_and_width_become_open(declared):
    before = model(*declared)
    after = free_sizes(before)
    assert len(after) == len(before)
    names = [size if isinstance(size, str) else "" for size in declared]
    assert sizes_of(after) == [[names[0], 3, *names[1:]]] * 2
    assert onnx.load_model_from_string(after).graph.node == onnx.load_model_from_string(before).graph.node


def test_it_runs_on_pictures_of_other_sizes(tmp_path):
    path = tmp_path / "doubling.onnx"
    path.write_bytes(model(1, 32, 300))
    pixels = np.random.default_rng(0).random((2, 3, 64, 96), dtype=np.float32)
    session = open_session(path, "cpu", any_size=True)
    np.testing.assert_array_equal(session.run(None, {"x": pixels})[0], 2 * pixels)
    with pytest.raises(Exception, match="invalid dimensions"):
        open_session(path, "cpu").run(None, {"x": pixels})


def test_vectors_keep_their_sizes():
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 128])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [value])
    data = helper.make_model(graph).SerializeToString()
    assert free_sizes(data) == data


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-7], lambda d: b"\xff" * 1_000_000, lambda d: d[:20] + b"\xff" * 30, lambda d: b"GIF89a..."]
)
def test_what_is_no_model_is_said_to_be_none(damage, tmp_path):
    data = damage(model(1, 32, 32))
    with pytest.raises(InputError, match=SAID):
        free_sizes(data)
    (tmp_path / "damaged.onnx").write_bytes(data)
    with pytest.raises(InputError, match=f"damaged.onnx: .*{SAID}"):
        open_session(tmp_path / "damaged.onnx", "cpu", any_size=True)


def test_any_bytes_end_in_bytes_or_an_error():
    rng = np.random.default_rng(0)
    good = model(1, 32, 32)
    ended = {"same": 0, "error": 0}
    for _ in range(300):
        data = bytearray(good)
        for place in rng.integers(0, len(good), 3):
            data[place] = rng.integers(0, 256)
        try:
            assert len(free_sizes(bytes(data))) == len(data)
            ended["same"] += 1
        except InputError:
            ended["error"] += 1
    assert min(ended.values()) > 20


def test_tensors_in_other_files_are_refused(tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"\0" * 16)
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [4], np.zeros(4, np.float32).tobytes(), raw=True)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [value], [value], [tensor])
    (tmp_path / "split.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(InputError, match="a model that is opened for any size is one file"):
        open_session(tmp_path / "split.onnx", "cpu", any_size=True)
