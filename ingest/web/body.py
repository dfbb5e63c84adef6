"""Reading a request body: bytes to a checked value, or the problem that says why not."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from ingest.web.problems import Problem

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 32

Model = TypeVar("Model", bound=BaseModel)


def read_body(model: type[Model]) -> Model:
    """Return this request's body as the model. Raises Problem."""
    check_headers()
    return check(parse(read_bytes()), model)


def read_bytes() -> bytes:
    """Return this request's body, all of it. Raises Problem when it is too large."""
    raw = request.get_data()
    if len(raw) > MAX_BODY_BYTES:
        raise Problem("payload-too-large", "The body is larger than 1 MiB.")
    return raw


def check_headers() -> None:
    """The body is announced as plain JSON. Raises Problem."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Problem("unsupported-content-encoding", f"Content-Encoding {encoding!r} is not supported.")
    if request.mimetype != "application/json":
        raise Problem(
            "unsupported-media-type", f"The content type is {request.mimetype or 'missing'!r}, not 'application/json'."
        )


def parse(raw: bytes) -> Any:
    """Return the one JSON value in the bytes. Raises Problem for anything the standard leaves open to guessing."""
    if raw.startswith(b"\xef\xbb\xbf"):
        _malformed("it starts with a byte order mark")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        _malformed(f"byte {error.start} is not UTF-8")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        _malformed(f"{error.msg.lower()} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        _malformed(f"it is nested deeper than {MAX_DEPTH}")
    except ValueError as error:
        _malformed(str(error))
    _walk(value, ())
    return value


def check(value: Any, model: type[Model]) -> Model:
    """Return the value as the model. Raises Problem with one entry per field that is not acceptable."""
    if not isinstance(value, dict):
        raise Problem(
            "invalid-payload",
            "The body must be a JSON object.",
            errors=[{"pointer": "", "detail": "must be an object"}],
        )
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = [
            {"pointer": _pointer(one["loc"]), "detail": one["msg"]}
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise Problem("invalid-payload", f"{len(problems)} field(s) are not acceptable.", errors=problems) from None


def _walk(value: Any, path: tuple[int | str, ...]) -> None:
    # The path becomes text only for an answer: a long name over a long list would cost its length for every entry.
    if not isinstance(value, dict | list):
        if isinstance(value, str):
            _check_text(value, path)
        return
    if len(path) >= MAX_DEPTH:
        _malformed(f"it is nested deeper than {MAX_DEPTH}")
    for name, member in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(name, str):
            _check_text(name, path)
        _walk(member, (*path, name))


def _check_text(value: str, path: tuple[int | str, ...]) -> None:
    if "\0" in value or (not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)):
        detail = "holds U+0000 or an unpaired surrogate"
        raise Problem(
            "invalid-text", "Some text cannot be stored.", errors=[{"pointer": _pointer(path), "detail": detail}]
        )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object names a member twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _malformed(why: str) -> NoReturn:
    raise Problem("malformed-json", f"The body is not well-formed JSON: {why}.")


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
