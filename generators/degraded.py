"""A known-worse copy of another generator: what an audit must be able to tell from the original."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Self

import numpy as np
import PIL
import scipy
from PIL import Image
from pydantic import Field, FiniteFloat, model_validator
from scipy.ndimage import gaussian_filter

from audit.catalog import build_as, identity
from audit.component import DrawBatch, Encoded, Generator, OnDisk, Product, Request
from audit.digest import derive_seed
from audit.errors import InputError
from audit.images import Pixels, decode
from audit.records import ClassLabel, Latent, Probe, TextPrompt
from audit.spec import Use

__all__ = ["Degraded"]


class Degraded(Generator):
    """Draws what another generator draws, with the same seeds, and makes each image worse by a known amount.

    The steps come in the order of the fields: downscale, blur, noise, jpeg. They work on sRGB values, and pixels are
    rounded once between the first and the last. Refused, filtered and failed draws stay what they are.
    """

    of: Use
    """The generator and its parameters, as in the spec."""
    downscale: FiniteFloat | None = Field(default=None, gt=1, le=64)
    """Shrink by this factor and enlarge again, both bicubic; the size stays, the detail does not."""
    blur: FiniteFloat | None = Field(default=None, gt=0, le=100)
    """Standard deviation of a Gaussian blur, in pixels."""
    noise: FiniteFloat | None = Field(default=None, gt=0, le=255)
    """Standard deviation of Gaussian noise, in grey levels, independent for each value; from the draw's seed."""
    jpeg: int | None = Field(default=None, ge=1, le=95)
    """Quality of a JPEG encoding (4:2:0) that the image goes through."""

    @model_validator(mode="before")
    @classmethod
    def _batch_of_the_original(cls, data: Any) -> Any:
        """Without a batch of its own it draws in the original's."""
        if not isinstance(data, dict) or "of" not in data or "batch" in data:
            return data
        return {**data, "batch": _original(Use.model_validate(data["of"])).batch}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self._steps():
            raise ValueError("nothing is degraded; set at least one of downscale, blur, noise and jpeg")
        if self.batch != self.original.batch:
            raise ValueError(
                f"batch is {self.batch}, and that of {self.of.label} is {self.original.batch}; leave it out here: "
                "the copy draws in the original's batches"
            )
        return self

    @cached_property
    def original(self) -> Generator:
        """The generator that is copied."""
        return _original(self.of)

    def accepts(self) -> tuple[type[TextPrompt] | type[ClassLabel] | type[Latent], ...]:
        """What the original accepts."""
        return self.original.accepts()

    def probes(self) -> tuple[Probe, ...]:
        """What the original brings."""
        return self.original.probes()

    def asked_size(self) -> tuple[int, int] | None:
        """What is asked of the original."""
        return self.original.asked_size()

    def fixed_block(self) -> bool:
        """As the original."""
        return self.original.fixed_block()

    def subject_basis(self) -> str:
        """That of the original."""
        return self.original.subject_basis()

    def packs(self) -> tuple[str, ...]:
        """Those of the original."""
        return self.original.packs()

    def fingerprint(self) -> str:
        """Identity of the original: its class, version, parameters, weights and files."""
        return identity(self.original, None)

    def numerics(self, device: str) -> dict[str, str]:
        """Those of the original, and the libraries that degrade."""
        return self.original.numerics(device) | {"pillow": PIL.__version__, "scipy": scipy.__version__}

    def settings(self) -> dict[str, str]:
        """Those of the original, and what was done to its images."""
        return {**self.original.settings(), "degraded copy of": self.of.label, **self._steps()}

    def check(self) -> None:
        """Check the original."""
        self.original.check()

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:
        """Open the original; yield a function that draws with it and degrades."""
        with self.original.open(device) as draw:

            def degraded(requests: Sequence[Request]) -> list[Product]:
                products = draw(requests)
                return [self._product(product, request) for product, request in zip(products, requests, strict=True)]

            yield degraded

    def _steps(self) -> dict[str, str]:
        units = {"downscale": "x", "blur": " px", "noise": " grey levels", "jpeg": " quality"}
        given = {name: getattr(self, name) for name in units}
        return {name: f"{value:g}{units[name]}" for name, value in given.items() if value is not None}

    def _product(self, product: Product, request: Request) -> Product:
        if isinstance(product, np.ndarray):
            return self._worse(product, request.draw.seed)
        if isinstance(product, Encoded | OnDisk):
            try:
                pixels = decode(product.data, f"draw {request.draw.index}").pixels
            except InputError:
                return product  # who stores it decodes it too, and counts it as failed with the reason
            return self._worse(pixels, request.draw.seed)
        return product

    def _worse(self, pixels: Pixels, seed: int) -> Pixels:
        if self.downscale is not None:
            pixels = _coarse(pixels, self.downscale)
        if self.blur is not None or self.noise is not None:
            values = pixels.astype(np.float32)
            if self.blur is not None:
                values = gaussian_filter(values, sigma=(self.blur, self.blur, 0), mode="reflect")
            if self.noise is not None:
                rng = np.random.default_rng(derive_seed(seed, "degraded", "noise"))
                values = values + self.noise * rng.standard_normal(values.shape, dtype=np.float32)
            pixels = np.round(values.clip(0, 255)).astype(np.uint8)
        return pixels if self.jpeg is None else _through_jpeg(pixels, self.jpeg)


def _original(use: Use) -> Generator:
    return build_as("generators", use, Generator)  # type: ignore[type-abstract]  # any generator will do


def _coarse(pixels: Pixels, factor: float) -> Pixels:
    height, width = pixels.shape[:2]
    small = max(1, round(width / factor)), max(1, round(height / factor))
    image = Image.fromarray(pixels).resize(small, Image.Resampling.BICUBIC)
    return np.array(image.resize((width, height), Image.Resampling.BICUBIC))


def _through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=quality, subsampling="4:2:0")
    with Image.open(buffer, formats=["JPEG"]) as image:
        return np.array(image.convert("RGB"))
