"""The shapes of single lines by which the parts of a text are recognised."""

from __future__ import annotations

import re

_BULLET = re.compile(
    r"(?:[-*+\u2022\u2023\u25e6\u2219\u00b7\uf0a7\uf0b7\uf0d8\u2013\u2190-\u21ff\u25a0-\u25ff\u2605\u2606\u2610-\u2612\u2713-\u2718"
    r"\u2794-\u27be]\ufe0f?|\[[ xX]\])\s+(?=\S)"
)
_NUMBER = re.compile(r"(?:\(?(?:\d{1,2}|[a-zA-Z]|[ivxIVX]{1,4})[.)]\)?|o)\s+(?=\S)")
_MARKUP = re.compile(r"^(?:#{1,6}\s+|>\s*|[-*+]\s+)?[*_]{0,3}|[*_:]{1,3}:?$|\s*#{1,6}$")
_NUMBERING = re.compile(
    r"^(?:(?:part|chapter|section)\s+)?(?:\d{1,2}(?:\.\d{1,2}){0,3}[.):]?|[IVX]{1,4}[.)]|[A-Z][.)])\s+", re.IGNORECASE
)
_RULE = re.compile(r"^(?:[=_*~#\u2014\u2013-]\s?){3,}$")
_CELLS = re.compile(r"\S(?:\t+| {3,}| *\| *)(?=\S)")
_CODE = re.compile(
    r"^(?:(?:def|class|import|from|for|while|if|elif|else|return|print|function|var|let|const|public|private|static|int|"
    r"void|#include|select|insert|update|try|except|catch)\b.*[(){}\[\];:=<>]\s*$|.*[;{}]\s*$|<[/!?a-zA-Z][^>]*>|"
    r"[\w.]+\s*(?:=|\+=|:=)\s*\S+.*|[\w.]+\([^)]*\)\s*$|\$\s+\w|>>> )"
)
_SECTION_NAMES = (
    "introduction|background|body|conclusions?|discussion|results?|methods?|methodology|summary|abstract|analysis|"
    "overview|findings|evaluation|recommendations?|appendix(?: [a-z0-9])?|acknowledge?ments|hypothesis|materials|"
    "counter-?arguments?|rebuttal|the other side|outline|plan|notes|word count.{0,12}|the end"
)
_SECTION = re.compile(rf"^(?:{_SECTION_NAMES})$", re.IGNORECASE)
_SURE_REFERENCES = (
    r"(?:works?|sources?|literature|references) cited(?: (?:page|list))?|(?:list of|cited) (?:references|works(?: cited)?|sources)|"
    r"references(?: (?:list|page|cited|and (?:notes|sources|further reading)|used))?|reference (?:list|page)|"
    r"(?:annotated |select(?:ed)? |working )?bibliography|(?:works|sources|references) (?:consulted|used)|sources? list|list of works|"
    r"further reading"
)
_POSSIBLE_REFERENCES = r"reference|sources?|literature|links|websites|my sources|works|citations"
_REFERENCES = re.compile(rf"^(?P<sure>{_SURE_REFERENCES})$|^(?:{_POSSIBLE_REFERENCES})$", re.IGNORECASE)
_ENTRY = re.compile(
    r"\b(?:1[5-9]|20)\d\d\b|https?://|www\.|^\W{0,3}[A-Z][\w'\u2019-]+, [A-Z]|\bretrieved\b|\bprint\b|\bdoi\b",
    re.IGNORECASE,
)

SALUTATION = re.compile(
    r"^(?:dear\b.{0,60}|to whom it may concern.{0,5}|(?:hello|hi|hey)\b[^.?]{0,40},)$", re.IGNORECASE
)
CLOSING = re.compile(
    r"^(?:(?:yours |very )?(?:sincerely|truly|faithfully|respectfully)(?: yours)?|yours|(?:best|kind|kindest|warm|many) (?:regards|"
    r"wishes|thanks)|from|(?:with |lots of |all my )?love|thank you|thanks|regards|cheers),?[ .!]*(?:[\w.' ]{0,40})?$",
    re.IGNORECASE,
)
_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]{0,6}\.?"
DATE = re.compile(
    rf"^(?:(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?(?:{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|"
    rf"\d{{1,2}}(?:st|nd|rd|th)?[/. -](?:of )?(?:{_MONTH}|\d{{1,2}})[/., -]{{1,2}}\d{{2,4}}|\d{{4}}-\d\d-\d\d)|date:.{{0,30}})\.?$",
    re.IGNORECASE,
)
SPEAKER = re.compile(
    r"^[*_]{0,2}(?P<name>[A-Z][\w'\u2019-]*(?: [A-Z0-9][\w'\u2019-]*){0,2})[*_]{0,2}:[*_]{0,2} +(?=\S)"
)
_WORDS = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_SMALL_WORDS = frozenset("a an and as at but by for from in into nor of on or over the to up vs with is".split())


def is_bullet(text: str) -> bool:
    """Return whether a line starts with the mark of a list item."""
    return _BULLET.match(text) is not None


def is_numbered(text: str) -> bool:
    """Return whether a line starts with a number or letter as in a list. A single such line may be something else."""
    return _NUMBER.match(text) is not None


def marker_length(text: str) -> int:
    """Return the length of the mark, number or letter before the words of a list item or heading."""
    found = _BULLET.match(text) or _NUMBER.match(text) or _NUMBERING.match(text)
    return found.end() if found else 0


def is_rule(text: str) -> bool:
    """Return whether a line only draws a line."""
    return _RULE.match(text) is not None


def cells(text: str) -> int:
    """Return the number of table cells of a line."""
    if "|" not in text and "\t" not in text and "   " not in text:
        return 1
    return len(_CELLS.findall(text.strip("|"))) + 1


def is_code(text: str) -> bool:
    """Return whether a line looks like a line of a program."""
    return _CODE.match(text) is not None


def is_markdown_heading(text: str) -> bool:
    """Return whether a line is a heading by its marks: "# Name" or "**Name**"."""
    return re.match(r"^#{1,6}\s+\S", text) is not None or re.match(r"^(\*\*|__)[^*_]{1,100}\1:?$", text) is not None


def bare(text: str) -> str:
    """Return the words of a heading without its marks, numbering and colon."""
    shorter = _MARKUP.sub("", text[:200]).strip()
    return _NUMBERING.sub("", shorter).strip(" :*_#")


def is_section_name(text: str) -> bool:
    """Return whether a line holds a usual name of a section and nothing else."""
    return len(text) <= 80 and _SECTION.match(bare(text)) is not None


def names_references(text: str, following: list[str]) -> bool:
    """Return whether a line is the heading of a list of references. `following` are the next lines, which decide in doubt."""
    if len(text) > 80:
        return False
    found = _REFERENCES.match(bare(text))
    if found is None:
        return False
    return bool(found["sure"]) or any(_ENTRY.search(line[:300]) for line in following[:2])


def word_count(text: str) -> int:
    """Return the number of words of a line."""
    return len(_WORDS.findall(text))


def in_title_case(text: str) -> bool:
    """Return whether nearly all words start with a capital letter, except short words such as "of"."""
    found = [word for word in _WORDS.findall(text) if word.lower() not in _SMALL_WORDS]
    return bool(found) and sum(word[0].isupper() for word in found) >= 0.75 * len(found)
