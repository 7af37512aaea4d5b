"""``zero_shot`` against label directions that open_clip itself gives."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scorer_networks import LABELS, LONG, SHORT, clip_folder, open_clips_own
from scorer_views import noise, reason, scored, view

from audit.component import Row
from audit.errors import InputError, ScoringError
from audit.records import Abstained
from audit.scorers.clip import Clip
from audit.scorers.zero_shot import ZeroShot


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("clip") / "small")


@pytest.fixture(scope="module")
def theirs(folder: Path):
    return open_clips_own(folder)


def labelled(folder: Path, vectors, space=None, **params):
    scorer = ZeroShot(**{"path": folder, "labels": LABELS, **params})
    own = {} if space is None else {"space": space}
    given = [[Row({"vector": np.asarray(vector, dtype=np.float32), **own})] for vector in vectors]
    return [rows[0].values for rows in scored(scorer, [view(noise(8), given={"clip": rows}) for rows in given])]


@pytest.fixture(scope="module")
def directions(theirs) -> np.ndarray:
    """Unit mean of each label's encoded descriptions, by open_clip."""
    model, _, tokenizer = theirs
    means = []
    for texts in LABELS.values():
        with torch.no_grad():
            mean = torch.nn.functional.normalize(model.encode_text(tokenizer(texts)), dim=-1).mean(0).numpy()
        means.append(mean / np.linalg.norm(mean))
    return np.stack(means)


def test_the_nearest_description(folder, directions):
    vectors = [*directions, np.random.default_rng(0).normal(size=24)]
    vectors[2] /= np.linalg.norm(vectors[2])
    found = labelled(folder, vectors, margin=0)
    cosines = np.stack(vectors) @ directions.T
    assert [row["label"].value for row in found] == [list(LABELS)[i] for i in cosines.argmax(1)]
    gaps = np.abs(cosines[:, 0] - cosines[:, 1])
    assert [row["margin"] for row in found] == pytest.approx(gaps, abs=1e-6)
    assert [row["label"].confidence for row in found] == pytest.approx(1 / (1 + np.exp(-gaps / 0.01)), abs=1e-4)
    hot = labelled(folder, vectors, margin=0, temperature=1)
    assert [row["label"].confidence for row in hot] == pytest.approx(1 / (1 + np.exp(-gaps)), abs=1e-5)


def test_unsure_between_two(folder, directions):
    middle = directions.sum(0) / np.linalg.norm(directions.sum(0))
    found = labelled(folder, [middle, directions[0]], column="light")
    assert reason(found[0]["light"]) == "unsure"
    assert found[0]["margin"] == pytest.approx(0, abs=1e-6)
    assert found[1]["light"].value == "day"
    gap = found[1]["margin"]
    assert reason(labelled(folder, [directions[0]], margin=gap + 1e-4)[0]["label"]) == "unsure"


def test_on_rows_of_the_clip_scorer(folder, directions):
    views = [view(noise(32, seed), SHORT) for seed in range(3)]
    rows = scored(Clip(path=folder), views)
    scorer = ZeroShot(path=folder, labels=LABELS, margin=0)
    found = scored(scorer, [view(noise(32, seed), SHORT, given={"clip": rows[seed]}) for seed in range(3)])
    for given, row in zip(rows, found, strict=True):
        nearest = int((directions @ given[0].values["vector"]).argmax())
        assert row[0].values["label"].value == list(LABELS)[nearest]
    assert scorer.requires() == ("clip",)
    assert ZeroShot.infers_people
    assert scorer.columns()[0].levels == ("day", "night")


def test_an_image_without_a_vector_has_no_label(folder):
    scorer = ZeroShot(path=folder, labels=LABELS)
    given = {"clip": [Row({"vector": Abstained(reason="the network gave numbers that are not finite")})]}
    found = scored(scorer, [view(noise(8), given=given)])[0][0].values
    assert reason(found["label"]) == reason(found["margin"]) == "no CLIP vector"


def test_vectors_of_another_model_are_refused(folder, tmp_path: Path):
    with pytest.raises(ScoringError, match="give both the same pack or path"):
        labelled(folder, [np.ones(24)], space=Clip(path=clip_folder(tmp_path / "other", 1)).space())
    with pytest.raises(ScoringError, match="a space of 7 dimensions"):
        labelled(folder, [np.ones(7)])


def test_a_description_that_the_model_cannot_read_whole(folder):
    with pytest.raises(InputError, match="label 'night': a description has 17 tokens"):
        labelled(folder, [np.ones(24)], labels={"day": ["noon"], "night": [LONG]})


def test_a_label_needs_the_least_confidence(folder, directions):
    vector = directions[0] + 0.9 * directions[1]
    vectors = [vector / np.linalg.norm(vector)]
    sure = labelled(folder, vectors, margin=0, temperature=1)[0]["label"].confidence
    assert labelled(folder, vectors, margin=0, temperature=1, least_confidence=sure - 1e-3)[0]["label"].value == "day"
    assert reason(labelled(folder, vectors, margin=0, temperature=1, least_confidence=sure + 1e-3)[0]["label"]) == "unsure"
    assert ZeroShot(path=folder, labels=LABELS, column="light").thresholds() == {"light": "least_confidence"}
