"""What the student and the educator do with the feedback: read it, put it into other words, hand in a second draft."""

from __future__ import annotations

import re
from typing import Any

from rich.table import Table

from standalone.client import ask
from standalone.demo.annotated import show_annotated
from standalone.demo.handing_in import HandedIn, hand_in_draft, wait_for_feedback
from standalone.demo.run import DemoFailed, DemoRun, escaped, require_status
from standalone.page_reader import PageReader


def read_feedback(handed_in: list[HandedIn], student: dict[str, str], run: DemoRun) -> dict[str, Any]:
    """Let the student read the feedback on the first essay, but nobody else's. Return it. Raises DemoFailed."""
    own, other = handed_in[:2]
    feedback: dict[str, Any] = run.get(f"{own.location}/feedback", headers=student, what="the student's feedback")
    show_annotated(own, feedback, run.narrator.console)
    refused = ask("GET", f"{run.api}{other.location}/feedback", headers=student)
    require_status(refused, 404, "another student's feedback, asked for by Sam")
    run.narrator.line("Sam asks for Mia's feedback: 404, as if it were not there")
    return feedback


def show_class(handed_in: list[HandedIn], run: DemoRun) -> None:
    """Print the essays that the educator sees. Raises DemoFailed when they are not the essays of his own course."""
    educator = run.sign_in("educator")
    items = run.get("/v1/essays", headers=educator, what="the educator's list")["items"]
    if len(items) != sum("phone" in essay.title.lower() for essay in handed_in):
        raise DemoFailed(f"the educator sees {len(items)} essays, not those of his own course")
    table = Table("essay", "version", "status", "comments", box=None, padding=(0, 3, 0, 3), header_style="dim")
    for item in items:
        path = f"/v1/submissions/{item['submission_id']}/feedback"
        feedback = run.get(path, headers=educator, what="feedback, read by the educator")
        table.add_row(item["title"], str(item["version"]), item["status"], str(len(feedback["comments"])))
    run.narrator.console.print(table)


def edit_comment(essay: HandedIn, feedback: dict[str, Any], run: DemoRun) -> None:
    """Let the educator edit a comment, and check that the student reads the edited message."""
    comment, educator = feedback["comments"][-1], run.sign_in("educator")
    _show_quote_in_text(essay, comment, educator, run)
    message = "Good that you look at both sides. Which of the two would your headteacher believe, and why?"
    body = {"decision": "edit", "message": message}
    changed = ask("PATCH", f"{run.api}/v1/feedback/{comment['id']}", body=body, headers=educator)
    require_status(changed, 200, "Ed's edit of a comment")
    reread = run.get(
        f"{essay.location}/feedback", headers=run.sign_in("student"), what="the student's feedback after the edit"
    )
    message_by_id = {item["id"]: item["message"] for item in reread["comments"]}
    if message_by_id[comment["id"]] != message:
        raise DemoFailed("the student does not read what Ed wrote")
    run.narrator.line("Ed puts a comment into his own words; Sam reads those, and the original is kept")


def _show_quote_in_text(essay: HandedIn, comment: dict[str, Any], educator: dict[str, str], run: DemoRun) -> None:
    """Let the educator read the text, and check that the comment's words are where its span says."""
    text = run.get(f"{essay.location}/text", headers=educator, what="the text, read by the educator")["text"]
    span = comment["span"]
    if span["match"] != "none" and text[span["start"] : span["end"]] != span["quote"]:
        raise DemoFailed(f"the text has no {span['quote']!r} at {span['start']}..{span['end']}")
    around = re.sub(r"\s+", " ", text[max(0, span["start"] - 30) : span["end"] + 30])
    run.narrator.line(f"Ed reads the text around the comment: “…{escaped(around)}…”")


def hand_in_second_draft(essay: HandedIn, feedback: dict[str, Any], student: dict[str, str], run: DemoRun) -> None:
    """Hand in a second draft with two suggestions applied, and check that the progress shows both as addressed."""
    fixable = [
        comment for comment in feedback["comments"]
        if comment["pass"] == "grammar" and comment["suggestions"] and not comment["also_at"] and comment["span"]["match"] != "none"  # noqa: S105 - the name of a pass
    ][:2]  # fmt: skip
    text = essay.text
    for comment in sorted(fixable, key=lambda item: item["span"]["start"], reverse=True):
        span, suggestion = comment["span"], comment["suggestions"][0]
        text = text[: span["start"]] + suggestion + text[span["end"] :]
        run.narrator.line(f"Sam changes “{escaped(span['quote'])}” to “{escaped(suggestion)}”")
    essay_id = fetch_essay_id(essay, student, run)
    wait_for_feedback([hand_in_draft(essay_id, essay.title, text, student, run)], run)
    progress = run.get(f"/v1/essays/{essay_id}/progress", headers=student, what="the progress")
    counts = progress["counts"]
    run.narrator.line(
        ", ".join(f"[bold]{counts[resolution]}[/] {resolution}" for resolution in counts)
        + f"; {progress['new_comments']} new"
    )
    resolutions = {comment["id"]: comment["resolution"] for comment in progress["comments"]}
    if any(resolutions[comment["id"]] != "addressed" for comment in fixable):
        raise DemoFailed("a comment whose words were changed is not addressed")


def fetch_essay_id(essay: HandedIn, student: dict[str, str], run: DemoRun) -> str:
    """Return the id of the essay that the submission is a version of."""
    return str(run.get(essay.location, headers=student, what="the first draft's status")["essay_id"])


def open_pages(essay: str, run: DemoRun) -> None:
    """Open the student's essay and the educator's desk in a browser. Raises DemoFailed."""
    student, educator = (
        PageReader(run.api, org=run.details["org"], **run.details[role]) for role in ("student", "educator")
    )
    page = student.open(f"/essays/{essay}")
    comments = page.html.count('<details class="comment ')
    if page.status != 200 or not comments:
        raise DemoFailed("the student's page shows no comments")
    run.narrator.line(f"Sam's essay, {comments} comments beside the words: {page.url}")
    if educator.page.status != 200:
        raise DemoFailed("the educator has no desk")
    run.narrator.line(f"Ed's desk: {educator.page.url}")
