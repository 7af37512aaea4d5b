"""A convolutional torch network, its batch norms folded, as an ONNX model: onnxruntime is faster on a CPU.

The network is traced once and translated operation by operation, which needs neither the onnx library nor torch's own
exporter, and gives the same bytes with every version of both.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from audit.model_files.onnx_writer import Graph, model

__all__ = ["in_onnx"]


def in_onnx(network: nn.Module, side: int, dimension: int) -> bytes:
    """The network as a model from ``images`` (n, 3, side, side) to ``features`` (n, dimension).

    Args:
        network: of convolutions, ReLU, pools, joins along the channels and a mean over the map; batch norms folded.

    Raises:
        NotImplementedError: it holds another operation.
    """
    traced = fx.symbolic_trace(network)
    modules = dict(traced.named_modules())
    graph = Graph()
    names: dict[fx.Node, str] = {}
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            names[node] = "images"
        elif node.op == "output":
            graph.node("Identity", [names[node.args[0]]], "features")
        elif node.op == "call_module" and isinstance(modules[node.target], nn.Identity):
            names[node] = names[node.args[0]]
        else:
            names[node] = node.name
            _add(graph, node, modules, names)
    return model(graph, {"images": (3, side, side)}, {"features": (dimension,)})


def _add(graph: Graph, node: fx.Node, modules: Mapping[str, nn.Module], names: Mapping[fx.Node, str]) -> None:
    found: Any = modules[str(node.target)] if node.op == "call_module" else node.target
    first: Any = node.args[0]
    if isinstance(found, nn.Conv2d):
        _convolution(graph, node, found, names[first])
    elif found is F.relu:
        graph.node("Relu", [names[first]], node.name)
    elif found is F.max_pool2d:
        graph.node("MaxPool", [names[first]], node.name, **_window(node))
    elif found is F.avg_pool2d and not node.kwargs.get("count_include_pad", True):
        graph.node("AveragePool", [names[first]], node.name, **_window(node), count_include_pad=0)
    elif found is torch.cat and node.args[1] == 1:
        graph.node("Concat", [names[part] for part in first], node.name, axis=1)
    elif found == "mean" and node.args[1] == (2, 3):
        graph.node("ReduceMean", [names[first]], node.name, axes=(2, 3), keepdims=0)
    else:
        raise NotImplementedError(f"no translation of {found} into ONNX")


def _convolution(graph: Graph, node: fx.Node, convolution: nn.Conv2d, given: str) -> None:
    if convolution.bias is None or isinstance(convolution.padding, str):
        raise NotImplementedError("a convolution without a bias, or padded by a word")
    graph.tensor(f"{node.name}.weight", convolution.weight.detach().numpy())
    graph.tensor(f"{node.name}.bias", convolution.bias.detach().numpy())
    graph.node(
        "Conv",
        [given, f"{node.name}.weight", f"{node.name}.bias"],
        node.name,
        kernel_shape=convolution.kernel_size,
        strides=convolution.stride,
        pads=(*convolution.padding, *convolution.padding),
        dilations=convolution.dilation,
        group=convolution.groups,
    )


def _window(node: fx.Node) -> dict[str, Sequence[int]]:
    size: Any = node.args[1]
    stride: Any = node.kwargs["stride"]
    padding: Any = node.kwargs.get("padding", 0)
    return {"kernel_shape": (size, size), "strides": (stride, stride), "pads": (padding,) * 4}
