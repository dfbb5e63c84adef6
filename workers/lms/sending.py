"""Send a request to an LMS within the time that its row has, and say in our words why there is no answer."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from outgoing.client import Answer, Client
from outgoing.errors import NoAnswer, Refused, TooLarge
from workers.lms.errors import LmsError, Trouble

# An LMS builds a long list slowly, and a large file takes its time.
CALL_SECONDS = 30.0
FILE_SECONDS = 60.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def send(
    client: Client,
    method: str,
    url: str,
    *,
    about: str,
    headers: Mapping[str, str],
    body: bytes | None,
    seconds: float,
    max_bytes: int,
    ends_at: float = math.inf,
    status_is_enough: bool = False,
) -> Answer:
    """Return the answer, whatever its status. The request takes at most `seconds`, and ends at `ends_at` (`time.monotonic`).

    With `status_is_enough`, an answer counts without its body where that is too large, late or cut off.
    Raises LmsError about `about` when there is no answer.
    """
    seconds = min(seconds, ends_at - time.monotonic())
    if seconds <= 0:
        raise LmsError(Trouble.UNREACHABLE, about)
    try:
        return client.send(
            method,
            url,
            headers=headers,
            body=body,
            seconds=seconds,
            max_bytes=max_bytes,
            status_is_enough=status_is_enough,
        )
    except Refused:
        raise LmsError(Trouble.ADDRESS_REFUSED, about) from None
    except TooLarge:
        raise LmsError(Trouble.TOO_LARGE, about) from None
    except NoAnswer:
        raise LmsError(Trouble.UNREACHABLE, about) from None
