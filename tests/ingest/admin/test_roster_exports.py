"""Tests of the roster import with files as schools really export them: what is meant is read, and nothing is guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.admin.roster_csv import read_roster
from models import db, users
from models.roster import BadRoster, import_roster
from tests.support.rosters import HEADER, Outcome, find_person, import_by_api, import_by_command, people_and_enrolments
from tests.support.scale import short_and_full
from tests.support.schools import make_school

_numbers = count(1)
# Thirteen columns, as many schools export them.
WIDE = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,identifier,sms,email\n"
MIA = "s-1,active,2026-08-01,true,o-1,student,mia,,Mia,Moss,,,mia@x.example"
NOA = "s-2,active,2026-08-01,true,o-1,student,noa,,Noa,Nash,,,noa@x.example"
BOTH = ("s-1", "Mia Moss", "mia@x.example"), ("s-2", "Noa Nash", "noa@x.example")


@pytest.fixture
def api(shared_api):
    """Give the shared app with a new school."""
    return replace(shared_api, school=make_school(f"export-{next(_numbers)}"), _tokens={})


@pytest.fixture(params=["api", pytest.param("command", marks=pytest.mark.slow(reason="both ways share the reading"))])
def send(request, api, tmp_path, capsys, monkeypatch):
    """Give a function that imports files, once by API and once by command: `send({"users": text})` returns the outcome."""
    if request.param == "api":
        return lambda files, **options: import_by_api(api, files, **options)
    for name, value in api.environment.items():
        monkeypatch.setenv(name, value)
    return lambda files, **options: import_by_command(api, files, tmp_path, capsys, **options)


@pytest.fixture
def command(api, tmp_path, capsys, monkeypatch):
    """Give the function that imports files by command."""
    for name, value in api.environment.items():
        monkeypatch.setenv(name, value)
    return lambda files, **options: import_by_command(api, files, tmp_path, capsys, **options)


def found(api, *external_ids):
    """Return (external id, name, address) of each of these people; (external id, None, None) if there is no such person."""
    people = [(one, find_person(api.school.org, one)) for one in external_ids]
    return tuple((one, person and person.name, person and person.email) for one, person in people)


def user_rows(*rows, header=HEADER):
    return {"users": header + "".join(f"{row}\n" for row in rows)}


def wide(*rows):
    return user_rows(*rows, header=WIDE)


NO_EMAIL = "is not an e-mail address, so none is stored; write it like name@school.example"
READ = {
    "plain": (wide(MIA, NOA), BOTH, ()),
    "trailing comma": (wide(MIA + ",", NOA), BOTH, ("users row 2: has empty cells after the last column, which are ignored",)),
    "many trailing commas": (
        wide(MIA + ",, ,", NOA + ","), BOTH, ("users rows 2 and 3: has empty cells after the last column, which are ignored",),
    ),
    "trailing comma in the header too": (user_rows(MIA + ",", NOA, header=WIDE.replace("\n", ",\n")), BOTH, ()),
    "row ends after familyName": (
        wide("s-1,,,true,o-1,student,mia,,Mia,Moss", NOA), (("s-1", "Mia Moss", None), BOTH[1]),
        ("users row 2: ends before the last column; the missing cells count as empty",),
    ),
    "row ends after givenName": (
        wide("s-1,,,true,o-1,student,mia,,Mia"), (("s-1", "Mia", None),),
        ("users row 2: ends before the last column; the missing cells count as empty",),
    ),
    "blank rows": (user_rows("", ",,,", MIA, "", "  ", NOA, "", header="\n\n" + WIDE), BOTH, ()),
    "sep line": (user_rows(MIA, NOA, header="sep=,\n" + WIDE), BOTH, ()),
    "quoted sep line": (user_rows(MIA, NOA, header='"sep=;"\r\n' + WIDE), BOTH, ()),
    "semicolons": ({"users": (WIDE + MIA + "\n" + NOA).replace(",", ";")}, BOTH, ()),
    "semicolons with a sep line": ({"users": "SEP=;\n" + (WIDE + MIA + "\n" + NOA).replace(",", ";")}, BOTH, ()),
    "tabs": ({"users": (WIDE + MIA + "\n" + NOA).replace(",", "\t")}, BOTH, ()),
    "vertical bars": ({"users": (WIDE + MIA + "\n" + NOA).replace(",", "|")}, BOTH, ()),
    "old Mac line ends": ({"users": (WIDE + MIA + "\n" + NOA).replace("\n", "\r")}, BOTH, ()),
    "status in capitals": (wide(MIA.replace("active", "ACTIVE"), NOA.replace("active", " Active ")), BOTH, ()),
    "status null": (wide(MIA.replace("active", "NULL"), NOA.replace("active", "n/a")), BOTH, ()),
    "status inactive": (
        wide(MIA, NOA.replace("active", "Inactive")), (BOTH[0], ("s-2", None, None)),
        ("users row 3, column status: inactive counts as tobedeleted",),
    ),
    "status to be deleted": (wide(MIA, NOA.replace("active", "To_be-Deleted")), (BOTH[0], ("s-2", None, None)), ()),
    "enabledUser 1 and 0": (wide(MIA.replace("true", "1"), NOA.replace("true", "0")), (BOTH[0], ("s-2", None, None)), ()),
    "enabledUser yes and no": (wide(MIA.replace("true", "Yes"), NOA.replace("true", "NO")), (BOTH[0], ("s-2", None, None)), ()),
    "enabledUser TRUE and FALSE": (
        wide(MIA.replace("true", "TRUE"), NOA.replace("true", "FALSE")), (BOTH[0], ("s-2", None, None)), (),
    ),
    "same row twice": (wide(MIA, MIA, NOA, MIA), BOTH, ("users rows 3 and 5: the same row stands above already, so it is read once",)),
    "same row twice but for unread columns": (
        wide(MIA, MIA.replace("o-1", "o-2"), NOA), BOTH, ("users row 3: the same row stands above already, so it is read once",),
    ),
    "byte order mark": ({"users": "\ufeff" + WIDE + MIA + "\n" + NOA}, BOTH, ()),
    "two byte order marks": ({"users": "\ufeff\ufeff" + WIDE + MIA + "\n" + NOA}, BOTH, ()),
    "quotes and line breaks in cells": (
        wide(MIA.replace("Mia", '"Mia ""M"",\nRose"'), NOA), (("s-1", 'Mia "M",\nRose Moss', "mia@x.example"), BOTH[1]), (),
    ),
    "every cell guarded": (
        {"users": WIDE + ",".join(f'="{cell}"' for cell in MIA.split(",")) + "\n" + NOA}, BOTH, (),
    ),
    "invisible characters around cells": (wide(MIA.replace(",", "\u00a0,\u200b"), NOA), BOTH, ()),
    "header in other case with blanks": (
        user_rows("s-1,student,Mia,Moss,mia@x.example,en,9", header="Sourced ID, ROLE ,given_name,Family Name,E-Mail,metadata.role,Foo\n"),
        (BOTH[0],), (),
    ),
    "two addresses": (
        wide(MIA.replace("mia@x.example", '"mia@x.example; dad@x.example"'), NOA), BOTH,
        ("users row 2, column email: holds more than one address; the first one is stored",),
    ),
    "address with a semicolon": (wide(MIA + ";", NOA), BOTH, ()),
    "lost letter": (
        wide(MIA.replace("Moss", "M\ufffdss")), (("s-1", "Mia M\ufffdss", "mia@x.example"),),
        ("users row 2, column familyName: holds \ufffd, so a letter was lost before; export the file as UTF-8, or correct the source",),
    ),
    **{
        f"address {email!r}": (
            wide(MIA.replace("mia@x.example", email), NOA), (("s-1", "Mia Moss", None), BOTH[1]), (f"users row 2, column email: {NO_EMAIL}",),
        )
        for email in ("N/A", "none", "-", "null", "NULL", "mia", "mia@x@y", "m@" + "x" * 260, '"mia@x.example\nBcc: a@b"', "0", "mailto:mia@x.example")
    },
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_quirk_of_a_real_export_is_read_as_it_is_meant(api, send, case):
    files, people, warnings = READ[case]

    outcome = send(files)

    assert outcome.faults == ()
    assert outcome.warnings == warnings
    assert found(api, *(one[0] for one in people)) == people


EXCEL = "is no longer the id: Excel rounded it; format the column as text and export the file again"
REFUSED = {
    "text after the last column": (wide(MIA + ",x"), ("users", 2, "", "has 14 cells where the header has 13; check its separators and quotes")),
    "row ends before the role": (wide("s-1,,,true"), ("users", 2, "", "has 4 cells where the header has 13; check its separators and quotes")),
    "name with a comma pushes the row": (
        user_rows("s-1,student,Mia,Moss, Jr.,mia@x.example,", header="sourcedId,role,givenName,familyName,email,phone\n"),
        ("users", 2, "", "has 7 cells where the header has 6; check its separators and quotes"),
    ),
    "missing comma pulls the row": (
        user_rows("s-1,student,Mia Moss,mia@x.example"), ("users", 2, "", "has 4 cells where the header has 7; check its separators and quotes"),
    ),
    "same id, other values": (
        wide(MIA, NOA, MIA.replace("Moss", "Mo")), ("users", 4, "sourcedId", "the same as in row 2, but the rows differ; keep one of the two"),
    ),
    "same id written in two ways": (
        wide(MIA, MIA.replace("s-1", "s-1\u00a0").replace("Moss", "Mo")),
        ("users", 3, "sourcedId", "the same as in row 2, but the rows differ; keep one of the two"),
    ),
    "unknown status": (wide(MIA.replace("active", "gone")), ("users", 2, "status", "must be active, inactive, tobedeleted or empty")),
    "unknown enabledUser": (wide(MIA.replace("true", "maybe")), ("users", 2, "enabledUser", "must be true, false or empty")),
    "open quote": (wide('s-1,,,,,student,,,"Mia'), ("users", 2, "", "cannot be read as CSV (unexpected end of data); check the quotes from here on")),
    "id is a placeholder": (wide(MIA.replace("s-1", "#N/A")), ("users", 2, "sourcedId", "#N/A is no id; every row needs it")),
    "rounded id": (wide(MIA.replace("s-1", "9.021E+16")), ("users", 2, "sourcedId", f"9.021E+16 {EXCEL}")),
    "rounded id of a European Excel": (wide(MIA.replace("s-1", '"9,021E+16"')), ("users", 2, "sourcedId", f"9,021E+16 {EXCEL}")),
    "rounded id of a class": ({"classes": "sourcedId,title\n1.2E+11,English"}, ("classes", 2, "sourcedId", f"1.2E+11 {EXCEL}")),
    "rounded reference": (
        {"enrollments": "classSourcedId,userSourcedId,role\nc,9.021E+16,student"}, ("enrollments", 2, "userSourcedId", f"9.021E+16 {EXCEL}"),
    ),
    "empty": ({"users": ""}, ("users", 1, "", "the file is empty; export it again, or leave it out")),
    "blank": ({"users": "\ufeff\r\n \n"}, ("users", 1, "", "the file is empty; export it again, or leave it out")),
    "Excel workbook": (
        {"users": "PK\x03\x04\x14"}, ("users", 1, "", "the file is an Excel workbook or another zip file, not CSV; save each sheet as CSV"),
    ),
    "PDF": ({"users": "%PDF-1.7\n"}, ("users", 1, "", "the file is a PDF, not CSV; export the roster as CSV")),
    "sign-in page": (
        {"users": "\n<!DOCTYPE html>\n<html><title>Sign in</title>"},
        ("users", 1, "", "the file is a web page, not CSV; perhaps a sign-in page was saved in its place, so export the roster again as CSV"),
    ),
    "JSON": ({"users": '{"users": []}'}, ("users", 1, "", "the file is JSON, not CSV; export the roster as CSV")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_file_or_row_is_named_in_one_sentence_and_nothing_is_imported(api, send, case):
    files, fault = REFUSED[case]

    outcome = send({"classes": "sourcedId,title\nc-good,Good\n", **files})

    assert outcome.faults == (fault,)
    assert api.database.sql("select count(*) from users where org_id = %s", str(api.school.org)) == [(6,)]
    assert api.database.sql(
        "select count(*) from courses where external_id = 'c-good' and org_id = %s", str(api.school.org)
    ) == [(0,)]


# Encodings. Only the command sees bytes.

MULLER = WIDE + MIA.replace("Moss", "Müller") + "\n"
WINDOWS = (
    "users row 1: the file is not UTF-8 (line 2), so it was read as Windows-1252; check the letters with accents, or export it "
    "again as UTF-8"
)  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "warnings"),
    [
        (MULLER.encode("utf-8-sig"), ()),
        (MULLER.replace(",", "\t").encode("utf-16"), ()),
        (b"\xfe\xff" + MULLER.encode("utf-16-be"), ()),
        (MULLER.encode("utf-16-le"), ()),
        (MULLER.encode("utf-16-be"), ()),
        (MULLER.encode("utf-32"), ()),
        (MULLER.encode("cp1252"), (WINDOWS,)),
    ],
    ids=["UTF-8 with mark", "Unicode text of Excel", "UTF-16 BE", "UTF-16 LE without mark", "UTF-16 BE without mark", "UTF-32", "Windows-1252"],
)  # fmt: skip
def test_command_reads_the_encodings_of_spreadsheets(api, command, raw, warnings):
    assert command({"users": raw}).warnings == warnings
    assert found(api, "s-1") == (("s-1", "Mia Müller", "mia@x.example"),)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (MULLER.encode() + NOA.replace("Nash", "Nöl").encode("cp1252"), "the file is UTF-8, but line 3 holds other bytes; export it again as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x81", "the file is no text; export the roster as CSV"),
        (b"\xff\xfes\x00o", "the file is damaged UTF-16 or UTF-32; export it again as UTF-8"),
        (b"PK\x03\x04\x81\x00", "the file is an Excel workbook or another zip file, not CSV; save each sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "the file is an old Excel workbook, not CSV; save each sheet as CSV"),
        ("<html>".encode("utf-16"), "the file is a web page, not CSV; perhaps a sign-in page was saved in its place, so export the roster again as CSV"),
    ],
)  # fmt: skip
def test_command_names_what_an_unreadable_file_is(command, raw, sentence):
    assert command({"users": raw}).faults == (("users", 1, "", sentence),)


# One person under two ids, and one address of several people.

ONE = "is the same person as in row {} (same address, same name or username), so both rows are one account, with the id {}; an LMS that sends work for {} would add a new student, so let it send {}"  # fmt: skip
NEITHER = "is also the address of the person in row {}, so neither gets it; give each person their own"
ALONE = "is also the address of the person in row {}, who alone gets it; give each person their own"
ENROLLED = "classSourcedId,userSourcedId,role\n"


def roles(api, *external_ids):
    people = [find_person(api.school.org, one) for one in external_ids]
    return [person and (person.role, person.email) for person in people]


def test_teacher_and_administrator_of_one_address_become_one_admin(api, send):
    files = {
        **user_rows("t1,teacher,Tom,Tate,tom@x.example,,", "a1,administrator,Tom,Tate,TOM@x.example,,"),
        "classes": "sourcedId,title\nc1,Writing\nc2,Reading\n",
        "enrollments": ENROLLED + "c1,t1,teacher\nc2,a1,teacher\n",
    }
    refused = send(files)
    assert [fault[:3] for fault in refused.faults] == [("users", 3, "role")]

    for _ in range(2):
        outcome = send(files, allow_admins=True)

        assert outcome.warnings == (f"users row 3, column sourcedId: {ONE.format(2, 't1', 'a1', 't1')}",)
        assert roles(api, "t1", "a1") == [("admin", "tom@x.example"), None]
        enrolled = "select count(*) from enrollments as e join courses as c on c.id = e.course_id where c.external_id in ('c1', 'c2') and e.org_id = %s"
        assert api.database.sql(enrolled, str(api.school.org)) == [(2,)]


@pytest.mark.parametrize(
    ("rows", "ids", "expected"),
    [
        # A teacher who is an aide too; the names differ, the user name is one.
        (["t1,teacher,tom,Tom,Tate,tom@x.example", "t2,aide,TOM,Thomas,Tate,tom@x.example"], ["t1", "t2"], [("educator", "tom@x.example"), None]),
        # A teacher who is listed as a student too, with the same user name or without one.
        (["s1,student,tom,Tom,Tate,tom@x.example", "t1,teacher,tom,Tom,Tate,tom@x.example"], ["t1", "s1"], [("educator", "tom@x.example"), None]),
        (["s1,student,,Tom,Tate,tom@x.example", "t1,teacher,,tom,TATE,tom@x.example"], ["t1", "s1"], [("educator", "tom@x.example"), None]),
    ],
)  # fmt: skip
def test_rows_of_one_member_of_staff_become_one_account_with_the_higher_role(api, send, rows, ids, expected):
    outcome = send(user_rows(*rows, header="sourcedId,role,username,givenName,familyName,email\n"))

    assert outcome.imported
    assert "is the same person as in row" in outcome.warnings[0]
    assert len(outcome.warnings) == 1
    assert roles(api, *ids) == expected


@pytest.mark.parametrize(
    ("rows", "ids", "expected", "warnings"),
    [
        # Siblings, with the address in two cases.
        (["s1,student,,Mia,Moss,pat@home.example", "s2,student,,Max,Moss,PAT@home.example"], ["s1", "s2"],
         [("student", None), ("student", None)], [(2, NEITHER, 3), (3, NEITHER, 2)]),
        # Two students are never one person, even with one name.
        (["s1,student,,Mia,Moss,pat@home.example", "s2,student,,Mia,Moss,pat@home.example"], ["s1", "s2"],
         [("student", None), ("student", None)], [(2, NEITHER, 3), (3, NEITHER, 2)]),
        # A teacher and her child.
        (["s1,student,,Mia,Moss,pat@home.example", "t1,teacher,,Pat,Moss,pat@home.example"], ["s1", "t1"],
         [("student", None), ("educator", "pat@home.example")], [(2, ALONE, 3)]),
        # A father and his son of the same name.
        (["s1,student,tom2,Tom,Tate,tom@home.example", "t1,teacher,tom,Tom,Tate,tom@home.example"], ["s1", "t1"],
         [("student", None), ("educator", "tom@home.example")], [(2, ALONE, 3)]),
        # The address of an office.
        (["t1,teacher,,Tom,Tate,office@x.example", "t2,teacher,,Ann,Abel,office@x.example", "s1,student,,Mia,Moss,office@x.example"], ["t1", "t2", "s1"],
         [("educator", None), ("educator", None), ("student", None)], [(2, NEITHER, 3), (3, NEITHER, 2), (4, NEITHER, 2)]),
    ],
    ids=["siblings", "namesakes", "teacher and child", "father and son", "office"],
)  # fmt: skip
def test_people_who_share_an_address_keep_their_own_accounts(api, send, rows, ids, expected, warnings):
    files = user_rows(*rows, header="sourcedId,role,username,givenName,familyName,email\n")

    for _ in range(2):
        outcome = send(files)

        assert outcome.faults == ()
        assert sorted(warning.split(", column email: ")[1] for warning in outcome.warnings) == sorted(
            {text.format(other) for _, text, other in warnings}
        )
        assert roles(api, *ids) == expected


def test_student_who_has_the_shared_address_already_keeps_it(api, send):
    assert send(user_rows("s1,student,Mia,Moss,pat@home.example,,")).warnings == ()

    outcome = send(user_rows("s1,student,Mia,Moss,,,", "s2,student,Max,Moss,pat@home.example,,"))

    assert outcome.warnings == (f"users row 3, column email: {ALONE.format(2)}",)
    assert roles(api, "s1", "s2") == [("student", "pat@home.example"), ("student", None)]
    # Later rosters may list the sibling alone.
    outcome = send(user_rows("s3,student,Mel,Moss,pat@home.example,,"))
    assert outcome.warnings == (
        "users row 2, column email: belongs to somebody else in the org, so it is not stored here; give each person their own",
    )
    assert roles(api, "s1", "s3") == [("student", "pat@home.example"), ("student", None)]


def test_person_with_a_new_id_is_refused_until_somebody_decides(api, send):
    assert send(user_rows("s1,student,Mia,Moss,mia@x.example,,")).imported

    outcome = send(user_rows("x9,student,Mia,Moss,mia@x.example,,"))

    assert [fault[:3] for fault in outcome.faults] == [("users", 2, "email")]
    assert "belongs to somebody else in the org with the same name, s1;" in outcome.faults[0][3]


def test_second_id_of_staff_is_found_again_in_a_later_roster(api, send):
    both = ("t1,teacher,Tom,Tate,tom@x.example,,", "a1,administrator,Tom,Tate,tom@x.example,,")
    assert send(user_rows(both[1]), allow_admins=True).imported

    outcome = send(
        {**user_rows(both[0]), "classes": "sourcedId,title\nc1,W\n", "enrollments": ENROLLED + "c1,t1,teacher\n"}
    )

    assert outcome.faults == ()
    assert outcome.warnings[0].startswith(
        "users row 2, column sourcedId: is the same person as a1 (same address and name)"
    )
    assert roles(api, "a1", "t1") == [("admin", "tom@x.example"), None]
    # When one of the two ids leaves, the person stays.
    outcome = send(user_rows(both[0], both[1].replace(",,", ",tobedeleted,")))
    assert "users row 3: is the same person as in row 2, who stays, so the account stays open" in outcome.warnings
    assert find_person(api.school.org, "a1").disabled is False


def test_two_existing_accounts_are_never_joined(api, send):
    with db.session(org=api.school.org, role="ec_admin"):
        users.add_user("educator", org=api.school.org, name="Tom Tate", email="tom@x.example", external_id="t1")
        users.add_user("student", org=api.school.org, name="Tom Tate", external_id="s1")

    outcome = send(user_rows("t1,teacher,Tom,Tate,tom@x.example,,", "s1,student,Tom,Tate,tom@x.example,,"))

    assert outcome.warnings == (f"users row 3, column email: {ALONE.format(2)}",)
    assert roles(api, "t1", "s1") == [("educator", "tom@x.example"), ("student", None)]


def test_student_never_takes_over_the_account_of_a_teacher_with_the_same_address(api, send):
    outcome = send(user_rows(f"s1,student,Mia,Moss,ed@{api.school.slug}.example,,"))

    assert len(outcome.warnings) == 1
    assert "belongs to somebody else in the org" in outcome.warnings[0]
    assert roles(api, "s1") == [("student", None)]
    assert api.database.sql("select role from users where id = %s", str(api.school.ed)) == [("educator",)]


def test_address_that_only_one_sibling_may_claim_is_claimed_by_name(api, send):
    with db.session(org=api.school.org, role="ec_admin"):
        max_moss = users.add_user("student", org=api.school.org, name="Max Moss", email="pat@home.example")

    outcome = send(user_rows("s1,student,Mia,Moss,pat@home.example,,", "s2,student,Max,Moss,pat@home.example,,"))

    assert outcome.warnings == (f"users row 2, column email: {ALONE.format(3)}",)
    assert find_person(api.school.org, "s2").id == max_moss
    assert roles(api, "s1", "s2") == [("student", None), ("student", "pat@home.example")]


def test_address_of_an_admin_is_not_taken_away_by_a_shared_one(api, send):
    admins = user_rows("a1,administrator,Al,Abel,al@x.example,,", "t1,teacher,Tom,Tate,tom@x.example,,")
    assert send(admins, allow_admins=True).imported

    # The admin would get an address that somebody shares, and lose the own one to a teacher.
    outcome = send(user_rows(
        "a1,administrator,Al,Abel,office@x.example,,", "t2,teacher,Ann,Ash,office@x.example,,", "t1,teacher,Tom,Tate,al@x.example,,",
    ))  # fmt: skip

    assert [fault[:3] for fault in outcome.faults] == [("users", 4, "email")]
    assert roles(api, "a1") == [("admin", "al@x.example")]


# Ids that a spreadsheet changed, and ids that only look different.


@pytest.mark.parametrize("written", ['="00123"', "'00123", '"=""00123"""', " 00123 ", "00123\u200b"])
def test_guarded_id_is_the_known_person(api, send, written):
    assert send(user_rows("00123,student,Mia,Moss,mia@x.example,,")).imported

    outcome = send(user_rows(f"{written},student,Mia,Mole,mia@x.example,,"))

    assert outcome == Outcome(imported=True)
    assert found(api, "00123") == (("00123", "Mia Mole", "mia@x.example"),)


@pytest.mark.parametrize("names", ["Mia,Moss", "M,M"])
def test_id_without_its_leading_zeros_and_the_same_address_is_refused_by_name(api, send, names):
    assert send(user_rows("00123,student,Mia,Moss,mia@x.example,,")).imported

    outcome = send(user_rows(f"123,student,{names},MIA@x.example,,"))

    ((*place, sentence),) = outcome.faults
    assert place == ["users", 2, "sourcedId"]
    assert sentence.startswith(
        "differs only by leading zeros from 00123, who has the same address; spreadsheets drop leading zeros"
    )
    assert found(api, "123") == (("123", None, None),)


def test_two_ids_of_one_roster_that_differ_only_by_zeros_and_share_an_address_are_refused(api, send):
    rows = (
        "00123,student,Mia,Moss,mia@x.example,,",
        "x,student,Max,Moss,mia@x.example,,",
        "123,student,M,M,mia@x.example,,",
    )

    (fault,) = send(user_rows(*rows, "0,student,Zoe,Zed,mia@x.example,,")).faults

    assert fault[:3] == ("users", 4, "sourcedId")
    assert fault[3].startswith("differs only by leading zeros from 00123,")


def test_new_id_that_may_have_lost_its_zeros_is_imported_with_a_warning(api, send):
    text = "if both are one person, format the column as text and export the file again"
    assert send(user_rows("00123,student,Mia,Moss,mia@x.example,,", "7,student,Noa,Nash,,,")).warnings == ()

    outcome = send(
        user_rows("123,student,Mia,Moss,,,", "007,student,Noa,Nash,,,", "45,student,A,A,,,", "045,student,B,B,,,")
    )

    assert outcome.warnings == (
        f"users row 2, column sourcedId: looks like 00123 without its leading zeros; {text}",
        f"users row 3, column sourcedId: looks like 7 with more leading zeros; {text}",
        f"users row 4, column sourcedId: looks like 045 without its leading zeros; {text}",
    )
    # An id that is known already is no question any more.
    assert send(user_rows("123,student,Mia,Moss,,,", "00123,student,Mia,Moss,,,")).warnings == ()


def test_reference_without_its_leading_zeros_is_refused_with_the_id_it_may_mean(api, send):
    assert send({**user_rows("00123,student,Mia,Moss,,,"), "classes": "sourcedId,title\n0042,English\n"}).imported

    outcome = send({"classes": "sourcedId,title\n042,Writing\n", "enrollments": ENROLLED + "42,123,student\n"})

    assert [(*fault[:3], fault[3].rpartition("; ")[2]) for fault in outcome.faults] == [
        ("enrollments", 2, "classSourcedId", "it looks like 042 without its leading zeros"),
        ("enrollments", 2, "userSourcedId", "it looks like 00123 without its leading zeros"),
    ]
    outcome = send({"classes": "sourcedId,title\n042,Writing\n", "enrollments": ENROLLED})
    assert outcome.warnings[0].startswith("classes row 2, column sourcedId: looks like 0042 without its leading zeros;")


def test_one_id_is_one_thing_in_every_file_however_it_is_written(api, send):
    files = {
        **user_rows("Jose\u0301-1,student,José,Jara,,,"),
        "classes": "sourcedId,title\n\u00a0c-1\u200b,English\n",
        "enrollments": ENROLLED + '"=""c-1""",Jos\u00e9-1\t,student\n\'c-1,Jose\u0301-1,student\n',
    }

    for _ in range(2):
        assert send(files) == Outcome(imported=True)
    assert found(api, "Jos\u00e9-1") == (("Jos\u00e9-1", "José Jara", None),)
    counts = "select count(*) from enrollments as e join courses as c on c.id = e.course_id where c.external_id = 'c-1' and e.org_id = %s"
    assert api.database.sql(counts, str(api.school.org)) == [(1,)]


def test_very_many_warnings_are_grouped_and_counted(api, send):
    rows = [f"s-{n},student,S,{n},N/A,," for n in range(8)]
    families = [f"f-{n},student,F,{n},family{n // 2}@x.example,," for n in range(500)]

    outcome = send({**user_rows(*rows, *families), "classes": "sourcedId,title\n"})

    assert outcome.warnings[0] == f"users rows 2, 3, 4, 5, 6 and 3 more, column email: {NO_EMAIL}"
    assert outcome.warnings[-1] == "301 more warnings are not shown"
    assert len(outcome.warnings) == 201


# Any mixture of quirks means the same as the clean roster.

PEOPLE = [
    {"sourcedId": f"00{n}", "role": role, "username": f"u{n}", "givenName": given, "familyName": family, "email": email, "status": "active", "enabledUser": "true"}
    for n, (role, given, family, email) in enumerate([
        ("student", "Mia", "Müller", "mia@x.example"), ("student", "Noa", "O'Neil, Jr.", ""), ("student", "Zoë", 'Z "Zed"', ""),
        ("teacher", "Tom", "Tate", "tom@x.example"), ("aide", "Ann", "Abel\nAsh", "ann@x.example"),
    ])
]  # fmt: skip
CLASSES = [
    {"sourcedId": f"c-{n}", "title": title, "status": "active"}
    for n, title in enumerate(["English 11", "Writing; part 1"])
]
ENROLLMENTS = [
    {"sourcedId": f"e-{n}", "classSourcedId": course, "userSourcedId": person, "role": role, "status": "active"}
    for n, (course, person, role) in enumerate([
        ("c-0", "000", "student"), ("c-0", "001", "student"), ("c-1", "002", "student"), ("c-0", "003", "teacher"), ("c-1", "004", "aide"),
    ])
]  # fmt: skip
CLEAN = {"users": PEOPLE, "classes": CLASSES, "enrollments": ENROLLMENTS}
IDS = {"sourcedId", "classSourcedId", "userSourcedId"}
SPELLINGS = {
    "active": ["active", "ACTIVE", " Active ", "", "NULL"],
    "true": ["true", "TRUE", "1", "yes", "Y", ""],
    "student": ["student", "Student", " STUDENT"],
    "teacher": ["teacher", "Teacher"],
    "aide": ["aide", "AIDE"],
}


def quoted(cell: str, delimiter: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & {delimiter, '"', "\n", "\r"} else cell


@st.composite
def messy_files(draw):
    """Return the clean roster as a school might export it: the same content in bytes."""
    return {name: draw(messy_file(rows)) for name, rows in CLEAN.items()}


@st.composite
def messy_file(draw, rows):
    delimiter = draw(st.sampled_from(",;\t|"))
    columns = draw(st.permutations([*rows[0], "dateLastModified", "metadata.role"]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    respell = draw(
        st.sampled_from(
            [str, str.upper, lambda name: f" {name} ", lambda name: name.replace("I", " I").replace("N", "_N")]
        )
    )
    lines = [delimiter.join(quoted(respell(column), delimiter) for column in columns)]
    for row in rows:
        cells = [draw(messy_cell(column, row.get(column, ""))) for column in columns]
        extra = draw(st.sampled_from(["", "", "trim", "trail", "twice", "blank"]))
        # A row that loses its last cells must still have what every row needs.
        while extra == "trim" and cells[-1] == "" and columns[len(cells) - 1] not in ("sourcedId", "role"):
            cells.pop()
        line = delimiter.join(quoted(cell, delimiter) for cell in cells) + (delimiter * 2 if extra == "trail" else "")
        lines += [line, line] if extra == "twice" else [line]
        lines += ["", delimiter * 3] if extra == "blank" else []
    text = end.join(lines)
    text = draw(st.sampled_from(["", "sep=,\r\n", f"sep={delimiter}\n", "\n"])) + text
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    return text.encode("utf-8" if encoding == "cp1252" and "\u200b" in text else encoding)


@st.composite
def messy_cell(draw, column, value):
    if column in IDS:
        return draw(
            st.sampled_from([value, f" {value}", f"{value}\u00a0", f'="{value}"', f"'{value}", f"{value}\u200b"])
        )
    if column == "email" and not value:
        return draw(st.sampled_from(["", "N/A", "none", "-", "null", "nobody"]))
    if column == "email":
        return draw(st.sampled_from([value, f"{value} ", f"{value}; dad@x.example", f'="{value}"']))
    return draw(st.sampled_from(SPELLINGS.get(value, [value])))


def imported(org, contents):
    """Return what an import of these files leads to, and its report; then roll it back."""

    class RollBack(Exception):
        pass

    try:
        with db.session(org=org, role="ec_admin"):
            report = import_roster(read_roster(contents), org=org)
            result = people_and_enrolments(org), report
            raise RollBack
    except RollBack:
        return result
    except BadRoster as error:
        raise AssertionError([(fault.pointer, fault.what) for fault in error.faults]) from error


@pytest.mark.parametrize("examples", short_and_full(30, 300, reason="300 generated exports"))
def test_any_mixture_of_quirks_imports_the_same_people_and_enrolments(shared_api, examples):
    org = shared_api.school.org
    clean = {
        name: "\n".join([",".join(rows[0]), *(",".join(quoted(cell, ",") for cell in row.values()) for row in rows)])
        for name, rows in CLEAN.items()
    }
    expected, clean_report = imported(org, clean)
    assert clean_report.warnings == ()
    assert clean_report.users.added == len(PEOPLE)

    @settings(
        deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate], max_examples=examples,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(files=messy_files())
    def check(files):
        found, report = imported(org, files)
        assert found == expected
        assert replace(report, warnings=()) == clean_report

    check()


def test_openapi_describes_the_warnings(shared_api):
    document = json.loads(shared_api.client.get("/openapi.json").data)
    warnings = document["components"]["schemas"]["RosterReport"]["properties"]["warnings"]
    assert "file, row, column and a sentence" in warnings["description"]
