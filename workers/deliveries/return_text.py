"""The words of the comment that brings feedback back to an LMS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models import feedback
from models.db import session
from models.errors import NotFound, NotReady
from models.leased_rows import HeldRow
from models.returns import DueReturn

MOST_NEXT_STEPS = 3
# A comment stands in a small box beside the hand-in.
LONGEST_POINT = 300


@dataclass(frozen=True, kw_only=True)
class _Words:
    ready: str
    read_it: str
    well_done: str
    next_steps: str


_WORDS = {
    "en": _Words(
        ready="Your feedback on version {version} is ready.",
        read_it="Read it here: {url}",
        well_done="What works well: {point}",
        next_steps="Start here:",
    ),
    "de": _Words(
        ready="Deine Rückmeldung zu Fassung {version} ist fertig.",
        read_it="Hier kannst du sie lesen: {url}",
        well_done="Das gelingt gut: {point}",
        next_steps="Fang hier an:",
    ),
    "es": _Words(
        ready="Tus comentarios sobre la versión {version} están listos.",
        read_it="Léelos aquí: {url}",
        well_done="Lo que funciona bien: {point}",
        next_steps="Empieza por aquí:",
    ),
    "ar": _Words(
        ready="ملاحظات النسخة {version} جاهزة.",
        read_it="اقرأها هنا: {url}",
        well_done="ما هو جيد: {point}",
        next_steps="ابدأ من هنا:",
    ),
}


def to_text(due: DueReturn, *, mark: str, pages_url: str | None, summary: Mapping[str, Sequence[str]] | None) -> str:
    """Return the comment as plain text: that there is feedback, where to read it, and with `summary` its main points.

    The mark at the end tells this comment from every other.
    """
    words, lines = _words_for(due), [ready_line(due)]
    if pages_url is not None:
        lines.append(words.read_it.format(url=f"{pages_url}/essays/{due.essay}"))
    if summary is not None:
        lines += [words.well_done.format(point=_short(point)) for point in summary["strengths"][:1]]
        steps = [f"- {_short(point)}" for point in summary["next_steps"][:MOST_NEXT_STEPS]]
        lines += [words.next_steps, *steps] if steps else []
    return "\n".join([*lines, f"({mark})"])


def ready_line(due: DueReturn) -> str:
    """Return the sentence that there is feedback on this version, in the student's language."""
    return _words_for(due).ready.format(version=due.version)


def mark_of(return_id: UUID) -> str:
    """Return the mark of a comment: letters and digits, which stay as they are in the HTML that an LMS makes."""
    return f"essaycoach-{return_id.hex}"


def read_summary(held: HeldRow, due: DueReturn) -> dict[str, Any] | None:
    """Return the summary as the student sees it, or None when there is none any more."""
    with session(org=held.org, role="ec_lms", actor=held.lane):
        try:
            found: dict[str, Any] = feedback.fetch(due.submission, org=held.org, released_only=True)["summary"]
        except (NotFound, NotReady):
            return None
    return found


def _words_for(due: DueReturn) -> _Words:
    return _WORDS.get(due.feedback_language.partition("-")[0], _WORDS["en"])


def _short(point: str) -> str:
    """Return a point on one line, without characters that a page could take for its own."""
    flat = " ".join(point.split()).replace("<", "‹").replace(">", "›")
    return flat if len(flat) <= LONGEST_POINT else flat[: LONGEST_POINT - 1].rstrip() + "…"
