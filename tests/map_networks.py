"""Small networks of several maps, as face detectors are."""

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper


def maps_in_onnx(folder: Path, strides: Sequence[int], channels: Sequence[int], rows: Sequence[str | None]) -> Path:
    """A network of one map of nothings for each stride; ``one`` among the rows: of the batch's mean alone."""
    nodes, outputs, weights = [], [], []
    for place, (stride, count, of) in enumerate(zip(strides, channels, rows, strict=True)):
        pooled, last = f"pooled{place}", f"map{place}"
        nodes.append(helper.make_node("AveragePool", ["x"], [pooled], kernel_shape=[stride] * 2, strides=[stride] * 2))
        if of == "one":
            nodes.append(helper.make_node("ReduceMean", [pooled], [f"{pooled}m"], axes=[0], keepdims=1))
            pooled += "m"
        weights.append(helper.make_tensor(f"w{place}", TensorProto.FLOAT, [count, 3, 1, 1], [0.0] * (3 * count)))
        nodes.append(helper.make_node("Conv", [pooled, f"w{place}"], [last], kernel_shape=[1, 1]))
        outputs.append(helper.make_tensor_value_info(last, TensorProto.FLOAT, [f"n{place}", count, "h", "w"]))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "height", "width"])]
    graph = helper.make_graph(nodes, "maps", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    onnx.save(model, folder / "maps.onnx")
    return folder / "maps.onnx"
