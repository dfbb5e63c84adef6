"""The keys of platforms: what happens to those who have done nothing when others keep every request busy, or a platform is away."""

from __future__ import annotations

import time
from contextlib import ExitStack

import jwt
import pytest

from ingest.web import key_sets
from ingest.web.key_sets import KeySets
from models.fair_slots import FairSlots
from outgoing import web_slots
from outgoing.client import Client
from outgoing.errors import NoAnswer, NoSlot
from standalone.lti_course import Reply
from standalone.lti_platform import LtiPlatform, run_lti_platform
from tests.support.deliveries import THIS_MACHINE
from tests.support.races import together


def find(known: KeySets, lms: LtiPlatform) -> object:
    return known.find(f"{lms.url}/keys", kid=lms.kid, algorithm="RS256", client=Client(allowed=THIS_MACHINE))


def test_address_that_was_not_asked_has_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_slots, "_slots", FairSlots(1, most_waiting=1, patience_seconds=0.01))
    known = KeySets()
    with run_lti_platform() as lms:
        with web_slots.hold_slot("https://slow.example/keys"), pytest.raises(NoSlot):
            find(known, lms)
        assert find(known, lms) is not None


def test_class_that_launches_at_once_asks_for_the_keys_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sets, "PATIENCE_SECONDS", 60.0)
    known, asked = KeySets(), list[str]()

    def answer_late(path: str, usual: Reply) -> Reply:
        asked.append(path)
        time.sleep(0.2)
        return usual

    with run_lti_platform() as lms:
        lms.reply = answer_late
        found = together(16, lambda _: find(known, lms))
    assert [type(one) for one in found] == [jwt.PyJWK] * 16
    assert asked == ["/keys"]


def test_key_of_before_does_not_wait_for_another_request(monkeypatch: pytest.MonkeyPatch) -> None:
    known = KeySets()
    with run_lti_platform() as lms:
        assert find(known, lms) is not None
        monkeypatch.setattr(key_sets, "KEEP_SECONDS", 0.0)
        with known._turn(f"{lms.url}/keys", seconds=1.0):
            assert find(known, lms) is not None
            lms.kid = "another"
            monkeypatch.setattr(key_sets, "AGAIN_SECONDS", 0.0)
            monkeypatch.setattr(key_sets, "PATIENCE_SECONDS", 0.01)
            with pytest.raises(NoSlot):
                find(known, lms)


def test_slow_platform_leaves_slots_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_slots._slots, "_patience_seconds", 0.01)
    with ExitStack() as held, run_lti_platform() as lms:
        for number in range(web_slots.MAX_OF_HOST):
            held.enter_context(web_slots.hold_slot(f"https://slow.example:8443/{number}"))
        with pytest.raises(NoSlot), web_slots.hold_slot("https://SLOW.example/keys"):
            pass
        assert find(KeySets(), lms) is not None


def test_key_of_before_counts_while_the_platform_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    known = KeySets()
    with run_lti_platform() as lms:
        assert find(known, lms) is not None
    monkeypatch.setattr(key_sets, "KEEP_SECONDS", 0.0)
    assert find(known, lms) is not None
    lms.kid = "another"
    monkeypatch.setattr(key_sets, "AGAIN_SECONDS", 0.0)
    with pytest.raises(NoAnswer):
        find(known, lms)
