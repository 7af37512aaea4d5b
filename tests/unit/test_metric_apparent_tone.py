"""Metric ``apparent_tone``: intervals span both readings, and both must show a difference."""

import numpy as np
import pytest
from metric_tables import World, prompt

from audit.component import Context, Measured
from audit.errors import SpecError
from audit.metrics.apparent_tone import ApparentTone
from audit.records import Finding
from audit.scorers.skin_colour import bin_names
from audit.scorers.skin_columns import tone_columns
from audit.stats.intervals import cluster_mean, cluster_share

BINS = bin_names()
SCORER = "skin_tone"


def world() -> World:
    found = World()
    for column in tone_columns(regional=True):
        if f"{SCORER}.{column.name}" in ApparentTone().reads():
            found.declare(**{SCORER: column})
    return found


def values(tone: float, balanced: float | None = None) -> dict[str, object]:
    """A reading whose balanced tone is another, or missing."""

    def label(at: float) -> str:
        return BINS[int(np.searchsorted([3.5, 5.5, 7.5], at))]

    why = ("why", "too little around the face to tell the light by")
    return {
        f"{SCORER}.lightness": 100 - 9 * tone,
        f"{SCORER}.hue": 60.0,
        f"{SCORER}.expected_tone": tone,
        f"{SCORER}.apparent_tone": label(tone),
        f"{SCORER}.expected_tone_balanced": why if balanced is None else balanced,
        f"{SCORER}.apparent_tone_balanced": why if balanced is None else label(balanced),
    }


def unreadable(reason: str = "face too small") -> dict[str, object]:
    return dict.fromkeys(values(5.0), ("why", reason))


def measure(found: World, **params: object) -> dict[str, Finding]:
    return {one.finding.key: one.finding for one in measured(found.context(), **params)}


def measured(context: Context, **params: object) -> list[Measured]:
    return list(ApparentTone.model_validate(params).measure("tone", context))


def two_jobs(shift: float, light: float, prompts: int = 12, draws: int = 6) -> World:
    """Builders are darker than judges by ``shift`` in truth, and appear so by ``light`` more."""
    found, rng = world(), np.random.default_rng(0)
    for place in range(prompts):
        for job, more in (("builder", 1.0), ("judge", 0.0)):
            for index in range(draws):
                tone = float(np.clip(rng.normal(4.5, 0.8) + more * shift, 1, 10))
                found.draw("model", prompt(f"{job} {place}", job=job), index, values(min(10, tone + more * light), tone))
    return found


def test_the_interval_spans_those_of_both_readings() -> None:
    found, rng = world(), np.random.default_rng(1)
    shown, balanced = np.zeros((20, 5)), np.zeros((20, 5))
    for place in range(20):
        for index in range(5):
            tone = rng.uniform(1, 9)
            shown[place, index], balanced[place, index] = tone, tone + 1
            found.draw("model", prompt(f"{place}"), index, values(tone, tone + 1))
    findings = measure(found)
    mean = findings["tone.expected_tone[model]"]
    low, _ = cluster_mean(shown.sum(axis=1), np.full(20, 5.0)).interval
    _, high = cluster_mean(balanced.sum(axis=1), np.full(20, 5.0)).interval
    assert (mean.interval.low, mean.interval.high) == pytest.approx((low, high))
    assert mean.estimate == pytest.approx(shown.mean())
    share = findings[f"tone.share[model; label={BINS[0]}]"]
    least, most = (cluster_share((read <= 3.5).sum(axis=1).astype(float), np.full(20, 5.0)) for read in (balanced, shown))
    assert (share.interval.low, share.interval.high) == pytest.approx((least.interval[0], most.interval[1]))
    assert share.estimate == pytest.approx(most.value)
    assert f"As shown {100 * most.value:.1f} %" in share.note
    assert f"balanced for the light {100 * least.value:.1f} %" in share.note
    assert "does not shrink" in share.note
    assert (share.unit, share.correction) == ("proportion", "uncorrected")
    assert sum(findings[f"tone.share[model; label={name}]"].estimate for name in BINS) == pytest.approx(1)


def test_light_alone_is_no_difference_and_tone_is() -> None:
    by_light = measure(two_jobs(0.0, 1.5))["tone.difference[model; against=judge, job=builder]"]
    assert by_light.estimate > 1
    assert by_light.interval.low < 0 < by_light.interval.high
    assert by_light.p_value > 0.05
    assert "No evidence of a difference" in by_light.note
    in_truth = measure(two_jobs(1.5, 0.3))["tone.difference[model; against=judge, job=builder]"]
    assert in_truth.interval.low > 1
    assert in_truth.p_adjusted < 0.001
    assert "Evidence of a difference beyond" in in_truth.note


def test_readings_that_point_apart_show_nothing() -> None:
    found, rng = world(), np.random.default_rng(0)
    for place in range(12):
        for job, sign in (("builder", 1), ("judge", -1)):
            for index in range(4):
                noise = rng.normal(0, 0.1)
                found.draw("model", prompt(f"{job} {place}", job=job), index, values(5 + sign + noise, 5 - sign + noise))
    one = measure(found)["tone.difference[model; against=judge, job=builder]"]
    assert one.p_value == 1
    assert one.interval.low < -1 < 1 < one.interval.high


def test_what_scenes_do_to_balancing_is_allowed_for() -> None:
    """Differences below the allowance are never evidence, and above it the test agrees with the interval."""
    for shift, seen in ((0.08, False), (0.3, True)):
        found, rng = world(), np.random.default_rng(3)
        for place in range(30):
            for job, more in (("builder", shift), ("judge", 0.0)):
                for index in range(4):
                    tone = 5 + more + rng.normal(0, 0.05)
                    found.draw("model", prompt(f"{job} {place}", job=job), index, values(tone, tone))
        one = measure(found)["tone.difference[model; against=judge, job=builder]"]
        strict = measure(found, allowance=0)["tone.difference[model; against=judge, job=builder]"]
        assert (one.interval.low, one.interval.high) == pytest.approx(
            (strict.interval.low - 0.1, strict.interval.high + 0.1)
        )
        assert strict.p_value < 0.001
        assert (one.interval.low > 0) == (one.p_value < 0.05) == seen
        assert "allows 0.1 tones more" in one.note


@pytest.mark.parametrize("seed", range(6))
def test_the_p_value_is_that_of_the_band(seed: int) -> None:
    found, rng = world(), np.random.default_rng(seed)
    for place in range(10):
        for job, more in (("builder", 0.5), ("judge", 0.0)):
            for index in range(4):
                tone = 5 + more + rng.normal(0, 0.9)
                found.draw("model", prompt(f"{job} {place}", job=job), index, values(tone, tone + rng.normal(0, 0.2)))
    one = measure(found)["tone.difference[model; against=judge, job=builder]"]
    assert (one.interval.low <= 0 <= one.interval.high) == (one.p_value > 0.05)


def test_each_of_several_levels_is_held_against_the_rest() -> None:
    found, rng = world(), np.random.default_rng(2)
    for place in range(10):
        for job, tone in (("builder", 8.0), ("judge", 4.0), ("nurse", 4.0)):
            for index in range(4):
                read = tone + rng.normal(0, 0.3)
                found.draw("model", prompt(f"{job} {place}", job=job), index, values(read, read))
    findings = measure(found)
    differences = [one for key, one in findings.items() if key.startswith("tone.difference")]
    assert [one.where["job"] for one in differences] == ["builder", "judge", "nurse"]
    assert all(one.where["against"] == "all other levels" for one in differences)
    assert differences[0].estimate == pytest.approx(4, abs=0.2)
    assert differences[1].estimate == pytest.approx(-2, abs=0.2)
    assert all("adjusted for 3 differences (Holm)" in one.note for one in differences)


def test_one_more_image_of_light_never_narrows_the_band() -> None:
    few, many = (
        measure(two_jobs(0.0, 1.0, prompts=prompts))["tone.expected_tone[model; job=builder]"] for prompts in (12, 120)
    )
    widths = [one.interval.high - one.interval.low for one in (few, many)]
    assert widths[1] < widths[0]
    assert widths[1] > 1.0


def test_what_is_missing_is_counted_bounded_and_named() -> None:
    found = world()
    for place in range(10):
        for index in range(4):
            found.draw("model", prompt(f"{place}", job="nurse"), index, values(2.0, 2.0) if index else unreadable())
    findings = measure(found)
    share = findings[f"tone.share[model; job=nurse, label={BINS[0]}]"]
    assert (share.n, share.n_missing) == (30, 10)
    assert (share.bounds.low, share.bounds.high) == (0.75, 1.0)
    assert "10 face too small" in share.note
    mean = findings["tone.expected_tone[model; job=nurse]"]
    assert (mean.bounds.low, mean.bounds.high) == pytest.approx(((60 + 10) / 40, (60 + 100) / 40))
    for place in range(10):
        for index in range(4):
            found.draw("model", prompt(f"j{place}", job="judge"), index, values(6.0, 6.0))
    apart = measure(found)["tone.difference[model; against=nurse, job=judge]"]
    assert apart.estimate == pytest.approx(4)
    assert (apart.bounds.low, apart.bounds.high) == pytest.approx((6 - 160 / 40, 6 - 70 / 40))
    assert apart.n_missing == 10
    abstained = findings["tone.abstained[model; job=nurse]"]
    assert abstained.estimate == 0.25


def test_without_a_balanced_reading_there_is_no_interval() -> None:
    found = world()
    for place in range(12):
        for index in range(3):
            found.draw("model", prompt(f"{place}"), index, values(4.0))
    one = measure(found)["tone.expected_tone[model]"]
    assert one.estimate == pytest.approx(4)
    assert one.interval is None
    assert "could be balanced for the light" in one.note


def test_nothing_readable_gives_no_estimate_and_says_why() -> None:
    found = world()
    for index in range(12):
        found.draw("model", prompt("one", job="nurse"), index, unreadable("grey or monochrome"))
        found.draw("model", prompt("two", job="judge"), index, unreadable("grey or monochrome"))
    for one in measure(found).values():
        if one.metric == "tone.abstained":
            assert one.estimate == 1
        else:
            assert one.estimate is None
            assert "No estimate" in one.note
            assert "12 grey or monochrome" in one.note or "24 grey or monochrome" in one.note


def test_no_parts_are_kept_that_would_lose_the_band() -> None:
    for one in measured(two_jobs(0.0, 1.0).context()):
        assert bool(one.contributions) == (one.finding.metric == "tone.abstained")


def test_panels_show_both_readings_and_the_spread() -> None:
    findings = measure(two_jobs(0.5, 0.5))
    chart, *spreads = findings["tone.expected_tone[model]"].panels
    assert [row.label for row in chart.rows][:4] == [
        "all, as shown",
        "all, balanced for the light",
        "job: builder, as shown",
        "job: builder, balanced for the light",
    ]
    assert [panel.x_label for panel in spreads] == ["L*", "hue in degrees"]
    for panel in spreads:
        assert all(sum(line.y) == pytest.approx(1) for line in panel.lines)


def test_prompts_that_say_who_is_depicted_are_left_out() -> None:
    found = two_jobs(0.0, 0.0)
    for index in range(12):
        found.draw("model", prompt("a dark-skinned judge", job="judge", skin_tone="dark"), index, values(9.0, 9.0))
    findings = measure(found)
    assert findings["tone.expected_tone[model]"].n == 144
    assert "Left out: 12 draws" in findings["tone.expected_tone[model]"].note


def test_a_scorer_that_is_not_there_is_named() -> None:
    with pytest.raises(SpecError, match=r"no scorer fills 'tones.apparent_tone'"):
        measured(two_jobs(0.0, 0.0).context(), scorer="tones")
