"""Build the OpenAPI 3.1 document from what each route handler declares with `@operation`.

spectree and flask-openapi3 do not fit: both parse requests and build answers themselves, which conflicts with the strict
reading of bodies and the problem documents here. Pydantic generates the schemas. (docs/adr/0013-own-openapi-generator.md)
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Flask, jsonify
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ingest.web import schemas
from ingest.web.operation_examples import answer_examples, body_examples
from ingest.web.operation_groups import GROUPS, group_of
from ingest.web.problems import CONTENT_TYPE, PROBLEM_TYPES, ProblemType

Handler = TypeVar("Handler", bound=Callable[..., Any])
REF = "#/components/schemas/{model}"
STATE = {
    "type": "string",
    "contentMediaType": "application/json",
    "contentSchema": {"$ref": REF.format(model="Status")},
}
EVENT = {"type": "object", "properties": {"event": {"const": "status"}, "data": STATE}, "required": ["event", "data"]}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query or header parameter and its JSON schema. `where` is `query` or `header`."""

    name: str
    where: str
    description: str
    schema: dict[str, Any]
    required: bool = False


Answer = type[BaseModel] | tuple[type[BaseModel], ...] | str | None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What a route handler declares about itself."""

    summary: str
    description: str
    answers: dict[int, Answer]
    problems: tuple[str, ...]
    body: type[BaseModel] | None
    optional_body: bool
    file_body: bool
    parameters: tuple[Parameter, ...]
    security: tuple[str, ...]
    headers: dict[int, dict[str, str]] = field(default_factory=dict)
    also_as: tuple[str, ...] = ()


def operation(
    summary: str,
    *,
    answers: dict[int, Answer],
    problems: tuple[str, ...] = (),
    body: type[BaseModel] | None = None,
    optional_body: bool = False,
    file_body: bool = False,
    parameters: tuple[Parameter, ...] = (),
    security: tuple[str, ...] = ("bearer",),
    headers: dict[int, dict[str, str]] | None = None,
    also_as: tuple[str, ...] = (),
) -> Callable[[Handler], Handler]:
    """Declare what a route handler takes and answers; its docstring becomes the description.

    `answers` maps a status to a model, to several of which the answer is one, to None for no body, or to the media type of an
    event stream or a file. `headers` maps a status of `answers` to response headers and their descriptions. With `optional_body`
    the body may be left out, with `file_body` it is a file as it is. `also_as` are other media types of the 200 answer, by the
    Accept header.
    Problems that follow from a body, from the security scheme or that every route has are added, and headers of problems.
    """
    common_problems = ("temporarily-unavailable", "rate-limited")
    body_problems = (
        "malformed-json",
        "unsupported-media-type",
        "unsupported-content-encoding",
        "request-timeout",
        "payload-too-large",
        "invalid-payload",
        "invalid-text",
    )
    file_problems = ("unsupported-content-encoding", "request-timeout", "file-too-large") if file_body else ()
    security_problems = ("unauthorized", "invalid-token", "token-expired", "address-refused") if security else ()

    def declare(handler: Handler) -> Handler:
        handler.__operation__ = Operation(  # type: ignore[attr-defined]
            summary=summary,
            description=inspect.getdoc(handler) or "",
            answers=answers,
            problems=(
                *problems,
                *common_problems,
                *(body_problems if body else ()),
                *file_problems,
                *security_problems,
            ),
            body=body,
            optional_body=optional_body,
            file_body=file_body,
            parameters=parameters,
            security=security,
            headers=headers or {},
            also_as=also_as,
        )
        return handler

    return declare


def document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of all route handlers that are declared with `@operation`."""
    paths: dict[str, dict[str, Any]] = {}
    models: set[type[BaseModel]] = {schemas.ProblemDocument}
    for rule in app.url_map.iter_rules():
        declared: Operation | None = getattr(app.view_functions[rule.endpoint], "__operation__", None)
        if declared is None:
            continue
        models.update(model for answer in (*declared.answers.values(), declared.body) for model in _models_of(answer))
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _describe(declared, rule.endpoint, method, path)
    used = {tag for methods in paths.values() for described in methods.values() for tag in described["tags"]}
    _, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)], ref_template=REF
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "EssayCoach",
            "version": "1",
            "description": "Feedback on student writing. Errors are problem documents (RFC 9457); `type` ends in the name of the "
            "problem. Any address may also answer 400 `malformed-request`, 408, 414, 417, 431, 501 or 505 to a request that is not "
            "HTTP/1.1 within its limits.",
        },
        "tags": [{"name": group.name, "description": group.description} for group in GROUPS if group.name in used],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, or an API key where the operation accepts one.",
                },
                "refresh": {"type": "http", "scheme": "bearer", "description": "A refresh token."},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "webhook-signature",
                    "description": "A signature as specified by Standard Webhooks.",
                },
            },
        },
    }


def _describe(declared: Operation, endpoint: str, method: str, path: str) -> dict[str, Any]:
    arguments = sorted(re.findall(r"\{(\w+)\}", path))
    group = group_of(endpoint)
    path_parameters = [
        {"name": argument, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for argument in arguments
    ]
    described: dict[str, Any] = {
        "operationId": endpoint.replace(".", "_"),
        "tags": [group] if group else [],
        "summary": declared.summary,
        "description": declared.description,
        "parameters": path_parameters + [_parameter(parameter) for parameter in declared.parameters],
        "responses": _responses(declared, method, path),
    }
    if declared.body is not None:
        content = _content(_ref(declared.body), body_examples(method, path))
        described["requestBody"] = {"required": not declared.optional_body, "content": {"application/json": content}}
    if declared.file_body:
        file = {"schema": {"type": "string", "format": "binary"}}
        described["requestBody"] = {"required": True, "content": {"application/octet-stream": file}}
    if declared.security:
        described["security"] = [{scheme: []} for scheme in declared.security]
    return described


def _content(schema: dict[str, Any], examples: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"schema": schema, "examples": examples} if examples else {"schema": schema}


def _models_of(answer: Answer) -> tuple[type[BaseModel], ...]:
    if isinstance(answer, tuple):
        return answer
    return (answer,) if isinstance(answer, type) else ()


def _schema_of(answer: type[BaseModel] | tuple[type[BaseModel], ...]) -> dict[str, Any]:
    references: list[dict[str, Any]] = [_ref(model) for model in _models_of(answer)]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _responses(declared: Operation, method: str, path: str) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, model in declared.answers.items():
        response: dict[str, Any] = {"description": "Not modified" if status == 304 else "Success"}
        if isinstance(model, str):
            # The schema of an event stream describes one event. A file has no schema.
            response["content"] = {model: {"schema": EVENT} if model == "text/event-stream" else {}}
        elif model is not None:
            examples = answer_examples(method, path, status)
            response["content"] = {"application/json": _content(_schema_of(model), examples)}
        if status == 200:
            response.get("content", {}).update({kind: {"schema": {"type": "string"}} for kind in declared.also_as})
        if status in declared.headers:
            response["headers"] = _headers(declared.headers[status])
        responses[str(status)] = response
    slugs = (*declared.problems, *(("not-found",) if "{" in path else ()))
    for slug in sorted(set(slugs), key=lambda name: (PROBLEM_TYPES[name].status, name)):
        problem_type = PROBLEM_TYPES[slug]
        response = responses.setdefault(
            str(problem_type.status),
            {"description": "", "content": {CONTENT_TYPE: {"schema": _ref(schemas.ProblemDocument)}}},
        )
        if CONTENT_TYPE not in response.get("content", {}):
            response.setdefault("content", {})[CONTENT_TYPE] = {"schema": _ref(schemas.ProblemDocument)}
        response["description"] = f"{response['description']} `{slug}`: {problem_type.title}.".strip()
        if own := _headers_of(problem_type):
            response["headers"] = response.get("headers", {}) | _headers(own)
    return dict(sorted(responses.items()))


def _headers(described: dict[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in described.items()}


def _headers_of(problem_type: ProblemType) -> dict[str, str]:
    """Return the headers that an answer with such a problem may have, and what they say."""
    if problem_type.status == 401:
        return {"WWW-Authenticate": "the scheme `Bearer`, and whether the token was not valid (RFC 6750)"}
    if problem_type.status == 429 or problem_type.retry_after is not None:
        return {"Retry-After": "seconds to wait before the next request; absent where waiting changes nothing"}
    return {}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def register(app: Flask) -> None:
    """Serve the document at /openapi.json."""
    app.add_url_rule("/openapi.json", "openapi", lambda: jsonify(document(app)), methods=["GET"])
