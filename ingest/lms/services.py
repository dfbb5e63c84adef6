"""Services of a platform: a token for us, with our key instead of a password, and the people of a course (Names and Roles)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ingest.lms.calls import fetch
from ingest.lms.deep_links import sign
from ingest.lms.launch_claims import course_role, sis_id_of, storable, text_of, texts_of
from ingest.lms.login import is_neighbour, origin_of
from models.lms_people import LinkRole, LmsPerson
from models.platforms import Platform
from outgoing.client import Client, NoAnswer

NAMES_AND_ROLES = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MEMBERS_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
MAX_PAGES = 50
MAX_SUBJECT = 255
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?')
# What a token may hold in a header (RFC 6750).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True, kw_only=True)
class ListedMember:
    """Somebody in a course of the platform. `role` is None for who neither learns nor teaches there."""

    person: LmsPerson
    role: LinkRole | None


def access_token(platform: Platform, scope: str, *, client: Client) -> str:
    """Return a token of the platform for this scope. Raises NoAnswer."""
    known = platform.registration
    audience = known.token_audience or known.token_url
    if not is_neighbour(audience, known.token_url):
        raise NoAnswer("its audience is another site than its address for tokens")
    proof = sign({"iss": known.client_id, "sub": known.client_id, "aud": audience})
    asked = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION,
        "client_assertion": proof,
        "scope": scope,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    _, found = fetch(client, "POST", known.token_url, headers=headers, body=urlencode(asked).encode())
    token = found.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise NoAnswer("it gave no token")
    return token


def list_members(platform: Platform, url: str, *, client: Client) -> Iterator[list[ListedMember]]:
    """Yield the people of a course, page by page. Raises NoAnswer, also when a page is elsewhere: the token is for one site."""
    token, origin = access_token(platform, NAMES_AND_ROLES, client=client), origin_of(url)
    for _ in range(MAX_PAGES):
        answer, found = fetch(client, "GET", url, headers={"Authorization": f"Bearer {token}", "Accept": MEMBERS_TYPE})
        members = found.get("members")
        if not isinstance(members, list):
            raise NoAnswer("its list has no members")
        yield [one for one in map(_member, members) if one is not None]
        more = _NEXT.search(answer.headers.get("link", ""))
        if more is None:
            return
        url = more[1]
        if origin_of(url) != origin:
            raise NoAnswer("its list goes on at another address")
    raise NoAnswer(f"its list has more than {MAX_PAGES} pages")


def _member(found: Any) -> ListedMember | None:
    """Return a member of the list, or None for somebody who is not active or whom it does not name."""
    if not isinstance(found, dict) or found.get("status", "Active") != "Active":
        return None
    subject = storable(found.get("user_id"))
    if subject is None or not 0 < len(subject) <= MAX_SUBJECT:
        return None
    return ListedMember(
        person=LmsPerson(
            subject=subject, sis_id=sis_id_of(found.get("lis_person_sourcedid")), name=text_of(found.get("name"))
        ),
        role=course_role(texts_of(found.get("roles"))),
    )
