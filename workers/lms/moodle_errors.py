"""What an error of Moodle means for us: whether to try again, and what an admin has to do."""

from __future__ import annotations

from enum import StrEnum


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
    FUNCTION_MISSING = "lms_function_missing"
    RIGHTS_MISSING = "lms_rights_missing"
    GONE = "lms_gone"
    REQUEST_REFUSED = "lms_request_refused"


# These do not pass by themselves: somebody has to do something, or there is nothing left to do.
FINAL = frozenset({Trouble.GONE, Trouble.REQUEST_REFUSED})


class LmsError(Exception):
    """An LMS gave no usable answer. `about` names the function that was called; it never holds a token or words of a person."""

    def __init__(self, trouble: Trouble, about: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(f"{trouble}: {about}" if about else str(trouble))
        self.trouble = trouble
        self.about = about
        self.retry_after_seconds = retry_after_seconds

    @property
    def is_final(self) -> bool:
        """Return whether trying again is of no use."""
        return self.trouble in FINAL


# Moodle's `errorcode`s. One that is not here is tried again: nothing is lost by that, and it is bounded.
_BY_CODE = {
    Trouble.TOKEN_REFUSED: (
        "invalidtoken", "accountsuspended", "wsaccessusersuspended", "wsaccessuserdeleted", "wsaccessuserexpired",
        "wsaccessusernologin", "wsaccessuserunconfirmed", "forcepasswordchangenotice", "usernotfullysetup", "sitepolicynotagreed",
        "invalidiptoken", "invalidtimedtoken",
    ),
    Trouble.SERVICE_OFF: ("enablewsdescription", "servicenotavailable", "protocolnotenabled"),
    Trouble.FUNCTION_MISSING: ("accessexception", "invalidrecordfunction"),
    Trouble.RIGHTS_MISSING: (
        "nopermissions", "nopermission", "nopermissiontocomment", "requireloginerror", "errorcoursecontextnotvalid",
        "notlocalisederrormessage", "cannotviewprofile", "nopermissiontodelentry",
    ),
    Trouble.GONE: (
        "invalidcommentitemid", "invalidcoursemodule", "invalidcoursemoduleid", "invalidrecord", "invalidrecordunknown",
        "cannotfindcontext", "filenotfound",
    ),
    Trouble.REQUEST_REFUSED: ("invalidparameter", "missingparam", "invalidresponse", "invalidcommentarea"),
    Trouble.BUSY: ("sitemaintenance", "upgraderunning", "ratelimitexceeded"),
}  # fmt: skip
_TROUBLE = {code: trouble for trouble, codes in _BY_CODE.items() for code in codes}


def trouble_of(errorcode: object) -> Trouble:
    """Return what this `errorcode` of an answer means."""
    return _TROUBLE.get(errorcode, Trouble.FAILED) if isinstance(errorcode, str) else Trouble.FAILED
