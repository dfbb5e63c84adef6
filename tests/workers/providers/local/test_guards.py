"""Test that no text crashes, stalls or misleads the engines."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.jobs import PassName
from workers.passes.feedback import PassAnswer
from workers.providers.local.guards import MAX_BLOCK, blocks, copied, engine_text, foreign

Ask = Callable[..., PassAnswer]

ENGLISH = "The dog sleeps under the table because it is tired. "


def test_engine_text_keeps_length_and_replaces_hostile_runs() -> None:
    text = "Say " + "x" * 70 + " and -----, A.B.C.D.E.F.G. or (((((((((( and don\u2019t.\r\nNext\u00a0line\u2028end"
    safe = engine_text(text)
    assert len(safe) == len(text)
    assert "xx" not in safe
    assert "--" not in safe
    assert "A.B" not in safe
    assert "((" not in safe
    assert "don't" in safe
    assert "Next line\nend" in safe


def test_long_repetitions_are_blanked_for_the_engines() -> None:
    before, after = "It was very very very big. ", "He had had it."
    assert engine_text(before + "the, " * 9 + after) == before + " " * 43 + ", " + after
    assert engine_text(before + "i\n" * 8 + after) == before + " \n" * 8 + after
    assert engine_text(before + "I am. " * 8 + after) == before + " " * 46 + ". " + after
    assert engine_text(before + "17, 4 " * 6 + after) == before + " " * 36 + after
    few = before + "I am. " * 5 + "It cost 3, 4, 5, 6, 7, 8 or 9 pounds. " + after
    assert engine_text(few) == few


def test_short_abbreviation_is_unchanged() -> None:
    assert engine_text("In the U.S.A. it is so.") == "In the U.S.A. it is so."


@given(st.text(max_size=9_000))
@settings(max_examples=40, deadline=None)
def test_blocks_cover_the_text_in_small_pieces(text: str) -> None:
    parts = blocks(engine_text(text))
    assert "".join(text[part.start : part.end] for part in parts) == text
    assert all(part.end - part.start <= MAX_BLOCK for part in parts)


@pytest.mark.slow(reason="reads hundreds of generated texts")
@given(
    st.text(alphabet=st.characters(exclude_characters="\0"), max_size=300), st.sampled_from(["en", "en-GB", "en-US"])
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_answered_with_exact_spans(ask: Ask, text: str, language: str) -> None:
    for pass_name in PassName:
        ask(pass_name, ENGLISH + text + ENGLISH * 8 + text, language=language)


def test_arabic_and_combining_letters_do_not_shift_a_span(ask: Ask) -> None:
    text = "He wrote \u0627\u0644\u0633\u0644\u0627\u0645 and cafe\u0301 \U0001f469\u200d\U0001f680 before he could recieve it."
    quotes = [comment.span.quote for comment in ask(PassName.GRAMMAR, text).comments]
    assert quotes == ["recieve"]


@pytest.mark.parametrize("text", ["", "   \n\t ", "...", "\u200b\u200b"])
@pytest.mark.parametrize("pass_name", PassName)
def test_blank_essay_is_reported_and_gets_no_advice(ask: Ask, text: str, pass_name: PassName) -> None:
    answer = ask(pass_name, text)
    assert not answer.comments
    assert not answer.next_steps
    assert not answer.strengths
    assert "no words" in answer.not_checked[0]


@pytest.mark.parametrize("pass_name", [PassName.STRUCTURE, PassName.CONTENT])
def test_tiny_essay_is_reported_as_too_short(ask: Ask, pass_name: PassName) -> None:
    answer = ask(pass_name, "I like dogs. They are nice and they run fast.")
    assert not answer.comments
    assert "too short" in answer.not_checked[0]


def test_spelling_of_a_single_sentence_is_checked(ask: Ask) -> None:
    assert [comment.span.quote for comment in ask(PassName.GRAMMAR, "I recieve it.").comments] == ["recieve"]


@pytest.mark.parametrize("text", [
    "Los perros son animales muy buenos porque ayudan a las personas y viven con ellas en la casa todos los dias. " * 6,
    "Der Hund ist ein sehr gutes Tier, weil er in dem Haus wohnt und die Kinder so gern mit ihm im Garten spielen. " * 6,
    "\u0421\u043e\u0431\u0430\u043a\u0430 \u0441\u043f\u0438\u0442 \u043f\u043e\u0434 \u0441\u0442\u043e\u043b\u043e\u043c. " * 20,
])  # fmt: skip
@pytest.mark.parametrize("pass_name", PassName)
def test_essay_in_another_language_gets_no_advice(ask: Ask, text: str, pass_name: PassName) -> None:
    answer = ask(pass_name, text)
    assert not answer.comments
    assert "English" in answer.not_checked[0]


def test_undetected_language_falls_back_to_the_declared_german(ask: Ask) -> None:
    assert "German" in ask(PassName.GRAMMAR, "Recieve komputer.", language="de").not_checked[0]


def test_english_text_declared_as_german_is_checked(ask: Ask) -> None:
    answer = ask(PassName.GRAMMAR, "I recieve it every day from my friend, and he is glad.", language="de")
    assert [comment.span.quote for comment in answer.comments] == ["recieve"]


def test_weak_english_is_not_foreign() -> None:
    assert not foreign("Yesterday me go school friend bus, teacher say we is late and then she angry to us very much.")


def test_copied_assignment_prompt_gets_no_advice(ask: Ask) -> None:
    prompt = (
        "Should schools allow pupils to bring dogs to lessons? Discuss both sides and give reasons for your view. " * 4
    )
    for pass_name in PassName:
        answer = ask(pass_name, prompt.strip(), prompt=prompt)
        assert not answer.comments
        assert "repeats the assignment" in answer.not_checked[0]
    assert not copied(ENGLISH, prompt)


def test_text_beyond_the_limit_is_reported_as_not_checked(ask: Ask) -> None:
    answer = ask(PassName.STRUCTURE, ENGLISH * 2_100)
    assert any("100,000" in sentence for sentence in answer.not_checked)
