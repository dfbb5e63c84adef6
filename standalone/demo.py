"""Play a school day in a minute.

An LMS hands in essays, the passes finish, people read the feedback, and operators read the metrics.
"""

from __future__ import annotations

import email
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

from models import secret_settings, settings
from standalone import demo_launch
from standalone.client import Answer, ask, deliver
from standalone.lti_platform import LINK, run_lti_platform
from standalone.machine import Machine
from standalone.page_reader import PageReader
from standalone.webhook_receiver import WebhookReceiver, run_webhook_receiver

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
    """A step of the demo did not work as the README says. The message names the step."""


@dataclass
class HandedIn:
    """An essay that was handed in, and the last status of it and of its passes that the demo has seen."""

    title: str
    text: str
    event: dict[str, Any]
    event_id: str
    location: str
    seen: dict[str, str] = field(default_factory=dict)
    status: str = "queued"


def play(data_dir: Path) -> int:
    """Start everything, play all steps, print them and stop everything. Return 0 if every step worked, otherwise 1."""
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    shutil.rmtree(data_dir, ignore_errors=True)
    started = time.monotonic()
    narrator = _Narrator(console, started)
    try:
        narrator.chapter(
            "Starting everything on this machine",
            "PostgreSQL 18 and Redis come from Python wheels; every line of the Procfile runs.",
        )
        with Machine(data_dir, port=0, metrics_port=0, tell=narrator.line) as machine:
            machine.start()
            details = machine.description()
            narrator.line(
                f"ready: API {details['ingest']}, metrics {details['metrics']}, {len(details['pids'])} processes"
            )
            _play_steps(details, console, narrator)
    except DemoFailed as failure:
        console.print(f"\n[bold red]The demo did not work:[/] {failure}\nThe programs' logs are in {data_dir / 'log'}.")
        return 1
    console.print(
        f"\n[bold green]All of it worked, in {time.monotonic() - started:.0f} seconds.[/] Everything has been stopped."
    )
    console.print(
        "Next: [bold]make up[/] keeps it running, and prints the address of the pages and who may sign in there."
    )
    return 0


def _play_steps(details: dict[str, Any], console: Console, narrator: _Narrator) -> None:
    """Play all steps against a running machine. `details` is its `description()`. Raises DemoFailed."""
    api, before = details["ingest"], _metrics(details["metrics"])
    essays = [_read_essay(path) for path in sorted(ESSAYS.glob("*.txt"))]

    narrator.chapter(
        "An LMS hands in", "Each essay is a signed webhook. 202 means: stored, and it will reach a final state."
    )
    with run_webhook_receiver() as receiver:
        secret = _add_endpoint(receiver, details)
        handed_in = [_hand_in(essay, details, narrator) for essay in essays]
        _check_repeated_and_forged_delivery(handed_in[0], details, narrator)
        _find_by_lms_ids(handed_in[-1], details, narrator)

        narrator.chapter(
            "Three passes read each essay",
            f"Grammar, structure and content run in parallel, by {reader()}. Each shows as soon as it lands.",
        )
        _wait_for_feedback(handed_in, details, narrator)
        _hear_of_feedback(receiver, secret, handed_in, narrator)

    narrator.chapter(
        "The student reads",
        "Signed in as Sam. The quoted words are cut from the stored text: text[start:end] == quote.",
    )
    student = _sign_in(api, details, "student")
    first = _require_status(
        ask("GET", f"{api}{handed_in[0].location}/feedback", headers=student), 200, "the student's feedback"
    )
    _show_annotated(handed_in[0], first.body, console)
    other = ask("GET", f"{api}{handed_in[1].location}/feedback", headers=student)
    _require_status(other, 404, "another student's feedback, asked for by Sam")
    narrator.line("Sam asks for Mia's feedback: 404, as if it were not there")

    narrator.chapter(
        "The educator looks over the class", "Signed in as Ed, who sees the essays of his own course and no others."
    )
    _show_class(details, console, handed_in)
    _edit_comment(handed_in[0], first.body, details, narrator)

    narrator.chapter(
        "The student hands in a second draft",
        "Sam takes up two suggestions; every comment on the first draft is answered for.",
    )
    _hand_in_second_draft(handed_in[0], first.body, student, details, narrator)

    narrator.chapter("People look at pages", "The same in a browser: signed in by the form, without JavaScript.")
    _open_pages(_essay_id(handed_in[0], student, details), details, narrator)

    narrator.chapter("An LMS opens our pages", "LTI 1.3, from a small LMS of the demo's own. Nobody needs a password.")
    _launch_from_lms(details, narrator)

    narrator.chapter("Ops look at the numbers", "What moved on the metrics page since the start.")
    _show_metrics(before, details["metrics"], console)


class _Narrator:
    """Prints numbered chapters, and lines with the seconds since the start."""

    def __init__(self, console: Console, started: float) -> None:
        self._console = console
        self._started = started
        self._chapter = 0

    def chapter(self, title: str, meaning: str) -> None:
        """Print the heading of the next chapter and one line that explains it."""
        self._chapter += 1
        self._console.print(f"\n[bold]{self._chapter}. {title}[/]\n[dim]   {_escaped(meaning)}[/]")

    def line(self, text: str) -> None:
        """Print a line with the seconds since the start."""
        self._console.print(f"   [dim]{time.monotonic() - self._started:6.2f} s[/]  {text}")


def _read_essay(path: Path) -> Message[str, str]:
    """Return a file of `essays/`: its headers, and the text of the essay as the payload."""
    return email.message_from_string(path.read_text(encoding="utf-8"))


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


def _hand_in(essay: Message[str, str], details: dict[str, Any], narrator: _Narrator) -> HandedIn:
    """Hand in the essay by a signed webhook, as an LMS does."""
    event = _submission_event(essay, details)
    answer, event_id = deliver(_webhook(details), secret=details["source"]["secret"], event=event)
    _require_status(answer, 202, f"handing in {essay['Title']!r}")
    narrator.line(f"202  {essay['Title']} ({essay['Name']}, {len(event['data']['text'].split())} words)")
    return HandedIn(
        title=essay["Title"],
        text=event["data"]["text"],
        event=event,
        event_id=event_id,
        location=answer.headers["Location"],
    )


def _add_endpoint(receiver: WebhookReceiver, details: dict[str, Any]) -> str:
    """Let the admin name the address of a system that wants to hear of feedback; return its secret. Raises DemoFailed."""
    admin = _sign_in(details["ingest"], details, "admin")
    body = {"name": "The demo's own system", "url": receiver.url, "events": ["feedback.ready"]}
    made = ask("POST", f"{details['ingest']}/v1/endpoints", body=body, headers=admin)
    return str(_require_status(made, 201, "an endpoint").body["secret"])


def _hear_of_feedback(receiver: WebhookReceiver, secret: str, handed_in: list[HandedIn], narrator: _Narrator) -> None:
    """Wait until the system has heard of each essay, and check the signatures. Raises DemoFailed."""
    waiting = {essay.location.rpartition("/")[2] for essay in handed_in}
    while waiting:
        try:
            event = receiver.take(secret=secret, within_seconds=PATIENCE_SECONDS)
        except ValueError as error:
            raise DemoFailed(f"webhooks to a system of the school: {error}") from None
        waiting.discard(event["data"]["submission_id"])
    narrator.line(
        f"a system of the school heard of all {len(handed_in)} by webhook (feedback.ready); signatures checked"
    )


def _check_repeated_and_forged_delivery(first: HandedIn, details: dict[str, Any], narrator: _Narrator) -> None:
    """Check that a repeated delivery leads to the same submission, and that one with a false signature is refused."""
    repeated, _ = deliver(
        _webhook(details), secret=details["source"]["secret"], event=first.event, event_id=first.event_id
    )
    if _require_status(repeated, 202, "the same delivery again").headers["Location"] != first.location:
        raise DemoFailed("the same delivery led to another submission")
    narrator.line("the LMS repeats a delivery: 202 with the same Location, nothing is stored twice")
    forged, _ = deliver(_webhook(details), secret="whsec_" + "A" * 43 + "=", event=first.event)
    _require_status(forged, 401, "a forged delivery")
    narrator.line(f"somebody forges one: 401 {forged.body['type']}")


def _find_by_lms_ids(essay: HandedIn, details: dict[str, Any], narrator: _Narrator) -> None:
    """Check that the LMS finds the essay that it handed in with its own ids of student, course and assignment."""
    student, assignment = essay.event["data"]["student"]["external_id"], essay.event["data"]["assignment"]
    found = ask(
        "GET", f"{details['ingest']}/v1/essays?student_external_id={student}",
        headers={"Authorization": f"Bearer {details['api_key']}"},
    )  # fmt: skip
    items = _require_status(found, 200, "the LMS's search for its essay").body["items"]
    if [item["assignment_external_id"] for item in items] != [assignment["external_id"]]:
        raise DemoFailed(f"the LMS does not find the essay of {student} for its assignment {assignment['external_id']}")
    named = f"course {assignment['course']['external_id']}, assignment {assignment['external_id']}"
    narrator.line(f"the last one names the LMS's own ids: {named} were added")
    narrator.line(f"GET /v1/essays?student_external_id={student} finds it again")


def _wait_for_feedback(handed_in: list[HandedIn], details: dict[str, Any], narrator: _Narrator) -> None:
    """Wait until every essay has its final state, and print each pass as it ends. Raises DemoFailed unless all completed."""
    headers = {"Authorization": f"Bearer {details['api_key']}"}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(essay.status not in FINAL for essay in handed_in):
        for essay in handed_in:
            if essay.status in FINAL:
                continue
            state = _require_status(
                ask("GET", details["ingest"] + essay.location, headers=headers), 200, "a status"
            ).body
            for name, pass_state in state["passes"].items():
                if essay.seen.get(name) != pass_state["status"] and pass_state["status"] in ("done", "gave_up"):
                    result = (
                        _count_comments(pass_state["comments"])
                        if pass_state["status"] == "done"
                        else pass_state["reason"]
                    )
                    narrator.line(f"[{COLOURS[name]}]{name:9}[/] {pass_state['status']}  {essay.title}: {result}")
                essay.seen[name] = pass_state["status"]
            essay.status = state["status"]
            if essay.status in FINAL:
                narrator.line(f"[bold]{essay.status}[/]  {essay.title}")
        if time.monotonic() > deadline:
            raise DemoFailed(f"after {PATIENCE_SECONDS:.0f} s not every essay was finished")
        time.sleep(0.1)
    unfinished = [essay.title for essay in handed_in if essay.status != "completed"]
    if unfinished:
        raise DemoFailed(f"not completed: {', '.join(unfinished)}")


def _show_annotated(essay: HandedIn, feedback: dict[str, Any], console: Console) -> None:
    """Print the essay with its comments numbered and underlined. Raises DemoFailed when a quote is not at its offsets."""
    text = Text(essay.text)
    numbered: list[tuple[int, dict[str, Any]]] = list(enumerate(feedback["comments"], start=1))
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
    position = 0
    for end, mark in sorted(marks):
        annotated.append_text(text[position:end])
        annotated.append(mark, style="dim")
        position = end
    annotated.append_text(text[position:])
    console.print(
        Panel(
            annotated, title=essay.title, subtitle="words with a comment, and its number", width=min(console.width, 110)
        )
    )
    for name, colour in COLOURS.items():
        console.print(f"   [bold {colour}]{name}[/]")
        for number, comment in numbered:
            if comment["pass"] == name:
                repeats = f" [dim](and {len(comment['also_at'])} more)[/]" if comment["also_at"] else ""
                quote = _escaped(re.sub(r"\s+", " ", comment["span"]["quote"]))
                quoted = f"“{quote[:60]}{'…' if len(quote) > 60 else ''}” " if quote else ""
                console.print(f"   \\[{number}] {quoted}{_escaped(comment['message'])}{repeats}")
                confidence = f"confidence {comment['confidence']:.2f}, {comment['confidence_basis']}"
                console.print(f"       [green]→ {_escaped(comment['next_step'])}[/] [dim]{confidence}[/]")
    console.print(
        "   [dim]grammar: the share of such comments that careful correctors kept; agreement: both engines said so[/]"
    )
    for title, lines in (("strengths", "strengths"), ("start here", "next_steps"), ("not checked", "not_checked")):
        if feedback["summary"][lines]:
            console.print(f"   [bold]{title}[/]: " + _escaped("; ".join(feedback["summary"][lines][:3])))


def _show_class(details: dict[str, Any], console: Console, handed_in: list[HandedIn]) -> None:
    """Print the essays that the educator sees. Raises DemoFailed when they are not the essays of his own course."""
    educator = _sign_in(details["ingest"], details, "educator")
    page = _require_status(
        ask("GET", f"{details['ingest']}/v1/essays", headers=educator), 200, "the educator's list"
    ).body
    if len(page["items"]) != sum("phone" in essay.title.lower() for essay in handed_in):
        raise DemoFailed(f"the educator sees {len(page['items'])} essays, not those of his own course")
    table = Table("essay", "version", "status", "comments", box=None, padding=(0, 3, 0, 3), header_style="dim")
    for item in page["items"]:
        feedback = ask("GET", f"{details['ingest']}/v1/submissions/{item['submission_id']}/feedback", headers=educator)
        _require_status(feedback, 200, "feedback, read by the educator")
        table.add_row(item["title"], str(item["version"]), item["status"], str(len(feedback.body["comments"])))
    console.print(table)


def _edit_comment(essay: HandedIn, feedback: dict[str, Any], details: dict[str, Any], narrator: _Narrator) -> None:
    """Let the educator edit a comment, and check that the student reads the edited message."""
    comment = feedback["comments"][-1]
    _show_quote_in_text(essay, comment, details, narrator)
    message = "Good that you look at both sides. Which of the two would your headteacher believe, and why?"
    changed = ask(
        "PATCH", f"{details['ingest']}/v1/feedback/{comment['id']}", body={"decision": "edit", "message": message},
        headers=_sign_in(details["ingest"], details, "educator"),
    )  # fmt: skip
    _require_status(changed, 200, "Ed's edit of a comment")
    reread = ask(
        "GET", f"{details['ingest']}{essay.location}/feedback", headers=_sign_in(details["ingest"], details, "student")
    )
    message_by_id = {
        item["id"]: item["message"]
        for item in _require_status(reread, 200, "the student's feedback after the edit").body["comments"]
    }
    if message_by_id[comment["id"]] != message:
        raise DemoFailed("the student does not read what Ed wrote")
    narrator.line("Ed puts a comment into his own words; Sam reads those, and the original is kept")


def _show_quote_in_text(essay: HandedIn, comment: dict[str, Any], details: dict[str, Any], narrator: _Narrator) -> None:
    """Let the educator read the text, and check that the comment's words are where its span says."""
    url = f"{details['ingest']}{essay.location}/text"
    answer = ask("GET", url, headers=_sign_in(details["ingest"], details, "educator"))
    text = _require_status(answer, 200, "the text, read by the educator").body["text"]
    span = comment["span"]
    if span["match"] != "none" and text[span["start"] : span["end"]] != span["quote"]:
        raise DemoFailed(f"the text has no {span['quote']!r} at {span['start']}..{span['end']}")
    around = re.sub(r"\s+", " ", text[max(0, span["start"] - 30) : span["end"] + 30])
    narrator.line(f"Ed reads the text around the comment: “…{_escaped(around)}…”")


def _hand_in_second_draft(
    essay: HandedIn, feedback: dict[str, Any], student: dict[str, str], details: dict[str, Any], narrator: _Narrator
) -> None:
    """Hand in a second draft with two suggestions applied, and check that the progress shows both as addressed."""
    fixable = [
        comment for comment in feedback["comments"]
        if comment["pass"] == "grammar" and comment["suggestions"] and not comment["also_at"] and comment["span"]["match"] != "none"  # noqa: S105 - the name of a pass
    ][:2]  # fmt: skip
    text = essay.text
    for comment in sorted(fixable, key=lambda item: item["span"]["start"], reverse=True):
        text = text[: comment["span"]["start"]] + comment["suggestions"][0] + text[comment["span"]["end"] :]
        narrator.line(f"Sam changes “{_escaped(comment['span']['quote'])}” to “{_escaped(comment['suggestions'][0])}”")
    body = {"essay_id": _essay_id(essay, student, details), "title": essay.title, "text": text}
    answer = _require_status(
        ask("POST", f"{details['ingest']}/v1/submissions", body=body, headers=student), 202, "the second draft"
    )
    second = HandedIn(title=essay.title, text=text, event={}, event_id="", location=answer.headers["Location"])
    _wait_for_feedback([second], details, narrator)
    url = f"{details['ingest']}/v1/essays/{body['essay_id']}/progress"
    progress = _require_status(ask("GET", url, headers=student), 200, "the progress").body
    counts = progress["counts"]
    narrator.line(
        ", ".join(f"[bold]{counts[resolution]}[/] {resolution}" for resolution in counts)
        + f"; {progress['new_comments']} new"
    )
    resolutions = {comment["id"]: comment["resolution"] for comment in progress["comments"]}
    if any(resolutions[comment["id"]] != "addressed" for comment in fixable):
        raise DemoFailed("a comment whose words were changed is not addressed")


def _essay_id(essay: HandedIn, student: dict[str, str], details: dict[str, Any]) -> str:
    """Return the id of the essay that the submission is a version of."""
    state = _require_status(
        ask("GET", f"{details['ingest']}{essay.location}", headers=student), 200, "the first draft's status"
    )
    return str(state.body["essay_id"])


def _open_pages(essay: str, details: dict[str, Any], narrator: _Narrator) -> None:
    """Open the student's essay and the educator's desk in a browser. Raises DemoFailed."""
    people = {
        role: PageReader(details["ingest"], org=details["org"], **details[role]) for role in ("student", "educator")
    }
    page = people["student"].open(f"/essays/{essay}")
    comments = page.html.count('<details class="comment ')
    if page.status != 200 or not comments:
        raise DemoFailed("the student's page shows no comments")
    narrator.line(f"Sam's essay, {comments} comments beside the words: {page.url}")
    desk = people["educator"].page
    if desk.status != 200:
        raise DemoFailed("the educator has no desk")
    narrator.line(f"Ed's desk: {desk.url}")


def _launch_from_lms(details: dict[str, Any], narrator: _Narrator) -> None:
    """Let an LMS register, approve it, and open its link as a student and as a teacher. Raises DemoFailed."""
    with run_lti_platform() as lms:
        answers = demo_launch.register(lms, details["ingest"], _sign_in(details["ingest"], details, "admin"))
        for answer, status, what in zip(
            answers, (201, 200, 200), ("a platform", "its registration", "its approval"), strict=False
        ):
            _require_status(answer, status, what)
        narrator.line(f"{lms.url} registers with the address that the admin made, and the admin approves it")
        for subject, member in list(lms.members.items())[::2]:
            try:
                heading = demo_launch.launch(lms, subject)
            except (OSError, ValueError) as error:
                raise DemoFailed(f"the launch of {member.name}: {error}") from None
            narrator.line(
                f"{member.name} ({member.role}) opens “{LINK['title']}” there and arrives at: {_escaped(heading)}"
            )


def _show_metrics(before: dict[str, float], url: str, console: Console) -> None:
    """Print the metrics that changed since `before`. Raises DemoFailed when no pass was counted or PostgreSQL is not up."""
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
    """Return the value of every series on the metrics page, by name and labels."""
    lines = str(_require_status(ask("GET", url), 200, "the metrics page").body).splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    }


def _sign_in(api: str, details: dict[str, Any], role: str) -> dict[str, str]:
    """Sign in as the demo person of this role and return the headers for their requests."""
    tokens = _require_status(
        ask("POST", f"{api}/v1/auth/login", body={"org": details["org"], **details[role]}), 200, f"signing in as {role}"
    )
    return {"Authorization": f"Bearer {tokens.body['access_token']}"}


def _webhook(details: dict[str, Any]) -> str:
    """Return the URL that the demo LMS sends webhooks to."""
    return f"{details['ingest']}/v1/webhooks/{details['source']['id']}"


def _require_status(answer: Answer, status: int, what: str) -> Answer:
    """Return the response. Raises DemoFailed, which names `what` was asked for, when its status is another one."""
    if answer.status != status:
        raise DemoFailed(f"{what}: expected {status}, got {answer.status} {str(answer.body)[:300]}")
    return answer


def reader() -> str:
    """Return the name, for people, of the provider that the environment of this process chooses."""
    chosen = settings.optional("ESSAYCOACH_PROVIDER")
    if chosen is None:
        chosen = "anthropic" if secret_settings.is_given("ANTHROPIC_API_KEY") else "local"
    return "Claude" if chosen == "anthropic" else "the local engine (there is no API key)"


def _count_comments(comments: int) -> str:
    """Return the number of comments as text."""
    return f"{comments} comment{'' if comments == 1 else 's'}"


def _escaped(text: str) -> str:
    """Return the text with its brackets escaped, because rich reads brackets as markup."""
    return text.replace("[", "\\[")
