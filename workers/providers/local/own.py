"""Find mistakes that both engines miss and that a simple pattern finds with few false alarms."""

from __future__ import annotations

import re

from workers.providers.local.flags import Flag
from workers.providers.local.text import Paragraph, read
from workers.text.segmentation import Piece, words

END_MARK_FROM_WORDS = 8
_OPENING_PHRASE = re.compile(
    r"(?:in my (?:opinion|view)|in conclusion|in (?:fact|contrast|summary|short|general|other words|this case)|"
    r"as a result|for (?:instance|example)|of course|after that|to sum up|at the same time|on the other hand|"
    r"secondly|thirdly|finally|unfortunately|nowadays|furthermore|moreover|therefore|however|consequently)"
    r"(?= (?:i|we|you|he|she|it|they|there|this|these|those|the|a|an|my|our|your|his|her|their|some|many|most|"
    r"people|if|"
    r"when|because|students|children)\b)",
    re.IGNORECASE,
)
_ONE_OF_MANY = re.compile(r"\b(?P<one>every|each|another)\s(?P<noun>[a-z]{3,}[^suai\W])s\b")


def own_flags(safe: str) -> list[Flag]:
    """Return the flags of our own patterns, in order of place, for a text that `guards.engine_text` has made safe."""
    found: list[Flag] = []
    for paragraph in read(safe).paragraphs:
        for sentence in paragraph.sentences:
            opening = _OPENING_PHRASE.match(sentence.text)
            if opening:
                end = sentence.start + opening.end()
                start = end - len(opening.group().rsplit(" ", 1)[-1])
                message = "An opening phrase like this is usually followed by a comma."
                found.append(
                    _own_flag("COMMA_AFTER_OPENING", "punctuation", start, end, message, f"{safe[start:end]},")
                )
        last_words = words(paragraph.sentences[-1].text) if paragraph.sentences else []
        if _lacks_end_mark(last_words, paragraph):
            start, end = paragraph.piece.end - len(last_words[-1].text), paragraph.piece.end
            message = "The paragraph stops here without a full stop or another end mark."
            found.append(_own_flag("END_MARK", "punctuation", start, end, message, f"{safe[start:end]}."))
    for match in _ONE_OF_MANY.finditer(safe):
        message = f"\u201c{match.group('one').capitalize()}\u201d speaks of one thing; the next word looks like more."
        correction = f"{match.group('one')} {match.group('noun')}"
        found.append(_own_flag("ONE_OF_MANY", "agreement", match.start(), match.end(), message, correction))
    return sorted(found, key=lambda flag: (flag.start, flag.end, flag.rule))


def _lacks_end_mark(last_words: list[Piece], paragraph: Paragraph) -> bool:
    """Return whether a paragraph ends without an end mark, and is a sentence rather than a heading with capitals."""
    if len(last_words) < END_MARK_FROM_WORDS or not paragraph.piece.text.endswith(last_words[-1].text):
        return False
    return sum(word.text[0].isupper() for word in last_words) * 3 < len(last_words)


def _own_flag(rule: str, type_: str, start: int, end: int, message: str, correction: str) -> Flag:
    return Flag(
        engine="O",
        rule=rule,
        group="O:own",
        type=type_,
        start=start,
        end=end,
        message=message,
        suggestions=(correction,),
    )
