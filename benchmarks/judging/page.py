"""Write the sheet as one web page that needs nothing else: each essay with the words marked, and a card for each row."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from benchmarks.judging.readings import EssayReading, JudgedComment
from benchmarks.judging.sheet import COLUMNS, COMMENT, NOTHING, in_context, sheet_rows, shortened
from models.spreadsheets import safe_cell

_SHORT = 60
_FOLDER = Path(__file__).parent
_VERDICTS = (("yes", "Would say this"), ("partly", "Partly"), ("no", "Would not"))
_STEP_VERDICTS = (("yes", "Right"), ("partly", "Partly"), ("no", "Wrong"))
_SUGGESTION = (("yes", "Yes"), ("no", "No"), ("none", "None: nothing to correct"))


def make_page(readings: Sequence[EssayReading], name: str) -> str:
    """Return the page. It loads nothing and sends nothing, which its content security policy also says to the browser.

    The confidence is in the data, but not shown, because a judge who sees it believes it.
    """
    rows = list(sheet_rows(readings))
    data = json.dumps(
        {"columns": COLUMNS, "rows": [[safe_cell(row.get(column, "")) for column in COLUMNS] for row in rows]},
        ensure_ascii=False,
    )
    style, script = ((_FOLDER / file).read_text(encoding="utf-8").strip() for file in ("page.css", "page.js"))
    total = sum(row["what"] != NOTHING for row in rows)
    return Template((_FOLDER / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(name),
        sheet=escape(name),
        # Another sheet must not get the answers that a browser keeps for this one.
        key=hashlib.sha256(data.encode()).hexdigest()[:16],
        style=style,
        style_hash=_source_hash(style),
        script=script,
        script_hash=_source_hash(script),
        summary=f"{_count(len(readings), 'essay')}, {_count(total, 'card')}.",
        total=total,
        essays="\n".join(_essay(number, reading) for number, reading in enumerate(readings, 1)),
        # A "<" could end the script element.
        rows=data.replace("<", "\\u003c"),
    )


def _source_hash(source: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _essay(number: int, reading: EssayReading) -> str:
    essay = reading.essay
    about = [("Title", essay.title), ("Assignment", essay.assignment), ("Category", essay.category)]
    lines = "<br>".join(f"<b>{name}:</b> {escape(value)}" for name, value in about if value)
    cards = "\n".join(_cards(number, reading)) or '<li class="empty">Nothing was said about this essay.</li>'
    return (
        f'<section class="essay" aria-labelledby="e{number}"><h2 id="e{number}">{number}. {escape(essay.id)}</h2>'
        f'<p class="about" dir="auto">{lines}</p>\n<div class="columns">'
        f'<div class="text" tabindex="0" role="group" aria-label="The essay" dir="auto" lang="{escape(essay.language)}">'
        # A first line end right after the tag would be dropped by a browser that takes it for layout.
        f"<span></span>{''.join(_marked(number, reading))}</div>\n"
        f'<ol class="cards">\n{cards}\n</ol></div></section>'
    )


def _marked(number: int, reading: EssayReading) -> Iterator[str]:
    """Yield the text with its marks. Where comments overlap, a piece names each of them."""
    text = reading.essay.text
    begins: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    firsts = {(comment.places[0][0], place) for place, comment in enumerate(reading.comments, 1) if comment.places}
    for place, comment in enumerate(reading.comments, 1):
        for start, end in comment.places:
            begins.setdefault(start, []).append(place)
            ends.setdefault(end, []).append(place)
    here: list[int] = []
    cuts = sorted({0, len(text), *begins, *ends})
    for at, following in zip(cuts, [*cuts[1:], len(text)], strict=True):
        for place in ends.get(at, ()):
            here.remove(place)
        here += begins.get(at, ())
        for place in sorted(set(begins.get(at, ()))):
            if (at, place) in firsts:
                yield f'<a class="number" id="E{number}-C{place}-at" href="#E{number}-C{place}" aria-label="comment {place}">{place}</a>'
        piece = escape(text[at:following])
        if here and piece:
            items = " ".join(f"E{number}-C{place}" for place in sorted(set(here)))
            yield f'<mark data-items="{items}">{piece}</mark>'
        else:
            yield piece


def _cards(number: int, reading: EssayReading) -> Iterator[str]:
    place = 0
    for row in sheet_rows([reading]):
        item = row["item"].replace("E1-", f"E{number}-", 1)
        if row["what"] == COMMENT:
            comment = reading.comments[place]
            place += 1
            body = _about(reading.essay.text, comment) + _comment_body(row)
            # The link leads to the words in the essay, which on a phone are far away.
            title = f'<a href="#{item}-at">Comment {place}</a>' if comment.places else f"Comment {place}"
            yield _card(item, title, body, "A good teacher …", _VERDICTS, offers=bool(comment.suggestions))
        elif row["what"] != NOTHING:
            steps = "".join(f"<li>{escape(step)}</li>" for step in reading.next_steps)
            yield _card(item, "Next steps for this essay", f"<ol>{steps}</ol>", "These steps are …", _STEP_VERDICTS)


def _about(text: str, comment: JudgedComment) -> str:
    """Return the words that a comment is about. A few words stand in their context, a sentence stands alone."""
    before, quote, after = "", shortened(comment.quote), ""
    if comment.places and len(quote) < _SHORT:
        before, quote, after = in_context(text, comment.places[0])
    also = len(comment.places) - 1
    more = f" (and {_count(also, 'other place')})" if also > 0 else ""
    return (
        f'<p class="quote" dir="auto">{escape(before)}<b>{escape(quote)}</b>{escape(after)}{more}</p>' if quote else ""
    )


def _comment_body(row: Mapping[str, str]) -> str:
    parts = [f'<p class="message">{escape(row["message"])}</p>']
    if row["next_step"]:
        parts.append(f'<p class="step">{escape(row["next_step"])}</p>')
    if row["first_suggestion"]:
        # Without the brackets of the table; white space is kept visible by the style.
        parts.append(f'<p class="try">First suggestion: <b dir="auto">{escape(row["first_suggestion"][1:-1])}</b></p>')
    return "".join(parts)


def _card(
    item: str, title: str, body: str, question: str, verdicts: Sequence[tuple[str, str]], *, offers: bool = False
) -> str:
    suggestion = (
        _choices(item, "first_suggestion_right", "Is the first suggestion right?", _SUGGESTION, 4) if offers else ""
    )
    return (
        f'<li class="card" id="{item}"><span class="state"></span><h3>{title}</h3>{body}'
        f"{_choices(item, 'verdict', question, verdicts, 1)}{suggestion}"
        f'<label class="note">Note (not needed)<textarea rows="1"></textarea></label></li>'
    )


def _choices(item: str, question: str, legend: str, options: Sequence[tuple[str, str]], first_key: int) -> str:
    inputs = "".join(
        f'<label class="choice"><input type="radio" name="{item}-{question}" value="{value}" '
        f'data-question="{question}" data-key="{key}">{label}</label>'
        for key, (value, label) in enumerate(options, first_key)
    )
    return f"<fieldset><legend>{legend}</legend>{inputs}</fieldset>"
