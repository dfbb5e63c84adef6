"""Test what the weekly summary says."""

from __future__ import annotations

from datetime import date
from typing import Any

from workers.deliveries import weekly_summary

WEEK = date(2026, 11, 23)
COURSE: dict[str, Any] = {
    "id": "01a22871-12e5-7bf9-b756-3999b022d079", "name": "English 9", "handed_in": 17, "week_before": 12, "waiting": 3,
    "not_revised": 5, "students": 24, "struggles": [{"type": "Agreement", "students": 9}, {"type": "Thesis", "students": 1}],
}  # fmt: skip
QUIET = {
    **COURSE,
    "name": "Art\r\nBcc: everybody@x.example",
    "handed_in": 1,
    "week_before": 0,
    "waiting": 1,
    "not_revised": 1,
    "struggles": [],
}


def test_each_course_has_its_lines() -> None:
    assert weekly_summary.subject(WEEK) == "Your courses in the week of Monday 23 November 2026"
    assert weekly_summary.text(WEEK, [COURSE, QUIET], url="https://essays.school.example") == (
        "This is what happened in your courses from Monday 23 November 2026 to Sunday 29 November 2026.\n"
        "\n"
        "English 9\n"
        "  17 drafts handed in (12 the week before).\n"
        "  3 comments wait for your review.\n"
        "  5 essays have feedback and no second draft yet.\n"
        "  Most often to work on: Agreement (9 students), Thesis (1 student).\n"
        "  https://essays.school.example/desk/courses/01a22871-12e5-7bf9-b756-3999b022d079/report\n"
        "\n"
        "Art Bcc: everybody@x.example\n"
        "  1 draft handed in (none the week before).\n"
        "  1 comment waits for your review.\n"
        "  1 essay has feedback and no second draft yet.\n"
        "  https://essays.school.example/desk/courses/01a22871-12e5-7bf9-b756-3999b022d079/report\n"
        "\n"
        "No student is named here. Reports show more, to those who teach the course.\n"
        "You get this because you asked for it. To stop it, use the button on your desk: https://essays.school.example/desk\n"
    )


def test_without_an_address_there_are_no_links() -> None:
    text = weekly_summary.text(WEEK, [{**COURSE, "handed_in": 0, "waiting": 100}], url=None)
    assert "http" not in text
    assert "  No draft handed in (12 the week before).\n  100 comments or more wait for your review.\n" in text
