"""Find set phrases with a small word too few or too many: "one of most", "play the football", "at the night"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.own.tokens import Sentence, flag

# What may follow a phrase that ends here: a mark, or a word that begins something new.
_END = r"(?= (?:and|or|but|because|when|with|in|on|at|to|for|i|we|he|she|they|it|is|was|are|were|as|every|after|before)\b|[,.;:!?]|$)"
_GAMES = r"(?:football|soccer|basketball|volleyball|tennis|chess|cricket|hockey|baseball|badminton|handball|rugby|golf)"
_RIDES = r"(?:bus|train|plane|metro|subway)"
_TOP = (
    r"(?:most (?:important|interesting|difficult|beautiful|common|popular|dangerous)|best|worst|biggest|main|hardest)"
)
_THING = (
    r"(?:thing|reason|problem|part|point|way|example|advantage|disadvantage|question|day|moment|person|place|mistake)"
)
_POINT = r"(?:reason|problem|point|advantage|disadvantage|question|example|mistake|step)"
_ORDINAL = r"(?:first|second|third|fourth|last|next|other|main)"
# Each: the phrase, the words in it that are wrong, and what they should be.
_PHRASES = tuple(
    (re.compile(pattern, re.IGNORECASE), correction)
    for pattern, correction in (
        (r"\bone of (?P<wrong>most|best|biggest|worst|greatest|oldest|largest|smallest)\b", r"the {wrong}"),
        (rf"\bplay(?:s|ed|ing)? (?P<wrong>the {_GAMES}){_END}", "{rest}"),
        (rf"\b(?:go|goes|going|went|come|comes|came|travel\w{{0,3}})(?: \w+){{0,3}}? by (?P<wrong>the {_RIDES}){_END}", "{rest}"),
        (rf"\bat (?P<wrong>the night){_END}", "{rest}"),
        (rf"\bin (?P<wrong>the (?:19|20)\d\d){_END}", "{rest}"),
        (r"\b(?:in|love|loves|protect|protects|enjoy|enjoys) (?P<wrong>the nature)(?= (?:because|but|when)\b|[,.;:!?]|$)", "{rest}"),
        (r"(?<!make )(?<!makes )(?<!made )(?<!making )(?<!get )\b(?P<wrong>the most of) (?=(?:the|my|our|people|students)\b)", "{rest}"),
        (r"\b(?P<wrong>the both)(?= (?:of|sides|teams|parents|hands|countries|boys|girls)\b)", "{rest}"),
        (rf"(?:^|(?<=\bbecause ))(?P<wrong>{_TOP}) {_THING} (?:is|was)\b", "the {wrong}"),
        (rf"^(?P<wrong>{_ORDINAL}) {_POINT} (?:is|was)\b", "the {wrong}"),
        (rf"(?<!no )\bsuch (?P<wrong>big|good|bad|great|small|nice|beautiful|hard|long) {_THING}\b", "a {wrong}"),
        (r"\b(?:in|at) (?P<wrong>first|second|third|last|next) (?:week|part|paragraph|line|chapter|lesson)\b", "the {wrong}"),
    )
)  # fmt: skip


def article_phrases(sentence: Sentence) -> Iterator[Flag]:
    """Find the phrases of the table."""
    text, start = sentence.piece.text, sentence.piece.start
    for pattern, correction in _PHRASES:
        for found in pattern.finditer(text):
            wrong = found["wrong"]
            rest = wrong.split(" ", 1)[-1]
            right = correction.format(wrong=wrong[:1].lower() + wrong[1:], rest=rest)
            if wrong[:1].isupper():
                right = right[:1].upper() + right[1:]
            first, last = found.span("wrong")
            message = (
                "A small word is missing here." if len(right) > len(wrong) else "\u201cThe\u201d is not needed here."
            )
            yield flag("ARTICLE_PHRASE", "article", start + first, start + last, message, right)
