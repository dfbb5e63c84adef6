"""Test the line in which groups take turns."""

from __future__ import annotations

import threading

import pytest

from workers.providers.local.fair_line import FairLine, Full


def test_groups_take_turns_and_keep_their_own_order() -> None:
    line: FairLine[str] = FairLine(most=9)
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        line.put(item, group=item[0])
    assert [line.get() for _ in range(6)] == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_full_group_leaves_room_for_the_others() -> None:
    line: FairLine[str] = FairLine(most=2)
    line.put("a1", group="a")
    line.put("a2", group="a")
    with pytest.raises(Full):
        line.put("a3", group="a")
    line.put("b1", group="b")
    assert [line.get() for _ in range(3)] == ["a1", "b1", "a2"]


def test_close_ends_those_who_wait_once_nothing_is_left() -> None:
    line: FairLine[str] = FairLine(most=2)
    line.put("a1", group="a")
    found: list[str | None] = []
    threads = [threading.Thread(target=lambda: found.append(line.get())) for _ in range(3)]
    for thread in threads:
        thread.start()
    line.close()
    for thread in threads:
        thread.join(60)
    assert sorted(found, key=str) == [None, None, "a1"]
