"""Choose the one pattern of language that an essay should be proofread for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from workers.providers.local.merge import Finding

# A next step speaks about the whole essay, so it counts only findings that are nearly always right.
CERTAIN = 0.96
# What changes the sense of a sentence comes before what changes only its look.
_SENSE = ("agreement", "verb_form", "word_choice", "grammar", "article", "repetition")
_WORDS = {
    "agreement": ("places where words do not agree in number", "read each sentence with only its subject and verb"),
    "verb_form": ("verbs that need another form", "say each sentence aloud and listen to the verb"),
    "word_choice": ("words that may not be the ones you meant", "look each up and choose"),
    "grammar": ("slips of grammar", "read each sentence aloud and put it in simpler words"),
    "article": ("places for a, an or the", "read each noun with and without the small word"),
    "repetition": ("words that stand there twice", "read slowly and take one away"),
    "spelling": ("spellings", "proofread for these"),
    "contraction": ("apostrophes", "say the long form of each word"),
    "capitalisation": ("capital letters", "look at each beginning of a sentence, each name and each \u201cI\u201d"),
    "punctuation": ("punctuation marks", "read aloud and listen for each stop and pause"),
    "spacing": ("spaces", "look before and after each mark"),
}
_NUMBERS = ("Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")
_FEWEST_SINGLE = 3


def pattern_step(found: Sequence[Finding]) -> tuple[str, ...]:
    """Return one next step about the kind of mistake that matters most, or none. It names no correction.

    A kind is a pattern from two places on. A kind that changes the sense wins when it has at least a third as many places as
    the most frequent kind.
    """
    counts = Counter(
        finding.flag.type for finding in found if finding.problem >= CERTAIN and finding.flag.type in _WORDS
    )
    ordered = sorted(counts, key=lambda kind: (-counts[kind], tuple(_WORDS).index(kind)))
    if not ordered:
        return ()
    most = counts[ordered[0]]
    if most < 2:
        several = len(ordered) >= _FEWEST_SINGLE
        return ("Proofread slowly, one sentence at a time: the small slips are of different kinds.",) if several else ()
    sense = [kind for kind in ordered if kind in _SENSE and counts[kind] >= 2 and counts[kind] * 3 >= most]
    chosen = (sense or ordered)[0]
    what, how = _WORDS[chosen]
    count = counts[chosen]
    number = _NUMBERS[count - 2] if count - 2 < len(_NUMBERS) else f"{count:,}"
    return (f"{number} {what}: {how}.",)
