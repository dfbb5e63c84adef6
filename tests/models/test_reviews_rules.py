"""Test that the database refuses reviews, reactions, releases, reruns and rubric previews by people without the right."""

from __future__ import annotations

from uuid import UUID

import peewee
import pytest

from models import db
from models.db import Role
from models.essays import Receipt
from tests.conftest import Become
from tests.support.schools import session_of
from tests.support.servers import Database
from tests.support.two_schools import TwoSchools

REVIEW = """
insert into feedback_reviews (org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision)
values (%(org)s, %(comment)s, %(submission)s, %(user)s, %(audience)s, %(signed)s, 'rejected')
"""
REACTION = """
insert into feedback_reactions (org_id, feedback_id, user_id, submission_id, audience_id, reaction)
values (%(org)s, %(comment)s, %(user)s, %(submission)s, %(audience)s, 'disagree')
"""
COMMENT = """
insert into feedback (org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, kind, severity, priority,
    match, confidence, confidence_basis, origin, educator_id, body)
values (%(org)s, %(submission)s, 12, %(essay)s, %(user)s, %(audience)s, 'grammar', 'spelling', 'issue', 'minor', 9, 'none', 1,
    'agreement', 'educator', %(signed)s, '')
"""
ENGINES_COMMENT = COMMENT.replace("'educator', %(signed)s, ''", "'rule', null, ''")
PREVIEW = """
insert into essays (org_id, user_id, title, versions, newest_submission_id, newest_submitted_at, trial_rubric_id, trial_until)
values (%(org)s, %(user)s, '', 1, uuidv7(), now(), %(rubric)s, now())
"""


def comment_of(database: Database, receipt: Receipt) -> UUID:
    return UUID(
        str(
            database.sql("select id from feedback where submission_id = %s order by id limit 1", receipt.submission)[0][
                0
            ]
        )
    )


def facts(two_schools: TwoSchools, database: Database, receipt: Receipt, **changes: object) -> dict[str, object]:
    """Return the true values for statements about a submission and its first comment, with `changes` applied."""
    [(org, user, audience)] = database.sql(
        "select org_id, user_id, audience_id from submissions where id = %s", receipt.submission
    )
    true: dict[str, object] = {
        "org": org, "user": user, "audience": audience, "submission": receipt.submission, "essay": receipt.essay,
        "comment": comment_of(database, receipt), "signed": two_schools.here.ed, "rubric": two_schools.here.rubric,
    }  # fmt: skip
    return {**true, **changes}


def refused(sql: str, values: dict[str, object], *, org: UUID, user: UUID, role: Role) -> str:
    """Run a statement that the database must refuse, and return its error message."""
    with pytest.raises(peewee.ProgrammingError) as refusal, db.session(org=org, user=user, role=role):
        db.run(sql, values)
    return str(refusal.value)


class Undone(Exception):
    """Raised to roll a statement back."""


def test_permitted_people_can_run_the_statements_of_this_file(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    """With true values the statements of this file succeed. Otherwise their refusal would prove nothing."""
    here = two_schools.here
    true = facts(two_schools, database, two_schools.alice)
    database.sql("delete from feedback_reactions where feedback_id = %s", true["comment"])
    for name, sql, also in (
        ("ed", REVIEW, {}), ("ada", REVIEW, {"signed": here.ada}), ("alice", REACTION, {}), ("ed", COMMENT, {}),
        ("ada", COMMENT, {"signed": here.ada}), ("ed", PREVIEW, {"user": here.ed}),
    ):  # fmt: skip
        with pytest.raises(Undone), session_of(here, name):
            assert db.run(sql, {**true, **also}) == 1, (name, sql)
            raise Undone
    with pytest.raises(Undone), session_of(here, "ed"):
        assert (
            db.run("update submissions set released_at = now() where id = %s", (two_schools.held_back.submission,)) == 1
        )
        raise Undone


def test_student_cannot_review_or_add_comments(two_schools: TwoSchools, database: Database, become: Become) -> None:
    here = two_schools.here
    values = facts(two_schools, database, two_schools.alice, signed=here.alice)
    assert "permission denied" in refused(REVIEW, values, org=here.org, user=here.alice, role="ec_student")
    assert "permission denied" in refused(COMMENT, values, org=here.org, user=here.alice, role="ec_student")


def test_student_cannot_react_for_others_or_to_unreleased_feedback(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    here = two_schools.here
    alices, bobs = comment_of(database, two_schools.alice), comment_of(database, two_schools.bob)
    database.sql("delete from feedback_reactions where feedback_id = any (%s)", [alices, bobs])
    attempts = {
        "in Bob's name": facts(two_schools, database, two_schools.bob),
        "on Bob's comment": facts(two_schools, database, two_schools.bob, user=here.alice),
        "on Bob's comment, as if on her own essay": facts(two_schools, database, two_schools.alice, comment=bobs),
        "on unreleased feedback": facts(two_schools, database, two_schools.held_back),
        "on unreleased feedback, as if it were released": facts(
            two_schools, database, two_schools.alice, comment=comment_of(database, two_schools.held_back)
        ),
        "visible to other teachers": facts(two_schools, database, two_schools.alice, audience=here.other_course),
        "on an unknown comment": facts(two_schools, database, two_schools.alice, comment=UUID(int=7)),
        "in another org": facts(two_schools, database, two_schools.foreign, user=here.alice),
    }
    for what, values in attempts.items():
        assert "row-level security" in refused(REACTION, values, org=here.org, user=here.alice, role="ec_student"), what
    with session_of(here, "alice"):
        bob = (here.bob,)
        assert db.run("update feedback_reactions set reaction = 'disagree' where user_id = %s", bob) == 0
        assert db.run("delete from feedback_reactions where user_id = %s", bob) == 0


def test_educator_of_another_course_cannot_review_comment_or_release(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    """It does not help her to put her own course or the name of an entitled person into the row."""
    here = two_schools.here
    for receipt in (two_schools.alice, two_schools.held_back, two_schools.foreign):
        for sql in (REVIEW, COMMENT):
            for also in (
                {}, {"signed": here.nell}, {"signed": here.nell, "audience": here.other_course},
                {"signed": here.nell, "audience": here.nell}, {"signed": here.nell, "audience": here.nell, "user": here.nell},
            ):  # fmt: skip
                values = facts(two_schools, database, receipt, **also)
                assert "row-level security" in refused(sql, values, org=here.org, user=here.nell, role="ec_educator"), (
                    sql,
                    also,
                )
    with session_of(here, "nell"):
        for receipt in (two_schools.alice, two_schools.held_back, two_schools.foreign):
            assert db.run("update submissions set released_at = now() where id = %s", (receipt.submission,)) == 0


def test_staff_cannot_sign_for_others_or_write_engine_comments(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    here = two_schools.here
    for name, role in (("ed", "ec_educator"), ("ada", "ec_admin")):
        me = getattr(here, name)
        for sql, values in (
            (REVIEW, facts(two_schools, database, two_schools.alice, signed=here.nell)),
            (REVIEW, facts(two_schools, database, two_schools.alice, signed=me, submission=two_schools.bob.submission)),
            (REVIEW, facts(two_schools, database, two_schools.alice, signed=me, user=here.bob)),
            (COMMENT, facts(two_schools, database, two_schools.alice, signed=here.nell)),
            (COMMENT, facts(two_schools, database, two_schools.alice, signed=me, user=here.bob)),
            (COMMENT, facts(two_schools, database, two_schools.alice, signed=me, essay=two_schools.bob.essay)),
            (ENGINES_COMMENT, facts(two_schools, database, two_schools.alice, signed=me)),
        ):
            assert "row-level security" in refused(sql, values, org=here.org, user=me, role=role), sql  # type: ignore[arg-type]


def test_educator_cannot_change_saved_comments_of_another_educator(two_schools: TwoSchools, become: Become) -> None:
    here = two_schools.here
    sql = "insert into saved_comments (org_id, user_id, pass, type, kind, body) values (%(org)s, %(user)s, 'grammar', 'spelling', 'issue', '')"
    assert "row-level security" in refused(
        sql, {"org": here.org, "user": here.ed}, org=here.org, user=here.nell, role="ec_educator"
    )
    with session_of(here, "nell"):
        assert db.run("delete from saved_comments where user_id = %s", (here.ed,)) == 0


def test_rubric_preview_needs_an_educator_and_their_own_essay(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    here = two_schools.here
    alices = facts(two_schools, database, two_schools.alice)
    assert "row-level security" in refused(PREVIEW, alices, org=here.org, user=here.alice, role="ec_student")
    assert "row-level security" in refused(PREVIEW, alices, org=here.org, user=here.api_key_id, role="ec_lms")
    assert "row-level security" in refused(PREVIEW, alices, org=here.org, user=here.ed, role="ec_educator")
    make_preview = "update essays set trial_until = now(), trial_rubric_id = %s where id = %s"
    # A student's essay for an assignment cannot become a preview, because previews are deleted after a day.
    with pytest.raises(peewee.IntegrityError, match="essays_trial_is_whole"), session_of(here, "ed"):
        db.run(make_preview, (here.rubric, two_schools.alice.essay))
    with session_of(here, "nell"):
        assert db.run(make_preview, (here.rubric, two_schools.alice.essay)) == 0


def test_clock_deletes_only_rubric_preview_essays(two_schools: TwoSchools, database: Database, become: Become) -> None:
    here = two_schools.here
    with session_of(here, "ed"):
        db.run(PREVIEW, facts(two_schools, database, two_schools.alice, user=here.ed))
    before = database.sql("select count(*) from essays")[0][0]
    become("ec_clock")
    with db.session(org=here.org):
        assert db.run("delete from essays where id = %s", (two_schools.alice.essay,)) == 0
        assert db.run("delete from essays") == 1
    assert database.sql("select count(*) + 1 from essays") == [(before,)]
    assert database.sql("select count(*) from essays where trial_until is not null") == [(0,)]


RERUN = "select submission_id, pass from rerun_passes(%s::uuid[], 'interactive')"


def test_rerun_reaches_only_done_passes_of_own_students(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    here = two_schools.here
    for name, receipt in (("nell", two_schools.alice), ("ed", two_schools.foreign), ("ada", two_schools.foreign)):
        with session_of(here, name):
            assert db.rows(RERUN, ([receipt.submission],)) == [], name
    with pytest.raises(Undone), session_of(here, "ed"):
        reached = db.rows(RERUN, ([two_schools.alice.submission, two_schools.foreign.submission],))
        assert sorted((one["submission_id"], one["pass"]) for one in reached) == [
            (two_schools.alice.submission, name) for name in ("content", "grammar", "structure")
        ]
        # The passes are now queued and not done, so a second rerun finds none.
        assert db.rows(RERUN, ([two_schools.alice.submission],)) == []
        states = db.row("select status, completed_at from submissions where id = %s", (two_schools.alice.submission,))
        assert states == {"status": "processing", "completed_at": None}
        raise Undone
    assert database.sql("select distinct state from passes") == [("done",)]


def test_rerun_does_not_change_a_running_pass(two_schools: TwoSchools, database: Database, become: Become) -> None:
    here = two_schools.here
    mine = "submission_id = %s and name = 'grammar'"
    before = database.sql(f"select to_jsonb(p) from passes as p where {mine}", two_schools.bob.submission)
    database.sql(
        f"update passes set state = 'running', lease_until = now() + interval '1 minute', finished_at = null, summary = null, "
        f"comments = null where {mine}", two_schools.bob.submission,
    )  # fmt: skip
    try:
        running = database.sql(f"select to_jsonb(p) from passes as p where {mine}", two_schools.bob.submission)
        assert running != before
        with pytest.raises(Undone), session_of(here, "ada"):
            assert {one["pass"] for one in db.rows(RERUN, ([two_schools.bob.submission],))} == {"structure", "content"}
            assert db.row(
                f"select to_jsonb(p) as whole from passes as p where {mine}", (two_schools.bob.submission,)
            ) == {"whole": running[0][0]}
            raise Undone
    finally:
        database.sql(
            "update passes as p set state = 'done', lease_until = null, finished_at = now(), summary = o.summary, comments = 1 "
            "from passes as o where p.submission_id = %s and p.name = 'grammar' and o.submission_id = p.submission_id and o.name = 'content'", two_schools.bob.submission,
        )  # fmt: skip


def test_review_counts_cover_all_orgs_without_identifiers(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    ids = {
        str(one) for (one,) in database.sql(
            "select id from feedback union select submission_id from feedback union select user_id from feedback union select id from orgs"
        )
    }  # fmt: skip
    [(decided, reacted)] = database.sql(
        "select (select count(distinct feedback_id) from feedback_reviews), (select count(*) from feedback_reactions)"
    )
    become("ec_worker")
    with db.session(org=two_schools.there.org):
        counts = db.rows("select * from review_counts()")

    assert {tuple(one) for one in counts} == {
        ("provider", "pass", "type", "bin", "accepted", "rejected", "helpful", "not_helpful")
    }
    assert sum(one["accepted"] + one["rejected"] for one in counts) == decided
    assert sum(one["helpful"] + one["not_helpful"] for one in counts) == reacted
    assert decided > 10
    assert not ids & {str(value) for one in counts for value in one.values()}
    assert all(
        isinstance(value, int)
        for one in counts
        for name, value in one.items()
        if name not in ("provider", "pass", "type")
    )
