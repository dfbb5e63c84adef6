"""Ask about two sentences joined by a comma only, and about a part of a sentence that stands alone."""

from __future__ import annotations

from collections.abc import Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.own.tokens import AUXILIARIES, CONJUNCTIONS, PREPOSITIONS, PRONOUNS, Sentence, Token, flag

_SUBORDINATE = frozenset(
    """if when while because although though since as unless until after before once whenever wherever whether so that than
    who which whom whose what how why where the-more not only no let""".split()
)
_SAYING = frozenset(
    "said says say asked asks replied told tells thought thinks think know knows guess mean suppose".split()
)
_SUBJECTS = PRONOUNS | frozenset("this these those that there".split())


def comma_splice(sentence: Sentence) -> Iterator[Flag]:
    """Ask about "It was late, we went home": two clauses with their own subject and verb and only a comma between."""
    tokens, text = sentence.tokens, sentence.piece.text
    if text.count(",") != 1 or len(tokens) < 8 or any(mark in text for mark in '"\u201c\u201d:;?\u2014()'):
        return
    index = next((k for k in range(1, len(tokens)) if "," in sentence.gap(k)), 0)
    if not 4 <= index <= len(tokens) - 4 or sentence.gap(index) not in {", ", ","}:
        return
    first, second = tokens[:index], tokens[index:]
    if not _is_clause(first) or not _is_clause(second) or second[0].lower not in _SUBJECTS - {"that", "there"}:
        return
    if any(token.lower in _SUBORDINATE | _SAYING | {"and", "or", "but", "either", "neither"} for token in first):
        return
    if any(token.lower in _SAYING for token in second[:3]) or second[1].lower in {"too", "or"}:
        return
    last = first[-1]
    message = (
        "Are these two sentences? A comma alone does not join them: a full stop, or a word like \u201cand\u201d, "
        "\u201cbut\u201d or \u201cso\u201d, would."
    )
    yield flag("COMMA_SPLICE", "punctuation", last.start, second[0].end, message)


def run_on(sentence: Sentence) -> Iterator[Flag]:
    """Ask about "It was an old photo there was a woman on it": a second sentence that begins without a mark between."""
    tokens, text = sentence.tokens, sentence.piece.text
    if len(tokens) < 8 or tokens[0].lower in _NOT_MAIN or any(mark in text for mark in '"\u201c\u201d'):
        return
    for index in range(3, len(tokens) - 3):
        subject, verb, following = tokens[index], tokens[index + 1], tokens[index + 2]
        before = tokens[index - 1]
        if subject.text not in _SECOND_SUBJECTS or not sentence.joined(index - 1, index + 2):
            continue
        if verb.lower not in _SECOND_VERBS or following.lower not in _COMPLEMENTS:
            continue
        # "The only food there was", "the kind of place it is": the noun in front belongs to the second part.
        if (
            not before.tags & {"NN", "NN:U", "NN:UN", "NNS", "RB"}
            or before.lower in _NOT_LAST | CONJUNCTIONS | PREPOSITIONS
        ):
            continue
        if not any(_is_finite(token) for token in tokens[1 : index - 1]):
            continue
        if {token.lower for token in tokens[:index]} & (_SUBORDINATE | _SAYING | {"as", "every", "like"}):
            continue
        message = (
            "Do two sentences meet here? A full stop, or a word like \u201cand\u201d, \u201cbut\u201d or "
            "\u201cbecause\u201d, would part them."
        )
        yield flag("RUN_ON", "punctuation", before.start, subject.end, message)
        return


def _is_finite(token: Token) -> bool:
    return token.lower in AUXILIARIES or bool(token.tags & {"VBD", "VBZ"} and not token.tags & {"NN", "NNS"})


_SECOND_SUBJECTS = frozenset("I he she it we they there this".split())
_SECOND_VERBS = frozenset("am is are was were isn't wasn't aren't have has had can will would agrees means".split())
_COMPLEMENTS = frozenset("a an the my his her our their very really so too no not some many two three".split())
_NOT_MAIN = _SUBORDINATE | frozenset(
    """in on at for from with after before by during despite given as to under over besides instead since what how behind near
    above below between next inside outside across along beside beyond within through opposite here there not far down up last
    this that every one each some all most two three years yesterday today once long somewhere now then of""".split()
)
_NOT_LAST = frozenset(
    "time times way day moment year years week month first last now then here thing fact reason maybe perhaps".split()
)


def _is_clause(tokens: tuple[Token, ...]) -> bool:
    """Return whether the words begin with a subject pronoun and a verb that has a tense."""
    if tokens[0].lower not in _SUBJECTS:
        return False
    verb = tokens[1]
    return verb.lower in AUXILIARIES or (
        bool(verb.tags & {"VBD", "VBZ", "VBP"}) and not verb.tags & {"NN", "NNS", "JJ", "IN"}
    )


def fragment(sentence: Sentence) -> Iterator[Flag]:
    """Ask about "Because it is fun.": a part that begins with "because" or "which" and stands alone."""
    tokens, text = sentence.tokens, sentence.piece.text
    if not 4 <= len(tokens) <= 14 or text[-1] != "." or "," in text or sentence.after_question:
        return
    first, second = tokens[0], tokens[1]
    if first.text not in {"Because", "Although", "Which"} or any(mark in text for mark in '"\u201c\u201d:;'):
        return
    subjects = [token for token in tokens[2:] if token.lower in PRONOUNS]
    if first.text != "Which" and (second.lower not in _SUBJECTS or second.lower == "that" or subjects):
        return
    if first.text == "Which" and second.lower not in {
        "is",
        "was",
        "are",
        "were",
        "means",
        "makes",
        "made",
        "can",
        "will",
    }:
        return
    message = "Is this a whole sentence? It begins like a part of one, and may belong to the sentence before it."
    yield flag("FRAGMENT", "grammar", first.start, second.end, message)
