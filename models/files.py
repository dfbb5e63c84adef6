"""The files that students hand in. The student's key encrypts the original, its name and its text from the first moment.

A file waits for its hand-in for KEEP_WAITING; its text then moves to the version, and the original stays with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from models.crypto import AssociatedData
from models.db import new_ids, row, rows, run
from models.errors import AuthorLimit, Invalid, NotFound
from models.holds import ORGS_ON_HOLD, PEOPLE_ON_HOLD
from models.users import data_key

FileFormat = Literal["docx", "pdf", "odt", "rtf", "html", "txt"]
KEEP_WAITING = timedelta(days=1)
# Each may have 20 MB, so nobody may leave many of them waiting.
MOST_WAITING = 10
MAX_NAME = 150
_ENDINGS: dict[str, tuple[str, ...]] = {
    "docx": ("docx", "docm", "dotx"),
    "html": ("html", "htm", "xhtml"),
    "txt": ("txt", "md"),
}
# Control characters, those that turn the direction of writing, and what a file name may not hold on some system.
_NOT_IN_NAME = re.compile('[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"*:<>?|]')


@dataclass(frozen=True, kw_only=True)
class NewFile:
    """A file with the text that was read from it. `hidden_excerpt` is the beginning of text that its author hid in it."""

    name: str
    content: bytes
    format: FileFormat
    text: str
    pictures: int = 0
    hidden_characters: int = 0
    hidden_excerpt: str = ""


@dataclass(frozen=True, kw_only=True)
class FileText:
    """The text of a file that is being handed in."""

    text: str
    format: FileFormat
    pictures: int


@dataclass(frozen=True, kw_only=True)
class About:
    """What is known about the file of a version."""

    name: str
    format: FileFormat
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Original:
    """A file as it was handed in, and whose it is."""

    name: str
    format: FileFormat
    content: bytes
    user: UUID


def store(new: NewFile, *, org: UUID, user: UUID, waits: bool = True) -> tuple[UUID, datetime]:
    """Store a file of this student under a clean name; return its id and the time until which it waits to be handed in.

    Raises AuthorLimit when MOST_WAITING files of the student wait already, unless this one does not wait (`waits`).
    """
    if waits:
        _check_few(org=org, user=user)
    key, file = data_key(user, org=org), new_ids(1)[0]
    found = row(
        """
        insert into files (id, org_id, user_id, audience_id, format, name, content, text, hidden, hidden_characters, size_bytes,
            characters, words, pictures)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning created_at
        """,
        (
            file, org, user, user, new.format,
            key.seal(clean_name(new.name, new.format), place=_place("name", org, file)),
            key.seal_bytes(new.content, place=_place("content", org, file)),
            key.seal(new.text, place=_place("text", org, file)),
            key.seal(new.hidden_excerpt, place=_place("hidden", org, file)) if new.hidden_excerpt else None,
            new.hidden_characters, len(new.content), len(new.text), len(new.text.split()), new.pictures,
        ),
    )  # fmt: skip
    assert found is not None
    return file, found["created_at"] + KEEP_WAITING


def _check_few(*, org: UUID, user: UUID) -> None:
    # The lock lets files of one student that come at once follow each other, so that each counts the ones before it.
    # A file that has expired, and that a hold keeps, does not wait any more.
    waiting = row(
        """
        select pg_advisory_xact_lock(hashtextextended(%(lock)s, 0));
        select count(*) as amount, ceil(extract(epoch from min(created_at) + %(keep)s - now()))::int as seconds
        from files where org_id = %(org)s and user_id = %(user)s and submission_id is null and created_at > now() - %(keep)s
        """,
        {"lock": f"files {user}", "org": org, "user": user, "keep": KEEP_WAITING},
    )
    if waiting and waiting["amount"] >= MOST_WAITING:
        raise AuthorLimit(
            "As many files as are allowed wait to be handed in already. Hand one of them in, or wait until one expires.",
            wait_seconds=max(1, waiting["seconds"]),
        )


def take(file: UUID, *, org: UUID, user: UUID) -> FileText:
    """Return the text of a file of this student that waits to be handed in, and lock it until the transaction ends.

    Raises NotFound, also for a file of another student, and Invalid when it was handed in already.
    """
    found = row(
        """
        select text, format, pictures, submission_id from files
        where org_id = %s and user_id = %s and id = %s and (submission_id is not null or created_at > now() - %s) for update
        """,
        (org, user, file, KEEP_WAITING),
    )
    if found is None:
        raise NotFound("There is no file with this file_id, it is another student's, or it has expired.")
    if found["text"] is None:
        raise Invalid(
            "This file was handed in already.", errors=[("/file_id", "was handed in already; send the file again")]
        )
    text = data_key(user, org=org).open(found["text"], place=_place("text", org, file))
    return FileText(text=text, format=found["format"], pictures=found["pictures"])


def attach(file: UUID, submission: UUID, *, org: UUID) -> None:
    """Give a file that was taken to the version that was made of it: whoever may read the version may read the file."""
    run(
        """
        update files as f set submission_id = s.id, audience_id = s.audience_id, text = null
        from submissions as s where f.org_id = %(org)s and f.id = %(file)s and s.org_id = f.org_id and s.id = %(submission)s
        """,
        {"org": org, "file": file, "submission": submission},
    )


def fetch_about(submission: UUID, *, org: UUID) -> About | None:
    """Return what is known about the file of a version that the acting role may read, or None when it came without one."""
    found = row(
        "select id, user_id, name, format, size_bytes from files where org_id = %s and submission_id = %s",
        (org, submission),
    )
    if found is None:
        return None
    name = data_key(found["user_id"], org=org).open(found["name"], place=_place("name", org, found["id"]))
    return About(name=name, format=found["format"], size_bytes=found["size_bytes"])


def fetch_original(submission: UUID, *, org: UUID) -> Original:
    """Return the file of a version as it was handed in. Raises NotFound, also when the version came without a file."""
    found = row(
        "select id, user_id, name, format, content from files where org_id = %s and submission_id = %s",
        (org, submission),
    )
    if found is None:
        raise NotFound("There is no such submission, or it was not handed in as a file.")
    key = data_key(found["user_id"], org=org)
    return Original(
        name=key.open(found["name"], place=_place("name", org, found["id"])),
        format=found["format"],
        content=key.open_bytes(found["content"], place=_place("content", org, found["id"])),
        user=found["user_id"],
    )


def fetch_note(submission: UUID, *, org: UUID) -> str | None:
    """Return a sentence for educators about text that is hidden in the file of a version, or None. Students may not read it."""
    found = row(
        "select id, user_id, hidden, hidden_characters from files where org_id = %s and submission_id = %s and hidden is not null",
        (org, submission),
    )
    if found is None:
        return None
    words = data_key(found["user_id"], org=org).open(found["hidden"], place=_place("hidden", org, found["id"]))
    count = "1 character" if found["hidden_characters"] == 1 else f"{found['hidden_characters']:,} characters"
    return f"The file holds text that is not shown on its pages ({count}): “{words}”. It is part of the text that was read."


def purge_waiting(*, limit: int) -> int:
    """Delete up to `limit` files that were not handed in within KEEP_WAITING; return how many. A hold on org or student keeps them."""
    return run(
        f"""
        delete from files where submission_id is null and id in (
            select f.id from files as f
            where f.submission_id is null and f.created_at < now() - %s and f.org_id not in {ORGS_ON_HOLD}
                and f.user_id not in {PEOPLE_ON_HOLD} limit %s)
        """,  # noqa: S608 - a constant
        (KEEP_WAITING, limit),
    )


def list_originals(user: UUID, *, org: UUID) -> Iterator[tuple[UUID, Original]]:
    """Yield the files of a person with their ids, one at a time, because each may be large. Call it as ec_admin."""
    ids = rows("select id from files where org_id = %s and user_id = %s order by id", (org, user))
    key = data_key(user, org=org)
    for found in ids:
        file = row("select name, format, content from files where org_id = %s and id = %s", (org, found["id"]))
        if file is not None:
            content = key.open_bytes(file["content"], place=_place("content", org, found["id"]))
            name = key.open(file["name"], place=_place("name", org, found["id"]))
            yield found["id"], Original(name=name, format=file["format"], content=content, user=user)


def clean_name(name: str, file_format: str) -> str:
    """Return the last part of a path without characters that mislead or harm, with an ending that fits the format."""
    last = name_shown(name)
    stem, _, ending = last.rpartition(".")
    if not stem or ending.lower() not in _ENDINGS.get(file_format, (file_format,)):
        stem, ending = last, file_format
    return f"{stem[:MAX_NAME].strip(' .') or 'essay'}.{ending}"


def name_shown(name: str) -> str:
    """Return the last part of a path without characters that mislead or harm."""
    return _NOT_IN_NAME.sub("", re.split(r"[/\\]", name)[-1]).strip(" .")


def _place(column: str, org: UUID, file: UUID) -> AssociatedData:
    return AssociatedData("files", column, org, file)
