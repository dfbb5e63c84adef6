"""Tests of the parser of the header Prefer (RFC 7240)."""

from __future__ import annotations

import pytest

from ingest.web.prefer import wait_seconds


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=2", 2), ("WAIT=2", 2), ("Wait=2", 2), ("wait = 2", 2), ("wait\t=\t2 ", 2), ("wait=0", 0), ("wait=000", 0), ("wait=00002", 2),
        ('wait="2"', 2), ('wait="1\\2"', 12), ("respond-async, wait=3", 3), ("respond-async,wait=3,x", 3), (",, ,wait=3", 3),
        ("wait=2;x=y", 2), ('wait=2; note="a, b"', 2), ("wait=2 ; x", 2), ("wait=1, wait=9", 1), ('foo; bar="wait=9, x", wait=4', 4),
    ],
)  # fmt: skip
def test_wait_is_read(prefer: str, seconds: int) -> None:
    assert wait_seconds(prefer) == seconds


@pytest.mark.parametrize(
    "prefer",
    [
        "", ",", "wait", "wait=", 'wait=""', "wait=soon", "wait=-5", "wait=+5", "wait=2.5", "wait=1 2", "wait=\u00b2", "wait=\u0662",
        "x-wait=2", "min-wait=2", "wait-x=2", "await=2", 'note="wait=2"', 'note="a, wait=2"', 'note="a\\", wait=2"', "return=minimal;wait=2",
        "return=minimal; x=y; wait=2", 'respond-async; note="wait=25"', "wait=x, wait=9", "wait, wait=9", 'note="never closed, wait=2', 'wait=2"',
    ],
)  # fmt: skip
def test_other_preferences_do_not_wait(prefer: str) -> None:
    assert wait_seconds(prefer) is None


def test_number_of_any_length_is_read_as_a_long_wait() -> None:
    assert wait_seconds("wait=" + "9" * 16_000) >= 25
    assert wait_seconds("wait=" + "0" * 16_000 + "3") == 3


@pytest.mark.parametrize("part", ['\\"', '"', ";", ",", " ", "a=", '"a', "wait ", 'a="b",'])
def test_hostile_header_is_read_in_one_pass(part: str) -> None:
    """A header of 16 KiB that made the parser go back and forth would take minutes here."""
    for start in ("", '"', 'a="', "wait=1", "wait="):
        wait_seconds(start + part * (16_000 // len(part)))
