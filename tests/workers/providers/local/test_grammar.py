"""Test the spelling and grammar comments of the local engine."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from models.jobs import PassName
from tests.support.local_engine import engines_on_thread, shared_engines
from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import Criterion, Level, PassRequest
from workers.providers.local.confidence import SHOWN_FROM, Evidence, confidence, shipped
from workers.providers.local.engines import Engines
from workers.providers.local.flags import Engine
from workers.providers.local.grammar import MAX_COMMENTS, find_mistakes
from workers.providers.local.language import dialect_of, indecent, same_but_for_dialect
from workers.providers.local.provider import LocalProvider

Ask = Callable[..., PassAnswer]
TYPES = {
    "agreement", "verb_form", "article", "word_choice", "spelling", "capitalisation", "punctuation", "spacing",
    "contraction", "repetition", "grammar",
}  # fmt: skip


def by_quote(answer: PassAnswer) -> dict[str, Comment]:
    return {comment.span.quote: comment for comment in answer.comments}


def test_correction_of_both_engines_is_offered_alone_with_high_confidence(ask: Ask) -> None:
    comment = by_quote(ask(PassName.GRAMMAR, "We recieve letters from our friends every week."))["recieve"]
    assert comment.type == "spelling"
    assert comment.suggestions == ("receive",)
    assert comment.confidence_basis == "agreement"
    assert comment.confidence >= 0.9
    assert "receive" in comment.next_step


def test_engines_that_disagree_give_several_suggestions(ask: Ask) -> None:
    comment = by_quote(ask(PassName.GRAMMAR, "It was a bood day for all of us."))["bood"]
    assert 2 <= len(comment.suggestions) <= 3
    assert comment.next_step.startswith("Which did you mean")


def test_every_comment_has_a_known_type_and_at_most_three_suggestions(ask: Ask) -> None:
    text = (
        "i has a apple and the the dog runned home. He dont like it,she said. Its a nice day (really. "
        "This is better then that, and they was happy. My freind recieve alot of informations. However it rained."
    )
    comments = ask(PassName.GRAMMAR, text).comments
    assert len(comments) >= 8
    assert {comment.type for comment in comments} <= TYPES
    assert all(len(comment.suggestions) <= 3 for comment in comments)
    assert len({(comment.span.start, comment.span.end) for comment in comments}) == len(comments)


def test_repeated_mistakes_become_one_comment_with_all_places(ask: Ask) -> None:
    text = "Yesterday i went home. Then i slept, and later i ate. In the evening i read a book."
    comment = next(one for one in ask(PassName.GRAMMAR, text).comments if one.span.quote == "i")
    places = [(comment.span.start, comment.span.end), *comment.also_at]
    assert [text[start:end] for start, end in places] == ["i"] * 4
    assert "4 places" in comment.message


def test_frequent_mistake_comes_before_a_single_one(ask: Ask) -> None:
    text = "We definately went. " + "Then i slept well. " * 6
    assert ask(PassName.GRAMMAR, text).comments[0].span.quote == "i"


def test_comment_list_is_capped_and_names_what_was_left_out(ask: Ask) -> None:
    stem = ["beleive", "recieve", "definately", "goverment", "enviroment", "seperate", "occured", "untill", "tommorow",
            "begining", "truely", "wierd", "freind", "acheive", "arguement", "calender", "cemetary", "collegue",
            "comming", "commitee", "concious", "dissapoint", "embarass", "existance", "foriegn", "fourty", "gaurd",
            "happend", "harrass", "humourous", "immediatly", "independant", "knowlege", "neccessary"]  # fmt: skip
    answer = ask(PassName.GRAMMAR, " ".join(f"The word {word} stands in this line." for word in stem))
    assert len(answer.comments) == MAX_COMMENTS
    assert any("left out" in sentence for sentence in answer.not_checked)


@pytest.mark.parametrize(("language", "colour", "color"), [
    ("en-US", True, False), ("en-GB", False, True), ("en_GB", False, True), ("en-AU", False, True),
    ("en-CA", False, True), ("en", False, False), ("", False, False),
])  # fmt: skip
def test_dialect_decides_between_colour_and_color(ask: Ask, language: str, colour: bool, color: bool) -> None:
    for word, wrong in (("colour", colour), ("color", color)):
        found = by_quote(ask(PassName.GRAMMAR, f"The {word} of the wall is nice today.", language=language))
        assert (word in found) is wrong
        if wrong:
            other = "color" if word == "colour" else "colour"
            assert found[word].suggestions == (other,)
            # That the spelling differs is a fact that nobody measures.
            assert found[word].confidence_basis == "default"


@pytest.mark.parametrize("language", ["en", "en-US", "en-GB", "en-IN"])
def test_plain_misspelling_is_found_in_every_dialect(ask: Ask, language: str) -> None:
    assert "recieve" in by_quote(ask(PassName.GRAMMAR, "We recieve it every day.", language=language))


def test_dialect_names_are_read_from_the_language_tag() -> None:
    assert [dialect_of(tag) for tag in ("en", "en-US", "en-GB", "en-NZ", "en-Latn-AU", "")] == [
        "",
        "US",
        "GB",
        "GB",
        "AU",
        "",
    ]
    assert same_but_for_dialect("colour", "color")
    assert same_but_for_dialect("organised", "organized")
    assert not same_but_for_dialect("form", "from")


def test_words_of_prompt_title_and_rubric_are_known(ask: Ask) -> None:
    text = "The goverment sleeps near the freind and the enviroment all day."
    assert len(ask(PassName.GRAMMAR, text).comments) == 3
    rubric = (Criterion(name="Enviroment", levels=(Level(name="good", points=1),)),)
    known = ask(PassName.GRAMMAR, text, prompt="Describe the Goverment.", title="My freind", criteria=rubric)
    assert not known.comments


def test_word_that_is_near_no_known_word_is_taken_for_a_term(ask: Ask) -> None:
    assert not ask(PassName.GRAMMAR, "The snarfbeetle sleeps here, and orthorexia is an illness.").comments


@pytest.mark.parametrize(("text", "meant"), [
    ("We told thses people about it.", "these"), ("They hurt themselfs on the ice.", "themselves"),
    ("I do not know wheater it rains.", "whether"), ("The wheater was cold all week.", "weather"),
    ("Every studant reads at home.", "student"), ("He teached us a song last year.", "taught"),
])  # fmt: skip
def test_word_that_a_learner_meant_comes_first(ask: Ask, text: str, meant: str) -> None:
    assert ask(PassName.GRAMMAR, text).comments[0].suggestions[:1] == (meant,)


@pytest.mark.parametrize("text", [
    "We met Mr. Kovalenkko and Mrs Ozdemirr after school.", "Our friend Aryaa lives near the lake.",
    "Her book about NATOX and the eLibrary is new.", "They call it \u201cyerjanik\u201d in our village.",
])  # fmt: skip
def test_names_and_foreign_words_are_left_alone(ask: Ask, text: str) -> None:
    assert not ask(PassName.GRAMMAR, text).comments


def test_repeated_misspelling_is_not_taken_for_a_term(ask: Ask) -> None:
    (comment,) = ask(PassName.GRAMMAR, "The goverment of our town is old. " * 4).comments
    assert len(comment.also_at) == 3


def test_repeated_mistake_that_both_engines_correct_is_kept(ask: Ask) -> None:
    comment = by_quote(ask(PassName.GRAMMAR, "We recieve it. You recieve it. They recieve it too."))["recieve"]
    assert len(comment.also_at) == 2


def test_capitalised_unknown_word_is_taken_for_a_name(ask: Ask) -> None:
    assert not ask(PassName.GRAMMAR, "Last summer we visited our aunt in Krzbstein for two weeks.").comments


def test_indecent_words_are_not_suggested(ask: Ask) -> None:
    comments = ask(
        PassName.GRAMMAR, "There are many wherehouses near the old harbour bridge.", language="en-US"
    ).comments
    shown = " ".join(
        [*(one for c in comments for one in c.suggestions), *(f"{c.message} {c.next_step}" for c in comments)]
    )
    assert "whore" not in shown.lower()
    assert indecent("whorehouses")
    assert not indecent("assess the class")


def test_comment_names_the_matching_criterion_of_the_rubric(ask: Ask) -> None:
    rubric = (
        Criterion(name="Ideas", levels=(Level(name="good", points=1),)),
        Criterion(name="Grammar and mechanics", levels=(Level(name="good", points=1),)),
    )
    comments = ask(PassName.GRAMMAR, "We recieve letters every week.", criteria=rubric).comments
    assert comments[0].criterion == "Grammar and mechanics"
    assert ask(PassName.GRAMMAR, "We recieve letters every week.").comments[0].criterion is None


def test_findings_do_not_overlap(engines: Engines) -> None:
    text = "dont do this is is a apple,he sayed that they was there house. alot of peoples thinks so so."
    found = find_mistakes(PassRequest(pass_name=PassName.GRAMMAR, text=text), engines).all
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))


def test_paragraph_without_an_end_mark_gets_a_comment(ask: Ask) -> None:
    text = "We walked along the river.\n\nThen we sat down on the grass and ate our bread"
    (comment,) = ask(PassName.GRAMMAR, text).comments
    assert comment.span.quote == "bread"
    assert comment.suggestions == ("bread.",)
    heading = "How Our Town Can Build More Paths For Everybody\n\nWe walked along the river."
    assert not ask(PassName.GRAMMAR, f"{heading}\n\n{heading}").comments


def test_missing_comma_and_another_with_plural_are_found(ask: Ask) -> None:
    found = by_quote(ask(PassName.GRAMMAR, "In my opinion the river is clean. We found another stones on the way."))
    assert found["opinion"].suggestions == ("opinion,",)
    assert found["another stones"].suggestions == ("another stone",)
    assert not ask(PassName.GRAMMAR, "In my opinion, every class needs another bus across the river.").comments


def test_clean_prose_gets_no_comments(ask: Ask) -> None:
    text = (
        "On Saturday my sister and I walked along the river. The water was high after the rain, so we stayed on the path. "
        "We talked about school, ate our sandwiches on a bench and watched two swans with their young. "
    )
    assert not ask(PassName.GRAMMAR, text).comments


def _missing() -> Engine:
    """Fail like an engine that is not installed."""
    raise ImportError


@pytest.mark.parametrize("missing", ["lingotweaker", "harper-py"])
def test_answer_names_a_missing_engine(missing: str) -> None:
    loaded = shared_engines()
    loaded.read_flags("We read it.", "US")
    factories = {"lingo": lambda: loaded._loaded["lingotweaker"], "harper": lambda: loaded._loaded["harper-py"]}
    engines = engines_on_thread(**{**factories, "lingo" if missing == "lingotweaker" else "harper": _missing})
    request = PassRequest(pass_name=PassName.GRAMMAR, text="i think we recieve alot of the the mail.", language="en-US")
    reply = LocalProvider(engines).ask(request)
    assert {"recieve", "the the"} <= {comment.span.quote for comment in reply.answer.comments}
    assert any(missing in sentence for sentence in reply.answer.not_checked)
    assert missing not in reply.model


def test_answer_without_any_engine_claims_nothing() -> None:
    request = PassRequest(pass_name=PassName.GRAMMAR, text="We recieve it.")
    answer = LocalProvider(Engines(lingo=_missing, harper=_missing)).ask(request).answer
    assert not answer.comments
    assert not answer.strengths
    assert len([one for one in answer.not_checked if "not available" in one]) == 2


def test_agreement_raises_confidence_and_a_capital_lowers_it() -> None:
    def evidence(*, agreed: bool = False, capitalised: bool = False) -> Evidence:
        return Evidence(
            rule="L:MORFOLOGIK_RULE_EN_US",
            group="L:spelling",
            second=agreed,
            agreed=agreed,
            capitalised=capitalised,
            near=True,
        )

    plain, _ = confidence(evidence())
    assert confidence(evidence(agreed=True))[0] > plain > SHOWN_FROM
    assert confidence(evidence(capitalised=True))[0] < plain


def test_unseen_rule_uses_the_confidence_of_its_group() -> None:
    table = shipped()
    unseen = Evidence(rule="L:NEW_RULE", group="L:grammar", second=False, agreed=False, capitalised=False, near=False)
    group = table.groups["L:grammar"]
    assert abs(table.prior(unseen) - group.tp / group.n) < 0.02


def test_shipped_confidence_table_holds_counts_and_no_text() -> None:
    table = shipped()
    for name, counts in {**table.rules, **table.groups, **table.corrections}.items():
        assert " " not in name
        assert 0 <= counts.tp <= counts.n
