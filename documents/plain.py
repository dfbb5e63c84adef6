"""Read HTML and plain text."""

from __future__ import annotations

import codecs
import html
import re

from documents.contents import Contents, pieces, tidy
from documents.file_type import READ
from documents.refusal import refuse
from documents.rich_text.read import read
from documents.rich_text.recognise import MAX_TAGS

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f]")
# A declaration that can be read byte by byte is in no UTF-16, whatever it says.
_DECLARED = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*(?!utf-?(?:7|16|32))([\w-]{1,40})", re.IGNORECASE)
_HIDDEN = re.compile(
    r"<\w+\b[^<>]*?\bstyle\s*=\s*[\"'][^\"'<>]*?(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9]))"
    r"[^<>]*>([^<]+)|<\w+\s(?:[^<>]*\s)?hidden(?:=[^<>]*)?>([^<]+)",
    re.IGNORECASE,
)


def read_text_file(data: bytes) -> Contents:
    """Return the contents of an HTML or plain text file. Raises FileRefused when it is neither."""
    text = _decode(data)
    if _NO_TEXT.search(text):
        raise refuse("unsupported", f"The file is not text, and its kind is not known. {READ}.")
    if text.lstrip().startswith("<?xml") and not re.search(r"<html[\s>]", text[:2000], re.IGNORECASE):
        raise refuse("unsupported", f"This is an XML file. {READ}.")
    if text.count("<") > MAX_TAGS:
        raise refuse("too-large", f"The file has more than {MAX_TAGS:,} tags.")
    found = read(text)
    shown = found.from_html
    hidden = [html.unescape(one[1] or one[2]) for one in _HIDDEN.finditer(text)] if shown else []
    return Contents(
        format="html" if shown else "txt", text=tidy(found.text), pictures=found.pictures, hidden=pieces(hidden)
    )


def _decode(data: bytes) -> str:
    """Return the text of the bytes: by their mark, else UTF-8, else as their HTML declares, else as Windows writes it."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    declared = _DECLARED.search(data[:2000])
    try:
        return data.decode(declared[1].decode() if declared else "cp1252", errors="replace")
    except (LookupError, ValueError, OSError):
        # Nobody knows it, it is no encoding of text, or its module cannot be opened any more (documents/sandbox.py).
        return data.decode("cp1252", errors="replace")
