"""The table of all problem types, and the one place where an error becomes an HTTP answer (RFC 9457)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from models import errors
from models.log import logger

log = logger(__name__)

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class ProblemType:
    """A type of problem: its HTTP status, its title, and what the client should do. `retry_after` is in seconds."""

    status: int
    title: str
    advice: str
    retry_after: int | None = None


PROBLEM_TYPES: dict[str, ProblemType] = {
    "malformed-json": ProblemType(
        400,
        "The body is not well-formed JSON",
        "Send one JSON value in UTF-8, without a BOM, without duplicate members.",
    ),
    "idempotency-key-missing": ProblemType(
        400,
        "An Idempotency-Key is needed",
        "API keys must send an Idempotency-Key header, a new one for each new request.",
    ),
    "idempotency-key-invalid": ProblemType(
        400,
        "The Idempotency-Key is not usable",
        "Use 1 to 255 visible ASCII characters, bare (then without a comma) or in double quotes, in one header.",
    ),
    "invalid-notice-batch": ProblemType(
        400,
        "This is no batch of notices",
        "Send an object whose notices is a list of 1 to 100 objects with a jwt (LTI Platform Notification Service).",
    ),
    "malformed-request": ProblemType(
        400, "The request is not well-formed HTTP/1.1", "Send the request as RFC 9112 says; see detail."
    ),
    "unauthorized": ProblemType(
        401, "Credentials are missing or not understood", "Send 'Authorization: Bearer <access token or API key>'."
    ),
    "invalid-token": ProblemType(
        401, "The token is not valid here", "Sign in again, or refresh with the newest refresh token."
    ),
    "token-expired": ProblemType(401, "The token has expired", "Use the refresh token to get a new pair."),
    "second-factor-needed": ProblemType(
        401,
        "A code is needed beside the password",
        "Send `code` too: the newest one of the authenticator app, or a recovery code.",
    ),
    "missing-signature": ProblemType(
        401,
        "A webhook header is missing",
        "Send webhook-id, webhook-timestamp and webhook-signature (Standard Webhooks), or all three as svix-id and so on.",
    ),
    "invalid-signature": ProblemType(
        401,
        "No signature matches",
        "Sign 'id.timestamp.body' with the source's current secret and send the bytes that were signed.",
    ),
    "timestamp-out-of-range": ProblemType(
        401,
        "The webhook timestamp is too far from now",
        "Check the sender's clock; the attempt must be signed within 300 seconds.",
    ),
    "forbidden": ProblemType(403, "Your role may not do this", "Ask somebody with the role this operation needs."),
    "address-refused": ProblemType(
        403,
        "Not from this address",
        "Send the request from a network that your school has named, or ask an admin to add yours. When no admin gets in any more, "
        "the operator of this installation can help.",
    ),
    "sign-in-again": ProblemType(
        403,
        "A new sign-in is needed for this",
        "Sign in with the password and send the request again with the new access token.",
    ),
    "not-found": ProblemType(
        404, "There is nothing here for you", "Check the address. What belongs to others answers the same."
    ),
    "method-not-allowed": ProblemType(
        405, "This address does not know that method", "The Allow header lists the methods it knows."
    ),
    "request-timeout": ProblemType(
        408, "The request did not arrive in time", "Send the whole request again, without a pause inside it."
    ),
    "request-in-progress": ProblemType(
        409, "The same request is being carried out", "Ask again in a moment; the answer will be the first one's.", 1
    ),
    "conflict": ProblemType(
        409, "Something else has this value already", "Choose another value, or change what has it; see errors[]."
    ),
    "in-use": ProblemType(409, "Something still needs this", "Remove or change what points at it first."),
    "last-admin": ProblemType(409, "Nobody could administer the org then", "Make somebody else an admin first."),
    "reading-off": ProblemType(
        409, "No machine reads here", "An admin can change ai_policy in the settings of the org; then ask again."
    ),
    "on-hold": ProblemType(
        409, "A legal hold keeps these data", "An admin can lift the hold when the case is over; then ask again."
    ),
    "approval-needed": ProblemType(
        409,
        "Another admin must approve this",
        "Ask for it at POST /v1/approvals; when another admin approved it, it is done.",
    ),
    "approval-ended": ProblemType(
        409,
        "This request can no longer be approved",
        "Read its state at GET /v1/approvals, and ask again where needed.",
    ),
    "own-request": ProblemType(
        409, "Two admins must agree", "An admin who neither asked for it nor is the person concerned must approve it."
    ),
    "own-account": ProblemType(
        409, "Nobody takes their own rights away", "Ask another admin to disable, demote or delete this account."
    ),
    "key-ended": ProblemType(409, "The API key has expired or was revoked", "Make a new API key."),
    "no-secret": ProblemType(
        409, "This kind of source has no secret of ours", "Make a new token in the LMS, and change it here with PATCH."
    ),
    "endpoint-disabled": ProblemType(409, "This endpoint is disabled", "Enable the endpoint first."),
    "no-email": ProblemType(409, "This person has no e-mail address", "Give the account an address first."),
    "account-disabled": ProblemType(409, "This account is disabled", "Enable the account first."),
    "feedback-not-ready": ProblemType(
        409, "There is no feedback to show yet", "Ask again later; the status of the submission says how far it is.", 2
    ),
    "report-not-ready": ProblemType(
        409, "There are no figures to report yet", "Ask again later; the clock sums them up within minutes.", 30
    ),
    "payload-too-large": ProblemType(413, "The body is too large", "Send at most 1 MiB."),
    "uri-too-long": ProblemType(414, "The address is too long", "Send a request line of at most 8,190 characters."),
    "unsupported-media-type": ProblemType(
        415, "The content type is not JSON", "Send 'Content-Type: application/json'."
    ),
    "unsupported-content-encoding": ProblemType(
        415, "The content encoding is not supported", "Send the body as it is, without Content-Encoding."
    ),
    "expectation-failed": ProblemType(
        417, "The Expect header asks for something unknown", "Leave it out, or send 'Expect: 100-continue'."
    ),
    "invalid-payload": ProblemType(
        422, "Some fields are not acceptable", "Each entry of errors[] points at a field and says what was wrong."
    ),
    "invalid-roster": ProblemType(
        422,
        "Some rows of the roster cannot be imported",
        "Mend the rows that errors[] names and send the whole roster again; nothing of it was imported.",
    ),
    "invalid-notice": ProblemType(
        422,
        "No notice can be used",
        "Send the assignment, the hand-in, its student and its documents, as LTI Asset Processor names them.",
    ),
    "essay-empty": ProblemType(422, "The essay is empty", "Send a text with at least one visible character."),
    "unsupported-file": ProblemType(
        415, "This kind of file is not read", "Send DOCX, PDF, ODT, RTF, HTML or plain text (TXT)."
    ),
    "file-too-large": ProblemType(
        413,
        "The file is too large",
        "Send at most 20 MiB, 20 MiB when unpacked, and 300 pages. Leave out the pictures.",
    ),
    "file-unreadable": ProblemType(
        422, "The file cannot be read", "Save it again, or in another format, and send the whole file."
    ),
    "file-encrypted": ProblemType(422, "The file is protected by a password", "Save it without a password."),
    "file-has-no-text": ProblemType(
        422, "The file has no text", "Send the document itself: scans and pictures of pages cannot be read."
    ),
    "essay-too-long": ProblemType(422, "The essay is too long", "Send at most 100,000 characters."),
    "invalid-text": ProblemType(
        422, "The text holds characters that cannot be stored", "Remove U+0000 and unpaired surrogates."
    ),
    "idempotency-key-reused": ProblemType(
        422, "This key came before with another request", "Use a new key (or webhook-id) for a new request."
    ),
    "author-limit": ProblemType(
        429,
        "This student has handed in too much",
        "Wait as long as Retry-After says, then send the same request again, with the same Idempotency-Key if it had one.",
    ),
    "rate-limited": ProblemType(429, "Too many requests", "Wait as long as Retry-After says."),
    "headers-too-large": ProblemType(
        431,
        "The headers are too large",
        "Send at most 100 headers of at most 16 KiB each, and 64 KiB together. Cookies count.",
    ),
    "internal-error": ProblemType(
        500,
        "Something went wrong on our side",
        "Report the request id; nothing you sent was lost if you got no 2xx before.",
    ),
    "unsupported-transfer-coding": ProblemType(
        501, "The transfer coding is not supported", "Send a Content-Length, or 'Transfer-Encoding: chunked'."
    ),
    "temporarily-unavailable": ProblemType(
        503,
        "The service cannot answer right now",
        "Send the same request again after Retry-After, with the same Idempotency-Key if it had one.",
        2,
    ),
    "unsupported-http-version": ProblemType(
        505, "The HTTP version is not supported", "Speak HTTP/1.1; another version needs a proxy in front."
    ),
}


class Problem(Exception):
    """An error that ends the request with a problem from the table. `detail` says what was wrong with this request.

    With `retryable=False` the answer has no Retry-After, because repeating the request would change nothing.
    """

    def __init__(
        self,
        slug: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        retryable: bool = True,
    ) -> None:
        super().__init__(detail)
        self.slug = slug
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.retryable = retryable


# The problem of each domain error whose message is enough as the detail.
SLUGS: dict[type[errors.DomainError], str] = {
    errors.NotFound: "not-found",
    errors.InUse: "in-use",
    errors.FilesBusy: "temporarily-unavailable",
    errors.FiguresMissing: "report-not-ready",
    errors.LastAdmin: "last-admin",
    errors.Ended: "key-ended",
    errors.OnHold: "on-hold",
    errors.NeedsApproval: "approval-needed",
    errors.ApprovalEnded: "approval-ended",
    errors.OwnRequest: "own-request",
    errors.ReadingOff: "reading-off",
    errors.KeyReused: "idempotency-key-reused",
    errors.InProgress: "request-in-progress",
    errors.Unauthorised: "invalid-token",
    errors.AddressRefused: "address-refused",
    errors.SignInAgain: "sign-in-again",
    errors.DatabaseAway: "temporarily-unavailable",
    errors.DatabaseReadOnly: "temporarily-unavailable",
    errors.DatabaseBusy: "temporarily-unavailable",
    errors.KeysMissing: "temporarily-unavailable",
}


FILE_SLUGS: dict[errors.FileRefusal, str] = {
    "unsupported": "unsupported-file",
    "too-large": "file-too-large",
    "unreadable": "file-unreadable",
    "encrypted": "file-encrypted",
    "no-text": "file-has-no-text",
}


def from_domain(error: errors.DomainError) -> Problem:
    """Return the problem that a domain error becomes for a client."""
    match error:
        case errors.Invalid():
            slug = "conflict" if isinstance(error, errors.Taken) else "invalid-payload"
            return Problem(slug, str(error), errors=[{"pointer": p, "detail": d} for p, d in error.errors])
        case errors.FileRefused():
            return Problem(FILE_SLUGS[error.reason], str(error))
        case errors.AuthorLimit():
            return Problem("author-limit", str(error), headers={"Retry-After": str(error.wait_seconds)})
        case errors.NotReady():
            return Problem("feedback-not-ready", str(error), retryable=error.ever)
        case _ if type(error) in SLUGS:
            return Problem(SLUGS[type(error)], str(error))
        case _:
            log.error("domain error without an answer", error=type(error).__name__, reason=str(error))
            return Problem("internal-error", "The error has been logged.")


def document_of(problem: Problem, *, request_id: str) -> str:
    """Return the problem document as JSON."""
    problem_type = PROBLEM_TYPES[problem.slug]
    document: dict[str, Any] = {
        "type": f"/problems/{problem.slug}",
        "title": problem_type.title,
        "status": problem_type.status,
        "detail": problem.detail,
        "instance": request_id,
    }
    if problem.errors is not None:
        document["errors"] = problem.errors
    return json.dumps(document, ensure_ascii=False)


def headers_of(problem: Problem) -> dict[str, str]:
    """Return the headers that belong to the problem: those of its type, and its own."""
    problem_type = PROBLEM_TYPES[problem.slug]
    headers = {}
    if problem_type.retry_after is not None and problem.retryable:
        headers["Retry-After"] = str(problem_type.retry_after)
    if problem_type.status == 401:
        challenge = (
            'error="invalid_token"' if problem.slug in ("invalid-token", "token-expired") else 'realm="essaycoach"'
        )
        headers["WWW-Authenticate"] = f"Bearer {challenge}"
    return headers | problem.headers


def to_response(problem: Problem) -> Response:
    """Return the HTTP response for a problem: the problem document and its headers."""
    g.problem_slug = problem.slug
    document = document_of(problem, request_id=g.get("request_id", ""))
    response = Response(document, status=PROBLEM_TYPES[problem.slug].status, content_type=CONTENT_TYPE)
    response.headers.update(headers_of(problem))
    return response


def register(app: Flask) -> None:
    """Answer every error of this app with a problem document, and serve a page for each type of problem."""
    app.register_error_handler(Problem, to_response)
    app.register_error_handler(errors.DomainError, lambda error: to_response(from_domain(error)))
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(Exception, _from_unexpected)
    app.add_url_rule("/problems/<slug>", "problem", _problem_page, methods=["GET"])


def from_http(error: HTTPException) -> Response:
    """Return the problem document for an error of the HTTP library."""
    slugs = {
        400: "malformed-json",
        405: "method-not-allowed",
        413: "payload-too-large",
        415: "unsupported-media-type",
        429: "rate-limited",
    }
    slug = slugs.get(error.code or 500, "not-found")
    details = {
        "not-found": f"There is nothing at {request.path}.",
        "method-not-allowed": f"{request.method} is not known at {request.path}.",
        "payload-too-large": "The body is larger than 1 MiB.",
        "rate-limited": f"More than {error.description} from this caller.",
    }
    headers = {name: value for name, value in error.get_headers() if name.lower() in ("allow", "retry-after")}
    return to_response(Problem(slug, details.get(slug, "The request could not be read."), headers=headers))


def _from_unexpected(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error, route=str(request.url_rule))
    return to_response(Problem("internal-error", "The error has been logged under this request id."))


def _problem_page(slug: str) -> Response:
    problem_type = PROBLEM_TYPES.get(slug)
    if problem_type is None:
        raise Problem("not-found", f"There is no kind of problem called {slug!r}.")
    return Response(
        f"{problem_type.status} {slug}\n\n{problem_type.title}.\n{problem_type.advice}\n",
        content_type="text/plain; charset=utf-8",
    )
