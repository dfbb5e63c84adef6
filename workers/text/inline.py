"""Find the spans within a block on which a checker of English has nothing to say: quotations, measurements, code, names."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_LONGEST_QUOTATION = 2_000


class InlineKind(StrEnum):
    """What a span within a block is."""

    QUOTATION = "quotation"
    CITATION = "citation"
    MEASUREMENT = "measurement"
    CODE = "code"
    FOREIGN = "words in another language"
    NAME = "name"
    SPLIT_WORD = "split word"
    WRONG_DECODING = "wrong decoding"
    LOOKALIKE = "look-alike letters"


@dataclass(frozen=True, kw_only=True, slots=True)
class Inline:
    """A span of the clean text."""

    start: int
    end: int
    kind: InlineKind


_MEASURE = re.compile(
    r"\d['\u2019] ?\d{1,2}(?:[ .]\d{1,2}(?:/\d{1,2})?|[\u00bc-\u00be])?\"|(?<![\"\w])\d{1,4}(?:[.,/]\d{1,3})?[ ]?\"(?=[\s.,;:)\u00d7x-])"
)
_SURE_MEASURE = re.compile(r"\d['\u2019] ?\d")
_YEAR = r"(?:1[5-9]|20)\d\d[a-z]?"
_AUTHOR = r"[A-Z][\w'\u2019-]{1,60}"
# Words before a number in brackets that name no author: "(Figure 2)", "(May 2020)".
_NO_AUTHOR = (
    r"(?:fig(?:ure)?|table|chart|graph|map|diagram|picture|photo|image|illustration|plate|act|scene|chapter|part|section|book|"
    r"volume|verse|line|lines|page|pages|paragraph|step|stage|phase|level|unit|lesson|module|topic|task|question|item|number|no|"
    r"appendix|exhibit|article|amendment|rule|law|room|class|grade|year|form|group|team|season|episode|series|version|model|type|"
    r"size|day|week|month|quarter|term|period|round|game|match|race|lap|spring|summer|autumn|fall|winter|christmas|easter|war|"
    r"apollo|gate|route|highway|street|bus|flight|boeing|airbus|channel|stand|platform|box|area|district|zone|covid|psalm|"
    r"january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|"
    r"nov|dec|monday|tuesday|wednesday|thursday|friday|saturday|sunday|olympics|euro|expo|windows|iphone|formula|equation|eq|note|"
    r"example|case|study|experiment|test|trial|sample|group|participant|age|aged|born|since|circa|about|over|under|only|around)\b"
)
_CITATION = re.compile(
    rf"\((?!(?i:{_NO_AUTHOR}))(?P<author>{_AUTHOR})(?:,? (?:and|&) {_AUTHOR}| et al\.?)?"
    rf"(?:(?P<bare> )|,? )(?P<number>{_YEAR}(?:, pp?\. ?\d+(?:[-\u2013]\d+)?)?|(?:pp?\. ?)?\d{{1,4}}(?:[-\u2013]\d{{1,4}})?)\)"
    rf"|(?<![\w'\u2019-])(?P<named>{_AUTHOR})(?: (?:and|&) {_AUTHOR}| et al\.?)? \({_YEAR}(?:, pp?\. ?\d+)?\)"
)
_CODE = re.compile(
    r"`[^`\n]{1,300}`|\b(?:https?|ftp)://\S{1,500}|\bwww\.\S{1,300}|\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b"
    r"|(?<![\w.])(?:[A-Za-z]:)?[\w./\\-]{0,80}\w\.(?:py|js|ts|html?|css|txt|docx?|odt|pdf|csv|png|jpe?g|gif|svg|exe|java|cpp|json|xml|ya?ml|"
    r"zip|mp[34]|pptx?|xlsx?|sql|sh|md|rb|php|ini|log|dll)\b"
    r"|\b(?:[a-z0-9-]{1,63}\.){1,3}(?:com|org|net|edu|gov|io|co\.uk|info)\b(?:/\S{0,300})?"
    r"|(?<!\w)[@#][A-Za-z_]\w{1,60}|\b[a-z]{1,40}(?:_[a-z0-9]{1,40}){1,8}\b|\b[a-z]{2,30}(?:[A-Z][a-z0-9]{1,30}){1,6}\b(?:\(\))?"
    r"|\b\w{2,60}\(\)",
)
_LANGUAGE = (
    r"Arabic|Bengali|Chinese|Czech|Danish|Dutch|Farsi|Finnish|French|German|Greek|Hebrew|Hindi|Hungarian|Igbo|Indonesian|Irish|"
    r"Italian|Japanese|Korean|Latin|Mandarin|Norwegian|Pashto|Persian|Polish|Portuguese|Punjabi|Romanian|Russian|Somali|Spanish|"
    r"Swahili|Swedish|Tagalog|Tamil|Turkish|Ukrainian|Urdu|Vietnamese|Welsh|Yiddish|Yoruba|Zulu"
)
# Words set apart by asterisks or underscores, and words that the writer says are of another language.
_FOREIGN = re.compile(
    r"(?<![\w*_])(?P<mark>[*_])(?P<apart>[^\s*_][^*_\n]{0,80}?)(?P=mark)(?![\w*_])"
    rf"|\b(?:{_LANGUAGE}) (?:word|term|phrase|expression|saying|proverb|concept|idea|dish|name|tradition|verb|noun)s?"
    r"(?: of| for \w+ is| is| called)? (?P<named>[\w\u2019'-]{1,40})",
)
TITLES = (
    r"Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Professor|Sir|Lady|Lord|Madam|Aunt|Auntie|Uncle|President|King|Queen|Prince|Princess|Captain|"
    r"Mayor|Saint|St|Coach|Judge|Officer|Sergeant|General|Colonel|Senator|Governor|Minister|Reverend|Father|Sister|Brother|"
    r"Grandma|Grandpa|Principal|Imam|Rabbi|Sheikh|Se\u00f1or|Se\u00f1ora|Herr|Frau|Madame|Monsieur"
)
_NAME = re.compile(rf"\b(?:{TITLES})\b\.? (?P<name>[A-Z][\w'\u2019-]{{1,40}}(?: [A-Z][\w'\u2019-]{{1,40}}){{0,2}})")
SPEECH = r"(?:said|says|asked|asks|answered|replied|replies|whispered|shouted|cried|called|laughed|muttered|yelled|explained|added)"
_SPEAKER = re.compile(
    rf"\b{SPEECH} (?P<after>[A-Z][\w\u2019-]{{1,40}})\b|\b(?P<before>[A-Z][\w\u2019-]{{1,40}}) {SPEECH}\b"
)
_NOT_NAMES = frozenset("I He She It They We You The A An My His Her This That And But Then So Who".split())
_WORD = re.compile(r"\b[A-Z][\w-]{1,40}")
_PAIRS = {"\u201c": "\u201d", "\u2039": "\u203a"}


def find_inline(text: str, *, blocks: list[tuple[int, int]]) -> list[Inline]:
    """Return the inline spans of a clean text. A span lies within one block."""
    found: list[Inline] = []
    for start, end in blocks:
        part = text[start:end]
        measures = list(_measurements(part))
        found += [
            Inline(start=start + span.start, end=start + span.end, kind=span.kind)
            for span in (*measures, *_quotations(part, {one.end - 1 for one in measures}), *_patterns(part))
        ]
    found += [Inline(start=first, end=last, kind=InlineKind.NAME) for first, last in _names(text)]
    return found


def citations(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield author, start and end of each citation, such as "(Okafor, 2021)" or "Okafor (2021)".

    A name and a number without a comma are a citation only where the name also stands elsewhere in the text, because
    "(Apollo 11)" looks the same.
    """
    counts = Counter(_WORD.findall(text))
    for found in _CITATION.finditer(text):
        author = found["author"] or found["named"]
        if found["bare"] and counts[author] < 2:
            continue
        yield author, found.start(), found.end()


def _measurements(text: str) -> Iterator[Inline]:
    """Yield feet and inches. After a number, a straight mark is a quotation mark where it closes a quotation."""
    marks: list[int] = []
    for found in _MEASURE.finditer(text):
        mark = found.end() - 1
        first = max(0, mark - _LONGEST_QUOTATION)
        opened = (text.count('"', first, mark) - len(marks) + bisect_left(marks, first)) % 2 == 1
        left = text.count('"', mark + 1, mark + _LONGEST_QUOTATION)
        if _SURE_MEASURE.match(found[0]) or not opened or left % 2 == 1:
            yield Inline(start=found.start(), end=found.end(), kind=InlineKind.MEASUREMENT)
            marks.append(mark)


def _quotations(text: str, measures: set[int]) -> Iterator[Inline]:
    opened, closing = -1, ""
    for at, character in enumerate(text):
        if at in measures:
            continue
        if opened >= 0 and character == closing:
            if at - opened <= _LONGEST_QUOTATION:
                yield Inline(start=opened, end=at + 1, kind=InlineKind.QUOTATION)
            opened = -1
        elif opened < 0 and (character in _PAIRS or character == '"'):
            opened, closing = at, _PAIRS.get(character, '"')


def _patterns(text: str) -> Iterator[Inline]:
    for found in _CODE.finditer(text):
        yield Inline(start=found.start(), end=found.end(), kind=InlineKind.CODE)
    for found in _FOREIGN.finditer(text):
        start, end = found.span("apart" if found["apart"] else "named")
        yield Inline(start=start, end=end, kind=InlineKind.FOREIGN)
    for _, start, end in citations(text):
        yield Inline(start=start, end=end, kind=InlineKind.CITATION)


def _names(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of names: after a title, and wherever the name of a speaker stands."""
    yield from (found.span("name") for found in _NAME.finditer(text))
    speakers = {found["after"] or found["before"] for found in _SPEAKER.finditer(text)} - _NOT_NAMES
    if speakers:
        yield from (found.span() for found in _WORD.finditer(text) if found[0] in speakers)
