"""What the words of a failed exchange with an LMS mean, and what an admin can do: in English, or as a page translates it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ingest.web.marking import _n
from ingest.web.problems import PROBLEM_TYPES
from models.lms_status import SourceStatus

Translate = Callable[[str], str]

_NOTHING = _n("Nothing has to be done.")
_OPERATOR = _n("Tell the operator of EssayCoach.")
_WE_TRY = _n("We keep trying.")
_TRY = _n("Try again.")
_THEN_TRY = _n("Then try again.")
_FUNCTION = _n("function")


class Words(NamedTuple):
    """The problem, what an admin can do, and whether it is tried again by itself."""

    problem: str
    advice: str
    is_retried: bool = False


# The words of workers/lms/errors.py and workers/deliveries.
ERRORS = {
    "lms_unreachable": Words(
        _n("The LMS cannot be reached."), _n("Check that its address opens in a browser."), is_retried=True
    ),
    "lms_busy": Words(_n("The LMS asked us to come back later."), _NOTHING, is_retried=True),
    "lms_failed": Words(
        _n("The LMS answered with an error of its own."), _n("Look into its log if this stays."), is_retried=True
    ),
    "lms_unreadable": Words(
        _n("The answer of the LMS is none of its web services."),
        _n("Check the address of the site: it must be the one at which people open it, with nothing after it."),
    ),
    "lms_answer_too_large": Words(_n("An answer of the LMS is too large."), _OPERATOR),
    "lms_file_incomplete": Words(_n("A file arrived only in part."), _NOTHING, is_retried=True),
    "lms_address_refused": Words(
        _n("The address is not called: it leads into a private network."),
        _n("Ask the operator of EssayCoach to allow the network of the LMS."),
    ),
    "lms_service_off": Words(
        _n("Web services are switched off in the LMS."), _n("Enable web services and the REST protocol in the LMS.")
    ),
    "lms_token_refused": Words(
        _n("The LMS does not accept the token."), _n("Make a new token in the LMS and enter it here.")
    ),
    "lms_access_refused": Words(
        _n("The LMS gives EssayCoach no access to this service."),
        _n("In the LMS, allow the tool the scopes that it asks for."),
        is_retried=True,
    ),
    "lms_function_missing": Words(
        _n("The service of the token lacks a function."), _n("Add the function to the service in the LMS.")
    ),
    "lms_scope_missing": Words(
        _n("The developer key of the token lacks a scope."),
        _n("Add the scopes that the page of your LMS lists to the developer key."),
    ),
    "lms_behind": Words(_n("The LMS does not show the hand-in yet."), _NOTHING, is_retried=True),
    "lms_rights_missing": Words(
        _n("The token may not see some courses or assignments."),
        _n("Give the account of the token the rights of a teacher there."),
    ),
    "lms_gone": Words(_n("The LMS does not have this any more."), _n("Nothing can be done.")),
    "lms_request_refused": Words(_n("The LMS did not understand a request."), _OPERATOR),
    "worker_lost": Words(_n("A worker stopped in the middle of it."), _NOTHING, is_retried=True),
    "crashed": Words(_n("EssayCoach has failed here."), _n("Tell the operator of EssayCoach, then try again.")),
    "keys_missing": Words(_n("The keys of this installation were not restored yet."), _OPERATOR),
    "master_key_missing": Words(_n("A worker was not given the keys of this installation."), _OPERATOR),
    "files_busy": Words(_n("Too many files were read at that moment."), _NOTHING, is_retried=True),
    "author_limit": Words(
        _n("The student is over a limit of your school."), _n("Wait, or raise the limit; then try again.")
    ),
    "no_text": Words(_n("The hand-in holds no words."), _n("The student can hand in again.")),
    "no_author": Words(_n("The hand-in belongs to a group and no one student."), _n("Let each student hand in.")),
    "address_refused": Words(
        _n("The LMS names an address for a document that is not its own, or that is not called."),
        _n(
            "If it is the LMS's own, add its site to the sites of the platform; then let a teacher send the hand-in again."
        ),
    ),
    "essay_too_long": Words(_n("The text is longer than is read."), _n("The student can hand in a shorter text.")),
    "file_unsupported": Words(
        _n("No file of the hand-in can be read."), _n("The student can hand in a DOCX, PDF, ODT, RTF or text file.")
    ),
    "file_too_large": Words(_n("The file is too large."), _n("The student can hand in a smaller file.")),
    "file_unreadable": Words(_n("The file is damaged."), _n("The student can save it again and hand it in.")),
    "file_encrypted": Words(_n("The file has a password."), _n("The student can hand it in without one.")),
    "file_no_text": Words(_n("The file holds pictures and no words."), _n("The student can hand in the text itself.")),
    "assignment_unknown": Words(
        _n("The assignment is not known here, and the source may not add it."),
        _n("Let the source add courses and assignments (creates_courses), or add the assignment; then try again."),
    ),
    "not_a_student": Words(
        _n("Whoever handed in is no student here."), _n("Nothing has to be done for the test of a teacher.")
    ),
    "not_taken": Words(_n("The version cannot be taken."), _n("Compare the settings of your school, then try again.")),
    "edited_since": Words(
        _n("The student has handed in again."), _n("Nothing has to be done: the newer version is taken.")
    ),
    "looked_back": Words(
        _n("We have asked what no event had told."), _n("Nothing has to be done: what was found is listed by itself.")
    ),
    "withdrawn": Words(_n("The student has taken the hand-in back."), _NOTHING),
    "not_wanted": Words(_n("The student may not see the feedback, or nothing is to be sent back."), _NOTHING),
}
_UNKNOWN = Words(_n("The exchange failed."), _OPERATOR)


def explain_status(found: SourceStatus, *, translate: Translate = str) -> tuple[str | None, str | None]:
    """Return what is wrong with a source in plain words and what to do, or None for both when nothing is."""
    if found.refused is not None:
        return (
            translate(_n("A launch was refused: %(reason)s.")) % {"reason": found.refused},
            translate(_n("Compare what the page of the platform shows with the settings of the LMS.")),
        )
    if found.error is None and found.refused_delivery in PROBLEM_TYPES:
        reason = translate(PROBLEM_TYPES[found.refused_delivery].title)
        return (
            translate(_n("The newest delivery was refused: %(reason)s.")) % {"reason": reason},
            translate(
                _n(
                    "Look at the deliveries of the source. When the cause is mended, carry those that were refused out again."
                )
            ),
        )
    return explain(found.error, found.error_about, translate=translate)


def explain(
    error: str | None, about: str | None = None, *, is_over: bool = False, translate: Translate = str
) -> tuple[str | None, str | None]:
    """Return the problem in plain words and what to do, or None for both when there is no error. `is_over`: it was given up."""
    if error is None:
        return None, None
    words = ERRORS.get(error, _UNKNOWN)
    problem, advice = translate(words.problem), translate(words.advice)
    if about and "_" in about:
        problem = f"{problem} ({translate(_FUNCTION)} {about})"
    if not words.is_retried:
        return problem, advice
    if not is_over:
        return problem, f"{advice} {translate(_WE_TRY)}"
    return problem, translate(_TRY) if words.advice == _NOTHING else f"{advice} {translate(_THEN_TRY)}"
