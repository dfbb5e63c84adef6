"""Test that every text of the pages is translated into every language, with the same places for names and numbers."""

from __future__ import annotations

import re
from functools import cache

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from ingest.pages.wording import LANGUAGES
from tests.support.servers import ROOT

PAGES = ROOT / "ingest" / "pages"
KEYWORDS = {"_": None, "_n": None, "gettext": None, "ngettext": (1, 2)}
TRANSLATED = [language for language in LANGUAGES if language != "en"]


@cache
def texts() -> Catalog:
    """Return every text that templates and modules mark."""
    with (PAGES / "translations" / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    catalog = Catalog()
    for *_, text, _comments, _context in extract_from_dir(PAGES.parent, methods, options, keywords=KEYWORDS):
        catalog.add(text)
    return catalog


def translation(language: str) -> Catalog:
    with (PAGES / "translations" / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_no_other(language: str) -> None:
    found = translation(language)
    marked = {one.id for one in texts() if one.id}
    known = {one.id for one in found if one.id}
    assert (marked - known, known - marked) == (set(), set())
    empty = [one.id for one in found if one.id and not all([one.string] if isinstance(one.string, str) else one.string)]
    assert empty == []
    assert [one.id for one in found if one.id and one.fuzzy] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_translation_has_the_same_places_and_no_markup(language: str) -> None:
    for one in translation(language):
        originals = {one.id} if isinstance(one.id, str) else set(one.id)
        places = {place for text in originals for place in re.findall(r"%\(\w+\)s", text)}
        for text in [one.string] if isinstance(one.string, str) else one.string:
            if one.id:
                # Where a language has a form for exactly one or two, it may say the number in words.
                assert set(re.findall(r"%\(\w+\)s", text)) <= places, one.id
                assert isinstance(one.id, tuple) or set(re.findall(r"%\(\w+\)s", text)) == places, one.id
                assert not re.search(r"[<>]|%(?!\()", text), one.id


def test_no_template_has_a_text_that_is_not_marked() -> None:
    """Look for words between tags, and in the attributes that people read or hear. What programmers read is in English."""
    for template in sorted(
        set((PAGES / "templates").glob("*.html")) - {PAGES / "templates" / "api_documentation.html"}
    ):
        text = re.sub(
            r"{%-?\+?\s*trans.*?endtrans\s*[-+]?%}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        text = re.sub(r"{[{%#].*?[}%#]}", "", text, flags=re.DOTALL)
        shown = re.findall(r">([^<]+)<", text) + re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]+)"', text)
        words = [word for piece in shown for word in re.findall(r"[A-Za-z]{2,}", piece)]
        assert set(words) <= {"EssayCoach"}, template.name
