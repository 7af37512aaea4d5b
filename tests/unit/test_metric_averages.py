"""Metrics ``alignment`` and ``outcomes`` on planted tables."""

import numpy as np
import pytest
from metric_tables import COSINE, COUNT, FACE, TRUNCATED, World, latent, prompt, sound

from audit.errors import SpecError
from audit.metrics.alignment import Alignment
from audit.metrics.outcomes import Outcomes
from audit.metrics.sample import Sample
from audit.records import Probe, TextPrompt
from audit.stats.intervals import cluster_mean, cluster_share

CLIP = {"cosine": "clip.cosine", "truncated": "clip.truncated"}


def _clip(cosines: dict[str, list[float]], truncated: str = "no") -> World:
    """Occupation -> cosines, one a prompt."""
    world = World().declare(clip=COSINE).declare(clip=TRUNCATED)
    for occupation, values in cosines.items():
        for index, value in enumerate(values):
            probe = prompt(f"{occupation} {index}", occupation=occupation)
            world.draw("model", probe, 0, {"clip.cosine": value, "clip.truncated": truncated})
    return world


def test_the_clip_score_is_clamped_image_by_image() -> None:
    found = sound(Alignment().measure("fit", _clip({"nurse": [0.3, -0.2, 0.1, 0.4]}).context()))
    score, cosine = found["fit.clipscore[model]"].finding, found["fit.cosine[model]"].finding
    assert score.estimate == pytest.approx(2.5 * (0.3 + 0 + 0.1 + 0.4) / 4)
    assert cosine.estimate == pytest.approx((0.3 - 0.2 + 0.1 + 0.4) / 4)
    assert (score.better, score.n, score.clusters) == ("higher", 4, 4)
    assert score.protocol != cosine.protocol
    expected = cluster_mean(np.array([0.3, -0.2, 0.1, 0.4]), np.ones(4)).interval
    assert (cosine.interval.low, cosine.interval.high) == pytest.approx(expected)


def test_alignment_is_told_by_level_with_a_chart() -> None:
    found = sound(Alignment().measure("fit", _clip({"nurse": [0.3, 0.31, 0.3], "welder": [0.2, 0.21, 0.22]}).context()))
    assert found["fit.cosine[model; occupation=welder]"].finding.estimate == pytest.approx(0.21)
    chart = found["fit.cosine[model]"].finding.panels[0]
    assert [row.label for row in chart.rows] == ["all", "occupation: nurse", "occupation: welder"]


def test_images_of_a_prompt_widen_the_interval() -> None:
    world = World().declare(clip=COSINE).declare(clip=TRUNCATED)
    rng = np.random.default_rng(0)
    for word in range(8):
        level = rng.normal(0.3, 0.05)
        for index in range(25):
            world.draw(
                "model", prompt(f"p{word}"), index, {"clip.cosine": level + rng.normal(0, 0.001), "clip.truncated": "no"}
            )
    finding = sound(Alignment().measure("fit", world.context()))["fit.cosine[model]"].finding
    assert finding.clusters == 8
    assert finding.interval.high - finding.interval.low > 0.03


def test_prompts_that_were_cut_are_counted() -> None:
    found = sound(Alignment().measure("fit", _clip({"nurse": [0.1] * 5}, truncated="yes").context()))
    assert found["fit.truncated[model]"].finding.estimate == 1
    assert found["fit.truncated[model]"].finding.interval.low < 1


def test_alignment_without_prompts_is_no_estimate() -> None:
    world = World().declare(clip=COSINE).declare(clip=TRUNCATED)
    for index in range(5):
        world.draw("model", latent(), index, {"clip.cosine": ("why", "no text"), "clip.truncated": ("why", "no text")})
    for one in sound(Alignment().measure("fit", world.context())).values():
        assert one.finding.estimate is None
        assert "5 no text" in one.finding.note


def test_another_clip_scorer_is_another_protocol() -> None:
    world = _clip({"nurse": [0.1, 0.2]})
    context = world.context()
    before = sound(Alignment().measure("fit", context))["fit.clipscore[model]"].finding.protocol
    context.protocols["clip"] = "clip-11111111"  # type: ignore[index]
    after = sound(Alignment().measure("fit", context))["fit.clipscore[model]"].finding.protocol
    assert before != after


def _outcomes() -> World:
    world = World().declare(attributes=FACE).declare(faces=COUNT)
    for word in range(10):
        for language in ("de", "en"):
            probe = prompt(f"{word} {language}", language=language)
            for index in range(6):
                if language == "de" and word < 4:
                    world.draw("model", probe, index, outcome="refused")
                elif index == 0:
                    world.draw("model", probe, index, outcome="failed")
                elif index == 1:
                    world.draw(
                        "model", probe, index, {"attributes.perceived_gender": ("why", "no face found"), "faces.count": 0.0}
                    )
                else:
                    world.draw("model", probe, index, {"attributes.perceived_gender": "feminine", "faces.count": 1.0})
    return world


def test_outcomes_are_shares_of_all_draws_by_cell() -> None:
    found = sound(Outcomes().measure("outcomes", _outcomes().context()))
    refused = found["outcomes.refused[model]"].finding
    assert (refused.estimate, refused.n, refused.n_missing, refused.clusters) == (24 / 120, 120, 0, 20)
    assert found["outcomes.refused[model; language=de]"].finding.estimate == 24 / 60
    assert found["outcomes.refused[model; language=en]"].finding.estimate == 0
    assert found["outcomes.failed[model]"].finding.estimate == 16 / 120
    table = refused.panels[-1]
    assert table.type == "table"
    assert table.rows == (("refused by the test", "24"),)


def test_nothing_refused_is_not_certainty() -> None:
    found = sound(Outcomes().measure("outcomes", _outcomes().context()))
    none = found["outcomes.filtered[model]"].finding
    assert none.estimate == 0
    assert none.interval.low == 0
    clusters = cluster_share(np.zeros(20), np.full(20, 6.0), correlation=1.0).interval  # a prompt may decide alone
    assert none.interval.high == pytest.approx(clusters[1])


@pytest.mark.parametrize("column", ["attributes.perceived_gender", "faces.count"])
def test_undetected_counts_images_not_draws(column: str) -> None:
    found = sound(Outcomes(columns=(column,)).measure("outcomes", _outcomes().context()))
    finding = found[f"outcomes.undetected[model; column={column}]"].finding
    assert (finding.estimate, finding.n, finding.n_missing) == (16 / 80, 80, 40)
    assert finding.evidence


def test_an_image_that_was_never_scored_is_missing_not_undetected() -> None:
    world = World().declare(attributes=FACE)
    for index in range(10):
        world.draw("model", latent(), index, {"attributes.perceived_gender": "feminine"} if index else None)
    column = "attributes.perceived_gender"
    found = sound(Outcomes(columns=(column,)).measure("outcomes", world.context()))
    finding = found[f"outcomes.undetected[model; column={column}]"].finding
    assert (finding.estimate, finding.n, finding.n_missing) == (0, 9, 1)


def test_outcomes_of_no_draws_are_no_estimate() -> None:
    for one in sound(Outcomes().measure("outcomes", World().declare(faces=COUNT).context())).values():
        assert one.finding.estimate is None


def test_an_unknown_axis_is_an_error_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"metrics\.outcomes\.params\.by: no probe has the axis 'lang'; axes: language"):
        list(Outcomes(by=("lang",)).measure("outcomes", _outcomes().context()))


def test_many_cells_make_a_chart_of_the_extremes() -> None:
    world = World().declare(clip=COSINE).declare(clip=TRUNCATED)
    for word in range(60):
        for index in range(3):
            probe = prompt(f"{word} {index}", occupation=f"job {word:02d}")
            world.draw("model", probe, 0, {"clip.cosine": word / 100 + index / 1000, "clip.truncated": "no"})
    chart = sound(Alignment().measure("fit", world.context()))["fit.cosine[model]"].finding.panels[0]
    labels = [row.label for row in chart.rows]
    assert len(labels) == 25
    assert labels[0] == "all"
    assert "occupation: job 00" in labels
    assert "occupation: job 59" in labels
    assert "60 cells" in chart.summary


def test_a_prompt_that_two_suites_ask_is_one_unit() -> None:
    world = World()
    world.draw("g", Probe(suite="grid", condition=TextPrompt(text="a nurse")), 0, {})
    arms = [Probe(suite="arms", condition=TextPrompt(text=text), pair="p") for text in ("a nurse", "an old nurse")]
    for probe in [*arms, Probe(suite="grid", condition=TextPrompt(text="a judge"))]:
        world.draw("g", probe, 0, {})
    sample = Sample.of(world.context(), "g")
    first, arm, older, judge = sample.units(np.ones(4, dtype=bool)).cluster
    assert first == arm == older != judge
