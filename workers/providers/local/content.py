"""The content pass: compare the essay with its task, and find unsupported paragraphs, repeated sentences and missing sources."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest
from workers.providers.local.citations import citation_points
from workers.providers.local.spans import Point, first_step, rule_comment, similarity
from workers.providers.local.stance import is_supported, makes_claim
from workers.providers.local.structure import THESIS_FOUND, find_thesis
from workers.providers.local.text import Essay, Paragraph, read, stems
from workers.text.reading import Reading
from workers.text.segmentation import Piece, words

MAX_COMMENTS = 5
OFF_PROMPT = 0.11
PROMPT_WORDS = 25
SAME_TWICE = 0.6
UNSUPPORTED_FROM = 50
NOT_CHECKED = (
    "whether what you say is true",
    "whether your evidence is good and your reasoning holds",
    "whether every paragraph belongs to your main point",
    "a level of the rubric (a local check picks none)",
)
NO_TASK = "whether the essay answers its task (no assignment was given)"
TASK_PARTS = "whether the essay answers every part of its task"

_EXAMPLE = re.compile(
    r"\b(?:for example|for instance|according to|research shows|a study|studies show)\b", re.IGNORECASE
)
_OTHER_SIDE = re.compile(
    r"\b(?:(?:some|other|many|most) (?:people|students|pupils|parents|teachers)|others|opponents?|critics?|disagrees?|"
    r"on the other hand|it is true that|admittedly|although|even though|of course|(?:might|may|could) (?:say|argue|think|object))\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(r"\b(?:not|never|no|nobody|nothing|none|without|cannot)\b|n['\u2019]t\b", re.IGNORECASE)
# Numbers, and names and other words in capitals inside a sentence.
_MARKS = re.compile(
    r"\d+|(?<=[a-z,;] )[A-Z][\w'\u2019]*|\b(?:first|second|third|one|two|three|four|five|last|next|before|after)\b"
)


def answer(request: PassRequest, reading: Reading) -> PassAnswer:
    """Return the comments on content that rules can make without understanding the essay, the most useful first."""
    essay = read(reading, request.category)
    task = request.assignment_prompt
    points = [
        *_off_prompt(essay, task, request),
        *_repeated_sentences(essay, request),
        *(citation_points(essay, request) if essay.argues else ()),
        *_unsupported_paragraph(essay, request),
        *_example_to_explain(essay, request),
    ][:MAX_COMMENTS]
    return PassAnswer(
        comments=tuple(point.comment for point in points),
        next_steps=first_step(points) or _other_side(essay),
        not_checked=(TASK_PARTS if task.strip() else NO_TASK, *NOT_CHECKED),
    )


def _essay_stems(essay: Essay) -> tuple[str, ...]:
    return tuple(stem for paragraph in essay.paragraphs for stem in paragraph.stems)


def _first_sentence_of_essay(essay: Essay) -> Piece:
    first = essay.paragraphs[0]
    return first.sentences[0] if first.sentences else first.piece


def _off_prompt(essay: Essay, task: str, request: PassRequest) -> list[Point]:
    wanted_stems = stems(task)
    if (
        len(wanted_stems) < PROMPT_WORDS
        or not essay.paragraphs
        or similarity(wanted_stems, _essay_stems(essay)) >= OFF_PROMPT
    ):
        return []
    message = "This essay shares very few words with its assignment, so I could not see how it answers it."
    step = "Read the assignment once more: which part of it does this essay answer, and where do you say so?"
    places = [_first_sentence_of_essay(essay)]
    return [Point(rule_comment(request, "question", "relevance", "major", places, message, step), step)]


def _first_sentence(paragraph: Paragraph) -> Piece:
    return paragraph.sentences[0] if paragraph.sentences else paragraph.piece


def _repeated_sentences(essay: Essay, request: PassRequest) -> list[Point]:
    pairs = list(_similar_sentence_pairs(essay))
    if not pairs:
        return []
    first, second = pairs[0]
    message = "Does this sentence say nearly the same as an earlier one?"
    if len(pairs) > 1:
        message = f"{message} There are {len(pairs)} such pairs."
    step = "Which of the two says it better? Could the other one add something new?"
    places = list(dict.fromkeys([second, first, *(piece for pair in pairs[1:] for piece in pair)]))
    whole = "Look for sentences that say the same thing twice: keep the better one, and use the room for something new."
    return [Point(rule_comment(request, "question", "redundancy", "minor", places, message, step), whole)]


def _similar_sentence_pairs(essay: Essay) -> Iterator[tuple[Piece, Piece]]:
    """Yield pairs of sentences with nearly the same stems, except a pair of the first and the last paragraph."""
    last = len(essay.paragraphs) - 1
    sentence_rows = [
        (index, piece, frozenset(found))
        for index, paragraph in enumerate(essay.paragraphs)
        for piece in paragraph.sentences
        if len(found := stems(piece.text)) >= 5
    ]
    by_stem: dict[str, list[int]] = {}
    for number, (index, piece, sentence_stems) in enumerate(sentence_rows):
        # Compare only with the last fifty sentences that use a stem, so that an essay that repeats one sentence stays cheap.
        shared_counts: dict[int, int] = {}
        for stem in sorted(sentence_stems):
            for other in by_stem.get(stem, ())[-50:]:
                shared_counts[other] = shared_counts.get(other, 0) + 1
            by_stem.setdefault(stem, []).append(number)
        for other, common in sorted(shared_counts.items()):
            other_index, other_piece, other_stems = sentence_rows[other]
            if {index, other_index} == {0, last} and last > 0:
                continue
            if common >= SAME_TWICE * len(sentence_stems | other_stems):
                if not _is_contrast(other_piece.text, piece.text):
                    yield other_piece, piece
                break


def _is_contrast(one: str, other: str) -> bool:
    """Return whether two like sentences say different things: only one denies, or they have other numbers, names or openings.

    "Some pupils learn best alone" and "Some pupils learn best in groups" are built alike on purpose.
    """
    if bool(_DENIAL.search(one)) != bool(_DENIAL.search(other)):
        return True
    if sorted(_MARKS.findall(one)) != sorted(_MARKS.findall(other)):
        return True
    first, second = stems(one), stems(other)
    replaced = (set(first) - set(second)) and (set(second) - set(first))
    return bool(replaced) and [word.text.lower() for word in words(one)[:3]] == [
        word.text.lower() for word in words(other)[:3]
    ]


def _takes_position(essay: Essay) -> bool:
    if not essay.argues:
        return False
    thesis = find_thesis(essay)
    return thesis is not None and thesis.score >= THESIS_FOUND


def _other_side(essay: Essay) -> tuple[str, ...]:
    """Return the next step for an argument that needs no other one and never mentions the other side."""
    if not _takes_position(essay) or any(_OTHER_SIDE.search(one.piece.text) for one in essay.paragraphs):
        return ()
    return ("Think of a reader who disagrees with you: what would they say, and where could you answer it?",)


def _unsupported_paragraph(essay: Essay, request: PassRequest) -> list[Point]:
    """Return a question about the longest body paragraph of an argument that claims something and gives nothing to hold on to.

    A paragraph that may be too long already is not asked for more.
    """
    if not _takes_position(essay):
        return []
    unsupported = [
        paragraph
        for paragraph in essay.paragraphs[1:-1]
        if paragraph.word_count >= UNSUPPORTED_FROM
        and paragraph.word_count * 2 <= essay.word_count
        and makes_claim(paragraph.piece.text)
        and not is_supported(paragraph.piece.text)
    ]
    if not unsupported:
        return []
    longest = max(unsupported, key=lambda paragraph: (paragraph.word_count, -paragraph.piece.start))
    message = "You claim something in this paragraph. I found no example, reason, number or source for it."
    step = "What have you seen, read or lived that would help a reader believe it?"
    whole = "Choose your most important point, and add one example that a reader can picture."
    return [
        Point(rule_comment(request, "question", "evidence", "minor", [_first_sentence(longest)], message, step), whole)
    ]


def _example_to_explain(essay: Essay, request: PassRequest) -> list[Point]:
    """Return a question about the last sentence of a body paragraph that ends with an example or a source."""
    for paragraph in essay.paragraphs[1:-1] if essay.argues else ():
        piece = paragraph.sentences[-1] if paragraph.sentences else paragraph.piece
        if len(words(piece.text)) < 8 or not _EXAMPLE.search(piece.text):
            continue
        message = (
            "You end this paragraph with an example or a source, which gives a reader something to picture or look up."
        )
        step = "What does it show about your point? Could one more sentence say so?"
        whole = "After an example, say in one sentence what it shows about your point."
        return [Point(rule_comment(request, "question", "evidence", "info", [piece], message, step), whole)]
    return []
