"""Receive the notices of a platform (LTI Platform Notification Service): each is signed like a launch, and taken in once.

Some platforms never send a notice again, and others send it five times in a moment, signed anew. So the answer is 200 as soon as
every genuine notice is stored, and what tells two notices apart is what they are about. (docs/adr/0180-an-lms-tells-us-by-notices.md)
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.lms import id_token, notice_claims, schemas
from ingest.lms.id_token import LEEWAY_SECONDS, NotProved
from ingest.lms.notice_claims import Notice, NotUsable
from ingest.web import key_sets, outgoing, rate_limits, security_log, system_log
from ingest.web.body import check_headers, parse, read_bytes
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from models import asset_arrivals, platforms, restored
from models.db import session
from models.platforms import Platform
from outgoing.client import NoAnswer

blueprint = Blueprint("notices", __name__)

MAX_NOTICES = 100
MAX_TOKEN_BYTES = 64 * 1024
# Older notices are refused, and so are those that are valid for longer than a day.
MAX_AGE_SECONDS = 3600
MAX_LIFETIME_SECONDS = 24 * 3600
# How long a platform that gave no keys is not asked again.
KEYS_RETRY_SECONDS = 30
RESTORED_COPY = "This is a restored copy of the service: it takes no notices until its operator releases it."
ENVELOPE = f"Send an object whose `notices` is a list of 1 to {MAX_NOTICES} objects with a `jwt`."


@dataclass(kw_only=True)
class _Batch:
    """What was found in a batch. `reasons` says why entries were refused, and how often."""

    notices: list[Notice] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    forged: int = 0


@blueprint.post("/lti/notices/<uuid:platform_id>")
@operation(
    "Receive notices of a platform",
    answers={200: schemas.NoticesTaken},
    body=schemas.NoticeBatch,
    problems=("invalid-notice-batch", "invalid-notice", "invalid-signature", "not-found"),
    security=(),
)
def receive(platform_id: UUID) -> Response:
    """Store what the LMS says was handed in (LTI Platform Notification Service); each notice is signed with a key of the platform.

    200 says that every genuine notice of the batch is stored, or needs nothing; the others are counted. A repeated notice changes
    nothing. While the keys of the platform or our database are away the answer is 503, and nothing is stored.
    """
    rate_limits.count_address()
    if restored.is_held():
        raise Problem("temporarily-unavailable", RESTORED_COPY)
    with session(role="ec_auth"):
        platform = platforms.find_active(platform_id)
    security_log.acts(platform.org)
    tokens = _tokens()
    batch = _check(tokens, platform)
    for reason in batch.reasons:
        system_log.keep("notice refused", org=platform.org, platform_id=platform.id, reason=reason)
    if batch.forged == len(tokens):
        raise Problem("invalid-signature", "No notice of this batch is signed by this platform for us.")
    # Counted when one is genuine, so that nobody else can use up the platform's rate.
    rate_limits.count(f"notices:{platform.id}")
    if batch.forged:
        security_log.note("webhook_signature_refused")
    if not batch.notices:
        raise Problem("invalid-notice", f"No notice of this batch can be used: {', '.join(sorted(batch.reasons))}.")
    found = {one.arrival.version_key: one.arrival for one in batch.notices if one.arrival is not None}
    if found:
        with session(org=platform.org, role="ec_lms", actor=platform.id):
            asset_arrivals.take_notices(list(found.values()))
    accepted = sum(one.arrival is not None for one in batch.notices)
    return json_response(
        schemas.NoticesTaken(
            accepted=accepted, ignored=len(batch.notices) - accepted, refused=len(tokens) - len(batch.notices)
        )
    )


def _tokens() -> list[str]:
    """Return the tokens of the body. Raises Problem when it is no batch of notices."""
    check_headers()
    try:
        found = parse(read_bytes())
    except Problem as problem:
        if problem.slug not in ("malformed-json", "invalid-text"):
            raise
        raise Problem("invalid-notice-batch", problem.detail) from None
    listed = found.get("notices") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_NOTICES:
        raise Problem("invalid-notice-batch", ENVELOPE)
    return [_token_of(one) for one in listed]


def _token_of(entry: object) -> str:
    """Return the token of an entry, or an empty text. A tool for Brightspace reads entries that are the token itself."""
    token = entry.get("jwt") if isinstance(entry, dict) else entry
    return token if isinstance(token, str) else ""


def _check(tokens: list[str], platform: Platform) -> _Batch:
    """Return what the tokens prove. Raises Problem when the platform's keys cannot be had, because then none is known to be forged."""
    batch = _Batch()
    for token in tokens:
        try:
            batch.notices.append(notice_claims.read(_claims(token, platform)))
        except NotProved as error:
            batch.forged += 1
            batch.reasons[str(error)] += 1
        except NotUsable as error:
            batch.reasons[str(error)] += 1
        except NoAnswer as error:
            system_log.keep("platform gave no answer", org=platform.org, platform_id=platform.id, reason=str(error))
            wait = {"Retry-After": str(KEYS_RETRY_SECONDS)}
            raise Problem("temporarily-unavailable", "The platform's keys cannot be had now.", headers=wait) from None
    return batch


def _claims(token: str, platform: Platform) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_BYTES:
        raise NotProved("it is too long")
    claims = id_token.check(token, platform, nonce=None, key_sets=key_sets.key_sets(), client=outgoing.client())
    issued_at, ends_at = int(claims["iat"]), int(claims["exp"])
    if issued_at < time.time() - MAX_AGE_SECONDS - LEEWAY_SECONDS or ends_at - issued_at > MAX_LIFETIME_SECONDS:
        raise NotProved("it is too old, or good for too long")
    return claims
