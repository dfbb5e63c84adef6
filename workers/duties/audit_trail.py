"""Chain new audit entries, write them into the stream of security events, and sign where each org's chain ends."""

from __future__ import annotations

from models import audit, security_events
from models.db import session
from workers.duties import audit_heads
from workers.duties.audit_heads import Seal
from workers.duties.limits import BATCH, LONG_ANSWER_SECONDS


def chain_audit() -> int:
    """Give every new audit entry its place in the hash chain of its org, and write its line into the stream of security events.

    Return how many were chained. An entry is written at least once: its line goes out before the transaction is committed.
    """
    chained = 0
    while True:
        with session(answer_seconds=LONG_ANSWER_SECONDS):
            newly = audit.chain(BATCH)
            for entry in newly:
                security_events.emit_entry(entry)
        chained += len(newly)
        if len(newly) < BATCH:
            return chained


def sign_heads(seal: Seal) -> int:
    """Sign the end of each org's audit chain in a file outside the database. Return how many ends had moved."""
    with session():
        heads = audit.fetch_heads()
    return audit_heads.sign(heads, seal=seal)
