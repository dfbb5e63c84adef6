"""Spec of the grammar pass: words and sentences."""

from __future__ import annotations

from models.jobs import PassName
from workers.passes.spec import PassSpec

GRAMMAR = PassSpec(
    name=PassName.GRAMMAR,
    prompt_file="grammar.md",
    types=(
        "agreement",
        "verb_form",
        "article",
        "word_choice",
        "spelling",
        "capitalisation",
        "punctuation",
        "spacing",
        "contraction",
        "repetition",
        "grammar",
    ),
    max_comments=15,
    offers_corrections=True,
)
