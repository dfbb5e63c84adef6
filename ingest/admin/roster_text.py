"""Turn the content of a roster file into CSV text: find its encoding, and name the format of a file that is no CSV."""

from __future__ import annotations

import codecs
import re

from models.roster_rows import Findings

# UTF-32 comes first: its mark begins with the mark of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# How a file of another format begins, byte by byte; what it is; and what to do.
FORMATS = (
    ("PK\x03\x04", "an Excel workbook or another zip file", "save each sheet as CSV"),
    ("\xd0\xcf\x11\xe0", "an old Excel workbook", "save each sheet as CSV"),
    ("%PDF-", "a PDF", "export the roster as CSV"),
    ("{", "JSON", "export the roster as CSV"),
    ("[", "JSON", "export the roster as CSV"),
    ("<?xml", "XML", "export the roster as CSV"),
    ("<", "a web page", "perhaps a sign-in page was saved in its place, so export the roster again as CSV"),
)
TWO_BYTE_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
SAMPLE = 4096


class _NotCsv(Exception):
    """The file cannot be read as CSV text; the message says what it is and what to do."""


def read_text(findings: Findings, file: str, content: str | bytes) -> str | None:
    """Return the text of a file without byte order marks, or None and a fault when it is no CSV text."""
    try:
        text = content if isinstance(content, str) else _decode(findings, file, content)
        _check_format(text[:SAMPLE])
        if not text.strip("\ufeff \t\r\n"):
            raise _NotCsv("the file is empty; export it again, or leave it out")
    except _NotCsv as error:
        findings.add_fault(file, 1, "", str(error))
        return None
    return text.lstrip("\ufeff")


def _check_format(start: str) -> None:
    """Raise _NotCsv if a file begins like a file of another format."""
    folded = start.lstrip("\ufeff \t\r\n").lower()
    for mark, what, advice in FORMATS:
        if folded.startswith(mark.lower()):
            raise _NotCsv(f"the file is {what}, not CSV; {advice}")


def _decode(findings: Findings, file: str, raw: bytes) -> str:
    _check_format(raw[:SAMPLE].decode("latin-1"))
    encoding = _guess_encoding(raw)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise _NotCsv("the file is damaged UTF-16 or UTF-32; export it again as UTF-8") from None
        line = raw.count(b"\n", 0, error.start) + 1
    if TWO_BYTE_SEQUENCE.search(raw):
        raise _NotCsv(f"the file is UTF-8, but line {line} holds other bytes; export it again as UTF-8")
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        text = "\0"
    if CONTROL.search(text):
        raise _NotCsv("the file is no text; export the roster as CSV")
    findings.add_warning(
        file,
        1,
        "",
        f"the file is not UTF-8 (line {line}), so it was read as Windows-1252; check the letters with accents, or export it "
        "again as UTF-8",
    )
    return text


def _guess_encoding(raw: bytes) -> str:
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return encoding
    # In UTF-16, every second byte of a header is zero.
    sample = raw[:SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if odd > len(sample) / 4 and not even:
        return "utf-16-le"
    if even > len(sample) / 4 and not odd:
        return "utf-16-be"
    return "utf-8"
