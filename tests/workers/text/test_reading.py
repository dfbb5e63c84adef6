"""Test the one reading of a text: its clean text, its blocks and spans, and the way back to the stored text."""

from __future__ import annotations

import textwrap
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.layouts import DIALOGUE, HANDS, MLA_HEADER, PLAIN, POEM, RIVER
from workers.text.inline import InlineKind
from workers.text.layout import Kind
from workers.text.reading import Reading, read

PARAGRAPHS = PLAIN.split("\n\n")


def kinds(text: str) -> list[str]:
    """Return the kinds of the blocks, without repeats in a row."""
    found = [block.kind.value for block in read(text).blocks]
    return [kind for index, kind in enumerate(found) if index == 0 or found[index - 1] != kind]


def quotes(reading: Reading, kind: InlineKind) -> list[str]:
    """Return the words of the spans of one kind, as they stand in the stored text."""
    return [reading.original[slice(*reading.original_span(span.start, span.end))] for span in reading.spans(kind)]


def wrapped(width: int, between: str = "\n\n") -> str:
    """Return the essay with lines of at most `width` columns."""
    return between.join(textwrap.fill(paragraph, width) for paragraph in PARAGRAPHS)


def test_plain_essay_is_read_as_it_is() -> None:
    reading = read(PLAIN)
    assert reading.clean == PLAIN
    assert [block.kind for block in reading.blocks] == [Kind.PROSE] * 4
    assert reading.original_span(0, len(PLAIN)) == (0, len(PLAIN))
    assert reading.notes == ()


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("text", [PLAIN, wrapped(72), wrapped(60, "\n")])
def test_every_line_end_is_a_line_end(text: str, line_end: str) -> None:
    assert read(text.replace("\n", line_end)).clean == PLAIN


@pytest.mark.parametrize("width", range(50, 101, 5))
def test_wrapped_lines_with_blank_lines_are_joined(width: int) -> None:
    assert read(wrapped(width)).clean == PLAIN


@pytest.mark.parametrize("width", [60, 72, 80, 100])
def test_wrapped_lines_without_blank_lines_are_joined(width: int) -> None:
    assert read(wrapped(width, "\n")).clean == PLAIN


@pytest.mark.parametrize("text", [
    "\n".join(textwrap.fill(one, 72, initial_indent="    ") for one in PARAGRAPHS),
    "\n\n".join(textwrap.fill(one, 66, initial_indent="  ", subsequent_indent="  ") for one in PARAGRAPHS),
    "\n\n".join(line for one in PARAGRAPHS for line in textwrap.fill(one, 72).split("\n")),
    wrapped(70).replace("\n", " \n"),
    "\n".join(f"\t{one}" for one in PARAGRAPHS),
    "\n\n\n\n".join(PARAGRAPHS),
    "\n \t\n".join(PARAGRAPHS),
    "\n\n---\n\n".join(PARAGRAPHS),
], ids=["first lines", "all lines", "double spacing", "spaces", "tabs", "blank lines", "white lines", "rules"])  # fmt: skip
def test_indented_and_spaced_essays_read_like_the_plain_one(text: str) -> None:
    assert read(text).clean == PLAIN


def test_ragged_lines_of_a_page_are_joined() -> None:
    ragged = PLAIN.replace("because they give", "because\nthey give").replace(
        "more than bread. Neighbours", "more than\nbread. Neighbours"
    )
    ragged = ragged.replace("stationery shop keeps", "stationery shop\nkeeps").replace("It sells the", "It\nsells the")
    ragged = "\n\n".join(
        "\n".join(textwrap.fill(line, 88 - 7 * (index % 2)) for index, line in enumerate(one.split("\n")))
        for one in ragged.split("\n\n")
    )
    assert read(ragged).clean == PLAIN


@pytest.mark.parametrize("poem", [POEM, RIVER, HANDS, RIVER.replace("\n\n", "\n"), POEM.replace("\n", "\r\n"),
                                  RIVER.replace("\n", ",\n").replace(",\n,\n", ".\n\n")])  # fmt: skip
def test_lines_of_verse_are_kept(poem: str) -> None:
    assert kinds(poem) == ["verse"]
    assert read(poem).clean.count("\n") == poem.count("\n")


def test_wrapped_prose_is_no_verse_and_verse_in_an_essay_is() -> None:
    assert kinds(wrapped(50)) == ["prose"]
    quoted = "\n\n".join((PARAGRAPHS[0], "A poet wrote:", POEM.split("\n\n")[0], *PARAGRAPHS[1:]))
    assert kinds(quoted) == ["prose", "verse", "prose"]


@pytest.mark.parametrize("header", [
    MLA_HEADER,
    MLA_HEADER.replace("\n", "\r\n"),
    "Jo Park\nMs. Rivera\nEnglish 10\n12 March 2026\nThe Corner Shop\n",
    "Jo Park\n\nMs. Rivera\n\nEnglish 10\n\n12 March 2026\n\nThe Corner Shop\n\n",
    "Amara Okafor\nProfessor Lindqvist\nENG 101-02\nMarch 3, 2026\n\nA Street Alive\n\n",
    "Name: Jo Park\nClass: 10B\nDate: 12/03/2026\n\nThe Corner Shop\n\n",
    ("The Corner Shop\n\nJo Park\n\nDepartment of English, Lake High School\n\nENG 210: Writing\n\nDr. Ana Rivera\n\nMarch 12, 2026\n\n"
    "The Corner Shop\n\n"),
])  # fmt: skip
@pytest.mark.parametrize("essay", [PLAIN, wrapped(72)])
def test_header_and_title_stand_above_the_essay(header: str, essay: str) -> None:
    assert kinds(header + essay) == ["header", "title", "prose"]


@pytest.mark.parametrize("title", [
    "The Corner Shop", "# The Corner Shop", "**The Corner Shop**", '"The Corner Shop"', "SAVE THE SHOPS!",
    "Should Our Council Protect Small Shops?", "Small Shops and Our Street: Why They Matter",
])  # fmt: skip
def test_title_is_recognised(title: str) -> None:
    assert kinds(f"{title}\n\n{PLAIN}") == ["title", "prose"]
    assert kinds(f"{title}\n{PLAIN}") == ["title", "prose"]


@pytest.mark.parametrize("names", [
    ("Introduction", "Background", "The Other Side", "Conclusion"),
    ("# Introduction", "## Why shops matter", "## The other side", "## Conclusion"),
    ("1. Introduction", "2. Why shops matter", "3. The other side", "4. Conclusion"),
    ("Introduction:", "Background:", "The Other Side:", "Conclusion:"),
    ("INTRODUCTION", "WHY SHOPS MATTER TO US", "THE OTHER SIDE", "CONCLUSION"),
    ("Introduction", "Why do shops matter?", "What do others say?", "Conclusion"),
])  # fmt: skip
@pytest.mark.parametrize("between", ["\n\n", "\n"])
def test_headings_are_no_paragraphs(names: tuple[str, ...], between: str) -> None:
    reading = read("\n\n".join(name + between + one for name, one in zip(names, PARAGRAPHS, strict=True)))
    assert [block.kind for block in reading.blocks if block.kind is Kind.PROSE] == [Kind.PROSE] * 4
    assert [reading.clean[one.start : one.end] for one in reading.blocks if one.kind is Kind.PROSE] == PARAGRAPHS


@pytest.mark.parametrize(
    "mark",
    ["- {}", "* {}", "\u2022 {}", "\u2013 {}", "\u2192 {}", "{n}. {}", "{n}) {}", "({n}) {}", "{l}) {}", "[ ] {}"],
)
@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_list_items_are_recognised(mark: str, between: str) -> None:
    items = ("rents rise each year", "rooms stay empty for a long time", "streets feel long and dark in winter")
    listed = between.join(mark.format(one, n=index + 1, l="abc"[index]) for index, one in enumerate(items))
    reading = read(f"{PARAGRAPHS[0]}\n\nThere are three reasons:\n\n{listed}\n\n{PARAGRAPHS[1]}")
    assert [block.kind for block in reading.blocks].count(Kind.LIST_ITEM) == 3
    assert kinds(reading.original) == ["prose", "list item", "prose"]


@pytest.mark.parametrize("heading", [
    "Works Cited Page", "List of References", "Reference", "Literature", "7. References", "References and Notes", "Works Consulted",
    "**References**", "# References", "Sources Cited", "Annotated Bibliography", "Works cited list", "References:", "WORKS CITED",
    "Bibliography", "Sources", "## 5. Reference List", "__Works Cited__", "VII. References", "Literature Cited",
])  # fmt: skip
def test_reference_list_is_recognised_under_its_usual_names(heading: str) -> None:
    entries = "Lopez, A. (2016). Markets. Oxford Press.\n\nOkoro, B. (2018). Streets and shops. City Books."
    assert kinds(f"{PLAIN}\n\n{heading}\n\n{entries}") == ["prose", "references"]
    assert kinds(f"{PLAIN}\n\n{heading}\n{entries}") == ["prose", "references"]


def test_paragraph_about_sources_is_no_reference_list() -> None:
    text = "\n\n".join(
        (PARAGRAPHS[0], "Sources", "Shops need sources of light and warmth, and so do people.", PARAGRAPHS[3])
    )
    assert "references" not in kinds(text)


@pytest.mark.parametrize("story", [
    DIALOGUE, DIALOGUE.replace("\n\n", "\n"), DIALOGUE.replace('"', "\u00a8"), DIALOGUE.replace('"', "''"),
    "\n\n".join(f"\u2014 {one.replace(chr(34), '')}" if one[0] == '"' else one for one in DIALOGUE.split("\n\n")),
    "\n\n".join(f"- {one.replace(chr(34), '')}" if one[0] == '"' else one for one in DIALOGUE.split("\n\n")),
    "\n\n".join(textwrap.fill(one, 60) for one in DIALOGUE.split("\n\n")),
])  # fmt: skip
def test_lines_of_speech_are_dialogue(story: str) -> None:
    found = [block.kind for block in read(story).blocks]
    assert found.count(Kind.DIALOGUE) == 7
    assert found.count(Kind.PROSE) == 3


def test_title_stays_a_title_above_a_first_heading() -> None:
    text = f"Hedgehogs\n\nWhat they look like\n\n{PLAIN}"
    assert kinds(text) == ["title", "heading", "prose"]
    assert kinds(f"Reading in Class 10\n\nIntroduction\n\n{PLAIN}") == ["title", "heading", "prose"]
    assert kinds(f"1. Aim\n\n{PARAGRAPHS[0]}\n\n2. What we found\n\n- one shop\n- two shops") == [
        "heading", "prose", "heading", "list item",
    ]  # fmt: skip


def test_sentence_that_thanks_is_no_closing() -> None:
    letter = f"Dear Mayor,\n\n{PLAIN}\n\nThank you for read my letter.\n\nRespectfully,\nRania"
    assert kinds(letter) == ["letter part", "prose", "letter part"]
    assert [block.kind for block in read(letter).blocks].count(Kind.PROSE) == 5


@pytest.mark.parametrize("closing", [
    "Your swimmer,\nBilal", "Un abrazo,\nCarmen", "Yours, without a hammer in my hand,\nNehir", "Lots of love,\nJaydon",
    "Best regards for your mum and for Biscuit,\nKuba",
])  # fmt: skip
def test_closing_of_a_letter_is_one_part_in_every_layout(closing: str) -> None:
    for body in (PLAIN, wrapped(72), wrapped(60)):
        reading = read(f"Dear Mayor Okoro,\n\n{body}\n\n{closing}")
        assert [block.kind for block in reading.blocks] == [Kind.LETTER_PART, *[Kind.PROSE] * 4, Kind.LETTER_PART]
        assert reading.clean.endswith(f"\n\n{closing}")


def test_last_sentence_above_a_name_is_no_closing() -> None:
    assert kinds(f"Dear Mayor,\n\n{wrapped(72)}\n\nI will wait.\nBilal") == ["letter part", "prose", "letter part"]


def test_timetable_between_wrapped_paragraphs_leaves_them_wrapped() -> None:
    times = "7.00 walk to the shop\n7.30 breakfast\n16.00 walk back\n18.00 tea\n21.00 bed"
    text = "\n\n".join((PARAGRAPHS[0], times, *PARAGRAPHS[1:]))
    for width in (60, 66, 72, 80):
        assert read("\n".join(textwrap.fill(line, width) for line in text.split("\n"))).clean == read(text).clean


def test_letter_parts_tables_code_and_block_quotations_are_recognised() -> None:
    letter = f"12 Mill Lane\nLeeds\nLS1 4AB\n\n3 May 2026\n\nDear Mayor Okoro,\n\n{PLAIN}\n\nKind regards,\n\nJo Park"
    assert kinds(letter) == ["header", "letter part", "prose", "letter part"]
    for part, kind in (
        ("Shop\tPrice\nCorner\t2.10\nMall\t1.80", "table"),
        ("| Shop | Price |\n|---|---|\n| Corner | 2.10 |", "table"),
        ("```\nfor shop in shops:\n    print(shop.name)\n```", "code"),
        ("> the street is a living room and nobody has a key", "block quotation"),
        ("    the street is the living room of the town\n    and nobody has a key to it at all", "block quotation"),
    ):
        assert kinds(f"{PARAGRAPHS[0]}\n\nA friend wrote:\n\n{part}\n\n{PARAGRAPHS[1]}") == ["prose", kind, "prose"]


@pytest.mark.parametrize(("written", "clean"), [
    ("cus\u00adtom\u00aders", "customers"), ("bene\ufb01t", "benefit"), ("high\u2011quality", "high-quality"),
    ("f\u200bi\u2060v\ufeffe", "five"), ("a\u00a0b\u2009c", "a b c"), ("\u00a8yes\u00a8", '"yes"'), ("''yes''", '"yes"'),
    ("\u00ab oui \u00bb", '"oui"'), ("doesn\u00e2\u20ac\u2122t", "doesn\u2019t"), ("caf\u00c3\u00a9", "caf\u00e9"),
    ("\u0441ustomer", "customer"), ("\uff21BC", "ABC"), ("cus\u00ad\r\ntomers", "customers"),
])  # fmt: skip
def test_characters_are_made_plain_and_lead_back(written: str, clean: str) -> None:
    text = f"The word {written} stands here, and it stands in an English sentence."
    reading = read(text)
    assert reading.clean == text.replace(written, clean)
    at = reading.clean.index(clean)
    assert text[slice(*reading.original_span(at, at + len(clean)))] == written


def test_words_of_another_alphabet_and_capitals_before_a_quotation_mark_stay() -> None:
    text = "She said \u00abCAF\u00c9\u00bb, then \u043f\u0440\u0438\u0432\u0435\u0442, \u0441\u0432\u0435\u0442 and \u043e\u043d."
    assert read(text).clean == text.replace("\u00ab", '"').replace("\u00bb", '"')
    assert not read(text).notes


def test_wrong_decoding_and_lookalike_letters_are_noted_for_the_educator() -> None:
    notes = read("It doesn\u00e2\u20ac\u2122t matter to the \u0441ustomer.").notes
    assert len(notes) == 2
    assert "\u00e2\u20ac\u2122" in notes[0]
    assert "\u0441ustomer" in notes[1]


def test_inches_are_no_quotation_marks() -> None:
    text = 'The shelf is 6\'2" high, he is 5\'1" tall, and a 12" pizza costs less than a 16" one. He said "number 12" to me.'
    reading = read(text)
    assert quotes(reading, InlineKind.MEASUREMENT) == ["6'2\"", "5'1\"", '12"', '16"']
    assert quotes(reading, InlineKind.QUOTATION) == ['"number 12"']


@pytest.mark.parametrize("brackets", [
    "(Figure 2)", "(Table 3)", "(May 2020)", "(Act 3)", "(Apollo 11)", "(Room 12)", "(World War 2)", "(Summer 2019)", "(Boeing 747)",
    "(Mars 2020)", "(Toy Story 3)", "(Exhibit 4)", "(June, 2021)", "(1984)", "(Chapter 4)",
])  # fmt: skip
def test_brackets_without_an_author_are_no_citation(brackets: str) -> None:
    assert quotes(read(f"It was so {brackets} and it stays so."), InlineKind.CITATION) == []


def test_citations_names_code_and_foreign_words_are_found() -> None:
    reading = read(
        "Okafor agrees (Okafor 12), and so does Lee (2019) (Miller & Cho, 2020). Mr. Nwachukwu saved prices_2026.csv at www.shops.org "
        "and calls it *gezellig*. The German word Schadenfreude is known."
    )
    assert quotes(reading, InlineKind.CITATION) == ["(Okafor 12)", "Lee (2019)", "(Miller & Cho, 2020)"]
    assert quotes(reading, InlineKind.NAME) == ["Nwachukwu"]
    assert quotes(reading, InlineKind.CODE) == ["prices_2026.csv", "www.shops.org"]
    assert quotes(reading, InlineKind.FOREIGN) == ["gezellig", "Schadenfreude"]


ODD = st.text(
    alphabet=st.sampled_from(
        "aB1 .,\"'-\n\r\t\u00ad\u200b\ufb01\u2028\u00e2\u20ac\u2122\u0441#*>|\u00ab\u00bb\u2014:("
    ),
    max_size=400,
)


@given(ODD)
@settings(max_examples=300, deadline=None)
def test_any_text_leads_back_in_order(text: str) -> None:
    reading = read(text)
    assert reading == read(text)
    assert all(first.end < second.start for first, second in pairwise(reading.blocks))
    places = [reading.original_span(at, at + 1) for at in range(len(reading.clean))]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert places == sorted(places)
    for part in (*reading.blocks, *reading.inline):
        assert 0 <= part.start < part.end <= len(reading.clean)
