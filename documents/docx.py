"""Read DOCX: mammoth turns it into HTML, with tracked insertions and without deletions; our own rules turn that into text."""

from __future__ import annotations

import itertools
import re

# mammoth imports it when it parses. Nothing can be imported while a file is read (documents/sandbox.py).
import xml.dom.expatbuilder  # noqa: F401
import zipfile
from collections.abc import Iterator
from io import BytesIO

import mammoth
from lxml import etree

from documents.archive import open_archive
from documents.contents import Contents, pieces, tidy
from documents.refusal import unreadable
from documents.rich_text.to_text import to_text
from documents.xml_parts import parse_part

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# The names of these styles are English in every language of Word; LibreOffice and pandoc have their own.
_STYLES = "\n".join(
    [
        *(f"p[style-name='{name}'] => blockquote > p:fresh" for name in ("Quote", "Intense Quote", "Block Text", "Quotations")),
        *(f"p[style-name='{name}'] => pre:separator('\\n')" for name in ("Source Code", "Preformatted Text", "HTML Preformatted")),
        "p[style-name='Title'] => h1:fresh",
        "p[style-name='Subtitle'] => h2:fresh",
    ]
)  # fmt: skip
# A picture is counted and never read.
_LEAVE_OUT = mammoth.images.img_element(lambda _: {"src": ""})
_NOTE = re.compile(r'<li id="(?:foot|end)note-[^"]*"><p>')
_BACK_LINK = re.compile(r'<a href="#(?:foot|end)note-ref-[^"]*">↑</a>')
# Half points. Nobody reads letters of two points.
_TINY = 4


def read_docx(data: bytes) -> Contents:
    """Return the contents of a DOCX file. Raises FileRefused."""
    archive = open_archive(data)
    hidden = list(_find_hidden(archive))
    try:
        made = mammoth.convert_to_html(
            BytesIO(data), style_map=_STYLES, convert_image=_LEAVE_OUT, ignore_empty_paragraphs=True
        )
    except (RecursionError, KeyError, ValueError, AttributeError, IndexError, TypeError, OSError, zipfile.BadZipFile):
        raise unreadable() from None
    except Exception as error:
        # pyexpat's error has no public base class.
        if type(error).__name__ != "ExpatError":
            raise
        raise unreadable() from None
    numbers = itertools.count(1)
    shown = _NOTE.sub(lambda _: f"<p>[{next(numbers)}] ", _BACK_LINK.sub("", made.value))
    text, pictures = to_text(shown)
    return Contents(format="docx", text=tidy(text), pictures=pictures, hidden=pieces(hidden))


def _find_hidden(archive: zipfile.ZipFile) -> Iterator[str]:
    """Yield the text that Word does not show: hidden, white on white, or too small to be seen."""
    body = parse_part(archive, "word/document.xml")
    styles = parse_part(archive, "word/styles.xml")
    if body is None:
        return
    hiding = set() if styles is None else {
        style.get(f"{_W}styleId") for style in styles.iter(f"{_W}style") if _hides(style.find(f"{_W}rPr"))
    }  # fmt: skip
    for run in body.iter(f"{_W}r"):
        look = run.find(f"{_W}rPr")
        if _hides(look) or _style_of(look, "rStyle") in hiding or _style_of(_paragraph_of(run), "pStyle") in hiding:
            yield "".join(part.text or "" for part in run.iter(f"{_W}t"))


def _hides(look: etree._Element | None) -> bool:
    if look is None:
        return False
    if any(_is_on(look.find(f"{_W}{name}")) for name in ("vanish", "webHidden", "specVanish")):
        return True
    colour, size = look.find(f"{_W}color"), look.find(f"{_W}sz")
    if colour is not None and (colour.get(f"{_W}val") or "").upper() == "FFFFFF" and not _is_shaded(look):
        return True
    value = "" if size is None else size.get(f"{_W}val") or ""
    return value.isdecimal() and int(value) <= _TINY


def _is_on(switch: etree._Element | None) -> bool:
    return switch is not None and (switch.get(f"{_W}val") or "true") not in ("0", "false", "off")


def _is_shaded(look: etree._Element) -> bool:
    """Return whether something around the text has a colour behind it, as the head of a table does."""
    if any(look.find(f"{_W}{name}") is not None for name in ("shd", "highlight")):
        return True
    return any(
        (properties := above.find(f"{_W}{name}")) is not None and properties.find(f"{_W}shd") is not None
        for above in look.iterancestors()
        for name in ("pPr", "tcPr", "tblPr")
    )


def _paragraph_of(run: etree._Element) -> etree._Element | None:
    paragraph = next(run.iterancestors(f"{_W}p"), None)
    return None if paragraph is None else paragraph.find(f"{_W}pPr")


def _style_of(properties: etree._Element | None, kind: str) -> str | None:
    style = None if properties is None else properties.find(f"{_W}{kind}")
    return None if style is None else style.get(f"{_W}val")
