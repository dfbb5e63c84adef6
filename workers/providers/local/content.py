"""The content pass: does the essay take up its task, support what it says, and say each thing once?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import PassRequest
from workers.passes.segmentation import Piece, words
from workers.providers.local.language import TASK_WORDS
from workers.providers.local.spans import UNMEASURED, Stems, rule_comment, shared, task_stems
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
    """Return what can be said of the essay's content without understanding it, most useful first."""
    essay = read(request.text)
    task = request.assignment_prompt
    found = [
        *_off_prompt(essay, task, request),
        *_never_taken_up(essay, request),
        *_drifting(essay, task, request),
        *_same_twice(essay, request),
        *_sources(essay, request),
        *_unsupported(essay, request),
    ]
    praise = _supported(essay, request)
    comments = (*found[: MAX_COMMENTS - len(praise)], *praise)
    return PassAnswer(
        comments=comments,
        strengths=(*_taken_up(essay, request), *("You name an example or a source for a point." for _ in praise)),
        next_steps=tuple(dict.fromkeys(one.next_step for one in comments if one.kind != "praise"))[:3],
        not_checked=NOT_CHECKED if task.strip() else (NO_TASK, *NOT_CHECKED),
    )


def _essay_stems(essay: Essay) -> tuple[str, ...]:
    return tuple(stem for one in essay.paragraphs for stem in one.stems)


def _opening(essay: Essay) -> Piece:
    first = essay.paragraphs[0]
    return first.sentences[0] if first.sentences else first.piece


def _off_prompt(essay: Essay, task: str, request: PassRequest) -> list[Comment]:
    wanted = stems(task)
    if len(wanted) < PROMPT_WORDS or not essay.paragraphs or shared(wanted, _essay_stems(essay)) >= OFF_PROMPT:
        return []
    message = "This essay shares very few words with its assignment, so I could not see how it answers it."
    step = "Read the assignment once more: which part of it does this essay answer, and where do you say so?"
    return [rule_comment(request, "question", "relevance", "major", 0.6, [_opening(essay)], message, step)]


def _task_words(request: PassRequest) -> dict[str, str]:
    """Return what the assignment is about, stem to word as written, without what it merely tells a student to do."""
    orders = set(task_stems(" ".join(TASK_WORDS)))
    found: dict[str, str] = {}
    for word in words(request.assignment_prompt):
        for stem in stems(word.text):
            if stem not in orders:
                found.setdefault(stem, word.text.lower())
    return found


def _never_taken_up(essay: Essay, request: PassRequest) -> list[Comment]:
    wanted = {stem: word for stem, word in _task_words(request).items() if len(word) > 3}
    used = set(_essay_stems(essay)) | set(stems(request.title))
    missing = [word for stem, word in wanted.items() if stem not in used]
    # A word or two may well be left out; a task all of whose words are missing is the point above, not this one.
    if len(missing) < 2 or len(wanted) < 4 or not essay.paragraphs or len(missing) == len(wanted):
        return []
    if len(missing) * 3 < len(wanted):
        return []
    named = ", ".join(f"\u201c{word}\u201d" for word in missing[:5])
    message = f"Some words of the assignment are not mentioned yet: {named}."
    step = "Did you leave them out on purpose, or is there something you still want to say about one of them?"
    return [rule_comment(request, "question", "coverage", "minor", 0.9, [_opening(essay)], message, step)]


def _taken_up(essay: Essay, request: PassRequest) -> tuple[str, ...]:
    wanted = _task_words(request)
    used = set(_essay_stems(essay))
    met = [word for stem, word in wanted.items() if stem in used]
    if len(wanted) < 4 or len(met) * 4 < len(wanted) * 3:
        return ()
    named = ", ".join(f"\u201c{word}\u201d" for word in met[:4])
    return (f"You take up what the assignment is about: {named}.",)


def _drifting(essay: Essay, task: str, request: PassRequest) -> list[Comment]:
    wanted = stems(task)
    if len(essay.paragraphs) < 4:
        return []
    whole, asked = Stems(_essay_stems(essay)), Stems(wanted)
    found: list[tuple[float, Paragraph]] = []
    for one in essay.paragraphs[1:-1]:
        if one.word_count < DRIFT_FROM:
            continue
        near = whole.near_without(one.stems)
        score = (near + asked.near(one.stems)) / 2 if len(wanted) >= PROMPT_WORDS else near
        if score < DRIFTS:
            found.append((score, one))
    found.sort(key=lambda item: (item[0], item[1].piece.start))
    message = "This paragraph has few words in common with the rest of your essay. A reader may not see why it is here."
    step = "How does it help to show your main point? Could one sentence say so?"
    return [
        rule_comment(request, "question", "relevance", "minor", 0.65, [_first(one)], message, step)
        for _, one in found[:MAX_DRIFTING]
    ]


def _first(paragraph: Paragraph) -> Piece:
    return paragraph.sentences[0] if paragraph.sentences else paragraph.piece


def _same_twice(essay: Essay, request: PassRequest) -> list[Comment]:
    pairs = list(_twins(essay))
    if not pairs:
        return []
    first, second = pairs[0]
    message = "You say nearly the same thing here as in an earlier sentence."
    if len(pairs) > 1:
        message = f"You say nearly the same thing here as in an earlier sentence; there are {len(pairs)} such pairs."
    step = "Which of the two says it better? Could the other one add something new?"
    places = list(dict.fromkeys([second, first, *(piece for pair in pairs[1:] for piece in pair)]))
    return [rule_comment(request, "issue", "redundancy", "minor", 0.9, places, message, step)]


def _twins(essay: Essay) -> Iterator[tuple[Piece, Piece]]:
    """Yield pairs of sentences made of the same stems; an ending may repeat the opening."""
    last = len(essay.paragraphs) - 1
    rows = [
        (index, piece, frozenset(found))
        for index, one in enumerate(essay.paragraphs)
        for piece in one.sentences
        if len(found := stems(piece.text)) >= 5
    ]
    by_stem: dict[str, list[int]] = {}
    for number, (index, piece, mine) in enumerate(rows):
        # Only the last fifty users of a stem are compared, so that an essay of one sentence repeated stays cheap.
        near: dict[int, int] = {}
        for stem in sorted(mine):
            for other in by_stem.get(stem, ())[-50:]:
                near[other] = near.get(other, 0) + 1
            by_stem.setdefault(stem, []).append(number)
        for other, common in sorted(near.items()):
            their_index, theirs, their_stems = rows[other]
            if {index, their_index} == {0, last} and last > 0:
                continue
            if common >= SAME_TWICE * len(mine | their_stems):
                yield theirs, piece
                break


def _unsupported(essay: Essay, request: PassRequest) -> list[Comment]:
    bare = [one for one in essay.paragraphs[1:-1] if one.word_count >= 40 and not _SUPPORT.search(one.piece.text)]
    bare.sort(key=lambda one: (-one.word_count, one.piece.start))
    message = "I found no example, number, source or quotation in this paragraph."
    step = "What have you seen, read or lived that would help a reader believe it?"
    return [
        rule_comment(request, "question", "evidence", "minor", 0.8, [_first(one)], message, step)
        for one in bare[:MAX_UNSUPPORTED]
    ]


def _supported(essay: Essay, request: PassRequest) -> list[Comment]:
    """Return praise for the first body paragraph that names an example or a source in so many words."""
    cue = re.compile(
        r"\b(?:for example|for instance|according to|research shows|a study|studies show)\b", re.IGNORECASE
    )
    for one in essay.paragraphs[1:-1]:
        for piece in one.sentences:
            if cue.search(piece.text) and len(words(piece.text)) >= 8:
                message = "You name an example or a source here: something a reader can picture or look up."
                step = "Add a sentence that says what it shows about your point, if there is none yet."
                return [rule_comment(request, "praise", "evidence", "info", UNMEASURED, [piece], message, step)]
    return []


def _sources(essay: Essay, request: PassRequest) -> list[Comment]:
    cited = [
        (match.group("author") or match.group("named"), Piece(place, place + len(match.group()), match.group()))
        for one in essay.paragraphs
        for match in _CITATION.finditer(one.piece.text)
        for place in [one.piece.start + match.start()]
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
    bare = list(_quotations_without_source(essay))
    if bare:
        message = "I could not see who said or wrote this quotation."
        step = "Who is speaking here, and where can a reader find it?"
        found.append(rule_comment(request, "question", "citation", "minor", UNMEASURED, bare, message, step))
    return found


def _quotations_without_source(essay: Essay) -> Iterator[Piece]:
    for one in essay.paragraphs:
        text = one.piece.text
        for match in _QUOTATION.finditer(text):
            around = text[max(0, match.start() - 150) : match.start()] + " " + text[match.end() : match.end() + 100]
            if len(words(match.group("inside"))) >= 5 and not _SPEAKER.search(around) and not _CITATION.search(around):
                start = one.piece.start + match.start()
                yield Piece(start, start + len(match.group()), match.group())
