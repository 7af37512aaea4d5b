"""Conformance checks: what every plugin of a kind promises."""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from audit.component import DrawBatch, Encoded, Generator, OnDisk, ProbeSuite, Product, Request, Row, Scorer, View
from audit.digest import bytes_digest, canonical_json, derive_seed
from audit.images import Pixels, encode_png
from audit.records import Abstained, ClassLabel, Draw, Failed, Filtered, Latent, Probe, Refused, Scored, TextPrompt
from audit.reference import Asked, Expected, Reference, Silent
from audit.testing.fakes import disc

__all__ = ["check_generator", "check_reference", "check_scorer", "check_suite", "draw_requests", "view"]

SAMPLES: dict[type[Any], Probe] = {
    TextPrompt: Probe(suite="testing", condition=TextPrompt(text="a photo of a red ball on a table")),
    ClassLabel: Probe(suite="testing", condition=ClassLabel(label=0, name="first")),
    Latent: Probe(suite="testing", condition=Latent(), unit="draw"),
}
OTHERS = (Encoded, OnDisk, Refused, Filtered, Failed)


def draw_requests(probe: Probe, count: int, seed: int = 7) -> list[Request]:
    """Requests for ``count`` draws of one probe."""
    seeds = [derive_seed(seed, probe.pair or probe.id, index) for index in range(count)]
    draws = [Draw(generator="tested", probe=probe.id, index=i, seed=s) for i, s in enumerate(seeds)]
    return [Request(draw, probe) for draw in draws]


def check_generator(generator: Generator, *, device: str = "cpu") -> None:
    """Check a generator against the interface.

    It opens twice; gives one product a request, in order; pixels are uint8 (h, w, 3); the same request gives the same
    image again; other requests in the batch do not change an image; seeds matter; settings and numerics are text.
    """
    requests = _sample_requests(generator)
    fixed = generator.fixed_block()
    with generator.open(device) as draw:
        first = _products(draw, requests)
        _assert(_same(first, _products(draw, requests)), "drawing the same requests twice gives other images")
        if fixed:
            turned = _products(draw, requests[::-1])[::-1]
            _assert(_same(first, turned), "an image depends on its place in the batch, not on its own seed only")
    with generator.open(device) as draw:
        _assert(_same(first, _products(draw, requests)), "opening the generator again gives other images")
    pixels = [p for p in first if isinstance(p, np.ndarray)]
    if fixed and len(pixels) > 1:
        _assert(not all(np.array_equal(pixels[0], p) for p in pixels[1:]), "all seeds give the same image")
    for name, facts in (("settings", generator.settings()), ("numerics", generator.numerics(device))):
        _assert(all(isinstance(text, str) for pair in facts.items() for text in pair), f"{name}() is text to text")
    canonical_json(generator.model_dump(mode="json"))


def _sample_requests(generator: Generator) -> list[Request]:
    own = generator.probes()
    if own:
        each = [draw_requests(probe, probe.draws or 1) for probe in own]
        return list(islice((request for requests in each for request in requests), generator.batch))
    accepted = generator.accepts()
    _assert(bool(accepted), "accepts() names no kind of condition")
    return draw_requests(SAMPLES[accepted[0]], generator.batch)


def _products(draw: DrawBatch, requests: Sequence[Request]) -> list[Product]:
    products = list(draw(requests))
    _assert(len(products) == len(requests), f"{len(requests)} requests gave {len(products)} products")
    for product in products:
        if isinstance(product, np.ndarray):
            shape = product.dtype == np.uint8 and product.ndim == 3 and product.shape[2] == 3
            _assert(shape, f"pixels are uint8 (h, w, 3); found {product.dtype} {product.shape}")
        else:
            _assert(isinstance(product, OTHERS), f"{type(product).__name__} is not a product")
    return products


def _same(first: Sequence[Product], second: Sequence[Product]) -> bool:
    return all(
        np.array_equal(one, two) if isinstance(one, np.ndarray) and isinstance(two, np.ndarray) else one == two
        for one, two in zip(first, second, strict=True)
    )


def view(pixels: Pixels, *, prompt: str = "", given: Mapping[str, Sequence[Row]] | None = None) -> View:
    """An image as a scorer sees it, with a prompt where one is given."""
    probe = Probe(suite="testing", condition=TextPrompt(text=prompt)) if prompt else SAMPLES[Latent]
    data = encode_png(pixels)
    draw = Draw(generator="tested", probe=probe.id, index=0, seed=7)
    size = (pixels.shape[1], pixels.shape[0])
    return View(pixels, bytes_digest(data), "png", draw, probe, size, given or {})


def check_scorer(
    scorer: Scorer, views: Sequence[View] | None = None, *, device: str = "cpu", tolerance: float = 1e-4
) -> list[Sequence[Row]]:
    """Check a scorer against the interface, and give what it said.

    Each view gets rows that start with the whole image's, with declared columns only; values are finite; a view alone
    scores as in the batch within ``tolerance``. Without ``views`` it looks at three discs.
    """
    views = views or [view(disc(seed, 96), prompt="a coloured disc") for seed in range(3)]
    declared = {column.name: column for column in scorer.columns()}
    _assert(bool(declared), "columns() declares no column")
    with scorer.open(device) as score:
        together = list(score(views))
        alone = [next(iter(score([one]))) for one in views]
    _assert(len(together) == len(views), f"{len(views)} views gave {len(together)} results")
    for rows, single in zip(together, alone, strict=True):
        _assert(bool(rows) and rows[0].region == -1, "the first row of a view is the whole image's (region -1)")
        _assert([r.region for r in rows] == [r.region for r in single], "a view alone has other regions than in the batch")
        for row, other in zip(rows, single, strict=True):
            _assert(set(row.values) <= set(declared), f"undeclared columns: {set(row.values) - set(declared)}")
            for name, value in row.values.items():
                _check_value(declared[name].kind, value)
                _assert(
                    _close(value, other.values[name], tolerance), f"{name}: a view alone scores other than in the batch"
                )
    return together


def _check_value(kind: str, value: Any) -> None:
    plain = value.value if isinstance(value, Scored) else value
    if isinstance(plain, Abstained):
        _assert(bool(plain.reason), "an abstention names its reason")
    elif kind == "label":
        _assert(isinstance(plain, str), f"a label is text; found {type(plain).__name__}")
    else:
        _assert(bool(np.isfinite(plain).all()), "values are finite; abstain instead")


def _close(one: Any, two: Any, tolerance: float) -> bool:
    one, two = (v.value if isinstance(v, Scored) else v for v in (one, two))
    if isinstance(one, str | Abstained) or isinstance(two, str | Abstained):
        return bool(one == two)
    return bool(np.allclose(one, two, atol=tolerance, rtol=tolerance))


def check_suite(suite: ProbeSuite) -> None:
    """Check a probe suite: probes differ and come twice the same, a pair has two arms or more, a licence is named."""
    probes, again = suite.probes(), suite.probes()
    _assert(bool(probes), "the suite is empty")
    _assert([p.id for p in probes] == [p.id for p in again], "asking twice gives other probes")
    _assert(len({p.id for p in probes}) == len(probes), "two probes are the same")
    arms: dict[str, int] = {}
    for probe in probes:
        arms[probe.pair] = arms.get(probe.pair, 0) + 1
    _assert(all(count > 1 for pair, count in arms.items() if pair), "a pair has a single arm")
    _assert(bool(suite.licence), "the suite names no licence")


def check_reference(
    reference: Reference,
    asked: Asked,
    *,
    attribute: str = "perceived_gender",
    labels: Sequence[str] = ("feminine", "masculine"),
) -> Expected | Silent:
    """Check a reference against the interface, and give what it said of the cell.

    It has a title; it says the same twice, whatever the order of the prompts and the scale of their draws; shares are of
    labels that were asked for, 0 to 1, with the sum 1 where it knows them all; its sample is larger than 0, and silence
    has a reason.
    """
    about = reference.about()
    _assert(bool(about.title), "about() has no title")
    said = reference.expected(attribute, labels, asked)
    _assert(said == reference.expected(attribute, labels, asked), "asking twice gives another answer")
    turned = Asked(asked.where, [(levels, 3 * draws) for levels, draws in reversed(asked.prompts)])
    other = reference.expected(attribute, labels, turned)
    if isinstance(said, Silent) or isinstance(other, Silent):
        _assert(isinstance(other, type(said)), "the order of prompts decides whether it is silent")
        _assert(isinstance(said, Silent) and bool(said.reason), "silence has no reason")
        return said
    _assert(_alike(said, other), "shares depend on the order of prompts, or on more than the proportions of their draws")
    _assert(bool(said.shares), "it says nothing of any label: be Silent instead")
    _assert(set(said.shares) <= set(labels), f"labels that nobody asked for: {set(said.shares) - set(labels)}")
    _assert(all(0 <= share <= 1 for share in said.shares.values()), "a share is not 0 to 1")
    total = sum(said.shares.values())
    _assert(total <= 1 + 1e-9, f"shares sum to {total}")
    _assert(set(said.shares) != set(labels) or total >= 1 - 1e-9, f"shares of all labels sum to {total}")
    _assert(said.n_effective > 0, "n_effective is not above 0")
    return said


def _alike(one: Expected, other: Expected) -> bool:
    known = set(one.shares)
    return (
        known == set(other.shares)
        and all(math.isclose(one.shares[label], other.shares[label], abs_tol=1e-9) for label in known)
        and math.isclose(one.n_effective, other.n_effective, rel_tol=1e-6)
    )


def _assert(holds: bool, promise: str) -> None:
    if not holds:
        raise AssertionError(promise)
