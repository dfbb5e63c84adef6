"""Spec of the content pass: what the essay says."""

from __future__ import annotations

from models.jobs import PassName
from workers.passes.spec import PassSpec

CONTENT = PassSpec(
    name=PassName.CONTENT,
    prompt_file="content.md",
    types=(
        "relevance",
        "coverage",
        "evidence",
        "redundancy",
        "citation",
        "reasoning",
        "clarity",
        "content",
    ),
    max_comments=8,
)
