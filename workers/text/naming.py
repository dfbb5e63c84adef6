"""Name the blocks of a text by their place: headers, titles, headings, letter parts, references, dialogue."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from workers.text import line_kinds
from workers.text.inline import SPEECH
from workers.text.layout import Group, Kind, is_dialogue_line

_MOST_TOP_LINES = 16
_TOP_LINE_WORDS = 12
_SIGNATURE_WORDS = 8  # of the last lines of a letter
_CLOSING_WORDS = 12  # where the first of two lines ends with a comma, and the second is a name
_BYLINE = re.compile(r"^(?:written )?by:? ", re.IGNORECASE)
_LABEL = re.compile(
    r"^(?:name|student(?: name)?|date|class|course|teacher|instructor|professor|subject|period|grade|assignment|word count|"
    r"running head|author|e-?mail|id|student id|to|from|re|school|group|form|year|page|hour|draft|essay)\b ?(?:\d+ ?)?[:#]",
    re.IGNORECASE,
)
_SAID = re.compile(rf"[,.?!] (?:{SPEECH} (?:\w+ ){{0,2}}\w+|(?:\w+ ){{1,2}}{SPEECH})\b")
_HEADER_WORDS = re.compile(
    r"^(?:mr|mrs|ms|miss|dr|prof(?:essor)?|mx)\b\.? [A-Z]|\b(?:school|university|college)(?:,|$)|^department of|"
    r"(?:^|, )(?:period|class|grade|form|year) \d{1,2}|"
    r"^[A-Za-z ]{3,30} \d{1,3}[A-Za-z]?(?::.{0,60})?$",
    re.IGNORECASE,
)


def name_groups(groups: list[Group]) -> None:
    """Set the kind of each group that its place in the text shows."""
    _name_references(groups)
    _name_letter_parts(groups)
    _name_top(groups)
    _name_block_quotations(groups)
    _name_dialogue(groups)
    _name_headings(groups)


def _name_references(groups: list[Group]) -> None:
    for index, group in enumerate(groups):
        if index == 0 or group.kind not in (Kind.PROSE, Kind.LIST_ITEM, Kind.VERSE):
            continue
        following = [line.text for line in group.lines[1:]] + [other.first for other in groups[index + 1 : index + 3]]
        if line_kinds.names_references(group.first, following):
            for other in groups[index:]:
                if other is not group and other.single and line_kinds.bare(other.first).lower().startswith("appendix"):
                    break
                other.kind = Kind.REFERENCES
            return


def _name_letter_parts(groups: list[Group]) -> None:
    if any(line_kinds.SALUTATION.match(group.first) for group in groups[:6]):
        for group in next((tail for tail in _tails(groups) if _is_signature(tail)), []):
            group.kind = Kind.LETTER_PART
    closed = False
    for group in groups:
        if (
            group.kind not in (Kind.PROSE, Kind.VERSE)
            or sum(line_kinds.word_count(line.text) for line in group.lines) > 15
        ):
            closed = False
            continue
        sentence = group.lines[0].ends_sentence and line_kinds.word_count(group.first) > 3
        closing = not sentence and line_kinds.CLOSING.match(group.first) is not None
        if closed and len(group.lines) == 1 and not group.lines[0].ends_sentence:
            closing = True
        if closing or line_kinds.SALUTATION.match(group.first) or line_kinds.DATE.match(group.first):
            group.kind = Kind.LETTER_PART
        closed = closing


def _tails(groups: list[Group]) -> list[list[Group]]:
    """Return what the closing and the name may be: the last two groups if no blank line separates them, and the last one."""
    together = len(groups) > 2 and groups[-2].run == groups[-1].run
    return [groups[-2:], groups[-1:]] if together else [groups[-1:]]


def _is_signature(groups: list[Group]) -> bool:
    """Return whether the last lines of a letter are a closing in words that no table holds, and a name."""
    lines = [line for group in groups for line in group.lines]
    words = sum(line_kinds.word_count(line.text) for line in lines)
    closed = len(lines) == 2 and lines[0].text.endswith(",") and line_kinds.word_count(lines[1].text) <= 3
    prose = all(group.kind in (Kind.PROSE, Kind.VERSE, Kind.LETTER_PART) for group in groups)
    sentence = any(group.lines[-1].ends_sentence for group in groups)
    return prose and words <= (_CLOSING_WORDS if closed else _SIGNATURE_WORDS) and not sentence


def _name_top(groups: list[Group]) -> None:
    """Name the short lines above the essay: names, course and date are a header, the last one is the title."""
    if _name_letter_head(groups):
        return
    top: list[Group] = []
    for group in groups[:_MOST_TOP_LINES]:
        if not _is_top_group(group):
            break
        top.append(group)
    rest = groups[len(top) :]
    if not top or not any(group.kind in (Kind.PROSE, Kind.LETTER_PART, Kind.DIALOGUE) for group in rest):
        return
    if rest[0].kind is Kind.VERSE and len(top) == 1:
        top[0].kind = Kind.TITLE
        return
    for group in top:
        group.kind = Kind.HEADER
    _name_titles(top)


def _name_titles(top: list[Group]) -> None:
    """Name the title among the short lines above an essay, and the headings below it."""
    headers = [index for index, group in enumerate(top) if len(group.lines) > 1 or _is_header_line(group.first)]
    last = headers[-1] if headers and len(top) > 1 else -1
    above, below = top[: max(0, last)], top[last + 1 :]
    for group in below:
        group.kind = Kind.HEADING
    titles = [group for group in below if not line_kinds.is_section_name(group.first)]
    if not titles and above and _BYLINE.match(top[1].first):
        titles = above
    elif not titles and headers == [0]:
        titles = top[:1]  # a title that ends with a number looks like the name of a course
    if titles:
        titles[0].kind = Kind.TITLE


def _name_letter_head(groups: list[Group]) -> bool:
    """Name the addresses and the date above a salutation, and return whether there is a salutation."""
    salutation = next((at for at, group in enumerate(groups[:6]) if line_kinds.SALUTATION.match(group.first)), -1)
    for group in groups[: max(0, salutation)]:
        if len(group.lines) <= 8 and all(line_kinds.word_count(line.text) <= _TOP_LINE_WORDS for line in group.lines):
            group.kind = Kind.HEADER
    return salutation >= 0


def _is_top_group(group: Group) -> bool:
    if group.kind is Kind.LETTER_PART:
        return line_kinds.DATE.match(group.first) is not None
    if group.kind is Kind.VERSE:
        return len(group.lines) <= 8 and any(_is_header_line(line.text) for line in group.lines)
    if (
        group.kind is not Kind.PROSE
        or sum(line_kinds.word_count(line.text) for line in group.lines) > _TOP_LINE_WORDS + 4
    ):
        return False
    return all(_is_top_line(line.text) for line in group.lines)


def _is_top_line(text: str) -> bool:
    if _is_header_line(text) or line_kinds.is_markdown_heading(text):
        return len(text) <= 120
    words = line_kinds.word_count(text)
    if not words or words > _TOP_LINE_WORDS:
        return False
    if text[-1] in '.!?"\u201d':
        return words <= 10 and line_kinds.in_title_case(text) and words > 1
    return text[-1] not in ":,;'"


def _is_header_line(text: str) -> bool:
    if len(text) > 120 or line_kinds.word_count(text) > _TOP_LINE_WORDS or text[-1] in "!?":
        return False
    return any(pattern.search(text) for pattern in (_BYLINE, _LABEL, _HEADER_WORDS)) or bool(
        line_kinds.DATE.match(text)
    )


def _name_block_quotations(groups: list[Group]) -> None:
    prose = [group for group in groups if group.kind is Kind.PROSE]
    indented = [group for group in prose if all(line.indent >= 2 for line in group.lines)]
    usual = 2 * len(indented) >= len(prose)
    for before, group in pairwise(groups):
        if group.kind is not Kind.PROSE:
            continue
        introduced = before.kind is Kind.PROSE and before.last.endswith(":")
        in_marks = (
            group.first[0] in '"\u201c'
            and re.search(r"[\"\u201d][.,]?(?: ?\([^()]{1,60}\)[.,]?)?$", group.last) is not None
        )
        apart = not usual and group in indented
        if (apart and (introduced or len(group.lines) > 1 or group.lines[0].indent >= 4)) or (introduced and in_marks):
            group.kind = Kind.BLOCK_QUOTATION


def _name_dialogue(groups: list[Group]) -> None:
    prose = [group for group in groups if group.kind is Kind.PROSE]
    speech = [group for group in prose if is_dialogue_line(group.first)]
    if len(speech) > 1:
        for group in speech:
            group.kind = Kind.DIALOGUE
    dashed = [group for group in groups if group.kind is Kind.LIST_ITEM and group.first[0] in "-\u2013\u2014"]
    spoken = sum(_SAID.search(line.text) is not None for group in dashed for line in group.lines)
    if spoken > 1 and spoken * 4 >= len(dashed):
        for group in dashed:
            group.kind = Kind.DIALOGUE
    script = [(group, found["name"]) for group in prose if (found := line_kinds.SPEAKER.match(group.first))]
    counts = Counter(name for _, name in script)
    if len(script) > 2 and len(counts) > 1 and max(counts.values()) > 1:
        for group, _ in script:
            group.kind = Kind.DIALOGUE


def _name_headings(groups: list[Group]) -> None:
    for index, group in enumerate(groups):
        following = groups[index + 1].kind if index + 1 < len(groups) else None
        if group.single and _is_heading(group.first, following, first=index == 0):
            group.kind = Kind.HEADING
    for before, group, after in zip([None, *groups], groups, [*groups[1:], None], strict=False):
        alone = group.kind is Kind.LIST_ITEM and not any(
            one is not None and one.kind is Kind.LIST_ITEM and line_kinds.is_numbered(one.first)
            for one in (before, after)
        )
        if alone and after is not None and len(group.lines) == 1 and _is_numbered_heading(group.first):
            group.kind = Kind.HEADING
    headings = any(group.kind is Kind.HEADING for group in groups)
    for before, group, after in zip(groups, groups[1:], groups[2:], strict=False):
        asks = group.single and group.last.endswith("?") and line_kinds.word_count(group.first) <= 10
        if (
            asks
            and after.kind is Kind.PROSE
            and (headings or line_kinds.in_title_case(group.first))
            and before.kind is not Kind.DIALOGUE
        ):
            group.kind = Kind.HEADING


def _is_numbered_heading(text: str) -> bool:
    return line_kinds.is_numbered(text) and line_kinds.word_count(text) <= 8 and text[-1] not in ".!,;"


def _is_heading(text: str, following: Kind | None, *, first: bool) -> bool:
    words = line_kinds.word_count(text)
    if line_kinds.is_rule(text) or line_kinds.is_markdown_heading(text) or line_kinds.is_section_name(text):
        return True
    if not words or words > 12 or text[-1] in '.!?,;"\u201d\u2026':
        return False
    if text.endswith(":"):
        return following is Kind.PROSE and (words <= 3 or line_kinds.in_title_case(text))
    if line_kinds.bare(text)[:1].islower():
        return False
    return (
        words <= (4 if following is None or first else 6)
        or text.isupper()
        or (line_kinds.in_title_case(text) and not first)
    )
