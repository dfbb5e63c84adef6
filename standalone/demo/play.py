"""Play a school day in a minute.

An LMS hands in essays, the passes finish, people read the feedback, and operators read the metrics.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from rich.console import Console

from models import secret_settings, settings
from standalone.demo.handing_in import (
    HandedIn,
    check_repeated_and_forged_delivery,
    find_by_lms_ids,
    hand_in,
    read_essays,
    wait_for_feedback,
)
from standalone.demo.metrics import read_metrics, show_metrics
from standalone.demo.other_systems import add_endpoint, hear_of_feedback, launch_from_lms
from standalone.demo.people import (
    edit_comment,
    fetch_essay_id,
    hand_in_second_draft,
    open_pages,
    read_feedback,
    show_class,
)
from standalone.demo.run import DemoFailed, DemoRun, Narrator
from standalone.machine import Machine
from standalone.webhook_receiver import run_webhook_receiver


def play(data_dir: Path) -> int:
    """Start everything, play all steps, print them and stop everything. Return 0 if every step worked, otherwise 1."""
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    shutil.rmtree(data_dir, ignore_errors=True)
    narrator = Narrator(console)
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
            _play_steps(DemoRun(details=details, narrator=narrator))
    except DemoFailed as failure:
        console.print(f"\n[bold red]The demo did not work:[/] {failure}\nThe programs' logs are in {data_dir / 'log'}.")
        return 1
    console.print(f"\n[bold green]All of it worked, in {narrator.seconds:.0f} seconds.[/] Everything has been stopped.")
    console.print(
        "Next: [bold]make up[/] keeps it running, and prints the address of the pages and who may sign in there."
    )
    return 0


def _play_steps(run: DemoRun) -> None:
    """Play all steps against a running machine. Raises DemoFailed."""
    chapter, metrics = run.narrator.chapter, run.details["metrics"]
    before = read_metrics(metrics)
    handed_in = _hand_in_and_wait(run)
    first = handed_in[0]

    chapter(
        "The student reads",
        "Signed in as Sam. The quoted words are cut from the stored text: text[start:end] == quote.",
    )
    student = run.sign_in("student")
    feedback = read_feedback(handed_in, student, run)

    chapter(
        "The educator looks over the class", "Signed in as Ed, who sees the essays of his own course and no others."
    )
    show_class(handed_in, run)
    edit_comment(first, feedback, run)

    chapter(
        "The student hands in a second draft",
        "Sam takes up two suggestions; every comment on the first draft is answered for.",
    )
    hand_in_second_draft(first, feedback, student, run)

    chapter("People look at pages", "The same in a browser: signed in by the form, without JavaScript.")
    open_pages(fetch_essay_id(first, student, run), run)

    chapter("An LMS opens our pages", "LTI 1.3, from a small LMS of the demo's own. Nobody needs a password.")
    launch_from_lms(run)

    chapter("Ops look at the numbers", "What moved on the metrics page since the start.")
    show_metrics(before, metrics, run.narrator.console)


def _hand_in_and_wait(run: DemoRun) -> list[HandedIn]:
    """Hand in all essays and wait until each has its feedback, and until another system has heard of it. Return them."""
    run.narrator.chapter(
        "An LMS hands in", "Each essay is a signed webhook. 202 means: stored, and it will reach a final state."
    )
    with run_webhook_receiver() as receiver:
        secret = add_endpoint(receiver, run)
        handed_in = [hand_in(essay, run) for essay in read_essays()]
        check_repeated_and_forged_delivery(handed_in[0], run)
        find_by_lms_ids(handed_in[-1], run)

        run.narrator.chapter(
            "Three passes read each essay",
            f"Grammar, structure and content run in parallel, by {reader()}. Each shows as soon as it lands.",
        )
        wait_for_feedback(handed_in, run)
        hear_of_feedback(receiver, secret, handed_in, run)
    return handed_in


def reader() -> str:
    """Return the name, for people, of the provider that the environment of this process chooses."""
    chosen = settings.optional("ESSAYCOACH_PROVIDER")
    if chosen is None:
        chosen = "anthropic" if secret_settings.is_given("ANTHROPIC_API_KEY") else "local"
    return "Claude" if chosen == "anthropic" else "the local engine (there is no API key)"
