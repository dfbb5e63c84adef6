"""Test our own rules: mistakes that they find, and right English on which they stay silent."""

from __future__ import annotations

import pytest

from workers.providers.local.guards import engine_text
from workers.providers.local.lexicon import base_form, tags
from workers.providers.local.own.reading import own_flags


def found(text: str) -> dict[str, str]:
    """Return the rules that flag a text, each with the quote."""
    return {flag.rule: text[flag.start : flag.end] for flag in own_flags(engine_text(text))}


@pytest.mark.parametrize(("rule", "quote", "text"), [
    ("COMMA_AFTER_OPENING", "opinion", "In my opinion the river is clean."),
    ("COMMA_AFTER_CLAUSE", "town", "If they close the road around our town we will be late."),
    ("NO_COMMA_AFTER_BECAUSE", "because,", "We stayed at home because, it was cold outside."),
    ("ONE_OF_MANY", "every students", "I think every students must read."),
    ("ONE_OF_MANY", "another stones", "We found another stones on the way."),
    ("MANY_OF_ONE", "book", "These book are on the table."),
    ("MANY_OF_ONE", "problem", "Some problem are hard to solve."),
    ("MANY_OF_ONE", "student", "A lot of student are tired."),
    ("ONE_OF_GROUP", "friend", "One of my friend is here."),
    ("PEOPLES", "peoples", "It changes peoples lives every day."),
    ("WELL_WILL", "well", "I well go to school tomorrow."),
    ("BASE_AFTER_MODAL", "went", "He must went home early."),
    ("BE_AND_BASE", "am agree", "I am agree with this idea."),
    ("BE_AND_BASE", "consider", "It can be consider a success."),
    ("EVERYONE_HAVE", "have", "Everyone have a bike here."),
    ("ONE_WITH_PLURAL_VERB", "have", "The student have two books."),
    ("MANY_WITH_SINGULAR_VERB", "is", "Many people is here today."),
    ("THERE_IS_MANY", "is", "There is many people here."),
    ("WHO_IS", "is", "I know people who is kind."),
    ("BARE_SUBJECT", "use", "Government use the money for roads."),
    ("MISSING_ARTICLE", "good", "This is good idea for us."),
    ("TORN_WORD", "him self", "He hurt him self on the ice."),
    ("CAPITAL_WITHIN", "They", "We left because They were tired."),
    ("COMMA_SPLICE", "yesterday, it", "We went home early yesterday, it was too cold for us."),
    ("FRAGMENT", "Because it", "I like the park. Because it is quiet and green."),
    ("PHRASE_0", "with in", "We came back with in two days."),
])  # fmt: skip
def test_mistake_is_found(rule: str, quote: str, text: str) -> None:
    assert found(text).get(rule) == quote


@pytest.mark.parametrize("text", [
    "Scientists found another species of frog.", "She survived by every means she had.", "He watched another series.",
    "We agreed that each takes a turn and that each exhibits care.", "It is another crossroads in every physics lesson.",
    "One sings and another dances.", "They built another gallows.", "Every sports fan knows this.", "Each works hard.",
    "Of course it will.", "Of course you can.", "In other words the plan failed.", "Finally they came home.",
    "However we look at the numbers, the town loses money.", "However hard we try, it is late.",
    "If it rains, we stay at home.", "I left because, as you know, it was late.", "These are the books that we read.",
    "Those school buses are old.", "Many a student has failed here.", "All student groups meet on Monday.",
    "Some people like it.", "It was cold all week.", "Some kid threw a ball.", "The indigenous peoples of the north met.", "As you well know, it is late.",
    "They may well be right.", "He could not put it down.", "All we did was improve the house.",
    "Does the student have a book?", "Let everyone have a turn.", "It was something like that.",
    "One of the people who is here is my aunt.", "The number of students is small.", "Ten dollars is enough.",
    "A person need not be rich.", "He has good taste and makes great music.", "She went with in-laws and friends.",
    "When we got home, she said it was late.", "\u201cIt is late, we must go,\u201d she said.", "Because of the rain we left.",
    "Why did you go? Because it was late.", "I want someone to help us all.", "There is many a good book here.",
])  # fmt: skip
def test_right_english_stays_silent(text: str) -> None:
    assert not found(text)


def test_dictionary_gives_parts_of_speech_and_base_forms() -> None:
    assert tags("went") == {"VBD"}
    assert base_form("went", "VBD") == "go"
    assert tags("species") == {"NN", "NNS"}
    assert not tags("zzqx")
