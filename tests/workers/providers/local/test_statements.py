"""Test that structure and content comments say no more than was judged to be right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.jobs import PassName
from workers.passes.feedback import Comment, PassAnswer
from workers.providers.local.stance import states_position

Ask = Callable[..., PassAnswer]

OPENING = (
    "Our school garden is full of weeds. Nobody goes there in the break. "
    "I believe that our school should plant trees in the garden because trees give shade and quiet."
)
SHADE = (
    "Trees give shade. In June the yard is so hot that nobody wants to leave the building, and the small ones get "
    "headaches. Under a lime tree the air is cool all day, as anyone can feel in the park behind the church."
)
QUIET = (
    "Trees also make a garden quiet. Leaves swallow the noise of the road, so a class could read outside. Birds come "
    "back when there are branches, and a blackbird is nicer to listen to than a lorry that climbs the hill."
)
ENDING = (
    "A garden with trees would be shady and quiet. The school should plant them this autumn, and in a few years every "
    "pupil would spend the break outside and come back to lessons with a clear head."
)
ESSAY = "\n\n".join((OPENING, SHADE, QUIET, ENDING))


def thesis_praise(answer: PassAnswer) -> list[Comment]:
    """Return the comments that praise a thesis."""
    return [one for one in answer.comments if (one.type, one.kind) == ("thesis", "praise")]


@pytest.mark.parametrize(("sentence", "closes", "position"), [
    ("Schools should begin at nine.", False, True),
    ("I strongly believe that homework helps nobody.", False, True),
    ("Although many people think zoos are cruel, I think they protect animals.", False, True),
    ("We must keep the library open.", False, True),
    ("In my opinion phones belong in a locker.", False, True),
    ("Schools should begin at nine because many people say that teenagers sleep late.", False, True),
    ("Homework is important for pupils of every age.", True, True),
    ("Homework is important for pupils of every age.", False, False),
    ("Some people believe that schools should begin at nine.", True, False),
    ("Many students in my town think that we must wear uniforms.", True, False),
    ("My mother said that I should go home.", True, False),
    ("There is a debate about whether schools should begin at nine.", True, False),
    ("This essay will discuss whether phones are harmful.", True, False),
    ("Should schools begin at nine?", True, False),
    ("\u201cSchools should begin at nine.\u201d", True, False),
    ("I used to think of the sea when it rained.", True, False),
    ("The sea was grey and the gulls were loud that day.", True, False),
])  # fmt: skip
def test_position_is_the_writers_own(sentence: str, *, closes: bool, position: bool) -> None:
    assert states_position(sentence, closes_opening=closes) is position


def test_thesis_is_praised_for_a_stance_verb(ask: Ask) -> None:
    (praise,) = thesis_praise(ask(PassName.STRUCTURE, ESSAY))
    assert praise.span.quote.startswith("I believe")


@pytest.mark.parametrize("opening", [
    "Some pupils believe that our school should plant trees in the garden because trees give shade and quiet.",
    "Trees in our school garden are important because trees give shade and quiet. Nobody knows that yet.",
])  # fmt: skip
def test_thesis_of_others_or_a_judgement_on_the_way_is_not_praised(ask: Ask, opening: str) -> None:
    assert not thesis_praise(ask(PassName.STRUCTURE, "\n\n".join((opening, SHADE, QUIET, ENDING))))


def test_thesis_copied_from_the_assignment_is_not_praised(ask: Ask) -> None:
    thesis = OPENING.rsplit(". ", maxsplit=1)[-1]
    prompt = f"Discuss this claim in a short essay for the school paper. {thesis}"
    assert not thesis_praise(ask(PassName.STRUCTURE, ESSAY, prompt=prompt))


def test_long_thesis_is_asked_about_and_not_praised(ask: Ask) -> None:
    long = OPENING.replace("and quiet.", "and quiet " + "and a place for all the birds of the town " * 4 + "too.")
    comments = ask(PassName.STRUCTURE, ESSAY.replace(OPENING, long)).comments
    assert [one.type for one in comments if one.span.quote.startswith("I believe")] == ["sentence_length"]


@pytest.mark.parametrize("ending", [
    OPENING,
    OPENING.split(". ", 1)[1],
    f"So {OPENING[0].lower()}{OPENING[1:]} Thank you for reading.",
    f"{SHADE.split('. ', 1)[1]} That is why our school garden needs trees and shade.",
])  # fmt: skip
def test_copied_ending_gets_no_comment(ask: Ask, ending: str) -> None:
    answer = ask(PassName.STRUCTURE, "\n\n".join((OPENING, SHADE, QUIET, ending)))
    assert not [one for one in answer.comments if one.type == "conclusion"]


@pytest.mark.parametrize("pair", [
    ("Some pupils like to learn alone in the garden after lunch.", "Some pupils like to learn together in the garden after lunch."),
    ("A tall tree gives shade to the whole yard.", "A tall tree never gives shade to the whole yard."),
    ("In 1990 the school garden had twelve old apple trees.", "In 2020 the school garden had twelve old apple trees."),
    ("Trees from Norway grow slowly in our school garden.", "Trees from Brazil grow slowly in our school garden."),
])  # fmt: skip
def test_sentences_built_alike_on_purpose_are_not_redundant(ask: Ask, pair: tuple[str, str]) -> None:
    text = ESSAY.replace(SHADE, f"{SHADE} {pair[0]} {pair[1]}")
    assert not [one for one in ask(PassName.CONTENT, text).comments if one.type == "redundancy"]


def test_each_statement_is_measured_and_each_guess_a_question(ask: Ask) -> None:
    block = ESSAY.replace("\n\n", " ")
    for text in (ESSAY, block, ESSAY.replace(QUIET, f"{QUIET} {SHADE}")):
        for name in (PassName.STRUCTURE, PassName.CONTENT):
            for one in ask(name, text).comments:
                assert one.kind == "question" or one.type == "thesis"
                assert (one.confidence, one.confidence_basis) in {(0.95, "measured"), (0.6, "default")}


def test_each_pass_gives_one_step_about_the_whole_essay(ask: Ask) -> None:
    for text in (ESSAY, ESSAY.replace("\n\n", " ")):
        for name in (PassName.STRUCTURE, PassName.CONTENT):
            assert len(ask(name, text).next_steps) <= 1
    (step,) = ask(PassName.STRUCTURE, ESSAY.replace("\n\n", " ")).next_steps
    assert step.startswith("Divide your essay into paragraphs")
    (step,) = ask(PassName.STRUCTURE, ESSAY).next_steps
    assert "your reader" in step or "a reader" in step or "main claim" in step


def test_claim_of_the_opening_gives_the_next_step(ask: Ask) -> None:
    answer = ask(PassName.STRUCTURE, ESSAY)
    assert {one.type for one in answer.comments} == {"thesis"}
    assert answer.next_steps == (
        "Read each paragraph against the main claim of your opening: does it help to show it?",
    )


def test_argument_that_lacks_nothing_else_is_asked_for_the_other_side(ask: Ask) -> None:
    (step,) = ask(PassName.CONTENT, ESSAY).next_steps
    assert "disagrees" in step
    both = ESSAY.replace(QUIET, f"{QUIET} Some people may say that trees cost too much.")
    assert ask(PassName.CONTENT, both).next_steps == ()
    story = ESSAY.replace("I believe that our school should plant", "The wind had once planted")
    assert ask(PassName.CONTENT, story).next_steps == ()


def test_paragraphs_of_a_story_do_not_drift(ask: Ask) -> None:
    story = (
        "When I was small I lived with my grandmother in a village near the sea. She woke me before the sun was up.",
        (
            "We walked down to the beach to look for shells. The water was cold and I was afraid of the waves, but she held my "
            "hand and sang until the fear was gone and I laughed."
        ),
        (
            "One night a storm came. No boat returned before midnight, and all the women stood on the wall with lamps. Nobody "
            "spoke, and the wind tore at the roofs until it grew light."
        ),
        "Now I am far away. But when I hear the sea at night I am small again, and it is warm in that kitchen.",
    )
    assert ask(PassName.CONTENT, "\n\n".join(story)).comments == ()
