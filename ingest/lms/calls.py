"""Ask a platform for JSON: few requests at once, so that a slow platform cannot keep every thread of this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from outgoing.client import Answer, Client, NoAnswer, Refused

MAX_AT_ONCE = 4
SLOT_SECONDS = 1.0
SECONDS = 5.0
_slots = threading.BoundedSemaphore(MAX_AT_ONCE)


def fetch(
    client: Client, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> tuple[Answer, dict[str, Any]]:
    """Return the answer of the platform and the JSON object in it. Raises NoAnswer, whose text holds nothing that was sent."""
    with _slot():
        try:
            answer = client.send(
                method, url, headers={"Accept": "application/json", **(headers or {})}, body=body, seconds=SECONDS
            )
        except Refused as error:
            raise NoAnswer(str(error)) from None
    if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        raise NoAnswer(f"it answered with status {answer.status}")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise NoAnswer("its answer is no JSON") from None
    if not isinstance(found, dict):
        raise NoAnswer("its answer is no JSON object")
    return answer, found


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(timeout=SLOT_SECONDS):
        raise NoAnswer("too many requests at this moment")
    try:
        yield
    finally:
        _slots.release()
