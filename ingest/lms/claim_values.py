"""Values in the claims and lists of a platform, made fit to be stored. Everything is text of others: it is cut, and never markup."""

from __future__ import annotations

from typing import Any

from ingest.web.body import check_text
from ingest.web.problems import Problem
from models.identifiers import fold_identifier

MAX_ID = 255
MAX_TITLE = 500


def id_of(value: object) -> str | None:
    """Return an id as ids of courses, assignments and documents are stored, folded, or None when it is none."""
    text = storable(value)
    try:
        folded = fold_identifier(text) if text is not None else ""
    except ValueError:
        return None
    return folded if 0 < len(folded) <= MAX_ID else None


def exact_id_of(value: object) -> str | None:
    """Return an id exactly as the platform writes it, for a person or a notice, or None when it is none."""
    text = storable(value)
    return text if text is not None and 0 < len(text) <= MAX_ID else None


def text_of(value: object) -> str | None:
    """Return words for people on one line, cut, or None when there are none."""
    text = storable(value)
    words = " ".join("".join(one if one.isprintable() else " " for one in text).split()) if text is not None else ""
    return words[:MAX_TITLE] or None


def storable(value: object) -> str | None:
    """Return a text that the database can hold as it is, or None."""
    if not isinstance(value, str):
        return None
    try:
        check_text(value, ())
    except Problem:
        return None
    return value


def texts_of(value: object) -> list[str]:
    """Return the texts of a list; anything else has none."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def object_of(value: object) -> dict[str, Any]:
    """Return an object; anything else has no members."""
    return value if isinstance(value, dict) else {}
