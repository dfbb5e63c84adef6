"""Find openings that want a comma, and clauses that stand in front of their sentence without one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.own.tokens import AUXILIARIES, PRONOUNS, Sentence, flag

# After "of course", "in fact", "finally", "then", "in other words" and the like a comma is a matter of taste.
_PHRASES = (
    r"in my (?:opinion|view)|in conclusion|for (?:instance|example)|to sum up|on the other hand|as a result|in addition|"
    r"furthermore|moreover|therefore|however|consequently|unfortunately|nowadays"
)
_SUBJECT = (
    r"(?: (?:i|we|you|he|she|it|they|there|this|these|those|the|a|an|my|our|your|his|her|their|some|many|most|people|if|"
    r"when|because|students|children)\b)"
)
_OPENING = re.compile(rf"(?:{_PHRASES})(?={_SUBJECT})", re.IGNORECASE)
_WANTED = re.compile(rf"(?:{_PHRASES})\b", re.IGNORECASE)
_ALSO = re.compile(rf"(?:also|hence)(?={_SUBJECT})", re.IGNORECASE)
# "However we look at it, …" is about how we look. A comma later in the sentence may end such a clause.
_HOWEVER_MANNER = re.compile(r"however\b(?: \w+){1,8}?,", re.IGNORECASE)
_CLAUSE_WORDS = frozenset("if when although though because whenever".split())
_SAYING = frozenset(
    "think thinks thought say says said know knows knew believe believes believed see sees saw feel feels felt hope hopes "
    "wish wishes find finds found tell tells told ask asks asked realize realise realised realized decide decided what who "
    "whom which that how why where when if whether and or but than as like so because whatever all everything anything "
    "something nothing thing things way time reason one person people first".split()
)


def wants_comma(text: str, start: int) -> bool:
    """Return whether the words at a place open a sentence in a way that needs a comma behind them."""
    sentence = text[start : start + 200]
    return bool(_WANTED.match(sentence) or _ALSO.match(sentence)) and not _HOWEVER_MANNER.match(sentence)


def sentence_start(text: str, place: int) -> int:
    """Return where the sentence around a place begins, at most 400 characters before it."""
    before = text[max(0, place - 400) : place]
    ends = max(before.rfind(mark) for mark in (". ", "! ", "? ", "\n", "\u201d "))
    start = place - len(before) + ends + 1 if ends >= 0 else place - len(before)
    return start + len(text[start:place]) - len(text[start:place].lstrip(" \"'\u201c(\n"))


def openings(sentence: Sentence) -> Iterator[Flag]:
    """Find opening phrases such as "in my opinion" without their comma."""
    text, start = sentence.piece.text, sentence.piece.start
    found = _OPENING.match(text)
    if found and not _HOWEVER_MANNER.match(text):
        last = found.group().rsplit(" ", 1)[-1]
        end = start + found.end()
        message = "An opening phrase like this is usually followed by a comma."
        yield flag("COMMA_AFTER_OPENING", "punctuation", end - len(last), end, message, f"{last},")


def clauses_in_front(sentence: Sentence) -> Iterator[Flag]:
    """Find "If it rains we stay": the clause in front ends without a comma."""
    tokens, text = sentence.tokens, sentence.piece.text
    if len(tokens) < 6 or "," in text or tokens[0].lower not in _CLAUSE_WORDS or text[-1] == "?":
        return
    if tokens[1].lower in {"of", "to"} or "which" in text or "that" in text.split():
        return
    places = [index for index in range(4, len(tokens) - 1) if _starts_main_clause(sentence, index)]
    joined = {"and", "but", "or", "because", "if", "when"}
    if len(places) == 1 and not any(token.lower in joined for token in tokens[1:]):
        last = tokens[places[0] - 1]
        message = (
            "When a part with \u201cif\u201d, \u201cwhen\u201d or \u201calthough\u201d comes first, a comma ends it."
        )
        yield flag("COMMA_AFTER_CLAUSE", "punctuation", last.start, last.end, message, f"{last.text},")


def _starts_main_clause(sentence: Sentence, index: int) -> bool:
    subject, verb, before = sentence.tokens[index], sentence.tokens[index + 1], sentence.tokens[index - 1]
    if not sentence.joined(index - 2, index + 1) or subject.lower not in PRONOUNS or before.lower in _SAYING:
        return False
    # A noun in front may begin "the book you read".
    finite = verb.lower in AUXILIARIES or bool(verb.tags & {"VBD", "VBZ", "VBP"})
    return finite and not before.tags & {"IN", "CC", "WDT", "WRB", "TO", "DT"} and before.lower not in AUXILIARIES


def because_comma(sentence: Sentence) -> Iterator[Flag]:
    """Find a comma between "because" or "although" and its clause."""
    tokens = sentence.tokens
    for index, token in enumerate(tokens[:-2]):
        if token.lower not in {"because", "although"} or sentence.gap(index + 1) not in {", ", ","}:
            continue
        rest = tokens[index + 2 : index + 9]
        if tokens[index + 1].lower not in PRONOUNS | {"people", "there", "everyone"} or not rest:
            continue
        # A second comma soon after is the end of words put in between: "because, he thought, …".
        if "," in sentence.part(tokens[index + 1].start, rest[-1].end):
            continue
        message = f"No comma is needed after \u201c{token.lower}\u201d."
        end = token.end + 1
        yield flag("NO_COMMA_AFTER_BECAUSE", "punctuation", token.start, end, message, token.text)
