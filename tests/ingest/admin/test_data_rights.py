"""Tests of the export and erasure of a person's data, and of the audit trail of staff reads."""

from __future__ import annotations

import io
import json
from pathlib import PurePosixPath
from uuid import UUID, uuid4
from zipfile import ZipFile

import pytest

from ingest.web import access_log
from models import db, rights
from models.crypto import keyring
from tests.support.schools import PASSWORD
from tests.support.servers import execute

MARKER = "xylophonic marmalade"
STUDENT = {"external_id": "kim-1", "name": "Kim Marker", "email": "kim@northside.example"}


@pytest.fixture
def student():
    """Give a student with a new external id and email."""
    return {**STUDENT, "external_id": f"kim-{uuid4().hex}", "email": f"kim-{uuid4().hex}@northside.example"}


@pytest.fixture
def kim(shared_api, lms, draft, student):
    """Give the id of a student who came by webhook, and the receipt of their essay, whose passes are done."""
    return deliver_essay(shared_api, lms, draft, student)


@pytest.fixture
def lms(shared_api):
    """Give the LMS that signs webhook deliveries."""
    return shared_api.lms


def deliver_essay(api, lms, draft, student, **how):
    """Deliver an essay by webhook, finish its passes, and return the student's id and the receipt."""
    data = draft(
        student=student, text=f"Phones was loud. My {MARKER} is mine.", assignment_id=str(api.school.assignment)
    )
    answer = lms.deliver(data, **how)
    assert answer.status_code == 202, answer.text
    for name in ("grammar", "structure", "content"):
        api.worker.finish(answer.json["id"], name)
    essay = api.client.get(answer.json["links"]["essay"], headers=api.with_key())
    return UUID(essay.json["student_id"]), answer.json


def export(api, user, who="ada", of=None):
    return api.client.get(f"/v1/users/{user}/export", headers=api.signed_in(who, of))


def erase(api, user, who="ada", of=None):
    return api.client.post(f"/v1/users/{user}/erase", headers=api.signed_in(who, of))


def read_entries(api, entity_id):
    """Return the audit entries of reads of this entity, oldest first."""
    found = api.database.sql(
        "select action, entity, actor_role, actor_id, request_id, detail ->> 'user_id' from audit_log"
        " where entity_id = %s and action = 'read' order by id",
        str(entity_id),
    )
    names = ("action", "entity", "role", "actor", "request", "person")
    return [dict(zip(names, map(str, one), strict=True)) for one in found]


def test_admin_export_is_a_valid_archive_with_essay_and_feedback(shared_api, kim, student):
    user, receipt = kim
    answer = export(shared_api, user)
    assert answer.status_code == 200
    assert answer.content_type == "application/zip"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={user}.zip"
    assert answer.headers["Cache-Control"] == "no-store"
    with ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == len(set(names))
        # No name in the archive leads out of the folder into which it is unpacked.
        assert not [name for name in names if name.startswith("/") or ".." in PurePosixPath(name).parts]
        folder = f"essays/1-{receipt['essay_id']}"
        assert MARKER in archive.read(f"{folder}/versions/1.txt").decode()
        assert json.loads(archive.read("profile.json"))["email"] == student["email"]
        assert "was" in [one.get("quote") for one in json.loads(archive.read(f"{folder}/versions/1-feedback.json"))]
        assert MARKER in json.loads(archive.read("inbound_events.json"))[0]["body"]
        trail = json.loads(archive.read("audit_log.json"))
        assert [one["actor_id"] for one in trail if one["action"] == "read" and one["entity"] == "user"] == [
            str(shared_api.school.ada)
        ]
        assert b"pbkdf2" not in b"".join(archive.read(name) for name in names)


def test_only_an_admin_of_the_same_org_can_export_or_erase(shared_api, kim, refused):
    user, _ = kim
    for ask in (export, erase):
        for who in ("alice", "ed"):
            refused(ask(shared_api, user, who), 403, "forbidden")
            refused(ask(shared_api, uuid4(), who), 403, "forbidden")
        refused(ask(shared_api, user, "ada", shared_api.other), 404, "not-found")
        refused(ask(shared_api, uuid4()), 404, "not-found")
    for method, route in (("get", "export"), ("post", "erase")):
        at = f"/v1/users/{user}/{route}"
        refused(getattr(shared_api.client, method)(at), 401, "unauthorized")
        refused(getattr(shared_api.client, method)(at, headers=shared_api.with_key()), 403, "forbidden")
        refused(shared_api.client.delete(at, headers=shared_api.signed_in("ada")), 405, "method-not-allowed")
        refused(
            getattr(shared_api.client, method)(f"/v1/users/not-an-id/{route}", headers=shared_api.signed_in("ada")),
            404,
            "not-found",
        )
    # The refused requests changed nothing and added no audit entry.
    assert export(shared_api, user).status_code == 200
    assert len(read_entries(shared_api, user)) == 1


def test_failed_export_returns_a_problem_and_no_partial_archive(shared_api, kim, refused, monkeypatch):
    user, _ = kim

    def fail_half_way(*_, **__):
        yield "profile.json", "{}"
        raise RuntimeError(MARKER)

    monkeypatch.setattr(rights, "gather", fail_half_way)
    document = refused(export(shared_api, user), 500, "internal-error")
    assert MARKER not in json.dumps(document)
    assert read_entries(shared_api, user) == []


def test_archive_larger_than_the_memory_limit_is_complete(shared_api, kim, monkeypatch):
    user, receipt = kim
    monkeypatch.setattr("ingest.admin.data_rights.IN_MEMORY_BYTES", 100)
    with ZipFile(io.BytesIO(export(shared_api, user).data)) as archive:
        assert archive.testzip() is None
        assert f"essays/1-{receipt['essay_id']}/essay.json" in archive.namelist()


def test_staff_reads_of_a_student_are_in_the_audit_trail(shared_api, kim):
    user, receipt = kim
    reads = {
        f"/v1/submissions/{receipt['id']}/feedback": ("submission", receipt["id"]),
        f"/v1/essays/{receipt['essay_id']}": ("essay", receipt["essay_id"]),
        f"/v1/users/{user}/export": ("user", str(user)),
    }
    for at, (entity, entity_id) in reads.items():
        people = ("ada",) if entity == "user" else ("ed", "ada")
        answers = [shared_api.client.get(at, headers=shared_api.signed_in(who)) for who in people]
        assert [answer.status_code for answer in answers] == [200] * len(people)
        assert read_entries(shared_api, entity_id) == [
            {
                "action": "read", "entity": entity, "role": {"ed": "educator", "ada": "admin"}[who],
                "actor": str(getattr(shared_api.school, who)), "request": answer.headers["X-Request-Id"], "person": str(user),
            }
            for who, answer in zip(people, answers, strict=True)
        ]  # fmt: skip


def test_own_reads_lists_polls_and_lms_reads_are_not_audited(shared_api):
    receipt = shared_api.hand_in("alice", assignment_id=str(shared_api.school.assignment))
    for name in ("grammar", "structure", "content"):
        shared_api.worker.finish(receipt["id"], name)
    for at in (receipt["links"]["feedback"], receipt["links"]["essay"]):
        assert shared_api.client.get(at, headers=shared_api.signed_in("alice")).status_code == 200
    for who in ("ed", "ada"):
        for at in ("/v1/essays", receipt["links"]["self"], receipt["links"]["events"]):
            assert shared_api.client.get(at, headers=shared_api.signed_in(who)).status_code == 200
    own = shared_api.hand_in("ed")
    assert shared_api.client.get(own["links"]["essay"], headers=shared_api.signed_in("ed")).status_code == 200
    # An LMS shows what it reads to people we do not know, so the audit trail has only the writes of a key.
    assert shared_api.client.get(receipt["links"]["essay"], headers=shared_api.with_key()).status_code == 200
    for one in (receipt["id"], receipt["essay_id"], own["essay_id"]):
        assert read_entries(shared_api, one) == []


def test_refused_staff_read_is_not_audited(shared_api, kim, refused):
    _, receipt = kim
    for at in (receipt["links"]["feedback"], receipt["links"]["essay"]):
        refused(shared_api.client.get(at, headers=shared_api.signed_in("nell")), 404, "not-found")
    assert read_entries(shared_api, receipt["id"]) == read_entries(shared_api, receipt["essay_id"]) == []


def test_read_fails_when_it_cannot_be_audited(shared_api, kim, monkeypatch, refused):
    _, receipt = kim

    def fail(*_, **__):
        raise RuntimeError("the trail cannot be written")

    monkeypatch.setattr(access_log, "write_entries", fail)
    answer = shared_api.client.get(receipt["links"]["essay"], headers=shared_api.signed_in("ed"))
    refused(answer, 500, "internal-error")


def test_admin_cannot_erase_themselves(shared_api, refused):
    refused(erase(shared_api, shared_api.school.ada), 409, "own-account")
    assert shared_api.client.get("/v1/me", headers=shared_api.signed_in("ada")).status_code == 200


def test_audit_entry_of_a_webhook_names_its_source(shared_api, kim):
    user, receipt = kim
    found = shared_api.database.sql(
        "select distinct actor_id, actor_role from audit_log where entity_id in (%s, %s) and action = 'created'",
        str(user),
        receipt["id"],
    )
    assert found == [(shared_api.school.source, "lms")]


def run_erasures(api):
    """Erase the people whose erasure was requested, as the clock does, with its own role and connection."""
    for user, org in execute(
        api.database.role_url("ec_clock"),
        "select id::text, org_id::text from users where erase_requested_at is not null",
    ):
        execute(api.database.role_url("ec_clock"), "select erase_person(%s)", (user,))
        assert org


def test_erased_student_is_gone_from_all_routes_tables_and_redis(api, draft, student, redis_client, refused):
    name = f"msg_{uuid4().hex}"
    body_data = draft(
        student=student, text=f"Phones was loud. My {MARKER} is mine.", assignment_id=str(api.school.assignment)
    )
    first = api.lms.deliver(body_data, event=name)
    assert first.status_code == 202
    for one in ("grammar", "structure", "content"):
        api.worker.finish(first.json["id"], one)
    user = UUID(api.client.get(first.json["links"]["essay"], headers=api.with_key()).json["student_id"])
    with db.session(org=api.school.org, role="ec_lms"):
        digest = keyring().email_index(student["email"], org=api.school.org).hex()

    answer = erase(api, user)
    assert (answer.status_code, answer.json) == (202, {"status": "erasing"})
    assert erase(api, user).status_code == 202
    for at in (first.json["links"]["essay"], first.json["links"]["feedback"], f"/v1/users/{user}/export"):
        refused(api.client.get(at, headers=api.signed_in("ada")), 404, "not-found")
    run_erasures(api)

    for ask in (export, erase):
        refused(ask(api, user), 404, "not-found")
    refused(api.client.get(first.json["links"]["self"], headers=api.signed_in("ada")), 404, "not-found")
    tables = api.database.sql(
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition"
    )
    needles = [str(user), digest, MARKER, student["email"], student["external_id"], "Kim Marker"]
    assert {
        table for (table,) in tables
        if api.database.sql(f"select 1 from {table} as t where to_jsonb(t)::text ~* %s limit 1", "|".join(needles))
    } == {"audit_log"}  # fmt: skip
    audited = api.database.sql("select string_agg(to_jsonb(a)::text, ' ') from audit_log as a")[0][0]
    assert [needle for needle in needles if needle in audited] == [str(user)]
    for key in redis_client.scan_iter():
        kept = key + (redis_client.dump(key) or b"")
        assert not [needle for needle in needles if needle.encode() in kept], key

    repeated = api.lms.deliver(body_data, event=name)
    assert (repeated.status_code, list(repeated.json)) == (200, ["ignored"])
    assert "Location" not in repeated.headers
    assert api.database.sql("select count(*) from essays where user_id = %s", str(user)) == [(0,)]


def test_webhook_id_with_another_body_is_refused_after_erasure(api, draft, student, refused):
    name = f"msg_{uuid4().hex}"
    user, _ = deliver_essay(api, api.lms, draft, student, event=name)
    erase(api, user)
    run_erasures(api)
    refused(api.lms.deliver(draft(student=student, text="Another."), event=name), 422, "idempotency-key-reused")


def test_erasure_revokes_tokens_and_password_at_once(api, refused):
    tokens = api.sign_in("bob")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert api.client.get("/v1/me", headers=headers).status_code == 200
    assert erase(api, api.school.bob).status_code == 202
    refused(api.client.get("/v1/me", headers=headers), 401, "invalid-token")
    refused(
        api.client.post("/v1/auth/refresh", headers={"Authorization": f"Bearer {tokens['refresh_token']}"}),
        401,
        "invalid-token",
    )
    credentials = {"org": api.school.slug, "email": api.school.email("bob"), "password": PASSWORD}
    refused(api.client.post("/v1/auth/login", json=credentials), 401, "unauthorized")


def test_lms_works_after_erasure_and_creates_a_new_student(api, draft, student):
    user, _ = deliver_essay(api, api.lms, draft, student)
    erase(api, user)
    run_erasures(api)
    again, _ = deliver_essay(api, api.lms, draft, student)
    assert again != user
