"""Tests of the admin routes for people: changes, the access they revoke, and the protection of the last admin."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from models import courses, db, one_time_tokens
from models.errors import LastAdmin
from models.identifiers import fold_identifier
from models.users import add_person, change_person
from tests.support.races import together, warm_up
from tests.support.schools import PASSWORD, make_school, session_of

if TYPE_CHECKING:
    from tests.ingest.conftest import ApiUnderTest

NASTY = (
    "Robert'); drop table users; --", "%s %(x)s {0} %%", "<script>alert(1)</script>", "a\r\nBcc: all@x.example", "\u202eevil",
    "' or 1=1 --", "👩‍🏫 Ñandú", "${jndi:ldap://x}", "\\x00\\u0000", '"', "  spaced  ",
)  # fmt: skip


_numbers = count(1)


@pytest.fixture
def fresh(shared_api: ApiUnderTest) -> ApiUnderTest:
    """Give the shared app with a new school."""
    return replace(shared_api, school=make_school(f"school-{next(_numbers)}"))


def create(api: ApiUnderTest, **person: Any) -> dict[str, Any]:
    """Add a person as the admin and return them."""
    answer = api.client.post("/v1/users", json={"role": "student", **person}, headers=api.signed_in("ada"))
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def change(api: ApiUnderTest, user: object, **changes: Any) -> Any:
    """Change a person as the admin and return the response."""
    return api.client.patch(f"/v1/users/{user}", json=changes, headers=api.signed_in("ada"))


def test_person_is_added_found_changed_and_disabled(shared_api, refused):
    headers = shared_api.signed_in("ada")
    made = shared_api.client.post(
        "/v1/users",
        json={"role": "student", "name": "Uma", "email": "Uma@X.example", "external_id": "u-1", "language": "de"},
        headers=headers,
    )
    assert made.status_code == 201
    body = made.json
    assert made.headers["Location"] == f"/v1/users/{body['id']}"
    assert set(body) == {
        "id", "role", "name", "email", "email_confirmed", "external_id", "language", "disabled", "created_at",
    }  # fmt: skip
    assert (body["name"], body["email"], body["external_id"], body["language"]) == ("Uma", "Uma@X.example", "u-1", "de")
    assert body["disabled"] is False
    assert shared_api.client.get(made.headers["Location"], headers=headers).json == body
    for wanted in (
        {"email": "uma@x.EXAMPLE"},
        {"external_id": "u-1"},
        {"email": "uma@x.example", "external_id": "u-1"},
    ):
        found = shared_api.client.post("/v1/users/search", json=wanted, headers=headers).json
        assert [one["id"] for one in found["items"]] == [body["id"]], wanted
    assert shared_api.client.post("/v1/users/search", json={"external_id": "U-1"}, headers=headers).json["items"] == []
    assert shared_api.client.post("/v1/users/search", json={}, headers=headers).status_code == 422
    changed = change(shared_api, body["id"], name=None, language="fr")
    assert changed.status_code == 200
    assert changed.json == {**body, "name": None, "language": "fr"}
    assert change(shared_api, body["id"]).json == changed.json
    assert shared_api.client.delete(f"/v1/users/{body['id']}", headers=headers).status_code == 204
    assert shared_api.client.get(f"/v1/users/{body['id']}", headers=headers).json["disabled"] is True
    assert change(shared_api, body["id"], disabled=False).json["disabled"] is False


def test_personal_data_is_stored_encrypted_and_returned_unchanged(shared_api):
    for number, value in enumerate(NASTY):
        made = create(shared_api, name=value, external_id=f"{number}{value}")
        assert (made["name"], made["external_id"]) == (value, fold_identifier(f"{number}{value}"))
        found = shared_api.client.post(
            "/v1/users/search", json={"external_id": f"{number}{value}"}, headers=shared_api.signed_in("ada")
        )
        assert [one["name"] for one in found.json["items"]] == [value]
        renamed = change(shared_api, made["id"], name=value[::-1])
        assert renamed.json["name"] == value[::-1]
        [(row,)] = shared_api.database.sql("select u::text from users as u where id = %s", made["id"])
        if len(value) > 8:
            assert value not in row
            assert value[::-1].encode().hex() not in row
    assert shared_api.database.sql("select count(*) from users")[0][0] > len(NASTY)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"role": "student"}, ""),
        ({"role": "student", "email": None, "external_id": None}, ""),
        ({"role": "root", "email": "a@b"}, "/role"),
        ({"role": None, "email": "a@b"}, "/role"),
        ({"email": "a@b"}, "/role"),
        ({"role": "student", "email": "a b@c"}, "/email"),
        ({"role": "student", "email": "a@b\r\nBcc: c@d"}, "/email"),
        ({"role": "student", "email": "nobody"}, "/email"),
        ({"role": "student", "email": "a@" + "b" * 253}, "/email"),
        ({"role": "student", "email": 7}, "/email"),
        ({"role": "student", "external_id": " "}, ""),
        ({"role": "student", "email": "", "external_id": '=""'}, ""),
        ({"role": "student", "external_id": 4711}, "/external_id"),
        ({"role": "student", "external_id": "9.021E+16"}, "/external_id"),
        ({"role": "student", "external_id": "x" * 256}, "/external_id"),
        ({"role": "student", "external_id": "x", "name": "n" * 201}, "/name"),
        ({"role": "student", "external_id": "x", "language": "english!"}, "/language"),
        ({"role": "student", "external_id": "x", "disabled": True}, "/disabled"),
        ({"role": "student", "external_id": "x", "org_id": str(uuid4())}, "/org_id"),
        ({"role": "student", "external_id": "x", "password_hash": "x"}, "/password_hash"),
        ({"role": "student", "external_id": "x", "token_version": 0}, "/token_version"),
    ],
)
def test_invalid_person_is_refused_with_the_field(shared_api, refused, body, pointer):
    answer = shared_api.client.post("/v1/users", json=body, headers=shared_api.signed_in("ada"))
    assert [one["pointer"] for one in refused(answer, 422, "invalid-payload")["errors"]] == [pointer]


def test_blank_member_of_a_person_is_the_same_as_null(shared_api):
    headers = shared_api.signed_in("ada")
    blank = {"name": " ", "email": "", "language": "\u00a0"}
    made = shared_api.client.post(
        "/v1/users", json={"role": "student", "external_id": "blank-1", **blank}, headers=headers
    )
    assert made.status_code == 201, made.text
    assert {made.json[name] for name in blank} == {None}
    full = change(shared_api, made.json["id"], name="Uma", email="blank@x.example", language="English").json
    assert (full["name"], full["email"], full["language"]) == ("Uma", "blank@x.example", "en")
    cleared = change(shared_api, made.json["id"], external_id="", name="", language="")
    assert {cleared.json[name] for name in ("external_id", "name", "language")} == {None}
    assert change(shared_api, made.json["id"], email="\t").status_code == 422, "nothing would recognise the person"


@pytest.mark.parametrize(("written", "tag"), [("en_GB", "en-GB"), ("pt_br", "pt-BR"), ("de_DE.UTF-8", "de-DE")])
def test_language_of_a_person_is_stored_as_a_tag(shared_api, written, tag):
    made = create(shared_api, external_id=f"language-{written}", language=written)
    assert made["language"] == tag
    assert change(shared_api, made["id"], language="x-pirate").status_code == 422
    assert change(shared_api, made["id"], language=written.upper()).json["language"] == tag


@pytest.mark.parametrize("written", [" u-7", "u-7\r", '="u-7"', "\u200bu-7"], ids=ascii)
def test_external_id_of_a_person_is_stored_and_found_in_one_spelling(shared_api, refused, written):
    headers = shared_api.signed_in("ada")
    shared_api.client.post("/v1/users", json={"role": "student", "external_id": "u-7"}, headers=headers)
    again = shared_api.client.post("/v1/users", json={"role": "student", "external_id": written}, headers=headers)
    refused(again, 409, "conflict")
    found = shared_api.client.post("/v1/users/search", json={"external_id": written}, headers=headers).json["items"]
    assert [one["external_id"] for one in found] == ["u-7"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"role": None}, "/role"), ({"disabled": None}, "/disabled"), ({"disabled": "true"}, "/disabled"),
        ({"disabled": 1}, "/disabled"), ({"id": str(uuid4())}, "/id"), ({"org_id": str(uuid4())}, "/org_id"),
        ({"created_at": "2020-01-01T00:00:00Z"}, "/created_at"), ({"emial": "a@b"}, "/emial"),
        ({"email": None, "external_id": None}, "/email"),
    ],
)  # fmt: skip
def test_invalid_person_change_is_refused_and_changes_nothing(shared_api, refused, changes, pointer):
    before = shared_api.database.sql("select u::text from users as u where id = %s", shared_api.school.zoe)
    answer = change(shared_api, shared_api.school.zoe, **changes)
    assert [one["pointer"] for one in refused(answer, 422, "invalid-payload")["errors"]] == [pointer]
    assert shared_api.database.sql("select u::text from users as u where id = %s", shared_api.school.zoe) == before


def test_unstorable_text_is_refused(shared_api, refused):
    for raw in (b'"a\\u0000b"', b'"\\ud800"'):
        for method, path in (("POST", "/v1/users"), ("PATCH", f"/v1/users/{shared_api.school.zoe}")):
            body = b'{"role": "student", "external_id": "x", "name": ' + raw + b"}"
            answer = shared_api.client.open(
                path, method=method, data=body, content_type="application/json", headers=shared_api.signed_in("ada")
            )
            refused(answer, 422, "invalid-text")


def test_email_or_external_id_in_use_is_a_conflict(shared_api, refused):
    taken = {"email": shared_api.school.email("alice").upper(), "external_id": "alice-sis"}
    for field, value in taken.items():
        posted = shared_api.client.post(
            "/v1/users", json={"role": "student", field: value}, headers=shared_api.signed_in("ada")
        )
        assert refused(posted, 409, "conflict")["errors"][0]["pointer"] == f"/{field}"
        patched = change(shared_api, shared_api.school.zoe, **{field: value})
        assert refused(patched, 409, "conflict")["errors"][0]["pointer"] == f"/{field}"
    # The email of a person of another org is free here.
    made = create(shared_api, email=shared_api.other.email("alice"), external_id="from-elsewhere")
    assert made["email"] == shared_api.other.email("alice")
    # The person's own email is no conflict.
    assert change(shared_api, made["id"], email=made["email"].upper()).status_code == 200


def test_concurrent_adds_with_one_email_create_one_person(shared_api):
    warm_up(8)
    headers = shared_api.signed_in("ada")
    clients = [shared_api.app.test_client() for _ in range(8)]
    for turn in range(3):
        body = {"role": "student", "email": f"twin-{turn}@x.example"}
        answers = together(
            8, lambda one, body=body: clients[one].post("/v1/users", json=body, headers=headers).status_code
        )
        assert sorted(answers) == [201] + [409] * 7


def test_concurrent_changes_to_one_email_give_it_to_one_person(shared_api):
    warm_up(8)
    headers = shared_api.signed_in("ada")
    people = [create(shared_api, external_id=f"racer-{number}")["id"] for number in range(6)]
    clients = [shared_api.app.test_client() for _ in people]
    answers = together(
        6,
        lambda one: (
            clients[one]
            .patch(f"/v1/users/{people[one]}", json={"email": "race@x.example"}, headers=headers)
            .status_code
        ),
    )
    assert sorted(answers) == [200] + [409] * 5


def test_people_are_listed_in_pages_without_gaps_or_repeats(shared_api):
    headers = shared_api.signed_in("ada")
    for number in range(7):
        create(shared_api, external_id=f"page-{number}")
    whole = shared_api.client.get("/v1/users?limit=100", headers=headers).json["items"]
    seen, cursor = [], None
    while True:
        page = shared_api.client.get(
            "/v1/users", query_string={"limit": 3, "cursor": cursor} if cursor else {"limit": 3}, headers=headers
        ).json
        seen += page["items"]
        assert len(page["items"]) <= 3
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == whole
    assert [one["id"] for one in whole] == sorted((one["id"] for one in whole), reverse=True)
    assert {one["role"] for one in shared_api.client.get("/v1/users?role=educator", headers=headers).json["items"]} == {
        "educator"
    }


def test_course_filter_lists_members_of_own_courses_only(shared_api):
    headers = shared_api.signed_in("ada")

    def ask(course):
        return {
            one["id"]
            for one in shared_api.client.get(f"/v1/users?course_id={course}&limit=100", headers=headers).json["items"]
        }

    assert ask(shared_api.school.course) >= {str(shared_api.school.alice), str(shared_api.school.ed)}
    assert str(shared_api.school.zoe) not in ask(shared_api.school.course)
    assert ask(shared_api.other.course) == set()
    assert ask(uuid4()) == set()


@pytest.mark.parametrize("query", ["role=root", "role=", "course_id=x", "course_id=", "limit=0", "limit=101", "cursor=x", "course_id={00000000-0000-0000-0000-000000000000}"])  # fmt: skip
def test_invalid_filter_is_refused(shared_api, refused, query):
    answer = shared_api.client.get(f"/v1/users?{query}", headers=shared_api.signed_in("ada"))
    assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == "?" + query.partition("=")[0]


@pytest.mark.parametrize("value", ["' or 1=1--", "%s", "x@y.example' --", "*@*"])
def test_search_with_wildcards_or_sql_finds_nobody(shared_api, value):
    for wanted in ({"email": f"{value}@x.example".replace(" ", "")}, {"external_id": value}):
        answer = shared_api.client.post("/v1/users/search", json=wanted, headers=shared_api.signed_in("ada"))
        assert answer.status_code in (200, 422)
        assert answer.json.get("items", []) == []


@pytest.mark.parametrize("value", ["\x00", "\ud800", "x" * 3000])
def test_invalid_search_value_is_refused(shared_api, refused, value):
    body = json.dumps({"external_id": value})
    answer = shared_api.client.post(
        "/v1/users/search", data=body, content_type="application/json", headers=shared_api.signed_in("ada")
    )
    assert answer.status_code == 422


# Access that a change revokes.


def test_disabling_revokes_tokens_and_enabling_needs_a_new_sign_in(fresh, refused):
    client, headers, tokens = fresh.client, fresh.signed_in("alice"), fresh.sign_in("alice")
    assert client.get("/v1/me", headers=headers).status_code == 200
    assert change(fresh, fresh.school.alice, disabled=True).json["disabled"] is True
    refused(client.get("/v1/me", headers=headers), 401, "invalid-token")
    refresh = {"Authorization": f"Bearer {tokens['refresh_token']}"}
    refused(client.post("/v1/auth/refresh", headers=refresh), 401, "invalid-token")
    reasons = fresh.database.sql("select distinct revoked_reason from sessions where user_id = %s", fresh.school.alice)
    assert reasons == [("disabled",)]
    body = {"org": fresh.school.slug, "email": fresh.school.email("alice"), "password": PASSWORD}
    refused(client.post("/v1/auth/login", json=body), 401, "unauthorized")
    assert change(fresh, fresh.school.alice, disabled=False).json["disabled"] is False
    # The old tokens stay revoked; a new sign-in works.
    refused(client.get("/v1/me", headers=headers), 401, "invalid-token")
    assert client.post("/v1/auth/login", json=body).status_code == 200


def test_role_change_revokes_the_access_of_the_old_role(fresh, refused):
    client, old, tokens = fresh.client, fresh.signed_in("ed"), fresh.sign_in("ed")
    refresh = {"Authorization": f"Bearer {tokens['refresh_token']}"}
    assert change(fresh, fresh.school.ed, role="student").json["role"] == "student"
    refused(client.get("/v1/users", headers=old), 401, "invalid-token")
    newer = client.post("/v1/auth/refresh", headers=refresh)
    if newer.status_code == 200:
        headers = {"Authorization": f"Bearer {newer.json['access_token']}"}
        refused(client.get("/v1/users", headers=headers), 403, "forbidden")
    # A person who becomes an educator again teaches no course until enrolled again.
    assert change(fresh, fresh.school.ed, role="educator").status_code == 200
    fresh._tokens.pop((fresh.school.slug, "ed"))
    assert client.get("/v1/courses", headers=fresh.signed_in("ed")).json["items"] == []


def test_other_changes_do_not_sign_the_person_out(fresh):
    headers = fresh.signed_in("alice")
    for changes in (
        {"name": "Al"},
        {"language": "fr"},
        {"role": "student"},
        {"disabled": False},
        {"external_id": "al"},
    ):
        assert change(fresh, fresh.school.alice, **changes).status_code == 200
        assert fresh.client.get("/v1/me", headers=headers).status_code == 200


def test_new_email_or_disabling_revokes_mailed_tokens(fresh):
    """A token in the old mailbox must not work; a change that keeps the email keeps the token."""
    alice = fresh.school.alice
    for changes, live in (
        ({"email": fresh.school.email("alice"), "name": "Al"}, 1), ({"email": fresh.school.email("alice").upper()}, 0),
        ({"email": "new@x.example"}, 0), ({"email": None}, 0), ({"disabled": True}, 0),
    ):  # fmt: skip
        with session_of(fresh.school, "ada"):
            one_time_tokens.issue(alice, org=fresh.school.org, purpose="invitation")
        assert change(fresh, alice, **changes).status_code == 200
        [(found,)] = fresh.database.sql(
            "select count(*) from one_time_tokens where user_id = %s and used_at is null", alice
        )
        assert found == live, changes


def test_admin_cannot_disable_demote_or_delete_themselves(shared_api, refused):
    ada, headers = shared_api.school.ada, shared_api.signed_in("ada")
    for changes in ({"disabled": True}, {"role": "educator"}, {"role": "student", "name": "x"}):
        refused(change(shared_api, ada, **changes), 409, "own-account")
    refused(shared_api.client.delete(f"/v1/users/{ada}", headers=headers), 409, "own-account")
    refused(shared_api.client.delete(f"/v1/users/{str(ada).upper()}", headers=headers), 409, "own-account")
    assert change(shared_api, ada, name="Ada L.", role="admin", disabled=False).status_code == 200


def test_two_admins_who_remove_each_other_leave_one(shared_api, refused):
    """Two admins disable or demote each other at the same moment through the API."""
    warm_up(8)
    for turn in range(6):
        school = make_school(f"duel-{turn}")
        with session_of(school, "ada"):
            second = add_person(
                "admin", org=school.org, name="Bea", email=school.email("bea"), external_id=None, language=None
            )
        shared_api.database.sql(
            "update users set password_hash = (select password_hash from users where id = %s) where id = %s",
            school.ada, second.id,
        )  # fmt: skip
        tokens = [shared_api.signed_in("ada", school), shared_api.signed_in("bea", school)]
        targets = [second.id, school.ada]
        changes = ({"disabled": True}, {"role": "educator"}, {"role": "student", "disabled": True})[turn % 3]

        def remove_other(one, targets=targets, changes=changes, tokens=tokens):
            client = shared_api.app.test_client()
            return client.patch(f"/v1/users/{targets[one]}", json=changes, headers=tokens[one]).status_code

        # The loser gets a conflict, or was signed out before its request arrived.
        won, lost = sorted(together(2, remove_other))
        assert won == 200
        assert lost in (401, 409)
        [(left,)] = shared_api.database.sql(
            "select count(*) from users where org_id = %s and role = 'admin' and disabled_at is null", school.org
        )
        assert left == 1


def test_last_enabled_admin_cannot_be_removed(shared_api, refused):
    school = make_school("lonely")
    with session_of(school, "ada"):
        spare = add_person(
            "admin", org=school.org, name="Bea", email=school.email("bea"), external_id=None, language=None
        )
    headers = shared_api.signed_in("ada", school)
    assert shared_api.client.delete(f"/v1/users/{spare.id}", headers=headers).status_code == 204
    assert shared_api.client.delete(f"/v1/users/{spare.id}", headers=headers).status_code == 204
    # The model refuses it too, without the check of the route.
    for changes in ({"disabled": True}, {"role": "educator"}):
        with pytest.raises(LastAdmin), session_of(school, "ada"):
            change_person(school.ada, org=school.org, changes=changes)
    [(admins,)] = shared_api.database.sql(
        "select count(*) from users where org_id = %s and role = 'admin' and disabled_at is null", school.org
    )
    assert admins == 1


def test_person_awaiting_erasure_is_not_found(shared_api, refused):
    gone = create(shared_api, name="Gone", email="gone@x.example")
    with session_of(shared_api.school, "ada"):
        assert db.row("select request_erasure(%s) as done", (gone["id"],))["done"]
    for answer in (
        change(shared_api, gone["id"], name="Back", email="gone@x.example"),
        change(shared_api, gone["id"], disabled=False),
        shared_api.client.get(f"/v1/users/{gone['id']}", headers=shared_api.signed_in("ada")),
        shared_api.client.delete(f"/v1/users/{gone['id']}", headers=shared_api.signed_in("ada")),
    ):
        refused(answer, 404, "not-found")
    assert gone["id"] not in shared_api.client.get("/v1/users?limit=100", headers=shared_api.signed_in("ada")).text
    enrolled = shared_api.client.post(
        f"/v1/courses/{shared_api.school.course}/enrollments",
        json={"user_id": gone["id"], "role": "student"}, headers=shared_api.signed_in("ada"),
    )  # fmt: skip
    assert refused(enrolled, 422, "invalid-payload")["errors"][0]["pointer"] == "/user_id"


def test_educator_sees_only_people_of_their_courses(shared_api, refused):
    headers = shared_api.signed_in("ed")
    listed = {one["id"] for one in shared_api.client.get("/v1/users?limit=100", headers=headers).json["items"]}
    assert listed == {str(getattr(shared_api.school, name)) for name in ("alice", "bob", "ed")}
    assert shared_api.client.get(f"/v1/users/{shared_api.school.alice}", headers=headers).json["name"] == "Alice"
    # Filters and searches do not show them either.
    for query in ("role=admin", f"course_id={shared_api.school.other_course}"):
        assert shared_api.client.get(f"/v1/users?{query}", headers=headers).json["items"] == []
    for wanted in ({"email": shared_api.school.email("zoe")}, {"external_id": "zoe-sis"}):
        assert shared_api.client.post("/v1/users/search", json=wanted, headers=headers).json["items"] == []
    for name in ("zoe", "nell", "ada"):
        refused(
            shared_api.client.get(f"/v1/users/{getattr(shared_api.school, name)}", headers=headers), 404, "not-found"
        )


def test_person_changes_are_audited_with_the_actor(shared_api):
    made = create(shared_api, external_id="on-record")
    change(shared_api, made["id"], role="educator", name="New")
    found = shared_api.database.sql(
        "select action, actor_id, actor_role, detail ->> 'changed' from audit_log where entity = 'user' and entity_id = %s order by id",
        made["id"],
    )
    assert [one[:3] for one in found] == [
        ("created", shared_api.school.ada, "admin"), ("changed", shared_api.school.ada, "admin"),
    ]  # fmt: skip
    assert set(found[1][3].strip("[]").replace('"', "").split(", ")) == {
        "name", "role", "token_version", "active_at",
    }  # fmt: skip


def test_demoted_educator_keeps_only_student_enrolments(shared_api):
    with session_of(shared_api.school, "ada"):
        person = add_person(
            "educator", org=shared_api.school.org, name="Eli", email="eli@x.example", external_id=None, language=None
        )
        courses.add_member(person.id, org=shared_api.school.org, course=shared_api.school.course, role="educator")
        courses.add_member(person.id, org=shared_api.school.org, course=shared_api.school.other_course, role="student")
    assert change(shared_api, person.id, role="student").status_code == 200
    left = shared_api.database.sql("select course_id, role from enrollments where user_id = %s", person.id)
    assert left == [(shared_api.school.other_course, "student")]
