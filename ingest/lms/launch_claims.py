"""What a launch says, read from the claims of its token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from ingest.lms.claim_values import MAX_ID, id_of, object_of, storable, text_of, texts_of
from ingest.lms.id_token import CLAIM, NotProved
from models.lms_people import OWN_ID, LinkRole, LmsPerson
from outgoing import score

DEEP_LINKING = "https://purl.imsglobal.org/spec/lti-dl/claim/"
NAMES_AND_ROLES_CLAIM = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
ENDPOINT = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
RESOURCE_LINK_REQUEST = "LtiResourceLinkRequest"
DEEP_LINKING_REQUEST = "LtiDeepLinkingRequest"
# Of the Asset Processor: a report is opened, what is set for an assignment, and terms that a student is to accept.
REPORT_REVIEW_REQUEST = "LtiReportReviewRequest"
SETTINGS_REQUEST = "LtiAssetProcessorSettingsRequest"
EULA_REQUEST = "LtiEulaRequest"
MESSAGES = (RESOURCE_LINK_REQUEST, DEEP_LINKING_REQUEST, REPORT_REVIEW_REQUEST, SETTINGS_REQUEST, EULA_REQUEST)
ASSET_PROCESSOR = "ltiAssetProcessor"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
TEACHES = frozenset({"Instructor", "TeachingAssistant", "ContentDeveloper"})
LEARNS = frozenset({"Learner"})
# The name of our parameter: in the address of an assignment, and in what a platform is asked to send.
ASSIGNMENT = "assignment"


@dataclass(frozen=True, kw_only=True)
class Named:
    """A course or an assignment as the platform names it."""

    id: str
    title: str


@dataclass(frozen=True, kw_only=True)
class DeepLinking:
    """A teacher is choosing what a link leads to. The answer goes to `return_url`, with `data` as it came.

    With `is_asset_processor` they attach EssayCoach to an assignment of the platform's own instead.
    """

    return_url: str
    data: str | None
    is_asset_processor: bool


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A launch. `assignment` is ours, when the link was made by deep linking; `link` is the platform's link.

    `line_item_url` is where the platform takes scores of the link, if we may send some.
    """

    message: str
    person: LmsPerson
    role: LinkRole | None
    deployment: str
    course: Named
    link: Named | None
    assignment: UUID | None
    deep_linking: DeepLinking | None
    memberships_url: str | None
    return_url: str | None
    line_item_url: str | None

    @property
    def is_for_teachers(self) -> bool:
        """Return whether only teachers may do what it asks for."""
        return self.message in (DEEP_LINKING_REQUEST, SETTINGS_REQUEST)

    @property
    def is_about_documents(self) -> bool:
        """Return whether a teacher attaches us to an assignment of the platform's own, or looks at what is set there."""
        is_attaching = self.deep_linking is not None and self.deep_linking.is_asset_processor
        return is_attaching or self.message == SETTINGS_REQUEST


def read(claims: dict[str, Any]) -> Launch:
    """Return what checked claims say. Raises NotProved when they are no launch that we know."""
    message = claims.get(CLAIM + "message_type")
    if message not in MESSAGES:
        raise NotProved("it is a message of another kind")
    deployment: str = claims[CLAIM + "deployment_id"]
    role = course_role(texts_of(claims.get(CLAIM + "roles")))
    link = _named(claims.get(CLAIM + "resource_link"))
    if message == RESOURCE_LINK_REQUEST and link is None:
        raise NotProved("it names no link")
    subject = storable(claims["sub"])
    if subject is None:
        raise NotProved("it names nobody")
    return Launch(
        message=message,
        person=LmsPerson(subject=subject, sis_id=_sis_id(claims), name=text_of(claims.get("name"))),
        role=role,
        deployment=deployment,
        course=course_of(claims),
        link=link if message == RESOURCE_LINK_REQUEST else None,
        assignment=_assignment(claims),
        deep_linking=_deep_linking(claims) if message == DEEP_LINKING_REQUEST else None,
        memberships_url=storable(object_of(claims.get(NAMES_AND_ROLES_CLAIM)).get("context_memberships_url")),
        return_url=storable(object_of(claims.get(CLAIM + "launch_presentation")).get("return_url")),
        line_item_url=_line_item_url(object_of(claims.get(ENDPOINT))),
    )


def course_of(claims: dict[str, Any]) -> Named:
    """Return the course. The claim may be missing: then the whole deployment is one course."""
    deployment: str = claims[CLAIM + "deployment_id"]
    return _named(claims.get(CLAIM + "context")) or Named(
        id=f"deployment {deployment}"[:MAX_ID], title=urlsplit(claims["iss"]).hostname or deployment
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
    return sis_id_of(object_of(claims.get(CLAIM + "lis")).get("person_sourcedid"))


def sis_id_of(value: object) -> str | None:
    """Return an id of the school's register. A platform that does not know a variable sends its name, which is none."""
    found = id_of(value)
    return None if found is None or found.startswith(("$", OWN_ID)) else found


def _assignment(claims: dict[str, Any]) -> UUID | None:
    target = claims.get(CLAIM + "target_link_uri")
    sent = [object_of(claims.get(CLAIM + "custom")).get(ASSIGNMENT)]
    try:
        sent += parse_qs(urlsplit(target).query).get(ASSIGNMENT, []) if isinstance(target, str) else []
        return next((UUID(one) for one in sent if isinstance(one, str)), None)
    except ValueError:
        return None


def _line_item_url(endpoint: dict[str, Any]) -> str | None:
    return storable(endpoint.get("lineitem")) if score.SCOPE in texts_of(endpoint.get("scope")) else None


def _deep_linking(claims: dict[str, Any]) -> DeepLinking:
    asked = object_of(claims.get(DEEP_LINKING + "deep_linking_settings"))
    url, data = asked.get("deep_link_return_url"), asked.get("data")
    accepted = texts_of(asked.get("accept_types"))
    is_asset_processor = ASSET_PROCESSOR in accepted
    if not isinstance(url, str) or (accepted and not is_asset_processor and "ltiResourceLink" not in accepted):
        raise NotProved("it asks for something that we do not have")
    return DeepLinking(
        return_url=url, data=data if isinstance(data, str) else None, is_asset_processor=is_asset_processor
    )


def _named(value: object) -> Named | None:
    """Return a course or an assignment, or None when it has no id. Without a title, its label or id stands in its place."""
    found = object_of(value)
    identifier = id_of(found.get("id"))
    if identifier is None:
        return None
    return Named(id=identifier, title=text_of(found.get("title")) or text_of(found.get("label")) or identifier)
