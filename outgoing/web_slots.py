"""The few calls to other sites that a web process makes at once, shared fairly by the hosts: a slow one must not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from models import fair_slots
from models.fair_slots import FairSlots
from outgoing.errors import NoSlot

# Half of the 16 threads that a process usually has (WEB_THREADS), and half of those for one host.
MAX_AT_ONCE = 8
MAX_OF_HOST = 4
PATIENCE_SECONDS = 1.0

_slots = FairSlots(MAX_AT_ONCE, most_running=MAX_OF_HOST, most_waiting=MAX_AT_ONCE, patience_seconds=PATIENCE_SECONDS)


@contextmanager
def hold_slot(url: str) -> Iterator[None]:
    """Hold a slot for a call to this address while the block runs. Raises NoSlot."""
    try:
        with _slots.hold(urlsplit(url).hostname or ""):
            yield
    except fair_slots.NoSlot:
        raise NoSlot from None
