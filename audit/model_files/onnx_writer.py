"""Writing small ONNX models without the onnx library: ten messages of its protocol buffers, and no more.

Field numbers are those of ``onnx.proto``. Written is what onnxruntime reads; a test lets the onnx library check it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Graph", "model"]

IR_VERSION, OPSET = 8, 13
FLOAT, INT, INTS = 1, 2, 7  # TensorProto.FLOAT, AttributeProto.INT and INTS
VARINT, BYTES = 0, 2
"""Wire types."""


@dataclass(slots=True)
class Graph:
    """A network in the making: nodes in order, and its numbers."""

    nodes: list[bytes] = field(default_factory=list)
    tensors: list[bytes] = field(default_factory=list)

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: int | Sequence[int]) -> None:
        """Add an operation of ONNX's default domain.

        Args:
            attributes: of the operation, by ONNX's names.
        """
        parts = [_text(1, name) for name in inputs]
        parts += [_text(2, output), _text(4, kind)]
        self.nodes.append(b"".join([*parts, *(_bytes(5, _attribute(*pair)) for pair in attributes.items())]))

    def tensor(self, name: str, values: npt.NDArray[np.float32]) -> None:
        """Add numbers that nodes name as an input."""
        raw = np.ascontiguousarray(values, dtype="<f4").tobytes()
        dims = b"".join(_number(1, size) for size in values.shape)
        self.tensors.append(dims + _number(2, FLOAT) + _text(8, name) + _bytes(9, raw))


def model(graph: Graph, inputs: Mapping[str, Sequence[int]], outputs: Mapping[str, Sequence[int]]) -> bytes:
    """The file of a graph whose inputs and outputs are float32, with any number of rows.

    Args:
        inputs: name -> sizes, without the rows.
        outputs: likewise.
    """
    parts = [*_all(1, graph.nodes), _text(2, "network"), *_all(5, graph.tensors)]
    parts += [_bytes(11, _value(name, sizes)) for name, sizes in inputs.items()]
    parts += [_bytes(12, _value(name, sizes)) for name, sizes in outputs.items()]
    opset = _text(1, "") + _number(2, OPSET)
    return _number(1, IR_VERSION) + _text(2, "imgaudit") + _bytes(7, b"".join(parts)) + _bytes(8, opset)


def _value(name: str, sizes: Sequence[int]) -> bytes:
    dims = [_bytes(1, _text(2, "n")), *(_bytes(1, _number(1, size)) for size in sizes)]
    tensor = _number(1, FLOAT) + _bytes(2, b"".join(dims))
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _attribute(name: str, value: int | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, INT)
    return _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, INTS)


def _all(number: int, messages: Iterable[bytes]) -> list[bytes]:
    return [_bytes(number, message) for message in messages]


def _text(number: int, text: str) -> bytes:
    return _bytes(number, text.encode())


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | BYTES) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
