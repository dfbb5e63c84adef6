"""What the small LMS is about: its course, its people, and the words of LTI 1.3 that it uses."""

from __future__ import annotations

from dataclasses import dataclass

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
DEEP = "https://purl.imsglobal.org/spec/lti-dl/claim/"
NAMES_AND_ROLES = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEPLOYMENT = "1"
COURSE = {"id": "course-7", "label": "ENG 7", "title": "English 7"}
LINK = {"id": "link-1", "title": "My favourite place"}
# Of `lti_message_hint`: a teacher chooses what a link leads to.
CHOOSE = "choose"


@dataclass(frozen=True, kw_only=True)
class Member:
    """Somebody in the course of this LMS."""

    subject: str
    name: str
    role: str
    sis_id: str | None = None


MEMBERS = (
    Member(subject="4", name="Mia Moss", role="Learner"),
    Member(subject="5", name="Noah Nash", role="Learner"),
    Member(subject="2", name="Tara Teach", role="Instructor"),
)


@dataclass(frozen=True)
class Reply:
    """An answer of this LMS."""

    status: int
    headers: dict[str, str]
    body: bytes
