"""The local engine stays silent on right English: a sample in each run, all of it in the slow suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.right_english import (
    SENTENCES_PER_FLAG,
    FalseFlag,
    RightText,
    false_flags,
    read_sentences,
    read_texts,
)
from tests.support.local_engine import shared_provider

SAMPLE = ("American spelling", "Dialogue", "Long subjects", "Quotations and titles")
LAYOUTS = {
    "apa", "block_quotation", "code", "dialogue", "email", "footnotes", "hard_wrapped", "headings", "letter", "lists", "mixed_languages",
    "mla", "play", "poem", "references", "table",
}  # fmt: skip


def test_there_are_enough_sentences_and_layouts() -> None:
    sentences, texts = read_sentences(), read_texts()
    assert len({one.text for one in sentences}) == len(sentences) >= 400
    assert all(one.name for one in sentences)
    assert {one.language for one in sentences} == {"", "en-GB", "en-US"}
    assert len(texts) >= 20
    assert {one.name for one in texts} >= LAYOUTS


def test_a_group_names_its_sentences_and_may_name_their_english(tmp_path: Path) -> None:
    path = tmp_path / "right.txt"
    path.write_text("# Names\nAda sang.\n\n# British spelling [en-GB]\nThe colour faded.\n", encoding="utf-8")
    assert read_sentences(path) == [
        RightText(name="Names", text="Ada sang."),
        RightText(name="British spelling", text="The colour faded.", language="en-GB"),
    ]


@pytest.mark.slow(reason="reads with the real engines")
def test_a_flag_is_told_with_its_rule_and_its_words() -> None:
    text = RightText(name="wrong", text="We recieve the mail every morning.")
    (found,) = false_flags([text], shared_provider())
    assert text.text[found.start : found.end] == "recieve"
    assert not found.own
    assert str(found) == f"wrong: {found.rule}: We [recieve] the mail every morning."


def test_a_flag_of_our_own_rules_is_told_apart() -> None:
    text = RightText(name="wrong", text="We rest.")
    assert FalseFlag(text=text, rule="O:END_MARK", start=3, end=7).own
    assert not FalseFlag(text=text, rule="L:END_MARK", start=3, end=7).own


def test_a_sample_of_right_sentences_has_no_comment() -> None:
    sample = [one for one in read_sentences() if one.name in SAMPLE]
    assert {one.name for one in sample} == set(SAMPLE)
    assert list(map(str, false_flags(sample[::3], shared_provider()))) == []


@pytest.fixture(scope="module")
def every_flag() -> list[FalseFlag]:
    """Give every comment on the right sentences and texts."""
    return list(false_flags([*read_sentences(), *read_texts()], shared_provider()))


@pytest.mark.slow(reason="reads every right sentence and text")
def test_our_own_rules_flag_no_right_english(every_flag: list[FalseFlag]) -> None:
    assert [str(flag) for flag in every_flag if flag.own] == []


@pytest.mark.slow(reason="reads every right sentence and text")
def test_the_engines_flag_at_most_one_right_sentence_in_400(every_flag: list[FalseFlag]) -> None:
    found = [str(flag) for flag in every_flag if not flag.own]
    assert len(found) * SENTENCES_PER_FLAG <= len(read_sentences()), "\n".join(found)
