"""The content pass: compare the essay with its task, and find unsupported paragraphs, repeated sentences and missing sources."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import PassRequest
from workers.passes.segmentation import Piece, words
from workers.providers.local.language import TASK_WORDS
from workers.providers.local.spans import UNMEASURED, Stems, rule_comment, similarity, task_stems
from workers.providers.local.text import Essay, Paragraph, read, stems

MAX_COMMENTS = 5
OFF_PROMPT = 0.11
PROMPT_WORDS = 25
DRIFTS = 0.12
DRIFT_FROM = 30
SAME_TWICE = 0.6
MAX_UNSUPPORTED = 2
MAX_DRIFTING = 2
NOT_CHECKED = (
    "whether what you say is true",
    "whether your evidence is good and your reasoning holds",
    "a level of the rubric (a local check picks none)",
)
NO_TASK = "whether the essay answers its task (no assignment was given)"

_SUPPORT = re.compile(
    r"\d|[\"\u201c\u201d]|%|\b(?:for (?:example|instance)|such as|e\.g|according to|study|studies|"
    r"research\w*|survey\w*|"
    r"scientists?|experts?|statistics?|data|report\w*|percent|per cent|article|author|professor|dr|experience[ds]?|"
    r"one time|last (?:year|week|month|summer)|when i was|my (?:friend|mother|mom|mum|father|dad|brother|sister|cousin|"
    r"grandmother|grandfather|uncle|aunt|teacher|family|school)s?|i (?:remember|once|saw|knew|know)|imagine|"
    r"an example|proves?d?|shows that|evidence|source|states that|says that|hundred|thousand|million|half of)\b",
    re.IGNORECASE,
)
_CITATION = re.compile(
    r"\((?P<author>[A-Z][\w'\u2019-]{1,60})(?:,? (?:and|&) [A-Z][\w'\u2019-]+| et al\.?)?,? "
    r"(?:(?:19|20)\d\d[a-z]?(?:, pp?\. ?\d+)?|\d{1,4})\)"
    r"|(?<![\w'\u2019-])(?P<named>[A-Z][\w'\u2019-]{1,60})(?: (?:and|&) [A-Z][\w'\u2019-]+| et al\.?)? \((?:19|20)\d\d[a-z]?\)"
)
_QUOTATION = re.compile(r"[\"\u201c](?P<inside>[^\"\u201c\u201d\n]{25,400})[\"\u201d]")
_SPEAKER = re.compile(
    r"\b(?:said|says|say|saying|states?d?|stated|writes?|wrote|according|claims?|claimed|argues?|argued|explains?|explained|"
    r"author|article|text|passage|paragraph|quote[ds]?|notes|noted|tells?|told|asks?|asked|goes|line|page|called|book|"
    r"story|source|titled|entitled|report\w*|mention\w*|shows?|suggest\w*|describe[sd]?|add(?:s|ed)|repl(?:y|ies|ied))\b",
    re.IGNORECASE,
)


def answer(request: PassRequest) -> PassAnswer:
    """Return the comments on content that rules can make without understanding the essay, the most useful first."""
    essay = read(request.text)
    task = request.assignment_prompt
    found = [
        *_off_prompt(essay, task, request),
        *_missing_task_words(essay, request),
        *_drifting_paragraphs(essay, task, request),
        *_repeated_sentences(essay, request),
        *_citations(essay, request),
        *_unsupported_paragraphs(essay, request),
    ]
    praise = _praise_for_support(essay, request)
    comments = (*found[: MAX_COMMENTS - len(praise)], *praise)
    return PassAnswer(
        comments=comments,
        strengths=(
            *_task_words_used(essay, request),
            *("You name an example or a source for a point." for _ in praise),
        ),
        next_steps=tuple(dict.fromkeys(comment.next_step for comment in comments if comment.kind != "praise"))[:3],
        not_checked=NOT_CHECKED if task.strip() else (NO_TASK, *NOT_CHECKED),
    )


def _essay_stems(essay: Essay) -> tuple[str, ...]:
    return tuple(stem for paragraph in essay.paragraphs for stem in paragraph.stems)


def _first_sentence_of_essay(essay: Essay) -> Piece:
    first = essay.paragraphs[0]
    return first.sentences[0] if first.sentences else first.piece


def _off_prompt(essay: Essay, task: str, request: PassRequest) -> list[Comment]:
    wanted_stems = stems(task)
    if (
        len(wanted_stems) < PROMPT_WORDS
        or not essay.paragraphs
        or similarity(wanted_stems, _essay_stems(essay)) >= OFF_PROMPT
    ):
        return []
    message = "This essay shares very few words with its assignment, so I could not see how it answers it."
    step = "Read the assignment once more: which part of it does this essay answer, and where do you say so?"
    return [
        rule_comment(request, "question", "relevance", "major", 0.6, [_first_sentence_of_essay(essay)], message, step)
    ]


def _task_words(request: PassRequest) -> dict[str, str]:
    """Return the words that the assignment is about, as stem to lower-case word, without the words that say what to do."""
    instructions = set(task_stems(" ".join(TASK_WORDS)))
    found: dict[str, str] = {}
    for word in words(request.assignment_prompt):
        for stem in stems(word.text):
            if stem not in instructions:
                found.setdefault(stem, word.text.lower())
    return found


def _missing_task_words(essay: Essay, request: PassRequest) -> list[Comment]:
    task_words = {stem: word for stem, word in _task_words(request).items() if len(word) > 3}
    essay_stems = set(_essay_stems(essay)) | set(stems(request.title))
    missing = [word for stem, word in task_words.items() if stem not in essay_stems]
    # An essay may leave out a word or two. An essay without any word of its task is a case for `_off_prompt`.
    if len(missing) < 2 or len(task_words) < 4 or not essay.paragraphs or len(missing) == len(task_words):
        return []
    if len(missing) * 3 < len(task_words):
        return []
    named = ", ".join(f"\u201c{word}\u201d" for word in missing[:5])
    message = f"Some words of the assignment are not mentioned yet: {named}."
    step = "Did you leave them out on purpose, or is there something you still want to say about one of them?"
    return [
        rule_comment(request, "question", "coverage", "minor", 0.9, [_first_sentence_of_essay(essay)], message, step)
    ]


def _task_words_used(essay: Essay, request: PassRequest) -> tuple[str, ...]:
    task_words = _task_words(request)
    essay_stems = set(_essay_stems(essay))
    mentioned = [word for stem, word in task_words.items() if stem in essay_stems]
    if len(task_words) < 4 or len(mentioned) * 4 < len(task_words) * 3:
        return ()
    named = ", ".join(f"\u201c{word}\u201d" for word in mentioned[:4])
    return (f"You take up what the assignment is about: {named}.",)


def _drifting_paragraphs(essay: Essay, task: str, request: PassRequest) -> list[Comment]:
    wanted_stems = stems(task)
    if len(essay.paragraphs) < 4:
        return []
    essay_stems, asked_stems = Stems(_essay_stems(essay)), Stems(wanted_stems)
    found: list[tuple[float, Paragraph]] = []
    for paragraph in essay.paragraphs[1:-1]:
        if paragraph.word_count < DRIFT_FROM:
            continue
        similarity = essay_stems.near_without(paragraph.stems)
        score = (
            (similarity + asked_stems.near(paragraph.stems)) / 2 if len(wanted_stems) >= PROMPT_WORDS else similarity
        )
        if score < DRIFTS:
            found.append((score, paragraph))
    found.sort(key=lambda item: (item[0], item[1].piece.start))
    message = "This paragraph has few words in common with the rest of your essay. A reader may not see why it is here."
    step = "How does it help to show your main point? Could one sentence say so?"
    return [
        rule_comment(request, "question", "relevance", "minor", 0.65, [_first_sentence(paragraph)], message, step)
        for _, paragraph in found[:MAX_DRIFTING]
    ]


def _first_sentence(paragraph: Paragraph) -> Piece:
    return paragraph.sentences[0] if paragraph.sentences else paragraph.piece


def _repeated_sentences(essay: Essay, request: PassRequest) -> list[Comment]:
    pairs = list(_similar_sentence_pairs(essay))
    if not pairs:
        return []
    first, second = pairs[0]
    message = "You say nearly the same thing here as in an earlier sentence."
    if len(pairs) > 1:
        message = f"You say nearly the same thing here as in an earlier sentence; there are {len(pairs)} such pairs."
    step = "Which of the two says it better? Could the other one add something new?"
    places = list(dict.fromkeys([second, first, *(piece for pair in pairs[1:] for piece in pair)]))
    return [rule_comment(request, "issue", "redundancy", "minor", 0.9, places, message, step)]


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
                yield other_piece, piece
                break


def _unsupported_paragraphs(essay: Essay, request: PassRequest) -> list[Comment]:
    unsupported = [
        paragraph
        for paragraph in essay.paragraphs[1:-1]
        if paragraph.word_count >= 40 and not _SUPPORT.search(paragraph.piece.text)
    ]
    unsupported.sort(key=lambda paragraph: (-paragraph.word_count, paragraph.piece.start))
    message = "I found no example, number, source or quotation in this paragraph."
    step = "What have you seen, read or lived that would help a reader believe it?"
    return [
        rule_comment(request, "question", "evidence", "minor", 0.8, [_first_sentence(paragraph)], message, step)
        for paragraph in unsupported[:MAX_UNSUPPORTED]
    ]


def _praise_for_support(essay: Essay, request: PassRequest) -> list[Comment]:
    """Return praise for the first sentence of a body paragraph that explicitly names an example or a source."""
    cue = re.compile(
        r"\b(?:for example|for instance|according to|research shows|a study|studies show)\b", re.IGNORECASE
    )
    for paragraph in essay.paragraphs[1:-1]:
        for piece in paragraph.sentences:
            if cue.search(piece.text) and len(words(piece.text)) >= 8:
                message = "You name an example or a source here: something a reader can picture or look up."
                step = "Add a sentence that says what it shows about your point, if there is none yet."
                return [rule_comment(request, "praise", "evidence", "info", UNMEASURED, [piece], message, step)]
    return []


def _citations(essay: Essay, request: PassRequest) -> list[Comment]:
    cited = [
        (match.group("author") or match.group("named"), Piece(place, place + len(match.group()), match.group()))
        for paragraph in essay.paragraphs
        for match in _CITATION.finditer(paragraph.piece.text)
        for place in [paragraph.piece.start + match.start()]
    ]
    found: list[Comment] = []
    if essay.references is not None:
        missing = [piece for author, piece in cited if author not in essay.references.text]
        if missing:
            message = "You name this source in the text, but I could not find it in your list of references."
            step = "Add it to the list, or check that the name is spelled the same way in both places."
            found.append(rule_comment(request, "question", "citation", "minor", UNMEASURED, missing, message, step))
    elif len(cited) >= 2:
        message = "You name sources in the text, but I could not find a list of references at the end."
        step = "Does your teacher ask for a list of sources? If so, add one with these in it."
        found.append(
            rule_comment(
                request, "question", "citation", "minor", UNMEASURED, [piece for _, piece in cited], message, step
            )
        )
    without_source = list(_quotations_without_source(essay))
    if without_source:
        message = "I could not see who said or wrote this quotation."
        step = "Who is speaking here, and where can a reader find it?"
        found.append(rule_comment(request, "question", "citation", "minor", UNMEASURED, without_source, message, step))
    return found


def _quotations_without_source(essay: Essay) -> Iterator[Piece]:
    for paragraph in essay.paragraphs:
        text = paragraph.piece.text
        for match in _QUOTATION.finditer(text):
            around = text[max(0, match.start() - 150) : match.start()] + " " + text[match.end() : match.end() + 100]
            if len(words(match.group("inside"))) >= 5 and not _SPEAKER.search(around) and not _CITATION.search(around):
                start = paragraph.piece.start + match.start()
                yield Piece(start, start + len(match.group()), match.group())
