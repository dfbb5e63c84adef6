"""Print the life of one submission: `python -m workers trace SUBMISSION`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any
from uuid import UUID

from models import db, essay_trace, log, settings
from models.db import session
from models.essay_trace import EssayTrace, Step

ANSWER_SECONDS = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `trace` to the parser."""
    parser.add_argument(
        "submission", help="the id of the submission, as the answer to the hand-in and the logs name it"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(chosen: argparse.Namespace) -> int:
    """Print the steps and return the exit code: 1 when there is no such submission. Raises SettingsError, DatabaseAway."""
    try:
        submission = UUID(chosen.submission.strip())
    except ValueError:
        sys.stderr.write("workers: this is no id of a submission: it has 32 hex digits, with or without hyphens\n")
        return 1
    log.set_up("clock", level="WARNING")
    db.connect(settings.read_store("ec-clock", pool_size=1, answer_seconds=ANSWER_SECONDS))
    with session():
        found = essay_trace.fetch_trace(submission)
    if found is None:
        sys.stderr.write("workers: there is no such submission: the id is of something else, or it was erased\n")
        return 1
    sys.stdout.write((_as_json(found) if chosen.json else _as_text(found)) + "\n")
    return 0


def _as_json(found: EssayTrace) -> str:
    return json.dumps(
        {
            "submission_id": str(found.submission),
            "org_id": str(found.org),
            "trace_id": found.trace.hex if found.trace else None,
            "status": found.status,
            "received_at": found.received_at.isoformat(),
            "steps": [
                {"seconds": _seconds(step, found), "event": step.event, "pass": step.pass_name, **step.facts}
                for step in found.steps
            ],
        },
        indent=2,
    )


def _as_text(found: EssayTrace) -> str:
    trace = found.trace.hex if found.trace else "none: it came before traces were kept"
    lines = [
        f"submission  {found.submission}",
        f"trace       {trace}",
        f"received    {found.received_at:%Y-%m-%d %H:%M:%S.%f}Z",
        f"status      {found.status}",
        "",
    ]
    for step in found.steps:
        facts = ", ".join(f"{_words(name)} {_shown(name, value)}" for name, value in step.facts.items())
        place = step.pass_name or "submission"
        lines.append(f"{_seconds(step, found):+12.3f} s  {place:<10}  {step.event:<17}  {facts}".rstrip())
    return "\n".join(lines)


def _seconds(step: Step, found: EssayTrace) -> float:
    return round((step.at - found.received_at).total_seconds(), 3)


def _words(name: str) -> str:
    return {"cost_micros": "cost", "latency_ms": "latency"}.get(name, name.removesuffix("_seconds").replace("_", " "))


def _shown(name: str, value: Any) -> str:
    if name == "cost_micros":
        return f"${value / 1e6:.6f}"
    unit = " ms" if name == "latency_ms" else " s" if name.endswith("_seconds") else ""
    return f"{value}{unit}"
