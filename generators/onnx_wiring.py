"""ONNX generators: which input takes z, which the label, and what the others get."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from audit.errors import InputError

__all__ = ["Floats", "Port", "Wiring", "Wish", "wire"]

Floats = float | tuple[float, ...]
TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


@dataclass(frozen=True, slots=True)
class Port:
    """One input of a model."""

    name: str
    dtype: type[np.generic]
    shape: tuple[int | str | None, ...]
    """Sizes; a name or None where the model leaves one open."""

    @property
    def floating(self) -> bool:
        """Whether it takes floating-point numbers."""
        return issubclass(self.dtype, np.floating)

    def __str__(self) -> str:
        """Name, type and shape, for messages."""
        return f"{self.name} ({self.dtype.__name__}, {list(self.shape)})"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the parameters say of a model's inputs and output."""

    latent_input: str
    label_input: str
    output: str
    latent: tuple[int, ...]
    classes: int
    batch: int
    call_params: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which input takes what."""

    latent: Port
    latent_shape: tuple[int, ...]
    label: Port | None
    others: tuple[tuple[Port, Floats], ...]
    output: str
    source: str
    """What messages call the model: its file."""

    def feed(self, z: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], classes: int) -> dict[str, Any]:
        """Input values for a batch: z of shape (n, *latent_shape), labels of shape (n,)."""
        found: dict[str, Any] = {self.latent.name: z.astype(self.latent.dtype)}
        if self.label is not None and self.label.floating:
            found[self.label.name] = np.eye(classes, dtype=self.label.dtype)[labels]
        elif self.label is not None:
            found[self.label.name] = labels.astype(self.label.dtype).reshape(-1, *(1,) * (len(self.label.shape) - 1))
        for port, value in self.others:
            shape = tuple(size if isinstance(size, int) else len(z) for size in port.shape)
            found[port.name] = np.ascontiguousarray(np.broadcast_to(np.asarray(value, dtype=port.dtype), shape))
        return found


def wire(session: onnxruntime.InferenceSession, wish: Wish, path: Path) -> Wiring:
    """Find out which input takes z, which the label, and that every other has a value.

    Raises:
        InputError: the parameters do not fit the model; the message lists its inputs.
    """
    ports = {}
    for entry in session.get_inputs():
        if entry.type not in TYPES:
            raise InputError(f"{path}: input {entry.name} takes {entry.type}; z, labels and numbers can be given")
        ports[entry.name] = Port(entry.name, TYPES[entry.type], tuple(entry.shape))
    told = f"{path}: its inputs are {', '.join(map(str, ports.values())) or 'none'}"
    for name in (wish.latent_input, wish.label_input, *wish.call_params):
        if name and name not in ports:
            raise InputError(f"{told}; none is named {name!r}")
    label = _label(ports, wish, told)
    latent = _latent(ports, wish, label, told)
    used = {latent.name, label.name if label else "", *wish.call_params}
    for name in ports:
        if name not in used:
            raise InputError(f"{told}; {name!r} gets no value: a label needs `classes`, another input `call_params`")
    outputs = [entry.name for entry in session.get_outputs()]
    if wish.output and wish.output not in outputs:
        raise InputError(f"{path}: its outputs are {', '.join(outputs)}; none is named {wish.output!r}")
    others = tuple((ports[name], value) for name, value in wish.call_params.items())
    wiring = Wiring(latent, _shape(latent, wish, told), label, others, wish.output or outputs[0], str(path))
    try:
        wiring.feed(np.zeros((wish.batch, *wiring.latent_shape)), np.zeros(wish.batch, np.int64), wish.classes)
    except ValueError as error:
        raise InputError(f"{told}; call_params do not fill them ({error})") from error
    return wiring


def _label(ports: Mapping[str, Port], wish: Wish, told: str) -> Port | None:
    if not wish.classes:
        if wish.label_input:
            raise InputError(f"{told}; label_input is set, so set `classes` too")
        return None
    if wish.label_input:
        return ports[wish.label_input]
    free = [port for name, port in ports.items() if name not in {wish.latent_input, *wish.call_params}]
    found = [port for port in free if not port.floating] or [port for port in free if port.shape[1:] == (wish.classes,)]
    if len(found) != 1:
        raise InputError(f"{told}; which takes the label of {wish.classes} classes? Set `label_input`")
    return found[0]


def _latent(ports: Mapping[str, Port], wish: Wish, label: Port | None, told: str) -> Port:
    if wish.latent_input:
        return ports[wish.latent_input]
    taken = {label.name if label else "", *wish.call_params}
    found = [port for name, port in ports.items() if name not in taken and port.floating]
    if len(found) != 1:
        raise InputError(f"{told}; which takes z? Set `latent_input`, and `call_params` for the others")
    return found[0]


def _shape(latent: Port, wish: Wish, told: str) -> tuple[int, ...]:
    rows, *sizes = latent.shape or (None,)
    if isinstance(rows, int) and rows != wish.batch:
        raise InputError(f"{told}; its batch size is fixed to {rows}: set `batch: {rows}`, or export it with a free one")
    if not wish.latent and all(isinstance(size, int) for size in sizes) and sizes:
        return tuple(int(size) for size in sizes if isinstance(size, int))
    fits = len(wish.latent) == len(sizes) and all(
        given == size for given, size in zip(wish.latent, sizes, strict=True) if isinstance(size, int)
    )
    if not wish.latent or not fits:
        given = f"does not fit {list(wish.latent)}" if wish.latent else "leaves its size open"
        raise InputError(f"{told}; {latent.name!r} {given}: set `latent` to the shape of z for one image")
    return wish.latent
