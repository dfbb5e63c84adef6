"""The structure pass: find the thesis, and comment on paragraphs, sentence length, ending and linking words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import PassRequest, Severity
from workers.passes.segmentation import Piece, words
from workers.providers.local.spans import UNMEASURED, Stems, rule_comment, similarity
from workers.providers.local.text import Essay, Paragraph, read, stems

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

_STANCE = re.compile(
    r"\b(?:i (?:strongly |firmly |fully |also |do |really |truly |personally )?"
    r"(?:believe|think|argue|agree|disagree|feel|support|oppose|claim|would argue|am (?:for|against|convinced))|"
    r"in my (?:own )?(?:opinion|view)|my (?:opinion|view|position|claim) is|"
    r"this essay (?:will )?(?:argues?|shows?|claims?)|"
    r"should(?:n't| not)?|must(?:n't| not)?|ought to|need(?:s)? to|"
    r"(?:is|are) (?:better|worse|more|less|the best|the worst)|"
    r"(?:has|have|had) (?:more|changed|improved|helped|harmed|made)|would be (?:better|wrong|a mistake)|"
    r"(?:is|are) (?:not )?(?:necessary|essential|important|harmful|beneficial|wrong|unfair|worth))\b",
    re.IGNORECASE,
)
_STRONG_STANCE = re.compile(
    r"\b(?:should|must|ought|believe|argue|opinion|agree|disagree|convinced|oppose)\b", re.IGNORECASE
)
_REASON = re.compile(
    r"\b(?:because|since|as it|due to|so that|for (?:these|this|the following|many|several|three|two) reasons?|"
    r"by (?:\w+ing)|in order to|which (?:makes|helps|gives|leads|means|lets)|although|even though|despite|while)\b",
    re.IGNORECASE,
)
_TRANSITIONS = (
    "first", "firstly", "second", "secondly", "third", "finally", "however", "therefore", "moreover", "furthermore",
    "in addition", "for example", "for instance", "on the other hand", "in contrast", "as a result", "consequently",
    "in conclusion", "nevertheless", "similarly", "another reason", "although", "despite", "meanwhile", "instead",
)  # fmt: skip
_STRENGTHS = {
    "thesis": "Your opening says what you will argue.",
    "conclusion": "Your last paragraph takes up the words of your opening.",
    "transition": "You link your ideas with varied words.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Thesis:
    """The sentence of the introduction that looks most like the main claim. `score` says how much it does."""

    piece: Piece
    score: float


def answer(request: PassRequest) -> PassAnswer:
    """Return the comments on structure, the most useful first."""
    essay = read(request.text)
    thesis = find_thesis(essay)
    found = [
        *_missing_paragraphs(essay, request),
        *_thesis_comment(thesis, essay, request),
        *_long_sentences(essay, request),
        *_uneven_paragraphs(essay, request),
        *_praise_for_ending(essay, request),
        *_praise_for_linking_words(essay, request),
    ]
    comments = tuple(found[:MAX_COMMENTS])
    return PassAnswer(
        comments=comments,
        strengths=tuple(_STRENGTHS[comment.type] for comment in comments if comment.kind == "praise"),
        next_steps=tuple(comment.next_step for comment in comments if comment.kind != "praise")[:3],
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

    Questions and sentences of fewer than five words do not qualify.
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
        score = 1.0 * bool(_STANCE.search(piece.text)) + 0.3 * bool(_STRONG_STANCE.search(piece.text))
        score += 0.7 * bool(_REASON.search(piece.text)) + 0.5 * (index == len(opening) - 1)
        score += min(1.0, 2 * topic.near(stems(piece.text)))
        if not _STANCE.search(piece.text):
            score = min(score, THESIS_FOUND - 0.1)
        if best is None or score > best.score:
            best = Thesis(piece=piece, score=round(score, 6))
    return best


def _thesis_comment(thesis: Thesis | None, essay: Essay, request: PassRequest) -> list[Comment]:
    if thesis is not None and thesis.score >= THESIS_FOUND:
        message = "This sentence reads like your main claim, and it stands where a reader looks for it."
        step = "Read each paragraph against this sentence and ask: does it help to show this?"
        return [rule_comment(request, "praise", "thesis", "info", 0.9, [thesis.piece], message, step)]
    opening = introduction(essay)
    if opening and (thesis is None or thesis.score < THESIS_ABSENT):
        message = "After the opening, I could not tell what you will argue or show. A reader may wonder too."
        step = "Which one sentence says what you want your reader to believe at the end? Try putting it here."
        return [rule_comment(request, "question", "thesis", "major", 0.6, [opening[-1]], message, step)]
    return []


def _missing_paragraphs(essay: Essay, request: PassRequest) -> list[Comment]:
    if not essay.one_block or essay.word_count <= ONE_BLOCK_FROM or len(essay.paragraphs[0].sentences) < 4:
        return []
    message = (
        f"All {essay.word_count} words stand in one block. Can a reader see where one idea ends and the next begins?"
    )
    step = "Where does a new idea begin? Mark those places and start a new paragraph at each."
    places = [essay.paragraphs[0].sentences[0]]
    return [rule_comment(request, "question", "paragraphs", "major", UNMEASURED, places, message, step)]


def _long_sentences(essay: Essay, request: PassRequest) -> list[Comment]:
    counted = [(len(words(piece.text)), piece) for paragraph in essay.paragraphs for piece in paragraph.sentences]
    long = [(count, piece) for count, piece in counted if count > LONG_SENTENCE]
    if not long:
        return []
    longest = max(long, key=lambda item: (item[0], -item[1].start))
    places = [longest[1], *(piece for _, piece in long if piece != longest[1])]
    message = f"This sentence has {longest[0]} words, which is a lot to hold in mind at once."
    if len(long) > 1:
        message = f"{message} {len(long)} of your {len(counted)} sentences are longer than {LONG_SENTENCE} words."
    step = "Read it aloud: where do you take a breath? Could a new sentence begin there?"
    severity: Severity = "major" if len(long) * 3 >= len(counted) else "minor"
    return [rule_comment(request, "question", "sentence_length", severity, UNMEASURED, places, message, step)]


def _uneven_paragraphs(essay: Essay, request: PassRequest) -> list[Comment]:
    found: list[Comment] = []
    if len(essay.paragraphs) >= 3 and essay.word_count >= ONE_BLOCK_FROM:
        longest = max(essay.paragraphs, key=lambda paragraph: paragraph.word_count)
        if longest.word_count * 2 > essay.word_count:
            share = round(100 * longest.word_count / essay.word_count)
            message = f"This paragraph holds {share} of every 100 words of the essay. It may hold more than one idea."
            step = "What is the one idea of this paragraph? Could anything that is not about it move into its own?"
            found.append(
                rule_comment(
                    request, "question", "paragraphs", "minor", UNMEASURED, [_first_sentence(longest)], message, step
                )
            )
    short = [
        paragraph
        for paragraph in essay.paragraphs[1:-1]
        if len(paragraph.sentences) == 1 and paragraph.word_count < LONG_SENTENCE
    ]
    if short and essay.word_count >= ONE_BLOCK_FROM:
        places = [_first_sentence(paragraph) for paragraph in short]
        message = "This paragraph is a single sentence, so its idea is named but not yet developed."
        if len(places) > 1:
            message = f"{len(places)} of your paragraphs are single sentences, such as this one: named, not developed."
        step = "What could you add to it, or which neighbouring paragraph does it belong to?"
        found.append(rule_comment(request, "question", "paragraphs", "minor", UNMEASURED, places, message, step))
    return found


def _first_sentence(paragraph: Paragraph) -> Piece:
    return paragraph.sentences[0] if paragraph.sentences else paragraph.piece


def _praise_for_ending(essay: Essay, request: PassRequest) -> list[Comment]:
    """Return praise for an ending that repeats words of the opening.

    A comment that the ending lacks them would be unreliable, so there is none.
    """
    if len(essay.paragraphs) < 3 or len(essay.paragraphs[-1].stems) < 8:
        return []
    first, last = essay.paragraphs[0], essay.paragraphs[-1]
    if similarity(first.stems, last.stems) < 0.4:
        return []
    message = "Your last paragraph takes up many words of your opening, which helps an essay to feel rounded."
    step = "Check that it adds something the reader could not know at the start."
    return [rule_comment(request, "praise", "conclusion", "info", UNMEASURED, [_first_sentence(last)], message, step)]


def _praise_for_linking_words(essay: Essay, request: PassRequest) -> list[Comment]:
    """Return praise for varied linking words.

    A comment that asks for more linking words was measured as useless, so there is none.
    """
    places: dict[str, Piece] = {}
    for paragraph in essay.paragraphs:
        for word in _TRANSITIONS:
            match = re.search(rf"\b{word}\b", paragraph.piece.text, re.IGNORECASE)
            if match and word not in places:
                start = paragraph.piece.start + match.start()
                places[word] = Piece(start, start + len(match.group()), match.group())
    if len(places) < 5:
        return []
    ordered = sorted(places.values(), key=lambda piece: piece.start)
    named = ", ".join(f"\u201c{piece.text.lower()}\u201d" for piece in ordered[:3])
    message = (
        f"You use {len(places)} different linking words, such as {named}: they show a reader how ideas hang together."
    )
    step = "Keep this up, and check that each one names the link you really mean."
    return [rule_comment(request, "praise", "transition", "info", UNMEASURED, ordered, message, step)]
