"""Reviews, reactions, releases, re-runs and trials, from the side of whoever has no business there."""

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
TRIAL = """
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


def facts(two_schools: TwoSchools, database: Database, receipt: Receipt, **said: object) -> dict[str, object]:
    """What is true of a submission and its first comment, but for what is `said` otherwise."""
    [(org, user, audience)] = database.sql(
        "select org_id, user_id, audience_id from submissions where id = %s", receipt.submission
    )
    true: dict[str, object] = {
        "org": org, "user": user, "audience": audience, "submission": receipt.submission, "essay": receipt.essay,
        "comment": comment_of(database, receipt), "signed": two_schools.here.ed, "rubric": two_schools.here.rubric,
    }  # fmt: skip
    return {**true, **said}


def refused(sql: str, said: dict[str, object], *, org: UUID, user: UUID, role: Role) -> str:
    with pytest.raises(peewee.ProgrammingError) as refusal, db.session(org=org, user=user, role=role):
        db.run(sql, said)
    return str(refusal.value)


class Undone(Exception):
    """Raised to take a statement back."""


def test_who_may_say_these_things_may(two_schools: TwoSchools, database: Database, become: Become) -> None:
    """The statements of this file come through when they are true; otherwise their refusal would prove nothing."""
    here = two_schools.here
    true = facts(two_schools, database, two_schools.alice)
    database.sql("delete from feedback_reactions where feedback_id = %s", true["comment"])
    for who, sql, also in (
        ("ed", REVIEW, {}), ("ada", REVIEW, {"signed": here.ada}), ("alice", REACTION, {}), ("ed", COMMENT, {}),
        ("ada", COMMENT, {"signed": here.ada}), ("ed", TRIAL, {"user": here.ed}),
    ):  # fmt: skip
        with pytest.raises(Undone), session_of(here, who):
            assert db.run(sql, {**true, **also}) == 1, (who, sql)
            raise Undone
    with pytest.raises(Undone), session_of(here, "ed"):
        assert (
            db.run("update submissions set released_at = now() where id = %s", (two_schools.held_back.submission,)) == 1
        )
        raise Undone


def test_a_student_decides_on_no_comment(two_schools: TwoSchools, database: Database, become: Become) -> None:
    here = two_schools.here
    said = facts(two_schools, database, two_schools.alice, signed=here.alice)
    assert "permission denied" in refused(REVIEW, said, org=here.org, user=here.alice, role="ec_student")
    assert "permission denied" in refused(COMMENT, said, org=here.org, user=here.alice, role="ec_student")


def test_a_student_reacts_for_nobody_else_and_to_nothing_unreleased(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    here = two_schools.here
    alices, bobs = comment_of(database, two_schools.alice), comment_of(database, two_schools.bob)
    database.sql("delete from feedback_reactions where feedback_id = any (%s)", [alices, bobs])
    attempts = {
        "in Bob's name": facts(two_schools, database, two_schools.bob),
        "on Bob's comment": facts(two_schools, database, two_schools.bob, user=here.alice),
        "on Bob's comment, as if below her own essay": facts(two_schools, database, two_schools.alice, comment=bobs),
        "on what is held back": facts(two_schools, database, two_schools.held_back),
        "on what is held back, as if it were released": facts(
            two_schools, database, two_schools.alice, comment=comment_of(database, two_schools.held_back)
        ),
        "for other teachers to see": facts(two_schools, database, two_schools.alice, audience=here.other_course),
        "on nothing": facts(two_schools, database, two_schools.alice, comment=UUID(int=7)),
        "in another org": facts(two_schools, database, two_schools.foreign, user=here.alice),
    }
    for what, said in attempts.items():
        assert "row-level security" in refused(REACTION, said, org=here.org, user=here.alice, role="ec_student"), what
    with session_of(here, "alice"):
        bob = (here.bob,)
        assert db.run("update feedback_reactions set reaction = 'disagree' where user_id = %s", bob) == 0
        assert db.run("delete from feedback_reactions where user_id = %s", bob) == 0


def test_an_educator_of_another_course_adds_decides_and_releases_nothing(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    """Nor by writing her own course into the row, nor with the name of whoever might."""
    here = two_schools.here
    for receipt in (two_schools.alice, two_schools.held_back, two_schools.foreign):
        for sql in (REVIEW, COMMENT):
            for also in (
                {}, {"signed": here.nell}, {"signed": here.nell, "audience": here.other_course},
                {"signed": here.nell, "audience": here.nell}, {"signed": here.nell, "audience": here.nell, "user": here.nell},
            ):  # fmt: skip
                said = facts(two_schools, database, receipt, **also)
                assert "row-level security" in refused(sql, said, org=here.org, user=here.nell, role="ec_educator"), (
                    sql,
                    also,
                )
    with session_of(here, "nell"):
        for receipt in (two_schools.alice, two_schools.held_back, two_schools.foreign):
            assert db.run("update submissions set released_at = now() where id = %s", (receipt.submission,)) == 0


def test_staff_sign_with_their_own_name_and_speak_as_no_engine(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    here = two_schools.here
    for who, role in (("ed", "ec_educator"), ("ada", "ec_admin")):
        me = getattr(here, who)
        for sql, said in (
            (REVIEW, facts(two_schools, database, two_schools.alice, signed=here.nell)),
            (REVIEW, facts(two_schools, database, two_schools.alice, signed=me, submission=two_schools.bob.submission)),
            (REVIEW, facts(two_schools, database, two_schools.alice, signed=me, user=here.bob)),
            (COMMENT, facts(two_schools, database, two_schools.alice, signed=here.nell)),
            (COMMENT, facts(two_schools, database, two_schools.alice, signed=me, user=here.bob)),
            (COMMENT, facts(two_schools, database, two_schools.alice, signed=me, essay=two_schools.bob.essay)),
            (ENGINES_COMMENT, facts(two_schools, database, two_schools.alice, signed=me)),
        ):
            assert "row-level security" in refused(sql, said, org=here.org, user=me, role=role), sql  # type: ignore[arg-type]


def test_nobody_keeps_a_comment_in_another_educators_bank(two_schools: TwoSchools, become: Become) -> None:
    here = two_schools.here
    sql = "insert into saved_comments (org_id, user_id, pass, type, kind, body) values (%(org)s, %(user)s, 'grammar', 'spelling', 'issue', '')"
    assert "row-level security" in refused(
        sql, {"org": here.org, "user": here.ed}, org=here.org, user=here.nell, role="ec_educator"
    )
    with session_of(here, "nell"):
        assert db.run("delete from saved_comments where user_id = %s", (here.ed,)) == 0


def test_only_who_teaches_tries_a_rubric_and_only_on_writing_of_their_own(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    here = two_schools.here
    alices = facts(two_schools, database, two_schools.alice)
    assert "row-level security" in refused(TRIAL, alices, org=here.org, user=here.alice, role="ec_student")
    assert "row-level security" in refused(TRIAL, alices, org=here.org, user=here.api_key_id, role="ec_lms")
    assert "row-level security" in refused(TRIAL, alices, org=here.org, user=here.ed, role="ec_educator")
    make_trial = "update essays set trial_until = now(), trial_rubric_id = %s where id = %s"
    # The essay of a student for an assignment cannot be made one: it would be gone a day later.
    with pytest.raises(peewee.IntegrityError, match="essays_trial_is_whole"), session_of(here, "ed"):
        db.run(make_trial, (here.rubric, two_schools.alice.essay))
    with session_of(here, "nell"):
        assert db.run(make_trial, (here.rubric, two_schools.alice.essay)) == 0


def test_the_clock_deletes_trials_and_no_other_essay(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    here = two_schools.here
    with session_of(here, "ed"):
        db.run(TRIAL, facts(two_schools, database, two_schools.alice, user=here.ed))
    before = database.sql("select count(*) from essays")[0][0]
    become("ec_clock")
    with db.session(org=here.org):
        assert db.run("delete from essays where id = %s", (two_schools.alice.essay,)) == 0
        assert db.run("delete from essays") == 1
    assert database.sql("select count(*) + 1 from essays") == [(before,)]
    assert database.sql("select count(*) from essays where trial_until is not null") == [(0,)]


RERUN = "select submission_id, pass from rerun_passes(%s::uuid[], 'interactive')"


def test_a_rerun_reaches_only_done_passes_of_whom_one_teaches(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    here = two_schools.here
    for who, receipt in (("nell", two_schools.alice), ("ed", two_schools.foreign), ("ada", two_schools.foreign)):
        with session_of(here, who):
            assert db.rows(RERUN, ([receipt.submission],)) == [], who
    with pytest.raises(Undone), session_of(here, "ed"):
        reached = db.rows(RERUN, ([two_schools.alice.submission, two_schools.foreign.submission],))
        assert sorted((one["submission_id"], one["pass"]) for one in reached) == [
            (two_schools.alice.submission, name) for name in ("content", "grammar", "structure")
        ]
        # Queued they are not done: asking again finds none.
        assert db.rows(RERUN, ([two_schools.alice.submission],)) == []
        states = db.row("select status, completed_at from submissions where id = %s", (two_schools.alice.submission,))
        assert states == {"status": "processing", "completed_at": None}
        raise Undone
    assert database.sql("select distinct state from passes") == [("done",)]


def test_a_rerun_leaves_a_pass_alone_that_is_being_read(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
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


def test_what_people_made_of_comments_is_counted_over_all_orgs_without_an_id(
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
