"""Read a text as it was handed in."""

from __future__ import annotations

from dataclasses import dataclass

from documents.rich_text.pictures import leave_out_pictures
from documents.rich_text.recognise import (
    decode_entities,
    has_only_entities,
    is_empty,
    is_html,
    is_wrapped_html,
)
from documents.rich_text.to_text import to_text

_CDATA, _CDATA_END = "<![CDATA[", "]]>"


@dataclass(frozen=True, kw_only=True)
class HandedIn:
    """A text in plain words, whether it came as HTML, and how many embedded pictures were left out of it."""

    text: str
    from_html: bool = False
    pictures: int = 0


def read(text: str) -> HandedIn:
    """Return the words of a text that is plain or HTML. A plain text without pictures is returned unchanged."""
    words, from_html = _unwrap(text)
    pictures, complete = 0, _complete(words)
    if is_html(complete):
        shown, pictures = to_text(complete)
        if shown or pictures or is_empty(complete):
            words, from_html = shown, True
    elif has_only_entities(words):
        words, from_html = decode_entities(words), True
    if from_html:
        # Some systems escape what their editor has escaped already.
        if is_wrapped_html(words):
            words, more = to_text(words)
            pictures += more
        elif has_only_entities(words):
            words = decode_entities(words)
    words, more = leave_out_pictures(words)
    return HandedIn(text=words, from_html=from_html, pictures=pictures + more)


def _unwrap(text: str) -> tuple[str, bool]:
    """Return the text without a CDATA section around it, and whether there was one."""
    whole = text.strip()
    if whole.startswith(_CDATA) and whole.endswith(_CDATA_END):
        return whole[len(_CDATA) : -len(_CDATA_END)], True
    return text, False


def _complete(text: str) -> str:
    """Return the text with the end of its last tag, if a system cut the text off inside a picture."""
    return text + '">' if text.lower().rfind("<img ") > text.rfind(">") else text
