"""Find fixed phrases that learners leave a word out of or get wrong, one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.own.tokens import Sentence, as_written, flag

_UNIT = r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|time|decades?)"
_SPAN = rf"(?:the (?:next|last|first) |a (?:few )?|an |one |two |three |\d{{1,4}} |few ){_UNIT}"
_COUNTED = r"(?:people|students|problems|things|books|cars|friends|countries|children|ways|places|reasons|ideas|jobs|teachers)\b"
_THEIR = r"(?:my|your|his|her|our|their)"
# Each row: the type of the comment, the pattern, and the corrections. The group "wrong" is what they replace.
_ROWS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("spelling", rf"(?P<wrong>with in)(?= {_SPAN})", ("within",)),
    ("article", r"(?P<wrong>at (?:a )?same time)", ("at the same time",)),
    ("article", r"(?P<wrong>in same way)", ("in the same way",)),
    ("article", r"(?P<wrong>(?:in|by|from|at|to) (?:the )?other hand|on other hand)", ("on the other hand",)),
    ("article", r"(?P<wrong>as result)(?= (?:of|the|they|we|it|he|she|people)\b)", ("as a result",)),
    ("article", r"for (?P<wrong>long time)", ("a long time",)),
    ("article", r"(?P<wrong>all of sudden)", ("all of a sudden",)),
    ("article", r"(?P<wrong>a lots of)", ("a lot of", "lots of")),
    ("article", r"(?:have|has|had|is|are|with|need|get|spend|of|and|learn|make|see) (?P<wrong>lot of)(?= \w)", ("a lot of",)),
    ("article", r"(?:most|some|many) of (?P<wrong>people)(?= (?:are|is|think|have|do|don't|like|want|who|in|say|will|can)\b)",
     ("the people",)),
    ("word_choice", r"(?P<wrong>almost)(?= (?:people|students|children|teenagers|of the|of them)\b)", ("most",)),
    ("word_choice", r"(?P<wrong>another)(?= (?:people|children)\b)", ("other",)),
    ("agreement", r"(?P<wrong>every people)\b", ("everyone", "every person")),
    ("agreement", r"(?:many|all|several|various|these|those) (?P<wrong>kind|type)(?= of\b)", ("",)),
    ("word_choice", r"(?:discuss|discusses|discussed|discussing) (?P<wrong>about )", ("",)),
    ("word_choice", rf"depend(?:s|ed|ing)? (?P<wrong>of)(?= (?:the|what|how|{_THEIR}|its|where|who|you|it|them|us)\b)", ("on",)),
    ("word_choice", r"(?P<wrong>listen|listens|listening|listened)(?= (?:music|songs|the music|the teacher|the radio)\b)", ("",)),
    ("word_choice", r"(?P<wrong>(?:besides|despite) of)(?= (?:the|that|this|these|their|my|our|being|having|it)\b)", ("",)),
    ("word_choice", r"(?:go|going|went|goes) (?P<wrong>for |to )(?=shopping\b)", ("",)),
    ("word_choice", r"(?P<wrong>in nowadays)", ("nowadays",)),
    ("verb_form", r"(?:i|you|he|she|we|they|people) (?:can|could|must|should|would) (?P<wrong>to )(?=(?:be|go|have|do|get|make|see)\b)",
     ("",)),
    ("word_choice", rf"interested (?P<wrong>on|about|for|at)(?= (?:the|it|this|that|{_THEIR}|learning|science|music)\b)", ("in",)),
    ("word_choice", rf"(?P<wrong>[oi]n) {_THEIR} point of view", ("from",)),
    ("verb_form", r"(?:could|will|would|should|must|may|might)(?: not|n't)? (?P<wrong>able to)", ("be able to",)),
    ("grammar", r"there (?P<wrong>have)(?= (?:a|an|many|some|no|several|two|three|lots)\b)", ("are", "is")),
    ("word_choice", r"(?P<wrong>more (?:better|easier|faster|cheaper|bigger|stronger|healthier|happier|smarter|worse))\b", ("",)),
    ("word_choice", rf"(?<!so )(?P<wrong>much)(?= {_COUNTED})", ("many",)),
    ("word_choice", rf"so (?P<wrong>much)(?= {_COUNTED})", ("many",)),
    ("verb_form", r"\b(?:i|you|he|she|we|they|people) (?P<wrong>use to)(?= (?:be|go|have|do|live|play|think)\b)", ("used to",)),
    ("verb_form", r"(?:make|makes|made|let|lets) (?:me|him|her|us|them|you|people) (?P<wrong>to )(?=(?:be|feel|think|go|do|have)\b)",
     ("",)),
)  # fmt: skip
_COMPILED = tuple((type_, re.compile(rf"\b{pattern}", re.IGNORECASE), offered) for type_, pattern, offered in _ROWS)
_MESSAGES = {
    "article": "A small word is missing or wrong in this phrase.",
    "agreement": "These words do not agree in number.",
    "spelling": "This is one word when it is about time.",
    "verb_form": "The verb needs another form here.",
    "word_choice": "English uses another small word here, or none.",
    "grammar": "English says this with a form of \u201cbe\u201d.",
}


def phrases(sentence: Sentence) -> Iterator[Flag]:
    """Find the phrases of the table."""
    for number, (type_, pattern, offered) in enumerate(_COMPILED):
        for match in pattern.finditer(sentence.piece.text):
            quote = match.group("wrong")
            start = sentence.piece.start + match.start("wrong")
            made = tuple(as_written(quote, one) if one else _made(quote) for one in offered)
            yield flag(f"PHRASE_{number}", type_, start, start + len(quote), _MESSAGES[type_], *made)


def _made(quote: str) -> str:
    """Return the correction that depends on the words: "kinds", "listen to", "better" for "more better", nothing for others."""
    if quote.lower() in {"kind", "type"}:
        return f"{quote}s"
    if quote.lower().startswith("listen"):
        return f"{quote} to"
    if quote.lower().endswith(" of"):
        return quote[:-3]
    return quote[5:] if quote.lower().startswith("more ") else ""
