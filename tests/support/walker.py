"""Walk through the pages with a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.browser import CHROMIUM
from tests.support.servers import ROOT

# The limit only ends a test that will fail. A busy machine needs more than the 5 seconds that are usual.
expect.set_options(timeout=30_000)

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome (Debian: apt-get install chromium)")
DESKTOP, PHONE = (1280, 900), (360, 740)
# `SCREENSHOTS=1 make test-slow T=tests/system/test_pages_in_browser.py` makes the pictures of docs/pages anew.
PICTURES = ROOT / "docs" / "pages"
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
# Chromium tells a page of each violation of its policy. The list outlives the documents of one tab.
_WATCH_POLICY = """
addEventListener("securitypolicyviolation", (event) => console.error("policy: " + event.violatedDirective + " " + event.blockedURI));
"""


@dataclass
class Walker:
    """A tab of a browser with no history, and what went wrong in it."""

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def goto(self, path: str) -> None:
        """Load a page of the system."""
        self.page.goto(self.base + path)

    def sign_in(self, school: str, who: dict[str, str]) -> None:
        """Sign in by the page."""
        self.goto("/sign-in")
        self.page.fill("#org", school)
        self.page.fill("#email", who["email"])
        self.page.fill("#password", who["password"])
        self.page.click("main form button")

    def findings(self) -> list[str]:
        """Return what axe finds on this page, in light and in dark."""
        found = []
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
            violations: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
            found += [f"{scheme}: {one['id']} {one['nodes'][0]['html'][:200]}" for one in violations]
        self.page.emulate_media(color_scheme="light")
        return found

    def is_as_wide_as_the_screen(self) -> bool:
        """Return whether nothing has to be scrolled sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))

    def picture(self, name: str) -> None:
        """Take a picture for the documentation, where the run was asked to."""
        if os.environ.get("SCREENSHOTS"):
            PICTURES.mkdir(exist_ok=True)
            # Hiding the caret would take a style that the policy of the page refuses.
            self.page.screenshot(path=PICTURES / f"{name}.png", caret="initial")


@contextmanager
def browser() -> Iterator[Browser]:
    """Yield a browser without a window."""
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield started
        finally:
            started.close()


@contextmanager
def walk(
    started: Browser, base: str, *, size: tuple[int, int] = DESKTOP, scripts: bool = True, language: str = "en"
) -> Iterator[Walker]:
    """Yield a tab of its own. At the end nothing broke the policy of a page, no script failed and no other host was asked."""
    context = started.new_context(
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=scripts,
        locale=language,
        timezone_id="Asia/Tokyo",
    )
    context.add_init_script(_WATCH_POLICY)
    walker = Walker(context.new_page(), base)
    context.on("console", lambda said: said.type == "error" and walker.errors.append(said.text))
    context.on("weberror", lambda failed: walker.errors.append(str(failed.error)))
    context.on("request", lambda asked: asked.url.startswith(base) or walker.foreign.append(asked.url))
    try:
        yield walker
        assert not (walker.errors or walker.foreign), (walker.errors, walker.foreign)
    finally:
        context.close()
