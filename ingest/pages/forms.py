"""Read a form that a page sent, with the models that the API reads its bodies with."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

from flask import Request, request
from pydantic import BaseModel

from ingest.pages.session import check_form
from ingest.web.body import MAX_BODY_BYTES, check, check_encoding, check_text, read_bytes, too_large
from ingest.web.problems import Problem

Model = TypeVar("Model", bound=BaseModel)
_WITH_FILES = "multipart/form-data"


class PageRequest(Request):
    """A request whose uploaded files stay in memory: a roster or an essay must not lie on a disk, and bodies are bounded."""

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        return BytesIO()


def read_form(model: type[Model], *, also: dict[str, Any] | None = None, with_files: bool = False) -> Model:
    """Return the fields of this request's form as the model; an empty field counts as not given. Raises Problem.

    `also` are members that the page knows itself. A field that the model does not have is left out.
    """
    check_body(with_files=with_files)
    sent = {name: request.form[name] for name in request.form if name in model.model_fields and request.form[name]}
    return check({**sent, **(also or {})}, model)


def check_body(*, with_files: bool = False) -> None:
    """Check that the body is a form of ours, of a size that we read. Raises Problem."""
    check_encoding()
    read_bytes()
    if request.mimetype != "application/x-www-form-urlencoded" and not (with_files and request.mimetype == _WITH_FILES):
        raise Problem("unsupported-media-type", "A page sends its forms as application/x-www-form-urlencoded.")
    check_form()
    for name, value in request.form.items(multi=True):
        check_text(value, (name,))


def read_files(field: str, *, most: int) -> dict[str, bytes]:
    """Return the files that were chosen in this field of the request's form, by name. Raises Problem.

    With its files the form is no larger than any other body. Its secret is checked before a file is looked at.
    """
    check_encoding()
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise too_large(b"")
    read_bytes()
    if request.mimetype != _WITH_FILES:
        raise Problem("unsupported-media-type", "A page sends its files as multipart/form-data.")
    check_form()
    chosen = [file for file in request.files.getlist(field) if file.filename]
    found = {str(file.filename): file.read() for file in chosen}
    if not found or len(found) < len(chosen) or len(found) > most:
        detail = "must be different files" if len(found) < len(chosen) else f"must be 1 to {most} files"
        raise Problem("invalid-payload", f"{field} {detail}.", errors=[{"pointer": f"/{field}", "detail": detail}])
    return found


def local_path(wanted: str | None) -> str | None:
    """Return the address if it leads to a page of this server, else None, so that no link leads from here to another site."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or not wanted.isprintable():
        return None
    parts = urlsplit(wanted)
    return wanted if not parts.scheme and not parts.netloc else None
