"""What the server refuses before the app has seen it: with a problem document, or, for a browser, with the app's page about it.

A page needs the app: the reader's language and session. So the app gets such a request without its body and with the problem,
which it raises before anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors
from gunicorn.util import http_date

from ingest.web.problems import CONTENT_TYPE, PROBLEM_TYPES, Problem, document_of, headers_of
from ingest.web.response_headers import CACHE_CONTROL, CONTENT_SECURITY_POLICY, SECURITY_HEADERS, request_id_for

# Exactly these classes: a subclass may stand for a fault of ours, such as a response header that is not valid.
_PROBLEMS: dict[type[Exception], tuple[str, str]] = {
    errors.InvalidRequestLine: ("malformed-request", "The request line is not METHOD SP TARGET SP HTTP/1.1 CRLF."),
    errors.InvalidRequestMethod: ("malformed-request", "The method is not an HTTP method."),
    errors.InvalidHTTPVersion: ("unsupported-http-version", "Only HTTP/1.0 and HTTP/1.1 are spoken here."),
    errors.InvalidHeader: ("malformed-request", "A header or trailer is not valid, or not allowed here"),
    errors.InvalidHeaderName: ("malformed-request", "The name of a header or trailer is not valid"),
    errors.ObsoleteFolding: ("malformed-request", "A header goes on in a second line"),
    errors.InvalidSchemeHeaders: ("malformed-request", "The headers about the scheme contradict each other."),
    errors.InvalidChunkSize: (
        "malformed-request",
        "A line with the size of a chunk is not valid, or there are too many.",
    ),
    errors.ChunkMissingTerminator: ("malformed-request", "A chunk does not end where its size says."),
    errors.LimitRequestLine: ("uri-too-long", "The request line is too long."),
    errors.LimitRequestHeaders: ("headers-too-large", "There are too many headers, or they are too long."),
    errors.ExpectationFailed: ("expectation-failed", "Only 'Expect: 100-continue' is understood."),
    errors.UnsupportedTransferCoding: (
        "unsupported-transfer-coding",
        "Only the transfer coding 'chunked' is supported.",
    ),
}
_PROBLEM: ContextVar[Problem | None] = ContextVar("problem", default=None)
_NAMED = (errors.InvalidHeader, errors.InvalidHeaderName, errors.ObsoleteFolding)


def wants_page(request: Any) -> bool:
    """Return whether this request (gunicorn's) is of a browser that shows what it gets."""
    accept = ",".join(value for name, value in request.headers if name == "ACCEPT")
    return "text/html" in accept and not request.path.startswith("/v1/")


@contextmanager
def refused(problem: Problem | None) -> Iterator[None]:
    """Let `raise_refused` raise this problem in the block."""
    token = _PROBLEM.set(problem)
    try:
        yield
    finally:
        _PROBLEM.reset(token)


def raise_refused() -> None:
    """Raise the problem for which the server refused the body of this request, if it did."""
    problem = _PROBLEM.get()
    if problem is not None:
        raise problem


def problem_of(error: Exception) -> Problem:
    """Return the problem that an exception becomes for the client."""
    if isinstance(error, Problem):
        return error
    slug, detail = _PROBLEMS.get(type(error), ("internal-error", "The error has been logged under this request id."))
    if isinstance(error, _NAMED) and slug == "malformed-request":
        # What follows the name may be a secret, and more than one line of text helps nobody.
        detail += f": {str(error.hdr).partition(':')[0][:40]!r}."
    return Problem(slug, detail)


def answer_bytes(problem: Problem, *, sent_id: str) -> bytes:
    """Return the whole HTTP response to a request that sent this X-Request-Id. The connection closes after it."""
    request_id = request_id_for(sent_id)
    body = document_of(problem, request_id=request_id).encode()
    status = PROBLEM_TYPES[problem.slug].status
    headers = {
        "Connection": "close",
        "Date": http_date(),
        "Content-Type": CONTENT_TYPE,
        "Content-Length": str(len(body)),
        "Cache-Control": CACHE_CONTROL,
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        **SECURITY_HEADERS,
        **headers_of(problem),
        "X-Request-Id": request_id,
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
