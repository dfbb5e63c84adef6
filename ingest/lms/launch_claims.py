"""What a launch says, read from the claims of its token. Everything is text of others: it is cut, and never markup."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from ingest.lms.id_token import CLAIM, NotProved
from ingest.web.body import check_text
from ingest.web.problems import Problem
from models.identifiers import fold_identifier
from models.lms_people import OWN_ID, LinkRole, LmsPerson

DEEP_LINKING = "https://purl.imsglobal.org/spec/lti-dl/claim/"
NAMES_AND_ROLES = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
RESOURCE_LINK_REQUEST = "LtiResourceLinkRequest"
DEEP_LINKING_REQUEST = "LtiDeepLinkingRequest"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
TEACHES = frozenset({"Instructor", "TeachingAssistant", "ContentDeveloper"})
LEARNS = frozenset({"Learner"})
MAX_ID = 255
MAX_TITLE = 500
# The name of our parameter: in the address of an assignment, and in what a platform is asked to send.
ASSIGNMENT = "assignment"


@dataclass(frozen=True, kw_only=True)
class Named:
    """A course or an assignment as the platform names it."""

    id: str
    title: str


@dataclass(frozen=True, kw_only=True)
class DeepLinking:
    """A teacher is choosing what a link leads to. The answer goes to `return_url`, with `data` as it came."""

    return_url: str
    data: str | None


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A launch. `assignment` is ours, when the link was made by deep linking; `link` is the platform's link."""

    person: LmsPerson
    role: LinkRole | None
    deployment: str
    course: Named
    link: Named | None
    assignment: UUID | None
    deep_linking: DeepLinking | None
    memberships_url: str | None


def read(claims: dict[str, Any]) -> Launch:
    """Return what checked claims say. Raises NotProved when they are no launch that we know."""
    message = claims.get(CLAIM + "message_type")
    if message not in (RESOURCE_LINK_REQUEST, DEEP_LINKING_REQUEST):
        raise NotProved("it is a message of another kind")
    deployment: str = claims[CLAIM + "deployment_id"]
    role = course_role(texts_of(claims.get(CLAIM + "roles")))
    link = _named(_object(claims.get(CLAIM + "resource_link")), title="title")
    if message == RESOURCE_LINK_REQUEST and link is None:
        raise NotProved("it names no link")
    subject = storable(claims["sub"])
    if subject is None:
        raise NotProved("it names nobody")
    return Launch(
        person=LmsPerson(subject=subject, sis_id=_sis_id(claims), name=text_of(claims.get("name"))),
        role=role,
        deployment=deployment,
        # The context may be missing: then the whole deployment is one course.
        course=_named(_object(claims.get(CLAIM + "context")), title="title")
        or Named(id=f"deployment {deployment}"[:MAX_ID], title=urlsplit(claims["iss"]).hostname or deployment),
        link=link if message == RESOURCE_LINK_REQUEST else None,
        assignment=_assignment(claims),
        deep_linking=_deep_linking(claims) if message == DEEP_LINKING_REQUEST else None,
        memberships_url=storable(_object(claims.get(NAMES_AND_ROLES)).get("context_memberships_url")),
    )


def course_role(roles: Iterable[str]) -> LinkRole | None:
    """Return who somebody with these LTI roles is in the course, or None. Roles of the institution or the system do not count."""
    names = set()
    for role in roles:
        place, _, name = role.rpartition("#")
        if not place:
            names.add(role)
        elif place == MEMBERSHIP:
            names.add(name)
        elif place.startswith(MEMBERSHIP + "/"):
            names.add(place.removeprefix(MEMBERSHIP + "/"))
    if names & TEACHES:
        return "educator"
    return "student" if names & LEARNS else None


def _sis_id(claims: dict[str, Any]) -> str | None:
    """Return the id that the school's register gives this person.

    The platform itself writes the claim `lis`. Parameters of a link count nowhere: some platforms let teachers write them.
    """
    return sis_id_of(_object(claims.get(CLAIM + "lis")).get("person_sourcedid"))


def sis_id_of(value: object) -> str | None:
    """Return an id of the school's register. A platform that does not know a variable sends its name, which is none."""
    found = _id(value)
    return None if found is None or found.startswith(("$", OWN_ID)) else found


def _assignment(claims: dict[str, Any]) -> UUID | None:
    target = claims.get(CLAIM + "target_link_uri")
    sent = [_object(claims.get(CLAIM + "custom")).get(ASSIGNMENT)]
    try:
        sent += parse_qs(urlsplit(target).query).get(ASSIGNMENT, []) if isinstance(target, str) else []
        return next((UUID(one) for one in sent if isinstance(one, str)), None)
    except ValueError:
        return None


def _deep_linking(claims: dict[str, Any]) -> DeepLinking:
    asked = _object(claims.get(DEEP_LINKING + "deep_linking_settings"))
    url, data = asked.get("deep_link_return_url"), asked.get("data")
    accepted = texts_of(asked.get("accept_types"))
    if not isinstance(url, str) or (accepted and "ltiResourceLink" not in accepted):
        raise NotProved("it asks for something that we do not have")
    return DeepLinking(return_url=url, data=data if isinstance(data, str) else None)


def _named(found: dict[str, Any], *, title: str) -> Named | None:
    identifier = _id(found.get("id"))
    if identifier is None:
        return None
    return Named(id=identifier, title=text_of(found.get(title)) or text_of(found.get("label")) or identifier)


def _id(value: object) -> str | None:
    """Return an id as it is stored, or None when it is none."""
    text = storable(value)
    try:
        folded = fold_identifier(text) if text is not None else ""
    except ValueError:
        return None
    return folded if 0 < len(folded) <= MAX_ID else None


def text_of(value: object) -> str | None:
    """Return words for people on one line, cut, or None when there are none."""
    text = storable(value)
    words = " ".join("".join(one if one.isprintable() else " " for one in text).split()) if text is not None else ""
    return words[:MAX_TITLE] or None


def storable(value: object) -> str | None:
    """Return a text that the database can hold as it is, or None."""
    if not isinstance(value, str):
        return None
    try:
        check_text(value, ())
    except Problem:
        return None
    return value


def texts_of(value: object) -> list[str]:
    """Return the texts of a list; anything else has none."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
