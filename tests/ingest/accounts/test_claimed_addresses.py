"""Attacks by a key that only hands in: it names addresses and ids of its choice, and must get nothing but students by it."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import uuid4

import pytest

from models import one_time_tokens
from models.db import session
from tests.ingest.accounts.test_passwords import LINK, NEW, Mailing

USERS = "sourcedId,role,givenName,familyName,email,enabledUser"


@pytest.fixture(scope="module")
def mailing(shared_api, tmp_path_factory):
    """Give an app that writes its emails to files."""
    box = tmp_path_factory.mktemp("mail")
    return Mailing(shared_api.make_app(ESSAYCOACH_MAIL=f"file:{box}", ESSAYCOACH_LINK=LINK), box)


@pytest.fixture
def attack(shared_api, draft, mailing):
    """Give what the attacker and the admin do, and a name that no other test uses."""
    name = f"t{uuid4().hex[:10]}"
    school, app = shared_api.school, mailing.app.test_client()

    def hand_in(*, headers=None, **changes):
        student = {"external_id": f"lms-{name}", "name": "Tom Tate", "email": f"{name}@north.example"}
        body = draft(student={**student, **changes.pop("student", {})}, **changes)
        return shared_api.client.post("/v1/submissions", json=body, headers=headers or shared_api.with_key())

    def ask(method, path, body=None):
        return app.open(f"/v1/{path}", method=method, json=body, headers=shared_api.signed_in("ada"))

    def find(**wanted):
        items = ask("POST", "users/search", wanted).json["items"]
        return items[0] if items else None

    def forgot(address):
        asked = mailing.post("/v1/auth/forgot", {"org": school.slug, "email": address})
        return asked, [one for one in mailing.emails() if one["To"].casefold() == address.casefold()]

    def import_users(*lines):
        answer = ask("POST", "roster", {"users": "\n".join((USERS, *lines))})
        assert answer.status_code == 200, answer.text
        return answer.json

    return SimpleNamespace(
        name=name, address=f"{name}@north.example", sis=f"lms-{name}", school=school, hand_in=hand_in, ask=ask, find=find,
        forgot=forgot, import_users=import_users,
    )  # fmt: skip


def sign_in(mailing, attack, password):
    return mailing.post(
        "/v1/auth/login", {"org": attack.school.slug, "email": attack.address, "password": password}
    ).status_code


def essays_of(attack, external_id):
    return attack.ask("GET", f"essays?student_external_id={external_id}").json["items"]


def test_address_of_a_key_s_choice_gets_no_mail_and_no_password(shared_api, mailing, attack, refused):
    made = attack.ask("POST", "api-keys", {"name": "evil", "scopes": ["submit"]}).json
    key = {"Authorization": f"Bearer {made['key']}", "Idempotency-Key": uuid4().hex}
    assert attack.hand_in(headers=key).status_code == 202
    assert attack.ask("DELETE", f"api-keys/{made['id']}").status_code == 204

    asked, mails = attack.forgot(attack.address)
    unknown, _ = attack.forgot(f"nobody-{attack.name}@north.example")

    assert (asked.status_code, asked.json) == (unknown.status_code, unknown.json) == (202, asked.json)
    assert mails == []
    account = attack.find(external_id=attack.sis)
    assert (account["email"], account["email_confirmed"]) == (attack.address, False)
    # A token that was mailed before the upgrade that brought the rule is worth nothing either.
    with session(org=attack.school.org, role="ec_auth"):
        token = one_time_tokens.issue(account["id"], org=attack.school.org, purpose="password_reset")
    body = {"org": attack.school.slug, "token": token, "password": NEW}
    refused(mailing.post("/v1/auth/reset", body), 401, "invalid-token")
    assert sign_in(mailing, attack, NEW) == 401


@pytest.mark.parametrize("by", ["patch", "invitation", "roster"])
def test_confirmed_address_gets_mail_and_a_password(mailing, attack, by):
    attack.hand_in()
    person = attack.find(external_id=attack.sis)
    if by == "patch":
        assert attack.ask("PATCH", f"users/{person['id']}", {"email": attack.address}).json["email_confirmed"]
    elif by == "invitation":
        assert attack.ask("POST", f"users/{person['id']}/invite").status_code == 202
    else:
        report = attack.import_users(f"{attack.sis},student,Tom,Tate,{attack.address},")
        assert report["users"] == {"added": 0, "changed": 1, "unchanged": 0, "disabled": 0}
        report = attack.import_users(f"{attack.sis},student,Tom,Tate,{attack.address},")
        assert report["users"]["unchanged"] == 1
    assert attack.find(external_id=attack.sis)["email_confirmed"] is True

    attack.forgot(attack.address)
    token = mailing.token_for(attack.address)

    body = {"org": attack.school.slug, "token": token, "password": NEW}
    assert mailing.post("/v1/auth/reset", body).status_code == 204
    assert sign_in(mailing, attack, NEW) == 200


@pytest.mark.parametrize("change", [{"name": "Thomas"}, {"language": "de"}, {"role": "educator"}])
def test_change_that_names_no_address_confirms_none(attack, change):
    attack.hand_in()
    person = attack.find(external_id=attack.sis)

    assert attack.ask("PATCH", f"users/{person['id']}", change).json["email_confirmed"] is False
    assert attack.forgot(attack.address)[1] == []


@pytest.mark.parametrize("spelling", [str, str.upper, lambda text: text.replace("@", "\uff20")])
def test_squatted_address_goes_to_the_teacher_whom_the_admin_adds(attack, spelling):
    attack.hand_in(student={"email": spelling(attack.address)})

    added = attack.ask("POST", "users", {"role": "educator", "name": "Tom Tate", "email": attack.address})

    assert added.status_code == 201, added.text
    assert (added.json["email"], added.json["email_confirmed"]) == (attack.address, True)
    squatter = attack.find(external_id=attack.sis)
    assert (squatter["email"], squatter["role"]) == (None, "student")
    assert squatter["id"] != added.json["id"]
    assert len(essays_of(attack, attack.sis)) == 1
    assert len(attack.forgot(attack.address)[1]) == 1


def test_squatted_address_goes_to_the_person_to_whom_the_admin_gives_it(attack):
    teacher = attack.ask("POST", "users", {"role": "educator", "email": f"old-{attack.address}"}).json
    attack.hand_in()

    changed = attack.ask("PATCH", f"users/{teacher['id']}", {"email": attack.address})

    assert (changed.status_code, changed.json["email"]) == (200, attack.address)
    assert attack.find(external_id=attack.sis)["email"] is None


def test_confirmed_address_still_belongs_to_its_person(attack, refused):
    attack.hand_in()
    person = attack.find(external_id=attack.sis)
    attack.ask("PATCH", f"users/{person['id']}", {"email": attack.address})

    refused(attack.ask("POST", "users", {"role": "educator", "email": attack.address}), 409, "conflict")


def test_squatted_lms_id_goes_to_the_teacher_with_that_id(attack):
    """The key squats the id that the roster gives to a teacher, under an address of the attacker, in a course."""
    attack.hand_in(student={"email": f"evil-{attack.address}"}, assignment_id=str(attack.school.assignment))
    squatter = attack.find(external_id=attack.sis)

    body = {"role": "educator", "name": "Tom Tate", "email": attack.address, "external_id": attack.sis}
    added = attack.ask("POST", "users", body)

    assert (added.status_code, added.json["id"]) == (200, squatter["id"])
    assert "Location" not in added.headers
    assert {**body, "email_confirmed": True}.items() <= added.json.items()
    members = attack.ask("GET", f"courses/{attack.school.course}/enrollments?limit=100").json["items"]
    assert squatter["id"] not in [one["user_id"] for one in members]
    assert attack.forgot(f"evil-{attack.address}")[1] == []


def test_invitation_of_an_adopted_account_is_not_mailed_to_the_squatter(attack, refused):
    attack.hand_in(student={"email": f"evil-{attack.address}"})

    added = attack.ask("POST", "users", {"role": "educator", "external_id": attack.sis})

    assert (added.status_code, added.json["email"], added.json["name"]) == (200, None, "Tom Tate")
    refused(attack.ask("POST", f"users/{added.json['id']}/invite"), 409, "no-email")


def test_student_with_the_same_lms_id_and_address_is_confirmed(attack, refused):
    attack.hand_in()

    body = {"role": "student", "email": attack.address, "external_id": attack.sis}
    added = attack.ask("POST", "users", body)

    assert (added.status_code, added.json["email_confirmed"], added.json["name"]) == (200, True, "Tom Tate")
    assert len(essays_of(attack, attack.sis)) == 1
    refused(attack.ask("POST", "users", body), 409, "conflict")


@pytest.mark.parametrize(
    "in_roster", [False, True], ids=["unknown id", "id of a student without address in the roster"]
)
def test_squatted_address_goes_to_the_teacher_of_the_roster(attack, in_roster):
    attack.hand_in()
    rows = [f"s-{attack.name},teacher,Tom,Tate,{attack.address},"]
    if in_roster:
        rows.append(f"{attack.sis},student,Tim,Tate,,")

    report = attack.import_users(*rows)

    teacher = attack.find(external_id=f"s-{attack.name}")
    assert (teacher["role"], teacher["email"], teacher["email_confirmed"]) == ("educator", attack.address, True)
    squatter = attack.find(external_id=attack.sis)
    assert (squatter["role"], squatter["email"]) == ("student", None)
    assert [attack.sis in warning for warning in report["warnings"]] == [True]
    assert attack.import_users(*rows)["users"]["unchanged"] == len(rows)


def test_roster_that_makes_a_squatter_a_teacher_takes_the_claimed_address_away(attack, refused):
    attack.hand_in(student={"email": f"evil-{attack.address}"})

    attack.import_users(f"{attack.sis},teacher,Tom,Tate,,")

    teacher = attack.find(external_id=attack.sis)
    assert (teacher["role"], teacher["email"]) == ("educator", None)
    refused(attack.ask("POST", f"users/{teacher['id']}/invite"), 409, "no-email")


@pytest.mark.parametrize("role", ["educator", "admin"])
@pytest.mark.parametrize("way", ["key", "webhook"])
def test_hand_in_under_the_id_of_staff_is_refused(shared_api, attack, refused, draft, role, way):
    body = {"role": role, "name": "Tom Tate", "email": attack.address, "external_id": attack.sis}
    teacher = attack.ask("POST", "users", body).json
    student = {"external_id": f"{attack.sis} ", "name": "Evil", "email": f"evil-{attack.address}"}
    data = {"student": student, "assignment_id": str(attack.school.assignment)}

    answer = attack.hand_in(**data) if way == "key" else shared_api.lms.deliver(draft(**data))

    document = refused(answer, 422, "invalid-payload")
    below = "/data" if way == "webhook" else ""
    assert [one["pointer"] for one in document["errors"]] == [f"{below}/student/external_id"]
    assert essays_of(attack, attack.sis) == []
    members = attack.ask("GET", f"courses/{attack.school.course}/enrollments?limit=100").json["items"]
    assert teacher["id"] not in [one["user_id"] for one in members]
    assert attack.ask("GET", f"users/{teacher['id']}").json == teacher
    if way == "webhook":
        at = f"sources/{attack.school.source}/deliveries"
        stored = attack.ask("GET", f"{at}?outcome=refused&limit=1").json["items"][0]
        refused(attack.ask("POST", f"{at}/{stored['id']}/replay"), 422, "invalid-payload")


def test_hand_in_with_the_address_of_a_teacher_makes_another_student(attack):
    teacher = attack.ask("POST", "users", {"role": "educator", "name": "Tom Tate", "email": attack.address}).json

    answer = attack.hand_in(assignment_id=str(attack.school.assignment))

    assert answer.status_code == 202
    student = attack.find(external_id=attack.sis)
    assert (student["role"], student["email"]) == ("student", None)
    assert attack.ask("GET", f"users/{teacher['id']}").json == teacher


def test_later_hand_ins_change_no_name_and_no_address(attack):
    attack.hand_in()
    before = attack.find(external_id=attack.sis)

    for student in ({"name": "Evil"}, {"email": f"evil-{attack.address}"}, {"name": "Evil", "email": ""}):
        assert attack.hand_in(student=student).status_code == 202

    assert attack.find(external_id=attack.sis) == before


@pytest.mark.parametrize("look_alike", ["{0}+1@north.example", "\u0435{0}@north.example", "{0}@north.example."])
def test_address_that_looks_like_a_teacher_s_gets_no_mail(attack, look_alike):
    attack.ask("POST", "users", {"role": "educator", "email": attack.address})
    address = look_alike.format(attack.name)
    assert attack.hand_in(student={"email": address}).status_code == 202

    assert attack.forgot(address)[1] == []
    assert attack.find(email=attack.address)["role"] == "educator"


def test_database_lets_an_lms_add_and_enrol_students_only(shared_api, attack):
    school = attack.school
    as_lms = f"set role ec_lms; select set_config('app.org', '{school.org}', false); "
    for statement in (
        "insert into users (org_id, role, email, email_digest) values (app_org(), 'admin', '', 'x')",
        f"insert into enrollments (org_id, course_id, user_id, role) values (app_org(), '{school.course}', '{school.nell}', 'educator')",
        f"update users set email = '' where id = '{school.alice}'",
        f"update users set name = '' where id = '{school.alice}'",
    ):
        with pytest.raises(Exception, match=r"row-level security|permission denied"):
            shared_api.database.sql(as_lms + statement)
