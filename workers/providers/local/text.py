"""Split an essay into prose paragraphs, sentences and word stems, with offsets in code points of the stored text."""

from __future__ import annotations

import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from workers.providers.local.kinds import is_story
from workers.providers.local.language import STOP_WORDS
from workers.text.inline import InlineKind
from workers.text.layout import Kind
from workers.text.reading import Reading
from workers.text.reading import read as read_layout
from workers.text.segmentation import Piece, sentences, words

_stemmers = threading.local()


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    """A paragraph with its sentences, and the stems of its content words."""

    piece: Piece
    sentences: tuple[Piece, ...]
    word_count: int
    stems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Essay:
    """The essay for the structure and content rules: its prose paragraphs, without title, letter parts and reference list.

    `argues`: it is no story, so that it may have a thesis, evidence and sources. `letter`: it has the parts of a letter.
    """

    text: str
    paragraphs: tuple[Paragraph, ...]
    references: Piece | None
    quotations: tuple[Piece, ...]
    word_count: int
    one_block: bool
    argues: bool = True
    letter: bool = False


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of the content words of a text, in order, repeats included."""
    lower_words = [unicodedata.normalize("NFC", word.text.lower().replace("\u2019", "'")) for word in words(text)]
    kept = [word.removesuffix("'s") for word in lower_words if word not in STOP_WORDS and len(word) > 2]
    return tuple(_stem(word) for word in kept)


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    # A stemmer is not thread-safe, so each thread has its own. Words longer than 40 characters are not stemmed.
    stemmer = getattr(_stemmers, "english", None)
    if stemmer is None:
        import snowballstemmer  # noqa: PLC0415 - it loads all its languages, which most workers need none of

        stemmer = _stemmers.english = snowballstemmer.stemmer("english")
    return str(stemmer.stemWord(word)) if len(word) <= 40 else word


def read(text: str | Reading, category: str = "") -> Essay:
    """Return the prose of an essay as paragraphs, with offsets in the clean text of its reading.

    Titles, headings, lists, verse, dialogue and other parts that are no paragraphs are left out; the references are kept apart.
    """
    reading = text if isinstance(text, Reading) else read_layout(text)
    clean = reading.clean
    pieces = {
        kind: [Piece(one.start, one.end, clean[one.start : one.end]) for one in reading.blocks if one.kind is kind]
        for kind in (Kind.PROSE, Kind.REFERENCES)
    }
    kept = tuple(_paragraph(piece) for piece in pieces[Kind.PROSE] if words(piece.text) and not _leads_in(piece.text))
    return Essay(
        text=clean,
        paragraphs=kept,
        references=next(iter(pieces[Kind.REFERENCES]), None),
        quotations=tuple(
            Piece(one.start, one.end, clean[one.start : one.end]) for one in reading.spans(InlineKind.QUOTATION)
        ),
        word_count=sum(paragraph.word_count for paragraph in kept),
        one_block=len(kept) == 1,
        argues=not is_story(reading, category),
        letter=any(block.kind is Kind.LETTER_PART for block in reading.blocks),
    )


def _leads_in(text: str) -> bool:
    """Return whether a text only announces what comes next, such as a list."""
    return text.endswith(":") and len(sentences(text)) == 1


def _paragraph(piece: Piece) -> Paragraph:
    return Paragraph(
        piece=piece,
        sentences=tuple(sentences(piece.text, start=piece.start)),
        word_count=len(words(piece.text)),
        stems=stems(piece.text),
    )
