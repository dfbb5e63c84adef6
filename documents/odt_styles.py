"""What the styles of an ODT file say: which paragraphs are quotations, which lists have numbers, which text is hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
_QUOTATIONS = {"Quotations", "Quote", "Intense_20_Quote", "Block_20_Text"}
_PREFORMATTED = {"Preformatted_20_Text", "Source_20_Code"}
_TITLES = {"Title": "h1", "Subtitle": "h2"}
_POINTS = re.compile(r"([0-9.]{1,8})pt")
# Nobody reads letters of two points.
_TINY = 2.0


class Styles:
    """The styles of one file, each with what it takes over from its parents."""

    def __init__(self, *roots: etree._Element | None) -> None:
        present = [root for root in roots if root is not None]
        self._styles = {
            (style.get(f"{STYLE}family"), style.get(f"{STYLE}name")): style
            for root in present
            for style in root.iter(f"{STYLE}style")
        }
        self._numbered = {
            style.get(f"{STYLE}name"): style.find(f"{TEXT}list-level-style-number[@{TEXT}level='1']") is not None
            for root in present
            for style in root.iter(f"{TEXT}list-style")
        }

    def has_numbers(self, list_style: str | None) -> bool:
        """Return whether the items of a list with this style have numbers."""
        return self._numbered.get(list_style, False)

    def tag(self, paragraph_style: str | None) -> str:
        """Return the HTML element of a paragraph with this style."""
        names = [style.get(f"{STYLE}name") for style in self._chain("paragraph", paragraph_style)]
        if _QUOTATIONS.intersection(names):
            return "blockquote"
        if _PREFORMATTED.intersection(names):
            return "pre"
        return next((_TITLES[name] for name in names if name in _TITLES), "p")

    def hides(self, family: str, name: str | None) -> bool:
        """Return whether text with this style is not shown: hidden, white on white, or too small to be seen."""
        looks = [look for style in self._chain(family, name) for look in style.iterfind(f"{STYLE}text-properties")]
        if _first(looks, f"{TEXT}display") == "none":
            return True
        behind = _first(looks, f"{FO}background-color")
        if _first(looks, f"{FO}color") == "#ffffff" and behind in ("", "transparent", "#ffffff"):
            return True
        size = _POINTS.fullmatch(_first(looks, f"{FO}font-size"))
        return size is not None and float(size[1]) <= _TINY

    def _chain(self, family: str, name: str | None) -> Iterator[etree._Element]:
        """Yield the style and its parents. A circle of them ends."""
        seen: set[str | None] = set()
        while name not in seen and (style := self._styles.get((family, name))) is not None:
            seen.add(name)
            yield style
            name = style.get(f"{STYLE}parent-style-name")


def _first(looks: list[etree._Element], attribute: str) -> str:
    return next((found for look in looks if (found := look.get(attribute)) is not None), "")
