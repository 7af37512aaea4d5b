"""From requests to pixels with an open torch network, one block at a time."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from audit.component import Product, Request
from generators.latents import Latents
from generators.network import Network, Pull
from generators.outputs import Range, assemble, check_independence, check_range, check_shape

__all__ = ["Drawing"]

REMEDY = (
    "fix its noise (StyleGAN: call_params {noise_mode: const}), export it in evaluation mode, or set `batch: 1`, where its "
    "noise comes from each image's seed"
)
Pixels = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]


class Drawing:
    """The drawing function of an open generator.

    An image may depend on its own seed only. The first block is therefore drawn twice: again with other neighbours and
    another state of torch's random numbers, and its first image must come out the same.
    """

    def __init__(self, network: Network, latents: Latents, pull: Pull | None, output_range: Range, *, alone: bool) -> None:
        """Take what to draw with.

        Args:
            network: the open network.
            latents: what z and labels are drawn from.
            pull: truncation of styles.
            output_range: the network's values for black and full brightness.
            alone: each block is one image. Noise that the network draws itself then comes from the image's seed.
        """
        self._network: Network | None = network
        self._pull = pull
        self._latents = latents
        self._range = output_range
        self._checked = alone

    def close(self) -> None:
        """Let go of the network, so that its memory can be given back."""
        self._network = self._pull = None

    def __call__(self, requests: Sequence[Request]) -> list[Product]:
        """Draw a block.

        Raises:
            OutOfMemory: the device cannot hold it.
            GenerationError: the network breaks a promise: count, shape, range, independence of the images.
        """
        network = self._network
        assert network is not None, "drawing with a generator that was closed"
        z, drawn_labels = self._latents.sample(requests)
        labels = drawn_labels if self._latents.classes else None
        with torch.inference_mode():
            pixels, finite = self._pixels(network, z, labels, seed=requests[0].draw.seed)
            if not self._checked and finite[0]:
                others = torch.cat([z[:1], -z[1:]])
                again, _ = self._pixels(network, others, labels, seed=requests[0].draw.seed + 1)
                check_independence(pixels[0], again[0], network.source, REMEDY)
                self._checked = True
        return assemble(pixels, finite)

    def _pixels(self, network: Network, z: Tensor, labels: Tensor | None, *, seed: int) -> Pixels:
        """uint8 (n, height, width, channels) and, for each image, whether it was finite; computed on the device."""
        with torch.random.fork_rng(devices=[network.device] if network.device.type == "cuda" else []):
            torch.manual_seed(seed)
            images = network.images(z, labels, self._pull)
        check_shape(tuple(images.shape), len(z), network.source)
        low, high = self._range
        unit = (images.float() - low) / (high - low)
        finite = torch.isfinite(unit).flatten(1).all(dim=1)
        unit = torch.where(finite[:, None, None, None], unit, 0.0)
        far = ((unit < -1) | (unit > 2)).float().mean()
        check_range(float(far), self._range, network.source)
        pixels = (unit.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        return pixels.contiguous().cpu().numpy(), finite.cpu().numpy()
