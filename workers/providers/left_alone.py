"""Know the words of an essay that no comment on language is about, and leave out a model's comments on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from models.comment_points import Offsets
from models.jobs import PassName
from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import PassRequest
from workers.providers.local.kinds import SILENT, QuietPlaces, Ranges
from workers.providers.local.language import ENGLISH_FUNCTION_WORDS, detect_language
from workers.providers.local.spans import span
from workers.text.inline import TITLES, InlineKind
from workers.text.layout import Kind
from workers.text.reading import Reading, read
from workers.text.segmentation import words

_FEWEST_WORDS = 3
ABOUT_SPELLING = frozenset({"spelling", "capitalisation"})
# Lines of these kinds begin and end as their layout wants it.
_NOT_ABOUT = {
    Kind.TITLE: frozenset({"punctuation"}),
    Kind.HEADING: frozenset({"punctuation"}),
    Kind.VERSE: frozenset({"punctuation", "capitalisation"}),
}
_TITLE = re.compile(rf"(?:{TITLES})\b\.?\s+")


class LeftAlone:
    """The words of one essay that nobody corrects: names, words in another language, quotations, references, code, tables.

    In an essay that is not in English, no words count as being in another language.
    """

    def __init__(self, text: str, language: str = "en") -> None:
        self._text = text
        self._reading = reading = read(text)
        detected = detect_language(_without_quotations(reading))
        english = detected == "en" or (detected is None and (language or "en").lower().startswith("en"))
        self._quiet = QuietPlaces(reading, english=english)
        self._foreign = Ranges(_foreign_quotations(reading) if english else ())

    def without(self, comments: Iterable[Comment]) -> list[Comment]:
        """Return the comments that may be shown, without the places at which they may not."""
        return [kept for comment in comments if (kept := self._kept(comment)) is not None]

    def _kept(self, comment: Comment) -> Comment | None:
        if comment.kind == "praise" or comment.span.match == "none":
            return comment
        return _elsewhere(comment, self._text, lambda place: self._holds(comment, place))

    def _holds(self, comment: Comment, place: Offsets) -> bool:
        found = self._reading.clean_span(*place)
        if found is None:
            return False
        kind = self._quiet.kind(found[0])
        if kind in SILENT or comment.type in _NOT_ABOUT.get(kind, ()):
            return kind is self._quiet.kind(found[1] - 1)
        if self._quiet.spans.hold(*found) or self._foreign.hold(*found):
            return True
        return comment.type in ABOUT_SPELLING and self._quiet.names.hold(*found)


def without_places(comment: Comment, text: str, places: Ranges) -> Comment | None:
    """Return the comment at those of its places that lie in none of the given ones, or None where none remains."""
    return _elsewhere(comment, text, lambda place: places.hold(*place))


def without_left_alone(answer: PassAnswer, request: PassRequest) -> PassAnswer:
    """Return an answer without comments on grammar that stand on words which are left alone."""
    if request.pass_name is not PassName.GRAMMAR or not answer.comments:
        return answer
    return replace(answer, comments=tuple(LeftAlone(request.text, request.language).without(answer.comments)))


def _elsewhere(comment: Comment, text: str, left_alone: Callable[[Offsets], bool]) -> Comment | None:
    first = not left_alone(_corrected(comment))
    further = tuple(place for place in comment.also_at if not left_alone(place))
    if first:
        return replace(comment, also_at=further)
    if not further:
        return None
    return replace(comment, span=span(text, *further[0]), also_at=further[1:])


def _corrected(comment: Comment) -> Offsets:
    """Return the place that the first suggestion changes, with a character on each side of an insertion.

    Without a suggestion it is the whole place, but for the title before a name.
    """
    start, end, quote = comment.span.start, comment.span.end, comment.span.quote
    if not comment.suggestions or comment.suggestions[0] == quote:
        title = _TITLE.match(quote)
        return (start + title.end() if title and title.end() < len(quote) else start), end
    suggested = comment.suggestions[0]
    left = _equal_characters(quote, suggested)
    right = _equal_characters(quote[left:][::-1], suggested[left:][::-1])
    first, last = start + left, end - right
    return (first, last) if first < last else (max(0, first - 1), last + 1)


def _equal_characters(one: str, other: str) -> int:
    """Return with how many equal characters two texts begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


def _without_quotations(reading: Reading) -> str:
    """Return the clean text without what stands within quotation marks, which may be most of a short text."""
    parts: list[str] = []
    done = 0
    for quotation in reading.spans(InlineKind.QUOTATION):
        parts.append(reading.clean[done : quotation.start])
        done = quotation.end
    return "".join((*parts, reading.clean[done:]))


def _foreign_quotations(reading: Reading) -> Iterable[Offsets]:
    """Yield the words within the marks of quotations that are not in English."""
    for quotation in reading.spans(InlineKind.QUOTATION):
        start, end = quotation.start + 1, quotation.end - 1
        if start < end and _is_foreign(reading.clean[start:end]):
            yield start, end


def _is_foreign(quoted: str) -> bool:
    found = [word.text.lower() for word in words(quoted)]
    language = detect_language(quoted)
    if language is not None:
        return language != "en"
    return len(found) >= _FEWEST_WORDS and ENGLISH_FUNCTION_WORDS.isdisjoint(found)
