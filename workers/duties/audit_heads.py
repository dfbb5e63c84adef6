"""Sign where each org's audit chain ends, in a file outside the database, so that a removed tail of the chain is noticed.

Somebody with full access to the database could cut the chain and set its head back, or compute the whole chain again. They
cannot sign a head, and they cannot reach the file. Copy the file off the machine: somebody who has both the key and the file
can forge both.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from models import log, secret_settings, settings
from models.audit import Head
from models.errors import SettingsError

logger = log.logger(__name__)

KEY = "ESSAYCOACH_AUDIT_KEY"
FILE = "ESSAYCOACH_AUDIT_HEADS"


@dataclass(frozen=True, kw_only=True)
class Seal:
    """The key that signs heads, and the file for the signed heads."""

    key: bytes
    path: Path


@dataclass(frozen=True, kw_only=True)
class SignedHead:
    """The head of an org's audit chain at a moment, with a valid signature."""

    at: str
    org: UUID
    head: Head


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The content of a file of signed heads: the heads in order, the invalid lines, and whether the last line is complete."""

    heads: tuple[SignedHead, ...]
    broken: tuple[str, ...]
    whole: bool


def read_seal() -> Seal | None:
    """Return the seal from the environment, or None when no variable is set. Raises SettingsError when only one of them is set."""
    path = settings.optional(FILE)
    if path is None:
        if secret_settings.is_given(KEY):
            raise SettingsError(f"{KEY} is set but {FILE} is not: where should signed heads go?")
        return None
    return Seal(key=settings.key_bytes(KEY), path=Path(path))


def sign(heads: Mapping[UUID, Head], *, seal: Seal) -> int:
    """Append every head that moved since it was last signed to the file, and sync it to disk. Return how many moved.

    A chain that now ends before its signed head, or at the same place with another hash, is logged; `audit verify` says what
    happened. Raises OSError.
    """
    ledger = read_ledger(seal.path, key=seal.key) if seal.path.exists() else Ledger(heads=(), broken=(), whole=True)
    if ledger.broken:
        logger.error("signed heads are broken", lines=len(ledger.broken))
    known = {one.org: one.head for one in ledger.heads}
    moved = {org: head for org, head in heads.items() if known.get(org) != head and head.sequence > 0}
    for org, head in moved.items():
        if org in known and head.sequence <= known[org].sequence:
            logger.error("audit chain went back", org_id=str(org), signed=known[org].sequence, now=head.sequence)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    lines = "".join(_format_line(at, org, head, seal.key) for org, head in moved.items())
    # Where a full disk cut the last line short, begin a new line.
    _append(seal.path, ("" if ledger.whole else "\n") + lines)
    return len(moved)


def read_ledger(path: Path, *, key: bytes) -> Ledger:
    """Return the content of a file of signed heads, with each signature checked. Raises OSError."""
    text = path.read_text(encoding="utf-8", errors="replace")
    heads: list[SignedHead] = []
    broken: list[str] = []
    for number, line in enumerate(text.split("\n")[: None if not text.endswith("\n") else -1], start=1):
        try:
            heads.append(_parse_line(line, key))
        except (ValueError, TypeError, KeyError) as error:
            if line:
                broken.append(
                    f"line {number}: {error if isinstance(error, _WrongSignature) else 'is not a signed head'}"
                )
    return Ledger(heads=tuple(heads), broken=tuple(broken), whole=text == "" or text.endswith("\n"))


def by_org(heads: Iterable[SignedHead]) -> dict[UUID, list[SignedHead]]:
    """Return the heads grouped by org, in order."""
    found: dict[UUID, list[SignedHead]] = {}
    for one in heads:
        found.setdefault(one.org, []).append(one)
    return found


class _WrongSignature(ValueError):
    """A line has the form of a signed head, but its signature does not match."""


def _parse_line(line: str, key: bytes) -> SignedHead:
    fields: dict[str, Any] = json.loads(line)
    org, head = UUID(fields["org_id"]), Head(sequence=int(fields["sequence"]), hash=bytes.fromhex(fields["hash"]))
    if not hmac.compare_digest(_signature(fields["at"], org, head, key).encode(), fields["signature"].encode()):
        raise _WrongSignature("its signature is wrong")
    return SignedHead(at=fields["at"], org=org, head=head)


def _format_line(at: str, org: UUID, head: Head, key: bytes) -> str:
    fields = {"at": at, "org_id": str(org), "sequence": head.sequence, "hash": head.hash.hex()}
    return json.dumps({**fields, "signature": _signature(at, org, head, key)}) + "\n"


def _signature(at: str, org: UUID, head: Head, key: bytes) -> str:
    return hmac.new(key, f"{at}|{org}|{head.sequence}|{head.hash.hex()}".encode(), hashlib.sha256).hexdigest()


def _append(path: Path, text: str) -> None:
    # Create the file even when there is nothing to write yet, so that a missing file means that somebody removed it.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
