"""Test the structure and content comments of the local engine. All essays here are written for these tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.jobs import PassName
from workers.passes.feedback import Comment, PassAnswer
from workers.providers.local.text import read
from workers.text.segmentation import paragraphs, sentences

Ask = Callable[..., PassAnswer]

OPENING = (
    "Many towns are asking how people should get to work. Cars fill the streets and the air smells bad. "
    "I believe that our town should build more cycle paths because cycling keeps people healthy and the air clean."
)
HEALTH = (
    "Cycling keeps people healthy. A person who rides to work every day moves more than a person who sits in a car. "
    "For example, my aunt began to cycle last year, and she no longer feels tired when she climbs the stairs at home."
)
AIR = (
    "Cycle paths also keep the air of the town clean. A bicycle burns no petrol and makes no smoke at all. "
    "When people leave the car at home, children on the way to school breathe cleaner air and the streets grow quiet."
)
ENDING = (
    "Our town should build more cycle paths. Cycling makes people healthy, keeps the air clean and costs little, "
    "and the people of the town would thank the mayor for it."
)
GOOD = "\n\n".join((OPENING, HEALTH, AIR, ENDING))
BARE = (
    "Cycling is good for the {0} of the town and everybody feels it sooner or later. The {0} changes slowly, yet it "
    "changes, and people who ride notice this more than people who drive. Nothing else brings so much for the {0}, and "
    "nothing else can help it so fast."
)
PROMPT = (
    "The mayor wants to spend money on traffic. Should your town build cycle paths, wider roads or a tram line? Think "
    "about health, clean air, noise, costs, safety of children and the needs of old people who cannot ride bicycles. "
    "Write a letter to the mayor in which you explain what the town should build and why this would help."
)
STRUCTURE_TYPES = {
    "thesis", "paragraphs", "sentence_length", "introduction", "conclusion", "organisation", "transition", "structure",
}  # fmt: skip
CONTENT_TYPES = {"relevance", "coverage", "evidence", "redundancy", "citation", "reasoning", "clarity", "content"}


def of(answer: PassAnswer, type_: str, kind: str | None = None) -> list[Comment]:
    """Return the comments of this type, and of this kind if one is given."""
    return [one for one in answer.comments if one.type == type_ and kind in {None, one.kind}]


def test_thesis_is_located_and_praised(ask: Ask) -> None:
    answer = ask(PassName.STRUCTURE, GOOD)
    (praise,) = of(answer, "thesis")
    assert praise.kind == "praise"
    assert praise.span.quote.startswith("I believe that our town")
    assert answer.strengths
    assert {one.type for one in answer.comments} <= STRUCTURE_TYPES


def test_opening_without_a_claim_gets_a_question(ask: Ask) -> None:
    opening = "There is a river in our town. It is long and brown. Ducks swim on it all year."
    (question,) = of(ask(PassName.STRUCTURE, "\n\n".join((opening, HEALTH, AIR, ENDING))), "thesis")
    assert question.kind == "question"
    assert "?" in question.next_step


def test_long_text_without_paragraphs_gets_a_comment(ask: Ask) -> None:
    block = f"{OPENING} {HEALTH} {AIR} {ENDING}"
    (comment,) = of(ask(PassName.STRUCTURE, block), "paragraphs")
    assert "one block" in comment.message
    assert not of(ask(PassName.STRUCTURE, GOOD), "paragraphs")


def test_overlong_sentences_become_one_comment_with_the_longest_first(ask: Ask) -> None:
    longer = "The path runs along the river " + "and then it turns past another old house " * 6 + "until it ends."
    long = "The road climbs the hill " + "and then it falls to the next village " * 5 + "until it stops."
    text = GOOD.replace(HEALTH, f"{HEALTH} {long}").replace(AIR, f"{AIR} {longer}")
    (comment,) = of(ask(PassName.STRUCTURE, text), "sentence_length")
    assert comment.span.quote == longer
    assert [text[start:end] for start, end in comment.also_at] == [long]


def test_paragraph_that_holds_most_of_the_essay_gets_a_question(ask: Ask) -> None:
    text = "\n\n".join(
        (OPENING, f"{HEALTH} {AIR} {HEALTH.replace('aunt', 'uncle')} {AIR.replace('petrol', 'oil')}", ENDING)
    )
    assert any("every 100 words" in one.message for one in of(ask(PassName.STRUCTURE, text), "paragraphs"))


def test_single_sentence_paragraph_gets_a_comment(ask: Ask) -> None:
    text = "\n\n".join((OPENING, HEALTH, "Bicycles are also cheap to buy and to keep.", AIR, ENDING))
    (comment,) = of(ask(PassName.STRUCTURE, text), "paragraphs")
    assert comment.span.quote == "Bicycles are also cheap to buy and to keep."


def test_missing_conclusion_and_transitions_are_not_criticised(ask: Ask) -> None:
    answer = ask(PassName.STRUCTURE, "\n\n".join((OPENING, HEALTH, AIR)))
    assert "missing" not in " ".join(one.message for one in answer.comments)
    assert not of(answer, "transition")


def test_ending_that_takes_up_the_opening_is_left_alone(ask: Ask) -> None:
    assert not of(ask(PassName.STRUCTURE, GOOD), "conclusion")


def test_linking_words_are_not_praised(ask: Ask) -> None:
    linked = GOOD.replace("Cycling keeps people healthy. A", "First, cycling keeps people healthy. However, a")
    linked = linked.replace("Cycle paths also", "In addition, cycle paths also").replace(
        "Our town should build more cycle paths. C", "Therefore, our town should build more cycle paths. Finally, c"
    )
    answer = ask(PassName.STRUCTURE, linked)
    assert not of(answer, "transition")
    assert len(answer.strengths) <= 1


def test_letter_parts_titles_and_reference_lists_are_not_paragraphs() -> None:
    text = f"Cycle Paths Now\n\nDear Mayor,\n\n{OPENING}\n\n{HEALTH}\n\nSincerely,\nA Pupil\n\nReferences\n\nSmith, A. (2020). Paths."
    essay = read(text)
    assert [one.piece.text[:10] for one in essay.paragraphs] == [OPENING[:10], HEALTH[:10]]
    assert essay.references is not None


def test_sentences_are_split_despite_abbreviations_and_missing_spaces() -> None:
    text = "Dr. Lee met J. K. Olsen at 5 p.m. in Rome.They ate, e.g. rice. Was it good? Yes!"
    found = sentences(text)
    assert [piece.text for piece in found] == [
        "Dr. Lee met J. K. Olsen at 5 p.m. in Rome.", "They ate, e.g. rice.", "Was it good?", "Yes!",
    ]  # fmt: skip
    assert all(text[piece.start : piece.end] == piece.text for piece in found)


def test_line_ends_separate_paragraphs_only_without_blank_lines() -> None:
    assert len(paragraphs("One.\nTwo.\nThree.")) == 3
    assert len(paragraphs("One.\nStill one.\n\nTwo.")) == 2


def test_words_of_the_assignment_are_not_ticked_off(ask: Ask) -> None:
    answer = ask(PassName.CONTENT, GOOD, prompt=PROMPT)
    assert not of(answer, "coverage")
    assert not answer.strengths


def test_essay_that_answers_its_assignment_is_not_off_topic(ask: Ask) -> None:
    answer = ask(PassName.CONTENT, GOOD, prompt=PROMPT)
    assert not of(answer, "relevance")
    assert {one.type for one in answer.comments} <= CONTENT_TYPES


def test_off_topic_essay_gets_a_question(ask: Ask) -> None:
    other = "\n\n".join((
        "My favourite animal is the owl. It hunts at night and hears every mouse in the grass below its branch.",
        "An owl turns its head almost all the way round. Its feathers are soft, so no mouse can hear its wings beat.",
        "Young owls sit in a hollow tree and call for food until the moon is gone and both birds sleep.",
    ))  # fmt: skip
    (question,) = of(ask(PassName.CONTENT, other, prompt=PROMPT), "relevance")
    assert question.kind == "question"
    assert question.confidence == 0.6
    assert not of(ask(PassName.CONTENT, other, prompt="Cycle paths in towns"), "relevance")


def test_paragraph_with_words_of_its_own_is_left_alone(ask: Ask) -> None:
    drift = (
        "Pancakes taste best with butter and honey. My grandmother mixes flour, eggs and milk in a blue bowl, waits for "
        "half an hour, and then fries thin cakes in an iron pan until both sides are golden."
    )
    answer = ask(PassName.CONTENT, "\n\n".join((OPENING, HEALTH, drift, AIR, ENDING)), prompt=PROMPT)
    assert not of(answer, "relevance")
    assert "whether every paragraph belongs to your main point" in answer.not_checked


def test_repeated_statement_is_shown_at_both_places(ask: Ask) -> None:
    again = "A person who rides to work every day surely moves more than a person who sits in a car."
    text = GOOD.replace(AIR, f"{AIR} {again}")
    (comment,) = of(ask(PassName.CONTENT, text), "redundancy")
    assert comment.span.quote == again
    assert text[slice(*comment.also_at[0])].startswith("A person who rides")


def test_ending_that_repeats_the_opening_is_not_redundant(ask: Ask) -> None:
    ending = (
        "I believe that our town should build more cycle paths because cycling keeps people healthy and the air clean."
    )
    assert not of(ask(PassName.CONTENT, "\n\n".join((OPENING, HEALTH, AIR, ending))), "redundancy")


def test_one_bare_claim_is_asked_for_an_example(ask: Ask) -> None:
    body = [BARE.format(word) for word in ("mood", "health", "budget")]
    (question,) = of(ask(PassName.CONTENT, "\n\n".join((OPENING, *body, ENDING))), "evidence")
    assert question.kind == "question"
    assert "?" in question.next_step


@pytest.mark.parametrize("support", [
    "This is so because legs grow strong.", "For instance, bakers ride at dawn.", "In Utrecht the air is clear.",
    "The mayor calls it \u201cthe best of gifts\u201d.", "It takes 20 minutes.", "My aunt rides every day.",
    "We went along the river and felt it.", "Nine in ten riders agree.", "A bus is loud if the road is narrow.",
])  # fmt: skip
def test_paragraph_that_gives_anything_is_not_asked_for_an_example(ask: Ask, support: str) -> None:
    body = f"{BARE.format('mood')} {support}"
    assert not of(ask(PassName.CONTENT, "\n\n".join((OPENING, body, AIR, ENDING))), "evidence")


def test_story_is_not_asked_for_an_example(ask: Ask) -> None:
    opening = (
        "The rain fell on the roofs. A cat ran over the wet stones and hid under a cart near the old harbour wall."
    )
    assert not of(ask(PassName.CONTENT, "\n\n".join((opening, BARE.format("mood"), AIR, ENDING))), "evidence")


def test_example_at_the_end_of_a_paragraph_is_asked_for_its_meaning(ask: Ask) -> None:
    (question,) = of(ask(PassName.CONTENT, GOOD), "evidence")
    assert question.kind == "question"
    assert question.span.quote.startswith("For example, my aunt")
    explained = GOOD.replace("stairs at home.", "stairs at home. So cycling changes how a body feels.")
    assert not of(ask(PassName.CONTENT, explained), "evidence")


@pytest.mark.parametrize(("sentence", "source", "asked"), [
    ("\u201cThe streets belong to everybody who lives in this town.\u201d That is true.", " (Miller, 2019)", True),
    ("\u201cThe streets belong to everybody who lives in this town.\u201d That is true.", "", False),
    ("The mayor said, \u201cThe streets belong to everybody who lives in this town.\u201d", " (Miller, 2019)", False),
])  # fmt: skip
def test_only_an_essay_that_names_sources_is_asked_who_speaks(
    ask: Ask, sentence: str, source: str, asked: bool
) -> None:
    text = GOOD.replace("Cycle paths also keep", f"{sentence} Cycle paths also keep").replace(
        "the mayor for it.", f"the mayor for it{source}.", 1
    )
    assert bool(of(ask(PassName.CONTENT, text), "citation")) is asked


def test_source_missing_from_the_references_is_named(ask: Ask) -> None:
    text = GOOD.replace("at home.", "at home (Miller, 2019). Others agree (Okafor, 2021).", 1)
    listed = f"{text}\n\nReferences\n\nOkafor, B. (2021). Roads for all."
    (comment,) = of(ask(PassName.CONTENT, listed), "citation")
    assert comment.span.quote == "(Miller, 2019)"
    (question,) = of(ask(PassName.CONTENT, text), "citation")
    assert question.kind == "question"


def test_truth_and_reasoning_are_listed_as_not_checked(ask: Ask) -> None:
    answer = ask(PassName.CONTENT, GOOD)
    assert any("true" in sentence for sentence in answer.not_checked)
    assert any("no assignment" in sentence for sentence in answer.not_checked)
    assert any("every part" in sentence for sentence in ask(PassName.CONTENT, GOOD, prompt=PROMPT).not_checked)


def test_comment_lists_are_capped(ask: Ask) -> None:
    bare = "Words follow words here and none of them means much to anybody who reads them. " * 5
    text = "\n\n".join(
        [OPENING, *(f"{bare} Part {word}." for word in ("one", "two", "six", "ten")), "One line alone.", ENDING]
    )
    assert len(ask(PassName.STRUCTURE, text).comments) <= 6
    assert len(ask(PassName.CONTENT, text, prompt=PROMPT).comments) <= 5
