"""Read a form that a page sent, with the models that the API reads its bodies with."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import request
from pydantic import BaseModel

from ingest.pages.session import check_form
from ingest.web.body import check, check_encoding, check_text, read_bytes
from ingest.web.problems import Problem

Model = TypeVar("Model", bound=BaseModel)


def read_form(model: type[Model], *, also: dict[str, Any] | None = None) -> Model:
    """Return the fields of this request's form as the model; an empty field counts as not given. Raises Problem.

    `also` are members that the page knows itself. A field that the model does not have is left out.
    """
    check_body()
    sent = {name: request.form[name] for name in request.form if name in model.model_fields and request.form[name]}
    return check({**sent, **(also or {})}, model)


def check_body() -> None:
    """Check that the body is a form of ours, of a size that we read. Raises Problem."""
    check_encoding()
    read_bytes()
    if request.mimetype != "application/x-www-form-urlencoded":
        raise Problem("unsupported-media-type", "A page sends its forms as application/x-www-form-urlencoded.")
    check_form()
    for name, value in request.form.items(multi=True):
        check_text(value, (name,))


def local_path(wanted: str | None) -> str | None:
    """Return the address if it leads to a page of this server, else None: no letter can send a reader elsewhere from here."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or not wanted.isprintable():
        return None
    parts = urlsplit(wanted)
    return wanted if not parts.scheme and not parts.netloc else None
