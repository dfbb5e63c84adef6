"""Recognise verse and other lines that the writer ended on purpose."""

from __future__ import annotations

from itertools import pairwise

from workers.text.lines import Line
from workers.text.wrapping import Wrap

_LONGEST_LINE = 70
_SHORT_LINE = 45


def is_verse(lines: list[Line], wrap: Wrap | None, *, alone: bool) -> bool:
    """Return whether lines without a blank line between them are verse, or a list of short lines such as an address.

    `alone`: the text has no blank lines at all, so that lines which end like sentences may be paragraphs.
    """
    if len(lines) < 2 or any(line.width > _LONGEST_LINE for line in lines):
        return False
    if wrap is not None and sum(wrap.full(*pair) for pair in pairwise(lines)) * 3 > len(lines) - 1:
        return False
    if sum(line.sentence_ends_inside for line in lines) * 4 > len(lines):
        return False
    open_ends = sum(not line.ends_sentence for line in lines[:-1])
    if open_ends * 2 >= len(lines) - 1:
        # Two lines may also be a heading and a sentence, or a name and a date.
        return len(lines) > 2 or _similar_lengths(lines)
    return len(lines) > 3 and (_rhyme(lines) or (not alone and all(line.width <= _SHORT_LINE for line in lines)))


def _similar_lengths(lines: list[Line]) -> bool:
    return min(line.width for line in lines) * 1.6 >= max(line.width for line in lines)


def _rhyme(lines: list[Line]) -> bool:
    """Return whether at least half of the lines end like one of the two lines after or before them."""
    ends = ["".join(character for character in line.text.lower() if character.isalpha())[-2:] for line in lines]
    rhymed = sum(end in ends[max(0, index - 2) : index] + ends[index + 1 : index + 3] for index, end in enumerate(ends))
    return rhymed * 2 >= len(lines)
