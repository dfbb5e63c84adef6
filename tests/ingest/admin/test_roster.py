"""Tests of the roster import: it is atomic and idempotent, and gives nobody rights that an admin did not allow."""

from __future__ import annotations

import io
import json
import logging
import shutil
import sys
import time
import zipfile
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.__main__ import main
from ingest.admin import roster_files
from models import db, users
from models.errors import InProgress
from models.roster import import_roster
from models.roster_rows import Roster
from tests.support.commands import run_command
from tests.support.patient_apps import short_lock_waits
from tests.support.races import together, warm_up
from tests.support.rosters import HEADER
from tests.support.scale import short_and_full
from tests.support.schools import make_school

_numbers = count(1)
ROOT = Path(__file__).resolve().parents[3]
USERS = """\
sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,email
s-1,,,true,o-1,student,mia,,Mia,Müller,mia@x.example
s-2,,,true,o-1,student,noa,,Noa,"O’Neil, Jr.",
t-1,,,true,o-1,teacher,tom,,Tom,Tutor,tom@x.example
p-1,,,true,o-1,parent,pat,,Pat,Parent,pat@x.example
"""
CLASSES = """\
sourcedId,status,dateLastModified,title,grades,courseSourcedId
c-1,,,English 11,11,k-1
c-2,,,"Writing
Workshop",12,k-2
"""
ENROLLMENTS = """\
sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role
e-1,,,c-1,o-1,s-1,student
e-2,,,c-1,o-1,s-2,student
e-3,,,c-1,o-1,t-1,teacher
e-4,,,c-2,o-1,s-1,student
e-5,,,c-1,o-1,p-1,guardian
"""
WHOLE = {"users": USERS, "classes": CLASSES, "enrollments": ENROLLMENTS}
TABLES = ("users", "user_keys", "courses", "enrollments", "sessions", "audit_log", "one_time_tokens")


@pytest.fixture
def api(shared_api):
    """Give the shared app with two new schools; a new database would take a second."""
    number = next(_numbers)
    return replace(shared_api, school=make_school(f"school-{number}"), other=make_school(f"other-{number}"), _tokens={})


def user_rows(*rows: str) -> dict[str, str]:
    """Return a roster of these rows of users.csv."""
    return {"users": HEADER + "".join(f"{row}\n" for row in rows)}


def send(api, body, who="ada", of=None):
    return api.client.post("/v1/roster", json=body, headers=api.signed_in(who, of))


def import_ok(api, body):
    """Import a roster, check that it was accepted, and return the report."""
    answer = send(api, body)
    assert answer.status_code == 200, answer.text
    return answer.json


def faults(api, body, refused):
    """Send an invalid roster, check that nothing was imported, and return the errors as {pointer: detail}."""
    before = all_rows(api)
    document = refused(send(api, body), 422, "invalid-roster")
    assert all_rows(api) == before
    return {one["pointer"]: one["detail"] for one in document["errors"]}


def all_rows(api):
    """Return every row of the org that a roster can change, after the admin's sign-in, which adds rows too."""
    api.signed_in("ada")
    tables = " union all ".join(
        f"select '{table}', t::text from {table} as t where t.org_id = %(org)s" for table in TABLES
    )
    return sorted(api.database.sql(tables.replace("%(org)s", f"'{api.school.org}'")))


def person(api, external_id, of=None):
    """Return the row of the person with this external id and, as `known`, the data an admin sees; or None."""
    school = of or api.school
    with db.session(org=school.org, role="ec_admin"):
        digest = users.keyring().external_id_index(external_id, org=school.org)
        found = db.row("select id, token_version, disabled_at from users where external_id_digest = %s", (digest,))
        return found and {**found, "known": users.fetch_person(found["id"], org=school.org)}


def member_counts(api, title):
    """Return the numbers of students and educators of a course."""
    return api.database.sql(
        """
        select count(*) filter (where e.role = 'student'), count(*) filter (where e.role = 'educator')
        from courses as c join enrollments as e on e.course_id = c.id where c.name = %s and c.org_id = %s
        """,
        title,
        str(api.school.org),
    )[0]


def test_whole_roster_is_imported_and_import_is_idempotent(api):
    first = import_ok(api, WHOLE)

    assert first["users"] == {"added": 3, "changed": 0, "unchanged": 0, "disabled": 0}
    assert first["courses"] == {"added": 2, "changed": 0, "unchanged": 0, "archived": 0}
    assert first["enrollments"] == {"added": 4, "changed": 0, "removed": 0, "unchanged": 0}
    assert first["warnings"] == [
        "users with role parent: 1 row(s) left out",
        "enrollments with role guardian: 1 row(s) left out",
    ]
    mia, noa, tom = (person(api, one)["known"] for one in ("s-1", "s-2", "t-1"))
    assert (mia.name, mia.email, mia.role) == ("Mia Müller", "mia@x.example", "student")
    assert (noa.name, noa.email, noa.role) == ("Noa O’Neil, Jr.", None, "student")
    assert tom.role == "educator"
    assert person(api, "p-1") is None
    assert member_counts(api, "English 11") == (2, 1)
    assert member_counts(api, "Writing\nWorkshop") == (1, 0)
    before = all_rows(api)
    second = import_ok(api, WHOLE)
    assert second["users"] == {"added": 0, "changed": 0, "unchanged": 3, "disabled": 0}
    assert second["courses"] == {"added": 0, "changed": 0, "unchanged": 2, "archived": 0}
    assert second["enrollments"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 4}
    (added,) = set(all_rows(api)) - set(before)
    assert "roster_imported" in added[1]
    assert set(before) < set(all_rows(api))


def test_personal_data_is_encrypted_and_not_logged(api, caplog):
    with caplog.at_level(logging.INFO):
        import_ok(api, WHOLE)
        send(api, user_rows("s-9,student,Secretive,Name,not-an-address,,", "s-10,wizard,Secretive,Name,,,"))
        send(api, user_rows("7.021E+16,student,Secretive,Name,,,"))

    stored = json.dumps([str(all_rows(api)), caplog.text], ensure_ascii=False)
    for word in ("Müller", "mia@", "O’Neil", "Secretive", "not-an-address", "s-1", "7.021E"):
        assert word not in stored
    keys = "select count(*) from user_keys as k join users as u on u.id = k.user_id where k.org_id = %s"
    assert api.database.sql(keys, str(api.school.org)) == [(6 + 3,)]


def test_dry_run_gives_the_same_report_and_stores_nothing(api):
    before = all_rows(api)

    dry = import_ok(api, {**WHOLE, "dry_run": True})

    assert all_rows(api) == before
    real = import_ok(api, WHOLE)
    assert (dry.pop("dry_run"), real.pop("dry_run")) == (True, False)
    assert dry == real


def test_csv_header_order_case_bom_and_line_ends_do_not_matter(api):
    lines = ["\ufeffEMAIL, role ,FAMILYNAME,sourcedid,GivenName,unknown", "x@x.example,Student,Xu,s-7,Xi,?", "", ""]

    import_ok(api, {"users": "\r\n".join(lines)})

    known = person(api, "s-7")["known"]
    assert (known.name, known.email, known.role) == ("Xi Xu", "x@x.example", "student")


@pytest.mark.parametrize(
    "value", ['=HYPERLINK(""http://evil"")', "+1+1", "-2", "@SUM(A1)", "'; drop table users; --", "<b>x</b>"]
)
def test_name_like_a_formula_or_sql_is_stored_unchanged(api, value):
    import_ok(api, user_rows(f's-1,student,"{value}",,,,'))

    assert person(api, "s-1")["known"].name == value.replace('""', '"')


def test_people_are_matched_by_external_id_then_by_email(api):
    with db.session(org=api.school.org, role="ec_admin"):
        eve = users.add_user("student", org=api.school.org, name="Eve", email="eve@x.example")

    report = import_ok(
        api,
        user_rows(
            f"alice-sis,student,Alice,Liddell,alice@{api.school.slug}.example,,",
            "s-5,student,Eva,Eden,EVE@x.example,,",
        ),
    )

    assert report["users"] == {"added": 0, "changed": 2, "unchanged": 0, "disabled": 0}
    assert person(api, "alice-sis")["id"] == api.school.alice
    assert person(api, "alice-sis")["known"].name == "Alice Liddell"
    assert person(api, "s-5")["id"] == eve
    assert (person(api, "s-5")["known"].name, person(api, "s-5")["known"].email) == ("Eva Eden", "EVE@x.example")
    assert import_ok(api, user_rows("s-5,student,Eva,Eden,EVE@x.example,,"))["users"]["unchanged"] == 1


def test_empty_email_keeps_the_stored_email(api):
    import_ok(api, user_rows("alice-sis,student,Alice,,,,"))

    assert person(api, "alice-sis")["known"].email == f"alice@{api.school.slug}.example"


def test_two_people_can_swap_emails(api):
    import_ok(
        api,
        user_rows(
            f"alice-sis,student,Alice,,bob@{api.school.slug}.example,,",
            f"bob-sis,student,Bob,,alice@{api.school.slug}.example,,",
        ),
    )

    assert person(api, "alice-sis")["known"].email == f"bob@{api.school.slug}.example"
    assert person(api, "bob-sis")["known"].email == f"alice@{api.school.slug}.example"


def test_new_person_can_get_an_email_freed_by_the_same_roster(api):
    import_ok(
        api,
        user_rows("alice-sis,student,Alice,,new@x.example,,", f"s-8,student,Al,,alice@{api.school.slug}.example,,"),
    )

    assert person(api, "s-8")["known"].email == f"alice@{api.school.slug}.example"


def test_email_of_another_person_is_not_taken_away(api):
    report = import_ok(
        api,
        user_rows(
            f"s-8,student,Al,,alice@{api.school.slug}.example,,",
            f"s-9,student,Ed,,ALICE@{api.school.slug}.example,,",
        ),
    )

    assert [person(api, one)["known"].email for one in ("s-8", "s-9")] == [None, None]
    assert person(api, "alice-sis")["known"].email == f"alice@{api.school.slug}.example"
    (warning,) = report["warnings"]
    assert warning.startswith("users rows 2 and 3, column email: belongs to somebody else in the org")


@pytest.mark.parametrize(
    "row", ["alice-sis,student,,,,tobedeleted,", "alice-sis,student,Alice,,,,false", "alice-sis,,,,,tobedeleted,"]
)
def test_person_who_left_is_disabled_and_signed_out(api, refused, row):
    pair = api.sign_in("alice")
    alice = {"Authorization": f"Bearer {pair['access_token']}"}
    assert api.client.get("/v1/me", headers=alice).status_code == 200

    report = import_ok(api, user_rows(row))

    assert report["users"]["disabled"] == 1
    refused(api.client.get("/v1/me", headers=alice), 401, "invalid-token")
    again = api.client.post("/v1/auth/refresh", headers={"Authorization": f"Bearer {pair['refresh_token']}"})
    assert again.status_code == 401
    assert api.database.sql(
        "select distinct revoked_reason from sessions where user_id = %s", str(api.school.alice)
    ) == [("disabled",)]
    assert import_ok(api, user_rows(row))["users"] == {"added": 0, "changed": 0, "unchanged": 1, "disabled": 0}


def test_disabled_person_is_enabled_only_by_an_explicit_true(api):
    import_ok(api, user_rows("alice-sis,student,Alice,,,tobedeleted,"))

    assert import_ok(api, user_rows("alice-sis,student,Alice,,,,"))["users"]["unchanged"] == 1
    assert person(api, "alice-sis")["disabled_at"]
    assert import_ok(api, user_rows("alice-sis,student,Alice,,,,true"))["users"]["changed"] == 1
    assert person(api, "alice-sis")["disabled_at"] is None
    assert api.sign_in("alice")


def test_unknown_person_who_left_is_not_added(api):
    report = import_ok(api, user_rows("s-1,student,Mia,,,tobedeleted,", "s-2,student,Noa,,,,false"))

    assert report["users"] == {"added": 0, "changed": 0, "unchanged": 2, "disabled": 0}


def test_role_change_revokes_tokens_and_enrolment_of_the_old_role(api, refused):
    import_ok(api, user_rows(f"ed-sis,teacher,Ed,,ed@{api.school.slug}.example,,"))
    ed = api.signed_in("ed")
    assert api.client.get("/v1/given-up", headers=ed).status_code == 200

    report = import_ok(api, user_rows("ed-sis,student,Ed,,,,"))

    assert report["users"]["changed"] == 1
    refused(api.client.get("/v1/given-up", headers=ed), 401, "invalid-token")
    assert report["enrollments"]["removed"] == 1
    assert api.database.sql("select count(*) from enrollments where user_id = %s", str(api.school.ed)) == [(0,)]


def test_roster_adds_admins_only_when_allowed(api, refused):
    rows = user_rows("a-1,administrator,Al,Admin,al@x.example,,", "alice-sis,administrator,Alice,,,,")

    found = faults(api, rows, refused)

    assert set(found) == {"/users/2/role", "/users/3/role"}
    import_ok(api, {**rows, "allow_admins": True})
    assert {person(api, one)["known"].role for one in ("a-1", "alice-sis")} == {"admin"}


def test_roster_cannot_change_role_or_email_of_an_admin(api, refused):
    import_ok(api, user_rows(f"ada-sis,administrator,Ada,,ada@{api.school.slug}.example,,true"))

    report = import_ok(api, user_rows("ada-sis,teacher,Ada,,,,"))

    assert person(api, "ada-sis")["known"].role == "admin"
    assert report["warnings"] == ["users row 2: is an admin here and stays one, whatever the roster says"]
    for row in ("ada-sis,teacher,Ada,,evil@x.example,,", "ada-sis,administrator,Ada,,evil@x.example,,"):
        assert set(faults(api, user_rows(row), refused)) == {"/users/2/email"}


def test_import_never_disables_the_last_admin(api, refused):
    import_ok(api, user_rows(f"ada-sis,administrator,Ada,,ada@{api.school.slug}.example,,"))

    for row in ("ada-sis,administrator,Ada,,,,false", "ada-sis,student,,,,tobedeleted,"):
        assert set(faults(api, user_rows(row), refused)) == {"/users/2/enabledUser"}
    import_ok(api, {**user_rows("a-2,administrator,Al,,al@x.example,,"), "allow_admins": True})
    both = user_rows("ada-sis,administrator,Ada,,,,false", "a-2,administrator,Al,,,,false")
    assert set(faults(api, both, refused)) == {"/users/2/enabledUser", "/users/3/enabledUser"}
    assert import_ok(api, user_rows("a-2,administrator,Al,,,,false"))["users"]["disabled"] == 1
    # A disabled admin is enabled again only if the import may make admins.
    for role in ("administrator", "teacher"):
        assert set(faults(api, user_rows(f"a-2,{role},Al,,,,true"), refused)) == {"/users/2/enabledUser"}


@pytest.mark.parametrize(
    "row",
    ["ada-sis,administrator,Ada,,,,false", "ada-sis,student,,,,tobedeleted,", "ada-sis,teacher,Ada,,,inactive,",
     "other,administrator,Ada,,ada@{slug}.example,,false"],
)  # fmt: skip
def test_import_never_disables_the_admin_who_imports(api, refused, row):
    if row.startswith("ada-sis"):
        import_ok(api, user_rows(f"ada-sis,administrator,Ada,,ada@{api.school.slug}.example,,"))
    import_ok(api, {**user_rows("a-2,administrator,Al,,al@x.example,,"), "allow_admins": True})
    row = row.format(slug=api.school.slug)
    for upload in (user_rows(row), {**user_rows(row), "allow_admins": True}, {**user_rows(row), "dry_run": True}):
        [(pointer, detail)] = faults(api, upload, refused).items()
        assert pointer == "/users/2/enabledUser"
        assert detail.endswith("is you; another admin must disable your account")
    assert api.database.sql("select disabled_at from users where id = %s", str(api.school.ada)) == [(None,)]


def test_courses_are_renamed_archived_and_restored(api):
    import_ok(api, WHOLE)
    table = "sourcedId,title,status\n"

    assert import_ok(api, {"classes": table + "c-1,English 12,\n"})["courses"]["changed"] == 1
    assert import_ok(api, {"classes": table + "c-1,,tobedeleted\nc-9,,tobedeleted\n"})["courses"] == {
        "added": 0, "changed": 0, "unchanged": 1, "archived": 1
    }  # fmt: skip
    assert import_ok(api, {"classes": table + "c-1,English 12,\n"})["courses"]["unchanged"] == 1
    assert import_ok(api, {"classes": table + "c-1,English 12,active\n"})["courses"]["changed"] == 1
    assert api.database.sql(
        "select name, archived_at from courses where external_id = 'c-1' and org_id = %s", str(api.school.org)
    ) == [("English 12", None)]


def test_enrolments_are_added_changed_and_removed_in_later_imports(api):
    import_ok(api, WHOLE)
    table = "classSourcedId,userSourcedId,role,status\n"

    report = import_ok(
        api, {"enrollments": table + "c-1,s-1,student,tobedeleted\nc-2,t-1,student,\nc-2,s-2,student,\n"}
    )
    assert report["enrollments"] == {"added": 2, "changed": 0, "removed": 1, "unchanged": 0}
    report = import_ok(
        api, {"enrollments": table + "c-2,t-1,aide,\nc-1,s-1,student,tobedeleted\nc-2,s-2,student,active\n"}
    )
    assert report["enrollments"] == {"added": 0, "changed": 1, "removed": 0, "unchanged": 2}
    # Of two rows for one enrolment, one ended and one active, the active one counts.
    report = import_ok(api, {"enrollments": table + "c-2,s-2,student,tobedeleted\nc-2,s-2,student,\n"})
    assert report["enrollments"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 2}


def test_enrolment_of_unknown_person_or_course_is_refused(api, refused):
    table = "sourcedId,classSourcedId,userSourcedId,role\n"

    found = faults(
        api, {**WHOLE, "enrollments": table + "1,c-9,s-1,student\n2,c-1,s-9,student\n3,c-9,s-9,student\n"}, refused
    )

    assert set(found) == {
        "/enrollments/2/classSourcedId", "/enrollments/3/userSourcedId",
        "/enrollments/4/classSourcedId", "/enrollments/4/userSourcedId",
    }  # fmt: skip


def test_roster_cannot_use_people_or_courses_of_another_org(api, refused):
    assert send(api, WHOLE, of=api.other).status_code == 200
    table = "classSourcedId,userSourcedId,role\n"

    found = faults(api, {"enrollments": table + "c-1,s-1,student\n"}, refused)
    assert set(found) == {"/enrollments/2/classSourcedId", "/enrollments/2/userSourcedId"}
    theirs = person(api, "s-1", api.other)
    import_ok(api, user_rows("s-1,student,Somebody,Else,mia@x.example,,"))
    assert person(api, "s-1", api.other) == theirs
    assert person(api, "s-1")["id"] != theirs["id"]


def test_student_cannot_be_enrolled_as_a_teacher(api, refused):
    table = "classSourcedId,userSourcedId,role\n"

    found = faults(api, {**WHOLE, "enrollments": table + "c-1,s-1,teacher\n"}, refused)

    assert set(found) == {"/enrollments/2/role"}


@pytest.mark.parametrize(
    ("file", "text", "pointer"),
    [
        ("users", "", "/users/1"),
        ("users", "sourcedId,role,givenName\n", "/users/1/familyName"),
        ("users", HEADER.replace("email", "ROLE"), "/users/1/role"),
        ("users", HEADER + "s-1,student,Mia,Müller,mia@x.example,,,x\n", "/users/2"),
        ("users", HEADER + '\ns-1,student,"Mia,Müller,mia@x.example,,\n', "/users/3"),
        ("users", HEADER + ",student,Mia,Müller,,,\n", "/users/2/sourcedId"),
        ("users", HEADER + "s-1,student,A,,,,\ns-1,student,B,,,,\n", "/users/3/sourcedId"),
        ("users", HEADER + "s" * 256 + ",student,Mia,,,,\n", "/users/2/sourcedId"),
        ("users", HEADER + "s-1,student," + "x" * 201 + ",,,,\n", "/users/2/givenName"),
        ("users", HEADER + "s-1,student," + "x" * 150 + "," + "y" * 50 + ",,,\n", "/users/2/familyName"),
        ("users", HEADER + "s-1,student,,,,,\n", "/users/2/givenName"),
        ("users", HEADER + "s-1,wizard,Mia,,,,\n", "/users/2/role"),
        ("users", HEADER + "s-1,,Mia,,,,\n", "/users/2/role"),
        ("users", HEADER + "s-1,student,Mia,,,gone,\n", "/users/2/status"),
        ("users", HEADER + "s-1,student,Mia,,,,maybe\n", "/users/2/enabledUser"),
        ("classes", "sourcedId,title\nc-1,\n", "/classes/2/title"),
        ("classes", "sourcedId,title\nc-1," + "x" * 201 + "\n", "/classes/2/title"),
        ("classes", "sourcedId,title\nc-1,A\nc-2,B\nc-1,C\n", "/classes/4/sourcedId"),
        ("enrollments", "classSourcedId,userSourcedId,role\n,s-1,student\n", "/enrollments/2/classSourcedId"),
        ("enrollments", "classSourcedId,userSourcedId,role\nc-1,alice-sis,boss\n", "/enrollments/2/role"),
    ],
)  # fmt: skip
def test_bad_row_is_reported_with_its_place_and_nothing_is_imported(shared_api, refused, file, text, pointer):
    good = {name: whole for name, whole in WHOLE.items() if name != file}

    found = faults(shared_api, {**good, "enrollments": "classSourcedId,userSourcedId,role\n", file: text}, refused)

    assert set(found) == {pointer}
    assert found[pointer].startswith(f"row {pointer.split('/')[2]}")


def test_reference_to_a_faulty_row_is_not_reported_again(shared_api, refused):
    found = faults(shared_api, {**WHOLE, "users": USERS.replace("Mia,Müller", ","), "classes": "title\n"}, refused)

    assert set(found) == {"/users/2/givenName", "/classes/1/sourcedId"}


def test_first_200_faults_are_listed_and_all_are_counted(shared_api, refused):
    document = refused(send(shared_api, user_rows(*["x"] * 100_000)), 422, "invalid-roster")

    assert len(document["errors"]) == 200
    assert document["errors"][0]["pointer"] == "/users/2"
    assert "100000 fault(s)" in document["detail"]
    assert "first 200" in document["detail"]


@pytest.mark.parametrize("who", ["alice", "ed", "key", "stranger"])
def test_only_an_admin_can_import_a_roster(shared_api, refused, who):
    headers = {"stranger": dict, "key": shared_api.with_key}.get(who, lambda: shared_api.signed_in(who))()

    answer = shared_api.client.post("/v1/roster", json=WHOLE, headers=headers)

    refused(answer, *((401, "unauthorized") if who == "stranger" else (403, "forbidden")))


def test_invalid_roster_body_is_refused(shared_api, refused):
    ada = shared_api.signed_in("ada")
    for body in ({"user": USERS}, {"users": 7}, {"dry_run": "yes"}, {"users": [USERS]}):
        refused(shared_api.client.post("/v1/roster", json=body, headers=ada), 422, "invalid-payload")
    refused(shared_api.client.post("/v1/roster", json={"users": "a\0b"}, headers=ada), 422, "invalid-text")
    refused(
        shared_api.client.post("/v1/roster", json={"users": "x" * (1 << 20)}, headers=ada), 413, "payload-too-large"
    )
    empty = shared_api.client.post("/v1/roster", json={}, headers=ada)
    assert empty.status_code == 200
    assert empty.json["users"] == {"added": 0, "changed": 0, "unchanged": 0, "disabled": 0}


WORDS = st.sampled_from([
    "s-1", "alice-sis", "ada-sis", "student", "teacher", "administrator", "parent", "true", "false", "tobedeleted", "active",
    "", " ", "\u200b", "\u0085", "\u180e", "\x1c", "Mia", "mia@x.example", "alice@northside.example", '"', '""', "\r", "=1+1", "c-1", "x" * 300,
])  # fmt: skip
CELL = st.one_of(WORDS, st.text(max_size=8), st.builds('"{}"'.format, st.text(max_size=4)))
LINES = st.lists(st.lists(CELL, min_size=1, max_size=8).map(",".join), max_size=6).map("\n".join)


def table(header: str) -> st.SearchStrategy[str]:
    width = header.count(",") + 1
    rows = st.lists(st.lists(CELL, min_size=width, max_size=width).map(",".join), max_size=6)
    return rows.map(lambda lines: "\n".join([header, *lines]))


GENERATED = settings(
    deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.parametrize("examples", short_and_full(20, 100, reason="100 generated rosters"))
def test_generated_roster_is_fully_imported_or_fully_refused(shared_api, examples):
    seen = Counter()

    @settings(GENERATED, max_examples=examples)
    @given(
        people=st.one_of(st.none(), LINES, table("sourcedId,role,givenName,familyName,email,status,enabledUser")),
        classes=st.one_of(st.none(), LINES, table("sourcedId,title,status")),
        enrollments=st.one_of(st.none(), LINES, table("sourcedId,classSourcedId,userSourcedId,role,status")),
        allow=st.booleans(),
    )
    def check(people, classes, enrollments, allow):
        body = {"users": people, "classes": classes, "enrollments": enrollments, "allow_admins": allow}
        before = all_rows(shared_api)

        answer = send(shared_api, body)

        seen[answer.status_code] += 1
        assert answer.status_code in (200, 422), answer.text
        if answer.status_code == 422:
            assert all_rows(shared_api) == before
        else:
            again = send(shared_api, body).json
            assert [again[kind]["added"] + again[kind]["changed"] for kind in ("users", "courses", "enrollments")] == [
                0,
                0,
                0,
            ]
        admins = "select count(*) from users where org_id = %s and role = 'admin' and disabled_at is null"
        assert shared_api.database.sql(admins, str(shared_api.school.org))[0][0] >= 1

    check()
    print(f"imported or refused: {dict(seen)}")
    assert min(seen[200], seen[422]) >= examples / 20


def test_concurrent_imports_of_one_org_do_not_mix(api):
    warm_up(4)
    people = [f"s-{number},student,S,{number},,," for number in range(300)]

    codes = sorted(
        answer.status_code
        for answer in together(4, lambda _: send(api, user_rows(*people)))
        if not isinstance(answer, Exception)
    )

    assert len(codes) == 4
    assert set(codes) <= {200, 409}
    assert 200 in codes
    assert api.database.sql("select count(*) from users where org_id = %s", str(api.school.org)) == [(306,)]


def test_second_import_during_an_import_is_refused_as_in_progress(api):
    with db.session(org=api.school.org, role="ec_admin"):
        import_roster(Roster(), org=api.school.org)

        def another(_):
            with db.session(org=api.school.org, role="ec_admin"):
                import_roster(Roster(), org=api.school.org)

        assert [type(one) for one in together(1, another)] == [InProgress]


def test_import_that_races_the_lms_is_refused_and_can_be_repeated(api):
    org = api.school.org
    with db.session(org=org, role="ec_lms"):
        users.find_or_add_student("s-1", org=org, name="Mia", email=None)

        def import_beside(_):
            return send(api, user_rows("s-1,student,Mia,Müller,,,"))

        # The import waits at the unique index for the other transaction until the lock timeout.
        with short_lock_waits(api.database):
            (answer,) = together(1, import_beside)
    assert answer.status_code in (409, 503), answer.text
    assert import_ok(api, user_rows("s-1,student,Mia,Müller,,,"))["users"]["changed"] == 1


# The command line.


@pytest.fixture
def folder(tmp_path):
    """Give a folder with the three CSV files."""
    for name, text in WHOLE.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8-sig")
    return tmp_path


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    """Write a zip file with these entries and return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in entries.items():
            archive.writestr(name, raw)
    return path


def run(*arguments: object) -> int:
    """Run the roster command in this process and return its exit code."""
    try:
        return main(["roster", *map(str, arguments)])
    finally:
        db.database.close_idle()


@pytest.fixture
def command(api, monkeypatch):
    """Give the app, with its environment set for the command."""
    for name, value in api.environment.items():
        monkeypatch.setenv(name, value)
    return api


def test_command_imports_a_folder_and_prints_counts(command, folder, capsys):
    assert run(folder, "--org", command.school.slug, "--dry-run") == 0
    assert "dry run: nothing was kept" in capsys.readouterr().out
    assert person(command, "s-1") is None

    assert run(folder, "--org", command.school.slug) == 0

    printed = capsys.readouterr()
    assert [line.split() for line in printed.out.splitlines()[:4]] == [
        ["rows", "added", "changed", "off", "unchanged"],
        ["users", "3", "3", "0", "0", "0"],
        ["classes", "2", "2", "0", "0", "0"],
        ["enrollments", "4", "4", "0", "0", "0"],
    ]
    assert "users with role parent: 1 row(s) left out" in printed.out
    assert printed.err == ""
    assert person(command, "s-1")["known"].name == "Mia Müller"
    assert command.database.sql(
        "select actor_role from audit_log where action = 'roster_imported' and org_id = %s", str(command.school.org)
    ) == [("operator",)]


def test_command_imports_a_zip_with_files_in_any_folder(command, tmp_path, capsys):
    entries = {f"export/{name.title()}.CSV": text.encode() for name, text in WHOLE.items()}
    archive = zipped(
        tmp_path / "roster.zip", {"manifest.csv": b"propertyName,value\n", "../../evil.csv": b"x", **entries}
    )

    assert run(archive, "--org", command.school.slug) == 0
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["roster.zip"]
    assert person(command, "t-1")["known"].role == "educator"


def test_command_lists_bad_rows_as_a_table_and_imports_nothing(command, folder, capsys):
    (folder / "users.csv").write_text(USERS.replace("student,mia", "pupil,mia").replace("teacher", "master"))
    before = all_rows(command)
    capsys.readouterr()

    assert run(folder, "--org", command.school.slug) == 1

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "ingest: 2 fault(s) in the roster; nothing was imported."
    assert [line.split()[:3] for line in lines[2:]] == [["users.csv", "2", "role"], ["users.csv", "4", "role"]]
    assert all_rows(command) == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda at: at / "nothing.zip", "FileNotFoundError"),
        (lambda at: zipped(at / "a.zip", {"other.csv": b""}), "holds none of"),
        (lambda at: zipped(at / "a.zip", {"users.csv": b"", "x/USERS.csv": b""}), "holds users.csv twice"),
        (lambda at: zipped(at / "a.zip", {f"{n}.csv": b"" for n in range(101)}), "more than 100 entries"),
        (lambda at: zipped(at / "a.zip", {"users.csv": b"PK\x03\x04\x81"}), "the file is an Excel workbook"),
        (lambda at: zipped(at / "a.xlsx", {"[Content_Types].xml": b"", "users.csv": b""}), "is an Excel workbook; save"),
        (lambda at: Path(shutil.copy(__file__, at / "users.csv")), "is a single file; name the folder"),
    ],
)  # fmt: skip
def test_command_names_the_fault_of_an_unusable_file(command, tmp_path, capsys, make, message):
    assert run(make(tmp_path), "--org", command.school.slug) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04 cut short", b"not a zip at all"])
def test_damaged_zip_is_refused(command, tmp_path, capsys, raw):
    (tmp_path / "roster.zip").write_bytes(raw)

    assert run(tmp_path / "roster.zip", "--org", command.school.slug) == 1
    assert "BadZipFile" in capsys.readouterr().err


def test_zip_with_too_many_unpacked_bytes_is_refused(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(roster_files, "MOST_BYTES", 1 << 20)
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("users.csv", b"a" * (600 << 10))
        archive.writestr("classes.csv", b"a" * (600 << 10))
    (tmp_path / "bomb.zip").write_bytes(raw.getvalue())

    assert run(tmp_path / "bomb.zip", "--org", command.school.slug) == 1
    assert "holds more than 1 MiB of CSV" in capsys.readouterr().err


def test_command_shows_progress_on_a_terminal(command, folder, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    assert run(folder, "--org", command.school.slug) == 0

    assert capsys.readouterr().err.split("\r")[1:] == ["3 of 9 changes", "5 of 9 changes", "9 of 9 changes\n"]


def test_command_refuses_an_unknown_org(command, folder, capsys):
    assert run(folder, "--org", "nowhere") == 1
    assert "there is no org 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize("size", short_and_full(500, 5_000, reason="imports 5,000 people twice"))
def test_large_roster_is_imported_and_import_is_idempotent(command, tmp_path, size):
    students, teachers, classes = size - size // 50, size // 50, size // 25
    rows = [f"n-{n},student,Given {n},Family {n},n{n}@x.example,,true" for n in range(students)]
    rows += [f"m-{n},teacher,Given {n},Family {n},m{n}@x.example,,true" for n in range(teachers)]
    (tmp_path / "users.csv").write_text(user_rows(*rows)["users"])
    (tmp_path / "classes.csv").write_text("sourcedId,title\n" + "".join(f"k-{n},Class {n}\n" for n in range(classes)))
    enrolled = [f"k-{n % classes},n-{n},student" for n in range(students)]
    enrolled += [f"k-{n},m-{n % teachers},teacher" for n in range(classes)]
    (tmp_path / "enrollments.csv").write_text("classSourcedId,userSourcedId,role\n" + "\n".join(enrolled))

    for expected in (
        f"{size:>9} {size:>9}         0         0          0",
        f"{size:>9}         0         0         0 {size:>10}",
    ):
        started = time.monotonic()
        done = run_command(main, "roster", "--org", command.school.slug, str(tmp_path))
        print(f"{size:,} people: {time.monotonic() - started:.1f} s")
        assert done.returncode == 0, done.stderr
        assert expected.strip() in done.stdout
    known = command.database.sql("select count(*) from users where org_id = %s", str(command.school.org))
    assert known == [(size + 6,)]
