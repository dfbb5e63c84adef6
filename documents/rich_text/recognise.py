"""Decide whether a text is HTML. A plain text that holds "<" must stay as its author wrote it.

The rule. Only tags of real elements count, without attributes or with one that has a value: `<smile>`, `<3`, `a < b` and
`<b and c>` are words. A text is HTML when it has one of these:

- an element that is opened and closed, such as `<p>…</p>` or `<em>…</em>`;
- a tag that needs no end: `<br>`, `<hr>`, `<img src="…">`, or the frame of a document;
- a block that is never closed, at the beginning of the text or twice (`<p>One<p>Two`);
- no tag at all, but entities that editors write, such as `&nbsp;` or `&amp;`.

A text that speaks about markup (it has a word such as HTML or tag) is HTML only if it begins and ends with a tag, as
what comes from an editor does. So `Write <b>loud</b> in HTML` keeps its example.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass

# An essay of 100,000 characters in which each word has a format of its own has fewer. Reading a tag costs time.
MAX_TAGS = 50_000
BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 "
    "h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
_INLINE = frozenset(
    "a abbr acronym applet area audio b base basefont bdi bdo big br button canvas cite code col colgroup data datalist del dfn em "
    "embed font frame frameset head i iframe img input ins kbd label link map mark math meta meter noembed noframes noscript object "
    "optgroup option output param picture progress q rp rt ruby s samp script select slot small source span strike strong style sub "
    "sup svg template textarea time title track tt u var video wbr".split()
)
ELEMENTS = BLOCKS | _INLINE
_NEED_NO_END = frozenset({"br", "hr", "html", "body", "head", "meta"})
_LEFT_OPEN = frozenset("p div li tr td th dd dt blockquote center h1 h2 h3 h4 h5 h6".split())

# An attribute is read up to the next angle bracket only, so that the time stays linear.
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*(?::[a-zA-Z0-9]+)?)(\s[^<>]*|/)?>")
_DECLARATION = re.compile(r"<[?!][^<>]*>")
_DOCTYPE = re.compile(r"\s*<!doctype html", re.IGNORECASE)
_ABOUT_MARKUP = re.compile(r"\b(?:html|xml|jsx|css|javascript|markup|tags?)\b", re.IGNORECASE)
ENTITY = re.compile(
    r"&(?:nbsp|amp|lt|gt|quot|apos|[lr][sd]quo|[mn]dash|hellip|bull|laquo|raquo|iexcl|iquest|euro|pound|cent|yen|deg|szlig"
    r"|shy|copy|reg|trade|sect|times|middot|frac1[24]|emsp|ensp|thinsp|zwn?j"
    r"|[A-Za-z](?:acute|grave|circ|tilde|uml|cedil|ring|slash|caron)|(?:AE|ae|OE|oe)lig|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});"
)
_SPACES = str.maketrans("\u00a0\u2007\u202f", "   ")


@dataclass(frozen=True)
class _Tag:
    name: str
    closes: bool
    has_value: bool
    start: int
    end: int


def is_html(text: str) -> bool:
    """Return whether the text has tags as an editor writes them. Texts with entities alone are `has_only_entities`."""
    if _DOCTYPE.match(text):
        return True
    tags = _tags(text)
    if not tags or not _shows_markup(text, tags):
        return False
    return _is_wrapped(text, tags) or not _ABOUT_MARKUP.search(_DECLARATION.sub(" ", _TAG.sub(" ", text)))


def is_empty(text: str) -> bool:
    """Return whether HTML has no word, as an editor in which nobody wrote. A script alone has words."""
    return not decode_entities(_TAG.sub("", text)).strip()


def is_wrapped_html(text: str) -> bool:
    """Return whether the text is HTML that begins and ends with a tag."""
    tags = _tags(text)
    return bool(tags) and _is_wrapped(text, tags) and _shows_markup(text, tags)


def _is_wrapped(text: str, tags: list[_Tag]) -> bool:
    return tags[0].start == len(text) - len(text.lstrip()) and tags[-1].end == len(text.rstrip())


def has_only_entities(text: str) -> bool:
    """Return whether a text without tags was written as HTML all the same: `Fish &amp; chips`."""
    return ENTITY.search(text) is not None and not _ABOUT_MARKUP.search(text)


def decode_entities(text: str) -> str:
    """Return the text with the entities that editors write decoded, and nothing else changed."""
    return ENTITY.sub(lambda found: html.unescape(found[0]).translate(_SPACES), text)


def _tags(text: str) -> list[_Tag]:
    found = []
    for one in _TAG.finditer(text):
        name, attributes = one[2].lower(), (one[3] or "").strip(" \t\r\n\f/")
        if (name in ELEMENTS or ":" in name) and (not attributes or "=" in attributes):
            found.append(_Tag(name, bool(one[1]), bool(attributes), one.start(), one.end()))
    return found


def _shows_markup(text: str, tags: list[_Tag]) -> bool:
    opened: Counter[str] = Counter()
    for tag in tags:
        if tag.closes and opened[tag.name]:
            return True
        if not tag.closes:
            opened[tag.name] += 1
            if tag.name in _NEED_NO_END or (tag.name == "img" and tag.has_value):
                return True
    left_open = [name for name in opened if name in _LEFT_OPEN]
    begins = tags[0].start == len(text) - len(text.lstrip()) and tags[0].name in left_open
    return begins or any(opened[name] > 1 for name in left_open)
