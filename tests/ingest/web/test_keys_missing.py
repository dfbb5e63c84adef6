"""Tests of the app after a restore of the database and before that of people's keys."""

from __future__ import annotations

import psycopg2
import pytest

from tests.support.schools import PASSWORD

KEYS = "missing: run python -m workers keys restore"


def take_keys(api, *names):
    """Delete the keys of these people (of everybody by default), as a restored dump lacks them."""
    api.database.sql("create table kept_keys as select * from user_keys")
    ids = [getattr(api.school, name) for name in names]
    api.database.sql("delete from user_keys where user_id = any (%s::uuid[]) or %s", ids, not names)


def restore_keys(api):
    api.database.sql("insert into user_keys select * from kept_keys on conflict do nothing")
    api.database.sql("drop table kept_keys")


def requests_of(api, draft):
    """Return requests that need somebody's key, each as a function."""
    alice, ed, key = api.signed_in("alice"), api.signed_in("ed"), api.with_key()
    submission = api.hand_in("alice", assignment_id=str(api.school.assignment))
    by_lms = draft(student={"external_id": "alice-sis"})
    address, essay = f"/v1/submissions/{submission['id']}", f"/v1/essays/{submission['essay_id']}"
    credentials = {"org": "northside", "email": "bob@northside.example", "password": PASSWORD}
    return {
        "hand in": lambda: api.client.post("/v1/submissions", json=draft(), headers=alice),
        "hand in by key": lambda: api.client.post("/v1/submissions", json=by_lms, headers=api.with_key()),
        "hand in by webhook": lambda: api.lms.deliver(by_lms),
        "sign in": lambda: api.client.post("/v1/auth/login", json=credentials),
        "own profile": lambda: api.client.get("/v1/me", headers=alice),
        "status": lambda: api.client.get(address, headers=alice),
        "status by key": lambda: api.client.get(address, headers=key),
        "feedback": lambda: api.client.get(f"{address}/feedback", headers=alice),
        "feedback by key": lambda: api.client.get(f"{address}/feedback", headers=key),
        "essay": lambda: api.client.get(essay, headers=alice),
        "essays": lambda: api.client.get("/v1/essays", headers=alice),
        "people": lambda: api.client.get("/v1/users", headers=api.signed_in("ada")),
        "essay by teacher": lambda: api.client.get(essay, headers=ed),
    }


def test_every_door_answers_503_until_the_keys_are_back(api, draft, refused):
    api.signed_in("ada")
    requests = requests_of(api, draft)
    take_keys(api)
    answer = api.client.get("/readyz")
    assert (answer.status_code, answer.json["checks"]) == (503, {"database": "ok", "redis": "ok", "keys": KEYS})
    for name, request in requests.items():
        assert refused(request(), 503, "temporarily-unavailable")["detail"], name
    restore_keys(api)
    answer = api.client.get("/readyz")
    assert (answer.status_code, answer.json["checks"]) == (200, {"database": "ok", "redis": "ok"})
    statuses = {name: request().status_code for name, request in requests.items()}
    assert set(statuses.values()) <= {200, 202, 409}, statuses


def test_new_student_does_not_make_the_service_ready(api, draft):
    """A student whom an LMS adds after the restore has a key; the others still have none."""
    take_keys(api)
    restored = api.database.sql("select count(*) from user_keys")
    api.database.sql(
        "with added as (insert into users (org_id, role, external_id, external_id_digest) "
        "values (%s, 'student', '', sha256('new')) returning id, org_id) "
        "insert into user_keys (user_id, org_id, wrapped, master_key_id) select id, org_id, '', 'k1' from added",
        api.school.org,
    )
    assert restored == [(0,)]
    assert api.client.get("/readyz").json["checks"]["keys"] == KEYS


def test_person_whose_key_was_in_no_backup_gets_503_and_the_others_are_served(api, draft, refused):
    bob, key = api.signed_in("bob"), api.with_key
    handed_in = api.hand_in("bob", assignment_id=str(api.school.assignment))
    api.worker.finish(handed_in["id"], "grammar")
    take_keys(api, "bob")
    assert api.client.get("/readyz").status_code == 200
    for body, status in (
        (draft(student={"external_id": "bob-sis"}), 503),
        (draft(student={"external_id": "alice-sis"}), 202),
    ):
        assert api.client.post("/v1/submissions", json=body, headers=key()).status_code == status
        assert api.lms.deliver(body).status_code == status
    credentials = {"org": "northside", "email": "bob@northside.example", "password": PASSWORD}
    refused(api.client.post("/v1/auth/login", json=credentials), 503, "temporarily-unavailable")
    refused(api.client.get("/v1/me", headers=bob), 503, "temporarily-unavailable")
    address = f"/v1/submissions/{handed_in['id']}/feedback"
    refused(api.client.get(address, headers=api.signed_in("ed")), 503, "temporarily-unavailable")
    refused(
        api.client.get(f"/v1/essays/{handed_in['essay_id']}", headers=api.signed_in("ed")),
        503,
        "temporarily-unavailable",
    )
    refused(api.client.get(f"/v1/users/{api.school.bob}", headers=api.signed_in("ada")), 503, "temporarily-unavailable")


def test_restore_is_over_although_the_oldest_person_was_erased_since_the_dump(api, draft):
    """That person is there again and has no key. Everybody else is served."""
    take_keys(api)
    api.database.sql(
        "insert into user_keys (user_id, org_id, wrapped, master_key_id) select user_id, org_id, wrapped, master_key_id "
        "from kept_keys where user_id <> (select min(id::text)::uuid from users)"
    )
    assert api.client.get("/readyz").status_code == 200
    body = draft(student={"external_id": "bob-sis"})
    assert api.client.post("/v1/submissions", json=body, headers=api.with_key()).status_code == 202


@pytest.mark.slow(reason="fills a table with many people")
def test_check_reads_few_rows_among_many_people(api):
    """The cost of the check does not grow with the number of people."""
    api.database.sql(
        "with added as (insert into users (org_id, role, external_id, external_id_digest) "
        "select %s, 'student', '', sha256(n::text::bytea) from generate_series(1, 20000) as n returning id, org_id) "
        "insert into user_keys (user_id, org_id, wrapped, master_key_id) select id, org_id, '', 'k1' from added",
        api.school.org,
    )
    api.database.sql("analyze users, user_keys")
    read = (
        "select coalesce(sum(seq_tup_read), 0), coalesce(sum(idx_tup_fetch), 0) from pg_stat_xact_user_tables "
        "where relname in ('users', 'user_keys')"
    )
    connection = psycopg2.connect(api.database.role_url("ec_ingest"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("select keys_missing()")
            assert cursor.fetchone() == (False,)
            cursor.execute(read)
            scanned, fetched = cursor.fetchone()
    finally:
        connection.close()
    assert (scanned, fetched < 20) == (0, True)


def test_wrong_password_is_401_also_without_a_key(api, refused):
    take_keys(api, "bob")
    credentials = {"org": "northside", "email": "bob@northside.example", "password": "wrong"}
    refused(api.client.post("/v1/auth/login", json=credentials), 401, "unauthorized")


def test_erased_person_stays_not_found(api, draft, refused):
    """Erasure also destroys the key. It is no restore that is not finished."""
    api.hand_in("bob")
    answer = api.client.post(f"/v1/users/{api.school.bob}/erase", headers=api.signed_in("ada"))
    assert answer.status_code in (202, 204), answer.text
    assert api.database.sql("select count(*) from user_keys where user_id = %s", api.school.bob) == [(0,)]
    assert api.client.get("/readyz").status_code == 200
    refused(api.client.get(f"/v1/users/{api.school.bob}", headers=api.signed_in("ada")), 404, "not-found")


def test_installation_without_people_is_ready(api):
    api.database.sql("delete from users")
    assert api.client.get("/readyz").status_code == 200
