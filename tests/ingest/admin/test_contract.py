"""Tests of the admin routes with generated requests, valid and invalid, and without the database."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.support.scale import short_and_full
from tests.support.servers import away

if TYPE_CHECKING:
    from tests.ingest.conftest import ApiUnderTest, RouteRequests

KINDS = ("users", "courses", "categories", "assignments", "rubrics", "org", "logs", "reviews", "disagreements")
# Data rights, invitations and sessions have their own tests.
OTHER_TESTS = ("export", "erase", "hold", "invite", "sessions", "{session_id}")
FULL = 15  # examples for each operation
GENERATED = settings(
    deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.parametrize("examples", short_and_full(1, FULL, reason="a thousand generated requests"))
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_generated_admin_requests_match_the_openapi_document(
    shared_api: ApiUnderTest, mode: GenerationMode, examples: int
) -> None:
    """A third of the valid requests use ids that exist at first; most are deleted or in use after a while."""
    school = shared_api.school
    category = shared_api.database.sql("select id from categories where org_id = %s limit 1", school.org)[0][0]
    existing = {
        "user_id": school.zoe, "course_id": school.other_course, "assignment_id": school.assignment,
        "rubric_id": school.rubric, "category_id": category,
    }  # fmt: skip
    schema = schemathesis.openapi.from_wsgi("/openapi.json", shared_api.app)
    reported: dict[int, int] = {}
    # Generating invalid requests is slow, so the short run tests every third operation.
    every = 3 if mode.is_negative and examples < FULL else 1
    for found in list(schema.get_all_operations())[::every]:
        operation = found.ok()
        parts = operation.path.split("/")
        if parts[1] != "v1" or parts[2] not in KINDS or parts[-1] in OTHER_TESTS:
            continue

        @settings(GENERATED, max_examples=examples)
        @given(case=operation.as_strategy(generation_mode=mode), exists=st.integers(0, 2))
        def check(case, exists):
            # These routes take no header but Authorization, which is always sent here.
            assume(not case.meta.is_negative_at(ParameterLocation.HEADER))
            if exists == 0 and mode.is_positive:
                case.path_parameters |= {name: str(existing[name]) for name in case.path_parameters}
            answer = case.call_and_validate(
                headers=shared_api.signed_in("ada"), excluded_checks=[positive_data_acceptance]
            )
            reported[answer.status_code] = reported.get(answer.status_code, 0) + 1

        with suppress(Unsatisfiable):  # an operation without input has no invalid request
            check()
    assert sum(reported.values()) > 3 * examples / every
    assert not set(reported) & {401, 403, 500}
    if mode.is_positive:
        assert {200, 201, 404} <= set(reported)
    print(f"{mode.value}: {dict(sorted(reported.items()))}")


def test_admin_routes_answer_503_without_the_database(shared_api: ApiUnderTest, servers, all_unavailable) -> None:
    ada = shared_api.signed_in("ada")
    some = uuid4()
    asked = [
        ("GET", "users", None), ("POST", "users", {"role": "student", "external_id": "x"}), ("PATCH", f"users/{some}", {"name": "x"}),
        ("DELETE", f"users/{some}", None), ("GET", "courses", None), ("POST", "courses", {"name": "x"}),
        ("PATCH", f"courses/{some}", {"name": "x"}), ("DELETE", f"courses/{some}", None), ("GET", f"courses/{some}/enrollments", None),
        ("POST", f"courses/{some}/enrollments", {"user_id": str(some), "role": "student"}), ("GET", "categories", None),
        ("POST", "assignments", {"course_id": str(some), "title": "x"}), ("GET", "rubrics", None), ("GET", "org", None),
        ("PATCH", "org", {"name": "x"}),
    ]  # fmt: skip
    client = shared_api.client
    route_requests: RouteRequests = {
        f"{method} {path}": lambda method=method, path=path, body=body: client.open(f"/v1/{path}", method=method, json=body, headers=ada)
        for method, path, body in asked
    }  # fmt: skip
    with away(servers, shared_api.database):
        all_unavailable(route_requests)
    assert client.get("/v1/org", headers=ada).status_code == 200
