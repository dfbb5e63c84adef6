"""Test that the local engine says the same of an essay whatever its layout, and nothing that does not fit a part of it."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from benchmarks.essays import Essay, read_essays
from documents.rich_text.read import read as read_handed_in
from models.jobs import PassName
from tests.support.layouts import DIALOGUE, HANDS, MLA_HEADER, PLAIN, POEM, RIVER, WEAK
from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest
from workers.providers.local.provider import LocalProvider
from workers.text.folding import fold
from workers.text.inline import InlineKind
from workers.text.reading import read

Ask = Callable[..., PassAnswer]
PARAGRAPHS = PLAIN.split("\n\n")
LISTED = ("empty rooms make the street look old and poor", "young people lose the first job they could get",
          "the walk home in winter feels long and dark")  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A comment without its place: what is said, and of which words."""

    pass_name: str
    kind: str
    type: str
    confidence: float
    message: str
    quote: str
    suggestions: tuple[str, ...]


@pytest.fixture
def points(provider: LocalProvider) -> Callable[..., list[Point]]:
    """Give a function that returns the comments of all passes, with quotes on one line and without hidden characters."""

    def comments(text: str, category: str = "", prompt: str = "") -> list[Point]:
        found: list[Point] = []
        for name in PassName:
            request = PassRequest(pass_name=name, text=text, category=category, assignment_prompt=prompt)
            for one in provider.ask(request).answer.comments:
                assert text[one.span.start : one.span.end] == one.span.quote
                assert all(0 <= start < end <= len(text) for start, end in one.also_at)
                quote = " ".join(fold(one.span.quote).text.split())
                found.append(Point(name.value, one.kind, one.type, one.confidence, one.message, quote, one.suggestions))
        return found

    return comments


Points = Callable[..., list[Point]]


def with_list(lines: str, lead_in: str = "There are three reasons to act now:") -> str:
    """Return the essay with more lines in its middle."""
    return "\n\n".join((*PARAGRAPHS[:2], lead_in, lines, *PARAGRAPHS[2:]))


def inserted(sentence: str) -> str:
    """Return the essay with one more sentence in its first paragraph."""
    return PLAIN.replace("Neighbours lose", f"{sentence} Neighbours lose")


def layouts(essay: str) -> dict[str, str]:
    """Return the same essay in many layouts."""
    paragraphs = essay.split("\n\n")
    filled = {width: "\n\n".join(textwrap.fill(one, width) for one in paragraphs) for width in (60, 72, 80)}
    found = {f"{width} columns": text for width, text in filled.items()}
    found |= {f"{width} columns, no blank lines": text.replace("\n\n", "\n") for width, text in filled.items()}
    found |= {
        name: text.replace("\n", line_end)
        for text in (essay, filled[72])
        for name, line_end in (("CRLF", "\r\n"), ("CR", "\r"), ("NEL", "\x85"), ("LS", "\u2028"), ("PS", "\u2029"))
    }
    return found | {
        "single line ends": essay.replace("\n\n", "\n"),
        "zero width": essay.replace("e", "e\u200b"),
        "word joiner": essay.replace("e", "e\u2060"),
        "soft hyphens": "".join(f"{one}\u00ad" if one.isalpha() else one for one in essay),
        "ligatures": essay.replace("fi", "\ufb01").replace("fl", "\ufb02"),
        "no-break spaces": essay.replace(" ", "\u00a0"),
        "byte order mark": f"\ufeff{essay}",
        "tabs": "\n".join(f"\t{one}" for one in paragraphs),
    }


@pytest.mark.parametrize("essay", [PLAIN, WEAK])
def test_every_layout_gets_the_same_comments_at_the_same_words(points: Points, essay: str) -> None:
    expected = points(essay)
    assert expected
    for name, text in layouts(essay).items():
        assert points(text) == expected, name


ESSAYS = read_essays()
# One essay of each first language and category.
SELECTED = list({(essay.voice, essay.category): essay for essay in ESSAYS}.values())


def ways_to_hand_in(essay: str) -> dict[str, str]:
    """Return the same essay in the layouts in which systems store what a student wrote.

    A program that breaks lines breaks each of them, so that the lines of a poem, an address or a timetable stay apart.
    """
    paragraphs = [html.escape(one).replace("\n", "<br>") for one in essay.split("\n\n")]
    page = "\n".join(f'<p class="x">\n  {one}\n</p>' for one in paragraphs).replace("\u00e9", "&eacute;")
    return {
        "CRLF": essay.replace("\n", "\r\n"),
        "CR": essay.replace("\n", "\r"),
        "LS": essay.replace("\n", "\u2028"),
        "72 columns": "\n".join(textwrap.fill(line, 72) for line in essay.split("\n")),
        "HTML": read_handed_in("".join(f"<p>{one}</p>" for one in paragraphs)).text,
        "page": read_handed_in(f"<html><body>\n{page}\n</body></html>").text,
    }


@pytest.mark.parametrize("essay", ESSAYS, ids=lambda essay: essay.id)
def test_every_way_to_hand_in_gives_the_same_reading(essay: Essay) -> None:
    expected = read(essay.text)
    for name, text in ways_to_hand_in(essay.text).items():
        found = read(text)
        assert (found.clean, found.blocks) == (expected.clean, expected.blocks), name
        # A hyphen at the end of a line may be the writer's or that of a program, which is marked.
        assert [span for span in found.inline if span.kind is not InlineKind.SPLIT_WORD] == list(expected.inline), name
        for block in found.blocks:
            stored = fold(text[slice(*found.original_span(block.start, block.end))]).text
            assert stored.split() == found.clean[block.start : block.end].split(), name


@pytest.mark.slow(reason="reads a third of the essays of our own in seven layouts")
@pytest.mark.parametrize("essay", SELECTED, ids=lambda essay: essay.id)
def test_every_way_to_hand_in_gets_the_same_comments_at_the_same_words(points: Points, essay: Essay) -> None:
    expected = points(essay.text, prompt=essay.prompt)
    for name, text in ways_to_hand_in(essay.text).items():
        assert points(text, prompt=essay.prompt) == expected, name


@pytest.mark.slow(reason="the real engines read each text")
@pytest.mark.parametrize("text", [
    MLA_HEADER + PLAIN,
    (MLA_HEADER + PLAIN).replace("\n", "\r\n"),
    "The Corner Shop\nby Jo Park\n\n" + PLAIN,
    "Dear Mayor Okoro,\n\n" + PLAIN + "\n\nYours sincerely,\nAmara Nwachukwu",
    "\n\n".join(f"{name}\n\n{one}" for name, one in zip(("Introduction", "Background", "The Other Side", "Conclusion"), PARAGRAPHS,
                                                        strict=True)),
    "\n".join(f"{name}\n{one}" for name, one in zip(("I. Opening", "II. Shops", "III. Others", "IV. End"), PARAGRAPHS, strict=True)),
    with_list("\n".join(f"- {one}" for one in LISTED)),
    with_list("\n".join(f"{number}. {one}" for number, one in enumerate(LISTED, 1))),
    with_list("\n\n".join(f"{letter}) {one}" for letter, one in zip("abc", LISTED, strict=True))),
    with_list("\n".join(LISTED)),
    with_list(POEM.split("\n\n")[0], "A poet wrote:"),
    with_list("> we is glad to leave the mall becouse it have no windows", "A neighbour wrote:"),
    with_list("Shop\tPrize\nCornr\t2.10\nMalll\t1.80"),
    with_list("```\nfor shp in shops:\n    print(shp.nam)\n```"),
    inserted("The shelf is 6'2\" high and the boy who fills it, the youngest of three brothers, is only 5'1\" tall."),
    inserted('A 12" pizza on the square costs less than a 16" one, and everybody who works there knows that.'),
    inserted("In German people say: \u201cWer den Pfennig nicht ehrt, ist des Talers nicht wert.\u201d"),
    inserted('My grandmother says, "La calle es la casa de todos y no tiene puerta ni llave."'),
    inserted("Como dice mi abuela, la calle es la casa de todos y no tiene puerta."),
    inserted('A sign in the window says, "We is close on sunday becouse nobody come."'),
    inserted("It is a kind of *gemoetlichkeit* that we lose, and the Dutch word gezellig is close to it."),
    inserted("Mr. Nwachukwu and Ms. Szymborska keep the list in prices_2026.csv at www.streetshops.org all year."),
    inserted("It doesn\u00e2\u20ac\u2122t matter \u00e2\u20ac\u0153to me\u00e2\u20ac\u009d at the caf\u00c3\u00a9 on the corner."),
    inserted("The \u043ewner \u0440ays the r\u0435nt."),
    inserted("It doesn\ufffdt matter to the caf\ufffd on the corner."),
], ids=lambda text: text[:24])  # fmt: skip
def test_parts_that_are_no_prose_change_nothing(points: Points, text: str) -> None:
    def said(found: list[Point]) -> list[Point]:
        return [one for one in found if not (one.type == "evidence" and one.kind == "question")]

    assert said(points(text)) == said(points(PLAIN))


@pytest.mark.parametrize(
    "heading", ["Works Cited Page", "Reference", "Literature", "7. References", "**References**", "# Sources Cited"]
)
def test_reference_list_under_a_usual_name_is_found(points: Points, heading: str) -> None:
    cited = PLAIN.replace("the same price.", "the same price (Lopez, 2016). Others agree (Okoro, 2018).")
    listed = f"{cited}\n\n{heading}\n\nLopez, A. (2016). Markets. Oxford Press.\n\nOkoro, B. (2018). Streets and shops. City Books."
    assert points(listed) == [one for one in points(cited) if one.type != "citation"]


def test_brackets_that_name_no_source_ask_for_no_references(points: Points) -> None:
    text = PLAIN.replace("A large store", "As the map shows (Figure 2), a large store")
    for number, brackets in enumerate(
        ("(Table 3)", "(May 2020)", "(Act 3)", "(Apollo 11)", "(Room 12)", "(Summer 2019)")
    ):
        text = (
            text.replace(". ", f" {brackets}. ", number + 1)
            if number == 0
            else text.replace("pupils", f"pupils {brackets}", 1)
        )
    assert not [one for one in points(text) if one.type == "citation"]


@pytest.mark.parametrize("category", ["narrative", ""])
@pytest.mark.parametrize("story", [
    DIALOGUE,
    DIALOGUE.replace("\n\n", "\n"),
    DIALOGUE.replace('"', "\u00a8"),
    DIALOGUE.replace('"', "'"),
    "\n\n".join(textwrap.fill(one, 60) for one in DIALOGUE.split("\n\n")),
    "\n\n".join(f"\u2014 {one.replace(chr(34), '')}" if one[0] == '"' else one for one in DIALOGUE.split("\n\n")),
    "\n\n".join(f"- {one.replace(chr(34), '')}" if one[0] == '"' else one for one in DIALOGUE.split("\n\n")),
])  # fmt: skip
def test_story_gets_no_advice_for_reports(points: Points, story: str, category: str) -> None:
    assert points(story, category) == []


@pytest.mark.parametrize("category", ["narrative", ""])
@pytest.mark.parametrize("poem", [POEM, RIVER, HANDS, RIVER.replace("\n\n", "\n"), f"The River\nby Jo Park\n\n{RIVER}"])
def test_poem_gets_no_advice_for_prose(points: Points, poem: str, category: str) -> None:
    assert points(poem, category) == []


def test_spelling_is_checked_in_verse_lists_headings_and_speech(ask: Ask) -> None:
    text = (
        "The Goverment\n\nWe waited at the door for a long time and nobody came to open it for us.\n\n- we recieve no letters\n- it is far\n\n"
        '"I beleive you," said Sam.\n\n"So do I," said Ana.\n\n"Me too," said Joe.'
    )
    found = {comment.span.quote for comment in ask(PassName.GRAMMAR, text).comments}
    assert {"Goverment", "recieve", "beleive"} <= found
