"""Connections to LMSs: API keys, of which only the digest is stored, and webhook sources with one or two valid secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from models.crypto import AssociatedData, keyring
from models.db import new_ids, row, rows, run
from models.errors import Ended, Invalid, KeysMissing, NotFound, Unauthorised
from models.networks import is_within
from models.tables import ApiKeys, Sources

ALPHABET = string.digits + string.ascii_letters
KEY_PREFIX = "ec_live_"
RANDOM_LENGTH = 30
CHECKSUM_LENGTH = 6
DAY_SECONDS = 86_400
LONGEST_OVERLAP_SECONDS = 30 * DAY_SECONDS

Scope = Literal["submit", "read", "manage"]
# Sources that are made here: those that send signed webhooks, and Moodle sites that are asked (models/moodle_sites.py).
SourceKind = Literal["signed", "moodle"]
EVERY_SCOPE: tuple[Scope, ...] = ("submit", "read", "manage")
# What a new key may do unless its maker says otherwise.
USUAL_SCOPES: tuple[Scope, ...] = ("submit", "read")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The caller that an API key belongs to: the key's id, its org and its scopes. `refused`: not from this address."""

    id: UUID
    org: UUID
    scopes: frozenset[str]
    refused: bool = False


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """The facts of an API key that stay readable after its text was shown once. They do not allow anybody to use the key."""

    id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    creates_courses: bool
    networks: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_on: date | None
    revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A webhook source with its networks and valid secrets, newest first; each of them may have signed a delivery."""

    id: UUID
    org: UUID
    secrets: tuple[str, ...]
    networks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SourceCard:
    """The facts of a source, without its secrets."""

    id: UUID
    kind: SourceKind
    name: str
    creates_courses: bool
    networks: list[str]
    created_at: datetime
    disabled_at: datetime | None
    previous_secret_until: datetime | None


def add_api_key(
    name: str,
    *,
    org: UUID,
    pepper: bytes,
    scopes: Sequence[Scope] = USUAL_SCOPES,
    expires_at: datetime | None = None,
    creates_courses: bool = False,
    networks: Sequence[str] = (),
) -> tuple[UUID, str]:
    """Store a new API key and return its id and text. Only its digest is stored, so the text cannot be returned again.

    With `creates_courses`, a hand-in may add the course and the assignment that it names by the LMS's own ids. With `networks`
    (canonical) the key is accepted from there only.
    Raises Invalid when `expires_at` is not in the future.
    """
    _check_in_future(expires_at)
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    text = KEY_PREFIX + body + _checksum(body)
    key = new_ids(1)[0]
    ApiKeys.insert(
        id=key,
        org_id=org,
        name=name,
        prefix=text[: len(KEY_PREFIX) + 4],
        digest=_digest(text, pepper),
        scopes=list(scopes),
        expires_at=expires_at,
        creates_courses=creates_courses,
        networks=list(networks),
    ).execute()
    return key, text


def recognise_api_key(text: str, *, pepper: bytes, address: str | None = None) -> Caller:
    """Return the caller that the key belongs to, and store the day of its last use. Call it as ec_auth.

    A key that is not accepted from this address (canonical) is returned as `refused`, and its day is not stored. Raises
    Unauthorised, and KeysMissing while nobody's writing can be read.
    """
    body = text.removeprefix(KEY_PREFIX)
    # The checksum refuses a mistyped or invented key without a query.
    if len(body) == RANDOM_LENGTH + CHECKSUM_LENGTH and _checksum(body[:RANDOM_LENGTH]) == body[RANDOM_LENGTH:]:
        found = row(
            """
            select id, org_id, scopes, networks, last_used_on is distinct from (now() at time zone 'utc')::date as first_today,
                keys_missing() as keyless
            from api_keys where digest = %s and revoked_at is null and coalesce(expires_at, 'infinity') > now()
                and exists (select from orgs as o where o.id = org_id and o.closed_at is null)
            """,
            (_digest(text, pepper),),
        )
        if found is not None:
            if found["keyless"]:
                raise KeysMissing
            refused = not is_within(address, found["networks"])
            if found["first_today"] and not refused:
                _store_last_use(found["id"])
            return Caller(id=found["id"], org=found["org_id"], scopes=frozenset(found["scopes"]), refused=refused)
    raise Unauthorised("The API key is not known, has expired or was revoked.")


def require_live_key(key: UUID, *, scope: Scope, address: str | None = None) -> None:
    """Check that the API key is still valid, also from this address, and has this scope. Call it as ec_auth. Raises Unauthorised."""
    found = row(
        """
        select networks from api_keys where id = %s and revoked_at is null and coalesce(expires_at, 'infinity') > now()
            and %s = any (scopes) and exists (select from orgs as o where o.id = org_id and o.closed_at is null)
        """,
        (key, scope),
    )
    if found is None or not is_within(address, found["networks"]):
        raise Unauthorised("The API key has expired or was revoked.")


def list_api_keys(*, org: UUID, limit: int, before: UUID | None = None) -> list[ApiKey]:
    """Return the org's API keys, revoked ones included, newest first. `before` is the last id of the previous page."""
    found = rows(
        """
        select id, name, prefix, scopes, creates_courses, networks, created_at, expires_at, last_used_on, revoked_at from api_keys
        where org_id = %(org)s and (%(before)s::uuid is null or id < %(before)s) order by id desc limit %(limit)s
        """,
        {"org": org, "before": before, "limit": limit},
    )
    return [ApiKey(**record) for record in found]


def fetch_api_key(key: UUID, *, org: UUID) -> ApiKey:
    """Return the facts of an API key. Raises NotFound."""
    found = row(
        """
        select id, name, prefix, scopes, creates_courses, networks, created_at, expires_at, last_used_on, revoked_at from api_keys
        where org_id = %s and id = %s
        """,
        (org, key),
    )
    if found is None:
        raise NotFound("There is no such API key.")
    return ApiKey(**found)


def change_api_key(key: UUID, *, org: UUID, changes: dict[str, Any]) -> None:
    """Change the key as `changes` (name, scopes, creates_courses, networks, expires_at) says. Raises NotFound, Invalid.

    The change is valid from the next request on.
    """
    if set(changes) - {"name", "scopes", "creates_courses", "networks", "expires_at"}:
        raise ValueError("only the name, the rights and the end of an API key can be changed")
    _check_in_future(changes.get("expires_at"))
    fetch_api_key(key, org=org)
    if changes:
        ApiKeys.update(**changes).where(ApiKeys.org_id == org, ApiKeys.id == key).execute()


def revoke_api_key(key: UUID, *, org: UUID) -> None:
    """Revoke the key from the next request on. Idempotent. Raises NotFound."""
    if not run(
        "update api_keys set revoked_at = coalesce(revoked_at, now()) where org_id = %s and id = %s", (org, key)
    ):
        raise NotFound("There is no such API key.")


def rotate_api_key(key: UUID, *, org: UUID, pepper: bytes, overlap_seconds: int = DAY_SECONDS) -> tuple[UUID, str]:
    """Store a new key with the same name and rights and return its id and text. The old key expires after the overlap.

    The new key expires when the old one was to expire, so rotation never extends the life of a key. The text cannot be
    returned again. Raises NotFound, and Ended when the old key has expired or was revoked.
    """
    found = row(
        """
        update api_keys set expires_at = least(expires_at, now() + make_interval(secs => %s))
        where org_id = %s and id = %s and revoked_at is null and coalesce(expires_at, 'infinity') > now()
        returning name, scopes, creates_courses, networks, old.expires_at as was_to_end_at
        """,
        (overlap_seconds, org, key),
    )
    if found is None:
        fetch_api_key(key, org=org)
        raise Ended("This API key has expired or was revoked.")
    return add_api_key(
        found["name"],
        org=org,
        pepper=pepper,
        scopes=found["scopes"],
        expires_at=found["was_to_end_at"],
        creates_courses=found["creates_courses"],
        networks=found["networks"],
    )


def add_source(
    name: str,
    *,
    org: UUID,
    creates_courses: bool = False,
    networks: Sequence[str] = (),
    kind: SourceKind = "signed",
) -> tuple[UUID, str]:
    """Store a new source and return its id and secret. The secret is stored encrypted and returned only here.

    With `creates_courses`, a delivery may add the course and the assignment that it names by the LMS's own ids. With
    `networks` (canonical) deliveries are accepted from there only.
    """
    secret = new_secret()
    source = new_ids(1)[0]
    sealed = keyring().seal(secret, place=AssociatedData("sources", "secret", org, source))
    Sources.insert(
        id=source,
        org_id=org,
        name=name,
        secret=sealed,
        creates_courses=creates_courses,
        networks=list(networks),
        kind=kind,
    ).execute()
    return source, secret


def list_sources(*, org: UUID, limit: int, before: UUID | None = None) -> list[SourceCard]:
    """Return the org's webhook sources, disabled ones included, newest first. `before` is the last id of the previous page."""
    found = rows(
        """
        select id, kind, name, creates_courses, networks, created_at, disabled_at, previous_secret_until from sources
        where org_id = %(org)s and kind in ('signed', 'moodle') and (%(before)s::uuid is null or id < %(before)s)
        order by id desc limit %(limit)s
        """,
        {"org": org, "before": before, "limit": limit},
    )
    return [SourceCard(**record) for record in found]


def fetch_source(source: UUID, *, org: UUID) -> SourceCard:
    """Return the facts of a webhook source. Raises NotFound."""
    found = row(
        """
        select id, kind, name, creates_courses, networks, created_at, disabled_at, previous_secret_until from sources
        where org_id = %s and id = %s and kind in ('signed', 'moodle')
        """,
        (org, source),
    )
    if found is None:
        raise NotFound("There is no such webhook source.")
    return SourceCard(**found)


def change_source(
    source: UUID,
    *,
    org: UUID,
    name: str | None = None,
    disabled: bool | None = None,
    creates_courses: bool | None = None,
    networks: Sequence[str] | None = None,
) -> None:
    """Change the source from the next delivery on; None changes nothing. Raises NotFound."""
    updated = run(
        """
        update sources set name = coalesce(%(name)s, name), creates_courses = coalesce(%(creates_courses)s, creates_courses),
            networks = coalesce(%(networks)s, networks),
            disabled_at = case %(disabled)s::boolean when true then coalesce(disabled_at, now()) when false then null else disabled_at end
        where org_id = %(org)s and id = %(source)s and kind in ('signed', 'moodle')
        """,
        {
            "name": name,
            "disabled": disabled,
            "creates_courses": creates_courses,
            "networks": None if networks is None else list(networks),
            "org": org,
            "source": source,
        },
    )
    if not updated:
        raise NotFound("There is no such webhook source.")


def rotate_source(source: UUID, *, org: UUID, overlap_seconds: int = DAY_SECONDS) -> str:
    """Store a new secret for the source and return it, only here. The previous secret is valid too until the overlap ends.

    A lock on the source's row lets concurrent rotations run one after the other, so that each keeps the secret before it.
    Raises NotFound.
    """
    found = row(
        "select secret from sources where org_id = %s and id = %s and kind = 'signed' for update", (org, source)
    )
    if found is None:
        raise NotFound("There is no such webhook source.")
    secret = new_secret()
    # A ciphertext decrypts only in its own column, so the old secret must be encrypted again to move.
    previous = keyring().open(found["secret"], place=AssociatedData("sources", "secret", org, source))
    run(
        """
        update sources set secret = %s, previous_secret = %s, previous_secret_until = now() + make_interval(secs => %s)
        where org_id = %s and id = %s
        """,
        (
            keyring().seal(secret, place=AssociatedData("sources", "secret", org, source)),
            keyring().seal(previous, place=AssociatedData("sources", "previous_secret", org, source)),
            overlap_seconds,
            org,
            source,
        ),
    )
    return secret


def find_source(source: UUID) -> Source:
    """Return a source with its valid secrets. Call it as ec_auth.

    Raises NotFound, also when the source is disabled or its org is closed, and KeysMissing while nobody's writing can be read.
    """
    found = row(
        """
        select org_id, secret, networks, case when previous_secret_until > now() then previous_secret end as previous_secret,
            keys_missing() as keyless
        from sources where id = %s and disabled_at is null and kind = 'signed'
            and exists (select from orgs as o where o.id = org_id and o.closed_at is null)
        """,
        (source,),
    )
    if found is None:
        raise NotFound("There is no such webhook source.")
    if found["keyless"]:
        raise KeysMissing
    places = {
        column: AssociatedData("sources", column, found["org_id"], source) for column in ("secret", "previous_secret")
    }
    valid_secrets = tuple(
        keyring().open(found[column], place=places[column]) for column in places if found[column] is not None
    )
    return Source(id=source, org=found["org_id"], secrets=valid_secrets, networks=tuple(found["networks"]))


def _store_last_use(key: UUID) -> None:
    run(
        """
        update api_keys set last_used_on = (now() at time zone 'utc')::date
        where id = %s and last_used_on is distinct from (now() at time zone 'utc')::date
        """,
        (key,),
    )


def _check_in_future(expires_at: datetime | None) -> None:
    found = row("select %s::timestamptz <= now() as over", (expires_at,)) if expires_at is not None else None
    if found is not None and found["over"]:
        raise Invalid("A key cannot have expired already.", errors=[("/expires_at", "must lie in the future")])


def new_secret() -> str:
    """Return a new secret to sign webhooks with (whsec_…)."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _digest(text: str, pepper: bytes) -> bytes:
    return hmac.new(pepper, text.encode(), hashlib.sha256).digest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, remainder = divmod(number, len(ALPHABET))
        digits = ALPHABET[remainder] + digits
    return digits
