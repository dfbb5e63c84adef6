"""What an error of Moodle means for us."""

from __future__ import annotations

from workers.lms.errors import Trouble

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
