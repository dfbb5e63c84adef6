"""The words of the admin's pages: roles, states, settings, what was done, and money."""

from __future__ import annotations

from ingest.pages.phrases import _n
from ingest.pages.wording import gettext
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
}  # fmt: skip
# What a page says after it did something. The address names it, so that loading the page again does nothing twice.
DONE = {
    "added": _n("Added."), "saved": _n("Saved."), "invited": _n("The invitation is on its way."), "enabled": _n("Enabled again."),
    "disabled": _n("Disabled. They can no longer sign in."), "ended": _n("All sessions are ended."),
    "role": _n("The role is changed."), "archived": _n("Archived."), "restored": _n("Brought back."), "deleted": _n("Deleted."),
    "enrolled": _n("They are in the course now."), "removed": _n("They are no longer in the course."),
    "revoked": _n("Revoked. It is refused from now on."), "off": _n("Switched off. Deliveries are refused from now on."),
    "on": _n("Switched on again."), "replayed": _n("Carried out again: it was accepted."), "approved": _n("Approved."),
    "asked": _n("Another administrator can approve it now."), "retried": _n("It will be read again."),
    "discarded": _n("Taken off the list."), "platform_on": _n("Its launches are accepted from now on."),
    "members": _n("The people of this course are fetched."), "platform_off": _n("Its launches are refused from now on."),
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


def done(slug: str) -> str:
    """Return what a page says after it did something, or nothing."""
    return gettext(DONE[slug]) if slug in DONE else ""


def at_most(count: int, most: int) -> str:
    """Return a count for a page; one that was not counted to its end shows that there are more."""
    return f"{most}+" if count > most else str(count)
