"""The images that ``copies`` compares: generated ones and reference sets, with fingerprints and features."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audit.component import Context
from audit.digest import derive_seed, set_digest, short
from audit.errors import InputError
from audit.metrics.copies_files import InMemory, Vectors, content, open_vectors
from audit.metrics.sample import Mask, Sample
from audit.table import Strings

__all__ = ["Columns", "Images", "References", "check_apart", "check_usable"]

Bits = npt.NDArray[np.uint8]

HASH_BYTES = 8
LEAST = 2
"""Images of a reference set; with one, every image has the same nearest neighbour."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where vectors and fingerprints stand."""

    features: str
    """``scorer.column`` of the vectors."""
    fingerprints: str
    """Name of the fingerprints scorer; empty where no images are compared by them."""

    @property
    def all(self) -> tuple[str, ...]:
        """What a metric reads."""
        prints = [f"{self.fingerprints}.{name}" for name in ("pixels", "hash", "mirrored_hash")]
        return (self.features, *(prints if self.fingerprints else ()))


@dataclass(frozen=True, slots=True)
class Images:
    """The draws of one generator with what identifies their pictures; rows are those of ``sample``."""

    sample: Sample
    vectors: npt.NDArray[np.float32]
    """(n, d) meaningless where ``seen`` is false."""
    seen: Mask
    """(n,) there are features."""
    unseen: Strings
    """(n,) why there are none."""
    printed: Mask
    """(n,) there are fingerprints."""
    unprinted: Strings
    """(n,) why there are none."""
    pixels: Strings
    """(n,) digests of the pixels."""
    hashes: Bits
    """(n, 8) perceptual hashes."""
    mirrored: Bits
    """(n, 8) those of the mirror images."""

    @classmethod
    def of(cls, context: Context, generator: str, columns: Columns) -> "Images":
        """Read a generator's draws."""
        sample = Sample.of(context, generator)
        n = len(sample)
        found = sample.table.values(columns.features)
        vectors = np.asarray(found.value, dtype=np.float32)
        vectors = vectors if vectors.ndim == 2 else np.zeros((n, 0), dtype=np.float32)
        if not columns.fingerprints:
            nobody, none = np.zeros(n, dtype=bool), np.full(n, "not scored", dtype=object)
            bits = np.zeros((n, HASH_BYTES), dtype=np.uint8)
            return cls(sample, vectors, found.present, found.reason, nobody, none, none, bits, bits)
        pixels, printed, why = sample.labels(f"{columns.fingerprints}.pixels")
        hashes, mirrored = (
            _bits(sample.labels(f"{columns.fingerprints}.{name}")[0], printed) for name in ("hash", "mirrored_hash")
        )
        return cls(sample, vectors, found.present, found.reason, printed, why, pixels, hashes, mirrored)


def _bits(labels: Strings, present: Mask) -> Bits:
    """(n, 8) bytes of hexadecimal hashes; zeros where there is none."""
    raw = [bytes.fromhex(str(label)) if there else bytes(HASH_BYTES) for label, there in zip(labels, present, strict=True)]
    return np.frombuffer(b"".join(raw), dtype=np.uint8).reshape(len(labels), HASH_BYTES)


@dataclass(frozen=True, slots=True)
class References:
    """A reference set: images of this run, or vectors from a file, of which nothing but features is known."""

    name: str
    vectors: Vectors
    digest: str
    """Short digest of the images or of the file."""
    images: Strings
    """(m,) image digests of the vectors, in their order; empty for a file."""
    printed: Strings
    """(q,) image digests of those with fingerprints."""
    pixels: Strings
    """(q,) digests of their pixels."""
    hashes: Bits
    """(q, 8)"""

    @classmethod
    def of_generator(cls, context: Context, name: str, columns: Columns) -> "References":
        """The images of a generator that have features."""
        own = Images.of(context, name, columns)
        images = own.sample.images
        vectors = InMemory(own.vectors[own.seen], name)
        found = images[own.seen]
        digest = short(set_digest(str(image) for image in found))
        return cls(name, vectors, digest, found, images[own.printed], own.pixels[own.printed], own.hashes[own.printed])

    @classmethod
    def of_file(cls, path: Path) -> "References":
        """The vectors of a file.

        Raises:
            InputError: it cannot be used.
        """
        vectors, none = open_vectors(path), np.zeros(0, dtype=object)
        return cls(path.name, vectors, short(content(vectors)), none, none, none, np.zeros((0, HASH_BYTES), np.uint8))

    @property
    def rows(self) -> int:
        """How many have features."""
        return self.vectors.rows

    @property
    def has_images(self) -> bool:
        """Whether its pictures are in this run."""
        return len(self.images) > 0

    def equal_part(self, rows: int) -> Mask | None:
        """Which ``rows`` of it take part where counts must be equal; None: all.

        Those that come first by image digest, or by a fixed shuffle of the rows of a file: the same in every run.
        """
        if rows >= self.rows:
            return None
        if self.has_images:
            order = np.argsort(self.images.astype(str), kind="stable")
        else:
            order = np.random.default_rng(derive_seed("copies", "equal part", self.rows)).permutation(self.rows)
        mask = np.zeros(self.rows, dtype=bool)
        mask[order[:rows]] = True
        return mask

    def equal_prints(self, rows: int) -> Bits:
        """(rows, 8) hashes of as many images, chosen in the same way."""
        order = np.argsort(self.printed.astype(str), kind="stable")
        return self.hashes[order[:rows]]


def check_usable(metric: str, role: str, references: References) -> None:
    """See that a reference set has something to be near to.

    Raises:
        InputError: fewer than two images.
    """
    if references.rows < LEAST:
        raise InputError(
            f"metrics.{metric}.params.{role}: images of {references.name} with features: {references.rows}; at least "
            f"{LEAST} are needed (hundreds, to tell copies from chance); see why images failed, or give a larger set"
        )


def check_apart(metric: str, train: References, held_out: References) -> None:
    """See that no picture is in both sets, which would make the comparison void.

    Raises:
        InputError: one is, or both are one file.
    """
    files, pixels = set(train.images) & set(held_out.images), set(train.pixels) & set(held_out.pixels)
    both = max(files, pixels, key=len)
    same_file = not train.has_images and not held_out.has_images and train.digest == held_out.digest
    if not both and not same_file:
        return
    first = f"pictures in both: {len(both)}, the first is {min(map(str, both))}" if both else "they are the same file"
    raise InputError(
        f"metrics.{metric}: {train.name} and {held_out.name} overlap ({first}); held-out images must not have been "
        "trained on, so take them out of one of the sets"
    )
