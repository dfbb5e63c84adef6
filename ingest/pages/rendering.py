"""Make a page from a template: its headers, its styles and scripts, and what stands in its place when something is wrong."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, g, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from ingest.pages import phrases, session, wording
from ingest.pages.drafts import short_id
from ingest.pages.session import SignInFirst
from ingest.web import refusals
from ingest.web.problems import PROBLEM_TYPES, Problem, from_domain, from_http, headers_of
from models import errors

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
FOR_EVER = "public, max-age=31536000, immutable"
_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class StaticFile:
    """A file of the pages as it is sent: its bytes, the same compressed, and a name for its content."""

    body: bytes
    compressed: bytes
    digest: str
    content_type: str


@cache
def static_file(name: str) -> StaticFile | None:
    """Return a file of the folder `static`, or None."""
    path = _STATIC / name
    if not path.is_file() or path.parent != _STATIC:
        return None
    body = path.read_bytes()
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    return StaticFile(body, gzip.compress(body, mtime=0), hashlib.sha256(body).hexdigest()[:12], content_type)


def static_url(name: str) -> str:
    """Return the address of a file of the pages. It changes with the file, so that browsers may keep it for ever."""
    found = static_file(name)
    assert found is not None, name
    return url_for("static_files.send", digest=found.digest, name=name)


def csrf() -> Markup:
    """Return the hidden field that shows that a form is ours."""
    known = session.known_reader()
    return Markup('<input type="hidden" name="csrf" value="{}">').format(known.csrf if known else "")


def here() -> str:
    """Return the address of this page, to come back to; the first page where this one answers a form."""
    return request.full_path.rstrip("?") if request.method == "GET" else "/"


def page(template: str, *, code: int = 200, **values: Any) -> Response:
    """Return a page for the reader of this request."""
    text = render_template(template, reader=session.known_reader(), **values)
    response = Response(text, status=code, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _policy()
    response.headers["Content-Language"] = wording.language()
    response.vary.update(("Cookie", "Accept-Language"))
    return session.renew_cookie(response)


def _policy() -> str:
    """Return the policy of a page, with the sites that may show it in a frame."""
    framing = " ".join(session.frame_origins()) or "'none'"
    return CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {framing}")


def see(address: str) -> Response:
    """Send the browser to another page: in the place of this one, or after a form was carried out."""
    return redirect(address, 303)  # type: ignore[return-value]  # werkzeug's class; the app's own is a subclass


def page_blueprint(name: str) -> Blueprint:
    """Return a blueprint whose errors are pages, and which sends strangers to the sign-in page."""
    blueprint = Blueprint(name, __name__, template_folder="templates")
    blueprint.before_request(lambda: _count_as(name))
    blueprint.before_request(refusals.raise_refused)
    blueprint.register_error_handler(SignInFirst, _sign_in_first)
    blueprint.register_error_handler(errors.Unauthorised, _sign_in_first)
    blueprint.register_error_handler(errors.SignInAgain, _prove_first)
    blueprint.register_error_handler(Problem, problem_page)
    blueprint.register_error_handler(errors.DomainError, lambda error: problem_page(from_domain(error)))
    return blueprint


def problem_page(problem: Problem) -> Response:
    """Return the page that says what was wrong. It gives a text that was sent back, to send it again."""
    kind = PROBLEM_TYPES[problem.slug]
    return with_retry_after(
        page("problem.html", code=kind.status, problem=problem, kind=kind, written=_written()), problem
    )


def with_retry_after(response: Response, problem: Problem) -> Response:
    """Return the page of a problem with the header that says when to try again, if the problem ends by itself."""
    response.headers.update({name: value for name, value in headers_of(problem).items() if name == "Retry-After"})
    return response


def set_up(app: Flask) -> None:
    """Set the app up to make pages."""
    wording.set_up(app)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    said = (
        phrases.status_name, phrases.pass_name, phrases.pass_state, phrases.type_name, phrases.resolution_name, phrases.detail,
        phrases.trust, phrases.about_time, phrases.wait_sentence, phrases.time, phrases.day, phrases.money,
    )  # fmt: skip
    used = (static_url, csrf, here, short_id, wording.language, wording.direction)
    app.jinja_env.globals.update({function.__name__: function for function in (*said, *used)})
    app.jinja_env.globals["languages"] = wording.LANGUAGES
    app.register_blueprint(_static_files)
    app.register_error_handler(404, _not_found)


_static_files = Blueprint("static_files", __name__)
_static_files.before_request(lambda: _count_as("static_files"))


@_static_files.get("/static/<digest>/<name>")
def send(digest: str, name: str) -> Response:
    """Return a file of the pages, compressed where the browser takes it."""
    found = static_file(name)
    if found is None or found.digest != digest:
        raise Problem("not-found", "There is no such file.")
    is_compressed = request.accept_encodings.quality("gzip") > 0
    response = Response(found.compressed if is_compressed else found.body, content_type=found.content_type)
    if is_compressed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = FOR_EVER
    response.vary.add("Accept-Encoding")
    return response


def _sign_in_first(_: Exception) -> Response:
    """Send a reader to the sign-in page and back; show what they wrote when they sent a form, so that it is not lost."""
    written = _written()
    if written is not None:
        return page("signed_out.html", code=401, written=written["text"])
    if session.frame_origins():
        return page("launch_over.html", code=401)
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    return see(url_for("account_pages.sign_in", next=back))


def _prove_first(_: Exception) -> Response:
    """Let the reader prove again who they are, and come back to this page; a form that they sent goes with them."""
    back = request.full_path.rstrip("?")
    if request.method == "GET":
        return see(url_for("second_factor_pages.prove", next=back))
    # With this status the browser sends the form there.
    return redirect(url_for("second_factor_pages.prove_for_form", next=back), 307)  # type: ignore[return-value]  # as in `see`


def _count_as(name: str) -> None:
    g.metrics_route = name


def _not_found(error: HTTPException) -> Response:
    """Answer people with a page, and programs with a problem document, where there is nothing."""
    is_person = request.accept_mimetypes.best_match(("application/json", "text/html")) == "text/html"
    if not is_person or request.path.startswith("/v1/"):
        return from_http(error)
    return problem_page(Problem("not-found", wording.gettext("There is nothing at this address.")))


def _written() -> dict[str, str] | None:
    """Return the fields of a form with a text in it, or None. A text that was too much to read is still in the browser."""
    try:
        return request.form.to_dict() if request.method == "POST" and request.form.get("text") else None
    except RequestEntityTooLarge:
        return None
