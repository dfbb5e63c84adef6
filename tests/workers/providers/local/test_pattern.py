"""Test the next step of the grammar pass: one pattern of language, and never a correction."""

from __future__ import annotations

from collections.abc import Callable

from models.jobs import PassName
from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest
from workers.providers.local.engines import Engines
from workers.providers.local.grammar import find_mistakes
from workers.providers.local.pattern import CERTAIN, pattern_step

Ask = Callable[..., PassAnswer]

SPELLINGS = "We recieve many leters. My freind is definately sure that the goverment beleives it."
AGREEMENT = "He go home every day. She go to school. It are late."


def test_repeated_spellings_are_one_step_with_their_number(ask: Ask) -> None:
    (step,) = ask(PassName.GRAMMAR, SPELLINGS).next_steps
    assert step.endswith("spellings: proofread for these.")
    assert step.split()[0] in {"Four", "Five", "Six"}


def test_sense_comes_before_spelling(ask: Ask) -> None:
    answer = ask(PassName.GRAMMAR, f"{AGREEMENT} {SPELLINGS}")
    (step,) = answer.next_steps
    assert "spelling" not in step
    assert all(
        suggestion not in step for one in answer.comments for suggestion in one.suggestions if len(suggestion) > 3
    )


def test_single_slip_is_no_pattern(ask: Ask) -> None:
    answer = ask(PassName.GRAMMAR, "We recieve letters every day from a friend who lives by the sea.")
    assert answer.comments
    assert answer.next_steps == ()


def test_doubtful_findings_make_no_next_step(engines: Engines) -> None:
    request = PassRequest(pass_name=PassName.GRAMMAR, text=f"{AGREEMENT} {SPELLINGS}", language="en-US")
    shown = find_mistakes(request, engines).shown
    doubtful = [one for one in shown if one.problem < CERTAIN]
    assert pattern_step(doubtful) == ()
    assert pattern_step(shown) != ()
