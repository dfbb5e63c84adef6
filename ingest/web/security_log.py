"""Security events of requests (docs/security-events.md): one for each refused request, written at one place.

A route only says who acts, whom its request concerns, and what no status code shows.
"""

from __future__ import annotations

from uuid import UUID

from flask import Flask, Response, current_app, g, request

from ingest.web.client_address import request_address
from ingest.web.metrics import METHODS
from models import security_events
from models.networks import canonical_address
from models.security_events import Facts

_BY_SLUG = {
    "unauthorized": "credential_refused",
    "invalid-token": "credential_refused",
    "token-expired": "token_expired",
    "second-factor-needed": "sign_in_failed",
    "forbidden": "access_refused",
    "address-refused": "access_refused",
    "sign-in-again": "access_refused",
    "not-found": "object_not_found",
    "rate-limited": "rate_limited",
    "author-limit": "rate_limited",
    "missing-signature": "webhook_signature_refused",
    "invalid-signature": "webhook_signature_refused",
    "timestamp-out-of-range": "webhook_replayed",
}
_BY_ROUTE_AND_SLUG = {
    ("auth.login", "unauthorized"): "sign_in_failed",
    ("auth.login", "rate-limited"): "sign_in_limited",
    ("webhooks.receive", "idempotency-key-reused"): "webhook_replayed",
}
# What the server refuses before the app sees it. A request that is slow or too large is no attempt to get around anything.
_BY_SERVER_SLUG = {
    "rate-limited": "rate_limited",
    **dict.fromkeys(
        ("malformed-request", "unsupported-transfer-coding", "headers-too-large", "uri-too-long"), "request_malformed"
    ),
}


def register(app: Flask) -> None:
    """Write the event of every request of this app that has one."""
    app.after_request(_record)


def acts(org: UUID, *, actor: UUID | None = None, role: str | None = None) -> None:
    """Say who acts in this request, as a credential that is genuine says; without an actor, only which org it is about."""
    g.security_actor = (org, actor, role)


def concerns(target_type: str, target_id: UUID) -> None:
    """Say what this request is about when its path does not say so."""
    g.security_target = (target_type, target_id)


def note(event: str) -> None:
    """Say that this request is this event, whatever its status."""
    g.security_event = event


def note_key_use(key: UUID) -> None:
    """Write that an API key was used from this address, once a minute at most for each process."""
    if current_app.extensions["essaycoach.kept_lines"].is_new(("api key used", str(key), str(request.remote_addr))):
        security_events.emit("api_key_used", _facts(reason=None))


def record_server_refusal(slug: str, *, address: object, request_id: str) -> None:
    """Write the event of a request or connection that the server refused without calling the app."""
    event = _BY_SERVER_SLUG.get(slug)
    if event is not None:
        host = address[0] if isinstance(address, tuple) else address
        security_events.emit(event, Facts(request_id=request_id, address=canonical_address(str(host)), reason=slug))


def _record(response: Response) -> Response:
    slug = g.get("problem_slug")
    event = g.get("security_event") or (_event_of(slug) if slug is not None else None)
    if event is not None:
        security_events.emit(event, _facts(reason=slug))
    return response


def _event_of(slug: str) -> str | None:
    if slug == "not-found" and not (request.url_rule and request.url_rule.rule.startswith("/v1/")):
        return None  # a path that is no route of ours says nothing about anybody's data
    return _BY_ROUTE_AND_SLUG.get((str(request.endpoint), slug)) or _BY_SLUG.get(slug)


def _facts(*, reason: str | None) -> Facts:
    org, actor, role = g.get("security_actor") or (None, None, None)
    target_type, target_id = g.get("security_target") or _target_of_path()
    return Facts(
        org_id=org,
        actor_id=actor,
        actor_role=role,
        request_id=g.get("request_id"),
        address=request_address(),
        method=request.method if request.method in METHODS else "other",
        route=request.url_rule.rule if request.url_rule is not None else None,
        reason=reason,
        target_type=target_type,
        target_id=target_id,
    )


def _target_of_path() -> tuple[str | None, UUID | None]:
    """Return the last id of the path and what it is of, or nothing."""
    found = [(name.removesuffix("_id"), value) for name, value in (request.view_args or {}).items()]
    return next(((name, value) for name, value in reversed(found) if isinstance(value, UUID)), (None, None))
