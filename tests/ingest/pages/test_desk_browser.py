"""Tests of the desk in a real browser: the review queue by keyboard alone, undo, and pages that everybody can use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.desk_day import Day, make_day
from tests.support import walker
from tests.support.gunicorn_server import run_gunicorn
from tests.support.races import eventually
from tests.support.schools import PASSWORD
from tests.support.walker import needs_browser

pytestmark = [needs_browser, pytest.mark.slow(reason="a real browser")]


@pytest.fixture(scope="module")
def day(shared_api: ApiUnderTest) -> Iterator[Day]:
    """Give one school day."""
    return make_day(shared_api)


@pytest.fixture(scope="module")
def address(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start gunicorn and give its address."""
    folder = tmp_path_factory.mktemp("gunicorn")
    environment = {**day.api.environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path_factory.mktemp("metrics"))}
    with run_gunicorn(environment, log_file=folder / "stderr") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser."""
    with walker.browser() as started:
        yield started


Open = Callable[..., Page]


@pytest.fixture
def as_ed(day: Day, address: str, browser: Browser) -> Iterator[Open]:
    """`as_ed(width=360)` opens a window in which Ed is signed in. At the end, no page must have complained."""
    contexts, complaints = [], []

    def open_page(*, width: int = 1280, scheme: Any = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, base_url=address)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto("/sign-in")
        for field, value in (
            ("org", day.api.school.slug),
            ("email", day.api.school.email("ed")),
            ("password", PASSWORD),
        ):
            page.fill(f"#{field}", value)
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def decisions(day: Day) -> list[str]:
    found = day.api.database.sql("select decision from feedback_reviews order by id")
    return [str(decision) for (decision,) in found]


def shown(page: Page) -> str:
    """Return the address of the form of the comment that is shown."""
    return page.locator("form.decide").get_attribute("action") or ""


def stop_the_clock(page: Page, path: str) -> None:
    """Load a page in which no time passes: a decision is held for ten seconds, of which a busy machine would use up some."""
    page.clock.install()
    page.goto(path)
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))


def test_queue_is_walked_by_keyboard_alone(day: Day, as_ed: Open) -> None:
    page, before = as_ed(), decisions(day)
    stop_the_clock(page, "/desk/review")
    first = shown(page)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("j")
    expect(page.locator("form.decide")).not_to_have_attribute("action", first)
    second = shown(page)
    page.keyboard.press("k")
    expect(page.locator("form.decide")).to_have_attribute("action", first)

    page.keyboard.press("r")
    expect(page.locator("#undo")).to_contain_text("Rejected.")
    expect(page.locator("form.decide")).to_have_attribute("action", second)
    page.keyboard.press("u")
    expect(page.locator("form.decide")).to_have_attribute("action", first)
    assert decisions(day) == before

    page.keyboard.press("a")
    expect(page.locator("form.decide")).to_have_attribute("action", second)
    assert decisions(day) == before
    # The next decision sends the one before it.
    page.keyboard.press("r")
    expect(page.locator("form.decide")).not_to_have_attribute("action", second)
    eventually(lambda: decisions(day) == [*before, "accepted"])
    page.keyboard.press("e")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("In my own words: are you sure?")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    eventually(lambda: decisions(day) == [*before, "accepted", "rejected", "edited"])


def test_held_decision_is_sent_when_its_time_is_over_or_the_page_is_left(day: Day, as_ed: Open) -> None:
    page = as_ed()
    stop_the_clock(page, f"/desk/essays/{day.held['essay_id']}")
    comment = page.locator("details.comment").first
    comment.locator("summary").first.click()
    before = decisions(day)
    comment.get_by_role("button", name="Reject").click()
    expect(page.locator("#undo")).to_contain_text("Rejected.")
    page.clock.run_for(9_000)
    assert decisions(day) == before
    page.clock.run_for(2_000)
    expect(comment).to_contain_text("Rejected")
    assert decisions(day) == [*before, "rejected"]

    comment.get_by_role("button", name="Accept").click()
    expect(page.locator("#undo")).to_contain_text("Accepted.")
    page.goto("/desk")
    eventually(lambda: decisions(day) == [*before, "rejected", "accepted"])


def test_selected_words_are_what_a_new_comment_is_about(day: Day, as_ed: Open) -> None:
    page = as_ed()
    page.goto(f"/desk/essays/{day.released['essay_id']}")
    page.locator("#own > summary").click()
    page.locator("#paper .words mark").first.select_text()
    expect(page.locator("#own-quote")).to_have_value("was")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_everybody_can_use_every_page(day: Day, as_ed: Open, scheme: str, width: int) -> None:
    page, school, comment = as_ed(width=width, scheme=scheme), day.api.school, day.comment(day.released)["id"]
    for path in (
        "/desk", f"/desk/courses/{school.course}", f"/desk/assignments/{school.assignment}",
        f"/desk/assignments/{school.reviewed_assignment}", f"/desk/assignments/{school.reviewed_assignment}/release",
        f"/desk/essays/{day.released['essay_id']}", f"/desk/essays/{day.held['essay_id']}", "/desk/review", "/desk/review/end",
        f"/desk/review/{comment}", "/desk/disagreements", f"/desk/comments/{comment}/why", "/desk/saved", "/desk/rubrics",
    ):  # fmt: skip
        page.goto(path)
        page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
        found = Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
