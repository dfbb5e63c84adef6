"""Rows for COPY: collected as text by table, with the columns of each table in one place."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime
from io import StringIO
from typing import Any

from models.crypto import AssociatedData, Key

NULL = r"\N"
# Each table and its columns. A table that is not listed is filled by a statement (see benchmarks/scale/totals.py).
COLUMNS = {
    "orgs": "id, slug, name, created_at, author_open_limit, author_daily_limit, author_budget_percent",
    "categories": "org_id, slug, name, created_at",
    "users": "id, org_id, role, name, email, email_digest, external_id, external_id_digest, password_hash, created_at",
    "user_keys": "user_id, org_id, wrapped, master_key_id, created_at",
    "courses": "id, org_id, name, created_at",
    "enrollments": "org_id, course_id, user_id, role, created_at",
    "assignments": "id, org_id, course_id, title, prompt, due_at, created_at",
    "essays": "id, org_id, user_id, course_id, assignment_id, title, versions, newest_submission_id, newest_submitted_at, created_at,"
    " updated_at, newest_is_update",
    "submissions": "id, org_id, essay_id, user_id, audience_id, version, status, queue, source, language, text, text_sha256, characters,"
    " words, submitted_at, released_at, completed_at, feedback_seconds, tallied, trace_id",
    "passes": "id, org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, turn, queued_at, next_at, hinted_at,"
    " attempt, fence, first_claimed_at, started_at, finished_at, provider, model, comments, summary, prompt_version, tallied",
    "ai_responses": "id, org_id, submission_id, user_id, pass, attempt, provider, model, prompt_version, request_sha256, outcome,"
    " stop_reason, raw, input_tokens, output_tokens, cost_micros, latency_ms, completed_at, tallied",
    "feedback": "id, org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, kind, severity, match,"
    " span_start, span_end, also_at, criterion, confidence, confidence_basis, origin, provider, model, priority, resolution,"
    " carried_from, body",
    "feedback_reviews": "id, org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision, created_at",
    "review_items": "feedback_id, org_id, essay_id, submission_id, user_id, audience_id, assignment_id, confidence_permille, review_id",
    "analytics": "id, org_id, user_id, event, essay_id, submission_id",
    "audit_log": "id, org_id, actor_id, actor_role, action, entity, entity_id, detail, sequence, hash",
    "audit_heads": "org_id, sequence, hash",
}


class Rows:
    """Lines that wait for COPY, by table."""

    def __init__(self) -> None:
        self._lines: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, table: str, *values: object) -> None:
        """Add a row; None is NULL. The values hold no tab, newline or backslash but what `escaped` and `bytea` return."""
        self._lines[table].append("\t".join([NULL if value is None else str(value) for value in values]))

    def lines(self, table: str) -> list[str]:
        """Return the lines of a table, for writers of many rows, which make their lines themselves."""
        return self._lines[table]

    def copy(self, connection: Any) -> None:
        """Write every line and forget it."""
        with connection.cursor() as cursor:
            for table, lines in self._lines.items():
                lines.append("")
                cursor.copy_expert(f"copy {table} ({COLUMNS[table]}) from stdin", StringIO("\n".join(lines)))
        self._lines.clear()


class Ids:
    """UUIDv7 of any moment, from a seed."""

    def __init__(self, seed: str) -> None:
        self._bits = random.Random(seed).getrandbits

    def at(self, moment: datetime) -> str:
        """Return a new id of this moment, as text."""
        time, chance = f"{int(moment.timestamp() * 1000):012x}", self._bits(74)
        return f"{time[:8]}-{time[8:]}-7{chance >> 62:03x}-{0x8000 | chance >> 48 & 0x3FFF:04x}-{chance & 0xFFFFFFFFFFFF:012x}"


def bytea(value: bytes) -> str:
    """Return bytes for COPY."""
    return rf"\\x{value.hex()}"


def escaped(text: str) -> str:
    """Return text for COPY."""
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def sealed(key: Key, plain: bytes, table: str, column: str, org: str, row: str) -> str:
    """Return the plain bytes encrypted for their place, for COPY.

    The ids are text: associated data holds them as text, and to make millions of UUID objects only for that takes minutes.
    """
    return bytea(key.seal_bytes(plain, place=AssociatedData(table, column, org, row)))
