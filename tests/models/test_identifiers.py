"""One id is one thing, however a platform, a spreadsheet or a keyboard writes it."""

from __future__ import annotations

import pytest

from models.identifiers import fold_identifier, fold_spelling, is_invisible

LOOKALIKES = [
    "s-1",
    "s-1 ",
    " s-1",
    "s-1\r",
    "s-1\t",
    "\u00a0s-1",
    "s-1\u200b",
    "\ufeffs-1",
    "s-1\u00ad",
    '="s-1"',
    "'s-1",
    ' ="s-1 "',
]


@pytest.mark.parametrize("written", LOOKALIKES)
def test_invisible_characters_and_guards_around_an_id_do_not_count(written: str) -> None:
    assert fold_identifier(written) == "s-1"


def test_two_unicode_forms_of_one_id_are_the_same() -> None:
    assert fold_identifier("Jose\u0301") == fold_identifier("Jos\u00e9") == "Jos\u00e9"


@pytest.mark.parametrize(
    "written", ["00123", "Stu-1A", "stu-1a", "a b", "1E5", "2e3", "O'Neil", "=1+1", '"x"', "1.5", "E+16"]
)
def test_other_ids_stay_as_they_are(written: str) -> None:
    assert fold_identifier(written) == written


@pytest.mark.parametrize(
    "written", ["9.021E+16", "9,021E+16", "9.021e16", "1E+11", " 9.021E+16 ", '="9.021E+16"', "1.2e+21"]
)
def test_rounded_id_is_refused_with_what_to_do(written: str) -> None:
    with pytest.raises(ValueError, match=r"is a rounded number; send the id as text, with all its digits$"):
        fold_identifier(written)


@pytest.mark.parametrize("written", ["", "  ", "\u200b", '=""', "'"])
def test_id_of_nothing_becomes_empty(written: str) -> None:
    assert fold_identifier(written) == ""


def test_rounded_id_that_is_stored_already_is_still_found() -> None:
    assert fold_spelling(" 9.021E+16\r") == "9.021E+16"


@pytest.mark.parametrize(("text", "expected"), [("", True), (" \u200b\t", True), ("'", False), (" x", False)])
def test_text_without_a_visible_character_is_invisible(text: str, expected: bool) -> None:
    assert is_invisible(text) is expected
