"""Find words that are written in two, and capitals within a sentence on words that are no names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.lexicon import tags
from workers.providers.local.own.tokens import Sentence, flag

_TORN = re.compile(
    r"\b(?:(?:my|him|her|your|it) self|(?:them|our|your) selves|(?:some|any|every) (?:thing|body)\b(?! of)|"
    r"un (?:known|happy|able|fair|healthy|til)|dis (?:agree|like|agreed|advantage|advantages)|never the less|further more|"
    r"with out|(?:class|home) (?:room|rooms|mate|mates|work)|text books?|"
    r"every where|any where|some where|no where|in deed|news papers?|weekend s|grand (?:mother|father|parents)|"
    r"sports? m[ae]n|police m[ae]n|business m[ae]n|green house|life styles?|friend ships?)\b",
    re.IGNORECASE,
)
_NO_NAMES = frozenset("They You It She When If But Because These Then Scientists".split())


def torn_words(sentence: Sentence) -> Iterator[Flag]:
    """Find "him self" and "text books"."""
    for match in _TORN.finditer(sentence.piece.text):
        start = sentence.piece.start + match.start()
        whole = match.group().replace(" ", "")
        if not match.group().isupper() and (tags(whole.lower()) or whole.lower() == "nevertheless"):
            yield flag("TORN_WORD", "spelling", start, start + len(match.group()), "This is one word.", whole)


def capitals(sentence: Sentence) -> Iterator[Flag]:
    """Find "because They went": a capital that no name and no start of a sentence explains."""
    tokens = sentence.tokens
    for index in range(1, len(tokens) - 1):
        token, before, following = tokens[index], tokens[index - 1], tokens[index + 1]
        if token.text not in _NO_NAMES or not (before.text.islower() and following.text.islower()):
            continue
        if (
            sentence.gap(index) in {" ", ", "}
            and sentence.gap(index + 1) == " "
            and before.lower not in {"the", "called"}
        ):
            message = "A capital letter is only for the first word of a sentence and for names."
            yield flag("CAPITAL_WITHIN", "capitalisation", token.start, token.end, message, token.lower)
