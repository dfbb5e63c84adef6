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
    ("ONE_WITH_BASE", "repeat", "The poet repeat the word three times."),
    ("EVERYONE_HAVE", "follow", "There is a rule, but nobody follow it."),
    ("WHO_IS", "walk", "The old man who walk behind him is slow."),
    ("OF_PHRASE", "were", "The smell of the flowers were strong."),
    ("TWO_SUBJECTS", "was", "My friend and my brother was there."),
    ("MANY_WITH_SINGULAR_VERB", "thinks", "People thinks it is fun."),
    ("MANY_WITH_SINGULAR_VERB", "agrees", "The teachers agrees with us."),
    ("MANY_WITH_SINGULAR_VERB", "was", "The next day five children was waiting."),
    ("MANY_WITH_SINGULAR_VERB", "is", "They think that skaters is noisy."),
    ("THERE_IS_MANY", "is", "There is only two boxes left."),
    ("RUN_ON", "photo there", "It was an old photo there was a woman on it."),
    ("MISSING_ARTICLE", "student", "I am student at this school."),
    ("MISSING_ARTICLE", "lesson", "Cooking should be lesson like the others."),
    ("MISSING_ARTICLE", "best", "He is best player in our team."),
    ("MISSING_ARTICLE", "same", "They live in same house."),
    ("MISSING_ARTICLE", "table", "He put the plate on table."),
    ("MISSING_ARTICLE", "tomato", "My face was red like tomato."),
    ("FIXED_PLACE", "At beginning", "At beginning, I was afraid."),
    ("THE_COUNTRY", "the Canada", "We moved to the Canada in May."),
    ("ARTICLE_PHRASE", "most", "It is one of most important days."),
    ("ARTICLE_PHRASE", "the football", "We play the football every day."),
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
    "The book review the teacher wrote was kind.", "The boy and the girl play together.", "He and she play chess every day.",
    "For everyone like me, school is hard.", "We had everyone leave early.", "I would rather everyone leave now.",
    "It is vital that the door stay shut.", "Why does the teacher give us homework?", "The phone call you made was short.",
    "The youth want a new park.", "Both the teacher and the student know it.", "They are best friends.", "This is most people's dream.",
    "There is no such thing as luck.", "In future, please call first.", "He lives in a car park.", "We have nowhere to park.",
    "She is team captain.", "He was friend and teacher to us all.", "It looks like stone.", "He finished in first place.",
    "He stood by the car.", "They played the cards they had.", "Questions about the nature and purpose of art are old.",
    "It is a story I will never forget.", "The house he is in now is old.", "Behind the hill there was a small farm.",
    "What a day it was for the whole class!", "It was the first time there was a queue.", "Robotics is fun for many of us.",
    "I think that robotics is fun.", "Three times is enough for me.", "The village people live by the sea.", "The fish swim in the lake.",
    "A total of ten boys have signed.", "A collection of stamps have value.", "Every day my brother and sister play outside.",
    "My best friend and neighbour is here.", "The rich are not always happy.", "The team play well.",
    "When the bell rings, the class stand up.", "You must be patient.", "See picture.", "She sat at table with us.",
    "We went from room to room.", "I saw the man and the dog run together.", "The students who know it help us.",
    "In the morning, the sun and the moon share the sky.", "If this be love, I am lost.", "The light rain made us wet.",
    "The test drive the students took was short.", "She made the boy run home.", "Watch the bird and the cat play.",
    "He works in theatre.", "The people I know like it.", "The dog I have runs fast.", "The cake she bakes tastes good.",
    "My mother and father are here.", "He asked what the teacher wants.", "A boy named Sam sings.", "The only thing I want is peace.",
    "It is a place they love.", "The more it rains, the better it is for us.", "Half an hour is enough.", "The next half hour was quiet.",
    "On my way there I met a friend.", "The last man they saw there was a guard.",
])  # fmt: skip
def test_right_english_stays_silent(text: str) -> None:
    assert not found(text)


def test_dictionary_gives_parts_of_speech_and_base_forms() -> None:
    assert tags("went") == {"VBD"}
    assert base_form("went", "VBD") == "go"
    assert tags("species") == {"NN", "NNS"}
    assert not tags("zzqx")
