"""Turn HTML into plain text with paragraphs. The tags are read as HTML5 says; no tree is built, so no nesting is too deep."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from justhtml import stream
from justhtml.parser.stream import StreamEvent

from documents.rich_text.layout import LINE, PARAGRAPH, Layout
from documents.rich_text.recognise import BLOCKS, ELEMENTS

# Elements whose words are no words of the essay.
_LEFT_OUT = frozenset(
    "script style template noscript noframes noembed iframe object svg audio video canvas select datalist xml rp xmp annotation"
    " annotation-xml".split()
)
# Inside these the tokenizer reads no tags, so one that is never closed would hide the rest of the essay.
_RAW = ("script", "style", "title", "textarea", "iframe", "noembed", "noframes", "noscript", "xmp", "plaintext")
_PICTURES = frozenset({"img", "svg", "object", "embed", "iframe", "video", "canvas"})
_CELLS = frozenset({"td", "th"})
_BLOCKS = BLOCKS | {"title"}
_LISTS = frozenset({"ol", "ul", "menu", "dir"})
_LINES = frozenset("li dt dd legend caption figcaption summary thead tbody tfoot".split())
_FIRST_NUMBER = re.compile(r"[0-9]{1,4}")
# An element of a program, such as <o:p> of Word, or one with a hyphen, is a tag. <smile> is a word.
_NOT_A_TAG = re.compile(
    rf"<(?!/?(?:{'|'.join(sorted(ELEMENTS | {'xml'}))})(?=[\s/>])|/?[a-z][a-z0-9]*[:-][a-z]|!--|!doctype|!\[|\?[a-z])",
    re.IGNORECASE,
)
_MARK_OF_WORD = re.compile(r"mso-list:\s*ignore", re.IGNORECASE)
_NUMBER = re.compile(r"\(?[0-9a-zA-Z]{1,5}[.)]")
# Word writes its bullets as letters of symbol fonts; each of them is shown as a hyphen.
_BULLET = "- "


@dataclass
class _List:
    number: int | None  # the next one; None in a list without numbers
    items: int = 0


def to_text(html: str) -> tuple[str, int]:
    """Return the words of the HTML as plain text, and how many pictures and other embedded objects were left out."""
    events = list(stream(_NOT_A_TAG.sub("&lt;", _close_what_hides(html))))
    converter = _Converter(events)
    for place, event in enumerate(events):
        if event[0] == "text":
            converter.text(event[1])
        elif event[0] == "start":
            converter.start(*event[1], place)
        elif event[0] == "end":
            converter.end(event[1])
    return str(converter.layout), converter.pictures


def _close_what_hides(html: str) -> str:
    """Return the HTML without the beginning of a comment or of a raw element that never ends."""
    last = html.rfind("-->")
    opened = html.find("<!--", last + 3 if last >= 0 else 0)
    if opened >= 0:
        html = html[:opened] + html[opened:].replace("<!--", "")
    lowered = html.lower()
    for name in _RAW:
        if f"<{name}" in lowered and f"</{name}" not in lowered:
            html = re.sub(rf"<{name}(?=[\s/>])[^<>]*>", "", html, flags=re.IGNORECASE)
    return html


def _shared_cells(events: Iterable[StreamEvent]) -> dict[int, bool]:
    """Return the places of the cells in rows with several cells, each with whether it is the first of its row."""
    rows: list[list[int]] = [[]]
    tables = [0]  # the present row of each open table
    for place, event in enumerate(events):
        if event[0] == "end" and event[1] == "table" and len(tables) > 1:
            tables.pop()
        elif event[0] != "start":
            continue
        elif event[1][0] == "table":
            tables.append(len(rows))
            rows.append([])
        elif event[1][0] == "tr":
            tables[-1] = len(rows)
            rows.append([])
        elif event[1][0] in _CELLS:
            rows[tables[-1]].append(place)
    return {cell: cell == row[0] for row in rows if len(row) > 1 for cell in row}


class _Converter:
    """Carry the events of one document over to its layout."""

    def __init__(self, events: Sequence[StreamEvent]) -> None:
        names = {event[1][0] for event in events if event[0] == "start"}
        self.layout = Layout(keep_lines=not names & (BLOCKS - {"hr"} | {"br"}))
        self.pictures = 0
        # Where there is no head, a title is what a student calls the title.
        self._hides = _LEFT_OUT | ({"title"} if "head" in names else set())
        self._ends = Counter(event[1] for event in events if event[0] == "end")
        self._shared = _shared_cells(events)
        self._lists: list[_List] = []
        self._tables: list[bool] = [False]  # whether a shared cell is open, for each open table
        self._left_out: list[str] = []  # the element that is left out, once for each time that it is open in itself
        self._mark: str | None = None  # the bullet or number of a list item of Word, while it is read

    def text(self, words: str) -> None:
        """Take in words."""
        if self._mark is not None:
            self._mark += words
        elif not self._left_out:
            self.layout.add(words)

    def start(self, name: str, attributes: dict[str, str | None], place: int) -> None:
        """Take in the start of an element."""
        if self._left_out:
            self._left_out += [name] if name == self._left_out[0] else []
            return
        self.pictures += name in _PICTURES
        if name in self._hides and self._ends[name]:
            self._left_out = [name]
        elif name == "span" and _MARK_OF_WORD.search(attributes.get("style") or "") and self._ends[name]:
            self._left_out, self._mark = [name], ""
        elif name in _LISTS:
            self.layout.end_block(LINE if self._lists else PARAGRAPH)
            self._lists.append(_List(number=_first_number(attributes) if name == "ol" else None))
        elif name == "li":
            self._begin_item()
        elif name in ("table", "tr", *_CELLS):
            self._begin_in_table(name, place)
        else:
            self._begin(name)

    def end(self, name: str) -> None:
        """Take in the end of an element."""
        self._ends[name] -= 1
        if self._left_out:
            self._left_out = self._left_out[name == self._left_out[0] :]
            if self._mark is not None and not self._left_out:
                mark, self._mark = self._mark.strip(), None
                self.layout.begin_item(f"{mark} " if _NUMBER.fullmatch(mark) else _BULLET, depth=1, first=True)
        elif name in _LISTS:
            del self._lists[-1:]
            self.layout.drop_mark()
            self.layout.end_block(LINE if self._lists else PARAGRAPH)
        elif name in ("table", "tr", *_CELLS):
            self._finish_in_table(name)
        else:
            self._finish(name)

    def _begin(self, name: str) -> None:
        layout = self.layout
        if name == "br":
            layout.add_line_end()
        elif name == "q":
            layout.add("“")
        elif name in _BLOCKS:
            layout.end_block(LINE if name in _LINES else PARAGRAPH)
            layout.quotations += name == "blockquote"
            layout.preformatted += name == "pre"

    def _finish(self, name: str) -> None:
        layout = self.layout
        if name == "q":
            layout.add("”")
        elif name in _BLOCKS:
            if name == "li" or not self._lists:
                layout.drop_mark()
            layout.end_block(LINE if name in _LINES else PARAGRAPH)
            layout.quotations -= name == "blockquote" and layout.quotations > 0
            layout.preformatted -= name == "pre" and layout.preformatted > 0

    def _begin_item(self) -> None:
        here = self._lists[-1] if self._lists else _List(number=None, items=1)
        mark = _BULLET if here.number is None else f"{here.number + here.items}. "
        self.layout.begin_item(mark, depth=max(1, len(self._lists)), first=here.items == 0)
        here.items += 1

    def _begin_in_table(self, name: str, place: int) -> None:
        if name == "table":
            self.layout.end_block(PARAGRAPH)
            self._tables.append(False)
            return
        self._close_cell()
        first = self._shared.get(place)
        if name == "tr" or first is None:
            self.layout.end_block(LINE)
        else:
            self.layout.begin_cell(first=first)
            self._tables[-1] = True

    def _finish_in_table(self, name: str) -> None:
        in_line = self._tables[-1] and name in _CELLS
        self._close_cell()
        if name == "table" and len(self._tables) > 1:
            self._tables.pop()
        if not in_line:
            self.layout.end_block(PARAGRAPH if name == "table" else LINE)

    def _close_cell(self) -> None:
        self.layout.cells -= self._tables[-1]
        self._tables[-1] = False


def _first_number(attributes: dict[str, str | None]) -> int:
    start = attributes.get("start") or ""
    return int(start) if _FIRST_NUMBER.fullmatch(start) else 1
