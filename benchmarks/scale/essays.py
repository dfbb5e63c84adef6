"""The rows of one essay: its versions, their passes, calls and comments, as the web and the workers leave them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.scale.people import MadeSchool, Person
from benchmarks.scale.plan import ClassWork, Plan, hand_in_moments
from benchmarks.scale.rows import NULL, Ids, Rows, bytea, sealed
from benchmarks.scale.texts import MODEL, CommentText, EssayText, answer_of, summary_of
from models.jobs import PassName
from workers.passes.prompt import prompt_version

REVIEWED = 0.03
COST_MICROS, INPUT_TOKENS, OUTPUT_TOKENS = 4_000, 900, 350
CLAIMED_AFTER = timedelta(milliseconds=300)
SHORTEST_PASS_SECONDS, LONGEST_PASS_SECONDS = 2, 12
REVIEWED_AFTER = timedelta(hours=3)
PROMPT_VERSIONS = {name: prompt_version(name) for name in PassName}
SUMMARIES = {name: summary_of(name) for name in PassName}
ANSWERS = {name: answer_of(name) for name in PassName}


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """One essay: who wrote it, for what, on which text, and the number of its first submission among all."""

    school: MadeSchool
    course: int
    assignment: str
    student: Person
    text: EssayText
    moments: list[datetime]
    first_submission: int


class EssayWriter:
    """Adds the rows of essays. The audit trail of each school is chained as the clock does it."""

    def __init__(self, rows: Rows, plan: Plan, *, part: int) -> None:
        self._rows, self._plan = rows, plan
        self._ids = Ids(f"{plan.size.seed} essays {part}")
        self._chance = random.Random(f"{plan.size.seed} chance {part}")
        self._heads: dict[str, tuple[int, bytes]] = {}

    def writings(self, work: ClassWork, school: MadeSchool, assignment: str, text: EssayText) -> Iterator[Writing]:
        """Return the essays that a course hands in for one assignment."""
        for number, student in school.class_of(work.course):
            essay = self._plan.essay(number, work.turn)
            if essay is not None:
                yield Writing(
                    school=school,
                    course=work.course,
                    assignment=assignment,
                    student=student,
                    text=text,
                    moments=hand_in_moments(work.due, versions=self._plan.versions[essay], chance=self._chance),
                    first_submission=self._plan.first_submissions[essay],
                )

    def add(self, one: Writing) -> None:
        """Add an essay with all that belongs to it."""
        essay, submissions = self._ids.at(one.moments[0]), [self._ids.at(moment) for moment in one.moments]
        org, user, course = one.school.id, one.student.id, one.school.courses[one.course]
        self._rows.add(
            "essays", essay, org, user, course, one.assignment,
            sealed(one.student.key, one.text.title, "essays", "title", org, essay), len(submissions), submissions[-1],
            one.moments[-1], one.moments[0], one.moments[-1], True,
        )  # fmt: skip
        earlier: dict[str, str] = {}
        for at, (submission, moment) in enumerate(zip(submissions, one.moments, strict=True)):
            version = _VersionWriter(
                self._rows, self._ids, self._chance, one,
                essay=essay, submission=submission, moment=moment, version=at + 1, is_newest=at + 1 == len(submissions),
            )  # fmt: skip
            earlier = version.add(self._plan.size.comments_of(one.first_submission + at), earlier)
            self._audit(org, user, submission, moment)

    def add_heads(self) -> None:
        """Add where each school's audit chain ends."""
        for org, (sequence, link) in self._heads.items():
            self._rows.add("audit_heads", org, sequence, bytea(link))

    def _audit(self, org: str, user: str, submission: str, moment: datetime) -> None:
        """Add the entry that a trigger writes when a version is stored, with its place in the chain (`audit_entry`)."""
        sequence, link = self._heads.get(org, (0, bytes(32)))
        sequence, entry, detail = sequence + 1, self._ids.at(moment), f'{{"user_id": "{user}"}}'
        says = f'["{org}", {sequence}, "{entry}", "{user}", "student", null, "created", "submission", "{submission}", {detail}]'
        link = hashlib.sha256(link + says.encode()).digest()
        self._heads[org] = (sequence, link)
        self._rows.add(
            "audit_log", entry, org, user, "student", "created", "submission", submission, detail, sequence, bytea(link)
        )


class _VersionWriter:
    def __init__(
        self, rows: Rows, ids: Ids, chance: random.Random, one: Writing,
        *, essay: str, submission: str, moment: datetime, version: int, is_newest: bool,
    ) -> None:  # fmt: skip
        self._rows, self._ids, self._chance, self._one = rows, ids, chance, one
        self._essay, self._submission, self._moment = essay, submission, moment
        self._version, self._is_newest = version, is_newest
        self._org, self._user, self._key = one.school.id, one.student.id, one.student.key
        self._audience = one.school.courses[one.course]

    def add(self, comments: int, earlier: dict[str, str]) -> dict[str, str]:
        """Add the version with so many comments. Its first comment of each pass goes on from that of the earlier version.

        Return the first comment of each pass.
        """
        ended, firsts = self._moment, {}
        for name, amount in zip(PassName, self._shares(comments), strict=True):
            finished = self._add_pass(name, amount)
            ended = max(ended, finished)
            if first := self._add_comments(name, amount, finished, earlier.get(name)):
                firsts[str(name)] = first
        org, text, moment = self._org, self._one.text, self._moment
        self._rows.add(
            "submissions", self._submission, org, self._essay, self._user, self._audience, self._version, "completed",
            "interactive", "app", "en", sealed(self._key, text.text, "submissions", "text", org, self._submission),
            rf"\\x{text.sha256}", text.characters, text.words, moment, moment, ended, (ended - moment).total_seconds(), True,
            self._ids.at(moment),
        )  # fmt: skip
        event = "submitted" if self._version == 1 else "revised"
        self._rows.add("analytics", self._ids.at(moment), org, self._user, event, self._essay, self._submission)
        return firsts

    def _shares(self, comments: int) -> tuple[int, int, int]:
        """Return how many of the comments each pass makes."""
        language = round(comments * self._chance.uniform(0.2, 0.6))
        half = (comments - language) // 2
        return language, half, comments - language - half

    def _add_pass(self, name: PassName, comments: int) -> datetime:
        """Add a pass that is done and its call; return when it ended."""
        org, received, claimed = self._org, self._moment, self._moment + CLAIMED_AFTER
        latency_ms = self._chance.randrange(SHORTEST_PASS_SECONDS * 1000, LONGEST_PASS_SECONDS * 1000)
        finished = claimed + timedelta(milliseconds=latency_ms)
        made, call = self._ids.at(received), self._ids.at(claimed)
        self._rows.add(
            "passes", made, org, self._submission, self._essay, self._user, self._audience, name, "done", "interactive", 0,
            received, received, received, 1, 1, claimed, claimed, finished, "anthropic", MODEL, comments,
            sealed(self._key, SUMMARIES[name], "passes", "summary", org, made), PROMPT_VERSIONS[name], True,
        )  # fmt: skip
        self._rows.add(
            "ai_responses", call, org, self._submission, self._user, name, 1, "anthropic", MODEL, PROMPT_VERSIONS[name],
            rf"\\x{self._one.text.sha256}", "ok", "end_turn", sealed(self._key, ANSWERS[name], "ai_responses", "raw", org, call),
            INPUT_TOKENS, OUTPUT_TOKENS, COST_MICROS, latency_ms, finished, True,
        )  # fmt: skip
        return finished

    def _add_comments(self, name: PassName, amount: int, finished: datetime, earlier: str | None) -> str | None:
        """Add the comments of a pass and, of the newest version, their places in the review lists; return the first one."""
        org, one = self._org, self._one
        whose = f"{org}\t{self._submission}\t{one.text.characters}\t{self._essay}\t{self._user}\t{self._audience}"
        known = one.text.comments[name]
        start = self._chance.randrange(len(known))
        lines, new_id, key = self._rows.lines("feedback"), self._ids.at, self._key
        first = None
        for priority in range(1, amount + 1):
            about = known[(start + priority) % len(known)]
            comment = new_id(finished)
            first = first or comment
            goes_on = earlier is not None and priority == 1
            rest = f"persisting\t{earlier}" if goes_on else "open\t\\N"
            body = sealed(key, about.body, "feedback", "body", org, comment)
            lines.append(f"{comment}\t{whose}\t{about.columns}\t{priority}\t{rest}\t{body}")
            if self._is_newest:
                self._list(comment, about, finished)
        return first

    def _list(self, comment: str, about: CommentText, finished: datetime) -> None:
        review = None
        if self._chance.random() < REVIEWED:
            review = self._ids.at(finished + REVIEWED_AFTER)
            self._rows.add(
                "feedback_reviews", review, self._org, comment, self._submission, self._user, self._audience,
                self._one.school.educators[self._one.course].id, "accepted", finished + REVIEWED_AFTER,
            )  # fmt: skip
        self._rows.lines("review_items").append(
            f"{comment}\t{self._org}\t{self._essay}\t{self._submission}\t{self._user}\t{self._audience}\t{self._one.assignment}"
            f"\t{about.permille}\t{review or NULL}"
        )
