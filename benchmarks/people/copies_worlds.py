"""Audits of copies whose truth is known: photographs dealt at random, or vectors drawn afresh, with or without copies."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit.component import Column, Context, Scorer
from audit.images import Pixels, decode
from audit.metrics.copies import Copies
from audit.records import Axis, Finding, Latent, Probe, TextPrompt
from audit.scorers.fingerprints import Fingerprints
from audit.table import DRAW_SCHEMA, ScoreTable
from audit.testing.checks import view
from generators.copy_transforms import EXACT, TRANSFORMS, transformed

__all__ = ["FEATURES", "KINDS", "Drawn", "Pool", "audit", "fresh", "photographs", "split"]

KINDS = (EXACT, *TRANSFORMS)
FEATURES = "features.vector"
PRINTS = ("pixels", "hash", "mirrored_hash")
COLUMNS = {FEATURES: Column("vector", "vector")} | {f"fingerprints.{name}": Column(name, "label") for name in PRINTS}
IMAGES_A_PROMPT = 10

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pool:
    """Pictures, and one copy of each."""

    vectors: npt.NDArray[np.float32]
    """(2 m, d) features: of m pictures, then of the copy of each."""
    prints: tuple[tuple[str, str, str], ...]
    """(2 m) digest of the pixels, hash, hash of the mirror image."""
    kind: tuple[str, ...]
    """(m) what each copy went through."""
    group: Ints
    """(m,) pictures of one group are alike, so that a prompt draws them together."""

    @property
    def size(self) -> int:
        """Pictures that are no copies, m."""
        return len(self.kind)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One audit: rows of the pool that each generator gives."""

    train: Ints
    held_out: Ints
    model: Ints
    prompt: Ints
    """Of each of the model's images."""


def photographs(folder: Path, features: Scorer, column: str, rng: np.random.Generator) -> Pool:
    """Photographs of a folder of classes with features of a scorer, and a copy of each by one of the transforms."""
    files = sorted(folder.rglob("*.jpg"))
    pictures = [decode(file.read_bytes(), file.name).pixels for file in files]
    kinds = tuple(KINDS[i % len(KINDS)] for i in rng.permutation(len(files)))
    copies = [p if kind == EXACT else transformed(p, kind, rng) for p, kind in zip(pictures, kinds, strict=True)]
    classes = np.unique([file.parent.name for file in files], return_inverse=True)[1].astype(np.int64)
    vectors = np.stack([np.asarray(v, dtype=np.float32) for v in _said(features, [*pictures, *copies], column)])
    found = [_said(Fingerprints(), [*pictures, *copies], name) for name in PRINTS]
    prints = tuple((str(a), str(b), str(c)) for a, b, c in zip(*found, strict=True))
    return Pool(vectors, prints, kinds, classes)


def _said(scorer: Scorer, pictures: Sequence[Pixels], column: str) -> list[object]:
    said: list[object] = []
    with scorer.open("cpu") as score:
        for start in range(0, len(pictures), 32):
            rows = score([view(picture) for picture in pictures[start : start + 32]])
            said += [of_image[0].values[column] for of_image in rows]
    return said


def fresh(pictures: int, rng: np.random.Generator, width: int = 32, groups: int = 60) -> Pool:
    """Vectors drawn afresh, crowded in groups, so that a few references are near to many; copies from near to hardly."""
    group = rng.integers(groups, size=pictures)
    centres = 1.5 * rng.standard_normal((groups, width))
    own = centres[group] + rng.standard_normal((pictures, width))
    how_far = rng.uniform(0, 0.5, size=(pictures, 1))
    copies = own + how_far * rng.standard_normal((pictures, width))
    names = rng.integers(0, 256, size=(2 * pictures, 3, 8), dtype=np.uint8)
    prints = tuple((a.tobytes().hex(), b.tobytes().hex(), c.tobytes().hex()) for a, b, c in names)
    kinds = tuple(KINDS[1:][i % len(TRANSFORMS)] for i in range(pictures))
    return Pool(np.concatenate([own, copies]).astype(np.float32), prints, kinds, group.astype(np.int64))


def split(pool: Pool, side: int, share: float, rng: np.random.Generator, *, by_prompt: bool = False) -> Drawn:
    """Deal the pictures at random: ``side`` to training and to held-out, the rest to the model; then plant copies.

    Args:
        share: of the model's images that are copies of a training image, in expectation.
        by_prompt: copies come in a tenth of the prompts only, more often there; else anywhere.
    """
    dealt = rng.permutation(pool.size)
    train, held_out, model = dealt[:side], dealt[side : 2 * side], dealt[2 * side :]
    model = model[np.argsort(pool.group[model], kind="stable")]
    prompt = np.arange(len(model)) // IMAGES_A_PROMPT
    chance = np.full(len(model), share)
    if by_prompt:
        chance = np.where(rng.random(prompt[-1] + 1) < 0.1, 10 * share, 0.0)[prompt]
    copied = rng.random(len(model)) < chance
    model = np.where(copied, pool.size + rng.choice(train, len(model)), model)
    return Drawn(train, held_out, model, prompt)


def audit(pool: Pool, drawn: Drawn, seed: int, *, planted: bool = False) -> dict[str, Finding]:
    """What ``copies`` finds: quantity, with transform and match for recall -> finding.

    Args:
        planted: also report recall, of a copy of every training image.
    """
    metric = Copies(train="train", held_out="held", planted="planted" if planted else "", features=FEATURES)
    context = Context(
        _table(pool, drawn, planted), ("model",), 0.95, seed, COLUMNS, {"features": "features", "fingerprints": "prints"}
    )
    found: dict[str, Finding] = {}
    for one in metric.measure("copies", context):
        where = (one.finding.where.get(name, "") for name in ("transform", "match"))
        found["/".join([one.finding.metric.removeprefix("copies."), *filter(None, where)])] = one.finding
    return found


def _table(pool: Pool, drawn: Drawn, planted: bool) -> ScoreTable:
    rows: list[dict[str, object]] = []
    probes: dict[str, Probe] = {}

    identity: dict[Probe, str] = {}

    def add(generator: str, probe: Probe, picture: int, index: int) -> None:
        name = identity.setdefault(probe, "") or probe.id
        identity[probe], probes[name] = name, probe
        head = {"generator": generator, "probe": name, "index": index, "seed": len(rows), "outcome": "made"}
        rows.append({**head, "reason": "", "image": _name(pool, picture), "codec": "png"})

    for name, pictures in (("train", drawn.train), ("held", drawn.held_out)):
        probe = Probe(suite=name, condition=Latent(), unit="draw")
        for index, picture in enumerate(pictures):
            add(name, probe, int(picture), index)
    for index, (picture, prompt) in enumerate(zip(drawn.model, drawn.prompt, strict=True)):
        add("model", Probe(suite="model", condition=TextPrompt(text=f"prompt {prompt}")), int(picture), index)
    for index, source in enumerate(drawn.train if planted else ()):
        axis = Axis(name="transform", level=pool.kind[source])
        probe = Probe(suite="planted", condition=Latent(), unit="draw", axes=(axis,))
        add("planted", probe, pool.size + int(source), index)
    return ScoreTable(pa.Table.from_pylist(rows, schema=DRAW_SCHEMA), probes, _scores(pool))


def _name(pool: Pool, picture: int) -> str:
    """Digest of a file; an exact copy is the file of its source."""
    copy = picture - pool.size
    return f"sha256:{copy if copy >= 0 and pool.kind[copy] == EXACT else picture:064d}"


def _scores(pool: Pool) -> dict[str, pa.Table]:
    n, width = pool.vectors.shape
    head = {
        "subject": pa.array([f"sha256:{i:064d}" for i in range(n)]),
        "region": pa.array(np.full(n, -1, dtype=np.int16)),
    }

    def column(name: str, values: pa.Array) -> dict[str, pa.Array]:
        return {name: values, f"{name}:why": pa.nulls(n, pa.string()), f"{name}:confidence": pa.nulls(n, pa.float32())}

    vectors = pa.FixedSizeListArray.from_arrays(pa.array(pool.vectors.ravel()), width)
    prints: dict[str, pa.Array] = {}
    for place, name in enumerate(PRINTS):
        prints |= column(name, pa.array([of_picture[place] for of_picture in pool.prints]))
    return {"features": pa.table(head | column("vector", vectors)), "fingerprints": pa.table(head | prints)}
