"""Metric ``copies``: does a generator give back its training images?"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from audit.component import Context, Measured, Metric
from audit.digest import derive_seed
from audit.errors import InputError, SpecError
from audit.metrics.averages import panelled
from audit.metrics.copies_decision import Decision
from audit.metrics.copies_files import open_vectors
from audit.metrics.copies_levels import Levels
from audit.metrics.copies_pairs import evidence_panel
from audit.metrics.copies_planted import recalls
from audit.metrics.copies_search import Search, Settings
from audit.metrics.copies_sets import Columns, Images, References, check_apart, check_usable
from audit.metrics.wording import described

__all__ = ["Copies"]


class Copies(Metric):
    """Generated images against a training set, at three levels, and against held-out images that were not trained on.

    Exact digests, perceptual hashes and nearest neighbours of features each find other kinds of copies. What counts as
    near is measured on the held-out set, never a fixed number: it depends on features, images and the size of the index.
    The decision itself needs no threshold: without copies, images are as often nearer to a training image as to a
    held-out one, and the test deals the labels of the references anew, so that neither alike images of a prompt nor
    references that are near to everything mislead it. Held-out images must be a random part of what could have been
    trained on; where they are not, any difference between the sets counts as copying.
    """

    quantities: ClassVar[tuple[str, ...]] = (
        "exact",
        "near_duplicate",
        "nearest",
        "beyond_chance",
        "closer_to_training",
        "copied",
        "matched",
        "recall",
    )
    source: ClassVar[str] = (
        "Meehan, Chaudhuri & Dasgupta 2020 (training against held-out); Carlini et al. 2023 (distance ratio); "
        "Amsaleg et al. 2015 (tail of neighbour distances)"
    )

    train: str = ""
    """Name of the generator (often a ``folder``) that holds the training images."""
    held_out: str = ""
    """Name of one that holds images of the same kind that were not trained on. Without it, no decision."""
    planted: str = ""
    """Name of a ``planted_copies`` generator that copies from the training images: then recall is reported."""
    train_features: Path | None = None
    """In place of ``train``: a .npy file or Parquet (a file, or a folder of parts) with its features, read in blocks."""
    held_out_features: Path | None = None
    """In place of ``held_out``, likewise."""
    features: str = "features.vector"
    """The column of feature vectors; ``fingerprints.thumbnail`` needs no model."""
    fingerprints: str = "fingerprints"
    """Name of the scorer of digests and hashes."""
    index: Literal["exact", "ivf"] = "exact"
    """``ivf``: inverted lists, whose recall against exact search is told. Building them takes longer than searching a
    million references exactly for a thousand images, so they are for many more images than that."""
    lists_searched: int = Field(default=64, ge=1)
    """Lists that each image looks through, with ``ivf``; more find more."""
    neighbours: int = Field(default=50, ge=1, le=1000)
    """Nearest training images whose mean distance the nearest one is held against (Carlini et al.: 50)."""
    false_match_rate: FiniteFloat = Field(default=0.01, gt=0, le=0.2)
    """Most of the images that may match a held-out image at the level that counts as a match."""

    @model_validator(mode="after")
    def _one_source_each(self) -> Self:
        if bool(self.train) == (self.train_features is not None):
            raise ValueError("give the training set once: train (a generator) or train_features (a file)")
        if self.held_out and self.held_out_features is not None:
            raise ValueError("give the held-out set once: held_out (a generator) or held_out_features (a file)")
        named = [name for name in (self.train, self.held_out, self.planted) if name]
        if len(set(named)) < len(named):
            raise ValueError("train, held_out and planted must be different generators")
        return self

    @property
    def columns(self) -> Columns:
        """Where vectors and fingerprints stand; fingerprints of a file's images are not known."""
        return Columns(self.features, self.fingerprints if self.train else "")

    def reads(self) -> tuple[str, ...]:
        """Features, and the fingerprints that training images are compared by."""
        return self.columns.all

    def references(self) -> tuple[str, ...]:
        """The sets of images that are not audited."""
        return tuple(name for name in (self.train, self.held_out, self.planted) if name)

    def check(self) -> None:
        """Open the files of features.

        Raises:
            InputError: one cannot be used, or they are of different widths.
        """
        files = [open_vectors(path) for path in (self.train_features, self.held_out_features) if path is not None]
        if len({file.width for file in files}) > 1:
            told = " and ".join(f"{file.name} has {file.width}" for file in files)
            raise InputError(f"train_features and held_out_features are not of one network: {told} numbers a vector")

    def check_references(self, name: str, context: Context) -> None:
        """See that both sets have images, of one kind of features, and none in common.

        Raises:
            InputError: they do not.
        """
        train, held_out = self._sets(context)
        check_usable(name, "train", train)
        if held_out is not None:
            check_usable(name, "held_out", held_out)
            if train.vectors.width != held_out.vectors.width:
                widths = f"{train.vectors.width} and {held_out.vectors.width} numbers"
                raise InputError(
                    f"metrics.{name}: {train.name} and {held_out.name} have vectors of {widths}; use one network"
                )
            check_apart(name, train, held_out)

    def measure(self, name: str, context: Context) -> Iterable[Measured]:
        """All quantities, for each generator."""
        column = described(name, self.features, context.columns)
        if column.kind != "vector":
            raise SpecError(f"metrics.{name}.params.features: {self.features} holds a {column.kind}; vectors are needed")
        train, held_out = self._sets(context)
        settings = Settings(self.index, self.lists_searched, self.neighbours, self.false_match_rate)
        search = Search(train, held_out, settings)
        planted = Images.of(context, self.planted, self.columns) if self.planted else None
        for generator in context.generators:
            yield from self._of_generator(name, context, search, Images.of(context, generator, self.columns), planted)

    def _of_generator(
        self, name: str, context: Context, search: Search, own: Images, planted: Images | None
    ) -> Iterator[Measured]:
        rng = np.random.default_rng(derive_seed(context.seed, name, own.sample.generator, "copies"))
        found = search.compare(own, rng)
        levels = Levels(name, context, self.columns, search, self.source)
        if self.train:
            yield levels.exact(own)
            yield levels.near_duplicate(own, found)
        yield levels.nearest(own, found)
        if search.held_out is not None:
            yield panelled(levels.beyond_chance(own, found), evidence_panel(own, found, search, 1 - context.confidence))
            yield from Decision(levels, own, found).findings(rng)
        if planted is not None:
            yield from recalls(levels, own, found, planted)

    def _sets(self, context: Context) -> tuple[References, References | None]:
        train = self._set(context, self.train, self.train_features)
        has_held_out = bool(self.held_out) or self.held_out_features is not None
        return train, self._set(context, self.held_out, self.held_out_features) if has_held_out else None

    def _set(self, context: Context, name: str, path: Path | None) -> References:
        return References.of_generator(context, name, self.columns) if path is None else References.of_file(path)
