"""Numbers and hostile strings as a report shows them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.records import Interval, Verdict
from reports.thumbnails import safe_link
from reports.verdicts import overall, ranked
from reports.wording import clean, clip, count, fit, interval, listed, mark, number, quantity, tick_words

NBSP = "\u00a0"


@given(st.text(st.characters(), max_size=200))
def test_clean_text_fits_html_and_xml_and_reads_in_order(text: str) -> None:
    shown = clean(text)
    shown.encode("utf-8")
    assert clean(shown) == shown
    for char in shown:
        assert unicodedata.category(char) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(char) not in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        assert ord(char) & 0xFFFE != 0xFFFE
    assert "  " not in shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("a\tb\r\n c", "a b c"),
        ("\x1b[31m", "␛[31m"),
        ("\x7f", "␡"),
        ("\x9b", "[U+009B]"),
        ("\u202eevil", "[U+202E]evil"),
        ("zero\u200bwidth", "zero[U+200B]width"),
        ("\ud800", "[U+D800]"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("63\u00a0%", "63\u00a0%"),
    ],
)
def test_clean(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@pytest.mark.parametrize(
    ("value", "unit", "spread", "shown"),
    [
        (0.6312, "share", 0.1, f"63.1{NBSP}%"),
        (0.6312, "share", 0.012, f"63.1{NBSP}%"),
        (0.6312, "share", None, f"63.1{NBSP}%"),
        (-0.0321, "", 0.008, "−0.0321"),
        (-0.00001, "", 0.1, "0.00"),
        (12345.678, "", 54.0, "12,346"),
        (3.2e-9, "", None, "3.20 × 10⁻⁹"),
        (-4.5e12, "", None, "−4.50 × 10¹²"),
        (64.0, "px", None, f"64{NBSP}px"),
        (0.0, "", 0.0, "0"),
        (0.0, "share", 0.3, f"0{NBSP}%"),
        (0.6312, "share", 0.004, f"63.12{NBSP}%"),
        (0.5, "", 1e-12, "0.500"),
    ],
)
def test_quantity(value: float, unit: str, spread: float | None, shown: str) -> None:
    assert quantity(value, unit, spread) == shown


def test_an_interval_and_its_estimate_claim_the_same_precision() -> None:
    ends = Interval(low=0.0281, high=0.0362)
    assert interval(ends) == "0.0281 to 0.0362"
    assert quantity(0.03214, "", ends.high - ends.low) == "0.0321"
    assert interval(None) == ""


def test_limits_lose_zeros_that_claim_precision() -> None:
    assert [mark(0.005), mark(0.5, "share"), mark(10.0), mark(0.0), mark(100.0, "px")] == [
        "0.005",
        f"50{NBSP}%",
        "10",
        "0",
        f"100{NBSP}px",
    ]


def test_ticks_have_the_decimals_of_their_step() -> None:
    assert tick_words([0.0, 0.25, 0.5]) == ["0.00", "0.25", "0.50"]
    assert tick_words([0.2, 0.4], "share") == [f"20{NBSP}%", f"40{NBSP}%"]
    assert tick_words([100.0, 200.0]) == ["100", "200"]
    assert tick_words([]) == []


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_every_finite_number_has_words_that_keep_its_sign(value: float) -> None:
    shown = number(value)
    assert shown.startswith("−") == (value < 0)
    assert any(char.isdigit() for char in shown)


def test_words() -> None:
    assert [count(1, "gate"), count(2, "gate"), count(2, "was", "were")] == ["1 gate", "2 gates", "2 were"]
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(list("abcdef"))] == [
        "",
        "a",
        "a and b",
        "a, b, c and 3 more",
    ]
    assert clip("abcdef", 4) == "abc…"
    assert fit("漢" * 10, 60) == "漢漢漢漢…"
    assert fit("short", 200) == "short"


def verdict(outcome: str) -> Verdict:
    return Verdict.model_validate({"gate": outcome, "finding": "", "outcome": outcome, "reason": ""})


@pytest.mark.parametrize(
    ("outcomes", "tone", "headline"),
    [
        ((), "none", "No gates were set: this run measures and does not judge"),
        (("pass",), "pass", "The gate passed"),
        (("pass", "pass"), "pass", "All 2 gates passed"),
        (("pass", "inconclusive"), "inconclusive", "1 of 2 gates could not be decided"),
        (("inconclusive", "fail", "fail"), "fail", "2 of 3 gates failed"),
        (("fail", "invalid"), "invalid", "1 of 2 gates could not be judged on these data"),
    ],
)
def test_the_worst_verdict_makes_the_headline(outcomes: tuple[str, ...], tone: str, headline: str) -> None:
    conclusion = overall([verdict(outcome) for outcome in outcomes])
    assert (conclusion.tone, conclusion.headline) == (tone, headline)
    assert sum(times for _, times in conclusion.tally) == len(outcomes)


def test_verdicts_are_ranked_worst_first() -> None:
    order = [v.outcome for v in ranked([verdict(o) for o in ("pass", "inconclusive", "invalid", "fail")])]
    assert order == ["invalid", "fail", "inconclusive", "pass"]


def test_links_stay_within_the_run() -> None:
    assert safe_link("images/ab/abcd.png") == "images/ab/abcd.png"
    assert safe_link("../images/ab/abcd.png") == "../images/ab/abcd.png"
    assert safe_link("file:///etc/passwd") == ""
    assert safe_link("//host/x") == ""
