"""How long a server that we have called asks to be left alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def asked_wait(headers: Mapping[str, str], *, longest: float) -> float:
    """Return the seconds that `retry-after` asks for (a number or a date, RFC 9110 10.2.3), at most `longest`.

    0 when there is no such header, or when it cannot be read. Names of headers are lower-case.
    """
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        asked = float(value[:9])
    else:
        try:
            asked = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError, OverflowError):
            return 0.0
    return min(max(0.0, asked), longest)
