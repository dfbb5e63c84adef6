"""What a return needs to be sent, and why it may not be."""

from __future__ import annotations

from dataclasses import dataclass

from outgoing.client import Client


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How returns leave: with this client. `url` is the address of this service, for links of sources that name no other one."""

    client: Client
    url: str | None = None


class NotWanted(Exception):
    """The source wants nothing back, or the student may not see the feedback any more."""


class AlreadySuperseded(Exception):
    """The LMS has something newer than what was to be sent."""
