"""Test how long a server asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from outgoing.retry_after import asked_wait

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("90", 90),
        ("0", 0),
        ("7200", 3600),
        ("9" * 5000, 3600),
        ("Mon, 02 Mar 2026 12:10:00 GMT", 600),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0),
        # What cannot be read asks for nothing.
        ("soon", 0),
        ("-5", 0),
        ("1.5", 0),
        ("²", 0),
        ("Mon, 02 Mar 2026 12:10:00", 0),
        ("Sun, 01 Jan 99999999999999999999 00:00:00 +0000", 0),
        ("", 0),
    ],
)
def test_seconds_and_dates_are_read_and_bounded(value: str, seconds: float) -> None:
    with time_machine.travel(NOON, tick=False):
        assert asked_wait({"retry-after": value}, longest=3600) == seconds


def test_without_a_header_nothing_is_asked() -> None:
    assert asked_wait({}, longest=3600) == 0
