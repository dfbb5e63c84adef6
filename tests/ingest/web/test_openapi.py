"""Tests that the OpenAPI document is valid, is complete and matches what the app does."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.support.scale import short_and_full


@pytest.fixture(scope="module")
def document(shared_api):
    """Give the OpenAPI document."""
    answer = shared_api.client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    return answer.json


def operations(document):
    """Return path, method and operation of everything in the document."""
    return [
        (path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]  # fmt: skip


def test_document_lists_exactly_the_routes(shared_api, document):
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in shared_api.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(("/v1/", "/lti/notices/")) or rule.rule in ("/healthz", "/readyz")
    }
    assert routes == {(path, method) for path, method, _ in operations(document)}
    assert len(routes) >= 12


def test_every_schema_is_valid_json_schema(document):
    assert document["openapi"].startswith("3.1")
    assert len(document["components"]["schemas"]) > 10
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        assert schema.get("description"), name


def test_every_schema_reference_exists(document):
    text = json.dumps(document)
    references = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', text))
    assert references <= set(document["components"]["schemas"])
    assert '"$ref": "#/$defs' not in text
    used = set(re.findall(r'"(bearer|refresh|signature)": \[\]', text))
    assert used == set(document["components"]["securitySchemes"])


def test_every_operation_has_a_name_summary_and_problem_responses(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"], path
        assert any(status.startswith("2") for status in operation["responses"]), (path, method)
        for status, response in operation["responses"].items():
            assert response["description"], (path, status)
            if status[0] == "4":
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemDocument"}
        parameters = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert parameters == set(re.findall(r"\{(\w+)\}", path))


# Headers that mean something for one operation only, or for one problem.
OWN_HEADERS = {"ETag", "Location", "Preference-Applied", "Retry-After", "WWW-Authenticate"}


def test_problems_declare_their_headers(document):
    for path, method, operation in operations(document):
        for status, name in (("401", "WWW-Authenticate"), ("429", "Retry-After"), ("503", "Retry-After")):
            response = operation["responses"].get(status)
            if response is not None and "application/problem+json" in response["content"]:
                assert name in response["headers"], (path, method, status)


def test_headers_that_are_sent_are_declared(shared_api, document):
    client, alice, ada = shared_api.client, shared_api.signed_in("alice"), shared_api.signed_in("ada")
    receipt = shared_api.hand_in()
    at, path = receipt["links"]["self"], "/v1/submissions/{submission_id}"
    tag = client.get(at, headers=alice).headers["ETag"]
    draft = {"name": "LMS", "url": "https://lms.example/hooks", "events": ["feedback.ready"]}
    endpoint = client.post("/v1/endpoints", json=draft, headers=ada).headers["Location"]
    ping = client.post(f"{endpoint}/ping", headers=ada)
    below = "/v1/endpoints/{endpoint_id}"
    for method, template, answer, expected in (
        ("get", path, client.get(at), {"WWW-Authenticate"}),
        ("get", path, client.get(at, headers={"Authorization": "Bearer x.y.z"}), {"WWW-Authenticate"}),
        ("post", "/v1/auth/login", client.post("/v1/auth/login", json={"org": "x", "email": "x@x", "password": "x"}), {"WWW-Authenticate"}),
        ("post", "/v1/webhooks/{source_id}", client.post(f"/v1/webhooks/{shared_api.school.source}", data=b"{}"), {"WWW-Authenticate"}),
        ("get", path, client.get(at, headers=alice), {"ETag", "Retry-After"}),
        ("get", path, client.get(at, headers={**alice, "If-None-Match": tag}), {"ETag", "Retry-After"}),
        ("get", f"{path}/events", client.get(f"{at}/events", headers=alice), {"Retry-After"}),
        ("get", f"{path}/feedback", client.get(f"{at}/feedback", headers=alice), {"Retry-After"}),
        ("post", f"{below}/ping", ping, {"Location"}),
        (
            "post", below + "/deliveries/{delivery_id}/redeliver",
            client.post(f"{ping.headers['Location']}/redeliver", headers=ada), {"Location"},
        ),
    ):  # fmt: skip
        sent = OWN_HEADERS & set(answer.headers.keys())
        assert sent == expected, (template, answer.status)
        declared = document["paths"][template][method]["responses"][str(answer.status_code)]["headers"]
        assert sent <= set(declared), (template, answer.status)


def test_webhook_is_answered_with_a_receipt_or_with_what_we_do(shared_api, document):
    """Some LMSs send the text, others only say that there is one to fetch."""
    declared = document["paths"]["/v1/webhooks/{source_id}"]["post"]["responses"]["202"]["content"]["application/json"]
    answers = jsonschema_rs.validator_for({**declared["schema"], "components": document["components"]})
    assert answers.is_valid({"noted": "the hand-in is fetched"})
    assert answers.is_valid(shared_api.hand_in())
    assert not answers.is_valid({"ignored": "nothing was handed in"})


def test_every_operation_stands_in_a_described_group(document):
    """A new blueprint, or a single endpoint of another group, is named in ingest/web/operation_groups.py."""
    described = {tag["name"] for tag in document["tags"]}
    assert all(tag["description"] for tag in document["tags"])
    without = [path for path, _, operation in operations(document) if len(operation["tags"]) != 1]
    assert without == []
    assert {operation["tags"][0] for _, _, operation in operations(document)} == described


def test_document_names_no_server(document):
    """A viewer then sends its requests to where the document came from, whatever the host and port."""
    assert "servers" not in document


@pytest.fixture(scope="module")
def schema(shared_api):
    """Give the document as schemathesis reads it."""
    return schemathesis.openapi.from_wsgi("/openapi.json", shared_api.app)


@pytest.fixture(scope="module")
def finished(shared_api):
    """Give ids of a completed submission, its essay and a source, so that generated requests get more than 404."""
    receipt = shared_api.hand_in("alice")
    for name in ("grammar", "structure", "content"):
        shared_api.worker.finish(receipt["id"], name)
    return {
        "submission_id": receipt["id"], "essay_id": receipt["essay_id"], "source_id": str(shared_api.school.source),
    }  # fmt: skip


FULL = 20  # examples for each operation
GENERATED = settings(
    deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.parametrize("examples", short_and_full(1, FULL, reason="thousands of generated requests"))
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(
    "who", ["student", pytest.param("API key", marks=pytest.mark.slow(reason="thousands of generated requests"))]
)
def test_generated_requests_match_the_openapi_document(shared_api, schema, document, finished, who, mode, examples):
    """A third of the valid requests use existing ids, so that they get more than 404.

    A schema cannot say whether a valid request is accepted: an API key must name a student and send an Idempotency-Key,
    a person must not name a student, and each org has its own categories.
    """
    token = (shared_api.with_key() if who == "API key" else shared_api.signed_in("alice"))["Authorization"]
    tried = 0
    # Generating invalid requests is slow, so the short run tests every fifth operation.
    every = 5 if mode.is_negative and examples < FULL else 1
    for found in list(schema.get_all_operations())[::every]:
        operation = found.ok()
        knows_headers = {
            one["name"]
            for one in document["paths"][operation.path][operation.method]["parameters"]
            if one["in"] == "header"
        }

        @settings(GENERATED, max_examples=examples)
        @given(case=operation.as_strategy(generation_mode=mode), exists=st.integers(0, 2))
        def check(case, exists):
            nonlocal tried
            # Without other headers, the only invalid header is a missing Authorization, which is always sent here.
            assume(knows_headers or not case.meta.is_negative_at(ParameterLocation.HEADER))  # noqa: B023
            tried += 1
            if exists == 0 and mode.is_positive:
                case.path_parameters |= {name: finished[name] for name in case.path_parameters if name in finished}
            case.call_and_validate(headers={"Authorization": token}, excluded_checks=[positive_data_acceptance])

        with suppress(Unsatisfiable):  # an operation without input has no invalid request
            check()
    assert tried >= 12 / every
