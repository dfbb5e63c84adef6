"""Test whole numbers in request bodies: JSON and its schema know no difference between 5 and 5.0."""

from __future__ import annotations

import json
from typing import Annotated, Any

import jsonschema_rs
import pytest
from pydantic import TypeAdapter, ValidationError

from ingest.web.schemas import Whole
from tests.ingest.conftest import ApiUnderTest, Refused

NUMBER: TypeAdapter[int] = TypeAdapter(Annotated[int, Whole(ge=0, le=100)])


@pytest.mark.parametrize("written", ["5", "5.0", "5e0", "50E-1", "0", "-0.0", "100.0"])
def test_number_without_a_fraction_is_read_as_a_whole_one(written: str) -> None:
    found = NUMBER.validate_python(json.loads(written))
    assert (type(found), found) == (int, json.loads(written))


@pytest.mark.parametrize(
    "written", ["5.5", "1e-9", "-1.0", "101", "101.0", "1e300", "1e999", '"5"', '"5.0"', "true", "null", "[5]"]
)
def test_other_values_are_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        NUMBER.validate_python(json.loads(written))


@pytest.mark.parametrize("value", [5, 5.0, 100.0, 5.5, 101.0, -1, "5", True, None])
def test_published_schema_says_what_is_read(value: Any) -> None:
    assert NUMBER.json_schema() == {"type": "integer", "minimum": 0, "maximum": 100}
    try:
        NUMBER.validate_python(value)
        is_read = True
    except ValidationError:
        is_read = False
    assert is_read == jsonschema_rs.is_valid(NUMBER.json_schema(), value)


def test_request_may_write_whole_numbers_with_a_fraction_of_zero(api: ApiUnderTest, refused: Refused) -> None:
    def change(limit: str) -> Any:
        body = f'{{"author_open_limit": {limit}}}'
        headers = {**api.signed_in("ada"), "Content-Type": "application/json"}
        return api.client.patch("/v1/org", data=body, headers=headers)

    answer = change("5.0")
    assert answer.status_code == 200, answer.text
    assert '"author_open_limit":5,' in answer.text
    [error] = refused(change("5.5"), 422, "invalid-payload")["errors"]
    assert error == {"pointer": "/author_open_limit", "detail": "must be a whole number"}
