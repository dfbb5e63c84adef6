"""Tests of a person's own profile: name and language, nothing else, and nobody else's."""

from __future__ import annotations

import json
from typing import Any

import peewee
import pytest

from models import db
from tests.ingest.conftest import ApiUnderTest, Refused
from tests.support.schools import session_of

PEOPLE = ("alice", "ed", "ada")


def change(api: ApiUnderTest, who: str, **body: Any) -> Any:
    return api.client.patch("/v1/me", json=body, headers=api.signed_in(who))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"role": "admin"}, "/role"), ({"email": "x@y.example"}, "/email"), ({"external_id": "x"}, "/external_id"), ({"id": "x"}, "/id"),
        ({"disabled": False}, "/disabled"), ({"org_id": "x"}, "/org_id"), ({"name": None}, "/name"), ({"name": " "}, "/name"),
        ({"name": ""}, "/name"), ({"name": "x" * 201}, "/name"), ({"name": 1}, "/name"), ({"language": "english!"}, "/language"),
        ({"name": "Ok", "token_version": 1}, "/token_version"),
    ],
    ids=json.dumps,
)  # fmt: skip
def test_anything_else_is_refused_and_changes_nothing(
    shared_api: ApiUnderTest, refused: Refused, body: dict[str, Any], pointer: str
) -> None:
    before = shared_api.database.sql("select to_jsonb(u) from users as u order by id")
    for who in PEOPLE:
        document = refused(change(shared_api, who, **body), 422, "invalid-payload")
        assert pointer in [one["pointer"] for one in document["errors"]]
    assert shared_api.database.sql("select to_jsonb(u) from users as u order by id") == before


def test_strangers_and_api_keys_have_no_profile(shared_api: ApiUnderTest, refused: Refused) -> None:
    body = {"language": "fr"}
    refused(shared_api.client.patch("/v1/me", json=body), 401, "unauthorized")
    refused(shared_api.client.patch("/v1/me", json=body, headers=shared_api.with_key()), 403, "forbidden")


@pytest.mark.parametrize("who", PEOPLE)
def test_person_changes_own_name_and_language(api: ApiUnderTest, who: str) -> None:
    before = api.client.get("/v1/me", headers=api.signed_in(who)).json
    assert before["language"] is None
    assert set(before) == {"id", "org_id", "role", "name", "email", "external_id", "language", "weekly_summary"}
    answer = change(api, who, name="Zoë 李 O'Neil", language="pt-BR")
    assert answer.status_code == 200, answer.text
    assert answer.json == {**before, "name": "Zoë 李 O'Neil", "language": "pt-BR"}
    assert api.client.get("/v1/me", headers=api.signed_in(who)).json == answer.json
    assert change(api, who, language=None).json == {**before, "name": "Zoë 李 O'Neil"}
    assert change(api, who).json["name"] == "Zoë 李 O'Neil"
    # The name is encrypted with the person's key, and others still read it.
    assert b"Neil" not in bytes(api.database.sql("select name from users where id = %s", before["id"])[0][0])
    seen = api.client.get(f"/v1/users/{before['id']}", headers=api.signed_in("ada")).json
    assert (seen["name"], seen["language"]) == ("Zoë 李 O'Neil", None)
    everybody = api.database.sql("select count(*) from users where language is not null")
    assert everybody == [(0,)]


@pytest.mark.parametrize("who", PEOPLE)
def test_change_is_audited_with_columns_and_without_values(api: ApiUnderTest, who: str) -> None:
    assert change(api, who, name="New Name", language="fr").status_code == 200
    assert change(api, who, language="fr").status_code == 200  # nothing changes, so nothing is recorded
    person = getattr(api.school, who)
    found = api.database.sql(
        "select actor_id, actor_role, request_id is not null, detail from audit_log"
        " where entity = 'user' and action = 'changed' and entity_id = %s", person,
    )  # fmt: skip
    role = {"alice": "student", "ed": "educator", "ada": "admin"}[who]
    assert found == [(person, role, True, {"changed": ["language", "name"], "role": role})]


def test_language_of_the_profile_is_the_language_of_feedback(api: ApiUnderTest) -> None:
    assert change(api, "alice", language="de").status_code == 200
    receipt = api.hand_in("alice", assignment_id=str(api.school.assignment))
    found = api.database.sql(
        "select coalesce(u.language, s.language) from submissions as s join users as u on u.id = s.user_id where s.id = %s",
        receipt["id"],
    )
    assert found == [("de",)]


def test_ended_session_changes_nothing(api: ApiUnderTest, refused: Refused) -> None:
    headers = {"Authorization": f"Bearer {api.sign_in('alice')['access_token']}"}
    assert api.client.post("/v1/auth/logout", headers=headers).status_code == 204
    refused(api.client.patch("/v1/me", json={"language": "fr"}, headers=headers), 401, "invalid-token")
    assert api.database.sql("select language from users where id = %s", api.school.alice) == [(None,)]


def test_database_roles_cannot_change_other_people(api: ApiUnderTest) -> None:
    """The function changes the acting person, whoever that is; no role of a student or educator may change a row itself."""
    school = api.school
    for name in ("alice", "ed"):
        with pytest.raises(peewee.ProgrammingError, match="permission denied"), session_of(school, name):
            db.run("update users set language = 'fr' where id = %s", (school.bob,))
        with session_of(school, name):
            assert db.row("select change_own_profile(false, null, true, 'fr') as done") == {"done": True}
    with db.session(org=school.org, role="ec_student"):
        assert db.row("select change_own_profile(false, null, true, 'fr') as done") == {"done": False}
    with db.session(org=api.other.org, user=school.bob, role="ec_student"):
        assert db.row("select change_own_profile(false, null, true, 'fr') as done") == {"done": False}
    changed = {str(one) for (one,) in api.database.sql("select id from users where language = 'fr'")}
    assert changed == {str(school.alice), str(school.ed)}
