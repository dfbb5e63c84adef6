"""Send the requests that the API documentation shows, and compare the answers with those that it shows.

`WRITE_EXAMPLES=1 make test T=tests/ingest/web/test_operation_examples.py` writes ingest/web/operation_examples.json anew.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
import pytest

from ingest.web.operation_examples import FILE
from tests.ingest.conftest import ApiUnderTest, Headers, envelope
from tests.support.rosters import HEADER
from tests.support.schools import PASSWORD

TEXT = "Phones was distracting. A phone distracts the whole row, so schools should ban them."
BETTER = "Phones were distracting. A phone distracts the whole row, so schools should ban them."
PASSES = ("grammar", "structure", "content")
# What differs from run to run, and what stands in its place in the file. Ids are numbered instead.
CHANGING = {
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)": "2026-11-30T08:30:00Z",
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
    r"/lti/register/[\w-]{43}": "/lti/register/EXAMPLEandNoSecretAtAllEXAMPLEandNoSecretAtA",
    r"whsec_[\w+/=]+": "whsec_QW4gZXhhbXBsZSwgYW5kIG5vIHNlY3JldCBhdCBhbGw=",
    r"ec_live_[\w-]{36}": "ec_live_EXAMPLEandNoSecretAtAllEXAMPLEandNoSe",
    r"ec_live_[\w-]{4}(?!\w)": "ec_live_EXAM",
    r'"(age|estimated)_seconds": \d+': r'"\1_seconds": 2',
}
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Recorder:
    """Sends requests, and keeps them with their answers as the documentation shows them."""

    api: ApiUnderTest
    examples: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def send(
        self, operation: str, name: str, headers: Headers, body: Any = None, *, raw: bytes | None = None, **ids: str
    ) -> Any:
        """Send a request that must succeed, and return what is answered. `raw` is the signed form of `body`."""
        method, path = operation.split()
        sent = {"data": raw} if raw is not None else {"json": body} if body is not None else {}
        answer = self.api.client.open(path.format(**ids), method=method, headers=headers, **sent)
        assert answer.status_code < 300, (operation, answer.text)
        example = {
            **({"body": self.as_shown(body)} if body is not None else {}),
            "status": answer.status_code,
            **({"answer": self.as_shown(answer.json)} if answer.data else {}),
        }
        self.examples.setdefault(operation, {})[name] = example
        return answer.json

    def as_shown(self, value: Any) -> Any:
        """Return a value with what changes from run to run in its place."""
        text = json.dumps(value)
        for pattern, instead in CHANGING.items():
            text = re.sub(pattern, instead, text)
        return json.loads(ID.sub(self._numbered, text))

    def _numbered(self, found: re.Match[str]) -> str:
        number = self.numbers.setdefault(found[0], len(self.numbers) + 1)
        return f"01900000-0000-7000-8000-{number:012d}"

    def finish(self, submission: dict[str, Any], *, quote: str) -> None:
        """Let the passes of a submission be read."""
        for name in PASSES:
            self.api.worker.finish(submission["id"], name, quote=quote)


def sign_in(story: Recorder) -> None:
    """Sign in, look at the own profile, and get new tokens."""
    school = story.api.school
    body = {"org": school.slug, "email": school.email("alice"), "password": PASSWORD}
    tokens = story.send("POST /v1/auth/login", "student", {}, body)
    alice = {"Authorization": f"Bearer {tokens['access_token']}"}
    story.send("GET /v1/me", "student", alice)
    story.send("PATCH /v1/me", "language", alice, {"language": "es"})
    story.send("POST /v1/auth/refresh", "student", {"Authorization": f"Bearer {tokens['refresh_token']}"})
    story.send("POST /v1/auth/forgot", "student", {}, {"org": school.slug, "email": school.email("alice")})


def set_up_a_course(story: Recorder) -> str:
    """Make a course with a student, a rubric and an assignment, and return the assignment's id."""
    ada = story.api.signed_in("ada")
    course = story.send("POST /v1/courses", "course", ada, {"name": "English 11"})
    person = {"role": "student", "name": "Noor Haddad", "email": "noor@northside.example", "external_id": "noor-sis"}
    student = story.send("POST /v1/users", "student", ada, person)
    story.send("POST /v1/users/search", "by e-mail", ada, {"email": "noor@northside.example"})
    for user in (student["id"], str(story.api.school.alice)):
        enrolment = {"user_id": user, "role": "student"}
        story.send("POST /v1/courses/{course_id}/enrollments", "student", ada, enrolment, course_id=course["id"])
    levels = [
        {"name": "missing", "points": 0, "description": "There is no claim."},
        {"name": "clear", "points": 4, "description": "One sentence says what the essay argues."},
    ]
    criteria = [{"name": "thesis", "description": "The claim of the essay.", "levels": levels}]
    rubric = story.send("POST /v1/rubrics", "rubric", ada, {"name": "Argument essay", "criteria": criteria})
    assignment = {
        "course_id": course["id"], "title": "Phones at school", "prompt": "Should schools ban phones? Give two reasons.",
        "category": "argumentative", "rubric_id": rubric["id"],
    }  # fmt: skip
    return str(story.send("POST /v1/assignments", "assignment", ada, assignment)["id"])


def write_two_drafts(story: Recorder, assignment: str) -> None:
    """Hand in, read the comments, hand in the next draft, and see what became of the comments."""
    alice = story.api.signed_in("alice")
    body = {"title": "Phones at school", "text": TEXT, "assignment_id": assignment}
    first = story.send("POST /v1/submissions", "student", alice, body)
    ids = {"submission_id": first["id"]}
    story.send("GET /v1/submissions/{submission_id}", "waiting", alice, **ids)
    story.finish(first, quote="was")
    story.send("GET /v1/submissions/{submission_id}", "read", alice, **ids)
    story.send("GET /v1/submissions/{submission_id}/text", "student", alice, **ids)
    found = story.send("GET /v1/submissions/{submission_id}/feedback", "student", alice, **ids)
    comment = found["comments"][0]["id"]
    reaction = {"reaction": "disagree", "note": "I mean one phone."}
    story.send("PUT /v1/feedback/{feedback_id}/reaction", "disagree", alice, reaction, feedback_id=comment)
    draft = {"title": "Phones at school", "text": BETTER, "essay_id": first["essay_id"]}
    second = story.send("POST /v1/submissions", "next draft", alice, draft)
    story.finish(second, quote="were")
    story.send("GET /v1/essays", "student", alice)
    story.send("GET /v1/essays/{essay_id}", "student", alice, essay_id=first["essay_id"])
    story.send("GET /v1/essays/{essay_id}/progress", "student", alice, essay_id=first["essay_id"])


def review_and_release(story: Recorder) -> None:
    """Let Ed decide on comments of an essay whose feedback is held, and release it."""
    ed = story.api.signed_in("ed")
    held = story.api.hand_in("bob", text=TEXT, assignment_id=str(story.api.school.reviewed_assignment))
    story.finish(held, quote="was")
    ids = {"submission_id": held["id"]}
    found = story.api.client.get(f"/v1/submissions/{held['id']}/feedback", headers=ed).json["comments"]
    change = "PATCH /v1/feedback/{feedback_id}"
    story.send(change, "accept", ed, {"decision": "accept"}, feedback_id=found[0]["id"])
    edit = {"decision": "edit", "message": "“Phones” is plural, so the verb is “were”."}
    story.send(change, "edit", ed, edit, feedback_id=found[1]["id"])
    story.send(change, "reject", ed, {"decision": "reject"}, feedback_id=found[2]["id"])
    own = {"pass": "content", "type": "evidence", "kind": "question", "message": "Which lesson do you mean?"}
    on_words = {**own, "severity": "info", "span": {"start": 0, "end": 6}}
    story.send("POST /v1/submissions/{submission_id}/comments", "on six characters", ed, on_words, **ids)
    story.send("POST /v1/saved-comments", "question", ed, own)
    story.send("GET /v1/reviews", "educator", ed)
    story.send("POST /v1/submissions/{submission_id}/release", "educator", ed, **ids)


def connect_an_lms(story: Recorder) -> None:
    """Make a source and a key, hand in with both, and import a roster."""
    api = story.api
    ada = api.signed_in("ada")
    story.send("POST /v1/sources", "source", ada, {"name": "Canvas"})
    story.send("POST /v1/platforms", "registers itself", ada, {"name": "Moodle"})
    values = {
        "issuer": "https://lms.example", "client_id": "c-17", "authorization_url": "https://lms.example/authorize",
        "token_url": "https://lms.example/token", "jwks_url": "https://lms.example/keys", "deployments": ["1"],
    }  # fmt: skip
    story.send("POST /v1/platforms", "values", ada, {"name": "Open edX", "values": values})
    site = {"site": "https://moodle.school.example", "token": "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"}
    made = story.send("POST /v1/sources", "Moodle site", ada, {"name": "Moodle", "kind": "moodle", "moodle": site})
    story.send("GET /v1/sources/{source_id}/status", "Moodle site", ada, source_id=made["id"])
    story.send("POST /v1/api-keys", "key", ada, {"name": "Canvas"})
    essay = {"title": "Phones at school", "text": TEXT, "student": {"external_id": "bob-sis"}}
    receipt = story.send("POST /v1/submissions", "LMS with an API key", api.with_key(), essay)
    story.send(
        "POST /v1/essays/{essay_id}/links", "for a frame", api.with_key(), {"minutes": 10}, essay_id=receipt["essay_id"]
    )
    body = envelope({**essay, "external_id": "canvas-submission-81"})
    source = str(api.school.source)
    signed = api.lms.signed(body)
    operation = "POST /v1/webhooks/{source_id}"
    story.send(operation, "submission.created", signed, json.loads(body), raw=body, source_id=source)
    wanted = {
        "name": "Canvas",
        "url": "https://lms.example/essaycoach",
        "events": ["feedback.ready", "feedback.released"],
    }
    endpoint = story.send("POST /v1/endpoints", "endpoint", ada, wanted)["id"]
    story.send("POST /v1/endpoints/{endpoint_id}/ping", "test", ada, endpoint_id=endpoint)
    roster = {"users": f"{HEADER}yuki-sis,student,Yuki,Tanaka,yuki@northside.example,active,true\n", "dry_run": True}
    story.send("POST /v1/roster", "try without importing", ada, roster)


@pytest.fixture(scope="module")
def played(shared_api: ApiUnderTest) -> dict[str, Any]:
    """Give the examples as the API answers them today."""
    story = Recorder(shared_api)
    sign_in(story)
    write_two_drafts(story, set_up_a_course(story))
    review_and_release(story)
    connect_an_lms(story)
    story.send("GET /readyz", "ready", {})
    if os.environ.get("WRITE_EXAMPLES"):
        FILE.write_text(json.dumps(story.examples, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return story.examples


def test_api_answers_as_the_documentation_shows(played: dict[str, Any]) -> None:
    shown = json.loads(FILE.read_text(encoding="utf-8"))
    assert list(shown) == list(played)
    for operation, examples in played.items():
        assert examples == shown[operation], operation
    assert len(shown) >= 24


def test_examples_stand_in_the_document_and_fit_their_schemas(shared_api: ApiUnderTest, played: dict[str, Any]) -> None:
    document = shared_api.client.get("/openapi.json").json
    for operation, examples in played.items():
        method, path = operation.split()
        described = document["paths"][path][method.lower()]
        for name, example in examples.items():
            places = [(described["responses"][str(example["status"])], example["answer"])]
            if "body" in example:
                places.append((described["requestBody"], example["body"]))
            for place, value in places:
                content = place["content"]["application/json"]
                assert content["examples"][name] == {"value": value}
                root = {"components": document["components"], **content["schema"]}
                jsonschema_rs.Draft202012Validator(root).validate(value)
