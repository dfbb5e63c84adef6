"""Read ODT: walk its XML and write HTML, which our own rules turn into text. Tracked deletions stand outside the text there."""

from __future__ import annotations

import html

from lxml import etree

from documents.archive import open_archive
from documents.contents import Contents, pieces, tidy
from documents.odt_styles import TEXT, Styles
from documents.refusal import unreadable
from documents.rich_text.to_text import to_text
from documents.xml_parts import parse_part

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_LEFT_OUT = {
    *(f"{TEXT}{name}" for name in ("tracked-changes", "sequence-decls", "variable-decls", "user-field-decls", "ruby-text")),
    *(f"{_OFFICE}{name}" for name in ("annotation", "annotation-end", "forms")),
}  # fmt: skip
_BLOCKS = {
    f"{_TABLE}table": "table",
    f"{_TABLE}table-row": "tr",
    f"{_TABLE}table-cell": "td",
    f"{TEXT}list-item": "li",
    f"{TEXT}list-header": "li",
    f"{_DRAW}text-box": "div",
}
_IN_PLACE = {f"{TEXT}s": " ", f"{TEXT}tab": " ", f"{TEXT}line-break": "<br>", f"{_DRAW}image": '<img src="">'}
_NOTE, _NOTE_MARK, _NOTE_BODY = f"{TEXT}note", f"{TEXT}note-citation", f"{TEXT}note-body"


def read_odt(data: bytes) -> Contents:
    """Return the contents of an ODT file. Raises FileRefused."""
    archive = open_archive(data)
    content = parse_part(archive, "content.xml")
    body = None if content is None else content.find(f"{_OFFICE}body/{_OFFICE}text")
    if body is None:
        raise unreadable()
    writer = _Writer(Styles(content, parse_part(archive, "styles.xml")))
    writer.inside(body)
    text, pictures = to_text("".join([*writer.written, *writer.notes]))
    return Contents(format="odt", text=tidy(text), pictures=pictures, hidden=pieces(writer.hidden))


class _Writer:
    """Write the elements of one document as HTML. The notes follow at the end. lxml allows 256 levels of nesting."""

    def __init__(self, styles: Styles) -> None:
        self.written: list[str] = []
        self.notes: list[str] = []
        self.hidden: list[str] = []
        self._styles = styles
        self._lists: list[str | None] = []  # the style of each open list
        self._concealed = 0  # how many open elements hide their text

    def inside(self, element: etree._Element) -> None:
        """Write what is inside an element."""
        self._words(element.text)
        for child in element:
            # Comments and processing instructions have a function in place of a name.
            if isinstance(child.tag, str):
                self._element(child)
            self._words(child.tail)

    def _words(self, words: str | None) -> None:
        if words:
            self.written.append(html.escape(words))
            if self._concealed and words.strip():
                self.hidden.append(words)

    def _element(self, element: etree._Element) -> None:
        name, style = str(element.tag), element.get(f"{TEXT}style-name")
        if name in _LEFT_OUT:
            return
        if name in _IN_PLACE:
            self.written.append(_IN_PLACE[name])
        elif name == f"{TEXT}h":
            self._block(f"h{_level(element)}", element, hides=self._styles.hides("paragraph", style))
        elif name == f"{TEXT}p":
            self._block(self._styles.tag(style), element, hides=self._styles.hides("paragraph", style))
        elif name == f"{TEXT}list":
            self._list(element, style)
        elif name in _BLOCKS:
            self._block(_BLOCKS[name], element)
        elif name == _NOTE:
            self._note(element)
        elif name in (f"{TEXT}hidden-text", f"{TEXT}hidden-paragraph"):
            self._hidden_field(element)
        else:
            shown = element.get(f"{TEXT}display") != "none"
            self._concealing(element, not shown or (name == f"{TEXT}span" and self._styles.hides("text", style)))

    def _block(self, tag: str, element: etree._Element, *, hides: bool = False) -> None:
        self.written.append(f"<{tag}>")
        self._concealing(element, hides)
        self.written.append(f"</{tag}>")

    def _concealing(self, element: etree._Element, hides: bool) -> None:  # noqa: FBT001
        self._concealed += hides
        self.inside(element)
        self._concealed -= hides

    def _list(self, element: etree._Element, style: str | None) -> None:
        self._lists.append(style or (self._lists[-1] if self._lists else None))
        tag = "ol" if self._styles.has_numbers(self._lists[-1]) else "ul"
        start = element.find(f"{TEXT}list-item")
        number = "" if start is None else start.get(f"{TEXT}start-value") or ""
        self.written.append(f'<{tag} start="{number}">' if number.isdecimal() else f"<{tag}>")
        self.inside(element)
        self.written.append(f"</{tag}>")
        self._lists.pop()

    def _note(self, element: etree._Element) -> None:
        mark, body = element.find(_NOTE_MARK), element.find(_NOTE_BODY)
        label = html.escape("" if mark is None else mark.text or "")
        self.written.append(f"[{label}]")
        if body is not None:
            text, self.written = self.written, []
            self.inside(body)
            self.notes.append("".join(self.written).replace("<p>", f"<p>[{label}] ", 1))
            self.written = text

    def _hidden_field(self, element: etree._Element) -> None:
        words = element.get(f"{TEXT}string-value") or "".join(element.itertext())
        if words.strip():
            self.hidden.append(words)
            self.written.append(html.escape(words))


def _level(heading: etree._Element) -> int:
    level = heading.get(f"{TEXT}outline-level") or "1"
    return min(6, max(1, int(level))) if level.isdecimal() else 1
