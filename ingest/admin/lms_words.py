"""What the words of a failed exchange with an LMS mean, and what an admin can do."""

from __future__ import annotations

# The words of workers/lms/moodle_errors.py and workers/deliveries: the problem, and what to do.
ERRORS: dict[str, tuple[str, str]] = {
    "lms_unreachable": ("The LMS cannot be reached.", "Check that its address opens in a browser. We keep trying."),
    "lms_busy": ("The LMS asked us to come back later.", "Nothing has to be done. We keep trying."),
    "lms_failed": ("The LMS answered with an error of its own.", "Look into its log if this stays. We keep trying."),
    "lms_unreadable": (
        "The answer of the LMS is none of its web services.",
        "Check the address of the site: it must be the one at which people open it, with nothing after it.",
    ),
    "lms_answer_too_large": ("An answer of the LMS is too large.", "Tell the operator of EssayCoach."),
    "lms_file_incomplete": ("A file arrived only in part.", "Nothing has to be done. We keep trying."),
    "lms_address_refused": (
        "The address is not called: it leads into a private network.",
        "Ask the operator of EssayCoach to allow the network of the LMS.",
    ),
    "lms_service_off": (
        "Web services are switched off in the LMS.",
        "Enable web services and the REST protocol in the LMS.",
    ),
    "lms_token_refused": ("The LMS does not accept the token.", "Make a new token in the LMS and enter it here."),
    "lms_function_missing": (
        "The service of the token lacks a function.",
        "Add the function to the service in the LMS.",
    ),
    "lms_rights_missing": (
        "The token may not see some courses or assignments.",
        "Give the account of the token the rights of a teacher there.",
    ),
    "lms_gone": ("The LMS does not have this any more.", "Nothing can be done."),
    "lms_request_refused": ("The LMS did not understand a request.", "Tell the operator of EssayCoach."),
    "worker_lost": ("A worker stopped in the middle of it.", "Nothing has to be done. We keep trying."),
    "crashed": ("EssayCoach has failed here.", "Tell the operator of EssayCoach, then replay it."),
    "keys_missing": ("The keys of this installation were not restored yet.", "Tell the operator of EssayCoach."),
    "master_key_missing": ("A worker was not given the keys of this installation.", "Tell the operator of EssayCoach."),
    "files_busy": ("Too many files were read at that moment.", "Nothing has to be done. We keep trying."),
    "author_limit": ("The student is over a limit of your school.", "Wait, or raise the limit and replay it."),
    "no_text": ("The hand-in holds no words.", "The student can hand in again."),
    "no_author": ("The hand-in belongs to a group and no one student.", "Let each student hand in."),
    "essay_too_long": ("The text is longer than is read.", "The student can hand in a shorter text."),
    "file_unsupported": (
        "No file of the hand-in can be read.",
        "The student can hand in a DOCX, PDF, ODT, RTF or text file.",
    ),
    "file_too_large": ("The file is too large.", "The student can hand in a smaller file."),
    "file_unreadable": ("The file is damaged.", "The student can save it again and hand it in."),
    "file_encrypted": ("The file has a password.", "The student can hand it in without one."),
    "file_no_text": ("The file holds pictures and no words.", "The student can hand in the text itself."),
    "assignment_unknown": (
        "The assignment is not known here, and the source may not add it.",
        "Set creates_courses, or add the assignment; then replay it.",
    ),
    "not_a_student": ("Whoever handed in is no student here.", "Nothing has to be done for the test of a teacher."),
    "not_taken": ("The version cannot be taken.", "Compare the settings of your school, then replay it."),
    "edited_since": ("The student has handed in again.", "Nothing has to be done: the newer version is taken."),
    "withdrawn": ("The student has taken the hand-in back.", "Nothing has to be done."),
    "not_wanted": ("The student may not see the feedback, or nothing is to be sent back.", "Nothing has to be done."),
}


def explain(error: str | None, about: str | None = None) -> tuple[str | None, str | None]:
    """Return the problem in plain words and what to do, or None for both when there is no error."""
    if error is None:
        return None, None
    problem, advice = ERRORS.get(error, ("The exchange failed.", "Tell the operator of EssayCoach."))
    return (f"{problem} (function {about})" if about and "_" in about else problem), advice
