"""Copies of known pictures on purpose: what an audit of copies must find, and how often it does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import PIL
from pydantic import Field, FiniteFloat, model_validator

from audit.catalog import build_as, identity
from audit.component import DrawBatch, Encoded, Generator, OnDisk, Product, Request
from audit.digest import derive_seed, digest
from audit.errors import InputError, SpecError
from audit.images import decode
from audit.records import Axis, ClassLabel, Latent, Probe, TextPrompt
from audit.spec import Use
from generators.copy_transforms import EXACT, TRANSFORMS, transformed
from generators.folder_files import content_digest, read, scan

__all__ = ["PlantedCopies"]

KNOWN = (EXACT, *TRANSFORMS)


class PlantedCopies(Generator):
    """Transformed copies of the images of a folder, drawn by the draw's seed.

    On its own it brings a probe for each transform (axis ``transform``), so that a metric can say how many copies of each
    kind it finds: name it as the ``planted`` set of ``copies``. With ``of`` it draws what that generator draws, except that
    a ``share`` of the draws are copies, each of a transform at random: an audit whose share of copies is known.
    """

    path: Path
    """The folder that is copied from, usually that of the training set; a relative path counts from the current one."""
    transforms: tuple[str, ...] = KNOWN
    """Kinds of copy: exact (the very file), reencoded (the same pixels), jpeg, resize, crop, flip, recolour."""
    count: int = Field(default=50, ge=1)
    """Copies of each transform (without ``of``)."""
    of: Use | None = None
    """A generator and its parameters, as in the spec, among whose images copies are planted."""
    share: FiniteFloat = Field(default=0.05, ge=0, le=1)
    """Share of the draws that are copies (with ``of``)."""
    basis: str = Field(default="", alias="subject_basis", exclude=True)
    """As for ``folder``: why attributes of depicted people may be inferred. Empty: scorers that look at people refuse."""

    @model_validator(mode="before")
    @classmethod
    def _batch_of_the_original(cls, data: Any) -> Any:
        """Among another generator's images it draws in that one's batches."""
        if not isinstance(data, dict) or not data.get("of") or "batch" in data:
            return data
        return {**data, "batch": _original(Use.model_validate(data["of"])).batch}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = [name for name in self.transforms if name not in KNOWN]
        if unknown or not self.transforms:
            found = f"no transform {unknown[0]!r}" if unknown else "no transform is named"
            raise ValueError(f"transforms: {found}; there are {', '.join(KNOWN)}")
        if len(set(self.transforms)) < len(self.transforms):
            raise ValueError("transforms: one is named twice")
        if self.original is not None and self.batch != self.original.batch:
            raise ValueError(f"batch is {self.batch}, and that of `of` is {self.original.batch}; leave it out here")
        return self

    @cached_property
    def original(self) -> Generator | None:
        """The generator among whose images copies are planted; None where all are copies."""
        return None if self.of is None else _original(self.of)

    def accepts(self) -> tuple[type[TextPrompt] | type[ClassLabel] | type[Latent], ...]:
        """What the original accepts."""
        return (Latent,) if self.original is None else self.original.accepts()

    def probes(self) -> tuple[Probe, ...]:
        """One for each transform, or what the original brings."""
        if self.original is not None:
            return self.original.probes()
        axes = [(Axis(name="transform", level=name),) for name in self.transforms]
        return tuple(
            Probe(suite="planted_copies", condition=Latent(), axes=axis, unit="draw", draws=self.count) for axis in axes
        )

    def asked_size(self) -> tuple[int, int] | None:
        """What is asked of the original."""
        return None if self.original is None else self.original.asked_size()

    def fixed_block(self) -> bool:
        """As the original; copying alone is done image by image."""
        return self.original is not None and self.original.fixed_block()

    def subject_basis(self) -> str:
        """What the user states in ``subject_basis``: the copies are of that folder, whatever the original's basis."""
        return self.basis.strip()

    def packs(self) -> tuple[str, ...]:
        """Those of the original."""
        return () if self.original is None else self.original.packs()

    def fingerprint(self) -> str:
        """Digest of the files that are copied, and the identity of the original."""
        files = {name: content_digest(self.path / name) for name in self._files}
        return digest([files, None if self.original is None else identity(self.original, None)])

    def numerics(self, device: str) -> dict[str, str]:
        """Those of the original, and the library that transforms."""
        own = {"pillow": PIL.__version__}
        return own if self.original is None else self.original.numerics(device) | own

    def settings(self) -> dict[str, str]:
        """Where copies come from, and how many are planted."""
        told = {
            "copies of": str(self.path),
            "transforms": ", ".join(self.transforms),
            "subject_basis": self.subject_basis(),
        }
        if self.original is None:
            return told
        return {**self.original.settings(), **told, "copies": f"{self.share:.3g} of the draws"}

    def check(self) -> None:
        """See that there is something to copy, and check the original.

        Raises:
            InputError: no such folder, or no image in it.
        """
        if not self.path.is_dir():
            raise InputError(f"{self.path}: expected a folder of images to copy; the path counts from {Path.cwd()}")
        if not self._files:
            raise InputError(f"{self.path}: no images in it, so there is nothing to copy")
        if self.original is not None:
            self.original.check()

    @cached_property
    def _files(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, _ in scan(self.path, recursive=True)))

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:
        """Open the original, if there is one; yield a function that draws and copies."""
        self.check()
        if self.original is None:
            yield lambda requests: [self._copy(request, request.probe.levels["transform"]) for request in requests]
            return
        with self.original.open(device) as draw:

            def mixed(requests: Sequence[Request]) -> list[Product]:
                products = draw(requests)
                return [self._mixed(product, request) for product, request in zip(products, requests, strict=True)]

            yield mixed

    def _mixed(self, product: Product, request: Request) -> Product:
        rng = np.random.default_rng(derive_seed(request.draw.seed, "planted copies", "which"))
        if rng.random() >= self.share:
            return product
        return self._copy(request, self.transforms[int(rng.integers(len(self.transforms)))])

    def _copy(self, request: Request, transform: str) -> Product:
        seed = request.draw.seed
        name = self._files[derive_seed(seed, "planted copies", "source") % len(self._files)]
        found = read(self.path, name)
        if not isinstance(found, OnDisk):
            return found
        if transform == EXACT:
            return Encoded(found.data)
        try:
            pixels = decode(found.data, name).pixels
        except InputError:
            return Encoded(found.data)  # who stores it decodes it too, and counts it as failed with the reason
        rng = np.random.default_rng(derive_seed(seed, "planted copies", transform))
        return transformed(pixels, transform, rng)


def _original(use: Use) -> Generator:
    found = build_as("generators", use, Generator)  # type: ignore[type-abstract]  # any generator will do
    if isinstance(found, PlantedCopies):
        raise SpecError("of: copies among copies have no known share; name another generator")
    return found
