"""Judge the comments of the local engine on essays of our own: `python -m benchmarks.own_essays` prints those without a verdict.

A comment is real when it touches a planted mistake, or when benchmarks/data/judgements.jsonl says so; what the file says
goes first. A comment that is neither planted nor judged has no verdict.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.essays import DATA, Essay, PlantedMistake, read_essays
from models.jobs import PassName
from workers.passes.feedback import Comment
from workers.passes.request import PassRequest
from workers.providers.local.provider import LocalProvider

JUDGEMENTS = DATA / "judgements.jsonl"
VERDICTS = {"real": True, "noise": False}

Key = tuple[str, int | None, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What a careful reader says about one comment: whether it is real, and which further corrections are right."""

    real: bool
    corrections: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedComment:
    """One comment on an essay with its verdict. `real` is None when nobody has judged it, `right` without a suggestion."""

    essay: Essay
    pass_name: PassName
    comment: Comment
    real: bool | None
    right: bool | None

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Return every place that the comment marks."""
        return ((self.comment.span.start, self.comment.span.end), *self.comment.also_at)

    @property
    def type(self) -> str:
        """Return the type of the comment, with "praise" where it praises."""
        return type_of(self.comment)


def type_of(comment: Comment) -> str:
    """Return the type of a comment, with "praise" where it praises."""
    return f"{comment.type} praise" if comment.kind == "praise" else comment.type


def key_of(essay_id: str, start: int, quote: str, type_: str) -> Key:
    """Return what a judgement is kept under: the essay, the place, the quoted words and the type.

    A word is spelled right or wrong at all its places in an essay, so that a spelling has no place.
    """
    return essay_id, None if type_ == "spelling" else start, quote, type_


def comment_key(essay: Essay, comment: Comment) -> Key:
    """Return the key of the judgement on a comment."""
    return key_of(essay.id, comment.span.start, comment.span.quote, type_of(comment))


def read_judgements(path: Path = JUDGEMENTS) -> dict[Key, Judgement]:
    """Return the judgements of a file by their key. Raises KeyError when a verdict is missing."""
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return {
        key_of(row["essay"], row["start"], row["quote"], row["type"]): Judgement(
            real=VERDICTS[row["verdict"]], corrections=tuple(row.get("corrections", ()))
        )
        for row in rows
    }


def verdict_of(
    essay: Essay,
    span: tuple[int, int],
    suggestions: Sequence[str],
    judgement: Judgement | None,
    *,
    language: bool = True,
) -> tuple[bool | None, bool | None]:
    """Return whether a flag is real and whether its first suggestion is right. Both are None where nobody can say.

    A flag on something else than language is never real because of a planted mistake at its place.
    """
    touched = [one for one in essay.planted if language and overlaps(*span, one)]
    if judgement is None and not touched:
        return None, None
    real = judgement.real if judgement else True
    if not suggestions:
        return real, None
    further = judgement.corrections if judgement else ()
    return real, real and _is_right(essay.text, span, suggestions[0], touched, further)


def overlaps(start: int, end: int, planted: PlantedMistake) -> bool:
    """Return whether a place and a planted mistake share a character."""
    return start < planted.end and planted.start < end


def _is_right(
    text: str, span: tuple[int, int], suggestion: str, touched: Sequence[PlantedMistake], further: Sequence[str]
) -> bool:
    """Return whether the suggestion gives what one of the corrections gives, white space aside."""
    start = min([span[0], *(one.start for one in touched)])
    end = max([span[1], *(one.end for one in touched)])
    corrected = text[start : span[0]] + suggestion + text[span[1] : end]
    accepted = {text[start : one.start] + words + text[one.end : end] for one in touched for words in one.corrections}
    accepted |= {text[start : span[0]] + words + text[span[1] : end] for words in further}
    return " ".join(corrected.split()) in {" ".join(words.split()) for words in accepted}


def judge_comment(essay: Essay, pass_name: PassName, comment: Comment, judgement: Judgement | None) -> JudgedComment:
    """Return a comment with its verdict, from the planted mistakes it touches and from the judgement of a reader."""
    span = (comment.span.start, comment.span.end)
    real, right = verdict_of(essay, span, comment.suggestions, judgement, language=pass_name is PassName.GRAMMAR)
    return JudgedComment(essay=essay, pass_name=pass_name, comment=comment, real=real, right=right)


def read_comments(essays: Iterable[Essay], judgements: dict[Key, Judgement]) -> list[JudgedComment]:
    """Return every comment of the local engine on the essays with its verdict, in order of essay and pass."""
    provider = LocalProvider()
    found: list[JudgedComment] = []
    for essay in essays:
        for name in PassName:
            request = PassRequest(pass_name=name, text=essay.text, assignment_prompt=essay.prompt)
            found += [
                judge_comment(essay, name, comment, judgements.get(comment_key(essay, comment)))
                for comment in provider.ask(request).answer.comments
            ]
    return found


def open_row(one: JudgedComment) -> dict[str, Any]:
    """Return the line of judgements.jsonl for a comment that nobody has judged, with what a reader needs to judge it."""
    span, text = one.comment.span, one.essay.text
    return {
        "essay": one.essay.id,
        "start": span.start,
        "quote": span.quote,
        "type": one.type,
        "verdict": "",
        "corrections": list(one.comment.suggestions[:1]),
        "context": f"{text[max(span.start - 60, 0) : span.start]}[{span.quote}]{text[span.end : span.end + 60]}",
        "message": one.comment.message,
    }


def main() -> int:
    """Print a line of judgements.jsonl for each comment without a verdict, to be filled in."""
    for one in read_comments(read_essays(), read_judgements()):
        if one.real is None:
            print(json.dumps(open_row(one), ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
