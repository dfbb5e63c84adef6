"""A line in which groups take turns: who adds much waits behind who adds little."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Full(Exception):
    """This group has as many items in line as it may have."""


class FairLine(Generic[Item]):
    """Items in line, at most `most` of a group. Groups take turns, and within a group the oldest item comes first."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        # The next group first. A group without items is left out.
        self._waiting: dict[Hashable, deque[Item]] = {}
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Item, *, group: Hashable) -> None:
        """Add an item behind those of its group. Raises Full."""
        with self._changed:
            items = self._waiting.setdefault(group, deque())
            if len(items) >= self._most:
                raise Full
            items.append(item)
            self._changed.notify()

    def get(self) -> Item | None:
        """Wait for the next item and return it, or None once the line is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            group = next(iter(self._waiting))
            items = self._waiting.pop(group)
            item = items.popleft()
            if items:
                self._waiting[group] = items
            return item

    def close(self) -> None:
        """Let `get` return None when nothing is left in line."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
