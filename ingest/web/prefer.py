"""Read the preference `wait` of the header Prefer (RFC 7240)."""

from __future__ import annotations

import re

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# One element of the list: a comma inside a quoted string does not end it. A string that is not closed runs to the end.
_ELEMENT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.?)*(?:"|$))+')
_PREFERENCE = re.compile(rf'\s*({_WORD})\s*(?:=\s*({_WORD}|"(?:[^"\\]|\\.)*")\s*)?(?:;.*)?')
# Enough digits to be longer than any wait that is granted.
_DIGITS = 6


def wait_seconds(prefer: str) -> int | None:
    """Return how many seconds the client is ready to wait, or None when it does not ask for that.

    `prefer` is the header as it came; several headers are joined by commas. Names are compared without case, parameters after
    a semicolon and other preferences are ignored. Only the first `wait` counts, and only with a number.
    """
    for element in _ELEMENT.findall(prefer):
        found = _PREFERENCE.fullmatch(element)
        if found is not None and found[1].lower() == "wait":
            digits = re.sub(r'^"|"$|\\(?=.)', "", found[2] or "")
            return int(digits.lstrip("0")[:_DIGITS] or "0") if re.fullmatch("[0-9]+", digits) else None
    return None
