"""Platforms: LMSs that open our pages by LTI 1.3. Each is a source too, by whose id its courses and people are found."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models.constraints import translate_violations
from models.crypto import AssociatedData, keyring
from models.db import new_ids, row, rows, run
from models.errors import Invalid, NotFound, Unauthorised
from models.tables import Platforms, Sources

State = Literal["invited", "pending", "active", "off"]
# `handed_in`: full marks for handing in go to the LMS.
Scores = Literal["none", "handed_in"]
# How long a platform can register itself with the address that an admin made.
INVITATION_HOURS = 24
# A state is valid for ten minutes; what was spent is kept a little longer.
SPENT_MINUTES = 30
RULES = {"idx_platforms_client": "/values/client_id", "sources_name_not_blank": "/name"}
_FACTS = (
    "p.id, p.org_id as org, p.state, p.issuer, p.client_id, p.authorization_url, p.token_url, p.token_audience, p.jwks_url, "
    "p.deployments, p.frame_origins, p.scores, p.registration_ends_at, p.created_at"
)
# What is stored when a platform becomes known. Its address for registering is used up with that.
NOT_CONNECTED = (
    "This LMS is not connected to EssayCoach: an admin of your school has not approved it yet, or has switched it off."
)
_KNOWN = """registration_digest = null, registration_ends_at = null, issuer = %(issuer)s, client_id = %(client_id)s,
    authorization_url = %(authorization_url)s, token_url = %(token_url)s, token_audience = %(token_audience)s,
    jwks_url = %(jwks_url)s, deployments = %(deployments)s, frame_origins = %(origins)s"""
_OPEN_ORG = "exists (select from orgs as o where o.id = p.org_id and o.closed_at is null)"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a platform and we must know about each other. `token_audience`: the audience of token requests, if not `token_url`."""

    issuer: str
    client_id: str
    authorization_url: str
    token_url: str
    jwks_url: str
    token_audience: str | None = None


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A platform. Its addresses are None until it has registered. `deployments` are the only ones that may launch."""

    id: UUID
    org: UUID
    state: State
    issuer: str | None
    client_id: str | None
    authorization_url: str | None
    token_url: str | None
    token_audience: str | None
    jwks_url: str | None
    deployments: list[str]
    frame_origins: list[str]
    scores: Scores
    registration_ends_at: datetime | None
    created_at: datetime

    @property
    def registration(self) -> Registration:
        """Return what it registered with. Call it for a pending or active platform."""
        assert self.issuer and self.client_id and self.authorization_url and self.token_url and self.jwks_url  # noqa: PT018 - one CHECK
        return Registration(
            issuer=self.issuer, client_id=self.client_id, authorization_url=self.authorization_url, token_url=self.token_url,
            jwks_url=self.jwks_url, token_audience=self.token_audience,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PlatformCard:
    """A platform as admins see it."""

    platform: Platform
    name: str
    creates_courses: bool


def invite(name: str, *, org: UUID, creates_courses: bool, scores: Scores = "none") -> tuple[UUID, str]:
    """Store a platform that may register itself once, and return its id and the token for that. Call it as ec_admin.

    Only the token's digest is stored, so it cannot be returned again.
    """
    platform, token = _add_source(name, org=org, creates_courses=creates_courses), secrets.token_urlsafe(32)
    run(
        """
        insert into platforms (id, org_id, scores, registration_digest, registration_ends_at)
        values (%s, %s, %s, %s, now() + make_interval(hours => %s))
        """,
        (platform, org, scores, _digest(token), INVITATION_HOURS),
    )
    return platform, token


def add(
    name: str, *, org: UUID, creates_courses: bool, known: Registration, deployments: Sequence[str], frame_origins: Sequence[str],
    scores: Scores = "none",
) -> UUID:  # fmt: skip
    """Store a platform with the values that an admin has copied from it, ready to launch; return its id. Call it as ec_admin.

    Raises Taken when the org has it already.
    """
    platform = _add_source(name, org=org, creates_courses=creates_courses)
    with translate_violations(fields=RULES, thing="platform"):
        Platforms.insert(
            id=platform, org_id=org, state="active", deployments=list(deployments), frame_origins=list(frame_origins), scores=scores,
            **vars(known),
        ).execute()  # fmt: skip
    return platform


def enter(
    platform: UUID, *, org: UUID, known: Registration, deployments: Sequence[str], frame_origins: Sequence[str]
) -> None:
    """Store the values that an admin has copied from a platform, in place of what was known of it; it may launch unless it is off.

    Only before its first launch: then its ids stand for people, and another platform uses the same ids for others. Call it as
    ec_admin. Raises NotFound, Taken when the org has it already, and Invalid.
    """
    with translate_violations(fields=RULES, thing="platform"):
        stored = run(
            f"""
            update platforms set state = case state when 'off' then 'off' else 'active' end, {_KNOWN}
            where org_id = %(org)s and id = %(platform)s and launched_at is null
                and not exists (select from lms_people as l where l.org_id = %(org)s and l.source_id = %(platform)s)
            """,  # noqa: S608 - a constant
            {
                **vars(known), "deployments": list(deployments), "origins": list(frame_origins), "org": org, "platform": platform,
            },
        )  # fmt: skip
    if not stored:
        fetch_platform(platform, org=org)
        raise Invalid(
            "The platform has launched.", errors=[("/values", "cannot change after the first launch; add a platform")]
        )


def list_platforms(*, org: UUID, limit: int, before: UUID | None = None) -> list[PlatformCard]:
    """Return the org's platforms, newest first; `before` is the last id of the previous page. Call it as ec_admin."""
    found = rows(
        f"""
        select {_FACTS}, s.name, s.creates_courses from platforms as p join sources as s on s.org_id = p.org_id and s.id = p.id
        where p.org_id = %(org)s and (%(before)s::uuid is null or p.id < %(before)s) order by p.id desc limit %(limit)s
        """,  # noqa: S608 - a constant
        {"org": org, "before": before, "limit": limit},
    )
    return [_to_card(record) for record in found]


def fetch_platform(platform: UUID, *, org: UUID) -> PlatformCard:
    """Return a platform. Call it as ec_admin. Raises NotFound."""
    found = row(
        f"""
        select {_FACTS}, s.name, s.creates_courses from platforms as p join sources as s on s.org_id = p.org_id and s.id = p.id
        where p.org_id = %s and p.id = %s
        """,  # noqa: S608 - a constant
        (org, platform),
    )
    if found is None:
        raise NotFound("There is no such platform.")
    return _to_card(found)


def change_platform(platform: UUID, *, org: UUID, changes: dict[str, Any]) -> PlatformCard:
    """Change the platform as `changes` says (name, creates_courses, state, deployments, frame_origins, scores). Call it as ec_admin.

    Raises NotFound, and Invalid when a platform that has not registered is to be active.
    """
    known = fetch_platform(platform, org=org)
    if changes.get("state") == "active" and known.platform.issuer is None:
        raise Invalid(
            "This platform has not registered yet.", errors=[("/state", "cannot be active before it has registered")]
        )
    of_source = {name: changes[name] for name in ("name", "creates_courses") if name in changes}
    own: dict[str, Any] = {
        name: changes[name] for name in ("state", "deployments", "frame_origins", "scores") if name in changes
    }
    if "state" in own:
        own |= {"registration_digest": None, "registration_ends_at": None}
    with translate_violations(fields=RULES, thing="platform"):
        if of_source:
            Sources.update(of_source).where(Sources.org_id == org, Sources.id == platform).execute()
        if own:
            Platforms.update(own).where(Platforms.org_id == org, Platforms.id == platform).execute()
    if own.get("state") == "off":
        _end_sessions(platform, org=org)
    return fetch_platform(platform, org=org)


def find_invited(token: str) -> Platform:
    """Return the platform that may register itself with this token. Call it as ec_auth. Raises NotFound."""
    found = row(
        f"""
        select {_FACTS} from platforms as p
        where p.registration_digest = %s and p.state = 'invited' and p.registration_ends_at > now() and {_OPEN_ORG}
        """,  # noqa: S608 - constants
        (_digest(token),),
    )
    if found is None:
        raise NotFound("This registration address was used, or is too old.")
    return Platform(**found)


def store_registration(
    token: str, *, org: UUID, known: Registration, deployments: Sequence[str], origins: Sequence[str]
) -> None:
    """Store how the invited platform is reached, and use the token up; an admin decides next. Call it as ec_auth.

    Raises NotFound when the token was used meanwhile, and Taken when the org has the platform already.
    """
    with translate_violations(fields=RULES, thing="platform"):
        stored = run(
            f"""
            update platforms set state = 'pending', {_KNOWN}
            where org_id = %(org)s and registration_digest = %(digest)s and state = 'invited' and registration_ends_at > now()
            """,  # noqa: S608 - a constant
            {
                **vars(known), "deployments": list(deployments), "origins": list(origins), "org": org, "digest": _digest(token),
            },
        )  # fmt: skip
    if not stored:
        raise NotFound("This registration address was used, or is too old.")


def find_active(platform: UUID) -> Platform:
    """Return an active platform. Call it as ec_auth. Raises NotFound."""
    found = row(
        f"select {_FACTS} from platforms as p where p.id = %s and p.state = 'active' and {_OPEN_ORG}",  # noqa: S608 - constants
        (platform,),
    )
    if found is None:
        raise NotFound(NOT_CONNECTED)
    return Platform(**found)


def fetch_active(platform: UUID, *, org: UUID) -> Platform:
    """Return an active platform of the org. Needs a session of the org as a worker. Raises NotFound."""
    found = row(
        f"select {_FACTS} from platforms as p where p.org_id = %s and p.id = %s and p.state = 'active' and {_OPEN_ORG}",  # noqa: S608
        (org, platform),
    )
    if found is None:
        raise NotFound("There is no such platform.")
    return Platform(**found)


def find_by_client(issuer: str, client_id: str | None) -> Platform:
    """Return the only active platform of this issuer and client id. Call it as ec_auth. Raises NotFound, also when there are several."""
    found = rows(
        f"""
        select {_FACTS} from platforms as p
        where p.issuer = %(issuer)s and (%(client)s::text is null or p.client_id = %(client)s) and p.state = 'active' and {_OPEN_ORG}
        limit 2
        """,  # noqa: S608 - constants
        {"issuer": issuer, "client": client_id},
    )
    if len(found) != 1:
        raise NotFound(NOT_CONNECTED)
    return Platform(**found[0])


def spend_launch(nonce: str, *, org: UUID, platform: UUID) -> None:
    """Use the nonce of a launch up. Call it as ec_lms, with the platform as actor. Raises Unauthorised when it was used before."""
    run(
        """
        delete from spent_launches
        where org_id = %s and source_id = %s and spent_at < now() - make_interval(mins => %s)
        """,
        (org, platform, SPENT_MINUTES),
    )
    spent = run(
        "insert into spent_launches (org_id, source_id, state_digest) values (%s, %s, %s) on conflict do nothing",
        (org, platform, _digest(nonce)),
    )
    if not spent:
        raise Unauthorised("This launch was used before.")


def _add_source(name: str, *, org: UUID, creates_courses: bool) -> UUID:
    source = new_ids(1)[0]
    # A source has a secret. Nobody gets this one, and webhooks of this kind of source are refused.
    sealed = keyring().seal(secrets.token_urlsafe(32), place=AssociatedData("sources", "secret", org, source))
    Sources.insert(
        id=source, org_id=org, name=name, secret=sealed, creates_courses=creates_courses, networks=[], kind="lti"
    ).execute()
    return source


def _end_sessions(platform: UUID, *, org: UUID) -> None:
    """End the sessions of everybody whom the platform has named: some of them began with its word."""
    run(
        """
        update sessions set revoked_at = now(), revoked_reason = 'disabled'
        where org_id = %(org)s and revoked_at is null
            and user_id in (select l.user_id from lms_people as l where l.org_id = %(org)s and l.source_id = %(platform)s)
        """,
        {"org": org, "platform": platform},
    )


def _to_card(found: dict[str, Any]) -> PlatformCard:
    name, creates_courses = found.pop("name"), found.pop("creates_courses")
    return PlatformCard(platform=Platform(**found), name=name, creates_courses=creates_courses)


def _digest(text: str) -> bytes:
    # What was made from 32 random bytes cannot be guessed from its digest.
    return hashlib.sha256(text.encode()).digest()
