"""Tests of the security headers that every response has."""

from __future__ import annotations

from uuid import uuid4

import pytest

STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def answers(shared_api) -> dict:
    """Return a response of every kind by its name."""
    client, alice = shared_api.client, shared_api.signed_in("alice")
    receipt = shared_api.hand_in("alice")
    at = receipt["links"]["self"]
    tag = client.get(at, headers=alice).headers["ETag"]
    return {
        "200": client.get("/v1/me", headers=alice),
        "202": client.post("/v1/submissions", json={"title": "t", "text": "x"}, headers=alice),
        "204": client.post(
            "/v1/auth/logout", headers={"Authorization": f"Bearer {shared_api.sign_in('bob')['access_token']}"}
        ),
        "304": client.get(at, headers={**alice, "If-None-Match": tag}),
        "400": client.post("/v1/submissions", data=b"{", headers={**alice, "Content-Type": "application/json"}),
        "401": client.get("/v1/me"),
        "403": client.get("/v1/given-up", headers=alice),
        "404": client.get(f"/v1/essays/{uuid4()}", headers=alice),
        "404 of no route": client.get("/nowhere"),
        "405": client.delete("/v1/me", headers=alice),
        "409": client.get(f"{at}/feedback", headers=alice),
        "413": client.post(
            "/v1/submissions", data=b" " * (1024 * 1024 + 1), headers={**alice, "Content-Type": "application/json"}
        ),
        "415": client.post("/v1/submissions", data=b"{}", headers=alice),
        "422": client.post("/v1/submissions", json={}, headers=alice),
        "stream": client.get(f"{at}/events", headers=alice, buffered=False),
        "HEAD": client.head("/v1/me", headers=alice),
        "OPTIONS": client.options("/v1/me"),
        "health": client.get("/healthz"),
        "openapi": client.get("/openapi.json"),
        "problem page": client.get("/problems/forbidden"),
        "docs": client.get("/docs"),
    }


def test_every_response_has_security_headers(shared_api):
    for name, answer in answers(shared_api).items():
        assert name[:3] == str(answer.status_code) or not name[:3].isdigit(), (name, answer.status_code)
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["Referrer-Policy"] == "no-referrer", name
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", name
        assert headers["Cache-Control"] == "no-store", name
        assert headers["Content-Security-Policy"] == STRICT or name == "docs", name
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], name
        assert "Access-Control-Allow-Origin" not in headers, name
        assert "Set-Cookie" not in headers, name
        assert "Strict-Transport-Security" not in headers, name
        answer.close()


def test_internal_error_has_security_headers(shared_api):
    app = shared_api.make_app()
    app.view_functions["openapi"] = lambda: 1 / 0
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 500
    assert answer.headers["Content-Security-Policy"] == STRICT
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "ZeroDivisionError" not in answer.text


@pytest.mark.parametrize(
    ("proxies", "forwarded", "secure"), [("1", "https", True), ("1", "http", False), ("0", "https", False)]
)
def test_hsts_is_sent_only_over_trusted_https(shared_api, proxies, forwarded, secure):
    """The app uses X-Forwarded-Proto only if a proxy is configured."""
    client = shared_api.make_app(ESSAYCOACH_PROXIES=proxies).test_client()
    for path in ("/healthz", "/v1/me", "/docs"):
        answer = client.get(path, headers={"X-Forwarded-Proto": forwarded, "X-Forwarded-For": "192.0.2.1"})
        expected = "max-age=31536000; includeSubDomains" if secure else None
        assert answer.headers.get("Strict-Transport-Security") == expected, path
