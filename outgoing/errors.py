"""Why a request to somebody else's address gave nothing. No text holds a token, a query or a looked-up address."""

from __future__ import annotations


class Refused(Exception):
    """This address is never called. The text says why: "this address …"."""


class NoAnswer(Exception):
    """There is no answer that can be used. The text says why, in words for a log and for an admin."""


class NoSlot(NoAnswer):
    """Nobody was asked: so many requests are under way that this one must come again."""

    def __init__(self) -> None:
        super().__init__("too many requests at this moment")


class BadStatus(NoAnswer):
    """There is an answer, and its status says no."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answered with status {status}")
        self.status = status


class TooLarge(NoAnswer):
    """The answer is longer than its reader allows. Asking for less of it may help."""
