"""Test what the answers of a platform to a score mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import serialization

from models.lti_keys import SigningKey
from models.platforms import Platform
from outgoing.client import Client
from outgoing.score import Score
from standalone.lti_course import Reply
from standalone.lti_gradebook import SCOPE
from standalone.lti_platform import LtiPlatform, run_lti_platform
from tests.support.deliveries import THIS_MACHINE
from workers.lms.errors import LmsError
from workers.lms.lti_score import post_score

ID = UUID(int=1)
SCORE = Score(subject="4", at=datetime(2026, 11, 29, 12, tzinfo=UTC))


@pytest.fixture(scope="module")
def running() -> Iterator[LtiPlatform]:
    """Give one LMS to all tests of this file; our key and its own are the same here."""
    with run_lti_platform() as lms:
        yield lms


@pytest.fixture
def lms(running: LtiPlatform) -> LtiPlatform:
    running.gradebook.scores.clear()
    running.gradebook.statuses, running.reply, running.access_tokens = [], lambda _, usual: usual, {}
    running.tool, running.client_id = {"jwks_uri": f"{running.url}/keys", "scope": SCOPE}, "c"
    return running


def post(lms: LtiPlatform, score: Score = SCORE, *, line_item_url: str | None = None) -> bool:
    platform = Platform(
        id=ID, org=ID, state="active", issuer=lms.url, client_id="c", authorization_url=f"{lms.url}/authorize", token_url=f"{lms.url}/token",
        token_audience=None, jwks_url=f"{lms.url}/keys", deployments=["1"], frame_origins=[], scores="handed_in",
        registration_ends_at=None, created_at=SCORE.at,
    )  # fmt: skip
    private = lms.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    lms.fetch = lambda _: {"keys": [{**lms.public_key, "kid": str(ID)}]}
    return post_score(
        score, line_item_url or lms.gradebook.line_item_url(lms.url, "7"), platform=platform, key=SigningKey(id=ID, private_key=private.decode()),
        client=Client(allowed=THIS_MACHINE),
    )  # fmt: skip


def test_platform_takes_a_score_once(lms: LtiPlatform) -> None:
    assert post(lms)
    assert lms.gradebook.scores[("7", "4")]["timestamp"] == "2026-11-29T12:00:00.000Z"
    assert not post(lms)
    assert not post(lms, Score(subject="4", at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert list(lms.access_tokens.values()) == [SCOPE] * 3


@pytest.mark.parametrize("status", [200, 201, 204])
def test_platform_may_say_yes_in_three_ways(lms: LtiPlatform, status: int) -> None:
    lms.gradebook.statuses = [status]
    assert post(lms)


@pytest.mark.parametrize(
    ("status", "trouble", "is_final"),
    [
        (503, "lms_busy", False), (429, "lms_busy", False), (500, "lms_failed", False), (302, "lms_unreadable", False),
        (401, "lms_access_refused", False), (403, "lms_gone", True), (404, "lms_gone", True), (410, "lms_gone", True),
        (400, "lms_request_refused", True), (422, "lms_request_refused", True),
    ],
)  # fmt: skip
def test_refusal_is_final_or_not(lms: LtiPlatform, status: int, trouble: str, is_final: bool) -> None:
    lms.gradebook.statuses = [status]
    with pytest.raises(LmsError) as raised:
        post(lms)
    assert (raised.value.trouble, raised.value.is_final, raised.value.about) == (trouble, is_final, "score")


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        (Reply(503, {}, b""), "lms_busy"), (Reply(500, {}, b"{}"), "lms_failed"), (Reply(400, {}, b"{}"), "lms_access_refused"),
        (Reply(200, {}, b"no JSON"), "lms_unreachable"), (Reply(200, {}, b'{"access_token": "a b"}'), "lms_unreachable"),
    ],
)  # fmt: skip
def test_platform_that_gives_no_token_is_asked_again(lms: LtiPlatform, reply: Reply, trouble: str) -> None:
    lms.reply = lambda path, usual: reply if path == "/token" else usual
    with pytest.raises(LmsError) as raised:
        post(lms)
    assert (raised.value.trouble, raised.value.is_final, raised.value.about) == (trouble, False, "token")
    assert lms.gradebook.scores == {}


def test_score_goes_to_a_site_of_the_platform_only(lms: LtiPlatform) -> None:
    with pytest.raises(LmsError, match="lms_address_refused"):
        post(lms, line_item_url="https://elsewhere.example/lineitems/7")
    assert lms.access_tokens == {}


def test_named_wait_is_kept(lms: LtiPlatform) -> None:
    lms.gradebook.statuses = [429]
    lms.reply = lambda path, usual: Reply(usual.status, {"Retry-After": "600"}, b"") if "/scores" in path else usual
    with pytest.raises(LmsError) as raised:
        post(lms)
    assert raised.value.wait_seconds == 600
