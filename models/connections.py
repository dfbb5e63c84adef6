"""Connections to LMSs, as an admin sees and changes them: API keys and sources. Who calls with one: `callers`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from models.api_key_text import digest, new_text, shown_prefix
from models.crypto import AssociatedData, keyring
from models.db import new_ids, row, rows, run
from models.errors import Ended, Invalid, NotFound
from models.tables import ApiKeys, Sources
from models.webhook_secret import new_secret

DAY_SECONDS = 86_400
LONGEST_OVERLAP_SECONDS = 30 * DAY_SECONDS

Scope = Literal["submit", "read", "manage"]
# `signed` and `custom` send whole essays by webhook. `moodle`, `moodle_webhookengine` (models/moodle_sites.py) and `canvas` are asked for
# them; the last two also tell us when. An `lti` source is a platform (models/platforms.py).
SourceKind = Literal["signed", "custom", "moodle", "moodle_webhookengine", "canvas", "lti"]
# These sign with the source's secret what they deliver.
SIGNING_KINDS: tuple[SourceKind, ...] = ("signed", "custom", "moodle_webhookengine")
# To these the webhook door is open.
DELIVERING_KINDS: tuple[SourceKind, ...] = (*SIGNING_KINDS, "canvas")
EVERY_SCOPE: tuple[Scope, ...] = ("submit", "read", "manage")
# What a new key may do unless its maker says otherwise.
USUAL_SCOPES: tuple[Scope, ...] = ("submit", "read")


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
    mapping: dict[str, Any] | None


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
    text, key = new_text(), new_ids(1)[0]
    ApiKeys.insert(
        id=key, org_id=org, name=name, prefix=shown_prefix(text), digest=digest(text, pepper), scopes=list(scopes),
        expires_at=expires_at, creates_courses=creates_courses, networks=list(networks),
    ).execute()  # fmt: skip
    return key, text


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
    secret: str | None = None,
    mapping: dict[str, Any] | None = None,
) -> tuple[UUID, str]:
    """Store a new source and return its id and secret. The secret is stored encrypted and returned only here.

    `secret` is one that the LMS has made; without it a new one is made. `mapping`: how deliveries of a `custom` source are read.

    With `creates_courses`, a delivery may add the course and the assignment that it names by the LMS's own ids. With
    `networks` (canonical) deliveries are accepted from there only.
    """
    secret = secret or new_secret()
    source = new_ids(1)[0]
    sealed = keyring().seal(secret, place=AssociatedData("sources", "secret", org, source))
    Sources.insert(
        id=source, org_id=org, name=name, secret=sealed, creates_courses=creates_courses, networks=list(networks), kind=kind,
        mapping=mapping,
    ).execute()  # fmt: skip
    return source, secret


def list_sources(*, org: UUID, limit: int, before: UUID | None = None) -> list[SourceCard]:
    """Return the org's sources, disabled ones included, newest first. `before` is the last id of the previous page."""
    found = rows(
        """
        select id, kind, name, creates_courses, networks, created_at, disabled_at, previous_secret_until, mapping from sources
        where org_id = %(org)s and kind <> 'lti' and (%(before)s::uuid is null or id < %(before)s)
        order by id desc limit %(limit)s
        """,
        {"org": org, "before": before, "limit": limit},
    )
    return [SourceCard(**record) for record in found]


def fetch_source(source: UUID, *, org: UUID) -> SourceCard:
    """Return the facts of a source. Raises NotFound."""
    found = row(
        """
        select id, kind, name, creates_courses, networks, created_at, disabled_at, previous_secret_until, mapping from sources
        where org_id = %s and id = %s and kind <> 'lti'
        """,
        (org, source),
    )
    if found is None:
        raise NotFound("There is no such source.")
    return SourceCard(**found)


def fetch_kind(source: UUID, *, org: UUID) -> SourceKind:
    """Return the kind of any source, a platform too. Call it as ec_admin. Raises NotFound."""
    found = row("select kind from sources where org_id = %s and id = %s", (org, source))
    if found is None:
        raise NotFound("There is no such source.")
    kind: SourceKind = found["kind"]
    return kind


def change_source(
    source: UUID,
    *,
    org: UUID,
    name: str | None = None,
    disabled: bool | None = None,
    creates_courses: bool | None = None,
    networks: Sequence[str] | None = None,
    mapping: dict[str, Any] | None = None,
) -> None:
    """Change the source from the next delivery on; None changes nothing. Raises NotFound."""
    updated = run(
        """
        update sources set name = coalesce(%(name)s, name), creates_courses = coalesce(%(creates_courses)s, creates_courses),
            networks = coalesce(%(networks)s, networks), mapping = coalesce(%(mapping)s::jsonb, mapping),
            disabled_at = case %(disabled)s::boolean when true then coalesce(disabled_at, now()) when false then null else disabled_at end
        where org_id = %(org)s and id = %(source)s and kind <> 'lti'
        """,
        {
            "name": name,
            "disabled": disabled,
            "creates_courses": creates_courses,
            "networks": None if networks is None else list(networks),
            "mapping": None if mapping is None else json.dumps(mapping),
            "org": org,
            "source": source,
        },
    )
    if not updated:
        raise NotFound("There is no such source.")


def rotate_source(source: UUID, *, org: UUID, overlap_seconds: int = DAY_SECONDS, secret: str | None = None) -> str:
    """Store a new secret for the source and return it, only here. The previous secret is valid too until the overlap ends.

    `secret` is one that the LMS has made; without it a new one is made.

    A lock on the source's row lets concurrent rotations run one after the other, so that each keeps the secret before it.
    Raises NotFound.
    """
    found = row(
        "select secret from sources where org_id = %s and id = %s and kind = any (%s) for update",
        (org, source, list(SIGNING_KINDS)),
    )
    if found is None:
        raise NotFound("There is no such source.")
    secret = secret or new_secret()
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


def _check_in_future(expires_at: datetime | None) -> None:
    found = row("select %s::timestamptz <= now() as over", (expires_at,)) if expires_at is not None else None
    if found is not None and found["over"]:
        raise Invalid("A key cannot have expired already.", errors=[("/expires_at", "must lie in the future")])
