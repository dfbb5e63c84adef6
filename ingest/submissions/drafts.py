"""Turn a validated request into a draft: its text in plain words, its assignment and its author; and store it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from documents.contents import is_blank
from documents.rich_text.read import HandedIn, read
from documents.rich_text.recognise import MAX_TAGS
from ingest.submissions import schemas
from ingest.web.problems import Problem
from ingest.web.schemas import MAX_CHARACTERS
from models import essays, files
from models.essays import Draft, Receipt, SubmissionSource
from models.jobs import Queue
from models.lms_assignments import LmsAssignment, place_assignment
from models.users import find_or_add_student

# With a file, a statement may take longer: up to 20 MB stand in its row.
FILE_SECONDS = 4.0


def to_draft(payload: schemas.SubmissionFields, handed_in: HandedIn, *, source: SubmissionSource) -> Draft:
    """Return the validated request and its text as a draft."""
    return Draft(
        title=_read_title(payload.title),
        text=handed_in.text,
        from_html=handed_in.from_html,
        pictures_left_out=handed_in.pictures,
        source=source,
        assignment=payload.assignment_id,
        essay=payload.essay_id,
        category=payload.category,
        language=payload.language,
        external_id=payload.external_id,
        submitted_at=payload.submitted_at,
        queue=Queue(payload.queue or Queue.INTERACTIVE),
    )


def text_of(payload: schemas.Submission) -> HandedIn:
    """Return the text of a hand-in in plain words, empty when it is a file: that was read when it came. Raises Problem.

    Call it before the transaction, because it can take a second.
    """
    return HandedIn(text="") if payload.file_id else read_text(payload.text)


def read_text(text: str, *, pointer: str = "/text") -> HandedIn:
    """Return a handed-in text in plain words. Raises Problem when it is blank or too long; `pointer` says where it stood."""
    if len(text) > MAX_CHARACTERS and text.count("<") > MAX_TAGS:
        raise _too_long(f"has more than {MAX_TAGS:,} tags", pointer)
    handed_in = read(text)
    if is_blank(handed_in.text):
        detail = "holds a picture and no words; hand in the words as text" if handed_in.pictures else "is blank"
        sentence = f"The text {detail}." if handed_in.pictures else "The text has no visible character."
        raise Problem("essay-empty", sentence, errors=[{"pointer": pointer, "detail": detail}])
    if len(handed_in.text) > MAX_CHARACTERS:
        raise _too_long(f"has {len(handed_in.text):,} characters; at most {MAX_CHARACTERS:,} are read", pointer)
    return handed_in


def _read_title(title: str) -> str:
    handed_in = read(title)
    return " ".join(handed_in.text.split()) or title if handed_in.from_html else title


def _too_long(detail: str, pointer: str) -> Problem:
    return Problem("essay-too-long", f"The text {detail}.", errors=[{"pointer": pointer, "detail": detail}])


def with_lms_assignment(draft: Draft, payload: schemas.SubmissionFields) -> Draft:
    """Return the draft with the assignment that the LMS names by its own id, if it does. Call it as ec_lms. Raises Invalid."""
    named = payload.assignment
    if named is None:
        return draft
    wanted = LmsAssignment(
        external_id=named.external_id,
        title=named.title,
        course=named.course.external_id if named.course else None,
        course_name=named.course.name if named.course else None,
    )
    return replace(draft, assignment=place_assignment(wanted, known=draft.assignment))


def author_of(payload: schemas.SubmissionFields, draft: Draft, *, org: UUID) -> UUID:
    """Return the user for whom an LMS hands in; add or enrol the student when needed. Call it as ec_lms."""
    assert payload.student is not None
    student = payload.student
    author = find_or_add_student(student.external_id, org=org, name=student.name, email=student.email)
    if draft.assignment is not None:
        essays.enrol(author, assignment=draft.assignment, org=org)
    return author


def receive_draft(author: UUID, draft: Draft, *, org: UUID, file: UUID | None) -> Receipt:
    """Store the draft, with the text of a file of this author if there is one. Raises NotFound and Invalid."""
    if file is None:
        return essays.receive(author, draft, org=org)
    taken = files.take(file, org=org, user=author)
    draft = replace(draft, text=taken.text, from_html=taken.format == "html", pictures_left_out=taken.pictures)
    receipt = essays.receive(author, draft, org=org)
    files.attach(file, receipt.submission, org=org)
    # What was left out of the text was left out of the file.
    pointers = {"/text": "/file_id"}
    return replace(
        receipt, warnings=tuple((pointers.get(pointer, pointer), said) for pointer, said in receipt.warnings)
    )
