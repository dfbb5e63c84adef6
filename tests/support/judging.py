"""A small sheet to judge: essays of our own, saved feedback on them, and answers of a judge."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.feedback import main

TEXT = "My freind like dogs.\r\n\r\n=1+1 is what <b>she</b> says — “Ünï 😀 code”.\n\nIn conclusion </script><img src=x onerror=alert(1)> he go home."
ESSAYS = [
    {"id": "=HYPERLINK(1)", "text": TEXT, "title": "Dogs & <cats>", "assignment": "Write about a pet.", "category": "story"},
    {"id": "007", "text": "They was here. Then they was gone."},
    {"id": "quiet", "text": "All is well."},
]  # fmt: skip


def comment(text: str, quote: str, **more: object) -> dict[str, object]:
    """Return a comment as the API sends it, about the first place of a quote."""
    start = text.index(quote)
    return {
        "pass": "grammar", "type": "spelling", "kind": "issue", "severity": "minor", "priority": 1,
        "span": {"start": start, "end": start + len(quote), "unit": "code_points", "quote": quote, "match": "exact"},
        "also_at": [], "message": f"About {quote}.", "next_step": "Look again.", "suggestions": [], "confidence": 0.97,
        "confidence_basis": "agreement", "origin": "rule", **more,
    }  # fmt: skip


def feedback() -> list[dict[str, object]]:
    """Return saved feedback on the essays: five comments on the first, one with two places on the second, none on the third."""
    was = str(ESSAYS[1]["text"])
    second = was.rindex("was")
    return [
        {
            "submission_id": "=HYPERLINK(1)",
            "summary": {"strengths": [], "next_steps": ["Proofread.", "Say why <b>you</b> like dogs."]},
            "comments": [
                comment(TEXT, "freind", suggestions=["friend"]),
                comment(TEXT, "freind like", type="agreement", suggestions=["friend likes"], confidence=0.9),
                comment(TEXT, "=1+1", message="=cmd|'/c calc'!A1", confidence=0.5, confidence_basis="measured"),
                comment(TEXT, "</script>", type="evidence", kind="question", confidence=0.8, **{"pass": "content"}),
                comment(TEXT, "go home", type="agreement", suggestions=["goes home"], confidence=0.95),
            ],
        },
        {
            "submission_id": "007",
            "summary": {"next_steps": []},
            "comments": [
                comment(
                    was, "was", type="agreement", suggestions=["were"], also_at=[{"start": second, "end": second + 3}]
                )
            ],
        },
        {"submission_id": "quiet", "summary": {"next_steps": []}, "comments": []},
    ]


def write_lines(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write JSON lines and return the path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_sheet(folder: Path, *, name: str = "sheet") -> Path:
    """Write the sheet of the essays with their saved feedback, and return the path without a suffix."""
    essays, saved = write_lines(folder / "essays.jsonl", ESSAYS), write_lines(folder / "feedback.jsonl", feedback())
    assert main(["--judge", str(essays), "--saved", str(saved), "--out", str(folder / name)]) == 0
    return folder / name


def read_csv(path: Path) -> list[list[str]]:
    """Return the rows of a CSV file that we wrote."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))
