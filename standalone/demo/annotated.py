"""Print an essay with its comments, as a student reads them."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from standalone.demo.handing_in import HandedIn
from standalone.demo.run import COLOURS, DemoFailed, escaped


def show_annotated(essay: HandedIn, feedback: dict[str, Any], console: Console) -> None:
    """Print the essay with its comments numbered and underlined. Raises DemoFailed when a quote is not at its offsets."""
    numbered = list(enumerate(feedback["comments"], start=1))
    console.print(
        Panel(
            _underlined(essay, numbered),
            title=essay.title,
            subtitle="words with a comment, and its number",
            width=min(console.width, 110),
        )
    )
    for name, colour in COLOURS.items():
        console.print(f"   [bold {colour}]{name}[/]")
        for number, comment in numbered:
            if comment["pass"] == name:
                _show_comment(number, comment, console)
    console.print(
        "   [dim]grammar: the share of such comments that careful correctors kept; agreement: both engines said so[/]"
    )
    for title, lines in (("strengths", "strengths"), ("start here", "next_steps"), ("not checked", "not_checked")):
        if feedback["summary"][lines]:
            console.print(f"   [bold]{title}[/]: " + escaped("; ".join(feedback["summary"][lines][:3])))


def _underlined(essay: HandedIn, numbered: list[tuple[int, dict[str, Any]]]) -> Text:
    """Return the text with the words of each comment underlined and its number behind them."""
    text = Text(essay.text)
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
    return annotated


def _show_comment(number: int, comment: dict[str, Any], console: Console) -> None:
    repeats = f" [dim](and {len(comment['also_at'])} more)[/]" if comment["also_at"] else ""
    quote = escaped(re.sub(r"\s+", " ", comment["span"]["quote"]))
    quoted = f"“{quote[:60]}{'…' if len(quote) > 60 else ''}” " if quote else ""
    console.print(f"   \\[{number}] {quoted}{escaped(comment['message'])}{repeats}")
    confidence = f"confidence {comment['confidence']:.2f}, {comment['confidence_basis']}"
    console.print(f"       [green]→ {escaped(comment['next_step'])}[/] [dim]{confidence}[/]")
