"""The texts of a filled database: the essays of our own, with comments about real places in them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from benchmarks.essays import Essay, read_essays
from models.jobs import PassName
from workers.providers.claude import DEFAULT_MODEL

MODEL = DEFAULT_MODEL
# Types of feedback_types in migrations/0004_feedback.sql; what a planted mistake is called otherwise counts as grammar.
GRAMMAR_TYPES = ("agreement", "verb_form", "article", "word_choice", "spelling", "punctuation")
STRUCTURE_TYPES = ("thesis", "paragraphs", "transition", "conclusion")
CONTENT_TYPES = ("evidence", "reasoning", "relevance", "clarity")
OTHER_TYPES = dict([(PassName.STRUCTURE, STRUCTURE_TYPES), (PassName.CONTENT, CONTENT_TYPES)])  # noqa: C406
_SENTENCE = re.compile(r"[^.!?\s][^.!?]*[.!?]")


@dataclass(frozen=True, kw_only=True, slots=True)
class CommentText:
    """A comment about a place of a text: its columns from `pass` to `model` for COPY, its words, and its confidence."""

    columns: str
    body: bytes
    permille: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EssayText:
    """A text with what its row says about it, and comments on it by pass."""

    title: bytes
    prompt: str
    text: bytes
    sha256: str
    characters: int
    words: int
    comments: dict[str, list[CommentText]]


def essay_texts() -> list[EssayText]:
    """Return the texts, all different."""
    return [_essay_text(essay) for essay in read_essays()]


def summary_of(name: PassName) -> bytes:
    """Return the plain text of a pass's summary."""
    summary = {
        "strengths": ["You take a clear position and keep it to the end."],
        "next_steps": [f"Look at the first comment on {name} again, then read your essay aloud."],
        "not_checked": [],
        "notes": [],
    }
    return json.dumps(summary).encode()


def answer_of(name: PassName) -> bytes:
    """Return the plain text of a stored raw answer."""
    return json.dumps(
        {"pass": str(name), "comments": [{"type": "clarity", "message": "Say who did it. " * 20}]}
    ).encode()


def _essay_text(essay: Essay) -> EssayText:
    text = essay.text
    sentences = [found.span() for found in _SENTENCE.finditer(text)]
    comments = {
        str(PassName.GRAMMAR): [
            _comment(
                PassName.GRAMMAR,
                one.type if one.type in GRAMMAR_TYPES else "grammar",
                (one.start, one.end),
                at=at,
                message=f"“{one.quote}” reads better as “{one.corrections[0]}”.",
                suggestions=one.corrections[:2],
            )
            for at, one in enumerate(essay.planted)
            if text[one.start : one.end].strip()
        ]
    }
    for name, types in OTHER_TYPES.items():
        comments[str(name)] = [
            _comment(
                name,
                types[at % len(types)],
                span,
                at=at,
                message="A reader who was not there cannot follow this sentence. What happened, and what does it show?",
                suggestions=(),
            )
            for at, span in enumerate(sentences)
        ]
    return EssayText(
        title=f"My essay: {essay.category}".encode(),
        prompt=essay.prompt,
        text=text.encode(),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        characters=len(text),
        words=len(text.split()),
        comments=comments,
    )


def _comment(
    name: PassName, type_: str, span: tuple[int, int], *, at: int, message: str, suggestions: tuple[str, ...]
) -> CommentText:
    permille = 550 + at * 37 % 400
    severity = ("minor", "major", "info")[at % 3]
    columns = (
        name, type_, "issue", severity, "exact", span[0], span[1], "{}", r"\N", f"0.{permille}", "model", "model", "anthropic", MODEL,
    )  # fmt: skip
    body = {
        "message": message,
        "next_step": "Change it, and read the sentence aloud.",
        "suggestions": suggestions,
    }
    return CommentText(
        columns="\t".join(str(column) for column in columns),
        body=json.dumps(body, ensure_ascii=False).encode(),
        permille=permille,
    )
