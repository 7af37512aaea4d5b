"""Generated images beside the training images that they are nearest to, as evidence."""

import numpy as np

from audit.metrics.copies_levels import adjusted, p_values
from audit.metrics.copies_search import Compared, Search
from audit.metrics.copies_sets import Images
from audit.metrics.sample import Ints
from audit.panels import Pairs, Table
from audit.stats.copies import distance_ratio

__all__ = ["evidence_panel"]

SHOWN = 12
LEAST = 1e-6
"""Smaller p-values rest on the tail alone, so they are told as below this."""


def evidence_panel(own: Images, found: Compared, search: Search, rate: float) -> Pairs | Table | None:
    """The pairs with the smallest p-values, whether or not they are beyond chance; None without images.

    Where the training set is a file, of which there are no pictures, a table of its rows.

    Args:
        rate: adjusted p-value up to which a pair counts.
    """
    if found.tail is None or not len(found.near.similarity):
        return None
    p, p_adjusted = p_values(found, search), adjusted(found, search)
    order = np.argsort(-found.near.similarity[:, 0], kind="stable")[:SHOWN]
    ratio = distance_ratio(found.near.similarity)
    images = own.sample.images[own.seen]
    count = int((p_adjusted <= rate).sum())
    title = "Generated images and the training images that they are nearest to"
    summary = f"{count} of {len(p)} images are nearer than chance explains (adjusted p at most {rate:.2g}); nearest first."
    told = [(f"{found.near.similarity[i, 0]:.4f}", _told(p[i]), _told(p_adjusted[i]), f"{ratio[i]:.2f}") for i in order]
    if not search.train.has_images:
        rows = [(str(images[i]), str(found.near.row[i, 0]), *facts) for i, facts in zip(order, told, strict=True)]
        columns = ("image", "training row", "cosine", "p", "adjusted p", "distance ratio")
        return Table(title=title, summary=summary, columns=columns, rows=tuple(rows))
    bits = _bits_apart(own, found, search)
    sources = search.train.images[found.near.row[:, 0]]
    return Pairs(
        title=title,
        summary=summary,
        left="generated",
        right="nearest training image",
        pairs=tuple((str(images[i]), str(sources[i])) for i in order),
        captions=tuple(
            f"cosine {cosine}, p {single}, adjusted {all_}{_hash(bits[i])}, distance ratio {apart} (below 1 stands out)"
            for i, (cosine, single, all_, apart) in zip(order, told, strict=True)
        ),
    )


def _told(p: float) -> str:
    return f"{p:.2g}" if p >= LEAST else f"below {LEAST:.0e}"


def _hash(bits: int) -> str:
    return "" if bits < 0 else f", hashes {bits} of 64 bits apart"


def _bits_apart(own: Images, found: Compared, search: Search) -> Ints:
    """(m,) bits between the hashes of each image, plain or mirrored, and its neighbour; -1 where one has none."""
    place = {str(image): row for row, image in enumerate(search.train.printed)}
    rows = np.array([place.get(str(search.train.images[row]), -1) for row in found.near.row[:, 0]], dtype=np.int64)
    if not len(search.train.printed):
        return np.full(len(rows), -1)
    known = search.train.hashes[rows]
    hashes, mirrored = own.hashes[own.seen], own.mirrored[own.seen]
    apart = [np.unpackbits(of ^ known, axis=1).sum(axis=1, dtype=np.int64) for of in (hashes, mirrored)]
    return np.where((rows >= 0) & own.printed[own.seen], np.minimum(*apart), -1)
