"""Take a file that a student will hand in, and give back the original of a version that was handed in as one."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.http import parse_options_header

from documents.contents import MOST_CHARACTERS
from documents.convert import convert
from documents.refusal import refuse
from ingest.submissions import schemas
from ingest.submissions.idempotency import IDEMPOTENCY_KEY, idempotency_key
from ingest.web.access_log import note_read
from ingest.web.body import check_encoding, check_needed, parse, read_bytes
from ingest.web.identity import Identity, identity
from ingest.web.openapi import Parameter, operation
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from ingest.web.schemas import MAX_CHARACTERS
from models import essays, events, files
from models.errors import FilesBusy
from models.files import FileFormat, NewFile
from models.users import find_or_add_student

blueprint = Blueprint("files", __name__)

# 20 MB on their way to the database and back take longer than other statements, and less than the role's limit of 5 s.
ANSWER_SECONDS = 4.0
MAX_DOWNLOADS = 4
DOWNLOAD_WAIT_SECONDS = 2.0
_downloads = threading.BoundedSemaphore(MAX_DOWNLOADS)
MEDIA_TYPES: dict[FileFormat, str] = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
    "odt": "application/vnd.oasis.opendocument.text",
    "rtf": "application/rtf",
    "html": "text/html",
    "txt": "text/plain",
}

STUDENT = Parameter(
    name="Student",
    where="header",
    description="With an API key, and only then: whose file it is, as `student` of a hand-in, in JSON. Characters beyond ASCII are "
    r"escaped (`\u00e9`). The student's key encrypts the file.",
    schema={"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": "#/components/schemas/Student"}},
)  # fmt: skip
NAME = Parameter(
    name="Content-Disposition",
    where="header",
    description="`attachment; filename*=UTF-8''my%20essay.docx` (RFC 8187), or a plain `filename`. It names the file when it is "
    "downloaded, and says nothing about its kind.",
    schema={"type": "string"},
)


@blueprint.post("/v1/files")
@operation(
    "Send a file to hand in",
    answers={201: schemas.File},
    file_body=True,
    parameters=(IDEMPOTENCY_KEY, NAME, STUDENT),
    problems=(
        "idempotency-key-missing", "idempotency-key-invalid", "idempotency-key-reused", "request-in-progress", "not-found",
        "essay-too-long", "unsupported-file", "file-unreadable", "file-encrypted", "file-has-no-text",
        "malformed-json", "invalid-payload", "forbidden", "author-limit",
    ),
)  # fmt: skip
def send() -> Response:
    """Read the text of a file and keep the file for a day, until its id is handed in as `file_id`.

    The body is the file itself and no form, whatever its Content-Type: DOCX, PDF, ODT, RTF, HTML or plain text, found out by its content.
    Headings, lists, quotations and paragraphs become plain text; tracked insertions stay and deletions go; pictures are left out.
    Scans cannot be read. A student may have 10 files waiting: one more gets 429 `author-limit`.
    """
    who = identity(scope="submit")
    key = idempotency_key(needed=who.is_api_key)
    check_encoding()
    if request.mimetype.startswith("multipart/"):
        raise refuse("unsupported", "This is a form with a file in it (multipart). Send the file itself as the body.")
    student, warnings = _student(who)
    name = name_of_header(request.headers.get("Content-Disposition", ""))
    answer = keep(read_bytes(), name, who, key=key, student=student)
    answer = {**answer, "warnings": warnings + answer["warnings"]}
    return json_response(schemas.File.model_validate(answer), status=201)


@blueprint.get("/v1/submissions/<uuid:submission_id>/file")
@operation(
    "Download the file of a submission",
    answers={200: "application/octet-stream"},
    problems=("forbidden",),
    headers={200: {"Content-Disposition": "the name of the file, always as an attachment"}},
)
def download(submission_id: UUID) -> Response:
    """Return the file as it was handed in, with the media type of its format. 404 when the submission came as text.

    Each time staff or an API key read another person's file is recorded in the audit trail.
    """
    return download_as(identity(scope="read"), submission_id)


def download_as(who: Identity, submission_id: UUID) -> Response:
    """Return the file of a version as this reader may have it, for their browser to store and not to open. Raises NotFound, FilesBusy.

    Decrypting a file takes several times its size of memory, so few are at once.
    """
    if not _downloads.acquire(timeout=DOWNLOAD_WAIT_SECONDS):
        raise FilesBusy(downloaded=True)
    try:
        with who.session(answer_seconds=ANSWER_SECONDS):
            found = files.fetch_original(submission_id, org=who.org)
            note_read(who, entity="submission", entity_id=submission_id, person=found.user, by_api_key=True)
    finally:
        _downloads.release()
    response = Response(found.content, content_type=MEDIA_TYPES[found.format])
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(found.name, safe='')}"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'; frame-ancestors 'none'"
    return response


def keep(
    content: bytes, name: str, who: Identity, *, key: str | None = None, student: schemas.Student | None = None
) -> dict[str, Any]:
    """Read a file and store it for its student; return the answer in the shape of `schemas.File`. Raises Problem and FileRefused.

    With an idempotency `key`, return the answer that was stored for it with the same file, if there is one.
    """
    found = convert(content)
    if len(found.text) > MAX_CHARACTERS:
        more = " or more" if len(found.text) >= MOST_CHARACTERS else ""
        detail = f"has {len(found.text):,} characters{more}; at most {MAX_CHARACTERS:,} are read"
        raise Problem("essay-too-long", f"The file {detail}.", errors=[{"pointer": "", "detail": detail}])
    new = NewFile(name=name, content=content, **asdict(found))
    with who.session(answer_seconds=ANSWER_SECONDS):
        answer = None if key is None else _claim(key, who, content, student)
        if answer is None:
            answer = _store(new, who, student)
            if key is not None:
                events.keep_answer(key, org=who.org, caller=who.caller, answer=answer)
    return answer


def _store(new: NewFile, who: Identity, student: schemas.Student | None) -> dict[str, Any]:
    user = who.user
    if user is None:
        assert student is not None
        user = find_or_add_student(student.external_id, org=who.org, name=student.name, email=student.email)
    file, expires_at = files.store(new, org=who.org, user=user)
    return {
        "id": str(file),
        "format": new.format,
        "characters": len(new.text),
        "words": len(new.text.split()),
        "warnings": warnings_of(new),
        "expires_at": _rfc3339(expires_at),
    }


def warnings_of(new: NewFile) -> list[dict[str, str]]:
    """Return what was left out of the text of a file."""
    if not new.pictures:
        return []
    return [{"pointer": "", "detail": f"holds {essays.embedded_pictures(new.pictures)}; only the words are read"}]


def name_of_header(header: str) -> str:
    """Return the file name of a Content-Disposition header, empty when there is none."""
    return parse_options_header(header)[1].get("filename", "")


def _student(who: Identity) -> tuple[schemas.Student | None, list[dict[str, str]]]:
    """Return the student that an API key names, and a warning for each value that is not used. Raises Problem."""
    header = request.headers.get("Student")
    if who.is_api_key != (header is not None):
        detail = "is needed when an API key sends a file" if who.is_api_key else "may only be given with an API key"
        raise Problem(
            "invalid-payload", f"The header Student {detail}.", errors=[{"pointer": "/student", "detail": detail}]
        )
    if header is None:
        return None, []
    try:
        student, warnings = check_needed(parse(header.encode("latin-1")), schemas.Student)
    except Problem as problem:
        # It is read as a body is, and the body here is the file.
        detail = f"The header Student cannot be used. {problem.detail.replace('The body', 'It')}"
        errors = [{**one, "pointer": f"/student{one['pointer']}"} for one in problem.errors or []]
        raise Problem(problem.slug, detail, errors=errors or None) from None
    return student, [{**one, "pointer": f"/student{one['pointer']}"} for one in warnings]


def _claim(key: str, who: Identity, content: bytes, student: schemas.Student | None) -> dict[str, Any] | None:
    said = "" if student is None else student.model_dump_json()
    digest = hashlib.sha256(f"POST /v1/files {said}".encode() + hashlib.sha256(content).digest()).digest()
    return events.claim_key(key, org=who.org, caller=who.caller, request_sha256=digest, canonical_sha256=digest)


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
