"""The grammar pass: collect the findings of engines and patterns, and choose the comments that a student sees first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import ConfidenceBasis, PassRequest, Severity
from workers.providers.local.confidence import SHOWN_FROM
from workers.providers.local.engines import EngineFlags, Engines
from workers.providers.local.guards import engine_text
from workers.providers.local.kinds import SpeakingRules, with_sentences, without_silent_blocks
from workers.providers.local.language import dialect_of
from workers.providers.local.merge import Finding, MergeContext, findings
from workers.providers.local.own.reading import own_flags
from workers.providers.local.pattern import pattern_step
from workers.providers.local.rules import ASKED
from workers.providers.local.spans import criterion_for, span
from workers.providers.local.wording import grammar_message, grammar_step, strength
from workers.text.reading import Reading
from workers.text.segmentation import words

MAX_COMMENTS = 25
MAX_RECORDED = 1_000
# A comment that is less likely to be right is a question.
STATED_FROM = 0.85
NOT_CHECKED = (
    "most mistakes with articles, prepositions, tense and word order (a local check finds 10 to 25 in 100 of them)",
    "facts and quotations",
)
# The types that are shown before others, the most urgent first.
_URGENT_TYPES = (
    "verb_form",
    "agreement",
    "grammar",
    "word_choice",
    "contraction",
    "capitalisation",
    "spelling",
    "article",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GrammarReading:
    """The flags of the engines for one text, and all findings made from them."""

    engine_flags: EngineFlags
    all: tuple[Finding, ...]

    @property
    def shown(self) -> tuple[Finding, ...]:
        """Return the findings that are not held back and whose confidence is at least SHOWN_FROM."""
        return tuple(finding for finding in self.all if not finding.held and finding.problem >= SHOWN_FROM)


def known_words(texts: Iterable[str]) -> frozenset[str]:
    """Return the words of the task in lower case. They count as spelled correctly."""
    return frozenset(
        word.text.lower().replace("\u2019", "'").removesuffix("'s") for text in texts for word in words(text)
    )


def find_mistakes(
    request: PassRequest, engines: Engines, *, alone: bool = False, reading: Reading | None = None
) -> GrammarReading:
    """Return all findings on the essay, shown or not. `alone`: as if Harper were the only engine.

    With a `reading`, the request holds its clean text, and each rule speaks only on the parts where it may.

    Raises Pause when the engines stay busy with other essays.
    """
    dialect = dialect_of(request.language)
    safe = engine_text(request.text)
    if reading is not None:
        safe = without_silent_blocks(safe, reading)
    paragraphs = None if reading is None else with_sentences(reading)
    engine_flags = engines.read_flags(safe, dialect)
    task = [request.title, request.assignment_prompt]
    task += [part for criterion in request.criteria for part in (criterion.name, criterion.description)]
    setting = MergeContext(
        text=request.text,
        safe=safe,
        dialect=dialect,
        known=known_words(task),
        lingo=engine_flags.has("lingotweaker") and not alone,
        harper=engine_flags.has("harper-py"),
        common=engine_flags.common,
    )
    first = [] if alone else list(engine_flags.lingo)
    second = [*engine_flags.harper, *own_flags(safe, paragraphs)]
    if reading is not None:
        rules = SpeakingRules(reading, request.category)
        first, second = rules.kept(first), rules.kept(second)
    return GrammarReading(engine_flags=engine_flags, all=tuple(findings(first, second, setting)))


def answer(request: PassRequest, result: GrammarReading) -> PassAnswer:
    """Return the comments for the student, the most useful first. Repeats of one mistake are one comment."""
    groups = _group_repeats(request.text, result.shown)
    ordered = sorted(groups, key=_urgency_key)
    comments = tuple(_comment(request, group) for group in ordered[:MAX_COMMENTS])
    left_out = len(ordered) - len(comments)
    silent = tuple(f"what {name} would have found (it is not available here)" for name in result.engine_flags.silent)
    more = (
        (f"{left_out} more small points of the same kinds, left out so that the list stays short",) if left_out else ()
    )
    praise = strength(len(result.shown), len(words(request.text)))
    return PassAnswer(
        comments=comments,
        strengths=(praise,) if praise and not result.engine_flags.silent else (),
        next_steps=pattern_step(result.shown),
        not_checked=(*silent, *more, *NOT_CHECKED),
    )


def record(result: GrammarReading, reading: Reading) -> list[dict[str, Any]]:
    """Return the decision on each finding, shown or not, for the raw answer. At most MAX_RECORDED findings.

    Their spans are offsets in the stored text.
    """
    return [
        {
            "agreed": finding.agreed,
            "also": finding.second.rule if finding.second else None,
            "confidence": {"correction": finding.correction, "problem": finding.problem},
            "rule": f"{finding.flag.engine}:{finding.flag.rule}",
            "held": finding.held,
            "shown": not finding.held and finding.problem >= SHOWN_FROM,
            "span": list(reading.original_span(finding.start, finding.end)),
            "suggestions": list(finding.suggestions),
        }
        for finding in result.all[:MAX_RECORDED]
    ]


def _group_repeats(text: str, shown: tuple[Finding, ...]) -> list[list[Finding]]:
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in shown:
        quote = text[finding.start : finding.end]
        first = finding.suggestions[0] if finding.suggestions else ""
        grouped_by_rule = (
            finding.flag.type in {"capitalisation", "spacing", "punctuation"} and finding.flag.rule != "I_LOWERCASE"
        )
        # Mistakes in capitals, spaces and punctuation are grouped by rule, whatever the word. Others are grouped by their words.
        key = (
            (finding.flag.type, finding.flag.rule)
            if grouped_by_rule
            else (finding.flag.type, quote.lower(), first.lower())
        )
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _urgency_key(group: list[Finding]) -> tuple[float, int]:
    kind = group[0].flag.type
    rank = _URGENT_TYPES.index(kind) if kind in _URGENT_TYPES else len(_URGENT_TYPES)
    weight = min(len(group), 5) * 1.0 + (len(_URGENT_TYPES) - rank) * 0.25 + group[0].problem
    return (-round(weight, 6), group[0].start)


def _comment(request: PassRequest, group: list[Finding]) -> Comment:
    first = group[0]
    quote = request.text[first.start : first.end]
    kind = first.flag.type
    return Comment(
        type=kind,
        kind="question" if first.flag.rule in ASKED or first.problem < STATED_FROM else "issue",
        severity=_severity(kind, len(group)),
        span=span(request.text, first.start, first.end),
        message=grammar_message(first, quote, len(group)),
        next_step=grammar_step(first, quote, len(group)),
        suggestions=first.suggestions,
        confidence=first.problem,
        confidence_basis=_basis(first),
        origin="rule",
        also_at=tuple((other.start, other.end) for other in group[1:]),
        criterion=criterion_for(kind, request.criteria),
    )


def _basis(finding: Finding) -> ConfidenceBasis:
    if finding.flag.variant_of is not None:
        return "default"
    return "agreement" if finding.agreed else "measured"


def _severity(kind: str, count: int) -> Severity:
    if count >= 5 and kind != "spacing":
        return "major"
    return "info" if kind in {"spacing", "punctuation"} and count == 1 else "minor"
