"""Debian's Chromium, and a page with everything that went wrong or out while it was open."""

from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


DESK, PHONE = 1280, 390


class Visit:
    """A page with everything that went wrong or out while it was open."""

    def __init__(self, chromium: Any, path: Path, width: int = DESK, scheme: str = "light") -> None:
        self.context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.console: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.path = path

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def outward(self) -> list[str]:
        """Requests for anything but the page itself and what it carries."""
        return [url for url in self.requests if url != self.path.as_uri() and not url.startswith("data:")]

    def unfolded(self) -> "Visit":
        """The same page with everything open that a reader may open."""
        self.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        return self

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        room, used = self.page.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollWidth]")
        return max(0, used - room)

    def grave_violations(self) -> list[tuple[str, list[Any]]]:
        """What axe-core calls serious or critical, with the first places where it stands."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the extra `dev` brings axe").Axe()
        results = axe.run(self.page).response
        assert len(results["passes"]) > 20  # the engine did run
        found = [v for v in results["violations"] if v["impact"] in ("serious", "critical")]
        return [(v["id"], [node["target"] for node in v["nodes"]][:5]) for v in found]
