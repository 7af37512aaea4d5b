"""What a run keeps of labels, and what metrics are given of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from label_samples import COLUMN, PROMPTS, image_of, stored_run

from audit.component import Column
from audit.errors import StoreError
from audit.human_labels import CANNOT_TELL
from audit.labels import (
    Agreement,
    LabelVotes,
    RatedDraw,
    read_labels,
    told_of_labels,
    without_labels,
    write_votes,
)
from audit.store import RunStore
from audit.table import ScoreTable

LEVELS = ("feminine", "masculine")
PATH = f"phantom_oracle.{COLUMN}"
COLUMNS = {PATH: Column(COLUMN, "label", levels=LEVELS), "phantom_oracle.intact": Column("intact", "number")}


def rated_draw(n: int, *votes: str | None, image: str = "") -> RatedDraw:
    image = image or image_of("a", n)
    return RatedDraw(generator="a", probe=PROMPTS[n % 4].id, index=n // 4, image=image, inclusion=0.25, votes=votes)


def votes(*draws: RatedDraw, alpha: float | None = 0.5) -> LabelVotes:
    agreement = None if alpha is None else Agreement(alpha=alpha, interval=None, items=len(draws))
    return LabelVotes(column=PATH, levels=LEVELS, sample="s", raters=2, agreement=agreement, draws=draws)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return stored_run(tmp_path / "run", {"a": ["feminine"] * 8})


def table(store: RunStore) -> ScoreTable:
    draws = store.draws("a-cccccccc")
    return ScoreTable(draws, {probe.id: probe for probe in PROMPTS})


def faults(store: RunStore) -> list[str]:
    """Of everything but the images, which this run lacks."""
    return [fault for fault in store.verify() if not fault.startswith("images/")]


def test_labels_of_draws_come_back_as_the_majority(store: RunStore) -> None:
    assert read_labels(store, COLUMNS, table(store)) == {}
    write_votes(
        store,
        votes(rated_draw(1, "masculine", "masculine"), rated_draw(6, "masculine", None), rated_draw(7, "", "feminine")),
    )
    (found,) = read_labels(store, COLUMNS, table(store)).values()
    assert found.label.tolist() == ["masculine", "masculine", CANNOT_TELL]
    assert found.index.tolist() == [0, 1, 1]
    assert found.probe.tolist() == [PROMPTS[1].id, PROMPTS[2].id, PROMPTS[3].id]
    assert np.all(found.inclusion == 0.25)
    assert (found.raters, found.agreement) == (2, 0.5)
    assert faults(store) == []


def test_a_draw_that_has_another_image_now_or_is_gone_keeps_no_label(store: RunStore) -> None:
    other = image_of("a", 3)
    draws = (
        rated_draw(1, "feminine", None),
        rated_draw(2, "feminine", None, image=other),
        rated_draw(99, "feminine", None),
    )
    write_votes(store, votes(*draws))
    (found,) = read_labels(store, COLUMNS, table(store)).values()
    assert found.image.tolist() == [image_of("a", 1)]
    write_votes(store, votes(*draws[1:]))
    assert read_labels(store, COLUMNS, table(store)) == {}


def test_labels_that_were_chosen_among_others_are_not_used_and_a_warning_says_so(
    store: RunStore, caplog: pytest.LogCaptureFixture
) -> None:
    write_votes(store, votes(rated_draw(1, "feminine", None)))
    changed = {PATH: Column(COLUMN, "label", levels=("woman", "man"))}
    assert read_labels(store, changed, table(store)) == {}
    assert "people chose among feminine, masculine, and the scorer has woman, man now" in caplog.text
    open_ended = {PATH: Column(COLUMN, "label")}
    assert len(read_labels(store, open_ended, table(store))) == 1


def test_notes_of_labels_are_replaced_and_no_others(store: RunStore) -> None:
    write_votes(store, votes(rated_draw(1, "masculine", "masculine"), rated_draw(7, "", "feminine")))
    found = read_labels(store, COLUMNS, table(store))
    (note,) = told_of_labels(found)
    assert note == f"Labels by people of {PATH}: 2 draws by 2 raters, Krippendorff's alpha 0.50; 1 without a clear label"
    assert without_labels(["a batch was halved", note]) == ["a batch was halved"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("inclusion", 0), ("inclusion", 1.5), ("inclusion", "many"), ("votes", "feminine"), ("name", "Ada")],
)
def test_damaged_votes_are_refused(store: RunStore, field: str, value: object) -> None:
    write_votes(store, votes(rated_draw(1, "feminine", None)))
    name = f"labels/{PATH}/votes.json"
    data = store.read_json(name)
    data["draws"][0][field] = value
    store.write_json(name, data)
    with pytest.raises(StoreError, match=r"votes\.json: damaged"):
        read_labels(store, COLUMNS, table(store))


def test_verify_sees_a_changed_vote(store: RunStore) -> None:
    write_votes(store, votes(rated_draw(1, "feminine", None)))
    path = Path(store.path) / "labels" / PATH / "votes.json"
    path.write_text(json.dumps(json.loads(path.read_text().replace("feminine", "masculine"))))
    assert faults(store) == [f"labels/{PATH}/votes.json: changed"]
    store.seal()
    assert faults(store) == [f"labels/{PATH}/votes.json: changed"]
    path.unlink()
    assert faults(store) == [f"labels/{PATH}/votes.json: missing"]
