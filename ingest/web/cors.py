"""Let browsers on the origins that the operator lists call the API (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol).

Without such a list no other site's script can read an answer. Webhooks come from servers, so they are left out. Credentials
(cookies) are never allowed: the API takes none.
"""

from __future__ import annotations

from flask import Flask, Response, request

ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Prefer, traceparent, X-Request-Id"
EXPOSED_HEADERS = "ETag, Location, Preference-Applied, Retry-After, traceresponse, X-Request-Id"
PREFLIGHT_SECONDS = 600


def register(app: Flask, *, origins: frozenset[str]) -> None:
    """Allow these origins. Call it before the hook with the security headers is added: Flask runs the last one first."""

    def add_headers(response: Response) -> Response:
        if not request.path.startswith("/v1/") or request.path.startswith("/v1/webhooks/"):
            return response
        # A cache must not give the answer for one origin to another.
        response.vary.add("Origin")
        origin = request.headers.get("Origin", "")
        if origin not in origins:
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
            response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        return response

    if origins:
        app.after_request(add_headers)
