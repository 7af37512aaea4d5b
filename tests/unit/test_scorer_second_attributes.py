"""``second_attributes``: the network against the same sums in numpy, and labels from planted answers."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from scorer_views import noise, pack, reason, scored, view

from audit.component import Row
from audit.errors import ScoringError, WeightsError
from audit.model_files.tfjs_file import read_tfjs
from audit.model_files.weight_files import fit
from audit.scorers import second_attributes
from audit.scorers.face_chips import face_chip
from audit.scorers.second_attributes import MANIFEST, SecondAttributes
from audit.scorers.tiny_xception import TinyXception, tensors_of

PACK = "perceived-gender-age-second"
POINTS = np.array([251, 175, 220, 175, 149, 174, 179, 175, 199, 236], dtype=np.float32)
GENDER, AGE, BAND = "perceived_gender", "perceived_age", "perceived_age_band"


def one_face(pixels):
    row = Row({"left": 100.0, "top": 100.0, "right": 300.0, "bottom": 300.0, "landmarks": POINTS}, 0)
    return view(pixels, given={"faces": [Row({"count": 1.0}), row]})


# -------------------------------------------------------------------------------------------- a second computation


def same(x, kernel: int, stride: int, fill: float):
    """TensorFlow's ``same``: as much as is needed, the odd one at the end."""
    need = max((int(np.ceil(x.shape[0] / stride)) - 1) * stride + kernel - x.shape[0], 0)
    before, after = need // 2, need - need // 2
    padded = np.pad(x, ((before, after), (before, after), (0, 0)), constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(0, 1))
    return windows[::stride, ::stride]  # (h, w, channels, kernel, kernel)


def conv(x, w, bias, stride: int):
    return np.einsum("hwcij,ijco->hwo", same(x, w.shape[0], stride, 0.0), w, optimize=True) + bias


def separable(x, weights, where: str):
    deep = np.einsum("hwcij,ijc->hwc", same(x, 3, 1, 0.0), weights[f"{where}/depthwise_filter"][..., 0], optimize=True)
    return deep @ weights[f"{where}/pointwise_filter"][0, 0] + weights[f"{where}/bias"]


def relu(x):
    return np.maximum(x, 0)


def halving(x, out, weights, where: str):
    out = separable(relu(separable(out, weights, f"{where}/separable_conv0")), weights, f"{where}/separable_conv1")
    straight = conv(x, weights[f"{where}/expansion_conv/filters"], weights[f"{where}/expansion_conv/bias"], 2)
    return same(out, 3, 2, -np.inf).max(axis=(3, 4)) + straight


def by_hand(chip, weights):
    x = (chip.astype(np.float64) - [122.782, 117.001, 104.298]) / 255
    x = relu(conv(x, weights["entry_flow/conv_in/filters"], weights["entry_flow/conv_in/bias"], 2))
    x = halving(x, x, weights, "entry_flow/reduction_block_0")
    x = halving(x, relu(x), weights, "entry_flow/reduction_block_1")
    for block in range(2):
        out = x
        for place in range(3):
            out = separable(relu(out), weights, f"middle_flow/main_block_{block}/separable_conv{place}")
        x = x + out
    x = halving(x, relu(x), weights, "exit_flow/reduction_block")
    pooled = relu(separable(x, weights, "exit_flow/separable_conv")).mean(axis=(0, 1))
    age = pooled @ weights["fc/age/weights"] + weights["fc/age/bias"]
    scores = pooled @ weights["fc/gender/weights"] + weights["fc/gender/bias"]
    return float(age[0]), np.exp(scores) / np.exp(scores).sum()


def test_the_network_is_what_its_sums_give_in_numpy() -> None:
    weights = read_tfjs(pack(PACK).file(MANIFEST))
    image = np.asarray(Image.fromarray(noise(60)).resize((400, 400), Image.Resampling.BICUBIC))
    years, (masculine, feminine) = by_hand(face_chip(image, POINTS, 112), weights)
    scorer = SecondAttributes(gender_confidence=0.5, band_confidence=0)
    values = scored(scorer, [one_face(image)])[0][1].values
    assert values[AGE].value == pytest.approx(max(years, 0.0), abs=1e-3)
    assert values[GENDER].value == ("feminine" if feminine > masculine else "masculine")
    assert values[GENDER].confidence == pytest.approx(max(masculine, feminine), abs=1e-5)


def test_a_batch_gives_what_each_face_gives() -> None:
    pack(PACK)
    images = [
        np.asarray(Image.fromarray(noise(60, seed)).resize((400, 400), Image.Resampling.BICUBIC)) for seed in range(5)
    ]
    scorer = SecondAttributes(gender_confidence=0.5, band_confidence=0)
    together = scored(scorer, [one_face(image) for image in images])
    for image, rows in zip(images, together, strict=True):
        alone = scored(scorer, [one_face(image)])[0][1].values
        assert rows[1].values[AGE].value == pytest.approx(alone[AGE].value, abs=1e-3)
        assert rows[1].values[GENDER].value == alone[GENDER].value


def test_weights_of_another_shape_are_refused() -> None:
    named = {"fc/age/weights": np.zeros((512, 2), dtype=np.float32)}
    with pytest.raises(WeightsError, match="of another shape"):
        fit(TinyXception(), tensors_of(named), "a file")


# --------------------------------------------------------------------------------------------------------- labels


class Planted(torch.nn.Module):
    """A network that always answers this."""

    answer = (0.0, 0.0, 0.0)

    def forward(self, x):
        return torch.tensor([self.answer] * len(x), dtype=torch.float32)


def judged(monkeypatch: pytest.MonkeyPatch, years: float, masculine: float, **params):
    class Files:
        def file(self, name):
            return name

    monkeypatch.setattr(Planted, "answer", (years, masculine, 1 - masculine))
    monkeypatch.setattr(second_attributes, "locate", lambda _: Files())
    monkeypatch.setattr(second_attributes, "read_tfjs", lambda _: {})
    monkeypatch.setattr(second_attributes, "fit", lambda *_: Planted())
    return scored(SecondAttributes(**params), [one_face(noise(400))])[0][1].values


def test_labels_and_confidences(monkeypatch: pytest.MonkeyPatch) -> None:
    values = judged(monkeypatch, 45.0, 0.9, age_error=8)
    assert values[GENDER].value == "masculine"
    assert values[GENDER].confidence == pytest.approx(0.9)
    assert values[AGE].value == 45.0
    assert values[AGE].confidence == pytest.approx(stats.norm.cdf(5 / 8) - stats.norm.cdf(-5 / 8))
    assert values[BAND].value == "30-49"
    within = stats.norm.cdf(50, 45, 8) - stats.norm.cdf(30, 45, 8)
    assert values[BAND].confidence == pytest.approx(within, abs=1e-6)


def test_doubts_are_abstentions(monkeypatch: pytest.MonkeyPatch) -> None:
    values = judged(monkeypatch, 30.5, 0.4, band_confidence=0.6)
    assert reason(values[GENDER]) == "ambiguous"
    assert reason(values[BAND]) == "between age bands"
    assert values[AGE].value == 30.5


def test_nobody_is_younger_than_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, -3.0, 0.9)[AGE].value == 0.0


def test_numbers_that_are_not_finite_are_no_age(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScoringError, match="not finite"):
        judged(monkeypatch, float("nan"), 0.9)


def test_every_public_name_says_perceived() -> None:
    assert all(column.name.startswith("perceived_") for column in SecondAttributes().columns())
    assert SecondAttributes.infers_people
