"""InceptionV3 with weights from a formula of a seed, the same with every version of torch: for parity and for tests."""

import numpy as np
import torch
from torch import Tensor

from audit.scorers.inception import FidInception

__all__ = ["random_weights"]


def random_weights(seed: int = 0) -> dict[str, Tensor]:
    """A state dict under the names of the published one, without its classifier.

    Convolutions are scaled so that activations keep their size through the layers (He et al. 2015); batch norms are not
    the identity, so that a lost one shows.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, Tensor] = {}
    for name, value in FidInception().state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        shape = tuple(value.shape)
        if name.endswith("conv.weight"):
            numbers = rng.standard_normal(shape, dtype=np.float32) * np.float32((2 / np.prod(shape[1:])) ** 0.5)
        elif name.endswith("running_var"):
            numbers = rng.uniform(0.5, 1.5, shape)
        elif name.endswith("bn.weight"):
            numbers = rng.uniform(0.8, 1.2, shape)
        else:
            numbers = rng.uniform(-0.2, 0.2, shape)
        found[name] = torch.from_numpy(np.asarray(numbers, dtype=np.float32))
    return found
