"""Find e-mail addresses, also disguised ones, and telephone numbers in the skeleton of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_EMAIL = re.compile(r"(?<![\w.+'’-])[\w.+'’-]+@[\w-]+(?:\.[\w-]+)+")
# Groups after the first have at least two digits, because single digits are a list of numbers.
_PHONE = re.compile(
    r"(?<!\w)(?<!\d[.,])(?:\+|\(\+?)?\d{1,19}(?:(?:[ \u00a0.\-–/]|[ -]?\(0\)[ -]?|[ -]?\(|\)[ -]?)\d{2,19}){0,8}(?!\w)"
)
_PHONE_DIGITS = range(7, 20)
# What looks like a telephone number but is none: essays are full of years, dates and round numbers.
_YEAR = r"(?:1\d|20)\d\d"
_NOT_A_PHONE = re.compile(
    rf"{_YEAR}(?:\D{{1,3}}{_YEAR})+|{_YEAR}\D\d{{1,2}}\D\d{{1,2}}|\d{{1,2}}\D{{1,2}}\d{{1,2}}\D{{1,2}}{_YEAR}"
    r"|[1-9]\d{0,2}(?:\D?\d{3})*\D?000|\d\.\d+"
)

_DOT = r"(?:\s?[\[({<]\s?(?:dot|\.|punkt|punto|point)\s?[\])}>]\s?|\s(?:dot|punkt|punto|point)\s|\s?\.(?=\w)|\s\.\s(?=[a-z0-9]))"
_DOT_IN_WORDS = r"(?:\s?[\[({<]\s?(?:dot|\.|punkt|punto|point)\s?[\])}>]\s?|\s(?:dot|punkt|punto|point)\s)"
_LOCAL = rf"(?<![\w+-])[\w+-]{{1,64}}+(?:{_DOT}[\w+-]{{1,64}}+){{0,4}}"
# An address that its author hides from programs: `alice (at) north dot example`. A bare "at" needs a "dot" in words.
_DISGUISED = re.compile(
    rf"{_LOCAL}(?:(?:\s?[\[({{<]\s?(?:at|@|arroba|chez)\s?[\])}}>]\s?|\s@\s|@|\s?(?:%40|&#64;|&#x40;|&commat;)\s?)"
    rf"[\w-]{{1,63}}+(?:{_DOT}[\w-]{{2,63}}+){{1,5}}"
    rf"|\sat\s[\w-]{{1,63}}+{_DOT_IN_WORDS}[\w-]{{2,63}}+(?:{_DOT}[\w-]{{2,63}}+){{0,4}})",
    re.IGNORECASE,
)
# One of these is in every disguised address, and hardly ever in other texts.
_SIGN_OF_AN_ADDRESS = re.compile(
    r"@|%40|&#|&com|[\[({<]\s?(?:at|arroba|chez)|\sat\s[\w-]{1,63}(?:\s?[\[({<]|\s(?:dot|punkt|punto|point)\s)",
    re.IGNORECASE,
)


def contacts(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of addresses and telephone numbers; they may overlap."""
    if "@" in text:
        yield from (found.span() for found in _EMAIL.finditer(text))
    if _SIGN_OF_AN_ADDRESS.search(text):
        yield from (found.span() for found in _DISGUISED.finditer(text))
    for found in _PHONE.finditer(text):
        if sum(map(str.isdecimal, found[0])) in _PHONE_DIGITS and not _NOT_A_PHONE.fullmatch(found[0]):
            yield found.span()
