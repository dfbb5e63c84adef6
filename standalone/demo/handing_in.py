"""Hand in essays as an LMS does, and wait until the passes have read them."""

from __future__ import annotations

import email
import time
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from standalone.client import ask, deliver
from standalone.demo.run import COLOURS, PATIENCE_SECONDS, DemoFailed, DemoRun, require_status

ESSAYS = Path(__file__).parents[1] / "essays"
FINAL = ("completed", "partial", "failed", "superseded", "cancelled")


@dataclass
class HandedIn:
    """An essay that was handed in, and the last status of it and of its passes that the demo has seen."""

    title: str
    text: str
    location: str
    event: dict[str, Any] = field(default_factory=dict)
    event_id: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    status: str = "queued"


def read_essays() -> list[Message[str, str]]:
    """Return the files of `essays/`: the headers of each, and the text of the essay as the payload."""
    return [email.message_from_string(path.read_text(encoding="utf-8")) for path in sorted(ESSAYS.glob("*.txt"))]


def hand_in(essay: Message[str, str], run: DemoRun) -> HandedIn:
    """Hand in the essay by a signed webhook, as an LMS does."""
    event = _submission_event(essay, run.details)
    answer, event_id = deliver(run.webhook, secret=run.secret, event=event)
    require_status(answer, 202, f"handing in {essay['Title']!r}")
    text = event["data"]["text"]
    run.narrator.line(f"202  {essay['Title']} ({essay['Name']}, {len(text.split())} words)")
    return HandedIn(
        title=essay["Title"], text=text, location=answer.headers["Location"], event=event, event_id=event_id
    )


def _submission_event(essay: Message[str, str], details: dict[str, Any]) -> dict[str, Any]:
    """Return the webhook event that hands in the essay. The address `@student` stands for the demo student's."""
    address = essay["Email"] if essay["Email"] != "@student" else details["student"]["email"]
    data: dict[str, Any] = {
        "student": {"external_id": essay["Student"], "name": essay["Name"], "email": address},
        "title": essay["Title"],
        "text": str(essay.get_payload()).strip(),
    }
    if essay["Assignment"]:
        data["assignment_id"] = details["assignment_id"]
    if essay["LMS-Assignment"]:
        course = {"external_id": essay["LMS-Course"], "name": "Science 9"}
        data["assignment"] = {"external_id": essay["LMS-Assignment"], "title": essay["Title"], "course": course}
    if essay["Category"]:
        data["category"] = essay["Category"]
    timestamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"type": "submission.created", "timestamp": timestamp, "data": data}


def check_repeated_and_forged_delivery(first: HandedIn, run: DemoRun) -> None:
    """Check that a repeated delivery leads to the same submission, and that one with a false signature is refused."""
    repeated, _ = deliver(run.webhook, secret=run.secret, event=first.event, event_id=first.event_id)
    if require_status(repeated, 202, "the same delivery again").headers["Location"] != first.location:
        raise DemoFailed("the same delivery led to another submission")
    run.narrator.line("the LMS repeats a delivery: 202 with the same Location, nothing is stored twice")
    forged, _ = deliver(run.webhook, secret="whsec_" + "A" * 43 + "=", event=first.event)
    require_status(forged, 401, "a forged delivery")
    run.narrator.line(f"somebody forges one: 401 {forged.body['type']}")


def find_by_lms_ids(essay: HandedIn, run: DemoRun) -> None:
    """Check that the LMS finds the essay that it handed in with its own ids of student, course and assignment."""
    student, assignment = essay.event["data"]["student"]["external_id"], essay.event["data"]["assignment"]
    path = f"/v1/essays?student_external_id={student}"
    items = run.get(path, headers=run.lms, what="the LMS's search for its essay")["items"]
    if [item["assignment_external_id"] for item in items] != [assignment["external_id"]]:
        raise DemoFailed(f"the LMS does not find the essay of {student} for its assignment {assignment['external_id']}")
    named = f"course {assignment['course']['external_id']}, assignment {assignment['external_id']}"
    run.narrator.line(f"the last one names the LMS's own ids: {named} were added")
    run.narrator.line(f"GET {path} finds it again")


def hand_in_draft(essay: str, title: str, text: str, student: dict[str, str], run: DemoRun) -> HandedIn:
    """Hand in another draft of an essay, as the student does on the pages."""
    body = {"essay_id": essay, "title": title, "text": text}
    answer = require_status(
        ask("POST", f"{run.api}/v1/submissions", body=body, headers=student), 202, "the second draft"
    )
    return HandedIn(title=title, text=text, location=answer.headers["Location"])


def wait_for_feedback(handed_in: list[HandedIn], run: DemoRun) -> None:
    """Wait until every essay has its final state, and print each pass as it ends. Raises DemoFailed unless all completed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting := [essay for essay in handed_in if essay.status not in FINAL]:
        for essay in waiting:
            _look_at(essay, run)
        if time.monotonic() > deadline:
            raise DemoFailed(f"after {PATIENCE_SECONDS:.0f} s not every essay was finished")
        time.sleep(0.1)
    unfinished = [essay.title for essay in handed_in if essay.status != "completed"]
    if unfinished:
        raise DemoFailed(f"not completed: {', '.join(unfinished)}")


def _look_at(essay: HandedIn, run: DemoRun) -> None:
    """Ask for the essay's status, and print what has ended since the last time."""
    state = run.get(essay.location, headers=run.lms, what="a status")
    for name, pass_state in state["passes"].items():
        if essay.seen.get(name) != pass_state["status"] and pass_state["status"] in ("done", "gave_up"):
            count = pass_state["comments"]
            result = (
                f"{count} comment{'' if count == 1 else 's'}"
                if pass_state["status"] == "done"
                else pass_state["reason"]
            )
            run.narrator.line(f"[{COLOURS[name]}]{name:9}[/] {pass_state['status']}  {essay.title}: {result}")
        essay.seen[name] = pass_state["status"]
    essay.status = state["status"]
    if essay.status in FINAL:
        run.narrator.line(f"[bold]{essay.status}[/]  {essay.title}")
