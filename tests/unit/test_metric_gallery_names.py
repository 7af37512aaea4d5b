"""Metric ``gallery``: the effect of names, on planted embeddings."""

import pytest
from metric_tables import prompt
from planted_galleries import Planted, face, finding


def _arms(planted: Planted, likeness: float, pairs: int = 1, images: int = 25) -> Planted:
    """Named, perturbed and descriptive prompts that share their seeds."""
    for name, own in planted.people.items():
        for number in range(pairs):
            for index in range(images):
                base = face(planted.rng)
                for arm in ("named", "perturbed", "descriptor"):
                    probe = prompt(f"{arm} {name} {number}", pair=f"{name}{number}", name=name, arm=arm)
                    moved = base + 0.3 * face(planted.rng) + (likeness * own if arm == "named" else 0)
                    planted.add("model", probe, index, moved)
    return planted


def test_arms_with_altered_names_are_impostors_and_share_seeds() -> None:
    found = _arms(Planted(("Ada", "Bea")), 0.3).measure()
    effect = finding(found, "name_effect", person="Ada")
    assert "images of a seed are swapped" in effect.method
    assert "this speaks of these prompts" in effect.note
    assert effect.p_adjusted < 0.001  # type: ignore[operator]
    assert (effect.n, effect.clusters) == (25, 25)
    parts = found["name_effect[model vs photos; person=Ada]"].contributions
    assert sum(part.total for part in parts) / sum(part.n for part in parts) == pytest.approx(effect.estimate)
    assert effect.interval is not None
    assert 0 < effect.interval.low < effect.estimate < effect.interval.high  # type: ignore[operator]
    assert finding(found, "threshold").n == 100
    assert finding(found, "matches").n == 50


def test_with_many_prompts_prompts_are_swapped() -> None:
    found = _arms(Planted(), 0.5, pairs=4, images=4).measure()
    effect = finding(found, "name_effect", person="Cyd")
    assert "prompts are swapped" in effect.method
    assert effect.clusters == 4 + 32
    assert effect.p_value <= 0.01  # type: ignore[operator]


def test_prompts_that_draw_one_face_over_and_over_raise_no_alarm() -> None:
    """Every prompt has a face of its own: swapping images would find a name effect in half of the audits."""
    alarms = 0
    for seed in range(40):
        planted = Planted(("Ada",), seed=seed)
        for number in range(31):
            own, levels = face(planted.rng), {"name": "Ada"} if number == 0 else {}
            for index in range(6):
                planted.add("model", prompt(f"prompt {number}", **levels), index, face(planted.rng, own, 0.2))
        alarms += finding(planted.measure(), "name_effect", person="Ada").p_value <= 0.05  # type: ignore[operator]
    assert alarms <= 5


def test_other_peoples_prompts_stand_in_where_no_prompt_is_neutral() -> None:
    found = Planted().named(("Ada",), images=12).measure()
    assert finding(found, "name_effect", person="Ada").p_value < 0.01  # type: ignore[operator]
    assert finding(found, "threshold").estimate is None
    assert "name `impostors`" in finding(found, "matches").note
