"""Latent and class-conditional torch generators: TorchScript, exported programs, or an architecture and its weights."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, FiniteFloat, JsonValue, model_validator

from audit.component import DrawBatch, Generator
from audit.digest import canonical_json, digest, file_digest
from audit.errors import InputError
from audit.model_files.exported_program import load_program
from audit.model_files.torch_device import exact_arithmetic, release, runtime
from audit.model_files.torchscript import load_torchscript
from audit.model_files.weight_files import fit, read_weights, refuse_pickle
from audit.records import ClassLabel, Latent
from audit.weights import locate
from generators.drawing import Drawing
from generators.factory import architecture, factory_file, find_factory
from generators.latents import Latents
from generators.network import DTYPES, MEAN_LATENTS, Network, Pull

__all__ = ["Gan"]

Side = Annotated[int, Field(ge=1, le=65_536)]


class Gan(Generator):
    """A generator network that turns z, or z and a class label, into images.

    The network comes from exactly one of ``torchscript``, ``program`` and ``factory``, and is called as
    ``network(z)`` or, with ``classes``, as ``network(z, label)``. Each z is standard normal and drawn on the CPU from
    the draw's own seed. A network of a ``factory`` that has ``mapping`` and ``synthesis`` (StyleGAN and its kin) is
    called as ``synthesis(mapping(z))``. A network that draws noise of its own is refused unless ``batch`` is 1, when its
    noise comes from the draw's seed too.

    Files are opened without unpickling: nothing in them can run as Python.
    """

    source = "Goodfellow et al. 2014; truncation: Brock et al. 2019, section 3.1 (z), Karras et al. 2019, appendix B (w)"

    torchscript: Path | None = None
    """A file written by ``torch.jit.save``."""
    program: Path | None = None
    """A ``.pt2`` file written by ``torch.export.save``, with a dynamic first dimension."""
    factory: str = Field(default="", pattern=r"^$|^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    """``package.module:callable`` of an installed package that builds the network."""
    factory_params: dict[str, JsonValue] = {}
    """Arguments of the factory."""
    weights: Path | None = None
    """Its weights: ``.safetensors``, or a ``torch.save`` file of tensors only."""
    pack: str = ""
    """Its weights from a weight pack instead."""
    file: str = ""
    """Which file of the pack."""
    state_key: str = ""
    """Where the state dict lies in a checkpoint of several, such as ``netG_state_dict``."""
    latent: tuple[Side, ...] = Field(min_length=1, max_length=4)
    """Shape of z for one image, such as [512] or [100, 1, 1]."""
    classes: int = Field(default=0, ge=0)
    """How many classes it draws; 0 where it takes no label."""
    label_input: Literal["index", "onehot"] = "index"
    """The label as int64 of shape (n,), or as ones and zeros of shape (n, classes)."""
    call_params: dict[str, JsonValue] = {}
    """Further arguments of each call (of ``synthesis`` where there is one), such as {noise_mode: const}."""
    truncation: FiniteFloat | None = Field(default=None, gt=0, le=1)
    """psi: how much of the spread is kept. None: no truncation."""
    truncation_mean: str = ""
    """What w is drawn towards: the name of a stored buffer such as ``w_avg``, ``estimate`` or ``zero``. z: ``zero``."""
    output_range: tuple[FiniteFloat, FiniteFloat] = (-1.0, 1.0)
    """The network's values for black and for full brightness."""
    dtype: Literal["fp32", "fp16", "bf16"] = "fp32"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [name for name in ("torchscript", "program", "factory") if getattr(self, name)]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"give exactly one of torchscript, program and factory; found {found}")
        weights = [name for name in ("weights", "pack") if getattr(self, name)]
        if len(weights) != (1 if self.factory else 0):
            found = " and ".join(weights) or "none"
            raise ValueError(f"factory needs exactly one of weights and pack, the others need neither; found {found}")
        if bool(self.pack) != bool(self.file):
            raise ValueError("pack and file go together: the weight pack and which of its files")
        if not self.output_range[0] < self.output_range[1]:
            raise ValueError("output_range is [black, full brightness], and the first is the smaller")
        if self.truncation_mean and self.truncation is None:
            raise ValueError("truncation_mean says what truncation draws towards; set truncation too")
        if self.label_input == "onehot" and not self.classes:
            raise ValueError("label_input needs classes: how many there are")
        return self

    def accepts(self) -> tuple[type[ClassLabel] | type[Latent], ...]:
        """Latents; with ``classes`` also class labels, and then a latent's label is drawn uniformly from its seed."""
        return (ClassLabel, Latent) if self.classes else (Latent,)

    def packs(self) -> tuple[str, ...]:
        """The pack of its weights."""
        return (self.pack,) if self.pack else ()

    def fingerprint(self) -> str:
        """Digest of the files: network or weights, and the source of the factory."""
        code = factory_file(self.factory) if self.factory else None
        return digest([file_digest(path) for path in (self._own_file(), code) if path])

    def numerics(self, device: str) -> dict[str, str]:
        """Backend, versions and precision. TF32 is off: float32 means float32."""
        return runtime(device, self.dtype)

    def settings(self) -> dict[str, str]:
        """What a reader must know of how it was run."""
        origin = {
            "torchscript": str(self.torchscript or ""),
            "program": str(self.program or ""),
            "factory": self.factory,
            "factory_params": _shown(self.factory_params),
            "weights": str(self.weights or ""),
            "pack": f"{self.pack} ({self.file})" if self.pack else "",
            "call_params": _shown(self.call_params),
        }
        return {name: text for name, text in origin.items() if text} | {
            "latent": f"standard normal, shape {list(self.latent)}",
            "classes": f"{self.classes}, as {self.label_input}; of a latent: uniform" if self.classes else "none",
            "truncation": self._truncation(),
            "output_range": f"{self.output_range[0]:g}..{self.output_range[1]:g}",
            "dtype": self.dtype,
        }

    def check(self) -> None:
        """See that the files are there and are not pickles, and that the factory can be imported."""
        own = self._own_file()
        if own is not None:
            refuse_pickle(own)
            if not own.is_file():
                raise InputError(f"{own}: no such file; a gan generator reads its network or weights from it")
        if self.pack:
            locate(self.pack).file(self.file)
        if self.factory:
            find_factory(self.factory)

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:
        """Load the network on the device, yield the drawing function, give the memory back.

        Raises:
            InputError: a file that cannot be read safely, or parameters that the network does not support.
            WeightsError: weights that do not fit the architecture.
        """
        exact_arithmetic()
        with torch.inference_mode():
            network = self._network(torch.device(device))
            pull = self._pull(network)
        latents = Latents(self.latent, self.classes, None if pull else self.truncation)
        drawing = Drawing(network, latents, pull, self.output_range, alone=self.batch == 1)
        del network, pull
        try:
            yield drawing
        finally:
            drawing.close()
            release(device)

    def _own_file(self) -> Path | None:
        return self.torchscript or self.program or self.weights

    def _network(self, device: torch.device) -> Network:
        return Network(
            call=self._loaded(device, DTYPES[self.dtype]),
            device=device,
            dtype=DTYPES[self.dtype],
            one_hot=self.classes if self.label_input == "onehot" else 0,
            call_params=self.call_params,
            source=str(self._own_file() or f"{self.pack} ({self.file})"),
        )

    def _loaded(self, device: torch.device, dtype: torch.dtype) -> Callable[..., Any]:
        if self.torchscript:
            return load_torchscript(self.torchscript, device, dtype)
        if self.program:
            program, kinds = load_program(self.program, device)
            if kinds - {dtype}:
                found = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
                raise InputError(
                    f"{self.program}: exported in {found}, which cannot be changed any more; set `dtype` to that"
                )
            return program
        path = self.weights or locate(self.pack).file(self.file)
        network = architecture(self.factory, self.factory_params)
        return fit(network, read_weights(path, self.state_key), str(path)).to(device, dtype).eval()

    def _pull(self, network: Network) -> Pull | None:
        """The truncation of styles; None where there is none to do between mapping and synthesis."""
        towards = self.truncation_mean
        if self.truncation is None or (not network.styled and towards in ("", "zero")):
            return None
        if not network.styled:
            raise InputError(
                f"{network.source}: truncation_mean {towards!r} needs a network from a factory that has `mapping` and "
                "`synthesis`; this one takes z alone, which is truncated towards zero"
            )
        if not towards:
            raise InputError(
                f"{network.source}: this network is truncated in w; set truncation_mean to the name of a stored buffer "
                "(StyleGAN: w_avg), to `estimate` or to `zero`"
            )
        if towards == "zero":
            return Pull(self.truncation, torch.zeros(()))
        mean = network.mean_style(Latents(self.latent, self.classes)) if towards == "estimate" else network.stored(towards)
        return Pull(self.truncation, mean)

    def _truncation(self) -> str:
        if self.truncation is None:
            return "none"
        towards = f"the mean of {MEAN_LATENTS} w" if self.truncation_mean == "estimate" else self.truncation_mean or "zero"
        return f"psi {self.truncation:g}, towards {towards}"


def _shown(params: Mapping[str, JsonValue]) -> str:
    return canonical_json(dict(params)).decode() if params else ""
