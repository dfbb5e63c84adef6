"""The closed list of what can go wrong in the domain. Each name is the decision it causes; HTTP is decided elsewhere."""

from __future__ import annotations


class DomainError(Exception):
    """Something the caller must be told. The message is written for a person."""


class NotFound(DomainError):
    """The thing is not there, or not for the acting person: the two are never told apart."""


class Invalid(DomainError):
    """A value cannot be accepted. `errors` pairs a JSON pointer with what was wrong there."""

    def __init__(self, detail: str, *, errors: list[tuple[str, str]]) -> None:
        super().__init__(detail)
        self.errors = errors


class Taken(Invalid):
    """A value is acceptable, but somebody or something else in the org has it already."""


class InUse(DomainError):
    """The thing cannot go while others point at it."""


class LastAdmin(DomainError):
    """Without this person nobody could administer the org."""


class Ended(DomainError):
    """The thing is there, but its time is over: nothing more can follow from it."""


class KeyReused(DomainError):
    """The same idempotency key or event id came before with another body."""


class InProgress(DomainError):
    """The same request is being carried out right now; its answer will be there in a moment."""


class NotReady(DomainError):
    """The feedback asked for does not exist yet, or is not released to this reader yet; `ever` is false when it never will."""

    def __init__(self, detail: str, *, ever: bool = True) -> None:
        super().__init__(detail)
        self.ever = ever


class Unauthorised(DomainError):
    """The credentials do not stand for anybody who may act."""


class FenceLost(DomainError):
    """Another claim has taken the pass over; nothing this claim writes may count."""


class DatabaseAway(DomainError):
    """PostgreSQL did not answer in time. Repeat with the same idempotency key: a lost commit may have happened."""


class Undecipherable(DomainError):
    """A ciphertext does not open: wrong key, wrong place, or changed bytes."""


class MasterKeyMissing(Undecipherable):
    """This program was not given the master key something is wrapped by: a fault of the installation, not of the data."""


class SettingsError(Exception):
    """The environment is not usable; the message names the variable and what it must be."""
