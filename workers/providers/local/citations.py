"""Ask about sources that the list of references lacks, and about quotations without a speaker."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.passes.request import PassRequest
from workers.providers.local.spans import Point, rule_comment
from workers.providers.local.text import Essay
from workers.text.inline import citations
from workers.text.segmentation import Piece, words

LONGEST_QUOTATION = 400
FEWEST_QUOTED_WORDS = 5
_SPEAKER = re.compile(
    r"\b(?:said|says|say|saying|states?d?|stated|writes?|wrote|according|claims?|claimed|argues?|argued|explains?|explained|"
    r"author|article|text|passage|paragraph|quote[ds]?|notes|noted|tells?|told|asks?|asked|goes|line|page|called|book|"
    r"story|source|titled|entitled|report\w*|mention\w*|shows?|suggest\w*|describe[sd]?|add(?:s|ed)|repl(?:y|ies|ied))\b",
    re.IGNORECASE,
)


def citation_points(essay: Essay, request: PassRequest) -> list[Point]:
    """Return the questions about sources without an entry in the list of references, and quotations without a speaker."""
    cited = [
        (author, Piece(start, end, essay.text[start:end]))
        for author, start, end in citations(essay.text)
        if any(one.piece.start <= start < one.piece.end for one in essay.paragraphs)
    ]
    found: list[Point] = []
    if essay.references is not None:
        missing = [piece for author, piece in cited if author not in essay.references.text]
        message = "You name this source in the text, but I could not find it in your list of references."
        step = "Add it to the list, or check that the name is spelled the same way in both places."
        found += _citation(
            missing, message, step, "Compare your list of references with the sources in your text.", request
        )
    elif len(cited) >= 2:
        message = "You name sources in the text, but I could not find a list of references at the end."
        step = "Does your teacher ask for a list of sources? If so, add one with these in it."
        found += _citation([piece for _, piece in cited], message, step, step, request)
    if essay.references is None and not cited:
        # Only an essay that names its sources has to name them all: stories and letters quote without them.
        return found
    message = "I could not see who said or wrote this quotation."
    step = "Who is speaking here, and where can a reader find it?"
    whole = "Say for each quotation who speaks, and where a reader can find it."
    return found + _citation(list(_quotations_without_source(essay)), message, step, whole, request)


def _citation(places: list[Piece], message: str, step: str, whole: str, request: PassRequest) -> list[Point]:
    return (
        [Point(rule_comment(request, "question", "citation", "minor", places, message, step), whole)] if places else []
    )


def _quotations_without_source(essay: Essay) -> Iterator[Piece]:
    for quotation in essay.quotations:
        if len(quotation.text) > LONGEST_QUOTATION or len(words(quotation.text)) < FEWEST_QUOTED_WORDS:
            continue
        if not any(one.piece.start <= quotation.start < one.piece.end for one in essay.paragraphs):
            continue
        before = essay.text[max(0, quotation.start - 150) : quotation.start]
        around = f"{before} {essay.text[quotation.end : quotation.end + 100]}"
        if not _SPEAKER.search(around) and not any(citations(around)):
            yield quotation
