"""Pages of hand-made audits, and Debian's Chromium to look at them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rendering import sample_audit

from reports.html import Html

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Rendered pages: a demo, one without findings or gates, and one of a very long run."""
    folder = tmp_path_factory.mktemp("pages")
    audits = {"demo": sample_audit.demo(), "empty": sample_audit.audited((), ()), "long": sample_audit.long()}
    written = {}
    for name, audited in audits.items():
        written[name] = folder / f"{name}.html"
        written[name].write_bytes(Html().render(audited))
    return written


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium; skips where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on the path; Debian's package `chromium` brings it")
    playwright = pytest.importorskip("playwright.sync_api", reason="the extra `dev` brings playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()
