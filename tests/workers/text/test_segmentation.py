"""Test that paragraphs and sentences end at every line end of Unicode."""

from __future__ import annotations

import pytest

from workers.text.segmentation import paragraphs, sentences

LINE_ENDS = ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_line_ends_separate_paragraphs_and_sentences(line_end: str) -> None:
    text = line_end.join(("One line here", "Another line.", "", "A second paragraph."))
    found = paragraphs(text)
    assert [piece.text for piece in found] == [line_end.join(("One line here", "Another line.")), "A second paragraph."]
    assert all(text[piece.start : piece.end] == piece.text for piece in found)
    assert [piece.text for piece in sentences(text)] == ["One line here", "Another line.", "A second paragraph."]


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_single_line_ends_separate_paragraphs_without_blank_lines(line_end: str) -> None:
    assert [piece.text for piece in paragraphs(line_end.join(("One.", "Two.", "Three.")))] == ["One.", "Two.", "Three."]
