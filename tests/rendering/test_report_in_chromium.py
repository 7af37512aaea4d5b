"""The page as a reader gets it: in a browser, on a desk and on a phone, light and dark, by keyboard, on paper."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESK, PHONE, Visit
from PIL import Image
from rendering import drawn_faces, sample_audit

from audit.images import encode_png
from reports.html import Html


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("name", ["demo", "empty", "long", "skewed", "people", "failed checks"])
def test_page_fits_asks_no_network_and_logs_nothing(chromium: Any, pages: dict[str, Path], name: str, width: int) -> None:
    with Visit(chromium, pages[name], width) as visit:
        assert visit.unfolded().overflow() == 0
        assert visit.console == []
        assert visit.outward() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("name", ["demo", "people", "failed checks"])
def test_axe_finds_no_serious_violation(chromium: Any, pages: dict[str, Path], name: str, width: int, scheme: str) -> None:
    with Visit(chromium, pages[name], width, scheme) as visit:
        assert visit.unfolded().grave_violations() == []


def test_axe_sees_a_planted_violation(chromium: Any, pages: dict[str, Path]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the extra `dev` brings axe").Axe()
    with Visit(chromium, pages["empty"]) as visit:
        visit.page.evaluate(
            "document.querySelector('main').innerHTML += '<img src=\"data:,\"><p style=color:#eee>faint</p>'"
        )
        found = {v["id"] for v in axe.run(visit.page).response["violations"]}
        assert {"image-alt", "color-contrast"} <= found


def test_schemes_change_the_charts_too(chromium: Any, pages: dict[str, Path]) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        with Visit(chromium, pages["demo"], DESK, scheme) as visit:
            colours[scheme] = visit.page.evaluate(
                "[getComputedStyle(document.body).backgroundColor,"
                " getComputedStyle(document.querySelector('.chart text')).fill,"
                " getComputedStyle(document.querySelector('.chart use')).fill]"
            )
    assert all(light != dark for light, dark in zip(colours["light"], colours["dark"], strict=True))


def test_keyboard_reaches_verdict_tables_and_details(chromium: Any, pages: dict[str, Path]) -> None:
    with Visit(chromium, pages["demo"]) as visit:
        page = visit.page
        page.keyboard.press("Tab")
        skip = page.evaluate(
            "(() => { const a = document.activeElement; return [a.className, a.getBoundingClientRect().left] })()"
        )
        assert skip[0] == "skip"
        assert skip[1] >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        assert page.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0)")
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.querySelector('details').open")


def shaded(table: Any) -> tuple[bool, bool]:
    """Whether the left and the right edge of what is seen of a table are darker than its ground."""
    seen = np.asarray(Image.open(io.BytesIO(table.screenshot())).convert("L"), int)
    ground = int(np.bincount(seen.ravel()).argmax())
    return bool(np.median(seen[:, 1]) < ground - 15), bool(np.median(seen[:, -2]) < ground - 15)


def test_a_table_that_goes_on_beyond_the_edge_shows_it(chromium: Any, pages: dict[str, Path]) -> None:
    with Visit(chromium, pages["demo"], PHONE) as visit:
        page = visit.unfolded().page
        table = page.locator("#findings .scroll:has(table.found)").first
        assert table.get_attribute("role") == "region"
        assert "all findings" in table.get_attribute("aria-label")
        assert table.evaluate("e => e.scrollWidth > e.clientWidth + 100")
        assert shaded(table) == (False, True)
        page.keyboard.press("Tab")  # focus by keyboard from here on
        table.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.wait_for_function("e => e.scrollLeft > 0", arg=table.element_handle())
        table.evaluate("e => { e.blur(); e.scrollLeft = (e.scrollWidth - e.clientWidth) / 2 }")
        assert shaded(table) == (True, True)
        table.evaluate("e => { e.scrollLeft = e.scrollWidth }")
        assert shaded(table) == (True, False)
    with Visit(chromium, pages["demo"], DESK) as visit:
        table = visit.unfolded().page.locator("#findings .scroll:has(table.found)").first
        assert table.evaluate("e => e.scrollWidth <= e.clientWidth")
        assert shaded(table) == (False, False)


def test_works_without_javascript(chromium: Any, pages: dict[str, Path]) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["demo"].as_uri())
    page.locator("nav a", has_text="What it cost").click()
    assert page.url.endswith("#cost")
    assert page.locator("#cost table").first.is_visible()
    numbers = page.locator("figure.plot details table").first
    assert not numbers.is_visible()
    page.locator("figure.plot summary").first.click()
    assert numbers.is_visible()
    context.close()


def test_a_thumbnail_opens_the_sharp_image(chromium: Any, tmp_path: Path) -> None:
    image = drawn_faces.digest_of(20)
    stored = tmp_path / drawn_faces.link_of(image)
    stored.parent.mkdir(parents=True)
    stored.write_bytes(encode_png(drawn_faces.face(20)))
    report = tmp_path / "report.html"
    report.write_bytes(Html().render(sample_audit.demo()))
    with Visit(chromium, report) as visit:
        visit.unfolded()
        with visit.context.expect_page() as opened:
            visit.page.locator(f'a[href="{drawn_faces.link_of(image)}"]').first.click()
        opened.value.wait_for_url(stored.as_uri())
        assert opened.value.evaluate("[document.images[0].naturalWidth, document.images[0].naturalHeight]") == [64, 64]


@pytest.mark.parametrize("name", ["demo", "skewed"])
def test_every_chart_stays_inside_its_picture(chromium: Any, pages: dict[str, Path], name: str) -> None:
    """Labels are set by the browser, in fonts that the drawing never saw: none may run out at the right or the bottom."""
    script = """[...document.querySelectorAll('svg.chart')].map(svg => {
      const box = svg.getBoundingClientRect();
      return [...svg.querySelectorAll('text')].filter(t => t.getBoundingClientRect().right > box.right + 3
        || t.getBoundingClientRect().left < box.left - 3 || t.getBoundingClientRect().bottom > box.bottom + 3)
        .map(t => t.textContent) }).flat()"""
    with Visit(chromium, pages[name]) as visit:
        assert visit.page.evaluate(script) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
def test_true_values_are_seen_beside_the_estimates(chromium: Any, pages: dict[str, Path], width: int, scheme: str) -> None:
    """Four diamonds and the one of the legend: outlines that stand off the card, inside the picture."""
    script = """svg => [...svg.querySelectorAll('use')].map(u => [getComputedStyle(u), u.getBoundingClientRect()])
      .filter(([s]) => s.fillOpacity === '0').map(([s, r]) => [s.stroke, r.left, r.right])"""
    with Visit(chromium, pages["demo"], width, scheme) as visit:
        chart = visit.unfolded().page.locator("svg.chart", has_text="true value").first
        box = chart.bounding_box()
        marks = chart.evaluate(script)
    assert box
    drawn = [mark for mark in marks if mark[0] == marks[-1][0]]
    assert len(drawn) == 5
    assert len({colour for colour, _, _ in marks}) == 2  # the outline and its halo
    assert all(box["x"] <= left and right <= box["x"] + box["width"] for _, left, right in marks)


def test_prints_in_light_colours_with_methods_unfolded(chromium: Any, pages: dict[str, Path]) -> None:
    with Visit(chromium, pages["demo"], 700, "dark") as visit:
        visit.page.emulate_media(media="print", color_scheme="dark")
        assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not visit.page.locator("nav").is_visible()
        pdf = visit.page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 5


def test_hostile_names_stay_text(chromium: Any, pages: dict[str, Path]) -> None:
    with Visit(chromium, pages["demo"]) as visit:
        assert visit.page.locator("script, iframe, object, embed, form, base").count() == 0
        assert visit.page.locator("img[onerror]").count() == 0
        assert visit.page.locator("bdi", has_text="</script><img src=x onerror=alert(1)>").count() > 0
        shown = visit.page.locator("main").inner_text()
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f]", shown)
        assert visit.page.evaluate(
            "[...document.images].every(i => i.src.startsWith('data:image/jpeg;base64,') && i.naturalWidth > 0)"
        )
