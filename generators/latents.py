"""Latent vectors of torch generators: each from its own draw's seed, whatever else is in the batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from audit.component import Request
from generators.conditions import asked_label

__all__ = ["TRUNCATED_AT", "Latents"]

TRUNCATED_AT = 2.0
"""Standard deviations beyond which a value of a truncated latent is drawn again."""


@dataclass(frozen=True, slots=True)
class Latents:
    """The distribution that a generator draws z and labels from.

    z is standard normal. With a truncation psi each value beyond two standard deviations is drawn again and the whole is
    multiplied by psi: the truncation trick as the released BigGAN models apply it (Brock et al. 2019, section 3.1). Its
    standard deviation is 0.880 psi.
    """

    shape: tuple[int, ...]
    """Shape of one z."""
    classes: int = 0
    """How many classes the generator has; 0 where it takes no label."""
    truncation: float | None = None
    """psi in (0, 1]; None for none."""

    def sample(self, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
        """Draw z and a label for each request on the CPU, each from a ``torch.Generator`` with the draw's seed.

        A ``Latent`` condition of a generator with classes draws its label uniformly, after z: so it shares z with a
        ``ClassLabel`` of the same seed.

        Returns:
            z of shape (n, *shape), float32, and labels of shape (n,), int64 (zeros without classes).

        Raises:
            InputError: a label that the generator does not have.
            GenerationError: another kind of condition.
        """
        latents, labels = [], []
        for request in requests:
            rng = torch.Generator("cpu").manual_seed(request.draw.seed)
            z = torch.randn(self.shape, generator=rng, dtype=torch.float32)
            latents.append(z if self.truncation is None else _truncated(z, rng) * self.truncation)
            labels.append(self._label(request, rng))
        return torch.stack(latents), torch.tensor(labels, dtype=torch.int64)

    def stream(self, seed: int, blocks: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Blocks of untruncated z and uniform labels, of the given size each, from one seed."""
        rng = torch.Generator("cpu").manual_seed(seed)
        for _ in range(blocks):
            z = torch.randn((size, *self.shape), generator=rng, dtype=torch.float32)
            yield z, torch.randint(max(self.classes, 1), (size,), generator=rng)

    def _label(self, request: Request, rng: torch.Generator) -> int:
        label = asked_label(request, self.classes)
        if label is None:
            return int(torch.randint(self.classes, (1,), generator=rng)) if self.classes else 0
        return label


def _truncated(z: Tensor, rng: torch.Generator) -> Tensor:
    outside = z.abs() > TRUNCATED_AT
    while bool(outside.any()):
        z[outside] = torch.randn(int(outside.sum()), generator=rng, dtype=torch.float32)
        outside = z.abs() > TRUNCATED_AT
    return z
