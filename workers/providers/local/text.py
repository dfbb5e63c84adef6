"""Split an essay into prose paragraphs, sentences and word stems, with offsets in code points of the stored text."""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

from workers.passes.segmentation import Piece, paragraphs, sentences, words
from workers.providers.local.language import STOP_WORDS

_SALUTATION = re.compile(r"^(?:dear\b.{0,60}|to whom it may concern.{0,5}|hello .{0,40},)$", re.IGNORECASE)
_CLOSING = re.compile(
    r"^(?:(?:yours |very )?(?:sincerely|truly|faithfully|respectfully)(?: yours)?|"
    r"(?:best|kind|warm) (?:regards|wishes)|"
    r"from|love|thank you|thanks|regards),?[ .!]*(?:[\w.' ]{0,40})?$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"^(?:\w+ \d{1,2}(?:st|nd|rd|th)?,? \d{4}|\d{1,2}[/. -]\w+[/. -]\d{2,4}|date:.{0,30})\.?$", re.IGNORECASE
)
_REFERENCES = re.compile(r"^(?:references|works cited|bibliography|sources|reference list)\s*:?$", re.IGNORECASE)

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
    """The essay for the structure and content rules: its prose paragraphs, without title, letter parts and reference list."""

    text: str
    paragraphs: tuple[Paragraph, ...]
    references: Piece | None
    word_count: int
    one_block: bool


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
        stemmer = _stemmers.english = snowballstemmer.stemmer("english")
    return str(stemmer.stemWord(word)) if len(word) <= 40 else word


def read(text: str) -> Essay:
    """Return the prose of an essay as paragraphs. Letter parts and a title are left out; the reference list is kept apart."""
    pieces = paragraphs(text)
    references: Piece | None = None
    for index, piece in enumerate(pieces):
        if _REFERENCES.match(piece.text.split("\n", 1)[0].strip()) and index > 0:
            references = Piece(piece.start, len(text), text[piece.start :])
            pieces = pieces[:index]
            break
    prose = [piece for piece in pieces if not _is_letter_part(piece.text)]
    # A short first paragraph without an end mark is a title.
    if len(prose) > 1 and len(words(prose[0].text)) <= 12 and prose[0].text[-1] not in ".!?:,;\"'\u201d":
        prose = prose[1:]
    kept = tuple(_paragraph(piece) for piece in prose if words(piece.text))
    return Essay(
        text=text,
        paragraphs=kept,
        references=references,
        word_count=sum(paragraph.word_count for paragraph in kept),
        one_block=len(kept) == 1,
    )


def _paragraph(piece: Piece) -> Paragraph:
    return Paragraph(
        piece=piece,
        sentences=tuple(sentences(piece.text, start=piece.start)),
        word_count=len(words(piece.text)),
        stems=stems(piece.text),
    )


def _is_letter_part(text: str) -> bool:
    lines = [line.strip() for line in text.split("\n")]
    if len(words(text)) > 15:
        return False
    return any(pattern.match(lines[0]) for pattern in (_SALUTATION, _CLOSING, _DATE))
