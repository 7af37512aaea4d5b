"""``face_embedding``: the network against the same sums in numpy, and how far apart faces come out."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scorer_views import noise, pack, reason, scored, view

from audit.component import Row, View
from audit.errors import ScoringError, WeightsError
from audit.model_files.tfjs_file import read_tfjs
from audit.model_files.weight_files import fit
from audit.scorers import face_embedding
from audit.scorers.embedding_network import EmbeddingNetwork, tensors_of
from audit.scorers.face_chips import face_chip
from audit.scorers.face_embedding import MANIFEST, FaceEmbedding
from audit.scorers.faces import Faces

PACK = "face-embedding"
PHOTOGRAPHS = Path(__file__).parents[3] / "shared" / "data" / "faces"
POINTS = np.array([251, 175, 220, 175, 149, 174, 179, 175, 199, 236], dtype=np.float32)


def soft(side: int, seed: int = 0) -> np.ndarray:
    return np.asarray(Image.fromarray(noise(60, seed)).resize((side, side), Image.Resampling.BICUBIC))


def faces_row(region: int = 0, width: float = 200.0, points: np.ndarray | None = POINTS) -> Row:
    values = {"left": 100.0, "top": 100.0, "right": 100.0 + width, "bottom": 300.0}
    return Row(values if points is None else {**values, "landmarks": points}, region)


def with_faces(pixels: np.ndarray, *rows: Row) -> View:
    return view(pixels, given={"faces": [Row({"count": float(len(rows))}), *rows]})


# -------------------------------------------------------------------------------------------- a second computation


def conv(x: np.ndarray, weights: dict, where: str, stride: int = 1, pad: int = 1) -> np.ndarray:
    """Convolution, bias, then scale and shift, as the manifest has them."""
    w = weights[f"{where}/conv/filters"]
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[:2], axis=(0, 1))[::stride, ::stride]
    out = np.einsum("hwcij,ijco->hwo", windows, w, optimize=True) + weights[f"{where}/conv/bias"]
    return out * weights[f"{where}/scale/weights"] + weights[f"{where}/scale/biases"]


def block(x: np.ndarray, weights: dict, where: str, down: bool) -> np.ndarray:
    out = np.maximum(conv(x, weights, f"{where}/conv1", 2 if down else 1, 0 if down else 1), 0)
    out = conv(out, weights, f"{where}/conv2")
    if down:
        half = [side // 2 for side in x.shape[:2]]
        x = x[: 2 * half[0], : 2 * half[1]].reshape(half[0], 2, half[1], 2, -1).mean(axis=(1, 3))
    total = np.zeros(np.maximum(x.shape, out.shape))
    total[: x.shape[0], : x.shape[1], : x.shape[2]] += x
    total[: out.shape[0], : out.shape[1], : out.shape[2]] += out
    return np.maximum(total, 0)


def by_hand(chip: np.ndarray, weights: dict) -> np.ndarray:
    x = (chip.astype(np.float64) - [122.782, 117.001, 104.298]) / 255
    x = np.maximum(conv(x, weights, "conv32_down", 2, 0), 0)
    x = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))[::2, ::2].max(axis=(3, 4))
    plan = ["32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2"]
    for name in [*plan, "256_down", "256_1", "256_2", "256_down_out"]:
        x = block(x, weights, f"conv{name}", "down" in name)
    return x.mean(axis=(0, 1)) @ weights["fc"]


def test_the_network_is_what_its_sums_give_in_numpy() -> None:
    weights = {name: value.astype(np.float64) for name, value in read_tfjs(pack(PACK).file(MANIFEST)).items()}
    image = soft(400)
    found = scored(FaceEmbedding(), [with_faces(image, faces_row())])[0][1].values["vector"]
    assert isinstance(found, np.ndarray)
    assert found.shape == (128,)
    assert found == pytest.approx(by_hand(face_chip(image, POINTS, 150, 0.25), weights), abs=1e-4)


def test_weights_that_lack_or_exceed_are_refused() -> None:
    named = {"conv32_down/conv/filters": np.zeros((7, 7, 3, 32), dtype=np.float32), "fc": np.zeros((256, 64), np.float32)}
    with pytest.raises(WeightsError, match=r"1 left over \(conv32_down/conv/filters\).*of another shape"):
        fit(EmbeddingNetwork(), tensors_of(named), "a file")


# ------------------------------------------------------------------------------------------------- what it says


def test_each_face_has_its_vector_or_a_reason_and_a_batch_changes_nothing() -> None:
    pack(PACK)
    views = [
        with_faces(soft(400), faces_row(), faces_row(1, width=10), faces_row(2, points=None)),
        with_faces(soft(400, 1)),
        with_faces(soft(400, 2), faces_row(0, points=np.full(10, np.nan, dtype=np.float32)), faces_row(1)),
    ]
    together = scored(FaceEmbedding(), views)
    assert [len(rows) for rows in together] == [4, 1, 3]
    assert reason(together[0][2].values["vector"]) == "face too small"
    assert reason(together[0][3].values["vector"]) == "no landmarks"
    assert reason(together[1][0].values["vector"]) == "no face found"
    assert reason(together[2][1].values["vector"]) == "no landmarks"
    alone = scored(FaceEmbedding(), views[2:])[0][2].values["vector"]
    assert together[2][2].values["vector"] == pytest.approx(alone, abs=1e-5)


def test_numbers_that_are_not_finite_are_no_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.full((len(x), 128), torch.nan)

    class Files:
        def file(self, name: str) -> str:
            return name

    monkeypatch.setattr(face_embedding, "locate", lambda _: Files())
    monkeypatch.setattr(face_embedding, "read_tfjs", lambda _: {})
    monkeypatch.setattr(face_embedding, "fit", lambda *_: Broken())
    with pytest.raises(ScoringError, match="not finite"):
        scored(FaceEmbedding(), [with_faces(soft(400), faces_row())])


def test_it_tells_persons_apart_and_is_kept_in_memory() -> None:
    assert FaceEmbedding.recognises_people
    assert FaceEmbedding.in_memory
    assert not FaceEmbedding.infers_people
    assert FaceEmbedding(faces="mine").requires() == ("mine",)


# ------------------------------------------------------------------------------------------------- photographs


def changed(one: View) -> View:
    """The same photograph, mirrored and saved as a small JPEG."""
    file = io.BytesIO()
    Image.fromarray(one.pixels[:, ::-1]).save(file, "JPEG", quality=60)
    return replace(one, pixels=np.asarray(Image.open(file)))


def vectors(views: list[View]) -> list[np.ndarray | None]:
    found = scored(Faces(), views)
    rows = scored(FaceEmbedding(), [replace(one, given={"faces": of}) for one, of in zip(views, found, strict=True)])
    largest = [of[1].values["vector"] if len(of) > 1 else None for of in rows]
    return [value if isinstance(value, np.ndarray) else None for value in largest]


def test_a_photograph_is_near_to_itself_and_far_from_those_of_others() -> None:
    """12 different people: dlib's distance of 0.6 parts nearly all pairs."""
    for name in (PACK, "centerface", "perceived-gender-age"):
        pack(name)
    if not (PHOTOGRAPHS / "labels.csv").is_file():
        pytest.skip(f"no photographs in {PHOTOGRAPHS}")
    with (PHOTOGRAPHS / "labels.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file)][:12]
    photographs = [view(np.asarray(Image.open(PHOTOGRAPHS / name).convert("RGB"))) for name in names]
    pairs = zip(vectors(photographs), vectors([changed(one) for one in photographs]), strict=True)
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    assert len(both) >= 11
    first, second = (np.array(side) for side in zip(*both, strict=True))
    same = np.linalg.norm(first - second, axis=1)
    apart = np.linalg.norm(first[:, None] - second, axis=2)[~np.eye(len(first), dtype=bool)]
    assert np.median(same) < 0.35
    assert (same < 0.6).mean() > 0.9
    assert (apart > 0.6).mean() > 0.9
    assert np.quantile(same, 0.9) < np.quantile(apart, 0.05)
