"""Test that a received draft becomes one encrypted version with queued passes, in the right essay."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from models import courses, db, essays
from models.errors import Invalid, NotFound
from models.essay_filters import Position
from models.essays import Draft, Receipt
from models.jobs import Queue
from tests.conftest import Become
from tests.support.races import together, warm_up
from tests.support.schools import School, session_of
from tests.support.servers import Database

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def draft(**changes: Any) -> Draft:
    return Draft(**{"title": "My phone", "text": "Phones ring.\n\nI don't mind.", "source": "app", **changes})


def hand_in(school: School, name: str = "alice", **changes: Any) -> Receipt:
    with session_of(school, name):
        return essays.receive(getattr(school, name), draft(**changes), org=school.org)


def stored(database: Database, submission: UUID) -> dict[str, Any]:
    """Return the whole row of a submission."""
    return database.sql("select to_jsonb(s) from submissions as s where id = %s", submission)[0][0]  # type: ignore[return-value]


def test_first_draft_is_version_one_with_three_queued_passes(school: School, database: Database) -> None:
    receipt = hand_in(school, assignment=school.assignment)

    row = stored(database, receipt.submission)
    queued = database.sql(
        "select name, state, queue, user_id, audience_id, id from passes where submission_id = %s order by name",
        receipt.submission,
    )
    assert (receipt.version, receipt.status, row["version"], row["status"]) == (1, "queued", 1, "queued")
    assert [one[:3] for one in queued] == [
        (name, "queued", "interactive") for name in ("content", "grammar", "structure")
    ]
    assert {one[3] for one in queued} == {school.alice}
    assert {one[4] for one in queued} == {school.course}
    assert {hint.pass_id for hint in receipt.hints} == {one[5] for one in queued}
    assert {(hint.org_id, hint.queue) for hint in receipt.hints} == {(school.org, Queue.INTERACTIVE)}
    assert (row["source"], row["queue"], row["language"], row["completed_at"]) == ("app", "interactive", "en", None)


def test_words_and_characters_are_counted(school: School, database: Database) -> None:
    text = "It's a well-known café,\t3 people, e\u0301t\u00e9.\n\n  Don’t “go”! 🙂"
    row = stored(database, hand_in(school, text=text).submission)

    assert row["characters"] == len(text)
    assert row["words"] == len(["It's", "a", "well-known", "café", "3", "people", "été", "Don’t", "go", "🙂"])
    assert row["text_sha256"] == "\\x" + hashlib.sha256(text.encode()).hexdigest()


def test_text_and_title_are_stored_only_as_ciphertext(school: School, database: Database) -> None:
    receipt = hand_in(school, title="A secret title", text="A secret sentence.")
    raw = database.sql(
        "select s.text, e.title from submissions as s join essays as e on e.id = s.essay_id where s.id = %s",
        receipt.submission,
    )[0]

    for blob in raw:
        assert b"secret" not in bytes(blob)  # type: ignore[arg-type]
    with session_of(school, "alice"):
        assert essays.fetch_text(receipt.submission, org=school.org)[0] == "A secret sentence."
        assert essays.fetch_essay(receipt.essay, org=school.org)["title"] == "A secret title"


def test_first_version_and_revision_each_record_an_event(school: School, database: Database) -> None:
    first = hand_in(school, assignment=school.assignment)
    second = hand_in(school, assignment=school.assignment)

    assert database.sql(
        "select event, user_id, essay_id, submission_id from analytics where org_id = %s order by id", school.org
    ) == [
        ("submitted", school.alice, first.essay, first.submission),
        ("revised", school.alice, first.essay, second.submission),
    ]


@pytest.mark.parametrize("way", ["assignment", "external_id", "essay_id"])
def test_the_next_draft_is_the_next_version_of_the_same_essay(school: School, database: Database, way: str) -> None:
    by: dict[str, Any] = {
        "assignment": {"assignment": school.assignment},
        "external_id": {"external_id": "lms-7"},
        "essay_id": {},
    }[way]
    first = hand_in(school, **by)
    if way == "essay_id":
        by = {"essay": first.essay}
    second, third = hand_in(school, title="Better", **by), hand_in(school, title="Best", **by)

    assert {one.essay for one in (first, second, third)} == {first.essay}
    assert [one.version for one in (first, second, third)] == [1, 2, 3]
    with session_of(school, "alice"):
        essay = essays.fetch_essay(first.essay, org=school.org)
    assert (essay["versions"], essay["title"], essay["newest_submission_id"]) == (3, "Best", third.submission)
    assert [one["version"] for one in essay["submissions"]] == [1, 2, 3]


def test_external_id_alone_finds_its_essay_under_an_assignment(school: School, database: Database) -> None:
    first = hand_in(school, assignment=school.reviewed_assignment, external_id="a-1")
    hand_in(school, "bob", assignment=school.reviewed_assignment, external_id="a-1")
    second = hand_in(school, external_id="a-1")

    assert (second.essay, second.version) == (first.essay, 2)
    facts = "select e.assignment_id, s.released_at from essays as e join submissions as s on s.essay_id = e.id where s.id = %s"
    assert database.sql(facts, second.submission) == [(school.reviewed_assignment, None)]


def test_external_id_of_several_essays_finds_the_one_without_an_assignment(school: School) -> None:
    """An LMS may give the same id to the first attempt at each assignment."""
    assigned = [
        hand_in(school, assignment=one, external_id="1").essay
        for one in (school.assignment, school.reviewed_assignment)
    ]
    free = hand_in(school, external_id="1")
    again = hand_in(school, external_id="1")

    assert free.essay not in assigned
    assert (again.essay, again.version) == (free.essay, 2)


def test_drafts_without_common_assignment_or_id_are_separate_essays(school: School) -> None:
    receipts = [
        hand_in(school), hand_in(school), hand_in(school, external_id="a"), hand_in(school, external_id="b"),
        hand_in(school, assignment=school.assignment), hand_in(school, assignment=school.reviewed_assignment),
        hand_in(school, "bob", assignment=school.assignment), hand_in(school, "bob", external_id="a"),
    ]  # fmt: skip

    assert len({one.essay for one in receipts}) == len(receipts)
    assert {one.version for one in receipts} == {1}


def test_essay_id_with_another_assignment_is_refused(school: School) -> None:
    first = hand_in(school, assignment=school.assignment)

    assert hand_in(school, essay=first.essay, assignment=school.assignment).version == 2
    with pytest.raises(Invalid, match="another assignment") as refusal:
        hand_in(school, essay=first.essay, assignment=school.reviewed_assignment)
    assert refusal.value.errors == [("/assignment_id", "is not the assignment of essay_id")]


def test_unknown_category_is_left_out_with_a_warning_and_the_assignment_keeps_its_own(school: School) -> None:
    alone = hand_in(school, category="haiku")
    for_assignment = hand_in(school, category="haiku", assignment=school.assignment)

    for receipt in (alone, for_assignment):
        assert [pointer for pointer, _ in receipt.warnings] == ["/category"]
    assert hand_in(school, category="narrative").warnings == ()
    with session_of(school, "ada"):
        found = [essays.fetch_essay(one.essay, org=school.org)["category"] for one in (alone, for_assignment)]
    assert found == [None, "argumentative"]


def test_category_comes_from_draft_else_assignment_and_revision_keeps_it(school: School) -> None:
    own = hand_in(school, category="narrative", assignment=school.assignment)
    given_by_assignment = hand_in(school, "bob", assignment=school.assignment)
    none = hand_in(school)
    hand_in(school, essay=own.essay)

    with session_of(school, "ada"):
        found = [essays.fetch_essay(one.essay, org=school.org)["category"] for one in (own, given_by_assignment, none)]
    assert found == ["narrative", "argumentative", None]


def test_assignment_or_essay_unavailable_to_the_author_is_not_found(school: School, other_school: School) -> None:
    bobs = hand_in(school, "bob", assignment=school.assignment)
    for changes in (
        {"assignment": other_school.assignment},
        {"assignment": uuid4()},
        {"essay": bobs.essay},
        {"essay": uuid4()},
    ):
        with pytest.raises(NotFound, match="or it is not yours"):
            hand_in(school, **changes)
    with pytest.raises(NotFound, match="or it is not yours"):
        hand_in(school, "zoe", assignment=school.assignment)
    with pytest.raises(NotFound, match="no such student"), db.session(org=school.org, role="ec_lms"):
        essays.receive(other_school.alice, draft(), org=school.org)


def test_late_older_draft_is_superseded_and_newest_version_stays(school: School, database: Database) -> None:
    """A draft that is older than the newest version gets a number but no passes, and does not change title or category."""
    newest = hand_in(school, title="New", category="narrative", assignment=school.assignment)
    late = hand_in(school, title="Old", category="persuasive", assignment=school.assignment, submitted_at=YESTERDAY)

    assert (late.version, late.status, late.hints) == (2, "superseded", ())
    row = stored(database, late.submission)
    assert row["completed_at"] is not None
    assert {
        state for (state,) in database.sql("select state from passes where submission_id = %s", late.submission)
    } == {"cancelled"}
    with session_of(school, "alice"):
        essay = essays.fetch_essay(newest.essay, org=school.org)
        assert len(essays.fetch_status(late.submission, org=school.org)) == 3
    assert (essay["newest_submission_id"], essay["title"], essay["category"]) == (newest.submission, "New", "narrative")
    assert (essay["newest_version"], essay["versions"]) == (1, 2)


def test_future_submission_date_counts_as_now(school: School, database: Database) -> None:
    first = hand_in(school, assignment=school.assignment, submitted_at=datetime.now(UTC) + timedelta(days=300))
    second = hand_in(school, assignment=school.assignment)

    assert second.status == "queued"
    assert database.sql("select submitted_at <= now() from submissions where id = %s", first.submission) == [(True,)]
    assert database.sql("select newest_submission_id from essays where id = %s", first.essay) == [(second.submission,)]


@pytest.mark.parametrize(
    ("stored_first", "arrives", "status"),
    [(True, False, "superseded"), (True, True, "queued"), (False, True, "queued"), (False, False, "queued")],
)
def test_update_wins_a_tie_of_submission_dates(school: School, stored_first: bool, arrives: bool, status: str) -> None:
    where = {"assignment": school.assignment, "submitted_at": YESTERDAY}
    first = hand_in(school, **where, is_update=stored_first)
    second = hand_in(school, **where, is_update=arrives)

    assert (second.essay, second.version, second.status) == (first.essay, 2, status)


def test_tie_is_decided_by_the_newest_version_and_not_by_one_before_it(school: School) -> None:
    where = {"assignment": school.assignment}
    hand_in(school, **where, submitted_at=YESTERDAY, is_update=True)
    later = YESTERDAY + timedelta(seconds=1)
    hand_in(school, **where, submitted_at=later, is_update=False)

    assert hand_in(school, **where, submitted_at=later, is_update=False).status == "queued"
    assert hand_in(school, **where, submitted_at=YESTERDAY, is_update=True).status == "superseded"


def test_draft_keeps_the_submission_date_given_by_the_lms(school: School, database: Database) -> None:
    receipt = hand_in(school, submitted_at=YESTERDAY)

    assert database.sql("select submitted_at from submissions where id = %s", receipt.submission) == [(YESTERDAY,)]


@pytest.mark.parametrize(
    ("org_policy", "own_policy", "released"),
    [
        ("auto", None, True),
        ("after_review", None, False),
        ("after_review", "auto", True),
        ("auto", "after_review", False),
    ],
)
def test_release_policy_comes_from_assignment_else_org(
    school: School, database: Database, org_policy: str, own_policy: str | None, *, released: bool
) -> None:
    database.sql("update orgs set release_policy = %s where id = %s", org_policy, school.org)
    with session_of(school, "ada"):
        assignment = courses.add_assignment("Any", org=school.org, course=school.course, release_policy=own_policy)

    row = stored(database, hand_in(school, assignment=assignment).submission)

    assert (row["released_at"] is not None) == released


def test_revision_by_essay_id_follows_release_policy_of_its_assignment(school: School, database: Database) -> None:
    first = hand_in(school, assignment=school.reviewed_assignment)
    second = hand_in(school, essay=first.essay)

    assert stored(database, first.submission)["released_at"] is None
    assert stored(database, second.submission)["released_at"] is None


def test_draft_sets_language_and_queue(school: School, database: Database) -> None:
    receipt = hand_in(school, language="en-GB", queue=Queue.BULK)

    row = stored(database, receipt.submission)
    assert (row["language"], row["queue"]) == ("en-GB", "bulk")
    assert {hint.queue for hint in receipt.hints} == {Queue.BULK}


@pytest.mark.parametrize("way", ["assignment", "external_id"])
def test_two_concurrent_first_drafts_are_two_versions_of_one_essay(
    school: School, database: Database, way: str
) -> None:
    warm_up(2)
    for turn in range(6):
        by: dict[str, Any] = {"external_id": f"race-{turn}"}
        if way == "assignment":
            with session_of(school, "ada"):
                by = {"assignment": courses.add_assignment(f"Race {turn}", org=school.org, course=school.course)}

        receipts = together(2, lambda _, by=by: hand_in(school, **by))  # type: ignore[misc]

        assert [one for one in receipts if isinstance(one, Exception)] == []
        assert sorted(one.version for one in receipts) == [1, 2]  # type: ignore[union-attr]
        assert len({one.essay for one in receipts}) == 1  # type: ignore[union-attr]
        assert database.sql("select versions from essays where id = %s", receipts[0].essay) == [(2,)]  # type: ignore[union-attr]


def test_draft_is_stored_when_its_transaction_began_before_the_essay(school: School, database: Database) -> None:
    """A session that began before another session's first draft has an older now(). Its draft is still the next version."""
    with session_of(school, "alice"):
        assert db.row("select now()")
        (first,) = together(1, lambda _: hand_in(school, assignment=school.assignment))
        second = essays.receive(school.alice, draft(assignment=school.assignment), org=school.org)

    assert isinstance(first, Receipt)
    assert (second.essay, second.version) == (first.essay, 2)
    assert second.status in ("queued", "superseded")
    pointed = database.sql("select newest_submission_id from essays where id = %s", first.essay)[0][0]
    assert pointed == (second if second.status == "queued" else first).submission


def test_concurrent_drafts_get_consecutive_version_numbers(school: School, database: Database) -> None:
    first = hand_in(school, assignment=school.assignment)

    warm_up(8)
    receipts = together(8, lambda _: hand_in(school, assignment=school.assignment))

    assert sorted(one.version for one in receipts if isinstance(one, Receipt)) == list(range(2, 10))
    assert database.sql("select versions from essays where id = %s", first.essay) == [(9,)]
    newest = database.sql(
        "select e.newest_submitted_at = s.submitted_at, s.status from essays e join submissions s on s.id = e.newest_submission_id "
        "where e.id = %s and s.submitted_at = (select max(submitted_at) from submissions where essay_id = e.id)", first.essay,
    )  # fmt: skip
    assert newest == [(True, "queued")]


def test_essay_list_is_paged_newest_first(school: School) -> None:
    made = [hand_in(school, title=f"Essay {number}").essay for number in range(5)]

    with session_of(school, "alice"):
        first = essays.list_essays(org=school.org, limit=3)
        second = essays.list_essays(org=school.org, limit=3, after=Position(id=first[-1]["id"]))

    assert [one["id"] for one in first + second] == made[::-1]
    assert [one["title"] for one in first] == ["Essay 4", "Essay 3", "Essay 2"]


def test_task_has_everything_a_pass_needs(school: School, become: Become) -> None:
    old = hand_in(school, assignment=school.assignment, category="narrative")
    new = hand_in(school, assignment=school.assignment)
    alone = hand_in(school, "zoe", title="Alone")
    become("ec_worker")

    with db.session(org=school.org):
        tasks = [essays.fetch_task(one.submission, org=school.org) for one in (old, new, alone)]

    assert [task.newest for task in tasks] == [False, True, True]
    assert (tasks[1].title, tasks[1].text, tasks[1].category) == (
        "My phone",
        "Phones ring.\n\nI don't mind.",
        "narrative",
    )
    assert tasks[1].assignment_prompt.startswith("Should schools ban mobile phones")
    assert (tasks[1].rubric, tasks[1].audience, tasks[1].user, tasks[1].ai_policy) == (
        school.rubric, school.course, school.alice, "anthropic",
    )  # fmt: skip
    assert (tasks[2].rubric, tasks[2].audience, tasks[2].assignment_prompt, tasks[2].category) == (
        None,
        school.zoe,
        "",
        "",
    )


def test_repeated_enrolment_by_the_lms_is_idempotent(school: School, database: Database) -> None:
    for _ in range(2):
        with db.session(org=school.org, role="ec_lms"):
            essays.enrol(school.zoe, assignment=school.assignment, org=school.org)

    assert database.sql("select course_id, role from enrollments where user_id = %s", school.zoe) == [
        (school.course, "student")
    ]


def test_rubric_with_same_wording_is_not_stored_twice(school: School) -> None:
    with session_of(school, "ada"):
        criteria = courses.fetch_criteria(school.rubric, org=school.org)
        again = tuple(
            courses.CriterionDraft(
                name=one["name"], description=one["description"],
                levels=tuple((level["name"], level["points"], level["description"]) for level in one["levels"]),
            )
            for one in criteria
        )  # fmt: skip
        assert courses.add_rubric("Argument", org=school.org, criteria=again) == school.rubric
        assert courses.add_rubric("Argument", org=school.org, criteria=again[:1]) != school.rubric
    assert [one["name"] for one in criteria] == ["thesis", "evidence"]
