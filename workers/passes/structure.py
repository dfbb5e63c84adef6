"""Spec of the structure pass: how the essay is built."""

from __future__ import annotations

from models.jobs import PassName
from workers.passes.spec import PassSpec

STRUCTURE = PassSpec(
    name=PassName.STRUCTURE,
    prompt_file="structure.md",
    types=(
        "thesis",
        "paragraphs",
        "sentence_length",
        "introduction",
        "conclusion",
        "organisation",
        "transition",
        "structure",
    ),
    max_comments=8,
)
