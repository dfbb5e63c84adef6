"""Walk from a teacher's review by keyboard to the student who reads the teacher's words.

In a course with an assignment that is reviewed first, essays without an assignment wait too. So this system is not that of
`test_pages_in_browser.py`.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.support.one_machine import ESSAY, Standalone, ask
from tests.support.races import eventually
from tests.support.walker import DESKTOP, PHONE, needs_browser, walk

pytestmark = [needs_browser, pytest.mark.slow(reason="starts the system and a browser")]


@pytest.mark.parametrize(("size", "device"), [(DESKTOP, "desktop"), (PHONE, "phone")])
def test_teacher_reviews_by_keyboard_and_releases_and_the_student_reads_it(
    machine: Standalone, chromium: Browser, size: tuple[int, int], device: str
) -> None:
    assignment = held_assignment(machine, f"Held, on a {device}")
    with walk(chromium, machine.api, size=size) as student, walk(chromium, machine.api, size=size) as teacher:
        student.sign_in("demo", machine.known["student"])
        student.goto(f"/essays/new?assignment_id={assignment}")
        student.page.get_by_label("Title").fill(f"Held, on a {device}")
        student.page.get_by_label("Your text").fill(ESSAY)
        student.page.get_by_role("button", name="Hand in").click()
        expect(student.page.locator(".state")).to_have_text("Read", timeout=60_000)
        expect(student.page.get_by_text("Your teacher looks at the comments first.")).to_be_visible()

        page = teacher.page
        teacher.sign_in("demo", machine.known["educator"])
        assert teacher.findings() == []
        teacher.goto(f"/desk/review?assignment={assignment}")
        shown = page.locator("form.decide")
        expect(shown).to_be_visible()
        teacher.picture(f"review-{device}")
        first = shown.get_attribute("action") or ""
        page.keyboard.press("a")
        expect(shown).not_to_have_attribute("action", first)
        second = shown.get_attribute("action") or ""
        page.keyboard.press("e")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(f"In my words, on a {device}: look again.")
        for _ in range(3):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(shown).not_to_have_attribute("action", second)
        teacher.goto(f"/desk/assignments/{assignment}/release")
        expect(page.get_by_text("can read the comments")).to_be_visible()
        page.get_by_role("button", name=re.compile("^Release")).click()
        teacher.goto("/desk")

        def is_read() -> bool:
            student.page.reload()
            return student.page.get_by_text(f"In my words, on a {device}: look again.").count() > 0

        eventually(is_read, what="the comment in the teacher's words")
        assert student.findings() == []


def held_assignment(machine: Standalone, title: str) -> str:
    """Make an assignment whose feedback waits for its teacher, as the teacher, and return its id."""
    credentials = {"org": "demo", **machine.known["educator"]}
    signed_in = ask("POST", f"{machine.api}/v1/auth/login", body=credentials)
    headers = {"Authorization": f"Bearer {signed_in.body['access_token']}"}
    [course] = ask("GET", f"{machine.api}/v1/courses", headers=headers).body["items"]
    wanted = {"course_id": course["id"], "title": title, "release_policy": "after_review"}
    made = ask("POST", f"{machine.api}/v1/assignments", body=wanted, headers=headers)
    assert made.status == 201, made.body
    return str(made.body["id"])
