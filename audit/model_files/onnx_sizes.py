"""ONNX files that were written for one size of picture, read as if they had been written for any."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit.errors import InputError

__all__ = ["free_sizes"]

# Field numbers of ONNX's encoding (onnx.proto): ModelProto.graph, GraphProto.input and output, and down to the sizes.
GRAPH, INPUTS_OUTPUTS = 7, (11, 12)
TYPE, TENSOR, SHAPE, SIZE = 2, 1, 2, 1
VARINT, BYTES, WIDTHS = 0, 2, {1: 8, 5: 4}
AXES = 4
LONGEST_VARINT = 10
"""Bytes of the longest number that the encoding has; without an end a file of them would be read for hours."""
CHANNELS = 1
NAMED = b"\x12"
"""Tag of a size that has a name in place of a number; with an empty name nothing is known of it."""


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    kind: int
    start: int
    end: int


def free_sizes(model: bytes) -> bytes:
    """The model with batch, height and width open wherever an input or output of four axes declares them.

    Exporters write the sizes of their example picture, and onnxruntime then refuses every other. Nothing else is changed,
    the length of the file neither: each number gives way to an empty name whose length is written in as many bytes.

    Raises:
        InputError: these are not the bytes of an ONNX model.
    """
    data = bytearray(model)
    try:
        for graph in _fields(model, 0, len(model), GRAPH):
            for tensor in (field for number in INPUTS_OUTPUTS for field in _inside(model, graph, number)):
                sizes = [
                    size for shape in _path(model, tensor, TYPE, TENSOR, SHAPE) for size in _inside(model, shape, SIZE)
                ]
                for axis, size in enumerate(sizes):
                    if len(sizes) == AXES and axis != CHANNELS and _is_number(model, size):
                        room = size.end - size.start - 2
                        data[size.start : size.end] = NAMED + b"\x80" * room + b"\x00"
    except IndexError as error:
        raise InputError("not an ONNX model: its fields do not fit into each other") from error
    return bytes(data)


def _is_number(model: bytes, size: _Field) -> bool:
    """Whether a size holds a number and nothing else, so that all its bytes may be replaced."""
    fields = list(_fields(model, size.start, size.end))
    return len(fields) == 1 and fields[0].number == 1 and fields[0].kind == VARINT


def _path(model: bytes, field: _Field, *numbers: int) -> list[_Field]:
    found = [field]
    for number in numbers:
        found = [inner for outer in found for inner in _inside(model, outer, number)]
    return found


def _inside(model: bytes, field: _Field, number: int) -> list[_Field]:
    return list(_fields(model, field.start, field.end, number))


def _fields(model: bytes, start: int, end: int, number: int | None = None) -> Iterator[_Field]:
    """Fields of a message, all or those of one number; messages only where a number is named."""
    while start < end:
        tag, start = _varint(model, start)
        if tag & 7 == VARINT:
            _, stop = _varint(model, start)
        elif tag & 7 == BYTES:
            length, start = _varint(model, start)
            stop = start + length
        else:
            stop = start + WIDTHS.get(tag & 7, end)
        if stop > end:
            raise IndexError
        if number is None or (tag >> 3 == number and tag & 7 == BYTES):
            yield _Field(tag >> 3, tag & 7, start, stop)
        start = stop


def _varint(model: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(LONGEST_VARINT):
        byte = model[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise IndexError
