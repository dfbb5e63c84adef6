"""What the admin's pages share: lists in pages, a form that was refused, and the page before a dangerous action."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from flask import Response, request

from ingest.pages import admin_phrases
from ingest.pages.rendering import page
from ingest.pages.session import reader
from ingest.web import pagination
from ingest.web.identity import Identity
from ingest.web.problems import PROBLEM_TYPES, Problem, from_domain
from models import errors

Item = TypeVar("Item")

PAGE = 50
# What a form can be refused for. It is shown again then, with what was written.
REFUSALS = (
    Problem, errors.Invalid, errors.LastAdmin, errors.InUse, errors.Ended, errors.OnHold, errors.NeedsApproval, errors.ApprovalEnded,
    errors.OwnRequest, errors.InProgress, errors.ReadingOff, errors.AuthorLimit, errors.KeyReused,
)  # fmt: skip
Refusal = Problem | errors.DomainError


def admin() -> Identity:
    """Return the admin who reads this page. Raises SignInFirst, and NotFound for everybody else."""
    return reader("admin").who


def admin_page(template: str, *, refusal: Refusal | None = None, code: int = 200, **values: Any) -> Response:
    """Return a page of the administration; `refusal` says why a form was not carried out."""
    said = (
        admin_phrases.role_name,
        admin_phrases.word,
        admin_phrases.spaced,
        admin_phrases.reason_name,
        admin_phrases.at_most,
        admin_phrases.off_reason,
        admin_phrases.delivery_reason,
    )
    words = {function.__name__: function for function in said}
    problem = None if refusal is None else as_problem(refusal)
    status = PROBLEM_TYPES[problem.slug].status if problem else code
    notice = admin_phrases.done(request.args.get("did", "")) if problem is None else ""
    return page(template, code=status, problem=problem, notice=notice, **words, **values)


def as_problem(refusal: Refusal) -> Problem:
    """Return why something was refused as the API says it."""
    return refusal if isinstance(refusal, Problem) else from_domain(refusal)


def confirm(title: str, says: Sequence[str], *, button: str, back: str, about: str = "", **fields: str) -> Response:
    """Return the page that says what an action will do; its button sends `fields` to the same address."""
    return admin_page(
        "admin_confirm.html", title=title, says=says, button=button, back=back, about=about, fields=fields
    )


def cut(found: Sequence[Item], *, key: Callable[[Item], UUID]) -> dict[str, Any]:
    """Return the first PAGE of PAGE + 1 items as `items`, and the cursor of the next page as `older`."""
    items = list(found[:PAGE])
    return {"items": items, "older": pagination.next_cursor(key(items[-1])) if len(found) > PAGE else None}


def lines(name: str) -> list[str]:
    """Return the entries of a text field with one entry on each line, or separated by commas."""
    return [entry for entry in re.split(r"[\s,;]+", request.form.get(name, "")) if entry]
