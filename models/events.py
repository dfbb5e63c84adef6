"""Idempotency keys, webhook deliveries, what people do, and stored log lines."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import psycopg2.errors

from models.crypto import AssociatedData, Ciphertext, Key, Keyring, keyring
from models.db import caused_by, new_ids, row, rows, run
from models.errors import DatabaseAway, InProgress, KeyReused

Outcome = Literal["accepted", "ignored", "refused"]
LogLevel = Literal["warning", "error"]
# `submitted` and `revised` are written where a version is stored, by store_version in the database.
Event = Literal["feedback_viewed", "comment_opened", "comment_judged", "released", "reviewed", "exported", "launched"]
# The programs that keep log lines.
LogProgram = Literal["ingest", "worker", "clock"]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One webhook delivery with a valid signature, as raw bytes. `event` is what it says in our form, where its own is another."""

    org: UUID
    source: UUID
    event_id: str
    body: bytes
    event: dict[str, Any] | None = None

    def text(self) -> str:
        """Return the body as text, with what is not UTF-8 escaped. A body that was handled is exactly its text."""
        return self.body.decode("utf-8", "backslashreplace")

    def body_sha256(self) -> bytes:
        """Return the digest of the bytes."""
        return hashlib.sha256(self.body).digest()

    def canonical_sha256(self) -> bytes | None:
        """Return the digest of what the delivery says, its type and data, or None when it cannot be read.

        A sender that repeats a delivery may build it anew: with another time of sending, order of members or white space.
        """
        try:
            event = json.loads(self.body) if self.event is None else self.event
            return hashlib.sha256(canonical_json({name: event[name] for name in ("type", "data")})).digest()
        except (ValueError, RecursionError, TypeError, KeyError):
            return None


def canonical_json(value: Any) -> bytes:
    """Return a parsed JSON value in the one form that all ways of writing it share: sorted members and no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def claim_key(
    key: str, *, org: UUID, caller: UUID, request_sha256: bytes, canonical_sha256: bytes | None = None
) -> dict[str, Any] | None:
    """Claim the idempotency key and return None when it is new, or return the answer that was given to it before.

    A request is the same when its bytes or what they say (`canonical_sha256`) are the same. A concurrent equal request waits
    until the first one commits. Raises InProgress when that takes too long, and KeyReused when the key came before with
    another request.
    """
    try:
        is_new = run(
            """
            insert into idempotency_keys (org_id, caller_id, key, request_sha256, canonical_sha256) values (%s, %s, %s, %s, %s)
            on conflict do nothing
            """,
            (org, caller, key, request_sha256, canonical_sha256),
        )
    except DatabaseAway as error:
        if caused_by(error, psycopg2.errors.LockNotAvailable):
            raise InProgress("The same request is still being carried out. Ask again in a moment.") from None
        raise
    if is_new:
        return None
    found = row(
        """
        select request_sha256 = %s or canonical_sha256 = %s as is_same, response
        from idempotency_keys where org_id = %s and caller_id = %s and key = %s
        """,
        (request_sha256, canonical_sha256, org, caller, key),
    )
    if found is None or found["response"] is None:
        raise InProgress("The same request is still being carried out. Ask again in a moment.")
    if not found["is_same"]:
        raise KeyReused("This Idempotency-Key came before with another request. Use a new key for a new request.")
    answer: dict[str, Any] = found["response"]
    return answer


def keep_answer(key: str, *, org: UUID, caller: UUID, answer: dict[str, Any]) -> None:
    """Store the answer of the key; a repeat of the request gets exactly this answer."""
    run(
        "update idempotency_keys set response = %s where org_id = %s and caller_id = %s and key = %s",
        (json.dumps(answer), org, caller, key),
    )


def record_first_delivery(delivery: Delivery) -> dict[str, Any] | None:
    """Record the event id and return None when it is new, or return the answer that was given to it before.

    A delivery is the same when its bytes or what they say are the same. Raises KeyReused when the id came before with another
    event, and InProgress when its first delivery takes too long.
    """
    digest, canonical_digest = delivery.body_sha256(), delivery.canonical_sha256()
    try:
        is_new = run(
            """
            insert into seen_events (org_id, source_id, event_id, body_sha256, canonical_sha256) values (%s, %s, %s, %s, %s)
            on conflict do nothing
            """,
            (delivery.org, delivery.source, delivery.event_id, digest, canonical_digest),
        )
    except DatabaseAway as error:
        if caused_by(error, psycopg2.errors.LockNotAvailable):
            raise InProgress("The same delivery is still being carried out. Send it again in a moment.") from None
        raise
    if is_new:
        return None
    found = row(
        """
        select body_sha256 = %s or canonical_sha256 = %s as is_same, answer
        from seen_events where org_id = %s and source_id = %s and event_id = %s
        """,
        (digest, canonical_digest, delivery.org, delivery.source, delivery.event_id),
    )
    if found is None or found["answer"] is None:
        raise InProgress("The same delivery is still being carried out. Send it again in a moment.")
    if not found["is_same"]:
        raise KeyReused("The id of this event came before with another event. Use a new id for a new event.")
    answer: dict[str, Any] = found["answer"]
    return answer


def store_delivery_answer(delivery: Delivery, *, answer: dict[str, Any], submission: UUID | None = None) -> None:
    """Store the answer of the event id, and its submission if it led to one. Both are kept for ever."""
    run(
        "update seen_events set submission_id = %s, answer = %s where org_id = %s and source_id = %s and event_id = %s",
        (submission, json.dumps(answer), delivery.org, delivery.source, delivery.event_id),
    )


def store_delivery(
    delivery: Delivery,
    *,
    outcome: Outcome,
    reason: str | None = None,
    user: UUID | None = None,
    key: Key | None = None,
    submission: UUID | None = None,
    problem: dict[str, Any] | None = None,
) -> None:
    """Store the raw body, encrypted by the student's key when there is one, otherwise by the master key.

    `problem` says in words why the delivery is refused. It may name a student, so the same key encrypts it.
    """
    event = new_ids(1)[0]
    sealer: Key | Keyring = key or keyring()

    def seal(column: str, text: str) -> Ciphertext:
        return sealer.seal(text, place=AssociatedData("inbound_events", column, delivery.org, event))

    run(
        """
        insert into inbound_events
            (id, org_id, source_id, event_id, user_id, submission_id, outcome, reason, body, body_sha256, problem)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            event,
            delivery.org,
            delivery.source,
            delivery.event_id,
            user,
            submission,
            outcome,
            reason,
            seal("body", delivery.text()),
            delivery.body_sha256(),
            problem and seal("problem", json.dumps(problem)),
        ),
    )


def note(event: Event, *, essay: UUID | None = None, submission: UUID | None = None) -> None:
    """Record what the acting person did. A command acts for nobody, so it records nothing.

    Only the author of an essay names it: what staff did holds no id of a student, so nothing of it is left when one is erased.
    """
    run(
        """
        insert into analytics (org_id, user_id, event, essay_id, submission_id)
        select app_org(), app_user(), %s, %s, %s where app_user() is not null
        """,
        (event, essay, submission),
    )


def keep_log(
    event: str,
    *,
    program: str,
    level: LogLevel,
    org: UUID | None = None,
    request_id: str | None = None,
    **context: Any,
) -> None:
    """Store a warning or an error for ninety days. `context` holds facts and identifiers only."""
    run(
        "insert into system_logs (org_id, program, level, event, request_id, context) values (%s, %s, %s, %s, %s, %s)",
        (org, program, level, event, request_id, json.dumps(context, default=str)),
    )


def list_logs(
    *,
    org: UUID,
    limit: int,
    before: UUID | None = None,
    level: str | None = None,
    program: str | None = None,
    since: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return the stored log lines of the org, newest first; `before` is the last id of the previous page. Call it as ec_admin."""
    # An id cannot say a time before 1970.
    return rows(
        """
        select id, created_at, program, level, event, request_id, context from system_logs
        where org_id = %(org)s and (%(before)s::uuid is null or id < %(before)s)
            and (%(since)s::timestamptz is null or id >= uuid7_floor(greatest(%(since)s::timestamptz, 'epoch')))
            and (%(level)s::text is null or level = %(level)s) and (%(program)s::text is null or program = %(program)s)
        order by id desc limit %(limit)s
        """,
        {"org": org, "before": before, "level": level, "program": program, "since": since, "limit": limit},
    )
