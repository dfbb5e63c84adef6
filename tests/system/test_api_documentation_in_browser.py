"""Read the API documentation of the running system in a real browser, and send a request from it."""

from __future__ import annotations

from collections import Counter

import pytest
from playwright.sync_api import Browser, expect

from tests.support.one_machine import Standalone, ask
from tests.support.walker import DESKTOP, PHONE, Walker, needs_browser, walk

pytestmark = [needs_browser, pytest.mark.slow(reason="starts the system and a browser")]


def click_group(walker: Walker, name: str) -> None:
    walker.page.locator(f"[data-tag='{name}']").click()


def open_operation(walker: Walker, name: str, *, group: str) -> None:
    click_group(walker, group)
    walker.page.locator(f"[id$={name}] .opblock-summary-control").first.click()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_operations_are_shown_in_groups_with_examples(
    machine: Standalone, chromium: Browser, size: tuple[int, int]
) -> None:
    """The walk fails when the page breaks its policy, asks another host, or writes an error into the console."""
    document = ask("GET", f"{machine.api}/openapi.json").body
    with walk(chromium, machine.api, size=size) as walker:
        page = walker.page
        walker.goto("/docs")
        groups = page.locator(".opblock-tag > a, .opblock-tag > span")
        names = [tag["name"] for tag in document["tags"]]
        expect(groups).to_have_text(names)
        operations = Counter(tag for path in document["paths"].values() for one in path.values() for tag in one["tags"])
        assert set(operations) == set(names)
        for name in names:
            click_group(walker, name)
            expect(page.locator(".opblock")).to_have_count(operations[name])
            click_group(walker, name)
        assert walker.findings() == []
        if size == DESKTOP:
            walker.picture("api")
        open_operation(walker, "submissions_hand_in", group="Hand in")
        expect(page.get_by_text("Phones was distracting").first).to_be_visible()
        assert walker.findings() == []
        assert walker.is_as_wide_as_the_screen()


def test_request_can_be_sent_with_a_token_that_was_pasted(machine: Standalone, chromium: Browser) -> None:
    who = machine.known["student"]
    body = {"org": "demo", "email": who["email"], "password": who["password"]}
    token = ask("POST", f"{machine.api}/v1/auth/login", body=body).body["access_token"]
    with walk(chromium, machine.api) as walker:
        page = walker.page
        walker.goto("/docs")
        page.get_by_role("button", name="Authorize").first.click()
        assert walker.findings() == []
        dialog = page.get_by_role("dialog", name="Tokens")
        dialog.get_by_label("auth-bearer-value").first.fill(token)
        dialog.get_by_role("button", name="Apply credentials").first.click()
        dialog.get_by_role("button", name="Close").first.click()
        open_operation(walker, "auth_me", group="Sign-in and profile")
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        answer = page.locator(".live-responses-table")
        expect(answer.locator(".response-col_status").last).to_contain_text("200")
        expect(answer).to_contain_text(who["email"])
        assert walker.findings() == []
