"""Send the weekly summary: one e-mail for an educator, with a few lines for each of their courses."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from models import leased_rows, weekly_summaries
from models.db import session
from models.leased_rows import HeldRow
from outgoing.mail import Email
from workers.deliveries.emails import EmailSender, store_sent
from workers.job.retry_policy import retry_while_database_away

SUBJECT = "Your courses in the week of {first}"
NO_NAMES = "No student is named here. Reports show more, to those who teach the course."


class SummaryWork:
    """Sends summaries. `url` is the address of this service, for links."""

    def __init__(self, sender: EmailSender, *, url: str | None) -> None:
        self._sender = sender
        self._url = url

    def carry_out(self, held: HeldRow) -> None:
        """Send the summary to whoever still wants it. Raises FenceLost and DatabaseAway."""
        with session(org=held.org):
            summary = weekly_summaries.load(held.id, org=held.org)
            if summary is None:
                leased_rows.end(held, state="nothing")
                return
        if self._sender.give_up_without_server(held):
            return
        email = Email(
            to=summary.address, subject=subject(summary.week), text=text(summary.week, summary.courses, url=self._url)
        )
        retry_while_database_away(store_sent, held, is_sent=self._sender.send(email))


def subject(week: date) -> str:
    """Return the subject of the summary of a week that begins on this Monday."""
    return SUBJECT.format(first=_day(week))


def text(week: date, courses: list[dict[str, Any]], *, url: str | None) -> str:
    """Return the text of the summary. `courses` as in `weekly_summaries.courses`; `url` is the address of this service, for links."""
    parts = [
        f"This is what happened in your courses from {_day(week)} to {_day(week + timedelta(days=6))}.",
        *(_about(one, url=url) for one in courses),
        f"{NO_NAMES}\nYou get this because you asked for it. {_how_to_stop(url)}",
    ]
    return "\n\n".join(parts) + "\n"


def _about(course: dict[str, Any], *, url: str | None) -> str:
    lines = [
        " ".join(course["name"].split()),
        f"  {_count(course['handed_in'], 'draft')} handed in ({course['week_before'] or 'none'} the week before).",
    ]
    if course["waiting"]:
        some = "100 comments or more wait" if course["waiting"] >= 100 else _wait(course["waiting"])
        lines.append(f"  {some} for your review.")
    if course["not_revised"]:
        who = "1 essay has" if course["not_revised"] == 1 else f"{course['not_revised']} essays have"
        lines.append(f"  {who} feedback and no second draft yet.")
    if course["struggles"]:
        listed = ", ".join(f"{one['type']} ({_count(one['students'], 'student')})" for one in course["struggles"])
        lines.append(f"  Most often to work on: {listed}.")
    if url is not None:
        lines.append(f"  {url}/desk/courses/{course['id']}/report")
    return "\n".join(lines)


def _wait(count: int) -> str:
    return "1 comment waits" if count == 1 else f"{count} comments wait"


def _count(count: int, noun: str) -> str:
    if count == 0:
        return f"No {noun}"
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _day(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B} {day.year}"


def _how_to_stop(url: str | None) -> str:
    return "To stop it, use the button on your desk" + (f": {url}/desk" if url is not None else ".")
