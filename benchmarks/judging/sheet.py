"""The rows of a sheet: one for each comment, one for the next steps of each essay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.judging.essays import JudgedEssay
from benchmarks.judging.readings import EssayReading, JudgedComment

COLUMNS = (
    "item", "essay", "what", "quote", "in_context", "message", "next_step", "first_suggestion", "verdict",
    "first_suggestion_right", "note", "pass", "type", "kind", "confidence", "confidence_basis",
)  # fmt: skip
COMMENT, NEXT_STEPS, NOTHING = "comment", "next steps", "nothing said"
_CONTEXT = 60
_LONGEST_QUOTE = 400
_LINE_ENDS = str.maketrans(dict.fromkeys("\r\n\t\v\f\x85\u2028\u2029", " "))


def sheet_rows(readings: Sequence[EssayReading]) -> Iterator[dict[str, str]]:
    """Yield the rows of a sheet that nobody has filled in. An essay about which nothing was said has a row too.

    `item` names a row: E2-C3 is the third comment on the second essay. A spreadsheet program leaves it as it is.
    """
    for number, reading in enumerate(readings, 1):
        for place, comment in enumerate(reading.comments, 1):
            yield _comment_row(f"E{number}-C{place}", reading.essay, comment)
        if reading.next_steps:
            steps = " ".join(f"{place}) {step}" for place, step in enumerate(reading.next_steps, 1))
            yield _essay_row(f"E{number}-N", reading.essay, NEXT_STEPS, steps)
        elif not reading.comments:
            yield _essay_row(
                f"E{number}-0", reading.essay, NOTHING, "Nothing was said about this essay: no answer needed."
            )


def _comment_row(item: str, essay: JudgedEssay, comment: JudgedComment) -> dict[str, str]:
    return {
        "item": item,
        "essay": essay.id,
        "what": COMMENT,
        "quote": shortened(comment.quote),
        "in_context": "{}[{}]{}".format(*in_context(essay.text, comment.places[0])) if comment.places else "",
        "message": one_line(comment.message),
        "next_step": one_line(comment.next_step),
        # Brackets show a suggestion that is white space or ends in it.
        "first_suggestion": f"[{one_line(comment.suggestions[0])}]" if comment.suggestions else "",
        "first_suggestion_right": "" if comment.suggestions else "none",
        "pass": comment.pass_name,
        "type": comment.type,
        "kind": comment.kind,
        # Always three decimals, so that a program that takes the point for a thousands separator can be undone.
        "confidence": "" if comment.confidence is None else f"{comment.confidence:.3f}",
        "confidence_basis": comment.basis,
    }


def _essay_row(item: str, essay: JudgedEssay, what: str, message: str) -> dict[str, str]:
    return {
        "item": item, "essay": essay.id, "what": what, "message": one_line(message), "first_suggestion_right": "none"
    }  # fmt: skip


def in_context(text: str, place: tuple[int, int]) -> tuple[str, str, str]:
    """Return some words before a place, the words there, and some after, each on one line."""
    start, end = place
    before, after = text[max(start - _CONTEXT, 0) : start], text[end : end + _CONTEXT]
    # Cut at a space, so that no half word is shown.
    if start > _CONTEXT:
        before = f"…{before[before.find(' ') + 1 :]}"
    if end + _CONTEXT < len(text):
        after = f"{after[: after.rfind(' ')] if ' ' in after else after}…"
    return one_line(before), shortened(text[start:end]), one_line(after)


def one_line(text: str) -> str:
    """Return the text on one line, because some programs break a table at a line end inside a cell."""
    return text.translate(_LINE_ENDS)


def shortened(quote: str) -> str:
    """Return a quote on one line, a long one with its middle left out: a spreadsheet cell holds 32,767 characters."""
    return one_line(quote if len(quote) <= _LONGEST_QUOTE else f"{quote[: _LONGEST_QUOTE - 100]} … {quote[-97:]}")
