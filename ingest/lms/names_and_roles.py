"""The people of a course, as its platform lists them (Names and Roles)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingest.lms.claim_values import exact_id_of, text_of, texts_of
from ingest.lms.launch_claims import course_role, sis_id_of
from models.lms_people import LinkRole, LmsPerson
from models.lti_keys import SigningKey
from models.platforms import Platform
from outgoing.client import Client, NoAnswer
from outgoing.lti import access_token, fetch_json
from outgoing.sites import origin_of

MEMBERS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
MEMBERS_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
MAX_PAGES = 50
# Moodle sends everybody on one page unless it is asked for less, and that of a large course is longer than an answer may be.
PAGE = 200
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, kw_only=True)
class ListedMember:
    """Somebody in a course of the platform. `role` is None for who neither learns nor teaches there."""

    person: LmsPerson
    role: LinkRole | None


def list_members(platform: Platform, url: str, key: SigningKey, *, client: Client) -> Iterator[list[ListedMember]]:
    """Yield the people of a course, page by page. Raises NoAnswer, also when a page is elsewhere: the token is for one site."""
    token, origin = access_token(platform, MEMBERS_SCOPE, key, client=client), origin_of(url)
    url += f"{'&' if '?' in url else '?'}limit={PAGE}"
    for _ in range(MAX_PAGES):
        answer, found = fetch_json(
            client, "GET", url, headers={"Authorization": f"Bearer {token}", "Accept": MEMBERS_TYPE}
        )
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
    subject = exact_id_of(found.get("user_id"))
    if subject is None:
        return None
    return ListedMember(
        person=LmsPerson(
            subject=subject, sis_id=sis_id_of(found.get("lis_person_sourcedid")), name=text_of(found.get("name"))
        ),
        role=course_role(texts_of(found.get("roles"))),
    )
