"""Gates judge intervals: a decision table, margins paired by seed, and the exit code."""

from itertools import product

import numpy as np
import pytest
import yaml

from audit.compare import compare
from audit.component import Contribution, Measured
from audit.errors import InputError, SpecError
from audit.gate import exit_code, judge
from audit.records import Check, Finding, Interval, RunManifest, Verdict
from audit.results import Results, export, load_results, read_results, write_results
from audit.rules import check_rules
from audit.spec import GateRule
from audit.store import RunStore


def finding(estimate: float | None = 0.5, low: float = 0.4, high: float = 0.6, **changes: object) -> Finding:
    base: dict = {
        "metric": "m.x",
        "title": "x",
        "protocol": "p1",
        "generator": "g",
        "estimate": estimate,
        "interval": None if estimate is None else {"low": low, "high": high},
        "confidence": 0.95,
        "unit": "score",
        "better": "lower",
        "n": 100,
        "n_missing": 0,
        "clusters": 20,
        "method": "t",
    }
    return Finding.model_validate(base | changes)


def results(*findings: Finding, values: dict[str, np.ndarray] | None = None) -> Results:
    manifest = RunManifest(digest="sha256:0", spec={}, keys={}, numerics={}, started="2026-01-01", finished="2026-01-02")
    parts = {
        key: tuple(Contribution(f"c{i}", f"pair{i}", float(v), 1.0, float(v * v)) for i, v in enumerate(of_finding))
        for key, of_finding in (values or {}).items()
    }
    return Results(manifest, findings, parts)


def never(path: str) -> Results:
    raise AssertionError(path)


def only(rule: GateRule, found: Results, load=never) -> Verdict:
    (verdict,) = judge((rule,), found, load)
    return verdict


def with_twin(correction: str, plain: tuple[float, float] | None, generator: str = "g") -> Results:
    """A corrected share of 50 % [40, 60], with what the classifier says of the same images."""
    changes = {"unit": "proportion", "metric": "m.share", "n": 20, "correction": correction}
    found = [finding(0.5, 0.4, 0.6, **changes)]
    if plain:
        changes |= {"metric": "m.uncorrected_share", "correction": "uncorrected", "generator": generator}
        found.append(finding(0.45, *plain, **changes))
    return results(*found)


@pytest.mark.parametrize(
    ("correction", "what"),
    [("labels", "images that people labelled"), ("confusion matrix", "labelled images behind the confusion matrix")],
)
def test_where_labels_make_the_width_they_are_what_would_decide(correction: str, what: str) -> None:
    rule = GateRule(metric="m.share", at_most=0.58)
    decides = only(rule, with_twin(correction, (0.43, 0.47))).decides
    # variances: .04 of the whole is of the readings; to fit .08 the whole must shrink by 1.1 (.1 / .08)^2 = 1.72,
    # so the labels' .96 must come to 1 / 1.72 - .04 = .542
    assert f"about 1.8 times as many {what}" in decides
    assert "more generated images would hardly narrow it" in decides
    for plain in ((0.36, 0.54), None):  # the readings alone are nearly as wide, or how wide they are is not known
        decides = only(rule, with_twin(correction, plain)).decides
        assert f"about 1.7 times as many images, and as many times the {what}" in decides
    other = only(rule, with_twin(correction, (0.43, 0.47), generator="other")).decides
    assert "about 1.7 times as many images, and as many" in other


def test_where_readings_alone_are_too_wide_both_are_needed() -> None:
    """The limit is so near that no number of labels alone would do: the readings are as wide as the room."""
    decides = only(GateRule(metric="m.share", at_most=0.53), with_twin("labels", (0.42, 0.48))).decides
    assert "about 12 times as many images, and as many times the images that people labelled" in decides


@pytest.mark.parametrize(
    ("rule", "interval", "outcome"),
    [
        ({"at_most": 0.7}, (0.4, 0.6), "pass"),
        ({"at_most": 0.6}, (0.4, 0.6), "pass"),
        ({"at_most": 0.5}, (0.4, 0.6), "inconclusive"),
        ({"at_most": 0.3}, (0.4, 0.6), "fail"),
        ({"at_least": 0.3}, (0.4, 0.6), "pass"),
        ({"at_least": 0.5}, (0.4, 0.6), "inconclusive"),
        ({"at_least": 0.7}, (0.4, 0.6), "fail"),
    ],
)
def test_decision_table_of_absolute_limits(rule: dict, interval: tuple[float, float], outcome: str) -> None:
    verdict = only(GateRule(metric="m.x", **rule), results(finding(0.5, *interval)))
    assert verdict.outcome == outcome
    assert bool(verdict.decides) == (outcome == "inconclusive")


def test_an_inconclusive_verdict_says_how_many_draws_would_decide() -> None:
    verdict = only(GateRule(metric="m.x", at_most=0.55), results(finding()))
    assert "about 4.4 times as many prompts" in verdict.decides  # (.1 of reach / .05 of room)^2 = 4, and a tenth more
    beyond = only(GateRule(metric="m.x", at_most=0.45), results(finding()))
    assert "about 4.4 times as many prompts" in beyond.decides  # the same, from the side that fails
    on_limit = only(GateRule(metric="m.x", at_most=0.5), results(finding()))
    assert "hardly settle" in on_limit.decides


@pytest.mark.parametrize(
    ("found", "rule", "words"),
    [
        (finding(None, note="no face was found"), {"at_most": 1}, "no face was found"),
        (finding(), {"at_most": 1, "min_n": 200}, "100 draws, fewer than the rule's 200"),
        (finding(n_missing=200), {"at_most": 1}, "200 of 300 draws are missing"),
        (finding(), {"at_most": 1, "where": {"label": "other"}}, "no such finding"),
        (finding(), {"at_most": 1, "generator": "other"}, "no such finding"),
        (finding(unit="share"), {"at_most": 20}, "the limit 20 is no share"),
    ],
)
def test_what_cannot_be_judged_is_invalid_and_never_passes(found: Finding, rule: dict, words: str) -> None:
    verdict = only(GateRule(metric="m.x", **rule), results(found))
    assert verdict.outcome == "invalid"
    assert words in verdict.reason
    assert verdict.decides


def test_a_share_of_nought_shrinks_with_the_data_and_not_with_their_root() -> None:
    zero = finding(0.0, 0.0, 0.2, unit="share", n=100, clusters=100)
    verdict = only(GateRule(metric="m.x", at_most=0.1), results(zero))
    assert "about 2.2 times as many images" in verdict.decides


def test_a_rule_that_names_nothing_is_told_what_there_is() -> None:
    found = results(finding(where={"occupation": "nurse"}), finding(where={"occupation": "pilot"}))
    verdict = only(GateRule(metric="m.x", where={"occupation": "nurze"}, at_most=1), found)
    assert "there is where: {occupation: nurse}" in verdict.decides
    assert "did you mean 'm.x'" in only(GateRule(metric="m.y", at_most=1), found).decides
    found = results(finding(where={"arm": "age: older adult", "year": "2022"}))
    told = only(GateRule(metric="m.x", where={"arm": "age: older"}, at_most=1), found).decides.partition("there is ")[2]
    assert yaml.safe_load(told) == {"where": {"arm": "age: older adult", "year": "2022"}}  # fit to be pasted into a spec


def test_a_verdict_says_what_missing_draws_could_do() -> None:
    partly = finding(unit="share", n_missing=50, bounds={"low": 0.2, "high": 0.8})
    verdict = only(GateRule(metric="m.x", at_most=0.7), results(partly))
    assert verdict.outcome == "pass"
    assert "50 draws are missing, and with all of them on one side it could be 20.0 % to 80.0 %" in verdict.reason
    unclear = finding(unit="proportion", n_missing=0, bounds={"low": 0.2, "high": 0.8})
    reason = only(GateRule(metric="m.x", at_most=0.7), results(unclear)).reason
    assert "; of some draws people could not tell, and with all of them on one side it could be 20.0 % to 80.0 %" in reason
    assert "0 draws" not in reason


def test_a_rule_names_findings_exactly() -> None:
    cell = finding(where={"label": "a", "occupation": "nurse"}, estimate=0.9, low=0.8, high=1.0)
    whole = finding(where={"label": "a"})
    verdict = only(GateRule(metric="m.x", where={"label": "a"}, at_most=0.7), results(cell, whole))
    assert verdict.finding == whole.key
    assert verdict.outcome == "pass"


def test_a_rule_without_generator_judges_each() -> None:
    found = results(finding(generator="a"), finding(generator="b"))
    verdicts = judge((GateRule(metric="m.x", at_most=1),), found, never)
    assert [v.finding for v in verdicts] == ["m.x[a]", "m.x[b]"]
    assert [v.gate for v in verdicts] == ["m.x of a is at most 1", "m.x of b is at most 1"]


def shifted(shift: float, better: str = "lower") -> tuple[Results, Results]:
    rng = np.random.default_rng(3)
    hard = rng.normal(0, 1, 60)  # what prompts share: large
    old, new = hard + rng.normal(0, 0.05, 60), hard + shift + rng.normal(0, 0.05, 60)
    one = finding(better=better)
    return results(one, values={one.key: new}), results(one, values={one.key: old})


@pytest.mark.parametrize(
    ("shift", "better", "outcome"),
    [
        (0.0, "lower", "pass"),
        (0.2, "lower", "fail"),
        (-0.2, "lower", "pass"),
        (0.1, "lower", "inconclusive"),
        (0.0, "higher", "pass"),
        (-0.2, "higher", "fail"),
        (0.2, "higher", "pass"),
        (0.2, "none", "fail"),
    ],
)
def test_margins_are_judged_on_paired_differences(shift: float, better: str, outcome: str) -> None:
    new, old = shifted(shift, better)
    verdict = only(GateRule(metric="m.x", margin=0.1, baseline="base.json"), new, lambda path: old)
    assert verdict.outcome == outcome, verdict.reason
    assert "60 units paired" in verdict.reason


@pytest.mark.parametrize(
    ("shift", "better", "limit"), [(0.3, "lower", 0.1), (-0.3, "higher", -0.1), (0.3, "none", 0.1), (-0.3, "none", -0.1)]
)
def test_the_limit_of_a_margin_lies_on_the_side_that_is_too_much(shift: float, better: str, limit: float) -> None:
    new, old = shifted(shift, better)
    verdict = only(GateRule(metric="m.x", margin=0.1, baseline="base.json"), new, lambda path: old)
    assert verdict.limit == limit


def test_without_shared_seeds_the_same_difference_decides_nothing() -> None:
    new, old = shifted(0.0)
    parts = tuple(Contribution(p.cluster, f"other {p.pair}", p.total, p.n, p.squares) for p in old.contributions["m.x[g]"])
    apart = Results(old.manifest, old.findings, {"m.x[g]": parts})
    verdict = only(GateRule(metric="m.x", margin=0.1, baseline="b"), new, lambda path: apart)
    assert verdict.outcome == "inconclusive"
    assert "no unit paired" in verdict.reason


def test_numbers_of_different_protocols_are_never_compared() -> None:
    new, old = shifted(0.0)
    other = Results(old.manifest, (finding(protocol="p2"),), old.contributions)
    verdict = only(GateRule(metric="m.x", margin=0.1, baseline="b"), new, lambda path: other)
    assert verdict.outcome == "invalid"
    assert "protocols differ: p1 here, p2 in the baseline" in verdict.reason


def test_another_generator_of_the_baseline_never_stands_in_for_one_of_several() -> None:
    values = np.linspace(0, 1, 30)
    old = results(finding(generator="a"), values={"m.x[a]": values})
    two = results(finding(generator="a"), finding(generator="b"), values={"m.x[a]": values, "m.x[b]": values})
    rule = GateRule(metric="m.x", margin=0.1, baseline="base.json")
    assert [v.outcome for v in judge((rule,), two, lambda path: old)] == ["pass", "invalid"]
    renamed = results(finding(generator="c"), values={"m.x[c]": values})
    verdict = only(rule, renamed, lambda path: old)
    assert verdict.outcome == "pass"
    assert "against a" in verdict.reason


def test_a_thin_baseline_is_invalid() -> None:
    new, old = shifted(0.0)
    thin = Results(old.manifest, (finding(n=1, n_missing=99),), old.contributions)
    verdict = only(GateRule(metric="m.x", margin=0.1, baseline="b", min_n=50), new, lambda path: thin)
    assert verdict.outcome == "invalid"
    assert "of the baseline: 1 draws" in verdict.reason


def test_a_baseline_whose_instruments_failed_is_invalid() -> None:
    new, old = shifted(0.0)
    failed = Check(instrument="wilson", what="81 of 263", expected=".2553", found=".3", passed=False, seconds=0.0)
    manifest = old.manifest.model_copy(update={"checks": (failed,)})
    drifted = Results(manifest, old.findings, old.contributions)
    verdict = only(GateRule(metric="m.x", margin=0.1, baseline="b"), new, lambda path: drifted)
    assert verdict.outcome == "invalid"
    assert "of the baseline failed its check: wilson" in verdict.reason


@pytest.mark.parametrize(
    ("scope", "outcome"),
    [
        ({}, "invalid"),
        ({"metrics": ("m",)}, "invalid"),
        ({"metrics": ("m",), "generator": "g"}, "invalid"),
        ({"metrics": ("other", "m.x")}, "pass"),
        ({"generator": "another"}, "pass"),
    ],
)
def test_a_failed_check_speaks_of_the_findings_that_it_names(scope: dict, outcome: str) -> None:
    check = Check(instrument="column a.b", what="x", expected="1", found="0", passed=False, seconds=0.0, **scope)

    def drifted(found: Results) -> Results:
        manifest = found.manifest.model_copy(update={"checks": (check,)})
        return Results(manifest, found.findings, found.contributions)

    assert only(GateRule(metric="m.x", at_most=0.7), drifted(results(finding()))).outcome == outcome
    new, old = shifted(0.0)
    against = only(GateRule(metric="m.x", margin=0.1, baseline="b"), new, lambda path: drifted(old))
    assert against.outcome == outcome


def test_a_generator_of_the_same_run_may_be_the_baseline() -> None:
    values = np.linspace(0, 1, 30)
    a, b = finding(generator="a"), finding(generator="b")
    found = results(a, b, values={a.key: values, b.key: values + 0.5})
    verdicts = judge((GateRule(metric="m.x", generator="b", margin=0.1, baseline="generator:a"),), found, never)
    assert [v.outcome for v in verdicts] == ["fail"]


def test_the_worst_verdict_is_the_exit_code() -> None:
    codes = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 4}
    severity = ["pass", "inconclusive", "fail", "invalid"]
    for pair in product(codes, repeat=2):
        verdicts = tuple(Verdict(gate="", finding="", outcome=outcome, reason="") for outcome in pair)
        assert exit_code(verdicts) == codes[max(pair, key=severity.index)]
    assert exit_code(()) == 0


def test_an_exported_baseline_gives_the_same_verdict_as_the_run(tmp_path) -> None:
    new, old = shifted(0.0)
    store = RunStore(tmp_path / "run")
    store.write_json("manifest.json", old.manifest.model_dump(mode="json"))
    write_results(store, [Measured(old.findings[0], old.contributions["m.x[g]"])])
    (tmp_path / "base.json").write_bytes(export(read_results(store)))
    for path in (tmp_path / "run", tmp_path / "base.json"):
        verdict = only(GateRule(metric="m.x", margin=0.1, baseline=str(path)), new, load_results)
        assert verdict.outcome == "pass"
        assert verdict.estimate == pytest.approx(
            float(
                np.mean([p.total for p in new.contributions["m.x[g]"]])
                - np.mean([p.total for p in old.contributions["m.x[g]"]])
            )
        )
        assert isinstance(verdict.interval, Interval)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", "\x00", '{"imgaudit_baseline": 1}', '{"imgaudit_baseline": 1, "contributions": {"a": [[1]]}}']
)
def test_a_file_that_is_no_baseline_is_refused(tmp_path, text: str) -> None:
    path = tmp_path / "base.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"base\.json: not (an exported|a usable) baseline"):
        load_results(str(path))


def test_differences_of_shares_are_told_in_points_whether_of_groups_or_against_a_baseline() -> None:
    apart = finding(0.1, -0.02, 0.2, unit="share difference")
    verdict = only(GateRule(metric="m.x", at_most=0.15), results(apart))
    assert verdict.gate == "m.x of g is at most 15 points"
    assert "-2.0 points to 20.0 points straddles the limit of at most 15 points" in verdict.reason
    assert only(GateRule(metric="m.x", at_most=15), results(apart)).outcome == "invalid"
    share = finding(0.5, 0.4, 0.6, unit="share", better="lower")
    values = {share.key: np.array([0.0, 1.0, 0.0, 1.0, 0.5])}
    found = results(share, values=values)
    verdict = only(GateRule(metric="m.x", margin=0.05, baseline="base.json"), found, lambda _: found)
    assert verdict.gate == "m.x of g is no more than 5 points worse than base.json"
    assert "points straddles the limit of at most 5 points" in verdict.reason


def corrected(estimate: float, low: float, high: float, **changes: object) -> Finding:
    recipe = "share of 'x'; corrected by labels"
    return finding(estimate, low, high, **{"unit": "proportion", "protocol": recipe, "better": "none", **changes})


@pytest.mark.parametrize(("margin", "outcome"), [(0.25, "pass"), (0.15, "inconclusive"), (0.02, "fail")])
def test_corrected_shares_are_compared_by_their_own_intervals(margin: float, outcome: str) -> None:
    new, old = results(corrected(0.15, 0.11, 0.25)), results(corrected(0.0, 0.0, 0.04))  # cut to 0, so without parts
    verdict = only(GateRule(metric="m.x", margin=margin, baseline="b"), new, lambda _: old)
    assert verdict.outcome == outcome
    assert verdict.interval is not None
    below, above = np.hypot(0.15 - 0.11, 0.04 - 0.0), np.hypot(0.25 - 0.15, 0.0)
    assert (verdict.interval.low, verdict.interval.high) == pytest.approx((0.15 - below, 0.15 + above))
    assert "prompts that they share are not used" in verdict.reason
    (move,) = compare(old, new).moves
    assert move.interval == verdict.interval
    assert move.direction == "changed"


def test_what_is_corrected_on_one_side_only_is_told_how_to_be_compared() -> None:
    new, old = results(corrected(0.1, 0.05, 0.2)), results(finding(unit="share", protocol="share of 'x'"))
    verdict = only(GateRule(metric="m.x", margin=0.1, baseline="b"), new, lambda _: old)
    assert verdict.outcome == "invalid"
    assert "import labels (or state the same calibration) for both runs, or gate `uncorrected_share`" in verdict.decides
    assert "import labels" in compare(old, new).moves[0].reason
    other = results(finding(protocol="share of 'y'"))
    told = only(GateRule(metric="m.x", margin=0.1, baseline="b"), new, lambda _: other).decides
    assert told == "make both runs with the same scorers, weights, versions and n"


def test_corrected_shares_of_two_confidences_are_not_compared() -> None:
    new, old = results(corrected(0.1, 0.05, 0.2)), results(corrected(0.1, 0.05, 0.2, confidence=0.9))
    verdict = only(GateRule(metric="m.x", margin=0.1, baseline="b"), new, lambda _: old)
    assert verdict.outcome == "invalid"
    assert "confidences differ: 95 % here, 90 % in the baseline" in verdict.reason


KNOWN = (
    finding(generator="a", where={"label": "old"}, unit="share"),
    finding(generator="b", where={"label": "old"}, unit="proportion"),
    finding(generator="b", where={"label": "young"}, unit="share"),
)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"where": {"label": "odl"}, "at_most": 1}, ["gates.1.where: ", "no finding where {label: odl}", "{label: old}"]),
        (
            {"where": {"generator": "a", "label": "old"}, "at_most": 1},
            ["gates.1.where: ", "`generator:` is a key of the rule"],
        ),
        ({"generator": "a", "where": {"label": "young"}, "at_most": 1}, ["gates.1.generator: ", "nothing of 'a'", "b"]),
        ({"generator": "c", "where": {"label": "none"}, "at_most": 1}, ["gates.1.generator: ", "known: a, b"]),
        ({"where": {"label": "old"}, "at_least": 35}, ["gates.1.at_least: the limit 35 is no share", "0.2 for 20 %"]),
    ],
)
def test_a_rule_that_can_never_match_is_a_fault_of_the_spec(rule: dict, words: list[str]) -> None:
    fine = GateRule(metric="m.x", where={"label": "old"}, at_most=0.5)
    with pytest.raises(SpecError) as caught:
        check_rules([fine, GateRule(metric="m.x", **rule)], KNOWN)
    for word in words:
        assert word in str(caught.value)


def test_a_rule_on_what_only_data_can_show_is_left_alone() -> None:
    check_rules([GateRule(metric="m.uncorrected", where={"label": "old"}, at_most=35)], KNOWN)
    check_rules([GateRule(metric="m.x", generator="b", where={"label": "young"}, at_most=0.5)], KNOWN)


@pytest.mark.parametrize(
    ("margin", "confidence", "outcome"), [(0.3, 0.95, "pass"), (0.1, 0.95, "inconclusive"), (0.3, 0.9, "invalid")]
)
def test_findings_without_contributions_are_compared_by_their_own_intervals(
    margin: float, confidence: float, outcome: str
) -> None:
    rule = GateRule(metric="m.tone", margin=margin, baseline="before")
    new = finding(0.55, 0.50, 0.62, metric="m.tone", unit="Monk tones", better="lower")
    old = finding(0.50, 0.46, 0.53, metric="m.tone", unit="Monk tones", better="lower", confidence=confidence)
    verdict = only(rule, results(new), lambda _: results(old))
    assert verdict.outcome == outcome
    if outcome != "invalid":  # square roots of the squared distances to the ends that point away from each other
        assert verdict.interval.low == pytest.approx(0.05 - np.hypot(0.05, 0.03))
        assert verdict.interval.high == pytest.approx(0.05 + np.hypot(0.07, 0.04))
