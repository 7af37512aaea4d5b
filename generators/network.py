"""A torch generator network on its device: how it is called, whatever family it is of."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from audit.errors import AuditError, GenerationError, InputError, OutOfMemory
from audit.model_files.failures import memory_ran_out
from generators.latents import Latents

__all__ = ["DTYPES", "MEAN_LATENTS", "Network", "Pull"]

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
MEAN_LATENTS = 10_000
"""Latents that an estimated mean style is the mean of."""
MEAN_BLOCK = 500
MEAN_SEED = 0


@dataclass(frozen=True, slots=True)
class Pull:
    """Truncation of styles: w becomes mean + psi (w - mean) (Karras et al. 2019, appendix B)."""

    psi: float
    mean: Tensor


@dataclass(frozen=True, slots=True)
class Network:
    """A generator network and how to call it.

    One of the StyleGAN kind, a module with ``mapping`` and ``synthesis``, is called in two steps, so that w can be
    truncated between them.
    """

    call: Callable[..., Any]
    device: torch.device
    dtype: torch.dtype
    one_hot: int
    """Classes of a one-hot label; 0 where labels are indices or absent."""
    call_params: Mapping[str, Any]
    source: str
    """What messages call it: its file."""

    @property
    def styled(self) -> bool:
        """Whether it turns z into w by ``mapping`` and w into an image by ``synthesis``."""
        return isinstance(self.call, nn.Module) and all(hasattr(self.call, part) for part in ("mapping", "synthesis"))

    def images(self, z: Tensor, labels: Tensor | None, pull: Pull | None) -> Tensor:
        """Run the network; where it returns several things, the first is the image.

        Args:
            z: shape (n, *latent), on any device.
            labels: shape (n,), int64; None where the network takes none.
            pull: truncation of styles.

        Raises:
            OutOfMemory: the device cannot hold the batch.
            GenerationError: the network fails, or does not return a tensor of floating-point numbers.
        """
        with self._translated(tuple(z.shape)):
            if self.styled:
                w = self._styles(z, labels)
                drawn = self._part("synthesis")(w if pull is None else _pulled(w, pull), **self.call_params)
            else:
                drawn = self.call(*self._inputs(z, labels), **self.call_params)
        image = drawn[0] if isinstance(drawn, tuple | list) and drawn else drawn
        if not isinstance(image, Tensor) or not image.is_floating_point():
            found = str(image.dtype) if isinstance(image, Tensor) else type(image).__name__
            raise GenerationError(
                f"{self.source}: the network returns {found}; expected a tensor of floating-point numbers"
            )
        return image

    def mean_style(self, latents: Latents) -> Tensor:
        """Mean of w over 10,000 latents of a fixed seed (labels uniform), summed in float64."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for z, labels in latents.stream(MEAN_SEED, MEAN_LATENTS // MEAN_BLOCK, MEAN_BLOCK):
            with self._translated(tuple(z.shape)):
                total = total + self._styles(z, labels if latents.classes else None).double().sum(dim=0)
        return total / MEAN_LATENTS

    def stored(self, name: str) -> Tensor:
        """A buffer or parameter by its name, or by the end of its name where only one ends so.

        Raises:
            InputError: none, or several.
        """
        assert isinstance(self.call, nn.Module)
        every = {**dict(self.call.named_parameters()), **dict(self.call.named_buffers())}
        found = [full for full in every if full == name or full.endswith(f".{name}")]
        if len(found) != 1:
            raise InputError(
                f"{self.source}: truncation_mean {name!r} fits {', '.join(found) or 'no stored tensor'}; one must "
                "fit (or `estimate`: the mean of many w)"
            )
        return every[found[0]]

    def _styles(self, z: Tensor, labels: Tensor | None) -> Tensor:
        mapping, inputs = self._part("mapping"), self._inputs(z, labels)
        if labels is None and _required(mapping) > 1:
            inputs = [*inputs, None]  # StyleGAN2-ADA's mapping wants a label of None where there are no classes
        w: Tensor = mapping(*inputs)
        return w

    def _part(self, name: str) -> Any:
        return getattr(self.call, name)

    def _inputs(self, z: Tensor, labels: Tensor | None) -> list[Tensor | None]:
        latents = z.to(self.device, self.dtype)
        if labels is None:
            return [latents]
        given = labels.to(self.device)
        return [latents, nn.functional.one_hot(given, self.one_hot).to(self.dtype) if self.one_hot else given]

    @contextmanager
    def _translated(self, shape: tuple[int, ...]) -> Iterator[None]:
        try:
            yield
        except AuditError:
            raise
        except Exception as error:  # the network is foreign code and may raise anything
            if memory_ran_out(error):
                raise OutOfMemory(f"{self.source}: the device's memory cannot hold a batch of {shape[0]}") from error
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = f"{type(error).__name__}: {lines[-1] if lines else 'no message'}"
            raise GenerationError(
                f"{self.source}: the network fails on z of shape {shape} ({reason}); check `latent`, `classes`, "
                "`label_input` and `call_params`, and that its first dimension is free or equals `batch`"
            ) from error


def _pulled(w: Tensor, pull: Pull) -> Tensor:
    mean = pull.mean.to(w)
    return mean + pull.psi * (w - mean)


def _required(function: Any) -> int:
    called = function.forward if isinstance(function, nn.Module) else function
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(called).parameters.values()
    return sum(item.kind in positional and item.default is inspect.Parameter.empty for item in parameters)
