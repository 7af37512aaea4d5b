"""The HTML page without a browser: what it holds, what it must never hold, and that it stays bounded."""

import hashlib
import itertools
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rendering import sample_audit
from rendering.parsed_page import Page, render

from audit.panels import Bars, Curve, Gallery, Heatmap, Intervals, Table
from audit.records import Interval
from reports.html import Html


@pytest.fixture(scope="module", params=["demo", "empty", "long"])
def markup(request: pytest.FixtureRequest, pages: dict[str, Path]) -> str:
    return pages[request.param].read_text("utf-8")


def test_markup_is_well_formed_and_ids_are_unique(markup: str) -> None:
    page = Page(markup)
    assert page.faults == []
    assert page.open == []
    assert [name for name, times in Counter(page.having("id")).items() if times > 1] == []


def test_every_reference_inside_the_page_leads_somewhere(markup: str) -> None:
    page = Page(markup)
    ids = set(page.having("id"))
    targets = {href[1:] for href in page.having("href") if href.startswith("#")}
    labels = {part for value in page.having("aria-labelledby") for part in value.split()}
    assert targets - ids == set()
    assert labels - ids == set()


def test_headings_descend_one_level_at_a_time(markup: str) -> None:
    levels = Page(markup).headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_nothing_comes_from_elsewhere(markup: str) -> None:
    page = Page(markup)
    loads = page.having("src") + [a["href"] for tag, a in page.tags if tag in ("link", "image", "use") and "href" in a]
    assert all(url.startswith(("data:", "#")) for url in loads)
    assert all(href.startswith(("#", "images/", "data:,")) for href in page.having("href"))
    assert {tag for tag, _ in page.tags} & {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "audio",
        "video",
    } == set()
    assert not re.search(r"https?://|@import|url\(\s*['\"]?(?!#)", markup)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_every_picture_has_words(markup: str) -> None:
    page = Page(markup)
    assert all(a.get("alt") for tag, a in page.tags if tag == "img")
    charts = [a for tag, a in page.tags if tag == "svg" and a.get("class") == "chart"]
    assert all(a["role"] == "img" and a["aria-labelledby"] for a in charts)
    hidden = [a for tag, a in page.tags if tag == "svg" and a.get("class") != "chart"]
    assert all(a["aria-hidden"] == "true" for a in hidden)


def test_the_verdict_comes_first_and_says_what_decides() -> None:
    text = Page(render(sample_audit.demo())).text
    headings = (
        "1 of 3 gates failed",
        "The main numbers",
        "fidelity 3 findings",
        "What was run Run",
        "What it cost Time and memory",
        "What is missing A",
        "How to read this report Estimate",
        "not a certificate",
    )
    order = [text.index(heading) for heading in headings]
    assert order == sorted(order)
    assert "What would decide it: about 1,930 draws" in text
    assert "The sample is too small on purpose." in text


def test_each_finding_shows_all_that_is_needed_to_judge_it() -> None:
    audited = sample_audit.demo()
    text = Page(render(audited)).text
    finding = audited.findings[0]
    for wanted in (finding.title, finding.method, finding.protocol, finding.source, "0.0004", "−0.0007 to 0.0015"):
        assert wanted in text
    share = audited.findings[3]
    for wanted in (
        "54.8",
        "49.9",
        "59.7",
        share.note,
        "clusters 404",
        "missing 85",
        "n 404",
        "43.3 % to 64.3 %".replace(" %", "\u00a0%"),
    ):
        assert " ".join(wanted.split()) in text
    assert "No estimate" in text
    assert "38 images cannot support" in text


def test_the_run_is_described() -> None:
    text = Page(render(sample_audit.demo())).text
    for wanted in ("normal, 100 dimensions", "unpinned", "2.14.1", "sha256:" + "34" * 32, "sha256:" + "56" * 32, "Seed 7"):
        assert wanted in text
    for wanted in ("165", "6.05 ms", "1.31 GB"):  # 512 images in 3.1 seconds; 1,310,000,000 bytes
        assert " ".join(wanted.split()) in text
    for wanted in ("filtered withheld by a safety filter 3", "failed no usable image 1"):
        assert wanted in text


def test_wording_promises_nothing() -> None:
    text = Page(render(sample_audit.demo())).text
    assert "perceived attributes of depicted, fictitious persons; not identity" in text
    assert "evidence for" in text
    assert not re.search(r"\bcompliant\b|\bunbiased generator\b|\bis fair\b|under a fair\b", text)


def test_hostile_text_cannot_leave_its_place() -> None:
    markup = render(sample_audit.demo())
    assert "</script><img" not in markup
    assert "&lt;/script&gt;&lt;img src=x" in markup
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", markup)
    assert "[U+202E]" in markup


def test_a_prompt_of_ten_thousand_characters_is_cut() -> None:
    finding = sample_audit.overall_share().model_copy(update={"title": "long " * 2000, "where": {"prompt": "x" * 10_000}})
    markup = render(sample_audit.audited((finding,), ()))
    assert "x" * 1000 not in markup
    assert "…" in markup


def test_the_title_is_a_parameter() -> None:
    assert "<h1><bdi>Board paper</bdi></h1>" in render(sample_audit.demo(), title="Board paper")


def test_a_long_run_is_bounded_and_says_what_it_leaves_out(pages: dict[str, Path]) -> None:
    markup = pages["long"].read_text("utf-8")
    page = Page(markup)
    assert len(markup) < 6_000_000
    assert sum(tag == "svg" and a.get("class") == "chart" for tag, a in page.tags) <= 120
    assert len({a["src"] for tag, a in page.tags if tag == "img"}) <= 240
    for wanted in ("the 12 highest and 12 lowest of 400", "first 300 of 400 rows", "findings.json"):
        assert wanted in page.text
    assert "one cell among hundreds" in page.text


def test_the_same_records_give_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1]); from rendering import sample_audit;"
        "from reports.html import Html; print(hashlib.sha256(Html().render(sample_audit.demo())).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parents[1])],
        env={"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == hashlib.sha256(Html().render(sample_audit.demo())).hexdigest()


def test_empty_panels_are_words_not_crashes() -> None:
    panels = (
        Bars(title="empty bars", summary="", labels=(), values=()),
        Intervals(title="no rows", summary="", rows=()),
        Curve(title="no lines", summary="", x_label="", y_label="", lines=()),
        Heatmap(title="no cells", summary="", rows=(), columns=(), values=()),
        Heatmap(title="all unknown", summary="", rows=("r",), columns=("c",), values=((None,),)),
        Table(title="no rows in it", summary="", columns=("a",), rows=()),
        Gallery(title="no images in it", summary="", images=(), captions=()),
    )
    finding = sample_audit.overall_share().model_copy(update={"panels": panels})
    page = Page(render(sample_audit.audited((finding,), ())))
    assert page.text.count("There is nothing to draw") == 4
    assert sum(tag == "svg" and a.get("class") == "chart" for tag, a in page.tags) == 2  # all unknown, and the costs


def test_an_interval_without_estimate_of_its_gate_still_renders() -> None:
    finding = sample_audit.no_estimate()
    verdict = sample_audit.verdict(
        finding.model_copy(update={"estimate": 1.0, "interval": Interval(low=0, high=2)}), "pass", 3, "x"
    )
    invalid = verdict.model_copy(
        update={"outcome": "invalid", "estimate": None, "interval": None, "limit": None, "finding": ""}
    )
    text = Page(render(sample_audit.audited((finding,), (invalid,)))).text
    assert "The gate could not be judged on these data" in text
