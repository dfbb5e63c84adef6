"""The OpenAPI 3.1 document, made from what each handler declares about itself with `@operation`.

spectree and flask-openapi3 were weighed: both read and answer requests themselves, which the strict reading of bodies and
the problem documents here leave no room for. Pydantic does the hard part, the schemas. (docs/decisions.md)
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask, Response, jsonify
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ingest.web import schemas
from ingest.web.problems import CONTENT_TYPE, KINDS

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
    """A query or header parameter, documented by its JSON schema."""

    name: str
    where: str
    description: str
    schema: dict[str, Any]
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What a handler says about itself."""

    summary: str
    description: str
    answers: dict[int, type[BaseModel] | str | None]
    problems: tuple[str, ...]
    body: type[BaseModel] | None
    parameters: tuple[Parameter, ...]
    security: tuple[str, ...]
    headers: dict[int, dict[str, str]] = field(default_factory=dict)


def operation(
    summary: str,
    *,
    answers: dict[int, type[BaseModel] | str | None],
    problems: tuple[str, ...] = (),
    body: type[BaseModel] | None = None,
    parameters: tuple[Parameter, ...] = (),
    security: tuple[str, ...] = ("bearer",),
    headers: dict[int, dict[str, str]] | None = None,
) -> Callable[[Handler], Handler]:
    """Declare what a handler takes and answers. A text instead of a model is the media type of a stream of events, or of a file."""
    common = ("temporarily-unavailable", "rate-limited")
    reading = (
        "malformed-json",
        "unsupported-media-type",
        "unsupported-content-encoding",
        "payload-too-large",
        "invalid-payload",
        "invalid-text",
    )
    signing = ("unauthorized", "invalid-token", "token-expired") if security else ()

    def declare(handler: Handler) -> Handler:
        handler.__operation__ = Operation(  # type: ignore[attr-defined]
            summary=summary,
            description=(handler.__doc__ or "").strip(),
            answers=answers,
            problems=(*problems, *common, *(reading if body else ()), *signing),
            body=body,
            parameters=parameters,
            security=security,
            headers=headers or {},
        )
        return handler

    return declare


def document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of every declared handler."""
    paths: dict[str, dict[str, Any]] = {}
    models: set[type[BaseModel]] = {schemas.ProblemDocument}
    for rule in app.url_map.iter_rules():
        declared: Operation | None = getattr(app.view_functions[rule.endpoint], "__operation__", None)
        if declared is None:
            continue
        models |= {model for model in (*declared.answers.values(), declared.body) if isinstance(model, type)}
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _describe(declared, rule.endpoint, sorted(rule.arguments))
    _, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)], ref_template=REF
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "EssayCoach",
            "version": "1",
            "description": "Feedback on student writing. Errors are problem documents (RFC 9457); `type` ends in the name of the kind.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, or an API key where one is allowed.",
                },
                "refresh": {"type": "http", "scheme": "bearer", "description": "A refresh token."},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "webhook-signature",
                    "description": "Standard Webhooks.",
                },
            },
        },
    }


def _describe(declared: Operation, name: str, arguments: list[str]) -> dict[str, Any]:
    path_parameters = [
        {"name": argument, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for argument in arguments
    ]
    described: dict[str, Any] = {
        "operationId": name.replace(".", "_"),
        "summary": declared.summary,
        "description": declared.description,
        "parameters": path_parameters + [_parameter(one) for one in declared.parameters],
        "responses": _responses(declared, takes_id=bool(arguments)),
    }
    if declared.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(declared.body)}}}
    if declared.security:
        described["security"] = [{scheme: []} for scheme in declared.security]
    return described


def _responses(declared: Operation, *, takes_id: bool) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, model in declared.answers.items():
        response: dict[str, Any] = {"description": "Not modified" if status == 304 else "Success"}
        if isinstance(model, str):
            # The schema of a stream is that of one event in it; a file has none.
            response["content"] = {model: {"schema": EVENT} if model == "text/event-stream" else {}}
        elif model is not None:
            response["content"] = {"application/json": {"schema": _ref(model)}}
        if status in declared.headers:
            response["headers"] = {
                header: {"description": text, "schema": {"type": "string"}}
                for header, text in declared.headers[status].items()
            }
        responses[str(status)] = response
    slugs = (*declared.problems, *(("not-found",) if takes_id else ()))
    for slug in sorted(set(slugs), key=lambda one: (KINDS[one].status, one)):
        kind = KINDS[slug]
        response = responses.setdefault(
            str(kind.status), {"description": "", "content": {CONTENT_TYPE: {"schema": _ref(schemas.ProblemDocument)}}}
        )
        if CONTENT_TYPE not in response.get("content", {}):
            response.setdefault("content", {})[CONTENT_TYPE] = {"schema": _ref(schemas.ProblemDocument)}
        response["description"] = f"{response['description']} `{slug}`: {kind.title}.".strip()
    return dict(sorted(responses.items()))


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.where,
        "required": one.required,
        "description": one.description,
        "schema": one.schema,
    }


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def page_policy(page: str) -> dict[str, str]:
    """Return the header that lets a browser run the one script of this page, style it, and ask this server; nothing else."""
    sources = {}
    for element in ("script", "style"):
        [text] = re.findall(f"<{element}>(.*?)</{element}>", page, flags=re.DOTALL)
        sources[element] = f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    policy = (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy}


def register(app: Flask) -> None:
    """The document is at /openapi.json and readable at /docs."""
    page = (Path(__file__).parent / "docs.html").read_text(encoding="utf-8")
    policy = page_policy(page)
    app.add_url_rule("/openapi.json", "openapi", lambda: jsonify(document(app)), methods=["GET"])
    app.add_url_rule(
        "/docs",
        "docs",
        lambda: Response(page, content_type="text/html; charset=utf-8", headers=policy),
        methods=["GET"],
    )
