"""Read PDF: pypdf finds the lines of each page, and `pdf_paragraphs` puts them together as paragraphs."""

from __future__ import annotations

import unicodedata
from io import BytesIO
from typing import Any

# pypdf imports these when a file needs them. Nothing can be imported while a file is read (documents/sandbox.py).
import pypdf._codecs._codecs
import pypdf._codecs.core_font_metrics
import pypdf._crypt_providers._fallback
import pypdf._text_extraction
import pypdf.filters
import pypdf.generic._image_inline
import pypdf.xmp  # noqa: F401
from pypdf import PageObject, PdfReader
from pypdf.errors import PyPdfError

from documents.archive import MAX_UNPACKED_BYTES
from documents.contents import Contents, pieces, tidy
from documents.pdf_paragraphs import Line, to_paragraphs
from documents.refusal import encrypted, refuse, unreadable

MAX_PAGES = 300
# The last bytes of the file in which its end mark must stand: other bytes may follow the mark.
_END_WITHIN = 2048
_INVISIBLE = 3  # a text rendering mode: neither fill nor stroke
_SHOWS = {b"Tj", b"TJ", b"'", b'"'}
# With a larger share of unknown characters there is no text to read.
_NO_SENSE = 0.3
_DAMAGED = (PyPdfError, RecursionError, KeyError, ValueError, TypeError, IndexError, AttributeError, ArithmeticError,
            NotImplementedError, AssertionError)  # fmt: skip


def read_pdf(data: bytes) -> Contents:
    """Return the contents of a PDF file. Raises FileRefused."""
    if b"%%EOF" not in data[-_END_WITHIN:]:
        raise unreadable()
    try:
        reader = PdfReader(BytesIO(data))
        # A PDF that only forbids to print or to copy opens with an empty password.
        if reader.is_encrypted and not reader.decrypt(""):
            raise encrypted()
        count = len(reader.pages)
        if count > MAX_PAGES:
            raise refuse("too-large", f"The file has {count:,} pages; at most {MAX_PAGES} are read.")
        if _painted_bytes(reader) > MAX_UNPACKED_BYTES:
            raise refuse("too-large", "The file grows too much when it is unpacked. Save it without its pictures.")
        pages = [_PageText(page) for page in reader.pages]
    except _DAMAGED:
        raise unreadable() from None
    text = tidy(to_paragraphs([page.lines for page in pages]))
    if _is_nonsense(text):
        raise refuse(
            "no-text", "The letters of this PDF have no meaning for other programs. Send a DOCX, or the text itself."
        )
    return Contents(
        format="pdf",
        text=text,
        hidden=pieces([one for page in pages for one in page.hidden]),
    )


def _painted_bytes(reader: PdfReader) -> int:
    """Return how long the instructions are that paint the pages, unpacked, as far as it matters."""
    total = 0
    for page in reader.pages:
        contents = page.get_contents()
        total += 0 if contents is None else len(contents.get_data())
        if total > MAX_UNPACKED_BYTES:
            break
    return total


class _PageText:
    """The lines of one page, and its text that is never painted."""

    def __init__(self, page: PageObject) -> None:
        self.lines: list[Line] = []
        self.hidden: list[str] = []
        self._mode = 0
        self._modes: list[int] = []
        self._conceals = False
        self._parts: list[str] = []
        self._start: tuple[float, float, float] | None = None
        page.extract_text(visitor_operand_before=self._operand, visitor_text=self._text)
        self._end_line()

    def _operand(self, operator: bytes, operands: Any, *_: Any) -> None:
        if operator == b"Tr" and operands:
            self._mode = int(operands[0])
        elif operator == b"q":
            self._modes.append(self._mode)
        elif operator == b"Q" and self._modes:
            self._mode = self._modes.pop()
        elif operator in _SHOWS:
            self._conceals = self._conceals or self._mode == _INVISIBLE

    def _text(self, text: str, cm: list[float], tm: list[float], _: Any, size: float) -> None:
        if text.strip() and self._conceals:
            self.hidden.append(text)
            self._conceals = False
        for number, part in enumerate(text.split("\n")):
            if number:
                self._end_line()
            if part.strip() and self._start is None:
                self._start = (*_place(cm, tm), abs(size * (tm[3] or tm[1]) * (cm[3] or cm[1])))
            self._parts.append(part)

    def _end_line(self) -> None:
        text = "".join(self._parts).strip()
        if text and self._start is not None:
            x, y, size = self._start
            self.lines.append(Line(text=text, x=x, y=y, size=size))
        self._parts, self._start = [], None


def _place(cm: list[float], tm: list[float]) -> tuple[float, float]:
    """Return where text begins on the page: the matrix of the text times that of the page."""
    return tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]


def _is_nonsense(text: str) -> bool:
    """Return whether too many characters have no meaning, as in a PDF that names its letters by number only."""
    letters = [one for one in text if not one.isspace()]
    odd = sum(unicodedata.category(one) in ("Co", "Cn") or one == "\ufffd" for one in letters)
    return odd > _NO_SENSE * len(letters)
