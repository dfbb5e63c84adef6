"""Tests of attacks through headers, paths, Unicode and SQL, and of small requests that are costly to process."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import pytest

from models.identifiers import fold_identifier
from tests.support.races import promptly
from tests.support.schools import PASSWORD

SQL = (
    "'; drop table submissions; --", "' or '1'='1", "\\'; select pg_sleep(9) --", "$$; delete from users; $$", "%s", "%(org)s", "%",
    "{essay}", "{0.__class__}", "\\", "';--\u2028", "robert'); drop table orgs;--", "1; set role postgres", "${jndi:ldap://x}",
)  # fmt: skip


def counts(shared_api) -> dict[str, int]:
    """Return the number of rows of each table."""
    tables = ("orgs", "users", "essays", "submissions", "passes", "api_keys", "sources")
    [found] = shared_api.database.sql("select " + ", ".join(f"(select count(*) from {name})" for name in tables))
    return dict(zip(tables, found, strict=True))


@pytest.mark.parametrize("given", ["abcdefgh", "0123456789-._AZ", "x" * 64])
def test_valid_request_id_is_kept_and_used_as_problem_instance(shared_api, refused, given):
    answer = shared_api.client.get("/v1/me", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given
    assert refused(answer, 401, "unauthorized")["instance"] == given
    assert shared_api.client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize(
    "given",
    ["", "short", "x" * 65, "x" * 8000, "with blank", "semi;colon", "<script>x</script>", "caf\u00e9caf\u00e9", "a\tbcdefgh", "%0d%0aSet-Cookie",
     '{"a":"bcdef"}', "abcdefgh,ijklmnop", "../../etc/passwd"],
    ids=lambda given: ascii(given[:20]),
)  # fmt: skip
def test_invalid_request_id_is_replaced(shared_api, given):
    answer = shared_api.client.get("/healthz", headers={"X-Request-Id": given})
    assert answer.status_code == 200
    assert answer.headers["X-Request-Id"] != given
    assert len(answer.headers["X-Request-Id"]) == 32


@pytest.mark.parametrize(
    "given", ["abcdefgh\r\nSet-Cookie: a=b", "abcdefgh\nX: y", "abcdefgh\r", "abcdefgh\0ijk"], ids=ascii
)
def test_line_break_in_request_id_does_not_split_the_response(shared_api, given):
    """A server should refuse such a header; if it does not, the response contains nothing of it."""
    answer = shared_api.client.get("/healthz", environ_overrides={"HTTP_X_REQUEST_ID": given})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["X-Request-Id"].isalnum()
    assert "abcdefgh" not in answer.headers["X-Request-Id"]


@pytest.mark.parametrize("field", ["title", "text", "external_id", "category", "language"])
@pytest.mark.parametrize("value", SQL)
def test_sql_in_a_submission_field_is_treated_as_text(shared_api, draft, field, value):
    before = counts(shared_api)
    body = draft(**{"student": {"external_id": "bobby"}, field: value})
    answer = shared_api.client.post("/v1/submissions", json=body, headers=shared_api.with_key())
    assert answer.status_code == 202
    essay = shared_api.client.get(answer.json["links"]["essay"], headers=shared_api.with_key()).json
    if field in ("category", "language"):
        assert [one["pointer"] for one in answer.json["warnings"]] == [f"/{field}"]
        assert essay["category"] is None
    elif field == "external_id":
        assert essay[field] == fold_identifier(value)
    else:
        assert essay.get(field, value) == value
    after = counts(shared_api)
    assert (after["submissions"], after["passes"]) == (before["submissions"] + 1, before["passes"] + 3)
    assert (after["orgs"], after["api_keys"]) == (before["orgs"], before["api_keys"])


@pytest.mark.parametrize("value", SQL)
def test_sql_in_names_ids_and_keys_is_treated_as_text(shared_api, draft, refused, value):
    client = shared_api.client
    student = {"external_id": f"{value}{uuid4().hex}", "name": value, "email": f"{value}@x"}
    answer = client.post("/v1/submissions", json=draft(student=student), headers=shared_api.with_key())
    assert answer.status_code == 202
    again = client.post("/v1/submissions", json=draft(student=student), headers=shared_api.with_key())
    ids = {
        client.get(one.json["links"]["essay"], headers=shared_api.with_key()).json["student_id"]
        for one in (answer, again)
    }
    assert len(ids) == 1
    for credentials in ({"org": value, "email": "a@b"}, {"org": "northside", "email": f"{value}@b"}):
        refused(client.post("/v1/auth/login", json={**credentials, "password": value}), 401, "unauthorized")
    key = value if value.isascii() and '"' not in value else "x"
    headers = {**shared_api.with_key(), "Idempotency-Key": f'"{key}{uuid4().hex}"'}
    assert client.post("/v1/submissions", json=draft(student=student), headers=headers).status_code == 202
    refused(
        client.get("/v1/essays", query_string={"cursor": value}, headers=shared_api.with_key()), 422, "invalid-payload"
    )
    assert client.get(f"/v1/essays/{value}".replace("%", "%25"), headers=shared_api.with_key()).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["//v1/me", "/v1//me", "///evil.example/v1/me", "//evil.example/%2e%2e", "/v1/%2e%2e/v1/me", "/v1/./me", "/v1/../v1/me", "/v1/me/",
     "/v1/me%00", "/v1/me%20", "/V1/me", "/v1/me;x=1", "/v1/me%2f", "/v1/me%0d%0aX:y", "/v1\\me", "/healthz/../v1/me",
     "/v1/submissions/{0}%00", "/v1/submissions/{0}%0a", "/v1/submissions/{{{0}}}", "/v1/submissions/urn:uuid:{0}"],
)  # fmt: skip
def test_malformed_path_is_not_found_and_not_redirected(shared_api, refused, path):
    """A redirect built from the path or the Host header could send people and signatures to another site."""
    receipt = shared_api.hand_in("alice")
    path = path.format(receipt["id"])
    for method in ("GET", "POST"):
        answer = shared_api.client.open(path, method=method, headers=shared_api.signed_in("alice"))
        assert "Location" not in answer.headers
        refused(answer, 404, "not-found")


def test_path_in_a_problem_is_not_served_as_html(shared_api, refused):
    answer = shared_api.client.get("/<script>alert(1)</script>")
    document = refused(answer, 404, "not-found")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "script" in document["detail"]
    page = shared_api.client.get("/problems/<script>")
    assert page.content_type == "application/problem+json"


def test_uppercase_id_does_not_bypass_the_access_check(shared_api):
    receipt = shared_api.hand_in("alice")
    answer = shared_api.client.get(f"/v1/submissions/{receipt['id'].upper()}", headers=shared_api.signed_in("alice"))
    assert answer.status_code in (200, 404)
    assert (
        shared_api.client.get(
            f"/v1/submissions/{receipt['id'].upper()}", headers=shared_api.signed_in("bob")
        ).status_code
        == 404
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("Authorization", "Bearer " + "x" * 7000), ("Authorization", "Bearer " + "a.b." + "c" * 7000), ("Idempotency-Key", "x" * 7000),
     ("Content-Type", "application/json; " + "x" * 7000), ("Content-Encoding", "x" * 7000), ("If-None-Match", 'W/"' + "x" * 7000),
     ("Prefer", "wait=" + "9" * 7000), ("Prefer", "wait=1" + " ," * 3000), ("webhook-signature", "v1,x " * 1500), ("Accept", "x" * 7000)],
    ids=lambda one: one[:16],
)  # fmt: skip
def test_oversized_header_is_answered_fast_without_server_error(shared_api, draft, name, value):

    def ask():
        headers = {**shared_api.with_key(), name: value}
        return (
            shared_api.client.post("/v1/submissions", json=draft(student={"external_id": "s"}), headers=headers),
            shared_api.client.get(f"/v1/submissions/{uuid4()}", headers=headers),
            shared_api.client.post(f"/v1/webhooks/{shared_api.school.source}", data=b"{}", headers=headers),
        )

    for answer in promptly(ask, seconds=2, clock=time.process_time):
        assert answer.status_code < 500, answer.text


def test_long_name_above_a_long_list_is_refused_fast(shared_api, refused):
    """A path built from this long name for each of the 260,000 entries would take a minute."""
    body = b'{"' + b"k" * 500_000 + b'": [' + b"0," * 260_000 + b"0]}"
    answer = promptly(lambda: post_by_key(shared_api, body), seconds=3, clock=time.process_time)
    refused(answer, 422, "invalid-payload")


def post_by_key(shared_api, body: bytes):
    """Hand in this body with the API key and return the answer."""
    headers = {**shared_api.with_key(), "Content-Type": "application/json"}
    return shared_api.client.post("/v1/submissions", data=body, headers=headers)


@pytest.mark.parametrize(
    "body",
    [
        b'{"title": "' + b"\\\\" * 500_000 + b'"}', b'{"title": "' + b"\\ud83d\\ude00" * 80_000 + b'", "text": "x"}',
        b'{"submitted_at": "' + b"2026-01-01T00:00:00." + b"9" * 1_000_000 + b'Z"}',
        b'{"language": "' + b"en-" * 340_000 + b'"}', b'{"title": "' + b" " * 1_000_000 + b'"}', b"[" + b"[]," * 340_000 + b"[]]",
        b"{" + b",".join(b'"%d":{}' % number for number in range(90_000)) + b"}", b'{"text": "' + "\u00e9".encode() * 500_000 + b'"}',
        b'{"n": [' + b",".join([b"9" * 4000] * 250) + b"]}", b'{"student": {"email": "' + b"@" * 1_000_000 + b'", "external_id": "x"}}',
    ],
    ids=lambda body: ascii(body[:18].decode()),
)  # fmt: skip
def test_costly_body_of_one_mebibyte_is_refused_fast(shared_api, body):
    assert len(body) <= 1024 * 1024
    answer = promptly(lambda: post_by_key(shared_api, body), seconds=3, clock=time.process_time)
    assert answer.status_code in (400, 422)


def log_in(shared_api, **changes):
    body = {"org": "northside", "email": "alice@northside.example", "password": PASSWORD, **changes}
    return shared_api.client.post("/v1/auth/login", json=body)


@pytest.mark.parametrize(
    "email",
    ["\u0430lice@northside.example", "alice\u200b@northside.example", "alice@northside.example\u202e", "al\u0131ce@northside.example",
     "alice\uff20northside.example@", "alice@northside\u3002example", "alice@northside.example/../bob", "alice@northside.example,bob@x",
     "alice+tag@northside.example", '"alice"@northside.example', "alice@@northside.example", "alice\n@northside.example"],
    ids=ascii,
)  # fmt: skip
def test_look_alike_email_cannot_sign_in(shared_api, refused, email):
    refused(log_in(shared_api, email=email), 401, "unauthorized")


@pytest.mark.parametrize(
    "org",
    [
        "Northside",
        "northside ",
        " northside",
        "\uff4eorthside",
        "north\u00adside",
        "northside\u200b",
        "northside/",
        "%",
    ],
)
def test_look_alike_org_cannot_sign_in(shared_api, refused, org):
    refused(log_in(shared_api, org=org), 401, "unauthorized")


@pytest.mark.parametrize(
    "password", [PASSWORD + " ", PASSWORD + "\n", PASSWORD.replace(" ", "\u00a0"), PASSWORD.title()], ids=ascii
)
def test_password_is_compared_exactly(shared_api, refused, password):
    refused(log_in(shared_api, password=password), 401, "unauthorized")


@pytest.mark.parametrize(("one", "other"), [("Stu-1a", "stu-1A"), ("x\u2460", "x1")], ids=ascii)
def test_students_with_different_lms_ids_are_different_people(shared_api, draft, one, other):
    """LMS ids are opaque (LTI's `sub` is case-sensitive), and an essay must never go to another student."""
    mark = uuid4().hex
    receipts = [
        shared_api.client.post(
            "/v1/submissions", json=draft(student={"external_id": mark + given}),
            headers=shared_api.with_key(),
        ).json
        for given in (one, other)
    ]  # fmt: skip
    students = {
        shared_api.client.get(each["links"]["essay"], headers=shared_api.with_key()).json["student_id"] for each in receipts
    }  # fmt: skip
    assert len(students) == 2


def test_lms_student_with_the_email_of_an_admin_does_not_get_the_account(shared_api, draft):
    """A person who can edit an email in the LMS must not get that account; the essay goes to a new student."""
    student = {"external_id": "climber", "email": shared_api.school.email("ada"), "name": "Mallory"}
    assert (
        shared_api.client.post(
            "/v1/submissions", json=draft(student=student), headers=shared_api.with_key()
        ).status_code
        == 202
    )
    me = shared_api.client.get("/v1/me", headers=shared_api.signed_in("ada")).json
    assert (me["role"], me["name"], me["email"], me["external_id"]) == (
        "admin",
        "Ada",
        shared_api.school.email("ada"),
        None,
    )
    assert log_in(shared_api, email=shared_api.school.email("ada"), password="Mallory").status_code == 401


def test_internal_fields_in_a_request_body_are_ignored(shared_api, draft):
    """A field that the contract does not name reaches no column."""
    body = draft(
        id=str(uuid4()), version=9, status="completed", user_id=str(shared_api.school.bob), org_id=str(shared_api.other.org), role="admin",
        released=True, source="webhook", __proto__={"x": 1}, self="x", student_id=str(shared_api.school.bob),
    )  # fmt: skip
    answer = shared_api.client.post("/v1/submissions", json=body, headers=shared_api.signed_in("alice"))
    assert answer.status_code == 202
    assert (answer.json["version"], answer.json["status"]) == (1, "queued")
    rows = shared_api.database.sql(
        "select user_id, org_id, source, queue from submissions where id = %s", answer.json["id"]
    )
    assert [tuple(map(str, row)) for row in rows] == [
        (str(shared_api.school.alice), str(shared_api.school.org), "app", "interactive")
    ]


def test_quote_of_unusual_characters_is_returned_exactly(shared_api):
    text = "\ufeff\u202eevil\u202c \u0007 z\u0335a\u0335l was \U000e0041 \r\n\t \ufffe <b>&amp;</b> \u2028 end"
    receipt = shared_api.hand_in("zoe", text=text)
    shared_api.worker.finish(receipt["id"], "grammar", quote="was \U000e0041")
    answer = shared_api.client.get(receipt["links"]["feedback"], headers=shared_api.signed_in("zoe"))
    span = json.loads(answer.data)["comments"][0]["span"]
    assert text[span["start"] : span["end"]] == span["quote"] == "was \U000e0041"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_forged_host_and_forwarding_headers_are_ignored(shared_api, draft):
    headers = {
        **shared_api.signed_in("alice"), "X-Forwarded-For": "1.2.3.4, ' or 1=1", "X-Forwarded-Host": "evil.example", "Forwarded": "for=x",
        "X-HTTP-Method-Override": "DELETE", "X-Original-URL": "/v1/me",
    }  # fmt: skip
    answer = shared_api.client.post("/v1/submissions", json=draft(), headers=headers, base_url="http://evil.example")
    assert answer.status_code == 202
    assert answer.headers["Location"].startswith("/v1/submissions/")
    assert "evil" not in answer.text
