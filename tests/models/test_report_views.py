"""Test that every materialized view equals its base tables after a refresh, and that each reader sees only their part of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import peewee
import pytest

from models import courses, db, report_views, rights
from models.report_views import VIEWS
from tests.conftest import Become
from tests.support.schools import hand_in
from tests.support.servers import Database
from tests.support.two_schools import TwoSchools, build, log_in

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
# A second draft of Alice, one in another course, a preview of a rubric, a comment that was replaced, one that was rejected after it
# was accepted, two that became something, one pass that was given up, and one call that a provider was paid for.
MORE = """
insert into feedback_reviews (org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision)
select org_id, id, submission_id, user_id, audience_id, user_id, 'rejected' from feedback where pass = 'content';
update feedback set resolution = 'addressed', match = 'none', span_start = null, span_end = null where pass = 'grammar';
update feedback set resolution = 'persisting', severity = 'major' where pass = 'structure';
insert into feedback (org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, kind, severity, priority,
    match, span_start, span_end, confidence, confidence_basis, origin, provider, model, body, superseded_at)
select org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, k, severity, priority, match, span_start,
    span_end, confidence, confidence_basis, origin, provider, model, body, w
from feedback cross join (values ('praise', null), ('issue', now())) as v (k, w) where pass = 'structure';
update passes set state = 'gave_up', error = 'timeout', summary = null, comments = null where name = 'content' and user_id = %(bob)s;
update feedback_reactions set reaction = 'disagree' where user_id = %(bob)s;
update essays set trial_until = now(), trial_rubric_id = %(rubric)s where user_id = %(ed)s;
update submissions set feedback_seconds = 0.75 where user_id = %(bob)s
"""


@pytest.fixture(scope="module")
def schools(database: Database) -> Iterator[TwoSchools]:
    """Two schools with rows in every table, in the first one also in a course that Ed does not teach."""
    two = build(database)
    here = two.here
    log_in(database, "ec_ingest")
    with db.session(org=here.org, role="ec_admin"):
        other = courses.add_assignment("Elsewhere", org=here.org, course=here.other_course)
        courses.add_member(here.zoe, org=here.org, course=here.other_course, role="student")
    hand_in(here, "alice", assignment=here.assignment)
    hand_in(here, "zoe", assignment=other)
    values = {name: f"'{getattr(here, name)}'" for name in ("bob", "ed", "rubric")}
    database.sql(f"set session_replication_role = replica; {MORE % values}")
    refresh(database)
    yield two
    db.database.close_idle()


def refresh(database: Database) -> None:
    """Refresh every view as the clock does."""
    log_in(database, "ec_clock")
    for name in VIEWS:
        with db.session():
            report_views.refresh(name)
    log_in(database, "ec_ingest")


def table(database: Database, name: str) -> list[dict[str, Any]]:
    return [row for (row,) in database.sql(f"select to_jsonb(t) from {name} as t")]  # type: ignore[misc]


def counted(rows: list[dict[str, Any]], *names: str) -> Counter[tuple[Any, ...]]:
    """Return how many rows have each combination of values. None is kept as it is."""
    return Counter(tuple(row[name] for name in names) for row in rows)


class Base:
    """The base tables, read as the superuser, put together in Python."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.essays = {row["id"]: row for row in table(database, "essays") if row["trial_until"] is None}
        self.versions = [self._placed(row) for row in table(database, "submissions") if row["essay_id"] in self.essays]
        decisions = {
            row["feedback_id"]: row["decision"]
            for row in sorted(table(database, "feedback_reviews"), key=lambda row: str(row["id"]))
        }
        reactions = {row["feedback_id"]: row["reaction"] for row in table(database, "feedback_reactions")}
        self.all_comments = [
            {**self._placed(row), "decision": decisions.get(row["id"]), "reaction": reactions.get(row["id"])}
            for row in table(database, "feedback")
            if row["superseded_at"] is None and row["essay_id"] in self.essays
        ]
        self.comments = [one for one in self.all_comments if one["decision"] != "rejected"]
        self.results = [row for row in table(database, "criterion_results") if row["superseded_at"] is None]

    def _placed(self, row: dict[str, Any]) -> dict[str, Any]:
        essay = self.essays[row["essay_id"]]
        version = row.get("submission_id", row["id"])
        return {
            **row, "course_id": essay["course_id"], "assignment_id": essay["assignment_id"],
            "is_newest": essay["newest_submission_id"] == version,
        }  # fmt: skip

    def report_submissions(self) -> list[tuple[Any, ...]]:
        groups: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for one in self.versions:
            day = datetime.fromisoformat(one["created_at"]).astimezone(UTC).date().isoformat()
            groups[one["org_id"], one["course_id"], day, one["status"]].append(one["feedback_seconds"])
        found = []
        for key, seconds in groups.items():
            known = [one for one in seconds if one is not None]
            buckets = [sum(one <= bound for one in known) for bound in BOUNDS]
            found.append((*key, len(seconds), len(known), pytest.approx(sum(known)), buckets))
        return found

    def report_comments(self) -> list[tuple[Any, ...]]:
        names = ("org_id", "course_id", "pass", "type", "kind", "severity", "resolution")
        bare = counted([one for one in self.comments if one["match"] == "none"], *names)
        return [(*key, total, bare[key]) for key, total in counted(self.comments, *names).items()]

    def report_types(self) -> list[tuple[Any, ...]]:
        wanted = [one for one in self.comments if one["is_newest"] and one["kind"] != "praise" and one["course_id"]]
        people = defaultdict(set)
        for one in wanted:
            people[one["org_id"], one["course_id"], one["pass"], one["type"]].add(one["user_id"])
        return [
            (*key, total, len(people[key]))
            for key, total in counted(wanted, "org_id", "course_id", "pass", "type").items()
        ]

    def report_progress(self) -> list[tuple[Any, ...]]:
        return [self._progress(one) for one in self.versions]

    def _progress(self, one: dict[str, Any]) -> tuple[Any, ...]:
        said = [comment for comment in self.comments if comment["submission_id"] == one["id"]]
        issues = Counter(comment["resolution"] for comment in said if comment["kind"] != "praise")
        names = ("criterion_id", "level", "points", "max_points")
        results = sorted(
            (row for row in self.results if row["submission_id"] == one["id"]),
            key=lambda row: (row["criterion_id"], row["pass"]),
        )
        own = ("org_id", "course_id", "assignment_id", "essay_id", "user_id", "id", "version", "is_newest", "status")
        return (
            *(one[name] for name in own), one["created_at"], one["released_at"], one["words"], len(said) - issues.total(), issues.total(),
            issues["addressed"], issues["persisting"], issues["moot"], [{name: row[name] for name in names} for row in results],
        )  # fmt: skip

    def report_criteria(self) -> list[tuple[Any, ...]]:
        newest = {one["id"]: one for one in self.versions if one["is_newest"] and one["course_id"]}
        rows = [
            {**row, "course_id": newest[row["submission_id"]]["course_id"]}
            for row in self.results
            if row["submission_id"] in newest
        ]
        names = ("org_id", "course_id", "criterion_id", "level", "points", "max_points")
        return [(*key, total) for key, total in counted(rows, *names).items()]

    def report_costs(self) -> list[tuple[Any, ...]]:
        amounts = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_micros")
        sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 7)
        paid = [
            {"calls": 1, **row, "failed": int(row["failed"])}
            for name in ("ledger", "ledger_entries")
            for row in table(self.database, name)
        ]
        free = [
            {
                **row, "calls": 1, "failed": int(row["outcome"] != "ok"), "cost_micros": 0,
                "day": datetime.fromisoformat(row["created_at"]).astimezone(UTC).date().isoformat(),
            }
            for row in table(self.database, "ai_responses") if row["provider"] == "local" and row["outcome"] != "open"
        ]  # fmt: skip
        for row in paid + free:
            key = tuple(row[name] for name in ("org_id", "day", "provider", "model", "pass"))
            sums[key] = [a + row[name] for a, name in zip(sums[key], ("calls", "failed", *amounts), strict=True)]
        return [(*key, *values) for key, values in sums.items()]

    def report_decisions(self) -> list[tuple[Any, ...]]:
        names = ("org_id", "course_id", "pass", "type")
        of = {
            word: counted([one for one in self.all_comments if word in (one["decision"], one["reaction"])], *names)
            for word in ("accepted", "edited", "rejected", "helpful", "not_helpful", "disagree")
        }
        return [(*key, n, *(one[key] for one in of.values())) for key, n in counted(self.all_comments, *names).items()]

    def report_passes(self) -> list[tuple[Any, ...]]:
        rows = [
            {**row, "course_id": self.essays[row["essay_id"]]["course_id"]}
            for row in table(self.database, "passes")
            if row["essay_id"] in self.essays and row["state"] in ("done", "gave_up")
        ]
        return [(*key, total) for key, total in counted(rows, "org_id", "course_id", "name", "state").items()]


def stored(database: Database, name: str) -> list[tuple[Any, ...]]:
    columns = database.sql(
        "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum", name
    )
    return [tuple(row[str(column)] for (column,) in columns) for row in table(database, name)]


def ordered(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [str(value) for value in row[:7]])


@pytest.mark.parametrize("name", VIEWS)
def test_view_equals_its_base_tables(schools: TwoSchools, database: Database, name: str) -> None:
    expected = ordered(getattr(Base(database), name)())
    assert len({row[0] for row in expected}) == 2
    assert ordered(stored(database, name)) == expected


def test_a_refresh_brings_in_what_is_new_and_takes_out_what_went(schools: TwoSchools, database: Database) -> None:
    before = {name: ordered(stored(database, name)) for name in VIEWS}
    added = hand_in(schools.there, "bob", title="Another")
    assert {name: ordered(stored(database, name)) for name in VIEWS} == before
    refresh(database)
    assert str(added.submission) in str(stored(database, "report_progress"))
    database.sql("delete from essays where id = %s returning 1", added.essay)
    refresh(database)
    assert {name: ordered(stored(database, name)) for name in VIEWS} == before


SEEN_BY = {"ada": "of_org", "ed": "of_courses", "nell": "of_courses"}
ROLES = {"ada": "ec_admin", "ed": "ec_educator", "nell": "ec_educator", "alice": "ec_student", "zoe": "ec_student"}


def read_as(two: TwoSchools, name: str, view: str) -> list[dict[str, Any]]:
    with db.session(org=two.here.org, user=getattr(two.here, name), role=ROLES[name]):  # type: ignore[arg-type]
        return db.rows(f"select * from {view}")


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("person", SEEN_BY)
def test_staff_read_exactly_their_org_or_their_courses(
    schools: TwoSchools, database: Database, become: Become, person: str, name: str
) -> None:
    if name == "report_costs" and person != "ada":
        return
    rows = table(database, name)
    mine = {"ada": None, "ed": str(schools.here.course), "nell": str(schools.here.other_course)}[person]
    expected = [one for one in rows if one["org_id"] == str(schools.here.org) and mine in (None, one.get("course_id"))]
    assert len(read_as(schools, person, f"{name}_{SEEN_BY[person]}")) == len(expected) < len(rows)
    assert expected or (person, name) in {("nell", view) for view in VIEWS}


def test_students_read_released_versions_of_their_own(schools: TwoSchools, database: Database, become: Become) -> None:
    rows = [one for one in table(database, "report_progress") if one["user_id"] == str(schools.here.alice)]
    released = {one["submission_id"] for one in rows if one["released_at"]}
    seen = read_as(schools, "alice", "report_progress_of_student")
    assert {str(one["submission_id"]) for one in seen} == released
    assert 0 < len(released) < len(rows)


@pytest.mark.parametrize(
    "role", ["ec_student", "ec_educator", "ec_admin", "ec_lms", "ec_auth", None, "ec_worker", "ec_clock", "ec_monitor"]
)
def test_no_program_and_no_role_reads_the_views_themselves(
    schools: TwoSchools, database: Database, become: Become, role: Any
) -> None:
    own = str(role) in {"ec_worker", "ec_clock", "ec_monitor"}
    become(role if own else "ec_ingest")
    for name in (*VIEWS, "report_live_comments"):
        with (
            pytest.raises(peewee.ProgrammingError, match="permission denied"),
            db.session(org=schools.here.org, role=None if own else role),
        ):
            db.row(f"select count(*) from {name}")


@pytest.mark.parametrize("role", ["ec_student", "ec_educator", "ec_lms"])
def test_no_one_else_reads_a_filtered_view_of_staff(schools: TwoSchools, become: Become, role: Any) -> None:
    forbidden = [f"{name}_of_org" for name in VIEWS] + ["report_progress_of_courses"] * (role != "ec_educator")
    for view in forbidden:
        with (
            pytest.raises(peewee.ProgrammingError, match="permission denied"),
            db.session(org=schools.here.org, role=role),
        ):
            db.row(f"select count(*) from {view}")


def test_only_the_clock_refreshes_and_only_these_views(schools: TwoSchools, become: Become) -> None:
    with pytest.raises(peewee.ProgrammingError, match="permission denied"), db.session(role="ec_admin"):
        report_views.refresh("report_types")
    become("ec_clock")
    with pytest.raises(peewee.ProgrammingError, match="there is no report view"), db.session():
        report_views.refresh("essays")


def test_due_ten_times_as_long_after_a_round_as_it_took(
    schools: TwoSchools, database: Database, become: Become
) -> None:
    become("ec_clock")

    def due(took_ms: int, ago: str) -> bool:
        database.sql(
            "update report_refreshes set took_ms = case name when 'report_types' then %s else 0 end, "
            "refreshed_at = now() - %s::interval returning 1", took_ms, ago,
        )  # fmt: skip
        with db.session():
            return report_views.are_due()

    assert [due(0, "299 s"), due(0, "301 s")] == [False, True]
    assert [due(60_000, "9 min"), due(60_000, "11 min")] == [False, True]
    database.sql("delete from report_refreshes returning 1")
    with db.session():
        assert report_views.are_due()
    refresh(database)
    with db.session(role="ec_student"):
        assert {one.name for one in report_views.list_refreshes()} == set(VIEWS)


def test_an_erased_person_is_in_no_view_after_the_next_refresh(
    schools: TwoSchools, database: Database, become: Become
) -> None:
    two = schools.there
    hand_in(two, "bob", title="To go")
    refresh(database)
    assert str(two.bob) in str(stored(database, "report_progress"))
    before = len(stored(database, "report_types"))
    with db.session(org=two.org, role="ec_admin"):
        rights.request_erasure(two.bob, org=two.org)
    become("ec_clock")
    with db.session():
        due = rights.list_erasures(limit=10)
    for person, org in due:
        with db.session(org=org):
            rights.erase(person, org=org)
    refresh(database)
    for name in VIEWS:
        assert str(two.bob) not in str(stored(database, name)), name
    assert before >= len(stored(database, "report_types"))


def test_reading_a_view_while_it_is_refreshed_waits_for_nothing(
    schools: TwoSchools, become: Become, database: Database
) -> None:
    """The refresh is held open in one transaction, and another one reads."""
    become("ec_clock")
    with db.session():
        report_views.refresh("report_types")
        found = database.sql("set lock_timeout = '1ms'; select count(*) from report_types")
    assert found[0][0]  # type: ignore[misc]
