"""Walk through the pages of the running system as students do: on a desktop, on a phone, and without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.one_machine import Standalone
from tests.support.races import eventually
from tests.support.walker import DESKTOP, PHONE, Walker, needs_browser, walk

pytestmark = [needs_browser, pytest.mark.slow(reason="starts the system and a browser")]

ESSAY = (
    "Every morning the hallway of our school is quiet, because everybody look at a screen. I think our school should ban "
    "phones during lessons, because they distract us and make our breaks lonely.\n\n"
    "First, a phone distracts the whole row. Last week the boy next to me was playing a game, and we all watched him becuase "
    "it was more fun than fractions.\n\n"
    "Some parents need to reach there children in an emergency. The office has a telephone, so nobody are in danger.\n\n"
    "For these reasons phones should stay in the locker until the last bell."
)


@pytest.mark.parametrize(("size", "device"), [(DESKTOP, "desktop"), (PHONE, "phone")])
def test_student_hands_in_and_sees_comments_arrive(
    machine: Standalone, chromium: Browser, size: tuple[int, int], device: str
) -> None:
    with walk(chromium, machine.api, size=size) as walker:
        page = walker.page
        walker.goto("/")
        assert walker.findings() == []
        walker.picture(f"sign-in-{device}")
        walker.sign_in("demo", machine.known["student"])
        assert walker.findings() == []
        page.get_by_role("link", name="Hand in an essay").click()
        assert walker.findings() == []
        page.get_by_label("Title").fill(f"Phones, on a {device}")
        page.get_by_label("Your text").fill(ESSAY)
        page.get_by_role("button", name="Hand in").click()
        # This mark is gone when the page is loaded again.
        page.evaluate("window.stillHere = true")
        expect(page.locator(".state")).to_have_text("Read", timeout=60_000)
        expect(page.locator(".comment").first).to_be_visible()
        assert page.evaluate("window.stillHere") is True
        assert walker.is_as_wide_as_the_screen()
        assert walker.findings() == []
        walker.picture(f"essay-{device}")
        # The time is that of the device, which is in Tokyo.
        shown = page.locator("time").first
        assert shown.inner_text() == page.evaluate(
            "(at) => new Intl.DateTimeFormat('en', {dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Tokyo'}).format(new Date(at))",
            shown.get_attribute("datetime"),
        )
        page.locator(".comment[open]").get_by_role("button", name="Helpful", exact=True).first.click()
        expect(page.locator(".comment[open] [aria-pressed=true]").first).to_have_text("Helpful")
        use = page.locator(".comment[open] input[name=use]").first
        suggestion = page.locator(".comment[open] .use ins").first.inner_text()
        use.check()
        page.get_by_role("button", name="Write the next draft").click()
        assert walker.findings() == []
        text = page.locator("textarea").input_value()
        assert text != ESSAY
        assert suggestion in text
        page.locator("textarea").fill(text.replace("becuase", "because"))
        page.get_by_role("button", name="Hand in this draft").click()
        expect(page.locator(".state")).to_have_text("Read", timeout=60_000)
        expect(page.get_by_role("heading", name="Since your last draft")).to_be_visible()
        page.get_by_role("link", name="See what changed").click()
        expect(page.get_by_text("because it was more fun").first).to_be_visible()
        assert walker.is_as_wide_as_the_screen()
        assert walker.findings() == []
        walker.picture(f"progress-{device}")


def test_student_walks_the_same_way_without_javascript(machine: Standalone, chromium: Browser) -> None:
    with walk(chromium, machine.api, scripts=False) as walker:
        page = walker.page
        walker.sign_in("demo", machine.known["student"])
        page.get_by_role("link", name="Hand in an essay").click()
        page.get_by_label("Title").fill("Without scripts")
        page.get_by_label("Your text").fill(ESSAY)
        page.get_by_role("button", name="Hand in").click()
        _reload_until_read(walker)
        page.locator(".comment[open]").get_by_role("button", name="Helpful", exact=True).first.click()
        assert re.search(r"#c\d+$", page.url)
        page.locator(".comment[open] input[name=use]").first.check()
        page.get_by_role("button", name="Write the next draft").click()
        page.get_by_role("button", name="Hand in this draft").click()
        _reload_until_read(walker)
        page.get_by_role("link", name="What changed", exact=True).click()
        expect(page.get_by_role("heading", name="What changed")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_file_that_is_too_large_is_refused_by_a_page_and_the_form_is_still_there(
    machine: Standalone, chromium: Browser, tmp_path: Path
) -> None:
    photographs = tmp_path / "photographs.docx"
    photographs.write_bytes(b"x" * 30 * 1024 * 1024)
    with walk(chromium, machine.api) as walker:
        page = walker.page
        walker.sign_in("demo", machine.known["student"])
        page.get_by_role("link", name="Hand in an essay").click()
        page.get_by_label("Title").fill("With all my photographs")
        page.get_by_label("Or choose a file").set_input_files(photographs)
        page.get_by_role("button", name="Hand in").click()
        expect(page.get_by_role("heading", name="The file is too large")).to_be_visible()
        assert walker.findings() == []
        walker.errors.clear()  # the browser's own word for the status 413
        page.go_back()
        expect(page.get_by_label("Title")).to_have_value("With all my photographs")


def test_first_view_is_small(machine: Standalone, chromium: Browser) -> None:
    with walk(chromium, machine.api) as walker:
        sizes = {}
        walker.page.on("response", lambda got: sizes.update({got.url: int(got.request.sizes()["responseBodySize"])}))
        walker.sign_in("demo", machine.known["student"])
        walker.page.get_by_role("link").filter(has_text="on a desktop").first.click()
        walker.page.wait_for_load_state("networkidle")
        assert 0 < sum(sizes.values()) < 50_000, sizes


def _reload_until_read(walker: Walker) -> None:
    def is_read() -> bool:
        walker.page.reload()
        return walker.page.locator(".state").inner_text() == "Read"

    eventually(is_read, what="the essay's reading")
