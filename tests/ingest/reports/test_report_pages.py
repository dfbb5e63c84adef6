"""Test reports as pages: for whom, with which figures, and by the Accept header of the API."""

from __future__ import annotations

from tests.ingest.conftest import ApiUnderTest
from tests.ingest.reports.conftest import ask, course_path, read
from tests.support.pages import PageReader


def signed_in(api: ApiUnderTest, name: str, *, of_other: bool = False) -> PageReader:
    reader = PageReader(api.app)
    reader.sign_in(api.other if of_other else api.school, name)
    return reader


def test_page_of_a_course_shows_the_figures_of_its_report_as_charts_and_tables(class_api: ApiUnderTest) -> None:
    report = read(class_api, course_path(class_api))
    page = signed_in(class_api, "ed").get(f"/desk/courses/{class_api.school.course}/report")
    assert page.words("h1") == ["English 9"]
    assert "6 of 6 students have handed in." in page.text
    assert "Nine of ten drafts were read in less than a minute." in page.text
    figures = page.all("table")[0].query("td")
    assert [one.to_text() for one in figures if one.to_text()] == [str(one["students"]) for one in report["struggles"]]
    waiting = page.all("section")[-1]
    names = [one.to_text().strip() for one in waiting.query("tbody th")]
    assert names == [one["name"] for one in report["not_revised"]]
    assert len(page.all('svg[role="img"]')) == 4


def test_every_chart_has_its_name_and_colours_that_the_style_sheet_may_change(class_api: ApiUnderTest) -> None:
    page = signed_in(class_api, "ed").get(f"/desk/courses/{class_api.school.course}/report")
    assert all(page.all(f"#{chart.attrs['aria-labelledby'].split()[0]}") for chart in page.all("svg"))
    assert {one.attrs["class"] for one in page.all("rect")} <= {"series-1", "series-2"}
    assert page.all("[style]") == []


def test_student_sees_their_own_progress_and_teachers_that_of_their_students(class_api: ApiUnderTest) -> None:
    own = signed_in(class_api, "alice").get("/essays/progress")
    assert own.words("h1") == ["Progress: Alice"]
    assert own.words("tbody th")[-2:] == ["1", "2"]
    path = f"/desk/students/{class_api.school.alice}/report"
    assert signed_in(class_api, "ed").get(path).words("tbody th") == own.words("tbody th")
    assert signed_in(class_api, "ada").get(path).status == 200


def test_admin_sees_cost_and_quality(class_api: ApiUnderTest) -> None:
    ada = signed_in(class_api, "ada")
    assert "$0.00" in ada.get("/admin/usage").text
    assert "There is no limit for the month." in ada.get("/admin/usage?from=2026-01-01&to=2026-01-31").text
    assert ada.get("/admin/usage?from=never").status == 422
    assert ada.get("/admin/quality").words("h1") == ["Quality"]


def test_nobody_sees_the_page_of_what_is_not_theirs(class_api: ApiUnderTest) -> None:
    school = class_api.school
    course, student = f"/desk/courses/{school.course}/report", f"/desk/students/{school.alice}/report"
    for name, paths in (
        ("nell", (course, student, "/admin/usage", "/admin/quality", "/essays/progress")),
        ("ed", (f"/desk/courses/{school.other_course}/report", f"/desk/students/{school.zoe}/report", "/admin/usage")),
        ("bob", (course, student, "/admin/usage", "/admin/quality")),
    ):
        reader = signed_in(class_api, name)
        assert {path: reader.get(path).status for path in paths} == dict.fromkeys(paths, 404)
    other = signed_in(class_api, "ada", of_other=True)
    assert [other.get(path).status for path in (course, student)] == [404, 404]


def test_api_answers_with_the_page_where_a_client_prefers_one(class_api: ApiUnderTest) -> None:
    answer = ask(class_api, course_path(class_api), Accept="text/html")
    assert answer.content_type == "text/html; charset=utf-8"
    assert "Accept" in answer.headers["Vary"]
    assert "<h1>English 9</h1>" in answer.text
    # Nobody is signed in by a cookie here, so the page leads nowhere that needs one.
    assert "/sign-out" not in answer.text
    for path, who in ((f"students/{class_api.school.alice}", "alice"), ("usage", "ada"), ("quality", "ada")):
        assert ask(class_api, path, who, Accept="text/html").content_type == "text/html; charset=utf-8"
