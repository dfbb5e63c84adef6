"""The Idempotency-Key of a hand-in: read it, and find the answer that was given to it before."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from flask import request

from ingest.web.identity import Identity
from ingest.web.openapi import Parameter
from ingest.web.problems import Problem
from models import events

# A bare key may not contain a comma, because a server joins two headers of one name with a comma.
_KEY = re.compile(r'"([\x20\x21\x23-\x7e]{1,255})"|([\x21\x23-\x2b\x2d-\x7e]{1,255})')

IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    where="header",
    description="Required for API keys. Stored for 7 days: the same key with a request that says the same gets the same answer, "
    "with another request 422.",
    schema={"type": "string", "minLength": 1, "maxLength": 257, "pattern": r'^("[ !#-~]{1,255}"|[!#-+\--~]{1,255})$'},
)


def idempotency_key(*, needed: bool) -> str | None:
    """Return the Idempotency-Key of this request, sent bare or in quotes. Raises Problem."""
    values = request.headers.getlist("Idempotency-Key")
    if not values:
        if needed:
            raise Problem("idempotency-key-missing", "API keys must send an Idempotency-Key header.")
        return None
    matched = _KEY.fullmatch(values[0].strip()) if len(values) == 1 else None
    if matched is None:
        raise Problem(
            "idempotency-key-invalid", "The Idempotency-Key must be one header of 1 to 255 visible ASCII characters."
        )
    return matched.group(1) or matched.group(2)


def stored_answer(key: str | None, who: Identity, body: Any) -> dict[str, Any] | None:
    """Claim the key and return None, or return the answer that this request got before. Needs an open session.

    `body` is what the request says. Raises InProgress and KeyReused.
    """
    if key is None:
        return None
    start = request.method.encode() + request.path.encode()
    return events.claim_key(
        key,
        org=who.org,
        caller=who.caller,
        request_sha256=hashlib.sha256(start + request.get_data()).digest(),
        canonical_sha256=hashlib.sha256(start + events.canonical_json(body)).digest(),
    )
