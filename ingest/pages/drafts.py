"""The drafts of an essay: the one that is asked for, and the next one with the suggestions that the student chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import NotFound

# The end of an id is random. So much of it tells the comments of one version apart, and keeps addresses short.
SHORT_ID = 12


@dataclass(frozen=True)
class NextDraft:
    """The text to go on with, how many suggestions are in it, and how many had no room beside another one."""

    text: str
    used: int
    left_out: int


def short_id(comment: Mapping[str, Any]) -> str:
    """Return the part of a comment's id that the forms of a page name it by."""
    return str(comment["id"].hex[-SHORT_ID:])


def apply_suggestions(text: str, comments: Sequence[Mapping[str, Any]], chosen: Iterable[str]) -> NextDraft:
    """Return the text with the first suggestion of each chosen comment. `chosen` are short ids."""
    wanted = set(chosen)
    usable = [
        one for one in comments if short_id(one) in wanted and one["suggestions"] and one["span"]["match"] != "none"
    ]
    used, free_until = 0, len(text)
    # From the end, so that the places before it stay where they are.
    for comment in sorted(usable, key=lambda one: (one["span"]["start"], -one["order"]), reverse=True):
        start, end = comment["span"]["start"], comment["span"]["end"]
        if end <= free_until:
            text = text[:start] + comment["suggestions"][0] + text[end:]
            used, free_until = used + 1, start
    return NextDraft(text, used, len(usable) - used)


def wanted_version(found: dict[str, Any], draft: str) -> dict[str, Any]:
    """Return the draft with this number, or the newest where none is named. Raises NotFound."""
    for version in found["submissions"]:
        if draft == str(version["version"]) or (not draft and version["id"] == found["newest_submission_id"]):
            return dict(version)
    raise NotFound("This essay has no such draft.")
