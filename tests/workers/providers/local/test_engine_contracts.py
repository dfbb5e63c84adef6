"""Test what the code relies on in each engine, so that an incompatible engine version fails here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.local_engine import THREAD, OnThread
from workers.providers.local.guards import blocks, engine_text
from workers.providers.local.harper_engine import Harper
from workers.providers.local.lingo import Lingo
from workers.providers.local.rules import _RULE_TYPES, HARPER_OFF, LINGO_OFF
from workers.providers.local.wording import _MESSAGES_BY_RULE


@pytest.fixture(scope="module")
def lingo() -> OnThread:
    """Give the loaded LingoTweaker engine."""
    return OnThread(Lingo)


@pytest.fixture(scope="module")
def harper() -> OnThread:
    """Give the loaded Harper engine."""
    return OnThread(Harper)


def flagged(engine: Lingo | Harper, text: str, dialect: str = "US") -> list[tuple[str, str]]:
    """Return the flagged words and their rules, in the order of the engine."""
    return [(text[flag.start : flag.end], flag.rule) for flag in engine.flags(text, blocks(text), dialect)]


def test_lingotweaker_match_has_the_keys_we_read(lingo: Lingo) -> None:
    match = THREAD.submit(lingo._engine.check, "I recieve it.").result()[0]
    assert {"rule_id", "message", "offset", "length", "suggestions", "category_id"} <= set(match)
    assert match["suggestions"][0] == "receive"


def test_lingotweaker_byte_offsets_become_code_points(lingo: Lingo) -> None:
    assert ("recieve", "MORFOLOGIK_RULE_EN_US") in flagged(lingo, "Café 🎉 naïve: I recieve it.")


def test_lingotweaker_flags_british_spelling_as_dialect_only(lingo: Lingo) -> None:
    flags = lingo.flags("The colour is nice.", blocks("The colour is nice."), "GB")
    assert [flag.dialect_only for flag in flags] == [True]


def test_lingotweaker_provides_a_list_of_frequent_words(lingo: Lingo) -> None:
    assert {"which", "because", "people"} <= lingo.common


def test_lingotweaker_messages_hold_no_tags(lingo: Lingo) -> None:
    text = "i has a apple. This is better then that. He sayed it."
    assert all("<" not in flag.message for flag in lingo.flags(text, blocks(text), "US"))


def test_disabled_rules_give_no_flags(lingo: Lingo, harper: Harper) -> None:
    text = "First of all  we waited... The whole thing - all of the things - was outside of the house."
    assert not {rule for _, rule in flagged(lingo, text)} & LINGO_OFF
    assert not {rule for _, rule in flagged(harper, text)} & HARPER_OFF


def test_harper_has_every_rule_we_disable(harper: Harper) -> None:
    assert set(harper._made("AMERICAN").get_lint_config()) >= HARPER_OFF


def test_harper_offsets_are_code_points(harper: Harper) -> None:
    assert ("recieve", "SpellCheck") in flagged(harper, "Café 🎉 naïve: I recieve it.")


@pytest.mark.parametrize(("word", "dialect", "wrong"), [
    ("colour", "US", True), ("colour", "GB", False), ("color", "GB", True), ("color", "US", False),
    ("colour", "AU", False), ("colour", "CA", False), ("colour", "IN", False),
])  # fmt: skip
def test_harper_checks_spelling_by_dialect(harper: Harper, word: str, dialect: str, wrong: bool) -> None:
    assert (word in [quote for quote, _ in flagged(harper, f"The {word} is nice.", dialect)]) is wrong


def test_harper_suggestions_replace_the_flagged_words(harper: Harper) -> None:
    text = "We saw it,and the the dog ran."
    offered = {
        flag.rule: (text[flag.start : flag.end], flag.suggestions) for flag in harper.flags(text, blocks(text), "US")
    }
    assert offered["CommaFixes"] == (",", (", ",))
    assert offered["RepeatedWords"] == ("the the", ("the",))


def test_replaced_harper_linter_gives_the_same_flags(harper: Harper) -> None:
    text = engine_text("I recieve alot of mail. " * 400)
    first = harper.flags(text, blocks(text), "US")
    used = harper._linters["AMERICAN"][0]
    for _ in range(3):
        assert harper.flags(text, blocks(text), "US") == first
    assert harper._linters["AMERICAN"][0] is not used
    harper.flags("Hello there.", blocks("Hello there."), "GB")
    assert set(harper._linters) == {"BRITISH"}


@pytest.mark.slow(reason="starts processes that load the engines")
def test_engines_load_at_first_request_and_print_nothing() -> None:
    code = """
import json, sys
from models.jobs import PassName
from workers.providers.contract import PassRequest
from workers.providers.local.provider import LocalProvider
provider = LocalProvider()
early = [name for name in ("harper", "lt_py", "lingotweaker_data_en") if name in sys.modules]
text = "I am looking forward to hear from you. I look forward to hearing, i think, of they."
provider.ask(PassRequest(pass_name=PassName.GRAMMAR, text=text))
sys.stderr.write(json.dumps(early))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == ""
    assert json.loads(run.stderr) == []


@pytest.mark.slow(reason="starts processes that load the engines")
def test_separate_processes_get_the_same_flags_in_the_same_order(harper: Harper) -> None:
    text = "She choosed it and he goed home. They eated alot of of it, i think, and theirs no more then that."
    code = (
        "import sys\nfrom workers.providers.local.guards import blocks\n"
        "from workers.providers.local.harper_engine import Harper\n"
        "text = sys.stdin.read()\nsys.stdout.write(repr(Harper().flags(text, blocks(text), 'US')))"
    )
    here = repr(harper.flags(text, blocks(text), "US"))
    for _ in range(4):
        run = subprocess.run(
            [sys.executable, "-c", code], input=text, capture_output=True, text=True, check=True, timeout=60
        )
        assert run.stdout == here


def test_no_words_are_kept_for_a_rule_that_is_switched_off() -> None:
    assert (set(_MESSAGES_BY_RULE) | set(_RULE_TYPES)) & (LINGO_OFF | HARPER_OFF) == set()
