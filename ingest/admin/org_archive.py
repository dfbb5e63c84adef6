"""Write everything about one org into a folder that only its owner can read. The manifest, with a digest of each file, comes last."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from ingest.admin.person_archive import write_archive
from models import audit, org_removal, users
from models.audit import Entry
from models.db import session
from models.errors import Invalid, NotFound, Undecipherable
from models.rights import as_json

FIRST = UUID(int=0)
PAGE = 500
AUDIT_PAGE = 2000
MANIFEST = "manifest.json"
README = """All data of one school, in the clear, exported before its removal. Times are UTC, ids are the system's own.

manifest.json       what is here: the number of rows of each table, and the size and SHA-256 of every file
org.json            the school and its settings
people.json         who its people were, and the archive of each
people/<id>.zip     everything about one person: their essays, the feedback, and more; see README.txt in each
courses.json, assignments.json, rubrics.json, rubric_criteria.json, categories.json, enrollments.json
api_keys.json, sources.json    the connections to other systems, without their secrets
ledger.json         what calls to a paid AI provider came to, for each day (millionths of a dollar)
audit_log.jsonl     the audit trail: in each line one entry (`says`), its number and its hash

hash = sha256(hash of the entry before, as 32 bytes, followed by `says` in UTF-8). The first entry follows 32 zero bytes. The last
hash is the head in manifest.json.
"""


@dataclass
class Folder:
    """A new folder that collects files and what the manifest says about them."""

    path: Path
    files: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def create(cls, path: Path) -> Folder:
        """Return the folder, made with mode 0700. Raises Invalid when it is there and not an empty folder, and OSError."""
        if path.exists() and not path.is_dir():
            raise Invalid(f"{path} is not a folder.", errors=[("/export", "is not a folder")])
        if path.exists() and any(path.iterdir()):
            detail = "is not empty. Name an empty folder, or one that does not exist yet"
            raise Invalid(f"{path} {detail}.", errors=[("/export", detail)])
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
        return cls(path)

    @contextmanager
    def new_file(self, name: str) -> Iterator[IO[bytes]]:
        """Yield a new file with mode 0600. When the block ends, the file is on the disk and in the list of files."""
        target = self.path / name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            self.files.append({"name": name, "bytes": file.tell(), "sha256": digest})

    def sync(self) -> None:
        """Wait until the names of the files are on the disk, too."""
        for path in {self.path, *((self.path / one["name"]).parent for one in self.files)}:
            folder = os.open(path, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    def write(self, name: str, text: str) -> None:
        """Write a file with this text."""
        with self.new_file(name) as file:
            file.write(text.encode())


def write_org(folder: Folder, *, org: UUID, tell: Callable[[str], None]) -> str:
    """Write everything about the closed org and return the SHA-256 of the manifest. `tell` is called after each person."""
    folder.write("README.txt", README)
    for name in org_removal.ORG_FILES:
        with session(org=org, role="ec_admin"):
            found = org_removal.fetch_org_file(name, org=org)
        folder.write(f"{name}.json", as_json(found[0] if name == "org" else found))
    people = list(_write_people(folder, org=org, tell=tell))
    folder.write("people.json", as_json(people))
    head = _write_audit(folder, org=org)
    with session(org=org, role="ec_admin"):
        counts = org_removal.count_rows()
    manifest = {
        "org_id": org,
        "exported_at": datetime.now(UTC),
        "people": len(people),
        "people_without_archive": [one["id"] for one in people if one["archive"] is None],
        "rows": counts,
        "audit_head": head,
        "files": folder.files,
    }
    folder.write(MANIFEST, as_json(manifest))
    folder.sync()
    digest: str = folder.files[-1]["sha256"]
    return digest


def _write_people(folder: Folder, *, org: UUID, tell: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Write the archive of each person, and yield what the list of people says about them."""
    last, written = FIRST, 0
    while True:
        with session(org=org, role="ec_admin"):
            page = org_removal.list_people(org=org, limit=PAGE, after=last)
        for person in page:
            yield _write_person(folder, person, org=org)
            written += 1
            tell(f"{written:,} people exported")
        if len(page) < PAGE:
            return
        last = page[-1]["id"]


def _write_person(folder: Folder, person: dict[str, Any], *, org: UUID) -> dict[str, Any]:
    listed = {"id": person["id"], "role": person["role"], "archive": None}
    if person["erasing"]:
        return listed
    name = f"people/{person['id']}.zip"
    try:
        with session(org=org, role="ec_admin"):
            found = users.fetch_person(person["id"], org=org)
            with folder.new_file(name) as file:
                write_archive(file, person["id"], org=org)
    except NotFound:  # the clock carried out an erasure meanwhile
        (folder.path / name).unlink(missing_ok=True)
        return listed
    except Undecipherable as error:
        raise Undecipherable(f"The data of the person {person['id']} cannot be exported: {error}") from None
    return {**listed, "name": found.name, "email": found.email, "external_id": found.external_id, "archive": name}


def _write_audit(folder: Folder, *, org: UUID) -> dict[str, Any]:
    """Write the chained audit trail and return its head."""
    last: Entry | None = None
    with folder.new_file("audit_log.jsonl") as file:
        while True:
            with session(org=org, role="ec_admin"):
                page = audit.list_entries(org=org, limit=AUDIT_PAGE, after=last)
            for entry in page:
                line = {
                    "sequence": entry.sequence, "id": str(entry.id), "hash": entry.hash.hex(), "says": entry.says,
                }  # fmt: skip
                file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            if len(page) < AUDIT_PAGE:
                last = page[-1] if page else last
                break
            last = page[-1]
    return {"sequence": last.sequence, "hash": last.hash.hex()} if last else {"sequence": 0, "hash": bytes(32).hex()}
