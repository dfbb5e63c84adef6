"""Tests that what a client reads about a bad value is a plain sentence, for every member of every request body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from ingest.web.body import check
from ingest.web.messages import FALLBACK, PATTERNS, SENTENCES, sentence_of
from ingest.web.problems import Problem
from tests.ingest.conftest import ApiUnderTest, Refused

# Words of the library, which its messages have and ours have not.
LIBRARY = re.compile(r"should|[Vv]alid|Value error|pattern|permitted|instance|Dictionary|regular|[{\[]type")
BAD: list[Any] = [
    None, "", " ", "\u200b", "x" * 200_001, "nobody", "2026-13-45T99:99:99Z", "0001-01-01T00:00:00+14:00", "9.021E+16", 7, -1, 10**30, 7.5,
    True, [], [None], ["x"] * 50, {}, {"no_such_member": 1},
]  # fmt: skip


@pytest.fixture(scope="module")
def bodies(shared_api: ApiUnderTest) -> list[type[BaseModel]]:
    """Give the model of every request body in the OpenAPI document."""
    declared = [getattr(view, "__operation__", None) for view in shared_api.app.view_functions.values()]
    models = {one.body for one in declared if one is not None and one.body is not None}
    assert len(models) > 20
    return sorted(models, key=lambda model: model.__name__)


def places(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every member of a JSON schema, also inside lists and other objects."""
    if "$ref" in schema:
        yield from places(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    for option in schema.get("anyOf", ()):
        yield from places(option, definitions)
    for name, member in schema.get("properties", {}).items():
        yield (name,)
        yield from ((name, *below) for below in places(member, definitions))
    if isinstance(schema.get("items"), dict):
        yield (0,)
        yield from ((0, *below) for below in places(schema["items"], definitions))


def at(path: tuple[str | int, ...], value: Any) -> Any:
    """Return a JSON value that has this value at the path, and nothing else."""
    for part in reversed(path):
        value = [value] if isinstance(part, int) else {part: value}
    return value


def bad_bodies(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema()
    yield {}
    yield {"no_such_member": 1}
    for path in places(schema, schema.get("$defs", {})):
        yield from (at(path, value) for value in BAD)


def errors_of(model: type[BaseModel], body: dict[str, Any]) -> list[ErrorDetails]:
    try:
        model.model_validate(body)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return []


def test_no_message_about_a_bad_value_is_the_librarys(bodies: list[type[BaseModel]]) -> None:
    seen: set[str] = set()
    for model in bodies:
        for body in bad_bodies(model):
            try:
                check(body, model)
            except Problem as problem:
                seen |= {error["detail"] for error in problem.errors or []}
    assert [detail for detail in sorted(seen) if LIBRARY.search(detail)] == []
    assert FALLBACK not in seen
    assert {"is missing", "must not be blank", "must be text", "must be a list", "must be an object"} <= seen
    assert len(seen) > 25


def test_every_kind_of_error_that_a_body_can_have_has_a_sentence(bodies: list[type[BaseModel]]) -> None:
    kinds = {error["type"] for model in bodies for body in bad_bodies(model) for error in errors_of(model, body)}
    assert kinds - SENTENCES.keys() == set()
    assert len(kinds) > 10


def test_every_pattern_of_a_body_has_a_sentence(bodies: list[type[BaseModel]]) -> None:
    def patterns(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("pattern"), str):
                yield value["pattern"]
            for member in value.values():
                yield from patterns(member)
        elif isinstance(value, list):
            for member in value:
                yield from patterns(member)

    found = {pattern for model in bodies for pattern in patterns(model.model_json_schema())}
    blank = r"^\s*$"  # describes what is read as null, and refuses nothing
    assert found - {blank} - PATTERNS.keys() == set()


def test_table_names_only_kinds_of_the_library_and_the_rest_has_a_plain_sentence() -> None:
    known = set(get_args(ErrorType))
    assert SENTENCES.keys() - known == set()
    for kind in known - SENTENCES.keys():
        error = ErrorDetails(type=kind, loc=("name",), msg="Input should be valid", input=None)
        assert sentence_of(error) == FALLBACK


SENTENCES_IN_ANSWERS = [
    ("users", {"role": "root", "email": "a@b"}, "must be one of: student, educator, admin"),
    ("users", {"role": "student", "email": "nobody"}, "must be an e-mail address, such as grace@school.example"),
    ("users", {"role": "student", "email": "a@b", "disabled": True}, "is not known here; check its spelling"),
    ("users", {"role": "student", "external_id": 4711}, "must be text: send ids as text; numbers above 2^53 get rounded"),
    ("users", {"role": "student"}, "an email or an external_id is needed"),
    ("courses", {}, "is missing"),
    ("courses", {"name": ""}, "must not be empty"),
    ("courses", {"name": " "}, "must not be blank"),
    ("courses", {"name": "x" * 201}, "must have at most 200 characters"),
    ("categories", {"name": "A", "slug": "A b"}, PATTERNS[r"^[a-z0-9][a-z0-9_-]{0,62}$"]),
    ("assignments", {"course_id": "7", "title": "T"}, "must be a UUID, such as 01a20000-0000-7000-8000-000000000000"),
    ("api-keys", {"name": "A", "expires_at": "soon"}, "must be an RFC 3339 time with a zone, such as 2026-11-23T08:30:00Z"),
    ("api-keys", {"name": "A", "scopes": []}, "must not be empty"),
    ("api-keys", {"name": "A", "scopes": ["read", "submit", "manage", "read"]}, "must have at most 3 entries"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "detail"), SENTENCES_IN_ANSWERS, ids=lambda value: ascii(value)[:50])
def test_answer_says_what_a_value_must_be(
    shared_api: ApiUnderTest, refused: Refused, path: str, body: dict[str, Any], detail: str
) -> None:
    answer = shared_api.client.post(f"/v1/{path}", json=body, headers=shared_api.signed_in("ada"))
    assert [error["detail"] for error in refused(answer, 422, "invalid-payload")["errors"]] == [detail]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("users?limit=many", "must be a whole number from 1 to 100"),
        ("users?cursor=x", "must be the next_cursor of the page before, with the same other parameters"),
        ("users?course_id=7", "must be a UUID, such as 01a20000-0000-7000-8000-000000000000"),
        ("users?role=root", "must be one of student, educator, admin"),
    ],
)
def test_answer_says_what_a_query_parameter_must_be(
    shared_api: ApiUnderTest, refused: Refused, query: str, detail: str
) -> None:
    answer = shared_api.client.get(f"/v1/{query}", headers=shared_api.signed_in("ada"))
    assert [error["detail"] for error in refused(answer, 422, "invalid-payload")["errors"]] == [detail]


def test_conflict_says_what_somebody_else_has(shared_api: ApiUnderTest, refused: Refused) -> None:
    ada = shared_api.signed_in("ada")

    def conflict(path: str, body: dict[str, Any]) -> str:
        for _ in range(2):
            answer = shared_api.client.post(f"/v1/{path}", json=body, headers=ada)
        return str(refused(answer, 409, "conflict")["detail"])

    person = {"role": "student", "email": "twice@school.example"}
    assert conflict("users", person) == "Somebody else in the org already has this e-mail address."
    person = {"role": "student", "external_id": "twice"}
    assert conflict("users", person) == "Somebody else in the org already has this external_id."
    assert conflict("courses", {"name": "A", "external_id": "twice"}) == (
        "Another course in the org already has this external_id."
    )
    assert (
        conflict("categories", {"name": "A", "slug": "twice"}) == "Another category in the org already has this slug."
    )
