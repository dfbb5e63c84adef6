"""Play a school day in a minute: an LMS hands in essays, passes finish, people read the feedback, operators read the metrics."""

from __future__ import annotations

import email
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from standalone.client import Answer, ask, deliver
from standalone.machine import Machine

ESSAYS = Path(__file__).parent / "essays"
FINAL = ("completed", "partial", "failed", "superseded", "cancelled")
PATIENCE_SECONDS = 60.0
SHOWN_METRICS = (
    "essaycoach_pass_duration_seconds_count",
    "essaycoach_queue_wait_seconds_count",
    "essaycoach_ai_requests_total",
    "essaycoach_http_requests_total",
)
COLOURS = {"grammar": "yellow", "structure": "cyan", "content": "magenta"}


class DemoFailed(Exception):
    """A step of the demo did not work as the README says. The message names it."""


@dataclass
class HandedIn:
    """An essay that was handed in, and what the demo knows of it."""

    title: str
    text: str
    event: dict[str, Any]
    event_id: str
    location: str
    seen: dict[str, str] = field(default_factory=dict)
    status: str = "queued"


def play(data_dir: Path) -> int:
    """Start everything, use it, show it and stop it. Return 0 only if all of it worked."""
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    shutil.rmtree(data_dir, ignore_errors=True)
    started = time.monotonic()
    say = _Narrator(console, started)
    try:
        say.chapter(
            "Starting everything on this machine",
            "PostgreSQL 18 and Redis come from Python wheels; every line of the Procfile runs.",
        )
        with Machine(data_dir, port=0, metrics_port=0, tell=say.line) as machine:
            machine.start()
            known = machine.description()
            say.line(f"ready: API {known['ingest']}, metrics {known['metrics']}, {len(known['pids'])} processes")
            _school_day(known, console, say)
    except DemoFailed as failure:
        console.print(f"\n[bold red]The demo did not work:[/] {failure}\nThe programs' logs are in {data_dir / 'log'}.")
        return 1
    console.print(
        f"\n[bold green]All of it worked, in {time.monotonic() - started:.0f} seconds.[/] Everything has been stopped."
    )
    console.print("Next: [bold]make up[/] keeps it running; the README shows how to hand in an essay with curl.")
    return 0


def _school_day(known: dict[str, Any], console: Console, say: _Narrator) -> None:
    api, before = known["ingest"], _metrics(known["metrics"])
    essays = [_read_essay(path) for path in sorted(ESSAYS.glob("*.txt"))]

    say.chapter(
        "An LMS hands in", "Each essay is a signed webhook. 202 means: stored, and it will reach a final state."
    )
    handed_in = [_hand_in(essay, known, say) for essay in essays]
    _prove_the_door(handed_in[0], known, say)

    say.chapter(
        "Three passes read each essay",
        f"Grammar, structure and content run in parallel, by {reader()}. Each shows as soon as it lands.",
    )
    _watch(handed_in, known, say)

    say.chapter(
        "The student reads",
        "Signed in as Sam. The quoted words are cut from the stored text: text[start:end] == quote.",
    )
    student = _sign_in(api, known, "student")
    first = _expect(
        ask("GET", f"{api}{handed_in[0].location}/feedback", headers=student), 200, "the student's feedback"
    )
    _show_annotated(handed_in[0], first.body, console)
    other = ask("GET", f"{api}{handed_in[1].location}/feedback", headers=student)
    _expect(other, 404, "another student's feedback, asked for by Sam")
    say.line("Sam asks for Mia's feedback: 404, as if it were not there")

    say.chapter(
        "The educator looks over the class", "Signed in as Ed, who sees the essays of his own course and no others."
    )
    _show_class(known, console, handed_in)
    _correct(handed_in[0], first.body, known, say)

    say.chapter(
        "The student hands in a second draft",
        "Sam takes up two suggestions; every comment on the first draft is answered for.",
    )
    _revise(handed_in[0], first.body, student, known, say)

    say.chapter("Ops look at the numbers", "What moved on the metrics page since the start.")
    _show_metrics(before, known["metrics"], console)


class _Narrator:
    def __init__(self, console: Console, started: float) -> None:
        self._console = console
        self._started = started
        self._chapter = 0

    def chapter(self, title: str, meaning: str) -> None:
        self._chapter += 1
        self._console.print(f"\n[bold]{self._chapter}. {title}[/]\n[dim]   {_escaped(meaning)}[/]")

    def line(self, text: str) -> None:
        self._console.print(f"   [dim]{time.monotonic() - self._started:6.2f} s[/]  {text}")


def _read_essay(path: Path) -> Message[str, str]:
    return email.message_from_string(path.read_text(encoding="utf-8"))


def _event(essay: Message[str, str], known: dict[str, Any]) -> dict[str, Any]:
    address = essay["Email"] if essay["Email"] != "@student" else known["student"]["email"]
    data: dict[str, Any] = {
        "student": {"external_id": essay["Student"], "name": essay["Name"], "email": address},
        "title": essay["Title"],
        "text": str(essay.get_payload()).strip(),
    }
    if essay["Assignment"]:
        data["assignment_id"] = known["assignment_id"]
    if essay["Category"]:
        data["category"] = essay["Category"]
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"type": "submission.created", "timestamp": moment, "data": data}


def _hand_in(essay: Message[str, str], known: dict[str, Any], say: _Narrator) -> HandedIn:
    event = _event(essay, known)
    answer, event_id = deliver(_webhook(known), secret=known["source"]["secret"], event=event)
    _expect(answer, 202, f"handing in {essay['Title']!r}")
    say.line(f"202  {essay['Title']} ({essay['Name']}, {len(event['data']['text'].split())} words)")
    return HandedIn(
        title=essay["Title"],
        text=event["data"]["text"],
        event=event,
        event_id=event_id,
        location=answer.headers["Location"],
    )


def _prove_the_door(first: HandedIn, known: dict[str, Any], say: _Narrator) -> None:
    again, _ = deliver(_webhook(known), secret=known["source"]["secret"], event=first.event, event_id=first.event_id)
    if _expect(again, 202, "the same delivery again").headers["Location"] != first.location:
        raise DemoFailed("the same delivery led to another submission")
    say.line("the LMS repeats a delivery: 202 with the same Location, nothing is stored twice")
    forged, _ = deliver(_webhook(known), secret="whsec_" + "A" * 43 + "=", event=first.event)
    _expect(forged, 401, "a forged delivery")
    say.line(f"somebody forges one: 401 {forged.body['type']}")


def _watch(handed_in: list[HandedIn], known: dict[str, Any], say: _Narrator) -> None:
    key = {"Authorization": f"Bearer {known['api_key']}"}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(essay.status not in FINAL for essay in handed_in):
        for essay in handed_in:
            if essay.status in FINAL:
                continue
            state = _expect(ask("GET", known["ingest"] + essay.location, headers=key), 200, "a status").body
            for name, one in state["passes"].items():
                if essay.seen.get(name) != one["status"] and one["status"] in ("done", "gave_up"):
                    found = _count(one["comments"]) if one["status"] == "done" else one["reason"]
                    say.line(f"[{COLOURS[name]}]{name:9}[/] {one['status']}  {essay.title}: {found}")
                essay.seen[name] = one["status"]
            essay.status = state["status"]
            if essay.status in FINAL:
                say.line(f"[bold]{essay.status}[/]  {essay.title}")
        if time.monotonic() > deadline:
            raise DemoFailed(f"after {PATIENCE_SECONDS:.0f} s not every essay was finished")
        time.sleep(0.1)
    unfinished = [essay.title for essay in handed_in if essay.status != "completed"]
    if unfinished:
        raise DemoFailed(f"not completed: {', '.join(unfinished)}")


def _show_annotated(essay: HandedIn, found: dict[str, Any], console: Console) -> None:
    text = Text(essay.text)
    numbered: list[tuple[int, dict[str, Any]]] = list(enumerate(found["comments"], start=1))
    marks: list[tuple[int, str]] = []
    for number, comment in numbered:
        span = comment["span"]
        if span["match"] == "none":
            continue
        if essay.text[span["start"] : span["end"]] != span["quote"]:
            raise DemoFailed(
                f"comment {number} quotes {span['quote']!r}, which is not at {span['start']}..{span['end']}"
            )
        text.stylize(f"bold {COLOURS[comment['pass']]} underline", span["start"], span["end"])
        marks.append((span["end"], f"[{number}]"))
    annotated = Text()
    at = 0
    for end, mark in sorted(marks):
        annotated.append_text(text[at:end])
        annotated.append(mark, style="dim")
        at = end
    annotated.append_text(text[at:])
    console.print(
        Panel(
            annotated, title=essay.title, subtitle="words with a comment, and its number", width=min(console.width, 110)
        )
    )
    for name, colour in COLOURS.items():
        console.print(f"   [bold {colour}]{name}[/]")
        for number, comment in numbered:
            if comment["pass"] == name:
                again = f" [dim](and {len(comment['also_at'])} more)[/]" if comment["also_at"] else ""
                quote = _escaped(re.sub(r"\s+", " ", comment["span"]["quote"]))
                where = f"“{quote[:60]}{'…' if len(quote) > 60 else ''}” " if quote else ""
                console.print(f"   \\[{number}] {where}{_escaped(comment['message'])}{again}")
                sure = f"confidence {comment['confidence']:.2f}, {comment['confidence_basis']}"
                console.print(f"       [green]→ {_escaped(comment['next_step'])}[/] [dim]{sure}[/]")
    console.print(
        "   [dim]grammar: the share of such comments that careful correctors kept; agreement: both engines said so[/]"
    )
    for title, lines in (("strengths", "strengths"), ("start here", "next_steps"), ("not checked", "not_checked")):
        if found["summary"][lines]:
            console.print(f"   [bold]{title}[/]: " + _escaped("; ".join(found["summary"][lines][:3])))


def _show_class(known: dict[str, Any], console: Console, handed_in: list[HandedIn]) -> None:
    educator = _sign_in(known["ingest"], known, "educator")
    page = _expect(ask("GET", f"{known['ingest']}/v1/essays", headers=educator), 200, "the educator's list").body
    if len(page["items"]) != sum("phone" in essay.title.lower() for essay in handed_in):
        raise DemoFailed(f"the educator sees {len(page['items'])} essays, not those of his own course")
    table = Table("essay", "version", "status", "comments", box=None, padding=(0, 3, 0, 3), header_style="dim")
    for item in page["items"]:
        feedback = ask("GET", f"{known['ingest']}/v1/submissions/{item['submission_id']}/feedback", headers=educator)
        _expect(feedback, 200, "feedback, read by the educator")
        table.add_row(item["title"], str(item["version"]), item["status"], str(len(feedback.body["comments"])))
    console.print(table)


def _correct(essay: HandedIn, found: dict[str, Any], known: dict[str, Any], say: _Narrator) -> None:
    """Let the educator edit a comment, and check that the student reads the edited words."""
    comment = found["comments"][-1]
    words = "Good that you look at both sides. Which of the two would your headteacher believe, and why?"
    changed = ask(
        "PATCH", f"{known['ingest']}/v1/feedback/{comment['id']}", body={"decision": "edit", "message": words},
        headers=_sign_in(known["ingest"], known, "educator"),
    )  # fmt: skip
    _expect(changed, 200, "Ed's edit of a comment")
    again = ask(
        "GET", f"{known['ingest']}{essay.location}/feedback", headers=_sign_in(known["ingest"], known, "student")
    )
    read = {
        one["id"]: one["message"]
        for one in _expect(again, 200, "the student's feedback after the edit").body["comments"]
    }
    if read[comment["id"]] != words:
        raise DemoFailed("the student does not read what Ed wrote")
    say.line("Ed puts a comment into his own words; Sam reads those, and the original is kept")


def _revise(
    essay: HandedIn, found: dict[str, Any], student: dict[str, str], known: dict[str, Any], say: _Narrator
) -> None:
    """Hand in a second draft with two suggestions applied, and check that the progress says so."""
    fixable = [
        one for one in found["comments"]
        if one["pass"] == "grammar" and one["suggestions"] and not one["also_at"] and one["span"]["match"] != "none"  # noqa: S105 - a reading
    ][:2]  # fmt: skip
    text = essay.text
    for one in sorted(fixable, key=lambda comment: comment["span"]["start"], reverse=True):
        text = text[: one["span"]["start"]] + one["suggestions"][0] + text[one["span"]["end"] :]
        say.line(f"Sam changes “{_escaped(one['span']['quote'])}” to “{_escaped(one['suggestions'][0])}”")
    body = {"essay_id": _essay_id(essay, student, known), "title": essay.title, "text": text}
    answer = _expect(
        ask("POST", f"{known['ingest']}/v1/submissions", body=body, headers=student), 202, "the second draft"
    )
    second = HandedIn(title=essay.title, text=text, event={}, event_id="", location=answer.headers["Location"])
    _watch([second], known, say)
    url = f"{known['ingest']}/v1/essays/{body['essay_id']}/progress"
    progress = _expect(ask("GET", url, headers=student), 200, "the progress").body
    counts = progress["counts"]
    say.line(
        ", ".join(f"[bold]{counts[resolution]}[/] {resolution}" for resolution in counts)
        + f"; {progress['new_comments']} new"
    )
    resolutions = {one["id"]: one["resolution"] for one in progress["comments"]}
    if any(resolutions[one["id"]] != "addressed" for one in fixable):
        raise DemoFailed("a comment whose words were changed is not addressed")


def _essay_id(essay: HandedIn, student: dict[str, str], known: dict[str, Any]) -> str:
    state = _expect(ask("GET", f"{known['ingest']}{essay.location}", headers=student), 200, "the first draft's status")
    return str(state.body["essay_id"])


def _show_metrics(before: dict[str, float], url: str, console: Console) -> None:
    after = _metrics(url)
    table = Table(box=None, padding=(0, 3, 0, 3), header_style="dim")
    table.add_column("metric", overflow="fold")
    table.add_column("before", justify="right")
    table.add_column("now", justify="right")
    moved = [name for name in sorted(after) if name.startswith(SHOWN_METRICS) and after[name] != before.get(name, 0.0)]
    for name in [*moved[:24], "pg_up"]:
        table.add_row(_escaped(name), f"{before.get(name, 0.0):g}", f"{after.get(name, 0.0):g}")
    console.print(table)
    if after.get("pg_up") != 1.0 or not any(name.startswith(SHOWN_METRICS[0]) for name in moved):
        raise DemoFailed("the metrics did not move")


def _metrics(url: str) -> dict[str, float]:
    lines = str(_expect(ask("GET", url), 200, "the metrics page").body).splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    }


def _sign_in(api: str, known: dict[str, Any], role: str) -> dict[str, str]:
    tokens = _expect(
        ask("POST", f"{api}/v1/auth/login", body={"org": known["org"], **known[role]}), 200, f"signing in as {role}"
    )
    return {"Authorization": f"Bearer {tokens.body['access_token']}"}


def _webhook(known: dict[str, Any]) -> str:
    return f"{known['ingest']}/v1/webhooks/{known['source']['id']}"


def _expect(answer: Answer, status: int, what: str) -> Answer:
    if answer.status != status:
        raise DemoFailed(f"{what}: expected {status}, got {answer.status} {str(answer.body)[:300]}")
    return answer


def reader() -> str:
    """Return which provider the environment of this process chooses."""
    chosen = os.environ.get("ESSAYCOACH_PROVIDER") or ("anthropic" if os.environ.get("ANTHROPIC_API_KEY") else "local")
    return "Claude" if chosen == "anthropic" else "the local engine (there is no API key)"


def _count(comments: int) -> str:
    return f"{comments} comment{'' if comments == 1 else 's'}"


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")
