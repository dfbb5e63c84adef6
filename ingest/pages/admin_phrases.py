"""The words of the admin's pages: roles, states, settings, what was done, and money."""

from __future__ import annotations

from ingest.pages.wording import gettext
from ingest.web.marking import _n
from ingest.web.problems import PROBLEM_TYPES

ROLES = {"student": _n("Student"), "educator": _n("Teacher"), "admin": _n("Administrator")}
WORDS = {
    "accepted": _n("Accepted"), "ignored": _n("Ignored"), "refused": _n("Refused"),
    "fine": _n("Works"), "silent": _n("Nothing came yet"), "off": _n("Switched off"),
    "invited": _n("Not registered yet"), "pending": _n("Waits for your approval"), "active": _n("Launches"),
    "waiting": _n("Waiting"), "approved": _n("Approved"), "used": _n("Carried out"), "expired": _n("Expired"), "void": _n("Void"),
    "erase_person": _n("Erase a person"), "export_person": _n("Export a person's data"),
    "remove_org": _n("Remove the school"), "end_dual_approval": _n("End the rule of two administrators"),
    "scope_submit": _n("Hand in essays"), "scope_read": _n("Read essays and feedback"),
    "scope_manage": _n("Manage courses and assignments"),
    "warning": _n("Warning"), "error": _n("Error"),
    "anthropic": _n("Claude reads"), "local": _n("Only the local engine reads"), "none": _n("No machine reads"),
    "wait": _n("Wait"), "fallback_local": _n("Let the local engine read"),
    "auto": _n("At once"), "after_review": _n("After a teacher releases it"),
    "users": _n("People"), "courses": _n("Courses"), "enrollments": _n("Members of courses"),
    "added": _n("added"), "changed": _n("changed"), "unchanged": _n("unchanged"), "disabled": _n("disabled"),
    "archived": _n("archived"), "removed": _n("removed"),
    "feedback.ready": _n("Feedback is ready"), "feedback.released": _n("A teacher released feedback"),
    "submission.failed": _n("An essay could not be read"), "submission.refused": _n("A delivery of your LMS was refused"),
    "ping": _n("A test"), "delivered": _n("Delivered"), "gave_up": _n("Not delivered"),
}  # fmt: skip
# Why an endpoint is switched off.
OFF_REASONS = {
    "admin": _n("An administrator switched it off."), "gone": _n("Your system answered 410: send nothing more."),
    "failing": _n("Your system took nothing for five days."),
}  # fmt: skip
# Why an endpoint did not take a delivery.
DELIVERY_ERRORS = {
    "not_accepted": _n("Your system did not accept it."),
    "no_answer": _n("Your system could not be reached, or did not answer within 15 seconds."),
    "address_refused": _n("The address is not called: it leads into a private network."),
    "gone": OFF_REASONS["gone"], "endpoint_disabled": _n("It was not sent: the webhook is switched off."),
    "worker_lost": _n("A worker of EssayCoach stopped in the middle of it."),
}  # fmt: skip
# What a page says after it did something. The address names it, so that loading the page again does nothing twice.
DONE = {
    "added": _n("Added."), "saved": _n("Saved."), "invited": _n("The invitation is on its way."), "enabled": _n("Enabled again."),
    "disabled": _n("Disabled. They can no longer sign in."), "ended": _n("All sessions are ended."),
    "role": _n("The role is changed."), "archived": _n("Archived."), "restored": _n("Brought back."), "deleted": _n("Deleted."),
    "enrolled": _n("They are in the course now."), "removed": _n("They are no longer in the course."),
    "revoked": _n("Revoked. It is refused from now on."), "off": _n("Switched off. Nothing is taken from it from now on."),
    "on": _n("Switched on again."), "replayed": _n("Carried out again."), "approved": _n("Approved."),
    "asked": _n("Another administrator can approve it now."), "retried": _n("It will be read again."),
    "discarded": _n("Taken off the list."), "platform_on": _n("Its launches are accepted from now on."),
    "members": _n("The people of this course are fetched."), "again": _n("What failed is tried again."),
    "none_failed": _n("Nothing had failed since then."),
    "platform_off": _n("Its launches are refused from now on."), "queued": _n("It is sent now. Load this page again to see the answer."),
    "unhooked": _n("Switched off. Nothing is sent from now on."),
}  # fmt: skip


def role_name(role: str) -> str:
    """Return the name of a role in the language of the page."""
    return gettext(ROLES[role])


def word(slug: str) -> str:
    """Return a stored word of WORDS in the language of the page."""
    return gettext(WORDS[slug])


def spaced(slug: str) -> str:
    """Return a stored word as it is, with spaces: the words of the audit trail and of logs are not translated."""
    return slug.replace("_", " ")


def reason_name(slug: str | None) -> str:
    """Return why something was refused, in a few words: the title of the problem."""
    known = PROBLEM_TYPES.get(slug or "")
    return gettext(known.title) if known else spaced(slug or "")


def off_reason(slug: str) -> str:
    """Return why an endpoint is switched off."""
    return gettext(OFF_REASONS[slug])


def delivery_reason(error: str) -> str:
    """Return why an endpoint did not take a delivery; what only an operator can mend says so."""
    known = DELIVERY_ERRORS.get(error)
    return gettext(known) if known else gettext("EssayCoach has failed here. Tell its operator.")


def done(slug: str) -> str:
    """Return what a page says after it did something, or nothing."""
    return gettext(DONE[slug]) if slug in DONE else ""


def at_most(count: int, most: int) -> str:
    """Return a count for a page; one that was not counted to its end shows that there are more."""
    return f"{most}+" if count > most else str(count)
