"""Test what reports say, to whom, and in which form."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from models import courses, db
from models.spreadsheets import RISKY_FIRST
from tests.ingest.conftest import ApiUnderTest, Refused
from tests.ingest.reports.conftest import ask, course_path, read
from tests.support.report_views import refresh_all


def test_course_report_counts_the_class(class_api: ApiUnderTest) -> None:
    report = read(class_api, course_path(class_api))
    assert (report["course"], report["students"], report["handed_in"], report["left_out"]) == ("English 9", 6, 6, [])
    counts = class_api.database.sql(
        "select f.pass, f.type, count(*), count(distinct f.user_id) from feedback as f join essays as e on e.newest_submission_id ="
        " f.submission_id where f.kind <> 'praise' and f.superseded_at is null and e.course_id = %s group by 1, 2", class_api.school.course,
    )  # fmt: skip
    found = [(one["pass"], one["type"], one["comments"], one["students"]) for one in report["struggles"]]
    assert sorted(found) == sorted(counts)
    assert {one[3] for one in found} == {6}
    assert all(one["name"] for one in report["struggles"])
    assert report["weeks"] == [
        {"week": (today := datetime.now(UTC).date() - timedelta(days=datetime.now(UTC).weekday())).isoformat(), "submissions": 7}
    ] or report["weeks"][-1]["week"] >= today.isoformat()  # fmt: skip
    assert report["waits"]["read"] == 7
    assert 0 < report["waits"]["p50_seconds"] <= report["waits"]["p90_seconds"]


def test_course_report_tells_what_the_next_draft_made_of_comments(class_api: ApiUnderTest) -> None:
    shares = {one["pass"]: one["share"] for one in read(class_api, course_path(class_api))["follow_through"]}
    assert shares == {"grammar": 1, "structure": 0, "content": 0}


def test_course_report_names_who_has_not_revised(class_api: ApiUnderTest) -> None:
    report = read(class_api, course_path(class_api))
    assert {one["name"] for one in report["not_revised"]} == {"Bob", *(f"=Pupil{number}" for number in range(4))}
    assert {one["assignment"] for one in report["not_revised"]} == {"Phones"}
    assert report["not_revised_more"] is False


def test_admin_gets_the_same_report_as_the_educator(class_api: ApiUnderTest) -> None:
    of_ed, of_ada = (read(class_api, course_path(class_api), who) for who in ("ed", "ada"))
    assert {**of_ed, "generated_at": ""} == {**of_ada, "generated_at": ""}


def test_student_report_follows_the_drafts(class_api: ApiUnderTest) -> None:
    report = read(class_api, f"students/{class_api.school.alice}")
    [essay] = report["essays"]
    assert (report["name"], essay["assignment"], [one["version"] for one in essay["drafts"]]) == (
        "Alice",
        "Phones",
        [1, 2],
    )
    first, second = essay["drafts"]
    assert (first["addressed"], first["persisting"], first["comments"]) == (2, 4, 6)
    assert (second["addressed"], second["persisting"], second["comments"]) == (0, 0, 6)
    assert [one["criterion"] for one in report["criteria"]] == [one["criterion"] for one in first["levels"]]
    assert read(class_api, f"students/{class_api.school.alice}", "alice")["essays"] == report["essays"]


def test_nobody_reads_what_is_not_theirs(class_api: ApiUnderTest, refused: Refused) -> None:
    school, other = class_api.school, class_api.other
    for who, path in (
        ("nell", f"courses/{school.course}"), ("nell", f"students/{school.alice}"), ("ed", f"courses/{school.other_course}"),
        ("ed", f"courses/{other.course}"), ("ada", f"courses/{other.course}"), ("ada", f"students/{other.alice}"),
        ("ed", f"students/{school.zoe}"), ("ed", f"courses/{uuid4()}"), ("ada", f"students/{school.ed}"), ("ed", f"students/{school.ed}"),
    ):  # fmt: skip
        refused(ask(class_api, path, who), 404, "not-found")
    for who, path in (
        ("alice", f"courses/{school.course}"), ("alice", f"students/{school.bob}"), ("alice", f"students/{other.alice}"),
        ("alice", "usage"), ("alice", "quality"), ("ed", "usage"), ("ed", "quality"),
    ):  # fmt: skip
        refused(ask(class_api, path, who), 403, "forbidden")


def test_an_educator_who_is_a_student_elsewhere_gets_no_report_of_that_course(
    class_api: ApiUnderTest, refused: Refused
) -> None:
    school = class_api.school
    with db.session(org=school.org, role="ec_admin"):
        courses.add_member(school.ed, org=school.org, course=school.other_course, role="student")
    assert (
        class_api.client.get(f"/v1/courses/{school.other_course}", headers=class_api.signed_in("ed")).status_code == 200
    )
    refused(ask(class_api, f"courses/{school.other_course}"), 404, "not-found")


def test_usage_report_adds_up_days_against_the_budget(class_api: ApiUnderTest) -> None:
    class_api.database.sql(
        "update orgs set monthly_budget_micros = 9000 where id = %s returning 1", class_api.school.org
    )
    report = read(class_api, "usage", "ada")
    paid = [one for one in report["days"] if one["provider"] == "anthropic"]
    assert [(one["pass"], one["calls"], one["cost_micros"]) for one in paid] == [("content", 3, 4500)]
    assert report["cost_micros"] == 4500
    assert report["budget"] == {"monthly_budget_micros": 9000, "spent_this_month_micros": 4500, "share": 0.5}
    last = datetime.fromisoformat(report["last"])
    assert (last - datetime.fromisoformat(report["first"])).days == 30
    assert read(class_api, "usage?from=2026-01-01&to=2026-01-31", "ada")["days"] == []


@pytest.mark.parametrize(
    "query", ["from=yesterday", "to=2026-13-01", "from=20260101", "from=2026-02-02&to=2026-02-01", "from=2025-01-01&to=2026-01-02", "to=0001-01-01"]
)  # fmt: skip
def test_odd_days_are_refused_or_answered(class_api: ApiUnderTest, refused: Refused, query: str) -> None:
    answer = ask(class_api, f"usage?{query}", "ada")
    if query == "to=0001-01-01":
        assert answer.status_code == 200
    else:
        refused(answer, 422, "invalid-payload")


def test_quality_report_of_the_school(class_api: ApiUnderTest) -> None:
    report = read(class_api, "quality", "ada")
    assert [(one["pass"], one["done"], one["gave_up"], one["share"]) for one in report["passes"]] == [
        ("content", 7, 0, 0), ("grammar", 7, 0, 0), ("structure", 7, 0, 0),
    ]  # fmt: skip
    assert all(one["share"] == (one["comments"] - one["unanchored"]) / one["comments"] for one in report["anchoring"])
    assert sum(one["comments"] for one in report["decisions"]) == sum(one["comments"] for one in report["anchoring"])
    assert report["audit"] == {"checked_at": None, "result": None}
    class_api.database.sql("select record_duty('audit_data', now(), 'ok', 2, '{}')")
    assert read(class_api, "quality", "ada")["audit"]["result"] == "faults"


@pytest.mark.parametrize("path", ["course", "student", "usage", "quality"])
def test_csv_has_one_header_line_and_no_formula(class_api: ApiUnderTest, path: str) -> None:
    where = {"course": course_path(class_api), "student": f"students/{class_api.school.alice}"}.get(path, path)
    answer = ask(class_api, where, "ada", Accept="text/csv")
    assert (answer.status_code, answer.content_type, answer.headers["Vary"]) == (
        200,
        "text/csv; charset=utf-8",
        "Accept",
    )
    lines = list(csv.reader(io.StringIO(answer.text)))
    assert lines[0] == ["part", "about", "figure", "value"]
    assert {len(line) for line in lines} == {4}
    assert len(lines) > 5
    assert [cell for line in lines for cell in line if cell.lstrip(" ").startswith(tuple(RISKY_FIRST))] == []
    if path == "course":
        report = read(class_api, where, "ada")
        struggle = report["struggles"][0]
        about = " / ".join((struggle["pass"], struggle["type"], struggle["name"]))
        assert ["struggles", about, "students", str(struggle["students"])] in lines
        pupil = next(one for one in report["not_revised"] if one["name"] == "=Pupil0")
        said = ask(class_api, f"students/{pupil['student_id']}", "ada", Accept="text/csv").text
        assert ["", "", "name", "'=Pupil0"] in list(csv.reader(io.StringIO(said)))


def test_json_is_the_answer_to_whoever_does_not_ask_for_csv(class_api: ApiUnderTest) -> None:
    for accept in ("*/*", "application/json", "application/json, text/csv;q=0.5", "image/png"):
        assert ask(class_api, "quality", "ada", Accept=accept).content_type == "application/json"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/csv; charset=utf-8", "text/csv"),
        ("TEXT/CSV;header=present", "text/csv"),
        ("text/html;charset=utf-8, application/json;q=0.9", "text/html"),
        ("text/csv;charset=utf-8;q=0.5, application/json;q=0.6", "application/json"),
        ("application/json;q=0.5, text/csv;charset=utf-8;q=0.6", "text/csv"),
        ("text/csv;charset=utf-8;q=0, */*", "application/json"),
    ],
)
def test_parameters_of_a_media_type_do_not_change_the_form(class_api: ApiUnderTest, accept: str, form: str) -> None:
    for path in (course_path(class_api), f"students/{class_api.school.alice}", "usage", "quality"):
        assert ask(class_api, path, "ada", Accept=accept).mimetype == form


def test_each_report_is_kept_and_what_staff_read_is_audited(class_api: ApiUnderTest) -> None:
    school, database = class_api.school, class_api.database
    database.sql("delete from reports returning 1")
    last = database.sql("select max(id::text)::uuid from audit_log")[0][0]
    for path, who in (
        (course_path(class_api), "ed"), (f"students/{school.alice}", "ed"), (f"students/{school.alice}", "alice"),
        ("usage?from=2026-01-01&to=2026-01-31", "ada"),
    ):  # fmt: skip
        read(class_api, path, who)
    kept = database.sql("select kind, user_id, student_id, parameters from reports order by id")
    assert kept == [
        ("course", school.ed, None, {"course_id": str(school.course)}),
        ("student", school.ed, school.alice, {}),
        ("student", school.alice, school.alice, {}),
        ("usage", school.ada, None, {"first": "2026-01-01", "last": "2026-01-31"}),
    ]
    audited = database.sql("select actor_id, action, entity, detail from audit_log where id > %s order by id", last)
    assert audited == [
        (school.ed, "read", "report", {"kind": "course", "course_id": str(school.course)}),
        (school.ed, "read", "user", {"user_id": str(school.alice)}),
    ]


def test_another_school_is_in_no_figure(class_api: ApiUnderTest) -> None:
    school, other = class_api.school, class_api.other
    finish_other = class_api.hand_in("alice", other, assignment_id=str(other.assignment))
    refresh_all(class_api.database)
    ada = class_api.signed_in("ada", other)
    report = class_api.client.get(f"/v1/reports/courses/{other.course}", headers=ada).json
    assert (report["handed_in"], report["weeks"][0]["submissions"]) == (1, 1)
    mine = read(class_api, course_path(class_api))
    assert mine["handed_in"] == 6
    assert finish_other["essay_id"] not in str(mine)
    assert UUID(finish_other["essay_id"]) and school.org != other.org
