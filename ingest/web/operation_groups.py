"""The groups of the API documentation: operations stand together by who uses them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OperationGroup:
    """A group and its members: whole blueprints, and single endpoints (`blueprint.function`) of other ones."""

    name: str
    description: str
    members: tuple[str, ...]


GROUPS = (
    OperationGroup(
        "Sign-in and profile",
        "For everybody: sign in, keep and end sessions, change your own password and profile.",
        ("auth", "passwords", "sessions", "second_factor"),
    ),
    OperationGroup(
        "Hand in",
        "For students, and for learning management systems (LMS) with an API key, a signed webhook or signed notices.",
        ("submissions", "files", "webhooks", "notices"),
    ),
    OperationGroup(
        "Read feedback",
        "For students: their essays, the comments, and what became of earlier comments. Educators and API keys read the same.",
        ("essays", "texts", "feedback", "progress", "comment_types", "reviews.react", "reviews.withdraw"),
    ),
    OperationGroup(
        "Review and release",
        "For educators: decide on comments, release held feedback, and run passes again.",
        ("reviews", "review_queue", "releases", "saved_comments", "given_up", "reruns"),
    ),
    OperationGroup(
        "Reports",
        "For educators and admins, and students about themselves: what many essays show together.",
        ("reports",),
    ),
    OperationGroup(
        "Courses, assignments and rubrics",
        "For educators in their courses, and for admins in all.",
        ("courses", "assignments", "rubrics", "rubric_previews"),
    ),
    OperationGroup(
        "People and the school",
        "For admins: people, their sessions, the roster, and the settings of the school.",
        (
            "users", "roster", "orgs", "sign_in_provider", "passwords.invite", "sessions.list_of_person", "sessions.end_of_person",
            "sessions.end_all_of_person", "second_factor.take_away",
        ),
    ),
    OperationGroup(
        "Personal data and records",
        "For admins: export and erase a person's data, keep it for a court, and read what was done.",
        ("rights", "retention", "approvals", "audit", "logs"),
    ),
    OperationGroup(
        "Connections",
        "For admins, and for those who connect an LMS: API keys, sources (webhooks and Moodle sites) and what came from them, "
        "platforms (LTI 1.3), endpoints and what was sent to them, and links to an essay.",
        ("api_keys", "sources", "source_status", "deliveries", "source_trials", "platforms", "endpoints", "essay_links"),
    ),
    OperationGroup("Health", "For those who run the service.", ("health",)),
)  # fmt: skip
_GROUP_OF = {member: group.name for group in GROUPS for member in group.members}


def group_of(endpoint: str) -> str | None:
    """Return the name of the group of an endpoint, or None if nobody has put it or its blueprint into one."""
    return _GROUP_OF.get(endpoint) or _GROUP_OF.get(endpoint.partition(".")[0])
