"""Read values in the answer of an LMS. What has another shape raises LmsError: it must never be read as "there is nothing"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from outgoing.client import Answer
from workers.lms.errors import LmsError, Trouble

_MISSHAPEN = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, OSError)


@contextmanager
def reading(about: str) -> Iterator[None]:
    """Raise LmsError about `about` in place of what a missing or misshapen member raises."""
    try:
        yield
    except _MISSHAPEN:
        raise LmsError(Trouble.UNREADABLE, about) from None


def read_json(answer: Answer, *, about: str) -> Any:
    """Return the JSON of an answer. Raises LmsError about `about`."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise LmsError(Trouble.UNREADABLE, about) from None


def read_number(value: Any, *, least: int = -(2**63)) -> int:
    """Return an id, a count or a time, which some LMSs send as text. It fits into a column."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    number = int(value)
    if not least <= number < 2**63:
        raise OverflowError
    return number


def read_words(value: Any) -> str:
    """Return a text without what cannot be stored."""
    return str(value).replace("\0", "").encode(errors="ignore").decode()
