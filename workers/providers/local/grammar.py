"""The grammar pass: what should be looked at first among the slips a careful reader would mark?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import PassRequest, Severity
from workers.passes.segmentation import words
from workers.providers.local.confidence import SHOWN_FROM
from workers.providers.local.engines import EngineFlags, Engines
from workers.providers.local.guards import engine_text
from workers.providers.local.language import dialect_of
from workers.providers.local.merge import Finding, Setting, findings
from workers.providers.local.own import own_flags
from workers.providers.local.spans import criterion_for, span
from workers.providers.local.wording import grammar_message, grammar_step, strength

MAX_COMMENTS = 25
MAX_RECORDED = 1_000
NOT_CHECKED = (
    "most mistakes with articles, prepositions, tense and word order (a local check finds 10 to 25 in 100 of them)",
    "facts and quotations",
)
_FIRST = ("verb_form", "agreement", "grammar", "word_choice", "contraction", "capitalisation", "spelling", "article")


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Everything the engines and the merge made of one text."""

    heard: EngineFlags
    all: tuple[Finding, ...]

    @property
    def shown(self) -> tuple[Finding, ...]:
        """The findings sure enough to be shown."""
        return tuple(finding for finding in self.all if finding.problem >= SHOWN_FROM)


def known_words(texts: Iterable[str]) -> frozenset[str]:
    """Return the small-letter words of the task, which count as spelled right."""
    return frozenset(
        word.text.lower().replace("\u2019", "'").removesuffix("'s") for text in texts for word in words(text)
    )


def look(request: PassRequest, engines: Engines, *, alone: bool = False) -> Look:
    """Return all findings of both engines on the essay, shown or not; `alone` as if Harper were the only one."""
    dialect = dialect_of(request.language)
    safe = engine_text(request.text)
    heard = engines.hear(safe, dialect)
    task = [request.title, request.assignment_prompt]
    task += [part for one in request.criteria for part in (one.name, one.description)]
    setting = Setting(
        text=request.text,
        safe=safe,
        dialect=dialect,
        known=known_words(task),
        lingo=heard.has("lingotweaker") and not alone,
        harper=heard.has("harper-py"),
        common=heard.common,
    )
    first = [] if alone else list(heard.lingo)
    return Look(heard=heard, all=tuple(findings(first, [*heard.harper, *own_flags(safe)], setting)))


def answer(request: PassRequest, seen: Look) -> PassAnswer:
    """Return the comments a student should read, repeats folded, most useful first."""
    folded = _folded(request.text, seen.shown)
    ordered = sorted(folded, key=_urgency)
    comments = tuple(_comment(request, group) for group in ordered[:MAX_COMMENTS])
    left = len(ordered) - len(comments)
    silent = tuple(f"what {name} would have found (it is not available here)" for name in seen.heard.silent)
    more = (f"{left} more small points of the same kinds, left out so that the list stays short",) if left else ()
    praise = strength(len(seen.shown), len(words(request.text)))
    return PassAnswer(
        comments=comments,
        strengths=(praise,) if praise and not seen.heard.silent else (),
        next_steps=tuple(dict.fromkeys(comment.next_step for comment in comments))[:3],
        not_checked=(*silent, *more, *NOT_CHECKED),
    )


def record(seen: Look) -> list[dict[str, Any]]:
    """Return what was said and decided, finding by finding, shown or not."""
    return [
        {
            "agreed": one.agreed,
            "also": one.second.rule if one.second else None,
            "confidence": {"correction": one.correction, "problem": one.problem},
            "rule": f"{one.flag.engine}:{one.flag.rule}",
            "shown": one.problem >= SHOWN_FROM,
            "span": [one.start, one.end],
            "suggestions": list(one.suggestions),
        }
        for one in seen.all[:MAX_RECORDED]
    ]


def _folded(text: str, found: tuple[Finding, ...]) -> list[list[Finding]]:
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in found:
        quote = text[finding.start : finding.end]
        first = finding.suggestions[0] if finding.suggestions else ""
        words_fold = (
            finding.flag.type in {"capitalisation", "spacing", "punctuation"} and finding.flag.rule != "I_LOWERCASE"
        )
        # Missing capitals and spaces are one habit whatever the word is; other mistakes are one by their words.
        key = (
            (finding.flag.type, finding.flag.rule) if words_fold else (finding.flag.type, quote.lower(), first.lower())
        )
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _urgency(group: list[Finding]) -> tuple[float, int]:
    kind = group[0].flag.type
    rank = _FIRST.index(kind) if kind in _FIRST else len(_FIRST)
    weight = min(len(group), 5) * 1.0 + (len(_FIRST) - rank) * 0.25 + group[0].problem
    return (-round(weight, 6), group[0].start)


def _comment(request: PassRequest, group: list[Finding]) -> Comment:
    first = group[0]
    quote = request.text[first.start : first.end]
    kind = first.flag.type
    return Comment(
        type=kind,
        kind="issue",
        severity=_severity(kind, len(group)),
        span=span(request.text, first.start, first.end),
        message=grammar_message(first, quote, len(group)),
        next_step=grammar_step(first, quote, len(group)),
        suggestions=first.suggestions,
        confidence=first.problem,
        confidence_basis="agreement" if first.agreed else "measured",
        origin="rule",
        also_at=tuple((other.start, other.end) for other in group[1:]),
        criterion=criterion_for(kind, request.criteria),
    )


def _severity(kind: str, count: int) -> Severity:
    if count >= 5 and kind != "spacing":
        return "major"
    return "info" if kind in {"spacing", "punctuation"} and count == 1 else "minor"
