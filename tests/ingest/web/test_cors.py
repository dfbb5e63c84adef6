"""Tests of cross-origin requests: only the pages of origins on the operator's list may read answers."""

from __future__ import annotations

import pytest

from models.errors import SettingsError

ALLOWED = ("https://lms.example", "http://localhost:5173")
# What an attacker can make a browser send, and what a sloppy comparison would let through.
FOREIGN = (
    "https://evil.example", "null", "", "*", "http://lms.example", "https://lms.example:8443", "https://lms.example.evil.example",
    "https://evil-lms.example", "https://lms.example/", "https://LMS.example", "https://lms.example ,https://evil.example", "https://sub.lms.example",
    "https://lms.exampl", "https://lmsxexample", "lms.example", "https://lms.example, http://localhost:5173", "https://user@lms.example",
)  # fmt: skip
PREFLIGHT = {
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "authorization, prefer, if-none-match",
}


@pytest.fixture(scope="module")
def browser(shared_api):
    """Give a client of an app that allows two origins."""
    return shared_api.make_app(ESSAYCOACH_ALLOWED_ORIGINS=" , ".join(ALLOWED)).test_client()


def cors_headers(answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("Access-Control-")}


@pytest.mark.parametrize("origin", ALLOWED)
def test_page_of_an_allowed_origin_may_call_and_read(shared_api, browser, origin):
    receipt = shared_api.hand_in("alice")
    asked = browser.options(receipt["links"]["events"], headers={"Origin": origin, **PREFLIGHT})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert "GET" in asked.headers["Access-Control-Allow-Methods"]
    allowed = {name.strip().lower() for name in asked.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "prefer", "if-none-match", "content-type", "idempotency-key"} <= allowed
    answer = browser.get(receipt["links"]["self"], headers={**shared_api.signed_in("alice"), "Origin": origin})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert exposed == {"ETag", "Location", "Retry-After", "X-Request-Id", "Preference-Applied", "traceresponse"}
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    refusal = browser.get("/v1/me", headers={"Origin": origin})
    assert (refusal.status_code, refusal.headers["Access-Control-Allow-Origin"]) == (401, origin)
    for one in (asked, answer, refusal):
        assert "Access-Control-Allow-Credentials" not in one.headers
        assert "Origin" in one.vary


@pytest.mark.parametrize("origin", FOREIGN)
def test_page_of_another_origin_reads_nothing(shared_api, browser, origin):
    receipt = shared_api.hand_in("alice")
    asked = browser.options(receipt["links"]["self"], headers={"Origin": origin, **PREFLIGHT})
    answer = browser.get(receipt["links"]["self"], headers={**shared_api.signed_in("alice"), "Origin": origin})
    assert answer.status_code == 200
    for one in (asked, answer):
        assert cors_headers(one) == {}
        assert one.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Origin" in one.vary, "a cache must not give this answer to an allowed origin"


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/docs",
        "/openapi.json",
        "/problems/not-found",
        "/v1x",
        "/v1/webhooks/0198f7a0-0000-7000-8000-000000000000",
    ],
)
def test_only_the_api_for_people_and_keys_is_open_to_other_origins(browser, path):
    for answer in (
        browser.get(path, headers={"Origin": ALLOWED[0]}),
        browser.options(path, headers={"Origin": ALLOWED[0], **PREFLIGHT}),
    ):
        assert cors_headers(answer) == {}
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("origin", [*ALLOWED, *FOREIGN])
def test_without_a_list_every_origin_is_foreign(shared_api, origin):
    for answer in (
        shared_api.client.options("/v1/me", headers={"Origin": origin, **PREFLIGHT}),
        shared_api.client.get("/v1/me", headers={"Origin": origin}),
    ):
        assert cors_headers(answer) == {}
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "given",
    [
        "*",
        "null",
        "lms.example",
        "https://*.lms.example",
        "https://lms.example/",
        "https://lms.example/app",
        "https://LMS.example",
        "ftp://x",
        "https://",
        "https://a b",
    ],
)
def test_list_that_no_browser_could_match_is_refused_at_start(shared_api, given):
    with pytest.raises(SettingsError, match="ESSAYCOACH_ALLOWED_ORIGINS"):
        shared_api.make_app(ESSAYCOACH_ALLOWED_ORIGINS=f"https://lms.example,{given}")
