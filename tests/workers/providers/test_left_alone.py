"""Test that comments of Claude on words that nobody corrects are left out, alone and beside the local engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models.jobs import PassName
from tests.support.layouts import PLAIN, POEM
from tests.support.local_engine import shared_provider
from tests.support.vendor import FakeVendor
from workers.passes.request import PassRequest
from workers.providers.claude import ClaudeProvider
from workers.providers.contract import Provider
from workers.providers.ensemble import EnsembleProvider

PARAGRAPHS = PLAIN.split("\n\n")
Ask = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Give a running fake vendor."""
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture(params=["Claude alone", "beside the local engine"])
def said(request: pytest.FixtureRequest, vendor: FakeVendor) -> Iterator[Ask]:
    """Give a function that returns type and quote of Claude's comments on an essay, after the guards."""
    claude = ClaudeProvider("sk-test", base_url=vendor.base_url, timeout_seconds=30)
    alone = request.param == "Claude alone"
    provider: Provider = claude if alone else EnsembleProvider(claude, shared_provider(), wait_seconds=60.0)

    def ask(
        text: str, *remarks: dict[str, Any], name: PassName = PassName.GRAMMAR, language: str = "en"
    ) -> list[tuple[str, str]]:
        vendor.remark(*({"kind": "issue", **one} for one in remarks))
        comments = provider.ask(PassRequest(pass_name=name, text=text, language=language)).answer.comments
        for one in comments:
            assert text[one.span.start : one.span.end] == one.span.quote
        return [(one.type, one.span.quote) for one in comments if one.origin == "model"]

    yield ask
    claude.close()


def with_part(part: str, lead_in: str = "") -> str:
    """Return the essay with another part in its middle."""
    return "\n\n".join(one for one in (*PARAGRAPHS[:2], lead_in, part, *PARAGRAPHS[2:]) if one)


def inserted(sentence: str) -> str:
    return PLAIN.replace("Neighbours lose", f"{sentence} Neighbours lose")


QUOTED = "> we is glad to leave the mall becouse it have no windows"
CITED = PLAIN + "\n\nWorks Cited\n\nLopez, A. (2016). Marketts of the world. Oxford Press."


@pytest.mark.parametrize(("text", "remark"), [
    (with_part(QUOTED, "A neighbour wrote:"), {"quote": "it have", "type": "agreement", "suggestions": ["it has"]}),
    (with_part(QUOTED, "A neighbour wrote:"), {"quote": "we is glad to leave the mall", "type": "grammar"}),
    (with_part(QUOTED, "A neighbour wrote:"), {"quote": "becouse", "type": "spelling", "suggestions": ["because"]}),
    (CITED, {"quote": "Marketts", "type": "spelling", "suggestions": ["Markets"]}),
    (CITED, {"quote": "Lopez, A. (2016)", "type": "punctuation"}),
    (with_part("```\nfor shp in shops:\n    print(shp.nam)\n```"), {"quote": "shp in shops", "type": "spelling"}),
    (inserted("We keep it in prices_of_shps.csv for a year."), {"quote": "prices_of_shps.csv", "type": "spelling"}),
    (with_part("Shop\tPrize\nCornr\t2.10\nMalll\t1.80"), {"quote": "Cornr", "type": "spelling", "suggestions": ["Corner"]}),
    (with_part("| Shop | Prize |\n| Cornr | 2.10 |\n| Malll | 1.80 |"), {"quote": "Malll", "type": "spelling"}),
    (inserted("\u201eWer den Pfennig nicht ehrt, ist des Talers nicht wert\u201c, she said."), {"quote": "Pfennig", "type": "spelling"}),
    (inserted('My grandmother says, "La calle es la casa de todos y no\ntiene puerta ni llave."'), {"quote": "no tiene puerta", "type": "grammar"}),
    (inserted("Como dice mi abuela, la calle es la casa de todos y no tiene puerta."), {"quote": "abuela", "type": "spelling"}),
    (inserted("Then \u00a8la vida es bella y larga\u00a8 she said."), {"quote": "bella", "type": "spelling", "suggestions": ["belle"]}),
    (inserted("It is a kind of *gemoetlichkeit* that we lose."), {"quote": "gemoetlichkeit", "type": "spelling"}),
    (inserted("Mr. Nwachukwu keeps the list."), {"quote": "Nwachukwu", "type": "spelling", "suggestions": ["Nwachuku"]}),
    (inserted("Mr. Nwachukwu keeps the list."), {"quote": "Mr. Nwachukwu", "type": "spelling"}),
    (inserted("Mr.\u00a0Nwachukwu keeps the list."), {"quote": "Mr. Nwachukwu keeps", "type": "spelling", "suggestions": ["Mr. Nwachuku keeps"]}),
    (inserted("The teacher, Principal Szymborska, keeps it."), {"quote": "Szymborska", "type": "spelling"}),
    (inserted("The \u043ewner pays the rent."), {"quote": "\u043ewner", "type": "spelling", "suggestions": ["owner"]}),
    (f"The Corner Shop\n\n{PLAIN}", {"quote": "Corner Shop", "type": "punctuation", "suggestions": ["Corner Shop."]}),
    (POEM, {"quote": "a dream", "type": "punctuation", "suggestions": ["a dream."]}),
], ids=lambda value: value["quote"] if isinstance(value, dict) else "")  # fmt: skip
def test_comment_on_words_that_nobody_corrects_is_left_out(said: Ask, text: str, remark: dict[str, Any]) -> None:
    assert (remark["type"], remark["quote"]) not in said(text, remark)


@pytest.mark.parametrize(("text", "remark"), [
    (inserted("Mr. Nwachukwu recieve letters."), {"quote": "Mr. Nwachukwu recieve", "type": "spelling", "suggestions": ["Mr. Nwachukwu receive"]}),
    (inserted("Mr. Nwachukwu go home."), {"quote": "Nwachukwu go", "type": "agreement", "suggestions": ["Nwachukwu goes"]}),
    (inserted('She says "La casa de todos" when she see us, and then we all laughs with her.'), {"quote": 'She says "La casa de todos" when she see us, and then we all laughs with her.', "type": "agreement"}),
    (inserted("A sentence (Lopez, 2016) that run on."), {"quote": "A sentence (Lopez, 2016) that run on", "type": "agreement"}),
    (inserted('He said that "the lief is beautiful and long" once.'), {"quote": "lief", "type": "spelling", "suggestions": ["life"]}),
    (POEM, {"quote": "hums", "type": "verb_form", "suggestions": ["hummed"]}),
], ids=lambda value: value["quote"] if isinstance(value, dict) else "")  # fmt: skip
def test_comment_on_the_students_own_words_stays(said: Ask, text: str, remark: dict[str, Any]) -> None:
    assert (remark["type"], remark["quote"]) in said(text, remark)


def test_comment_moves_to_the_places_that_remain(vendor: FakeVendor) -> None:
    text = inserted("We keep my shp open.").replace(
        "A shop on the corner", "```\nshp = shp + 1\n```\n\nA shop on the corner"
    )
    vendor.remark(
        {"kind": "issue", "quote": "shp =", "type": "spelling"},
        {"kind": "issue", "quote": "my shp", "type": "spelling"},
    )
    claude = ClaudeProvider("sk-test", base_url=vendor.base_url, timeout_seconds=30)
    comments = claude.ask(PassRequest(pass_name=PassName.GRAMMAR, text=text)).answer.comments
    claude.close()
    assert [one.span.quote for one in comments] == ["my shp"]


def test_essay_in_another_language_keeps_its_comments(said: Ask) -> None:
    text = (
        "Como dice mi abuela, la calle es la casa de todos y no tiene puerta. Los ninos juegan en la calle todos los dias, "
        'y la gente dice: "La calle es de todos y para todos." Mi madre no quiere que yo vaya sola por la noche.'
    )
    remark = {"quote": "ninos", "type": "spelling", "suggestions": ["ni\u00f1os"]}
    assert ("spelling", "ninos") in said(text, remark, language="es")
    assert ("spelling", "ninos") in said(text, remark, language="en")
    assert ("word_choice", "de todos y para") in said(
        text, {"quote": "de todos y para", "type": "word_choice"}, language="es"
    )


@pytest.mark.parametrize("name", [PassName.STRUCTURE, PassName.CONTENT])
def test_other_passes_may_speak_of_quotations(said: Ask, name: PassName) -> None:
    assert len(said(with_part(QUOTED, "A neighbour wrote:"), {"quote": "it have no windows"}, name=name)) == 1
