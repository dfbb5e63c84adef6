"""Decide where a rule of an engine may not speak, such as where a rare form is right."""

from __future__ import annotations

import re

from workers.providers.local.flags import Flag
from workers.providers.local.own.openings import sentence_start, wants_comma
from workers.providers.local.rules import (
    BRITISH_PAST,
    MASS_NOUNS,
    MAY_REPEAT,
    NEVER_ALONE,
    OPENING_COMMA,
    REPEATED,
    SUBJUNCTIVE,
)

_WISH = re.compile(
    r"\b(?:suggest\w*|insist\w*|demand\w*|recommend\w*|require\w*|important|essential|vital|necessary|long live|god|heaven|"
    r"come what)\b[^.!?]*$",
    re.IGNORECASE,
)


def why_held(flag: Flag, safe: str, *, alone: bool) -> str:
    """Return why a rule may not speak at this place, or an empty string. `alone`: the other engine read the text and is silent."""
    if flag.rule in NEVER_ALONE and alone:
        return "one engine"
    if flag.rule in OPENING_COMMA and not wants_comma(safe, sentence_start(safe, flag.start)):
        return "taste"
    words = safe[flag.start : flag.end].lower()
    if flag.rule in REPEATED and " ".join(words.split()) in MAY_REPEAT:
        return "right twice"
    if flag.rule in SUBJUNCTIVE and (words == "be" or _WISH.search(safe[max(0, flag.start - 60) : flag.start])):
        return "subjunctive"
    if flag.rule in SUBJUNCTIVE and words in BRITISH_PAST:
        return "dialect"
    if flag.rule == "MassNouns" and not MASS_NOUNS & {one.removesuffix("s") for one in words.split()}:
        return "can be counted"
    return ""
