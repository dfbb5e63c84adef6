"""Reduce a model's text to plain text without markup, links, addresses and invisible characters, and detect grades in it."""

from __future__ import annotations

import html
import re
import unicodedata

from workers.injection.addresses import NOTHING, Permitted, without_addresses
from workers.injection.decoding import LOOKALIKES
from workers.text.invisible_characters import from_marks
from workers.text.invisible_characters import remove_ineffective as visible

MAX_CHARS = 2_000  # of one text; the rest is cut off

# Every repeat is limited, so that a hostile text cannot cause minutes of backtracking.
_TAG = re.compile(r"<(?!(?:dot|at)>)[/!?]?[a-zA-Z][^<>]{0,2000}>|<!--.{0,2000}?-->", re.DOTALL | re.IGNORECASE)
_OPEN_TAG = re.compile(r"<(?=[/!?a-zA-Z])")  # a browser completes a tag that the text leaves open
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]{0,200})\]\((?:[^()]|\([^()]{0,200}\)){0,400}\)")
_MARKDOWN = re.compile(r"`+|\*\*+")
_CODED_LINK = re.compile(r"\[/?(?:url|img|link|email|a|media|video)\b[^\[\]\n]{0,400}\]", re.IGNORECASE)
_PUNCTUATION_VARIANTS = str.maketrans("。｡․⁄∕：", "...//:")

_NUMBER = r"(?:\d{1,3}(?:[.,]\d+)?|ten|twenty|fifty|ninety(?:[- ]\w+)?|a hundred|one hundred|hundred)"
_UNIT = r"(?:points?|marks?|pts|%|per ?cent|percent|credits?)"
# The pattern is narrow on purpose: "three points" and "question mark" are feedback, "9/10" and "full marks" are grades.
_SCORE = re.compile(
    r"\b\d{1,3}(?:[.,]\d+)?\s*(?:/|out\s+of)\s*(?:10|20|100)\b|\b\d{1,3}(?:[.,]\d+)?\s*/\s*(?:15|25|30|40|50|60)\b"
    r"|\b(?:ten|nine|eight|twenty|ninety|hundred)\s+out\s+of\s+(?:ten|twenty|a\s+hundred|one\s+hundred|10|20|100)\b"
    rf"|\b{_NUMBER}\s+of\s+(?:the\s+)?\d{{1,3}}\s+{_UNIT}|\b\d{{2,3}}\s*(?:points|marks|pts)\b|\bhundred\s+(?:points|marks)\b"
    r"|\b(?:full|top|maximum|perfect|highest|best)\s+(?:possible\s+)?(?:marks?|scores?|grades?|credit|levels?|bands?)\b"
    r"|\b(?:your|final|overall|total)\s+(?:marks?|scores?|grades?)\b"
    r"|\b(?:grade|score|total|marks?|points|note|punkte|punktzahl|nota|puntos)\s*[:=]\s*[\dA-F]|\b(?:grade|score)\s*[:=]\s*\S"
    rf"|\b(?:grade|score|total|mark)\s+(?:of|is)\s+(?:an?\s+)?(?:{_NUMBER}\b|[A-F]\b(?!\w))"
    rf"|\b(?:award(?:s|ed)?|deserves?|earns?|earned|scores?|scored|worth)\b[^.!?]{{0,40}}?\b{_NUMBER}\s*{_UNIT}"
    rf"|\b(?:give|gave|giving)\s+(?:it|this|you|yourself|the\s+(?:essay|paper|work))\b[^.!?]{{0,30}}?\b{_NUMBER}\b"
    r"|\b(?:volle\s+punktzahl|bestnote|note\s+maximale|(?:puntuaci[oó]n|nota|calificaci[oó]n)\s+m[aá]xima|voto\s+massimo)\b"
    r"|\b\d{1,3}\s+(?:sur|von|de|van|su)\s+(?:10|20|100)\b|满分|満点|\d{2,3}\s*(?:分|点)"
    r"|(?-i:\b[A-F][+-](?!\w))|(?-i:\b(?:an?\s+[ABCDF]\s+(?:grade|for)|grade\s+[ABCDF]\b))",
    re.IGNORECASE,
)
_LONG_RUN = re.compile(r"\S{60,}")


def plain(text: str, permitted: Permitted = NOTHING) -> str:
    """Return the text without tags, links, addresses and invisible characters, on one line and at most MAX_CHARS long.

    An address that is `permitted` stays.
    """
    clean = visible(from_marks(text[:MAX_CHARS]))
    while True:
        # Removing one thing can join the halves of another, so repeat until nothing is left to remove.
        folded = unicodedata.normalize("NFKC", clean).translate(_PUNCTUATION_VARIANTS)
        if folded != clean and _TAG.search(folded):
            clean = folded  # full-width and other compatible letters could hide a tag from the pattern
        shorter = _MARKDOWN_LINK.sub(r"\1", _TAG.sub("", html.unescape(clean)))
        shorter = _CODED_LINK.sub("", _MARKDOWN.sub("", shorter))
        shorter = visible(without_addresses(shorter, permitted))[:MAX_CHARS]
        if shorter == clean:
            shorter = _OPEN_TAG.sub("", clean)
        if shorter == clean:
            return " ".join(clean.split())
        clean = shorter


def states_grade(text: str) -> bool:
    """Return whether the text states a total, a mark or a grade, in digits of any script or look-alike letters."""
    folded = unicodedata.normalize("NFKC", text).translate(_PUNCTUATION_VARIANTS)
    digits = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in folded)
    return any(
        _SCORE.search(variant) is not None for variant in {text, digits, digits.casefold().translate(LOOKALIKES)}
    )


def has_long_run(text: str) -> bool:
    """Return whether the text holds 60 or more ASCII characters in a row without a space, which no person reads."""
    return any(found[0].isascii() for found in _LONG_RUN.finditer(text))
