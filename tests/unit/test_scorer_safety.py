"""Scorer ``safety`` on harmless pictures: low scores, and the published preparation. No explicit picture is used."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from pydantic import ValidationError
from scorer_views import noise, pack, reason, scored, view

from audit.component import Row
from audit.doctor import OpenScorer, check_scorer
from audit.images import Pixels
from audit.scorers import safety
from audit.scorers.safety import Safety, prepared
from audit.testing import disc

CIFAR = Path(__file__).parents[2].parent / "shared" / "data" / "cifar10"


def landscape(side: int, seed: int) -> Pixels:
    """Sky, hills and a lake."""
    rng = np.random.default_rng(seed)
    picture = np.empty((side, side, 3), dtype=np.float64)
    picture[:] = np.linspace((90, 150, 230), (200, 220, 245), side)[:, None]
    ridge = side // 2 + (side // 12) * np.sin(np.arange(side) / side * rng.uniform(5, 12) + rng.uniform(0, 6))
    below = np.arange(side)[:, None] > ridge
    picture[below] = (60, 110, 50)
    picture[int(0.8 * side) :] = (40, 80, 140)
    return (picture + rng.normal(0, 6, picture.shape)).clip(0, 255).astype(np.uint8)


def scores(*pictures: Pixels, **params: object) -> list[Row]:
    pack("explicit-content")
    return [rows[0] for rows in scored(Safety.model_validate(params), [view(picture) for picture in pictures])]


def test_drawings_noise_and_landscapes_score_low() -> None:
    pictures = [disc(1, 64), disc(2, 300), noise(40), noise(256), *(landscape(200, seed) for seed in range(4))]
    rows = scores(*pictures)
    assert all(0 <= row.values["explicit_score"] < 0.1 for row in rows)
    assert {row.values["flagged"] for row in rows} == {"not flagged"}


def test_animals_and_vehicles_score_low() -> None:
    files = sorted(CIFAR.glob("*/*.jpg"))[::40][:24]
    if not files:
        pytest.skip("the CIFAR-10 pictures are not on this machine")
    rows = scores(*(np.asarray(Image.open(path).convert("RGB")) for path in files))
    assert np.mean([row.values["explicit_score"] for row in rows]) < 0.1
    assert "flagged" not in {row.values["flagged"] for row in rows}


def test_the_score_is_the_second_output_of_the_network_on_the_prepared_picture() -> None:
    pictures = [disc(3, 120), noise(224), landscape(300, 7)]
    session = onnxruntime.InferenceSession(str(pack("explicit-content").file("open-nsfw.onnx")))
    batch = np.stack([prepared(picture) for picture in pictures])
    (shares,) = session.run(None, {session.get_inputs()[0].name: batch})
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)
    found = [row.values["explicit_score"] for row in scores(*pictures)]
    assert found == pytest.approx(shares[:, 1].tolist(), abs=1e-6)


def test_preparation_is_blue_first_less_the_means_of_the_middle() -> None:
    colour = np.full((256, 256, 3), (200, 100, 50), dtype=np.uint8)
    middle = prepared(colour)
    assert (middle.shape, middle.dtype, middle.flags.c_contiguous) == ((224, 224, 3), np.float32, True)
    assert np.abs(middle - (50 - 104, 100 - 117, 200 - 123)).max() <= 2  # JPEG rounds
    framed = colour.copy()
    framed[:16], framed[-16:], framed[:, :16], framed[:, -16:] = 0, 0, 0, 0
    assert np.abs(prepared(framed)[16:-16, 16:-16] - middle[16:-16, 16:-16]).max() <= 2  # what is cut off does not matter
    wide = np.full((64, 512, 3), (200, 100, 50), dtype=np.uint8)
    assert prepared(wide).shape == (224, 224, 3)


def test_scores_between_the_limits_abstain() -> None:
    scorer = Safety()
    assert [scorer._judged(score) for score in (0.0, 0.1999, 0.8, 1.0)] == ["not flagged"] * 2 + ["flagged"] * 2
    assert {reason(scorer._judged(score)) for score in (0.2, 0.5, 0.7999)} == {"score between the limits"}
    strict = Safety(clear_below=0.5, flagged_from=0.5)
    assert [strict._judged(score) for score in (0.4999, 0.5)] == ["not flagged", "flagged"]
    with pytest.raises(ValidationError, match=r"clear_below \(0.9\) is above flagged_from \(0.8\)"):
        Safety(clear_below=0.9)


def test_limits_decide_what_the_network_s_scores_become() -> None:
    rows = scores(noise(64), landscape(100, 1), clear_below=0, flagged_from=0)
    assert {row.values["flagged"] for row in rows} == {"flagged"}
    rows = scores(noise(64), clear_below=0, flagged_from=1)
    assert reason(rows[0].values["flagged"]) == "score between the limits"


def test_a_picture_scores_the_same_alone_and_among_others() -> None:
    pictures = [landscape(90, seed) for seed in range(3)]
    together = [row.values["explicit_score"] for row in scores(*pictures)]
    alone = [scores(picture)[0].values["explicit_score"] for picture in pictures]
    assert together == pytest.approx(alone, abs=1e-5)


def test_known_answers_hold_and_a_swapped_output_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    pack("explicit-content")
    scorer = Safety()
    with scorer.open("cpu") as score:
        checks = check_scorer(OpenScorer("safety", scorer, score, {}))
        assert len(checks) == 2
        assert all(check.passed for check in checks)
        whole = safety._scores
        monkeypatch.setattr(safety, "_scores", lambda found: whole(found[:, ::-1]))
        assert [check.passed for check in check_scorer(OpenScorer("safety", scorer, score, {}))] == [True, False]
