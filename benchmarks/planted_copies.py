"""Copies: whether nearest neighbours find the planted rate in the renderer, and what they find in a model."""

import numpy as np

from audit.component import Request
from audit.digest import derive_seed
from audit.images import Pixels, decode
from audit.records import Draw, Probe, TextPrompt
from audit.stats.intervals import wilson
from benchmarks.planted_banks import NAMED, silent
from benchmarks.planted_rows import COPIES, COVERAGE, Cover, Row, Tally
from generators.phantom.bank import Bank
from generators.phantom.copies import COPY_BELOW, copy_distances, repeated_pictures
from generators.phantom.renderer import Phantom
from generators.phantom.truth import preset

__all__ = ["bank_copies", "renderer_copies"]

MOST = 300
"""Draws of a bank in one audit of its copies."""


def renderer_copies(audits: int, draws: int, seed: int) -> list[Row]:
    """Whether nearest neighbours among rendered pixels find the planted rate of copies."""
    table, generator = preset("regressed"), Phantom(preset="regressed")
    probes = [Probe(suite="copies", condition=TextPrompt(text=f"A portrait photo of a {name}")) for name in NAMED]
    planted = float(np.mean([table.share("copy", True, {"occupation": name, "people": 1}) for name in NAMED]))
    each, found = draws * len(probes), 0
    pictures, setting = repeated_pictures(table), f"renderer, regressed, {each} pictures"
    tally = Tally(COVERAGE, setting)
    with generator.open("cpu") as draw:
        for audit in range(audits):
            asked = [
                Request(Draw(generator="r", probe=p.id, index=i, seed=derive_seed(seed, audit, p.id, i)), p)
                for p in probes
                for i in range(draws)
            ]
            pixels = np.stack([_pixels(product) for product in draw(asked)])
            near = int((copy_distances(pixels, pictures) < COPY_BELOW).sum())
            tally.cover("copies by nearest neighbours, planted rate", [Cover.of(wilson(near, each), planted)])
            found += near
    whole = _rate("nearest neighbours, all audits", setting, found, audits * each)
    low, high = wilson(found, audits * each)
    met = bool(low <= planted <= high)
    told = f"planted {planted:.4f}, found {whole.note}"
    return [*tally.coverage(), Row(COPIES, whole.what, setting, whole.audits, whole.value, whole.error, told, met)]


def _pixels(product: object) -> Pixels:
    if isinstance(product, np.ndarray):
        return product
    return decode(getattr(product, "data", b""), "a rendered picture").pixels


def _rate(what: str, setting: str, near: int, n: int) -> Row:
    low, high = wilson(near, n)
    return Row(COPIES, what, setting, n, near / n, (high - low) / 2, f"{low:.4f} to {high:.4f}")


def bank_copies(bank: Bank, audits: int, seed: int) -> list[Row]:
    """The rate of copies measured on a bank, and whether audits out of it hold it.

    A model that was taught no copies shows what pictures of its own come near the repeated ones: a control, without audits.
    """
    rows = np.flatnonzero(silent(bank) & ~np.isnan(bank.distances))
    near = bank.distances[rows] < bank.facts.copy_below
    taught = preset(bank.facts.model).defects.copies is not None
    told = "measured" if taught else "control, taught none"
    what = f"nearest neighbours, whole bank: {told}"
    whole = _rate(what, f"bank of {bank.facts.model}", int(near.sum()), len(rows))
    if not taught:
        return [whole]
    rate, rng, size = float(near.mean()), np.random.default_rng(seed), min(MOST, len(rows) // 4)
    tally = Tally(COVERAGE, f"bank of {bank.facts.model}, {size} draws")
    for _ in range(audits):
        hits = int(near[rng.choice(len(rows), size, replace=False)].sum())
        tally.cover("copies by nearest neighbours, rate of the bank", [Cover.of(wilson(hits, size), rate)])
    return [whole, *tally.coverage()]
