"""A file that a student chose on a page, in place of a text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from flask import request

from ingest.pages.forms import check_body
from ingest.submissions.files import keep
from ingest.web.identity import Identity
from ingest.web.problems import Problem, from_domain
from models.errors import DomainError
from models.files import name_shown


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that was read and waits to be handed in. The same file has the same `digest`, however often it is sent."""

    id: str
    name: str
    digest: str


def read_upload(who: Identity) -> Upload | None:
    """Return the file that was chosen in this request's form, or the one that the same form has sent before. Raises Problem."""
    check_body(with_files=True)
    chosen = request.files.get("file")
    if chosen is not None and chosen.filename:
        content = chosen.read()
        try:
            kept = keep(content, chosen.filename, who)
        except DomainError as error:
            raise from_domain(error) from None
        return Upload(id=kept["id"], name=name_shown(chosen.filename), digest=hashlib.sha256(content).hexdigest())
    sent = {name: request.form.get(f"file_{name}", "")[:200] for name in ("id", "name", "digest")}
    return Upload(**sent) if sent["id"] else None


def unless_gone(upload: Upload | None, problem: Problem) -> Upload | None:
    """Return the upload for the form that is shown again, or None when it cannot be handed in any more."""
    return (
        None
        if any(one["pointer"] == "/file_id" for one in problem.errors or ()) or problem.slug == "not-found"
        else upload
    )
