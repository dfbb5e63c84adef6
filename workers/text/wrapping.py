"""Recognise texts whose lines a program broke at a column, as mail programs, PDF readers and plain editors do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from workers.text.lines import Line

NARROWEST, WIDEST = 40, 120
_FEWEST_BREAKS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrap:
    """The width at which lines were broken. `exact`: every line was filled with as many words as it holds."""

    width: int
    exact: bool

    def full(self, first: Line, second: Line) -> bool:
        """Return whether the first word of the second line had no room on the first line."""
        return first.width + 1 + len(second.first_word) > self.width

    def joins(self, first: Line, second: Line) -> bool:
        """Return whether the second line goes on with the paragraph of the first."""
        if first.width > WIDEST or second.indent > first.indent + 1:
            return False
        if self.full(first, second):
            return True
        if self.exact:
            return False
        if first.ends_sentence:
            return first.width >= 0.85 * self.width
        return second.text[0].islower() or first.width >= 0.7 * self.width


def find_wrap(runs: Iterable[list[Line]]) -> Wrap | None:
    """Return how the lines of a text were broken, or None when the writer ended them.

    Lines were broken by a program when they have similar lengths and end within sentences, and sentences end within lines.
    Lines of verse also end within sentences, but there hardly any sentence ends within a line, or each line starts with a
    capital letter.
    """
    considered = [run for run in runs if len(run) > 1]
    lines = [line for run in considered for line in run if line.width <= WIDEST]
    breaks = [(first, second) for run in considered for first, second in pairwise(run) if first.width <= WIDEST]
    inside = [pair for pair in breaks if not pair[0].ends_sentence and not _starts_item(pair[1])]
    if len(inside) < _FEWEST_BREAKS:
        return None
    width = max(first.width for first, _ in inside)
    # Headings and names above a paragraph, and the lines of a timetable, were ended by the writer.
    inside = [pair for pair in inside if pair[0].width > 0.55 * width or pair[1].text[0].islower()]
    if len(inside) < _FEWEST_BREAKS:
        return None
    width = max(width, *(line.width for line in lines if line.width <= 1.15 * width))
    wrap = Wrap(width=width, exact=True)
    full = sum(wrap.full(*pair) for pair in inside)
    near = sum(first.width >= 0.7 * width for first, _ in inside)
    small = sum(not second.text[0].isupper() for _, second in inside)
    if width < NARROWEST or near < 0.75 * len(inside) or small < 0.5 * len(inside):
        return None
    exact = full >= 0.9 * len(inside)
    ended = sum(line.sentence_ends_inside for line in lines)
    if (ended * 10 >= len(breaks) and ended) or (
        exact and full == len(inside) and all(run[-1].ends_sentence for run in considered)
    ):
        return Wrap(width=width, exact=exact)
    return None


def even_out(paragraphs: list[list[Line]]) -> list[list[Line]]:
    """Return the paragraphs, with one that is far longer than the others split in its middle where a line ends a sentence.

    Where no blank lines separate paragraphs and the last line of one is full, its end cannot be seen.
    """
    found: list[list[Line]] = []
    total = sum(map(len, paragraphs))
    for paragraph in paragraphs:
        usual = (total - len(paragraph)) / max(1, len(paragraphs) - 1)
        ends = [
            index for index in range(1, len(paragraph))
            if paragraph[index - 1].ends_sentence and not paragraph[index].text[0].islower()
        ]  # fmt: skip
        middle = min(ends, key=lambda index: abs(2 * index - len(paragraph)), default=0)
        smaller = min(middle, len(paragraph) - middle)
        if middle and usual and len(paragraph) >= 1.6 * usual and smaller >= 0.5 * usual:
            found += [paragraph[:middle], paragraph[middle:]]
        else:
            found.append(paragraph)
    return found


def _starts_item(line: Line) -> bool:
    return not line.text[0].isalnum() and line.text[0] not in "\"'\u201c\u2018("
