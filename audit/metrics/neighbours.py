"""Nearest neighbours by FAISS: exact, block by block in bounded memory, or through inverted lists; and of bits.

FAISS works with as many threads as OMP_NUM_THREADS says.
"""

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from audit.metrics.copies_files import Vectors

__all__ = ["VERSION", "Exact", "Inverted", "Neighbours", "hamming", "recall", "unit"]

VERSION = str(faiss.__version__)
QUERIES = 4096
"""Queries that are held against a block at a time."""
ROWS_A_LIST = 1000
MOST_LISTS = 4096
SAMPLE_A_LIST = 64
"""Vectors a list that the lists' centres are found from; FAISS asks for at least 39."""
SPARE = 10
"""More candidates than are asked for, because 8 bits may put near ones in another order."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The k nearest references of each query, nearest first."""

    similarity: npt.NDArray[np.float64]
    """(n, k) cosines, -1 .. 1."""
    row: Ints
    """(n, k) their rows; -1 where an approximate search found fewer."""


def unit(vectors: Floats) -> Floats:
    """Vectors of length 1, so that inner products are cosines; a vector of zeros has no direction and stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, np.float32(1)), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Exact:
    """Every query against every reference. Holds one block of references and the best k so far."""

    references: Vectors
    only: Mask | None = None
    """(rows,) which of them take part; None: all."""

    def search(self, queries: Floats, k: int) -> Neighbours:
        """The k nearest of each of (n, d) queries, by cosine, in one pass; k at most the number of references."""
        asked = unit(queries)
        best = np.full((len(asked), k), -np.inf)
        rows = np.full((len(asked), k), -1, dtype=np.int64)
        start = 0
        for block in self.references.blocks():
            places = np.arange(start, start + len(block))
            start += len(block)
            if self.only is not None:
                block, places = block[self.only[places]], places[self.only[places]]
            if len(block):
                _merge(asked, unit(block), places, best, rows)
        return Neighbours(best.clip(-1, 1), rows)


def _merge(asked: Floats, block: Floats, places: Ints, best: npt.NDArray[np.float64], rows: Ints) -> None:
    """Keep in ``best`` and ``rows`` the k nearest so far, with those of a block."""
    k = best.shape[1]
    for first in range(0, len(asked), QUERIES):
        part = slice(first, first + QUERIES)
        near, found = faiss.knn(asked[part], block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        values = np.hstack([best[part], near.astype(np.float64)])
        names = np.hstack([rows[part], places[found]])
        order = np.argsort(-values, axis=1, kind="stable")[:, :k]
        best[part], rows[part] = np.take_along_axis(values, order, 1), np.take_along_axis(names, order, 1)


class Inverted:
    """Only the lists whose centres are nearest to a query are looked through, by vectors of 8 bits a number (IVF, SQ8).

    Holds width + 8 bytes a reference, up to twice that while lists grow; their centres come from an evenly spread sample
    of at most 64 vectors a list. What is found is measured again in full precision, so cosines are exact, but a neighbour
    may be missed: see ``recall``. Whichever references are asked for, the lists are the same.
    """

    def __init__(self, references: Vectors, *, searched: int, only: Mask | None = None) -> None:
        """Build the index in two passes.

        Args:
            references: at least one.
            searched: lists that a query looks through.
            only: (rows,) which references take part; None: all.
        """
        self.references = references
        self._only = np.ones(references.rows, dtype=bool) if only is None else only
        taking_part = int(self._only.sum())
        self.lists = max(1, min(MOST_LISTS, taking_part // ROWS_A_LIST))
        self._searched = min(searched, self.lists)
        self._index = self._trained(taking_part)
        start = 0
        for block in references.blocks():
            places = np.arange(start, start + len(block))
            start += len(block)
            kept = self._only[places]
            if kept.any():
                self._index.add_with_ids(unit(block[kept]), places[kept])

    def _trained(self, rows: int) -> Any:
        width = self.references.width
        centres = faiss.IndexFlatIP(width)
        kind = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(centres, width, self.lists, kind, faiss.METRIC_INNER_PRODUCT)
        every = max(1, rows // (SAMPLE_A_LIST * self.lists))
        parts = []
        start = 0
        for block in self.references.blocks():
            kept = np.flatnonzero(self._only[start : start + len(block)])
            parts.append(unit(block[kept[::every]]))
            start += len(block)
        sample = np.concatenate(parts)
        del parts
        # where the search for centres starts depends on the order, which must not tell of which set a vector is
        index.train(sample[np.argsort(sample.sum(axis=1), kind="stable")])
        return index

    def candidates(self, queries: Floats, k: int, among: Mask | None = None) -> Ints:
        """Rows of about the k nearest, by 8 bits, and a few more.

        Args:
            queries: (n, d).
            k: at least 1.
            among: (rows,) which references may be found; None: all that take part.

        Returns:
            (n, k + 10) rows; -1 where the lists held fewer.
        """
        bits = None if among is None else np.packbits(among, bitorder="little")  # FAISS keeps an address, not the array
        untyped: Any = faiss  # its stubs know less than the library
        chosen = None if bits is None else untyped.IDSelectorBitmap(bits)
        how = untyped.SearchParametersIVF(nprobe=self._searched, sel=chosen)
        _, found = self._index.search(unit(queries), k + SPARE, params=how)
        return np.asarray(found, dtype=np.int64)

    def measured(self, queries: Floats, rows: Ints) -> npt.NDArray[np.float64]:
        """(n, m) cosines of (n, d) queries with the references in (n, m) rows; -1 for a row of -1. One more pass."""
        asked = unit(queries)
        similarity = np.full(rows.shape, -1.0)
        start = 0
        for block in self.references.blocks():
            query, place = np.nonzero((rows >= start) & (rows < start + len(block)))
            near = unit(block[rows[query, place] - start]) if len(query) else block[:0]
            similarity[query, place] = np.einsum("ij,ij->i", asked[query], near, dtype=np.float64)
            start += len(block)
        return similarity.clip(-1, 1)

    def search(self, queries: Floats, k: int, among: Mask | None = None) -> Neighbours:
        """The k nearest of what the lists hold; ``among``: see ``candidates``."""
        found = self.candidates(queries, k, among)
        similarity = self.measured(queries, found)
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        return Neighbours(np.take_along_axis(similarity, order, 1), np.take_along_axis(found, order, 1))


def recall(found: Neighbours, exact: Neighbours, slack: float = 1e-5) -> float:
    """Share of queries whose nearest neighbour was found, 0 .. 1; one as near as the exact one counts."""
    return float((found.similarity[:, 0] >= exact.similarity[:, 0] - slack).mean())


def hamming(queries: npt.NDArray[np.uint8], references: npt.NDArray[np.uint8]) -> tuple[Ints, Ints]:
    """Nearest reference of each query by the number of bits that differ.

    Args:
        queries: (n, b) bytes.
        references: (m, b) bytes, m of at least 1.

    Returns:
        (n,) distances in bits, and (n,) rows.
    """
    index = faiss.IndexBinaryFlat(8 * references.shape[1])
    index.add(np.ascontiguousarray(references))
    distance, row = index.search(np.ascontiguousarray(queries), 1)
    return distance[:, 0].astype(np.int64), row[:, 0].astype(np.int64)
