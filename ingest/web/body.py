"""Read a request body: from bytes to a validated model, or to the problem that says why that failed."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeVar, get_args

from flask import request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from documents.convert import MAX_FILE_BYTES
from ingest.web.messages import sentence_of
from ingest.web.problems import Problem
from ingest.web.schemas import NotNeeded

MAX_BODY_BYTES = 1024 * 1024
# The addresses that take a file: the API takes it as it is, a page as a part of a form.
_TAKES_FILE = re.compile(rf"/v1/files|/essays/(?:new|{'-'.join(f'[0-9a-fA-F]{{{n}}}' for n in (8, 4, 4, 4, 12))}/next)")
MAX_DEPTH = 32
# Some programs write the slash as \/ in JSON.
_PICTURE = re.compile(rb"data:image\\?/", re.IGNORECASE)

Model = TypeVar("Model", bound=BaseModel)


class _NotJson(Exception):
    """Python would read it, but it is no JSON."""


def read_body(model: type[Model]) -> Model:
    """Return the JSON body of this request as the model. Raises Problem."""
    check_headers()
    return check(parse(read_bytes()), model)


def read_optional_body(model: type[Model]) -> Model:
    """Return the JSON body of this request as the model, or the model's defaults when there is no body. Raises Problem."""
    return read_body(model) if read_bytes() else check({}, model)


def max_bytes(method: str, path: str) -> int:
    """Return how large the body of a request may be."""
    if method != "POST" or not _TAKES_FILE.fullmatch(path):
        return MAX_BODY_BYTES
    # A form has other fields beside the file.
    return MAX_FILE_BYTES if path == "/v1/files" else MAX_FILE_BYTES + MAX_BODY_BYTES


def read_bytes() -> bytes:
    """Return the whole body of this request. Raises Problem when it is larger than `max_bytes`."""
    raw = request.get_data()
    limit = max_bytes(request.method, request.path)
    if len(raw) > limit:
        raise too_large(raw, limit=limit)
    return raw


def too_large(seen: bytes | bytearray, *, limit: int = MAX_BODY_BYTES) -> Problem:
    """Return the problem of a body that is larger than its limit; `seen` is the part of it that has arrived."""
    if limit > MAX_BODY_BYTES:
        return Problem("file-too-large", f"The file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB.")
    detail = "The body is larger than 1 MiB."
    if _PICTURE.search(seen):
        detail += " A picture is embedded in it; hand in the text without the picture."
    return Problem("payload-too-large", detail)


def check_headers() -> None:
    """Raise Problem unless the headers announce uncompressed JSON."""
    check_encoding()
    if request.mimetype != "application/json":
        raise Problem(
            "unsupported-media-type", f"The content type is {request.mimetype or 'missing'!r}, not 'application/json'."
        )


def check_encoding() -> None:
    """Raise Problem when the headers announce a compressed body."""
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        detail = (
            f"Content-Encoding {encoding!r} is not supported. Send the body uncompressed; nothing of it was stored."
        )
        raise Problem("unsupported-content-encoding", detail)


def parse(raw: bytes) -> Any:
    """Return the one JSON value in the bytes. Raises Problem.

    Stricter than `json.loads`: refuses a byte order mark, duplicate members, NaN and Infinity, nesting deeper than MAX_DEPTH,
    and text that PostgreSQL cannot store.
    """
    if raw.startswith(b"\xef\xbb\xbf"):
        _malformed("it starts with a byte order mark")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        _malformed(f"byte {error.start} is not UTF-8")
    try:
        value = json.loads(text, object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        _malformed(f"{error.msg.lower()} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        _malformed(f"it is nested deeper than {MAX_DEPTH}")
    except _NotJson as error:
        _malformed(str(error))
    except ValueError:
        # Python's own words name a setting of Python.
        _malformed("a number in it is too long")
    _check_members(value, ())
    return value


def check(value: Any, model: type[Model]) -> Model:
    """Return the value as the model. Raises Problem with one entry for each invalid field."""
    checked = _validate(value, model)
    if not isinstance(checked, list):
        return checked
    fields = [{"pointer": _json_pointer(error["loc"]), "detail": sentence_of(error)} for error in checked]
    raise Problem("invalid-payload", _summary(fields), errors=fields)


def check_needed(value: Any, model: type[Model]) -> tuple[Model, list[dict[str, str]]]:
    """Return the value as the model, and a warning for each bad value of a member that is `NotNeeded`; it is left out.

    Raises Problem with one entry for each other invalid field.
    """
    checked = _validate(value, model)
    if not isinstance(checked, list):
        return checked, []
    warnings: dict[str, str] = {}
    for error in checked:
        path = _path_not_needed(error["loc"], model)
        if path is not None:
            value = _without(value, path)
            warnings.setdefault(_json_pointer(path), f"{sentence_of(error)}; this value is not used")
    return check(value, model), [{"pointer": pointer, "detail": detail} for pointer, detail in warnings.items()]


def invalid_member(pointer: str, detail: str) -> Problem:
    """Return the problem that one member of the body is not acceptable."""
    sentence = f"{pointer.removeprefix('/')} {detail}."
    return Problem("invalid-payload", sentence, errors=[{"pointer": pointer, "detail": detail}])


def _summary(fields: list[dict[str, str]]) -> str:
    if len(fields) > 1:
        return f"{len(fields)} values cannot be used; errors[] names each of them."
    sentence = f"{fields[0]['pointer'].removeprefix('/')} {fields[0]['detail']}.".lstrip()
    return sentence if fields[0]["pointer"] else sentence[0].upper() + sentence[1:]


def _validate(value: Any, model: type[Model]) -> Model | list[ErrorDetails]:
    if not isinstance(value, dict):
        detail = "must be an object"
        raise Problem("invalid-payload", "The body must be a JSON object.", errors=[{"pointer": "", "detail": detail}])
    try:
        return model.model_validate(value)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)


def _path_not_needed(location: tuple[int | str, ...], model: type[BaseModel]) -> tuple[str, ...] | None:
    """Return the part of the location that leads to a member marked as `NotNeeded`, or None when it meets none."""
    known: type[BaseModel] | None = model
    for depth, name in enumerate(location, start=1):
        field = known.model_fields.get(str(name)) if known is not None else None
        if field is None:
            return None
        if any(isinstance(mark, NotNeeded) for mark in field.metadata):
            return tuple(map(str, location[:depth]))
        kinds = (field.annotation, *get_args(field.annotation))
        known = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
    return None


def _without(value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    name, *below = path
    if below:
        return {**value, name: _without(value[name], tuple(below))}
    return {member: given for member, given in value.items() if member != name}


def _check_members(value: Any, path: tuple[int | str, ...]) -> None:
    # Build the pointer text only for an answer: a long member name above a long list would be copied for every entry.
    if not isinstance(value, dict | list):
        if isinstance(value, str):
            check_text(value, path)
        return
    if len(path) >= MAX_DEPTH:
        _malformed(f"it is nested deeper than {MAX_DEPTH}")
    for name, member in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(name, str):
            check_text(name, path)
        _check_members(member, (*path, name))


def check_text(value: str, path: tuple[int | str, ...]) -> None:
    """Check that PostgreSQL can store the text; `path` says where it stood. Raises Problem."""
    if "\0" in value or (not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)):
        detail = "holds U+0000 or an unpaired surrogate"
        raise Problem(
            "invalid-text", "Some text cannot be stored.", errors=[{"pointer": _json_pointer(path), "detail": detail}]
        )


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotJson("an object names a member twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise _NotJson(f"{name} is not JSON")


def _malformed(reason: str) -> NoReturn:
    raise Problem("malformed-json", f"The body is not well-formed JSON: {reason}.")


def _json_pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
