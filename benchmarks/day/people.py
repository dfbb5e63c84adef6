"""What people and their LMSs do: hand in, repeat, poll, wait, read, revise, review and release. Everything acknowledged is kept."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from benchmarks.day.client import RETRY_STATUSES, Client, Reply
from benchmarks.day.district import PASSWORD, School, Student
from benchmarks.day.model import HandIn, Review
from benchmarks.essays import read_essays

FINAL = ("completed", "partial", "failed", "superseded", "cancelled")
POLL_SECONDS = 3.0
PREFER_SECONDS = 20
# A student looks again for so long, then goes to bed. The essay is followed in the database.
PATIENCE_SECONDS = 180.0
IMPORTERS = 4
DECISIONS_OF_A_REVIEW = 3


@dataclass
class Record:
    """What was acknowledged and seen, for the counting at the end."""

    # By the key of each hand-in: the ids that its acknowledgements named. More than one is a doubled essay.
    acknowledged: dict[str, set[str]] = field(default_factory=dict)
    started: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    # By submission: when a poll named an estimate (Unix seconds), and which.
    estimates: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    released: set[UUID] = field(default_factory=set)


class People:
    """Everybody in the district. `think_seconds` is the longest time a student takes for a revision."""

    def __init__(self, client: Client, district: list[School], *, think_seconds: float) -> None:
        self.record = Record()
        self._client = client
        self._district = district
        self._learners = [
            (school, course, one) for school in district for course in school.courses for one in course.students
        ]
        self._teachers = [(school, course) for school in district for course in school.courses]
        self._texts = [essay.text.strip() for essay in read_essays()]
        self._think_seconds = think_seconds
        self._tokens: dict[str, str] = {}

    async def hand_in(self, plan: HandIn) -> None:
        """Hand in an essay, wait for its feedback and read it; revise it where the plan says so."""
        school, course, student = self._learners[int(plan.student * len(self._learners))]
        assignment = course.held_assignment if plan.held else course.assignment
        key, text = f"essay-{plan.number}", self._text(plan.number)
        body = {"title": "Phones at school", "assignment_id": str(assignment), "external_id": key, "text": text}
        if plan.by_lms:
            submission = await self._deliver(school, student, key, body, repeated=plan.repeated)
        else:
            submission = await self._submit(school, student, key, body)
        if submission is None or not await self._follow(school, student, submission, plan):
            return
        await self._read(school, student, submission, text, held=course.held_assignment if plan.held else None)
        if plan.revises:
            await asyncio.sleep(plan.thinks * self._think_seconds)
            self.record.seen["revisions"] += 1
            second = f"{text}\n\nOn second thoughts, one phone in the office is enough."
            body |= {"external_id": f"{key}-v2", "text": second}
            submission = await self._submit(school, student, f"{key}-v2", body)
            if submission is not None and await self._follow(school, student, submission, plan):
                await self._read(
                    school, student, submission, second, held=course.held_assignment if plan.held else None
                )

    async def review(self, plan: Review) -> None:
        """Look through the comments that wait, decide about some of them, and release what is finished."""
        school, course = self._teachers[int(plan.teacher * len(self._teachers))]
        headers = await self._sign_in(school, course.teacher)
        if headers is None:
            return
        query = f"/v1/reviews?assignment_id={course.held_assignment}&limit=20"
        found = await self._client.send_until_answered("review", "GET", query, headers=headers)
        for item in (found.body or {}).get("items", [])[:DECISIONS_OF_A_REVIEW]:
            answer = await self._client.send_until_answered(
                "review", "PATCH", f"/v1/feedback/{item['id']}", body={"decision": "accept"}, headers=headers
            )
            self.record.seen["decisions"] += answer.status == 200
        self.record.released.add(course.held_assignment)
        answer = await self._client.send_until_answered(
            "release", "POST", f"/v1/assignments/{course.held_assignment}/release", headers=headers
        )
        if answer.status == 200:
            self.record.seen["released"] += answer.body["released"]

    async def bring_essays(self, count: int) -> None:
        """Import essays of past years into the bulk queue of the largest school, a few at a time, as an importer does."""
        school, numbers = self._district[0], itertools.count()
        learners = [one for course in school.courses for one in course.students]
        headers = {"Authorization": f"Bearer {school.api_key}", "X-Forwarded-For": "10.255.0.1"}

        async def import_in_turn() -> None:
            while (number := next(numbers)) < count:
                key = f"import-{number}"
                body = {
                    "title": "An older essay", "external_id": key, "text": self._text(1_000_000 + number),
                    "queue": "bulk", "student": {"external_id": learners[number % len(learners)].external_id},
                }  # fmt: skip
                self._acknowledge(key, await self._post("import", body, {**headers, "Idempotency-Key": key}))

        self.record.started += count
        await asyncio.gather(*(import_in_turn() for _ in range(IMPORTERS)))

    async def _submit(self, school: School, student: Student, key: str, body: dict[str, Any]) -> str | None:
        self.record.started += 1
        headers = await self._sign_in(school, student.email)
        if headers is None:
            return None
        return self._acknowledge(key, await self._post("hand in", body, {**headers, "Idempotency-Key": key}))

    async def _post(self, kind: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        return await self._client.send_until_answered(kind, "POST", "/v1/submissions", body=body, headers=headers)

    async def _deliver(
        self, school: School, student: Student, key: str, data: dict[str, Any], *, repeated: bool
    ) -> str | None:
        """Send the signed webhook of an LMS until it is answered; `repeated`: twice at once, and a third time later."""
        self.record.started += 1
        data = {**data, "student": {"external_id": student.external_id}}
        stamp = datetime.now(UTC).isoformat()
        event = json.dumps({"type": "submission.created", "timestamp": stamp, "data": data})

        async def deliver() -> str | None:
            now = datetime.now(UTC)
            headers = {
                "webhook-id": key,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": Webhook(school.source_secret).sign(key, now, event),
                "X-Forwarded-For": _address_of(school.slug),
            }
            reply = await self._client.send_until_answered(
                "webhook", "POST", f"/v1/webhooks/{school.source}", raw=event.encode(), headers=headers
            )
            return self._acknowledge(key, reply)

        if not repeated:
            return await deliver()
        self.record.seen["repeated deliveries"] += 2
        first, _ = await asyncio.gather(deliver(), deliver())
        await asyncio.sleep(1.0)
        await deliver()
        return first

    def _acknowledge(self, key: str, reply: Reply) -> str | None:
        """Keep the id that a 202 names, and return it."""
        if reply.status != 202:
            self.record.seen["never accepted"] += 1
            return None
        submission = str(reply.body["id"])
        self.record.acknowledged.setdefault(key, set()).add(submission)
        return submission

    async def _follow(self, school: School, student: Student, submission: str, plan: HandIn) -> bool:
        """Poll or wait until the essay is final, and return whether there is feedback to read."""
        headers = await self._sign_in(school, student.email)
        if headers is None:
            return False
        prefer = {"Prefer": f"wait={PREFER_SECONDS}"} if plan.prefers_wait else {}
        kind = "wait" if plan.prefers_wait else "poll"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            reply = await self._client.send(kind, "GET", f"/v1/submissions/{submission}", headers={**headers, **prefer})
            if reply.status == 200:
                if reply.body["status"] in FINAL:
                    return reply.body["status"] in ("completed", "partial")
                queue = reply.body["queue"]
                if queue is not None:
                    estimate = (time.time(), float(queue["estimated_seconds"]))
                    self.record.estimates.setdefault(submission, []).append(estimate)
            elif reply.status not in RETRY_STATUSES:
                return False
            # A held answer comes when something has changed; the next may be asked for at once.
            pause = 0.2 if plan.prefers_wait and reply.status == 200 else POLL_SECONDS
            await asyncio.sleep(max(pause, reply.retry_after))
        self.record.seen["patience ended"] += 1
        return False

    async def _read(self, school: School, student: Student, submission: str, text: str, *, held: UUID | None) -> None:
        """Read the feedback, and check that every quote stands where it says and that nothing held is shown."""
        headers = await self._sign_in(school, student.email)
        if headers is None:
            return
        again = tuple(status for status in RETRY_STATUSES if status != 409)
        reply = await self._client.send_until_answered(
            "read", "GET", f"/v1/submissions/{submission}/feedback", headers=headers, again=again
        )
        if held is not None:
            self.record.seen["reads of held feedback"] += 1
            self.record.seen["held feedback shown"] += reply.status == 200 and held not in self.record.released
        if reply.status != 200:
            return
        self.record.seen["feedback read"] += 1
        for comment in reply.body["comments"]:
            span = comment["span"]
            if span["match"] != "none":
                self.record.seen["quotes"] += 1
                self.record.seen["wrong quotes"] += text[span["start"] : span["end"]] != span["quote"]

    async def _sign_in(self, school: School, email: str) -> dict[str, str] | None:
        """Return the headers of a signed-in person. They sign in once a day."""
        address = {"X-Forwarded-For": _address_of(email)}
        if email not in self._tokens:
            body = {"org": school.slug, "email": email, "password": PASSWORD}
            reply = await self._client.send_until_answered(
                "sign in", "POST", "/v1/auth/login", body=body, headers=address
            )
            if reply.status != 200:
                return None
            self._tokens[email] = reply.body["access_token"]
        return {"Authorization": f"Bearer {self._tokens[email]}", **address}

    def _text(self, number: int) -> str:
        """Return an essay that nobody else hands in."""
        return f"{self._texts[number % len(self._texts)]}\n\nThis is piece number {number}."


def _address_of(name: str) -> str:
    """Return the address that the load balancer names for this person or LMS."""
    one, two, three = hashlib.sha256(name.encode()).digest()[:3]
    return f"10.{one % 200}.{two}.{three}"
