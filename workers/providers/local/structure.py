"""The structure pass: find the thesis, and comment on paragraphs and sentence length."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest, Severity
from workers.providers.local.spans import Point, Stems, first_step, one_for_each_place, rule_comment
from workers.providers.local.stance import asks_for_position, gives_reason, stance_score, states_position
from workers.providers.local.text import Essay, Paragraph, read, stems
from workers.text.reading import Reading
from workers.text.segmentation import Piece, words

MAX_COMMENTS = 6
LONG_SENTENCE = 40
ONE_BLOCK_FROM = 150
THESIS_FOUND = 2.0
THESIS_ABSENT = 1.0
NOT_CHECKED = (
    "whether the order of your points is the best one",
    "whether your points follow from each other",
    "a level of the rubric (a local check picks none)",
)

# "Materials: twelve bean plants" and "Hypothesis: …" are parts of a report, not paragraphs to develop.
_LABELLED = re.compile(r"\w+(?: \w+){0,2}: ")
_STRENGTHS = {"thesis": "Your opening says what you will argue."}


@dataclass(frozen=True, kw_only=True, slots=True)
class Thesis:
    """The sentence of the introduction that looks most like the main claim. `score` says how much it does."""

    piece: Piece
    score: float


def answer(request: PassRequest, reading: Reading) -> PassAnswer:
    """Return the comments on structure, the most useful first."""
    essay = read(reading, request.category)
    points = _long_sentences(essay, request)
    if essay.argues:
        # A story or a poem has no thesis, and its paragraphs may be as short as a line of speech.
        points = [
            *_missing_paragraphs(essay, request),
            *_thesis_point(find_thesis(essay), essay, request),
            *points,
            *_uneven_paragraphs(essay, request),
        ]
    kept = one_for_each_place(points)[:MAX_COMMENTS]
    return PassAnswer(
        comments=tuple(point.comment for point in kept),
        strengths=tuple(_STRENGTHS[point.comment.type] for point in kept if point.comment.kind == "praise"),
        next_steps=first_step(kept),
        not_checked=NOT_CHECKED,
    )


def introduction(essay: Essay) -> tuple[Piece, ...]:
    """Return the sentences of the introduction: the first paragraph.

    If there is only one paragraph, return its first quarter, at least one sentence and at most six.
    """
    if not essay.paragraphs:
        return ()
    first = essay.paragraphs[0].sentences
    return first[: max(1, min(6, len(first) // 4))] if essay.one_block else first


def find_thesis(essay: Essay) -> Thesis | None:
    """Return the sentence of the introduction with the best score as a thesis, or None when no sentence qualifies.

    Questions and sentences of fewer than five words do not qualify. A sentence in which the writer takes no position never
    reaches THESIS_FOUND.
    """
    opening = introduction(essay)
    rest = tuple(stem for paragraph in essay.paragraphs[1:] for stem in paragraph.stems)
    if essay.one_block:
        rest = tuple(stem for piece in essay.paragraphs[0].sentences[len(opening) :] for stem in stems(piece.text))
    topic = Stems(rest)
    best: Thesis | None = None
    for index, piece in enumerate(opening):
        if piece.text.rstrip("\"'\u201d\u2019)").endswith("?") or len(words(piece.text)) < 5:
            continue
        is_last = index == len(opening) - 1
        score = stance_score(piece.text) + 0.7 * gives_reason(piece.text) + 0.5 * is_last
        score += min(1.0, 2 * topic.near(stems(piece.text)))
        if not states_position(piece.text, closes_opening=is_last):
            score = min(score, THESIS_FOUND - 0.1)
        if best is None or score > best.score:
            best = Thesis(piece=piece, score=round(score, 6))
    return best


def _thesis_point(thesis: Thesis | None, essay: Essay, request: PassRequest) -> list[Point]:
    if thesis is not None and thesis.score >= THESIS_FOUND:
        if " ".join(thesis.piece.text.split()) in " ".join(request.assignment_prompt.split()):
            return []  # The words are the assignment's.
        message = "This sentence reads like your main claim, and it stands where a reader looks for it."
        step = "Read each paragraph against this sentence and ask: does it help to show this?"
        whole = "Read each paragraph against the main claim of your opening: does it help to show it?"
        return [Point(rule_comment(request, "praise", "thesis", "info", [thesis.piece], message, step), whole)]
    opening = introduction(essay)
    if opening and (thesis is None or thesis.score < THESIS_ABSENT) and _needs_thesis(essay, request):
        message = "After the opening, I could not tell what you will argue or show. A reader may wonder too."
        step = "Which one sentence says what you want your reader to believe at the end? Try putting it here."
        whole = "Say in one sentence of your opening what you want your reader to believe or see at the end."
        comment = rule_comment(request, "question", "thesis", "major", [opening[-1]], message, step, judged=True)
        return [Point(comment, whole)]
    return []


def _needs_thesis(essay: Essay, request: PassRequest) -> bool:
    """Return whether a reader expects a main claim: the assignment asks for a position, or the body of the essay takes one.

    A letter says what it wants in other ways, and reports, stories and reviews have no main claim to miss.
    """
    if essay.letter:
        return False
    if request.assignment_prompt.strip():
        return asks_for_position(request.assignment_prompt)
    body = [piece for paragraph in essay.paragraphs[1:] for piece in paragraph.sentences]
    return essay.one_block or any(states_position(piece.text, closes_opening=False) for piece in body)


def _missing_paragraphs(essay: Essay, request: PassRequest) -> list[Point]:
    if not essay.one_block or essay.word_count <= ONE_BLOCK_FROM or len(essay.paragraphs[0].sentences) < 4:
        return []
    message = (
        f"All {essay.word_count} words stand in one block. Can a reader see where one idea ends and the next begins?"
    )
    step = "Where does a new idea begin? Mark those places and start a new paragraph at each."
    places = [essay.paragraphs[0].sentences[0]]
    comment = rule_comment(request, "question", "paragraphs", "major", places, message, step, judged=True)
    return [Point(comment, "Divide your essay into paragraphs: begin a new one wherever a new idea begins.")]


def _long_sentences(essay: Essay, request: PassRequest) -> list[Point]:
    counted = [(len(words(piece.text)), piece) for paragraph in essay.paragraphs for piece in paragraph.sentences]
    long = [(count, piece) for count, piece in counted if count > LONG_SENTENCE]
    if not long:
        return []
    longest = max(long, key=lambda item: (item[0], -item[1].start))
    places = [longest[1], *(piece for _, piece in long if piece != longest[1])]
    message = f"This sentence has {longest[0]} words, which is a lot to hold in mind at once."
    whole = "Read your longest sentence aloud, and begin a new sentence where you take a breath."
    if len(long) > 1:
        message = f"{message} {len(long)} of your {len(counted)} sentences are longer than {LONG_SENTENCE} words."
        whole = f"Read your {len(long)} longest sentences aloud, and begin a new sentence where you take a breath."
    step = "Read it aloud: where do you take a breath? Could a new sentence begin there?"
    severity: Severity = "major" if len(long) * 3 >= len(counted) else "minor"
    comment = rule_comment(request, "question", "sentence_length", severity, places, message, step, judged=True)
    return [Point(comment, whole)]


def _uneven_paragraphs(essay: Essay, request: PassRequest) -> list[Point]:
    found: list[Point] = []
    if len(essay.paragraphs) >= 3 and essay.word_count >= ONE_BLOCK_FROM:
        longest = max(essay.paragraphs, key=lambda paragraph: paragraph.word_count)
        if longest.word_count * 2 > essay.word_count:
            share = round(100 * longest.word_count / essay.word_count)
            message = f"This paragraph holds {share} of every 100 words of the essay. It may hold more than one idea."
            step = "What is the one idea of this paragraph? Could anything that is not about it move into its own?"
            whole = "Look at your longest paragraph: if it holds two ideas, give each its own paragraph."
            places = [_first_sentence(longest)]
            found.append(Point(rule_comment(request, "question", "paragraphs", "minor", places, message, step), whole))
    short = [
        paragraph
        for paragraph in essay.paragraphs[1:-1]
        if len(paragraph.sentences) == 1
        and paragraph.word_count < LONG_SENTENCE
        and not _LABELLED.match(paragraph.piece.text)
    ]
    if short and essay.word_count >= ONE_BLOCK_FROM:
        places = [_first_sentence(paragraph) for paragraph in short]
        message = "This paragraph is a single sentence, so its idea is named but not yet developed."
        if len(places) > 1:
            message = f"{len(places)} of your paragraphs are single sentences, such as this one: named, not developed."
        step = "What could you add to it, or which neighbouring paragraph does it belong to?"
        whole = (
            "Look at each paragraph of a single sentence: develop its idea, or join it to the paragraph it belongs to."
        )
        found.append(Point(rule_comment(request, "question", "paragraphs", "minor", places, message, step), whole))
    return found


def _first_sentence(paragraph: Paragraph) -> Piece:
    return paragraph.sentences[0] if paragraph.sentences else paragraph.piece
