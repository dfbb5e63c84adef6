"""What an LMS that gave no usable answer means for us: whether to try again, and what an admin has to do."""

from __future__ import annotations

from enum import StrEnum

from outgoing.client import Answer
from outgoing.retry_after import asked_wait

# With these an LMS asks to be left alone for a while.
BUSY = frozenset({408, 425, 429, 502, 503, 504})
LONGEST_NAMED_WAIT_SECONDS = 3600.0


class Trouble(StrEnum):
    """Why a request to an LMS gave nothing. The words are stored with the row that waits for it."""

    UNREACHABLE = "lms_unreachable"
    BUSY = "lms_busy"
    FAILED = "lms_failed"
    UNREADABLE = "lms_unreadable"
    TOO_LARGE = "lms_answer_too_large"
    FILE_INCOMPLETE = "lms_file_incomplete"
    ADDRESS_REFUSED = "lms_address_refused"
    SERVICE_OFF = "lms_service_off"
    TOKEN_REFUSED = "lms_token_refused"  # noqa: S105 - a word
    ACCESS_REFUSED = "lms_access_refused"
    FUNCTION_MISSING = "lms_function_missing"
    SCOPE_MISSING = "lms_scope_missing"
    RIGHTS_MISSING = "lms_rights_missing"
    BEHIND = "lms_behind"
    GONE = "lms_gone"
    REQUEST_REFUSED = "lms_request_refused"


# These do not pass by themselves: somebody has to do something, or there is nothing left to do.
FINAL = frozenset({Trouble.GONE, Trouble.REQUEST_REFUSED})


class LmsError(Exception):
    """An LMS gave no usable answer. `about` names the function that was called; it never holds a token or words of a person.

    `wait_seconds`: for so long it asks to be left alone.
    """

    def __init__(self, trouble: Trouble, about: str = "", wait_seconds: float = 0.0) -> None:
        super().__init__(f"{trouble}: {about}" if about else str(trouble))
        self.trouble = trouble
        self.about = about
        self.wait_seconds = wait_seconds

    @property
    def is_final(self) -> bool:
        """Return whether trying again is of no use."""
        return self.trouble in FINAL


def wait_asked_by(answer: Answer) -> float:
    """Return for how many seconds an LMS wants to be left alone; 0 when it names no time."""
    return asked_wait(answer.headers, longest=LONGEST_NAMED_WAIT_SECONDS)
