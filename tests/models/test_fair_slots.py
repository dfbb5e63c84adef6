"""Attack the slots for password hashing: one caller asks forty times at once, and another still gets a slot without delay."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from models.fair_slots import FairSlots, NoSlot
from models.passwords import Passwords, TooManyAtOnce
from tests.support.races import eventually


class Holder:
    """A thread that asks for a slot, and holds it until `leave` is set."""

    def __init__(self, slots: FairSlots, caller: str) -> None:
        self.got, self.refused, self.leave = threading.Event(), threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, args=(slots, caller), daemon=True)
        self.thread.start()

    def _run(self, slots: FairSlots, caller: str) -> None:
        try:
            with slots.hold(caller):
                self.got.set()
                self.leave.wait(300)
        except NoSlot:
            self.refused.set()


def test_one_caller_never_holds_all_slots_and_few_of_its_requests_wait() -> None:
    slots = FairSlots(2, most_waiting=6, patience_seconds=300)
    attackers = [Holder(slots, "attacker") for _ in range(40)]
    eventually(lambda: sum(one.refused.is_set() for one in attackers) == 33, what="the refusal of all but one and six")
    assert sum(one.got.is_set() for one in attackers) == 1
    person = Holder(slots, "person")
    assert person.got.wait(60), "a slot is free for somebody else"
    for one in [person, *attackers]:
        one.leave.set()
        one.thread.join(60)
    with slots.hold("attacker"):
        pass


def test_a_slot_that_becomes_free_goes_to_whoever_has_the_fewest() -> None:
    slots = FairSlots(3, most_waiting=9, patience_seconds=300)
    first = [Holder(slots, "busy") for _ in range(2)]
    assert all(one.got.wait(60) for one in first)
    other = Holder(slots, "other")
    assert other.got.wait(60)
    waiting = [Holder(slots, "busy") for _ in range(3)]
    eventually(lambda: len(slots._waiting) == 3)
    newcomer = Holder(slots, "newcomer")
    eventually(lambda: len(slots._waiting) == 4)
    other.leave.set()
    assert newcomer.got.wait(60)
    assert not any(one.got.is_set() for one in waiting)
    for one in [*first, newcomer, *waiting]:
        one.leave.set()
        one.thread.join(60)
    assert (slots._free, dict(slots._running), len(slots._waiting)) == (3, {}, 0)


def test_patience_ends_and_leaves_nothing_in_line() -> None:
    slots = FairSlots(1, most_waiting=6, patience_seconds=0.05)
    with slots.hold("one"), pytest.raises(NoSlot), slots.hold("two"):
        pass
    assert (slots._free, len(slots._waiting)) == (1, 0)
    with slots.hold("two"):
        pass


def test_password_checks_of_one_address_leave_a_slot_to_others() -> None:
    passwords = Passwords(rounds=1000, at_once=2, patience_seconds=0.05)
    with ExitStack() as held:
        held.enter_context(passwords._slots.hold("192.0.2.1"))
        with pytest.raises(TooManyAtOnce):
            passwords.matches("guess", None, caller="192.0.2.1")
        assert not passwords.matches("guess", None, caller="198.51.100.7")
