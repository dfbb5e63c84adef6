"""The complete list of domain errors, each named after the decision it causes. The HTTP status is decided elsewhere."""

from __future__ import annotations

from typing import Literal

Refusal = Literal["org_budget_spent", "author_share_spent"]
FileRefusal = Literal["unsupported", "too-large", "unreadable", "encrypted", "no-text"]


class DomainError(Exception):
    """An error that the caller must be told about. The message is written for a person."""


class NotFound(DomainError):
    """The thing does not exist, or the acting person may not see it. The caller cannot find out which of the two."""


class Invalid(DomainError):
    """A value cannot be accepted. `errors` pairs a JSON pointer with what is wrong at that place."""

    def __init__(self, detail: str, *, errors: list[tuple[str, str]]) -> None:
        super().__init__(detail)
        self.errors = errors


class Taken(Invalid):
    """A value is acceptable, but somebody or something else in the org already has it."""


class InUse(DomainError):
    """The thing cannot be deleted while others refer to it."""


class LastAdmin(DomainError):
    """The change would leave the org without a person who can administer it."""


class Ended(DomainError):
    """The thing exists, but it has expired or was ended: nothing more can be done with it."""


class AuthorLimit(DomainError):
    """The author has handed in, or sent, as much as is allowed at a time or on a day; nothing was stored."""

    def __init__(self, detail: str, *, wait_seconds: int) -> None:
        super().__init__(detail)
        self.wait_seconds = wait_seconds

    @classmethod
    def of_org(cls, limit: str, *, most: int, wait_seconds: int) -> AuthorLimit:
        """Return the error of a limit that the school set."""
        said = {
            "author_open_limit": f"{most} essays of this student wait to be read or are being read: no more at a time. Hand this one"
            " in again when one of them is done.",
            "author_daily_limit": f"This student has handed in {most} times today (UTC): no more on a day. Hand this one in again"
            " tomorrow.",
        }
        end = f"Nothing of it was stored as an essay. An admin can change {limit} of the org."
        return cls(f"{said[limit]} {end}", wait_seconds=wait_seconds)


class FileRefused(DomainError):
    """A file cannot be read as an essay. The message says why, and what its author can do."""

    def __init__(self, reason: FileRefusal, detail: str) -> None:
        super().__init__(detail)
        self.reason: FileRefusal = reason


class FilesBusy(DomainError):
    """So many files are being read, or downloaded, at this moment that this one must wait a few seconds."""

    def __init__(self, *, downloaded: bool = False) -> None:
        super().__init__(
            "Too many files are being downloaded at this moment. Ask again in a few seconds."
            if downloaded
            else "Too many files are being read at this moment. Send the same file again in a few seconds."
        )


class OnHold(DomainError):
    """A legal hold on the person or on their school forbids the deletion."""

    def __init__(self) -> None:
        super().__init__("A legal hold keeps these data. Nothing of them is deleted while it lasts.")


class NeedsApproval(DomainError):
    """The org wants two admins to agree on this, and no approval of another admin is there."""

    def __init__(self) -> None:
        super().__init__("This org wants two admins to agree: another admin must approve it first.")


class ApprovalEnded(DomainError):
    """The request was used, has expired, or one of its admins is no admin any more: it cannot be approved."""


class OwnRequest(DomainError):
    """An admin may not approve what they asked for, or what is about themselves."""


class ReadingOff(DomainError):
    """The org's AI policy is `none`: no machine reads its essays, so nothing can be queued for a reading."""

    def __init__(self) -> None:
        super().__init__("No machine reads the essays of this school, because its ai_policy is none.")


class OverBudget(DomainError):
    """The org's budget for this month, or its author's share of it, does not allow this call."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class KeyReused(DomainError):
    """The same idempotency key or event id was used before with another body."""


class InProgress(DomainError):
    """The same request is being processed at this moment; its answer will be available soon."""


class NotReady(DomainError):
    """The feedback does not exist yet, or is not released to this reader yet. `ever` is false when it never will exist."""

    def __init__(self, detail: str, *, ever: bool = True) -> None:
        super().__init__(detail)
        self.ever = ever


class FiguresMissing(DomainError):
    """The figures of reports were not summed up yet: the clock does it within minutes of the first start."""

    def __init__(self) -> None:
        super().__init__("The figures of reports are being summed up for the first time. Ask again in a minute.")


class Unauthorised(DomainError):
    """The credentials do not belong to anybody who may act."""


class SignInAgain(DomainError):
    """The session is too old for what it asks: the person must show again that it is them."""


class AddressRefused(DomainError):
    """The org names the networks from which its admins are accepted, and the request comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__(
            "Admins of this school are accepted from certain networks only, and this address is in none of them."
        )


class FenceLost(DomainError):
    """Another claim has taken over the pass; nothing that this claim writes may be stored."""


class DatabaseAway(DomainError):
    """PostgreSQL did not answer in time, or cannot serve now (read-only, full, stopping).

    Repeat with the same idempotency key: the commit may have happened all the same.
    """


class DatabaseReadOnly(DatabaseAway):
    """PostgreSQL answers and takes no writes: a standby, or a primary that an operator or a full disk has stopped."""


class DatabaseBusy(DatabaseAway):
    """Something else was in the way for a moment: a lock, a deadlock, a statement that took too long. Repeat."""


class KeysMissing(DomainError):
    """A person is there and was not erased, but their key is not: the keys were not restored after the database was."""

    def __init__(self) -> None:
        super().__init__("The keys of this installation were not restored yet.")


class Undecipherable(DomainError):
    """A ciphertext does not decrypt: wrong key, wrong place, or changed bytes."""


class MasterKeyMissing(Undecipherable):
    """The master key that encrypted a value was not given to this program: a fault of the installation, not of the data."""


class SettingsError(Exception):
    """The environment cannot be used. The message names the variable and what it must be."""
