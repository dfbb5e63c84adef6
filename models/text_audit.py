"""The part of the data audit that needs the keys: whether texts decrypt, and are what their rows say they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData, Ciphertext, Key, WrappedKey, keyring
from models.data_audit import Check
from models.db import row, rows
from models.errors import MasterKeyMissing, Undecipherable

UNDECRYPTABLE = Check(name="undecryptable", says="texts, comments or summaries that do not decrypt")
TEXTS_DISAGREE = Check(name="texts_disagree", says="texts that are not as long, or not the same, as their row says")
SPANS_DISAGREE = Check(name="spans_disagree", says="comments that point at nothing in their text")
CHECKS = (UNDECRYPTABLE, TEXTS_DISAGREE, SPANS_DISAGREE)

_VERSION = """
select s.text, s.text_sha256, s.characters, s.words, s.user_id, e.id as essay_id, e.title, k.wrapped, k.master_key_id
from submissions as s
join essays as e on e.org_id = s.org_id and e.id = s.essay_id
join user_keys as k on k.org_id = s.org_id and k.user_id = s.user_id
where s.org_id = %s and s.id = %s
"""


def check_version(submission: UUID, *, org: UUID) -> list[tuple[Check, UUID]]:
    """Return what is wrong with a version, its comments and its summaries, each with the id of the row.

    Call it as the worker, in a session of the org. Raises MasterKeyMissing: then nothing can be said.
    """
    version = row(_VERSION, (org, submission))
    if version is None:  # erased since it was picked
        return []
    try:
        wrapped = WrappedKey(Ciphertext(bytes(version["wrapped"])), version["master_key_id"])
        key = keyring().data_key(wrapped, org=org, user=version["user_id"])
        text = key.open(version["text"], place=AssociatedData("submissions", "text", org, submission))
    except MasterKeyMissing:
        raise
    except (Undecipherable, UnicodeDecodeError):
        return [(UNDECRYPTABLE, submission)]
    faults = [*_comments(submission, org=org, key=key, text=text), *_summaries(submission, org=org, key=key)]
    if not _opens(key, version["title"], AssociatedData("essays", "title", org, version["essay_id"])):
        faults.append((UNDECRYPTABLE, version["essay_id"]))
    is_same = hashlib.sha256(text.encode()).digest() == bytes(version["text_sha256"])
    if not is_same or len(text) != version["characters"] or len(text.split()) != version["words"]:
        faults.append((TEXTS_DISAGREE, submission))
    return faults


def _comments(submission: UUID, *, org: UUID, key: Key, text: str) -> Iterator[tuple[Check, UUID]]:
    found = rows(
        "select id, body, span_start, span_end, also_at from feedback where org_id = %s and submission_id = %s order by id limit 500",
        (org, submission),
    )
    for comment in found:
        words = _opened(key, comment["body"], AssociatedData("feedback", "body", org, comment["id"]))
        if words is None:
            yield UNDECRYPTABLE, comment["id"]
        places = [comment["span_start"], comment["span_end"], *comment["also_at"]]
        spans = list(zip(places[::2], places[1::2], strict=True))
        if any(start is not None and not text[start:end].strip() for start, end in spans):
            yield SPANS_DISAGREE, comment["id"]


def _summaries(submission: UUID, *, org: UUID, key: Key) -> Iterator[tuple[Check, UUID]]:
    found = rows(
        "select id, summary from passes where org_id = %s and submission_id = %s and summary is not null",
        (org, submission),
    )
    for one in found:
        if _opened(key, one["summary"], AssociatedData("passes", "summary", org, one["id"])) is None:
            yield UNDECRYPTABLE, one["id"]


def _opens(key: Key, sealed: bytes, place: AssociatedData) -> bool:
    try:
        key.open(sealed, place=place)
    except (Undecipherable, UnicodeDecodeError):
        return False
    return True


def _opened(key: Key, sealed: bytes, place: AssociatedData) -> Any:
    """Return the JSON that this ciphertext holds, or None when it holds none."""
    try:
        return json.loads(key.open(sealed, place=place))
    except (Undecipherable, ValueError):
        return None
