"""Tests of reading HTML and embedded pictures out of a handed-in text; plain text stays as it is."""

from __future__ import annotations

import html
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.rich_text.read import HandedIn, read

PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 20 + "AA=="
WORD = (
    '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta name=Generator content="Microsoft Word 15"><style>\n<!--\n'
    " p.MsoNormal {margin:0cm;}\n-->\n</style><!--[if gte mso 9]><xml><o:p>x</o:p></xml><![endif]--></head><body lang=EN-GB>"
    "<!--StartFragment--><p class=MsoNormal><span lang=EN-US>Phones are\nloud.<o:p></o:p></span></p><p class=MsoNormal><o:p>&nbsp;</o:p></p>"
    "<p class=MsoListParagraph style='text-indent:-18pt'><![if !supportLists]><span style='font-family:Symbol'><span style='mso-list:"
    "Ignore'>·<span style='font:7pt \"Times New Roman\"'>&nbsp;&nbsp; </span></span></span><![endif]>They ring.</p>"
    "<p class=MsoListParagraph><span style='mso-list:Ignore'>2.<span>&nbsp; </span></span>They break.</p><!--EndFragment--></body></html>"
)
GOOGLE = (
    '<meta charset=\'utf-8\'><b style="font-weight:normal;" id="docs-internal-guid-4a"><p dir="ltr" style="line-height:1.38;"><span '
    'style="white-space:pre-wrap;">Phones are loud.</span></p><br /><p dir="ltr"><span>They ring.</span></p><ul><li dir="ltr">'
    '<p role="presentation"><span>at night</span></p></li><li dir="ltr"><p><span>in class</span></p></li></ul></b><br />'
)
CANVAS = (
    '<link rel="stylesheet" href="https://canvas.example/x.css"><p style="text-indent: 3em;"><span class="user_content">One.</span>'
    '</p>\n<p>&nbsp;</p>\n<p><span>Two.</span></p><script src="https://canvas.example/x.js"></script>'
)
CASES = {
    "paragraphs and entities": (
        "<p>First, shops keep a street alive.</p><p>Second,&nbsp;they give pupils&nbsp;a job.</p><p><strong>Finally</strong>, some.</p>",
        "First, shops keep a street alive.\n\nSecond, they give pupils a job.\n\nFinally, some.",
    ),
    "line ends": ("One.<br>Two.<br/>Three.<br><br>Four.<br /><br /><br />Five.", "One.\nTwo.\nThree.\n\nFour.\n\nFive."),
    "a program adds line ends to its breaks": ("One.<br />\nTwo.<br />\r\n<br />\r\nThree.", "One.\nTwo.\n\nThree."),
    "div": ("One &amp; two.<div>Three.</div><div><br></div><div>Four.</div>", "One & two.\n\nThree.\n\nFour."),
    "capital letters": ("<P>One.</P><BR><DIV>Two.</DIV>", "One.\n\nTwo."),
    "never closed": ("<p>One.<p>Two.<ul><li>a<li>b</ul>", "One.\n\nTwo.\n\n- a\n- b"),
    "one paragraph, never closed": ("<p>One and only.", "One and only."),
    "closed in the wrong order": ("<p><b><i>One</b></i>.</div></p></p>Two.", "One.\n\nTwo."),
    "headings": ("<h1>Phones</h1><p>One.</p><h2>Why</h2>Two.", "Phones\n\nOne.\n\nWhy\n\nTwo."),
    "nested lists": (
        '<ol><li>One<ul><li>a</li><li>b</li></ul></li><li><p>Two</p></li></ol><ol start="5"><li>Five</ol>End.',
        "1. One\n  - a\n  - b\n2. Two\n\n5. Five\n\nEnd.",
    ),
    "list items without words": ("<ul><li></li><li>a</li><li><br></ul><p>One.</p><ol><li></ol>Two.", "- a\n\nOne.\n\nTwo."),
    "title by a student": ("<title>Phones</title>\nOne.<br>Two.", "Phones\n\nOne.\nTwo."),
    "table": (
        "<table><thead><tr><th>Day</th><th>Rings</th></tr></thead><tbody><tr><td><p>Mon</p></td><td></td><td>4</td></tr></table>End.",
        "Day\tRings\nMon\t\t4\n\nEnd.",
    ),
    "table around an essay": ("<table><tr><td><p>One.</p><p>Two.</p></td></tr></table>", "One.\n\nTwo."),
    "quotation and verse": (
        "<p>She says:</p><blockquote>Ring out,<br>wild bells</blockquote><pre>\na  b\n  c</pre>She <q>sings</q>.",
        "She says:\n\n> Ring out,\n> wild bells\n\na  b\n  c\n\nShe “sings”.",
    ),
    "hidden parts": (
        "<head><title>x</title></head><p>One.<script>let a = '<p>';</script><style>p {}</style><!-- note --></p><template>y</template>Two.",
        "One.\n\nTwo.",
    ),
    "parts that never end": ("<p>One.<!-- <b>two</b> three.<script>four.", "One. two three.four."),
    "tags inside a paragraph": ('Caf<b>&eacute;</b>s <a href="https://x.example/?a=1&b=2">are<i> loud</i></a>.', "Cafés are loud."),
    "lines of its own between inline tags": ("One <i>Hamlet</i>.\nLine.\n\nTwo.", "One Hamlet.\nLine.\n\nTwo."),
    "blank lines beside blocks": ("<h1>Phones</h1>\n\nOne\nline.\n\nTwo.", "Phones\n\nOne line.\n\nTwo."),
    "words like tags": ("<p>I am <smile> and <3 you, if a < b.</p>", "I am <smile> and <3 you, if a < b."),
    "Canvas": (CANVAS, "One.\n\nTwo."),
    "Moodle": (
        '<p dir="ltr" style="text-align: left;" class="editor-indent">One.<br></p><div class="no-overflow"><p>Two.</p></div>',
        "One.\n\nTwo.",
    ),
    "Word": (WORD, "Phones are loud.\n\n- They ring.\n\n2. They break."),
    "Google Docs": (GOOGLE, "Phones are loud.\n\nThey ring.\n\n- at night\n- in class"),
    "XML": ('<?xml version="1.0"?><p>One.</p><!-- x --><p>Two.</p>', "One.\n\nTwo."),
    "CDATA": ("<![CDATA[<p>One.</p><p>Two.</p>]]>", "One.\n\nTwo."),
    "escaped twice": ("&lt;p&gt;One &amp;amp; two.&lt;/p&gt;&lt;p&gt;Three.&lt;/p&gt;", "One & two.\n\nThree."),
    "entities only": ("Fish &amp; chips,&nbsp;I &lt;3 them.\n\nIt&#39;s  &copy; mine.", "Fish & chips, I <3 them.\n\nIt's  © mine."),
    "about markup, from an editor": ("<p>The &lt;br&gt; tag ends a line.</p>", "The <br> tag ends a line."),
}  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), CASES.values(), ids=CASES)
def test_html_becomes_plain_text_with_paragraphs(written: str, expected: str) -> None:
    assert read(written) == HandedIn(text=expected, from_html=True)


PLAIN = (
    "I <3 dogs.", "if a < b and c > d", "<smile> I am happy </smile>", "x<y>z", "List<a> and Map<b>", "a <b and c> d </b>", "1 < 2 > 0",
    "The <p> tag begins a paragraph and </p> ends it.", "Write <b>loud</b> in HTML.", "In HTML the tag <br> ends a line.",
    "<p> and </p> are tags that I like.", "Dear <name>,\n\nI write about <title>.", "Rhythm & blues; AT&T; R&D; you&me;",
    "In HTML &amp; stands for an ampersand.", "<", "</", "<!", "<p", "a <- b -> c", "\ufeff  One.\r\n\r\nTwo.\u00a0 \u2028Three.\t",
    "data: none, database: some", "A data:image/png;base64, address has a picture in it.", "![a cat](https://x.example/cat.png)",
    "for (int i = 0; i<a.length; i++) { b>c; }", "#include <math.h>\n#include <map>", "<http://x.example> <a@x.example>", "&nbsp without end",
)  # fmt: skip


@pytest.mark.parametrize("text", PLAIN, ids=lambda text: ascii(text)[:40])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert read(text) == HandedIn(text=text)


@given(st.text(st.characters(exclude_characters="<&", exclude_categories=["Cs"])))
def test_text_without_tags_and_entities_is_unchanged(text: str) -> None:
    assert read(text).text == text


@given(st.text("ab <>&;/!=\"'\n[]()#-"))
def test_text_with_angle_brackets_but_without_tags_of_editors_is_unchanged(text: str) -> None:
    if "</" not in text:  # <b> without an end is no markup
        assert read(text) == HandedIn(text=text)


WORDS = st.lists(st.text("abé,.<&>\"' ", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=4)


@given(WORDS, st.sampled_from(["<p>{}</p>", "<div>{}</div>\n", "<p class='x'><span>{}</span></p>\r\n", "<h2>{}</h2>"]))
def test_paragraphs_come_back_as_they_were_before_an_editor_wrote_them(paragraphs: list[str], form: str) -> None:
    flat = [" ".join(one.split()) for one in paragraphs]
    written = "".join(form.format(html.escape(one)) for one in flat)
    assert read(written).text == "\n\n".join(flat)


PICTURES = {
    "img at the end": (f'One.\n\nTwo.\n\n<img src="{PICTURE}">', "One.\n\nTwo.", 1),
    "img between paragraphs": (f'<p>One.</p><p><img alt="a cat" src="{PICTURE}"/></p><p>Two.<img src="https://x.example/a.png"></p>', "One.\n\nTwo.", 2),
    "figure": (f'<figure><img src="{PICTURE}"><figcaption>A cat</figcaption></figure>Two.', "A cat\n\nTwo.", 1),
    "drawing": ("<p>One<svg viewBox='0 0 1 1'><text>no</text></svg>.</p>", "One.", 1),
    "cut off inside the picture": (f'<p>One.</p><img src="{PICTURE[:100]}', "One.", 1),
    "Markdown": (f'One.\n\n![a cat]({PICTURE})\n\nTwo ![]({PICTURE} "Cat") three.', "One.\n\nTwo three.", 2),
    "Markdown of Google Docs": (f"One ![][image1] two.\n\n[image1]: <{PICTURE}>\n", "One two.\n\n", 1),
    "address alone": (f"One.\n{PICTURE}\nTwo.", "One.\nTwo.", 1),
    "address in lines": ("One. data:image/png;base64,\n" + "A" * 76 + "\r\n" + "B" * 76 + "\r\nCC==\r\nTwo.", "One.\r\nTwo.", 1),
    "text of a drawing": (f"One. data:image/svg+xml;utf8,{'%3Csvg%20' * 10} two.", "One. two.", 1),
    "in the text of a paragraph": (f"<p>One. {PICTURE} Two.</p>", "One. Two.", 1),
}  # fmt: skip


@pytest.mark.parametrize(("written", "expected", "count"), PICTURES.values(), ids=PICTURES)
def test_pictures_are_left_out_and_counted(written: str, expected: str, count: int) -> None:
    found = read(written)
    assert (found.text, found.pictures) == (expected, count)


def test_script_alone_is_kept_as_words_and_an_empty_editor_is_not() -> None:
    assert read("<script>alert(1)</script>").text == "<script>alert(1)</script>"
    assert read("<p><br>&nbsp;</p><div></div>") == HandedIn(text="", from_html=True)


HOSTILE = (
    "<div>", "<ul><li>x", "<blockquote>", "<table><tr><td>x<td>y", "<b><p>", "<svg>", "<!--", "<![CDATA[", '<p a="', "<a ", "&", "&#",
    "<pre>\n", "![](", "data:image/png;", "<textarea>", "\n ", "<span style='mso-list:ignore'>", "</p>",
)  # fmt: skip


@pytest.mark.slow(reason="reads 19 texts of 200,000 characters")
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_bounded_time(piece: str) -> None:
    """Such a text takes less than a second; where each piece looks at all the others, it takes minutes."""
    start = time.process_time()
    read("<p>x</p>" + piece * (200_000 // len(piece)))
    assert time.process_time() - start < 20


@pytest.mark.slow(reason="a text of full length")
def test_nesting_of_one_hundred_thousand_is_read() -> None:
    assert read("<div>" * 100_000 + "deep").text == "deep"
