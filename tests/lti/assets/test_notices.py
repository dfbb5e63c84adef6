"""Test the door for notices: what is genuine is stored once, whatever else is in the batch, and nothing else is stored at all."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.test import TestResponse

from standalone.lti_course import CLAIM
from tests.ingest.conftest import ApiUnderTest, check_refused
from tests.lti.conftest import Platform, connect
from tests.support.asset_platform import NOTICE, AssetPlatform, run_asset_platform
from tests.support.races import together
from tests.support.servers import Servers, away

AIP = "https://purl.imsglobal.org/spec/lti-aip/claim/"
AP = "https://purl.imsglobal.org/spec/lti-ap/claim/"
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def send(platform: Platform, body: Any, *, to: str | None = None) -> TestResponse:
    return platform.api.client.post(f"/lti/notices/{to or platform.id}", json=body)


def arrivals_of(platform: Platform) -> list[tuple[Any, ...]]:
    return platform.api.database.sql(
        "select place ->> 'hand_in', state, place from arrivals where source_id = %s order by id", platform.id
    )


def counted(accepted: int = 0, ignored: int = 0, refused: int = 0) -> dict[str, int]:
    return {"accepted": accepted, "ignored": ignored, "refused": refused}


def test_one_good_and_one_forged_is_one_arrival_however_often(platform: Platform, lms: AssetPlatform) -> None:
    good = lms.notice(lms.asset(b"<p>Mine.</p>"))
    body = lms.batch(good, good)
    lms.signing_key = OTHER_KEY
    body["notices"][1] = lms.batch(good)["notices"][0]
    lms.signing_key = lms.key
    for _ in range(2):
        answer = send(platform, body)
        assert (answer.status_code, answer.json) == (200, counted(accepted=1, refused=1))
    for _ in range(3):
        assert send(platform, lms.batch({**good, "nonce": "another"})).json == counted(accepted=1)
    assert len(arrivals_of(platform)) == 1


def test_five_at_once_are_one(platform: Platform, lms: AssetPlatform) -> None:
    """Blackboard sends a notice five times within half a second, each time signed anew. The batches overlap in either order."""
    first, second = (lms.notice(lms.asset(b"x"), submission=name, id=name) for name in ("s:1", "s:2"))
    bodies = [lms.batch(*((first, second) if number % 2 else (second, first))) for number in range(5)]
    answers = together(5, lambda number: send(platform, bodies[number]).json)
    assert answers == [counted(accepted=2)] * 5
    assert sorted(key for key, _, _ in arrivals_of(platform)) == ["s:1", "s:2"]


def test_same_id_of_another_deployment_is_another_hand_in(platform: Platform, lms: AssetPlatform) -> None:
    """Blackboard counts its hand-ins, and a school may have one Blackboard for trying out."""
    platform.api.database.sql("update platforms set deployments = '{1,2}' where id = %s returning 1", platform.id)
    notice = lms.notice(lms.asset(b"x"), submission="_907_1")
    there = {**notice, CLAIM + "deployment_id": "2"}
    long = lms.notice(lms.asset(b"x"), submission="x" * 255)
    assert send(platform, lms.batch(notice, there, long, long)).json == counted(accepted=4)
    platform.api.database.sql("update platforms set deployments = '{1}' where id = %s returning 1", platform.id)
    assert [key for key, _, _ in arrivals_of(platform)] == ["_907_1", "_907_1", "x" * 255]


def test_what_is_stored_holds_no_words_of_the_student(platform: Platform, lms: AssetPlatform) -> None:
    assets = (
        lms.asset(b"x", filename="Mia Moss, my secret.DOCX", content_type="application/x-word"),
        lms.asset(b"<p>y</p>"), lms.asset(b"z", content_type="application/pdf"),
    )  # fmt: skip
    assert send(platform, lms.batch(lms.notice(*assets))).status_code == 200
    [(key, state, place)] = arrivals_of(platform)
    assert (key, state) == ("submission-1", "queued")
    assert [one["ending"] for one in place["assets"]] == [".docx", None, ".pdf"]
    assert "Mia" not in json.dumps(place)
    assert place["person"] == {"subject": "4", "sis_id": None}
    assert place["assets"][0]["sha256"] == hashlib.sha256(b"x").hexdigest()


def test_names_of_blackboard_are_read_too(platform: Platform, lms: AssetPlatform) -> None:
    asset = lms.asset(b"<p>x</p>", sha256_checksum=None, checksum=base64.b64encode(b"0" * 16).decode())
    claims = lms.notice(asset, id="n-1") | {
        CLAIM + "activity": None, CLAIM + "submission": None, CLAIM + "assetservice": None, CLAIM + "assetreport": None,
        AIP + "activity": {"activity_id": "_77428_1"}, AIP + "submission": {"submission_id": "_907_1"},
        AP + "assetservice": {"assets": [asset], "scope": ["https://purl.imsglobal.org/spec/lti-ap/scope/asset.readonly"]},
        CLAIM + "for_user": {"user_id": "4", "eula_accepted_at": "2026-07-31T06:51:07.611909Z"},
    }  # fmt: skip
    assert send(platform, lms.batch(claims)).json == counted(accepted=1)
    [(key, _, place)] = arrivals_of(platform)
    assert (key, place["assignment"], place["report_url"]) == ("_907_1", "_77428_1", None)
    assert place["asset_scopes"] == ["https://purl.imsglobal.org/spec/lti-ap/scope/asset.readonly"]
    assert place["assets"][0]["sha256"] is None


@pytest.mark.parametrize("write", [base64.b64encode, lambda digest: digest.hex().upper().encode()])
def test_checksum_may_be_base64_or_hex(platform: Platform, lms: AssetPlatform, write: Callable[[bytes], bytes]) -> None:
    digest = hashlib.sha256(b"x").digest()
    send(platform, lms.batch(lms.notice(lms.asset(b"x", sha256_checksum=write(digest).decode()))))
    assert arrivals_of(platform)[0][2]["assets"][0]["sha256"] == digest.hex()


def test_entries_that_are_tokens_themselves_are_read(platform: Platform, lms: AssetPlatform) -> None:
    body = {"notices": [lms.sign(lms.notice(lms.asset(b"x")))]}
    assert send(platform, body).json == counted(accepted=1)


def test_other_notices_are_ignored(platform: Platform, lms: AssetPlatform) -> None:
    kinds = ("LtiHelloWorldNotice", "LtiContextCopyNotice", "LtiSomethingNewNotice")
    assert send(platform, lms.batch(*map(lms.notice_of, kinds))).json == counted(ignored=3)
    assert arrivals_of(platform) == []


def _changed(**changes: Any) -> Callable[[AssetPlatform], dict[str, Any]]:
    return lambda lms: {**lms.notice(lms.asset(b"x")), **changes}


FORGED: dict[str, Callable[[AssetPlatform], dict[str, Any]]] = {
    "another audience": _changed(aud="another"),
    "another azp": _changed(azp="another"),
    "another issuer": _changed(iss="https://another.example"),
    "a deployment that nobody approved": _changed(**{CLAIM + "deployment_id": "2"}),
    "no deployment": _changed(**{CLAIM + "deployment_id": None}),
    "no end": _changed(exp=None),
    "no beginning": _changed(iat=None),
    "ended": _changed(exp=int(time.time()) - 1000),
    "signed hours ago": _changed(iat=int(time.time()) - 2 * 3600),
    "good for a week": _changed(exp=int(time.time()) + 7 * 86400),
    "another version": _changed(**{CLAIM + "version": "1.1"}),
}


@pytest.mark.parametrize("case", FORGED)
def test_what_proves_nothing_is_refused(platform: Platform, lms: AssetPlatform, case: str) -> None:
    check_refused(send(platform, lms.batch(FORGED[case](lms))), 401, "invalid-signature")
    assert arrivals_of(platform) == []


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_token_that_anybody_could_sign_is_refused(platform: Platform, lms: AssetPlatform, algorithm: str) -> None:
    key = None if algorithm == "none" else "x" * 32
    token = jwt.encode(lms.notice(lms.asset(b"x")), key, algorithm=algorithm, headers={"kid": "k1"})
    check_refused(send(platform, {"notices": [{"jwt": token}]}), 401, "invalid-signature")
    assert arrivals_of(platform) == []


@pytest.mark.parametrize(
    "header", [b'{"alg": []}', b'{"alg": {}, "kid": "k1"}', b'{"alg": "RS256"}', b"[]", b"[" * 30_000, b"\xff", b"7"]
)  # fmt: skip
def test_header_that_is_none_is_refused(platform: Platform, header: bytes) -> None:
    token = f"{base64.urlsafe_b64encode(header).decode().rstrip('=')}.e30.AA"
    check_refused(send(platform, {"notices": [{"jwt": token}]}), 401, "invalid-signature")


@pytest.mark.parametrize("entry", [{}, {"jwt": 7}, 7, None, "", "a.b.c", {"jwt": "x" * 70_000}])
def test_entry_that_is_no_token_is_counted(platform: Platform, lms: AssetPlatform, entry: Any) -> None:
    body = lms.batch(lms.notice(lms.asset(b"x")))
    body["notices"].append(entry)
    assert send(platform, body).json == counted(accepted=1, refused=1)


@pytest.mark.parametrize(
    "body",
    [{}, [], {"notices": []}, {"notices": {}}, {"notices": "x"}, {"notices": [{"jwt": "a.b.c"}] * 101}, "{", "\xff", '{"notices": NaN}'],
)  # fmt: skip
def test_body_that_is_no_batch_is_refused(platform: Platform, body: Any) -> None:
    data = body.encode("latin-1") if isinstance(body, str) else json.dumps(body).encode()
    answer = platform.api.client.post(f"/lti/notices/{platform.id}", data=data, content_type="application/json")
    check_refused(answer, 400, "invalid-notice-batch")


def test_body_that_is_too_large_or_no_json_is_refused(platform: Platform) -> None:
    client, path = platform.api.client, f"/lti/notices/{platform.id}"
    large = json.dumps({"notices": [{"jwt": "x" * 2_000_000}]})
    check_refused(client.post(path, data=large, content_type="application/json"), 413, "payload-too-large")
    check_refused(client.post(path, data={"notices": "x"}), 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "change",
    [
        {CLAIM + "activity": None}, {CLAIM + "submission": {"id": "x" * 256}}, {CLAIM + "for_user": {}}, {CLAIM + "assetservice": {"assets": []}},
        {CLAIM + "assetservice": {"assets": [{"asset_id": "1"}, 7, {"asset_id": "1", "url": "https://[x"}]}}, {CLAIM + "notice": {"type": NOTICE}}, {CLAIM + "notice": None},
        {CLAIM + "for_user": {"user_id": "a\x00b"}}, {CLAIM + "activity": "activity-1"},
    ],
)  # fmt: skip
def test_genuine_notice_without_what_is_needed_is_refused(
    platform: Platform, lms: AssetPlatform, change: dict[str, Any]
) -> None:
    asset = lms.asset(b"x")
    bad = lms.notice(asset, submission="bad", **change)
    check_refused(send(platform, lms.batch(bad)), 422, "invalid-notice")
    assert send(platform, lms.batch(bad, lms.notice(asset))).json == counted(accepted=1, refused=1)
    assert [key for key, _, _ in arrivals_of(platform)] == ["submission-1"]


def test_notice_of_another_schools_platform_is_refused(platform: Platform, lms: AssetPlatform) -> None:
    with run_asset_platform() as other:
        theirs = connect(platform.api, other, of=platform.api.other)
        body = lms.batch(lms.notice(lms.asset(b"x")))
        check_refused(send(platform, body, to=theirs.id), 401, "invalid-signature")
        assert arrivals_of(theirs) == []
    missing = send(platform, body, to="00000000-0000-7000-8000-000000000000")
    check_refused(missing, 404, "not-found")


def test_platform_without_keys_or_switched_off_tells_nothing(shared_api: ApiUnderTest) -> None:
    with run_asset_platform() as lms:
        platform = connect(shared_api, lms)
        body = lms.batch(lms.notice(lms.asset(b"x")))
    check_refused(send(platform, body), 503, "temporarily-unavailable")
    shared_api.client.delete(f"/v1/platforms/{platform.id}", headers=shared_api.signed_in("ada"))
    check_refused(send(platform, body), 404, "not-found")
    assert arrivals_of(platform) == []


def test_without_the_database_nothing_is_taken(servers: Servers, platform: Platform, lms: AssetPlatform) -> None:
    body = lms.batch(*(lms.notice(lms.asset(b"x"), submission=f"s-{number}") for number in range(3)))
    with away(servers, platform.api.database):
        check_refused(send(platform, body), 503, "temporarily-unavailable")
    assert arrivals_of(platform) == []
    assert send(platform, body).json == counted(accepted=3)
    assert [key for key, _, _ in arrivals_of(platform)] == ["s-0", "s-1", "s-2"]


def test_rate_is_the_platforms_and_nobody_else_uses_it_up(platform: Platform, lms: AssetPlatform) -> None:
    client = platform.api.make_app(ESSAYCOACH_RATE_LIMIT="2/minute").test_client()
    path = f"/lti/notices/{platform.id}"
    for _ in range(4):
        assert client.post(path, json={"notices": [{"jwt": "forged"}]}).status_code == 401
    body = lms.batch(lms.notice(lms.asset(b"x")))
    assert [client.post(path, json=body).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    "moment", ["2026-11-29T00:00:00+20:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon", 7, None]
)
def test_odd_time_of_a_notice_is_now_and_harms_no_other(platform: Platform, lms: AssetPlatform, moment: object) -> None:
    odd, good = (lms.notice(lms.asset(b"x"), submission=name) for name in ("odd", "good"))
    odd[CLAIM + "notice"]["timestamp"] = moment
    assert send(platform, lms.batch(odd, good)).json == counted(accepted=2)
    listed = platform.api.client.get(f"/v1/sources/{platform.id}/arrivals", headers=platform.api.signed_in("ada"))
    assert (listed.status_code, len(listed.json["items"])) == (200, 2)


def test_another_notice_queues_again_what_was_refused(platform: Platform, lms: AssetPlatform) -> None:
    first, again = (lms.notice(lms.asset(b"x"), id=name) for name in ("n-1", "n-2"))
    send(platform, lms.batch(first))
    platform.api.database.sql(
        "update arrivals set state = 'refused', finished_at = now(), error = 'no_text', attempt = 3 where source_id = %s returning 1",
        platform.id,
    )
    send(platform, lms.batch(first))
    assert arrivals_of(platform)[0][1] == "refused"
    assert send(platform, lms.batch(first, again)).json == counted(accepted=2)
    [(_, state, place)] = arrivals_of(platform)
    assert (state, place["notice"]) == ("queued", "n-2")
    assert platform.api.database.sql("select attempt, error from arrivals where source_id = %s", platform.id) == [
        (0, None)
    ]
