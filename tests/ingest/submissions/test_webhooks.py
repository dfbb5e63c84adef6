"""Tests of webhook deliveries: signatures, timestamps, replays, refused events and students."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
import time_machine
from standardwebhooks import Webhook

from models.crypto import AssociatedData, keyring
from models.db import session
from models.users import data_key
from tests.support.patient_apps import short_lock_waits

SECRET = "whsec_" + base64.b64encode(b"another secret of 32 characters.").decode()


@pytest.fixture
def lms(shared_api):
    """Give the LMS that signs webhook deliveries."""
    return shared_api.lms


@pytest.fixture
def student():
    """Give a student with a new external id."""
    return {"external_id": f"sis-{uuid4().hex}"}


def events_stored(shared_api, event: str) -> list[tuple]:
    """Return outcome, reason, user and submission of each stored event with this id."""
    return shared_api.database.sql(
        "select outcome, reason, user_id, submission_id from inbound_events where event_id = %s order by id", event
    )


@pytest.mark.parametrize("event_type", ["submission.created", "submission.updated"])
def test_essay_signed_by_the_published_library_is_accepted(shared_api, lms, draft, student, event_type):
    answer = lms.deliver(draft(student=student), event_type=event_type, event=(event := uuid4().hex))
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/submissions/{answer.json['id']}"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json["status"] == "queued"
    [(outcome, reason, user, submission)] = events_stored(shared_api, event)
    assert (outcome, reason, str(submission)) == ("accepted", None, answer.json["id"])
    assert user is not None


def test_our_signature_is_accepted_by_the_published_library(lms, event, draft):
    from outgoing.signature import sign

    body, at = event(draft()), int(time.time())
    headers = {
        "webhook-id": "msg_1", "webhook-timestamp": str(at),
        "webhook-signature": sign(lms.secret, event_id="msg_1", timestamp=at, body=body),
    }  # fmt: skip
    assert Webhook(lms.secret).verify(body, headers)["type"] == "submission.created"


JUNK_SIGNATURES = {
    "another scheme": "v1a,AAAA",
    "no comma": "nonsense",
    "two commas": "v1,a,b",
    "bad base64": "v1,***",
    "an empty digest": "v1,",
    "a wrong digest": "v1," + base64.b64encode(b"x" * 32).decode(),
    "a short digest": "v1," + base64.b64encode(b"x").decode(),
    "not ASCII": "v1,\u00e9\u00e9",
    "blanks": "  ",
    "twenty wrong ones": " ".join("v1," + base64.b64encode(bytes([n]) * 32).decode() for n in range(20)),
}


@pytest.mark.parametrize("junk", JUNK_SIGNATURES.values(), ids=JUNK_SIGNATURES.keys())
def test_junk_signature_is_ignored_beside_a_valid_one_and_refused_alone(lms, event, draft, student, refused, junk):
    body = event(draft(student=student))
    good = lms.signed(body)
    assert lms.send(body, {**good, "webhook-signature": f"{junk} {good['webhook-signature']}"}).status_code == 202
    assert lms.send(body, {**good, "webhook-signature": f"{good['webhook-signature']} {junk}"}).status_code == 202
    answer = lms.send(body, {**lms.signed(body), "webhook-signature": junk})
    slug = "missing-signature" if answer.json["type"].endswith("missing-signature") else "invalid-signature"
    refused(answer, 401, slug)
    assert slug == "invalid-signature" or not junk.strip()


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_missing_signature_header_is_refused(lms, event, draft, refused, name):
    body = event(draft())
    headers = lms.signed(body)
    refused(lms.send(body, {**headers, name: ""}), 401, "missing-signature")
    document = refused(
        lms.send(body, {one: value for one, value in headers.items() if one != name}), 401, "missing-signature"
    )
    assert name in document["detail"]


def sign_text(secret: str, event: str, timestamp: str, body: bytes) -> dict[str, str]:
    """Sign any text as the timestamp, which the library refuses to do."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {
        "webhook-id": event, "webhook-timestamp": timestamp, "webhook-signature": signature, "Content-Type": "application/json",
    }  # fmt: skip


@pytest.mark.parametrize(
    "timestamp",
    ["1674087231.5", "+1", "-1", "167_4087231", "1e9", "0x10", "1674087231 ", "9999999999999", "now", "\u0661", "1,1", "1.0"],
    ids=ascii,
)  # fmt: skip
def test_malformed_timestamp_is_an_invalid_signature(lms, event, draft, refused, timestamp):
    body = event(draft())
    # An HTTP server removes a space at the end of a header, so put the space in the middle.
    text = timestamp.replace(" ", " 1")
    if not text.isascii():
        text = text.encode().decode("latin-1")
    refused(lms.send(body, sign_text(lms.secret, "msg_1", text, body)), 401, "invalid-signature")


@pytest.mark.parametrize("timestamp", ["0", "1", "999999999999", "000000000000"])
def test_timestamp_far_from_now_is_out_of_range(lms, event, draft, refused, timestamp):
    body = event(draft())
    refused(lms.send(body, sign_text(lms.secret, "msg_1", timestamp, body)), 401, "timestamp-out-of-range")


@pytest.mark.parametrize(("seconds", "accepted"), [(-299, True), (299, True), (-302, False), (302, False)])
def test_timestamp_within_five_minutes_is_accepted(lms, draft, student, refused, seconds, accepted):
    with time_machine.travel(int(time.time()), tick=False):
        answer = lms.deliver(draft(student=student), at=int(time.time()) + seconds)
    if accepted:
        assert answer.status_code == 202
    else:
        refused(answer, 401, "timestamp-out-of-range")


def test_timestamp_window_is_exactly_300_seconds(lms, event, draft):
    from werkzeug.datastructures import Headers

    from ingest.submissions.webhook_signature import verify
    from ingest.web.problems import Problem

    body = event(draft())
    headers = Headers(lms.signed(body, event="msg_1", at=1_700_000_000))
    for now in (1_700_000_300.0, 1_699_999_700.0):
        assert verify(headers, body, secrets=[lms.secret], now=now) == "msg_1"
    for now in (1_700_000_300.01, 1_699_999_699.99):
        with pytest.raises(Problem) as refusal:
            verify(headers, body, secrets=[lms.secret], now=now)
        assert refusal.value.slug == "timestamp-out-of-range"


@pytest.mark.parametrize("event_id", ["msg.1", "a" * 256, "a b", "\u00e9", "a\x7f"], ids=ascii)
def test_malformed_webhook_id_is_refused(lms, event, draft, refused, event_id):
    body = event(draft())
    refused(lms.send(body, lms.signed(body, event=event_id)), 401, "invalid-signature")


def test_shifted_parts_of_the_signed_text_are_refused(lms, event, draft, refused):
    body = event(draft())
    good = lms.signed(body, event="msg_1")
    shifted = {**good, "webhook-id": f"msg_1.{good['webhook-timestamp']}"}
    refused(lms.send(body, shifted), 401, "invalid-signature")


def test_signature_does_not_match_a_changed_body_id_or_timestamp(lms, event, draft, student, refused):
    body = event(draft(student=student))
    good = lms.signed(body)
    for tampered in (body + b" ", body.replace(b"Phones", b"phones", 1), b"", body[:-1]):
        refused(lms.send(tampered, good), 401, "invalid-signature")
    refused(lms.send(body, {**good, "webhook-id": "msg_other"}), 401, "invalid-signature")
    later = str(int(good["webhook-timestamp"]) + 1)
    refused(lms.send(body, {**good, "webhook-timestamp": later}), 401, "invalid-signature")
    assert lms.send(body, good).status_code == 202


def test_signature_is_checked_before_the_body(lms, refused):
    for body in (b"{", b"\xff\xfe", b"[" * 50_000, b""):
        refused(lms.send(body, {}), 401, "missing-signature")
        refused(lms.send(body, sign_text(SECRET, "msg_1", str(int(time.time())), body)), 401, "invalid-signature")


def set_secrets(shared_api, source, *, previous: str | None, ends_in: str) -> None:
    """Set the previous secret of a source and when it expires."""
    with session(org=shared_api.school.org, role="ec_admin"):
        sealed = None if previous is None else keyring().seal(
            previous, place=AssociatedData("sources", "previous_secret", shared_api.school.org, source)
        )  # fmt: skip
    shared_api.database.sql(
        "update sources set previous_secret = %s, previous_secret_until = now() + %s::interval where id = %s",
        bytes(sealed) if sealed else None, ends_in if sealed else None, str(source),
    )  # fmt: skip


def test_old_secret_is_valid_until_the_rotation_window_ends(shared_api, lms, draft, student, refused):
    data = draft(student=student)
    refused(lms.deliver(data, secret=SECRET), 401, "invalid-signature")
    try:
        set_secrets(shared_api, lms.source, previous=SECRET, ends_in="1 hour")
        assert lms.deliver(data, secret=SECRET).status_code == 202
        assert lms.deliver(data).status_code == 202
        set_secrets(shared_api, lms.source, previous=SECRET, ends_in="-1 second")
        refused(lms.deliver(data, secret=SECRET), 401, "invalid-signature")
        assert lms.deliver(data).status_code == 202
    finally:
        set_secrets(shared_api, lms.source, previous=None, ends_in="0")


def test_secret_of_another_source_is_refused(shared_api, lms, draft, student, refused):
    refused(lms.deliver(draft(student=student), secret=shared_api.other.source_secret), 401, "invalid-signature")


def test_unknown_and_disabled_sources_get_the_same_not_found(shared_api, lms, event, draft, refused):
    body = event(draft())
    headers = lms.signed(body)
    unknown = refused(shared_api.client.post(f"/v1/webhooks/{uuid4()}", data=body, headers=headers), 404, "not-found")
    shared_api.database.sql("update sources set disabled_at = now() where id = %s", str(lms.source))
    try:
        disabled = refused(lms.send(body, headers), 404, "not-found")
    finally:
        shared_api.database.sql("update sources set disabled_at = null where id = %s", str(lms.source))
    assert disabled["detail"] == unknown["detail"]
    refused(shared_api.client.get(f"/v1/webhooks/{lms.source}"), 405, "method-not-allowed")


def test_replayed_webhook_gets_the_same_answer_after_90_days(shared_api, lms, event, draft, student):
    body, name = event(draft(student=student)), f"msg_{uuid4().hex}"
    first = lms.send(body, lms.signed(body, event=name))
    shared_api.database.sql("update seen_events set seen_at = now() - interval '90 days' where event_id = %s", name)
    again = lms.send(body, lms.signed(body, event=name, at=int(time.time()) - 200))
    assert (again.status_code, again.data, again.headers["Location"]) == (202, first.data, first.headers["Location"])
    assert len(events_stored(shared_api, name)) == 1


def test_replayed_webhook_id_with_another_body_is_refused(lms, draft, student, refused):
    name = f"msg_{uuid4().hex}"
    assert lms.deliver(draft(student=student), event=name).status_code == 202
    answer = lms.deliver(draft(student=student, text="Other words."), event=name)
    refused(answer, 422, "idempotency-key-reused")
    refused(lms.deliver({}, event_type="course.created", event=name), 422, "idempotency-key-reused")


def test_same_webhook_id_from_two_sources_is_two_events(shared_api, lms, draft, student):
    name = f"msg_{uuid4().hex}"
    elsewhere = type(lms)(shared_api.client, shared_api.other.source, shared_api.other.source_secret)
    first, second = (
        lms.deliver(draft(student=student), event=name),
        elsewhere.deliver(draft(student=student), event=name),
    )
    assert first.status_code == second.status_code == 202
    assert first.json["id"] != second.json["id"]


def test_100_equal_concurrent_deliveries_create_one_submission(shared_api, lms, event, draft, student):
    app = shared_api.make_app(ESSAYCOACH_POOL_WAIT_SECONDS="30")
    body, name, barrier = event(draft(student=student)), f"msg_{uuid4().hex}", threading.Barrier(100)
    headers = lms.signed(body, event=name)

    def send(_number: int):
        client = app.test_client()
        barrier.wait(timeout=60)
        answer = client.post(f"/v1/webhooks/{lms.source}", data=body, headers=headers)
        return answer.status_code, answer.data, answer.headers.get("Location")

    with ThreadPoolExecutor(100) as pool:
        answers = set(pool.map(send, range(100)))
    assert len(answers) == 1, answers
    [(status, receipt, location)] = answers
    assert status == 202
    assert location == f"/v1/submissions/{json.loads(receipt)['id']}"
    assert len(events_stored(shared_api, name)) == 1
    user = events_stored(shared_api, name)[0][2]
    assert shared_api.database.sql("select count(*) from submissions where user_id = %s", str(user)) == [(1,)]


def test_repeated_delivery_is_in_progress_while_the_first_one_runs(shared_api, lms, draft, student, refused):
    import psycopg2

    name = f"msg_{uuid4().hex}"
    holder = psycopg2.connect(shared_api.database.admin_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute(
                "insert into seen_events (org_id, source_id, event_id, body_sha256) values (%s, %s, %s, %s)",
                (str(shared_api.school.org), str(lms.source), name, b"x" * 32),
            )
            with short_lock_waits(shared_api.database):
                answer = lms.deliver(draft(student=student), event=name)
        refused(answer, 409, "request-in-progress")
    finally:
        holder.rollback()
        holder.close()


@pytest.mark.parametrize(
    "body",
    [
        {"type": "ping"}, {"type": "ping", "data": None}, {"type": "course.updated", "data": [1]}, {"type": "user.deleted", "data": "a"},
        {"type": "x" * 201, "data": {}}, {"type": "ping", "timestamp": 7, "data": {}},
    ],
)  # fmt: skip
def test_event_that_is_not_acted_on_needs_no_data(shared_api, lms, body):
    name, raw = f"msg_{uuid4().hex}", json.dumps(body).encode()
    answer = lms.send(raw, lms.signed(raw, event=name))
    assert (answer.status_code, list(answer.json)) == (200, ["ignored"])
    [(outcome, *_)] = events_stored(shared_api, name)
    assert outcome == "ignored"


@pytest.mark.parametrize("event_type", ["course.created", "submission.deleted", "ping", "Submission.Created"])
def test_event_of_an_unknown_type_is_ignored_with_a_reason(shared_api, lms, event_type):
    name = f"msg_{uuid4().hex}"
    answer = lms.deliver({"anything": [1, 2]}, event_type=event_type, event=name)
    assert answer.status_code == 200
    assert list(answer.json) == ["ignored"]
    assert event_type in answer.json["ignored"]
    assert lms.deliver({"anything": [1, 2]}, event_type=event_type, event=name).json == answer.json
    [(outcome, reason, user, submission)] = events_stored(shared_api, name)
    assert (outcome, user, submission) == ("ignored", None, None)
    assert reason


def created_event(data):
    """Return the body of a submission.created event with this data."""
    return json.dumps({"type": "submission.created", "timestamp": "2026-11-22T08:30:00Z", "data": data}).encode()


INVALID_DELIVERIES = {
    "not JSON": (b"{", 400, "malformed-json", None),
    "a byte order mark": (b"\xef\xbb\xbf{}", 400, "malformed-json", None),
    "a member twice": (b'{"type": "a", "type": "b"}', 400, "malformed-json", None),
    "a list": (b"[]", 422, "invalid-payload", [""]),
    "no envelope": (b"{}", 422, "invalid-payload", ["/type", "/data"]),
    "data that is a list": (created_event([]), 422, "invalid-payload", ["/data"]),
    "a student id that is a number": (
        created_event({"title": "t", "text": "x", "student": {"external_id": 90210000000054321}}),
        422, "invalid-payload", ["/data/student/external_id"],
    ),
    "an assignment id that is no UUID": (
        created_event({"title": "t", "text": "x", "assignment_id": "lms-7", "student": {"external_id": "s"}}),
        422, "invalid-payload", ["/data/assignment_id"],
    ),
    "no student": (created_event({"title": "t", "text": "x"}), 422, "invalid-payload", ["/data/student"]),
    "no text": (created_event({"title": "t", "student": {"external_id": "s"}}), 422, "invalid-payload", ["/data/text"]),
    "a blank text": (
        created_event({"title": "t", "text": " ", "student": {"external_id": "s"}}), 422, "essay-empty", ["/data/text"],
    ),
    "a long text": (
        created_event({"title": "t", "text": "x" * 100_001, "student": {"external_id": "s"}}), 422, "essay-too-long", ["/data/text"],
    ),
    "U+0000": (
        created_event({"title": "t", "text": "a\0", "student": {"external_id": "s"}}), 422, "invalid-text", ["/data/text"],
    ),
    "a lone surrogate": (
        created_event({"title": "\ud800", "text": "x", "student": {"external_id": "s"}}), 422, "invalid-text", ["/data/title"],
    ),
    "an unknown assignment": (
        created_event({"title": "t", "text": "x", "assignment_id": str(UUID(int=7)), "student": {"external_id": "s"}}),
        404, "not-found", None,
    ),
    "an unknown essay": (
        created_event({"title": "t", "text": "x", "essay_id": str(UUID(int=7)), "student": {"external_id": "s"}}),
        404, "not-found", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "slug", "pointers"), INVALID_DELIVERIES.values(), ids=INVALID_DELIVERIES.keys()
)
def test_signed_but_invalid_delivery_is_refused_and_stored_encrypted(
    shared_api, lms, refused, body, status, slug, pointers
):
    name = f"msg_{uuid4().hex}"
    document = refused(lms.send(body, sign_text(lms.secret, name, str(int(time.time())), body)), status, slug)
    if pointers is not None:
        assert [one["pointer"] for one in document["errors"]] == pointers
    rows = shared_api.database.sql("select id, outcome, reason, body from inbound_events where event_id = %s", name)
    [(row, outcome, reason, sealed)] = rows
    assert (outcome, reason) == ("refused", slug)
    # A very short body can occur in random bytes by chance.
    assert len(body) < 8 or body not in bytes(sealed)
    opened = keyring().open(
        bytes(sealed), place=AssociatedData("inbound_events", "body", shared_api.school.org, UUID(str(row)))
    )
    assert opened == body.decode("utf-8", "backslashreplace")


def test_refused_delivery_that_is_not_utf8_is_stored(shared_api, lms, refused):
    name, body = f"msg_{uuid4().hex}", b'{"type": "\xff"}'
    refused(lms.send(body, sign_text(lms.secret, name, str(int(time.time())), body)), 400, "malformed-json")
    assert events_stored(shared_api, name)[0][:2] == ("refused", "malformed-json")


def test_webhook_id_of_a_refused_delivery_can_be_used_again(lms, draft, student, refused):
    name = f"msg_{uuid4().hex}"
    refused(lms.deliver(draft(student=student, text=" "), event=name), 422, "essay-empty")
    assert lms.deliver(draft(student=student), event=name).status_code == 202


def test_accepted_delivery_is_encrypted_with_the_key_of_the_student(shared_api, lms, event, draft, student):
    body, name = event(draft(student=student)), f"msg_{uuid4().hex}"
    lms.send(body, lms.signed(body, event=name))
    [(row, user, sealed)] = shared_api.database.sql(
        "select id, user_id, body from inbound_events where event_id = %s", name
    )
    with session(org=shared_api.school.org, role="ec_admin"):
        key = data_key(UUID(str(user)), org=shared_api.school.org)
    place = AssociatedData("inbound_events", "body", shared_api.school.org, UUID(str(row)))
    assert key.open(bytes(sealed), place=place) == body.decode()


def test_webhook_size_type_and_encoding_are_checked(lms, event, draft, student, refused):
    body = event(draft(student=student))
    headers = lms.signed(body)
    refused(lms.send(body, {**headers, "Content-Type": "text/plain"}), 415, "unsupported-media-type")
    refused(lms.send(body, {**headers, "Content-Encoding": "gzip"}), 415, "unsupported-content-encoding")
    large = b" " * (1024 * 1024 + 1)
    refused(lms.send(large, lms.signed(large)), 413, "payload-too-large")


@pytest.mark.parametrize(
    "encoding", ["gzip", "deflate", "br", "GZIP", " gzip", "gzip, gzip", "identity, gzip", "x-gzip", "zstd"]
)
def test_compressed_webhook_is_refused_before_its_signature(shared_api, lms, event, draft, student, refused, encoding):
    """Platforms that compress sign the JSON, so the signature never matches the bytes and would be blamed."""
    body, name = event(draft(student=student)), f"msg_{uuid4().hex}"
    for headers in (lms.signed(body, event=name), {"Content-Type": "application/json"}):
        answer = lms.send(gzip.compress(body), {**headers, "Content-Encoding": encoding})
        document = refused(answer, 415, "unsupported-content-encoding")
        assert "Send the body uncompressed" in document["detail"]
    assert shared_api.database.sql("select count(*) from inbound_events where event_id = %s", name) == [(0,)]
    assert lms.send(body, lms.signed(body, event=name)).status_code == 202


@pytest.mark.parametrize("encoding", ["identity", "IDENTITY", ""])
def test_webhook_with_the_encoding_identity_is_accepted(lms, event, draft, student, encoding):
    body = event(draft(student=student))
    assert lms.send(body, {**lms.signed(body), "Content-Encoding": encoding}).status_code == 202


def test_student_known_by_email_gets_the_essay_in_their_account(shared_api, lms, draft):
    data = draft(
        student={"external_id": "lms-zoe", "email": shared_api.school.email("ZOE"), "name": "Z."}, title="By e-mail"
    )
    shared_api.database.sql(
        "update users set external_id = null, external_id_digest = null where id = %s", str(shared_api.school.zoe)
    )
    receipt = lms.deliver(data)
    assert receipt.status_code == 202
    seen = shared_api.client.get(receipt.json["links"]["essay"], headers=shared_api.signed_in("zoe"))
    assert seen.json["student_id"] == str(shared_api.school.zoe)
    again = lms.deliver(draft(student={"external_id": "lms-zoe"}, title="By id"))
    seen = shared_api.client.get(again.json["links"]["essay"], headers=shared_api.signed_in("zoe"))
    assert seen.json["student_id"] == str(shared_api.school.zoe)


def test_unknown_student_is_added_and_enrolled_in_the_course(shared_api, lms, draft, student):
    receipt = lms.deliver(draft(student={**student, "name": "New"}, assignment_id=str(shared_api.school.assignment)))
    assert receipt.status_code == 202
    seen = shared_api.client.get(receipt.json["links"]["essay"], headers=shared_api.signed_in("ed"))
    assert seen.status_code == 200
    enrolled = shared_api.database.sql(
        "select role from enrollments where user_id = %s and course_id = %s",
        seen.json["student_id"],
        str(shared_api.school.course),
    )
    assert enrolled == [("student",)]


@pytest.mark.parametrize("by", ["assignment", "external_id", "essay_id"])
def test_resubmission_is_the_next_version_of_the_same_essay(shared_api, lms, draft, student, by):
    where = {
        "assignment": {"assignment_id": str(shared_api.school.assignment)}, "external_id": {"external_id": "attempt-1"}, "essay_id": {},
    }[by]  # fmt: skip
    first = lms.deliver(draft(student=student, **where)).json
    again = where or {"essay_id": first["essay_id"]}
    second = lms.deliver(draft(student=student, text="A better text.", **again), event_type="submission.updated").json
    assert second["essay_id"] == first["essay_id"]
    assert (first["version"], second["version"], second["status"]) == (1, 2, "queued")


def test_older_attempt_that_arrives_late_is_superseded(shared_api, lms, draft, student):
    where = {"student": student, "external_id": "late"}
    newest = lms.deliver(draft(**where, submitted_at="2026-11-20T10:00:00Z")).json
    late = lms.deliver(draft(**where, submitted_at="2026-11-20T09:59:59Z", text="The draft before.")).json
    assert late["essay_id"] == newest["essay_id"]
    assert (late["version"], late["status"]) == (2, "superseded")
    key = shared_api.with_key()
    status = shared_api.client.get(late["links"]["self"], headers=key).json
    assert status["status"] == "superseded"
    assert {one["status"] for one in status["passes"].values()} == {"cancelled"}
    assert status["completed_at"] is not None
    essay = shared_api.client.get(newest["links"]["essay"], headers=key).json
    assert essay["submission_id"] == newest["id"]
    third = lms.deliver(draft(**where, submitted_at="2026-11-20T11:00:00Z")).json
    assert (third["version"], third["status"]) == (3, "queued")


@pytest.mark.parametrize("by", ["submitted_at", "timestamp"])
def test_future_date_does_not_supersede_later_versions(lms, draft, student, by):
    where, future = {"student": student, "external_id": "future"}, "9999-12-31T23:59:59Z"
    first = (
        lms.deliver(draft(**where, submitted_at=future))
        if by == "submitted_at"
        else lms.deliver(draft(**where), timestamp=future)
    )
    assert first.json["status"] == "queued"
    assert lms.deliver(draft(**where), timestamp=future).json["status"] == "queued"
