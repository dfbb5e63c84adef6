"""Tests of the status code that every documented operation gives to every kind of person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from models import (
    connections,
    courses,
    db,
    deliveries,
    endpoint_deliveries,
    endpoints,
    events,
    platforms,
    sessions,
    users,
)
from models.platforms import Registration
from tests.conftest import Report
from tests.ingest.conftest import ApiUnderTest, Headers, envelope, piece
from tests.support.report_views import refresh_all
from tests.support.schools import School, session_of

# Alice is the author; Bob is in her course, Zoe in none; Ed teaches that course, Nell another one; "key" is the API key of
# their LMS. "other" means another school.
PEOPLE = (
    "stranger", "alice", "bob", "zoe", "ed", "nell", "ada", "key", "other alice", "other ed", "other ada", "other key",
)  # fmt: skip

Make = Callable[["RouteFixture"], Any]


@dataclass(frozen=True)
class RouteFixture:
    """The app, an essay of Alice's with feedback, and ways to create what a request needs."""

    api: ApiUnderTest
    essay: dict[str, Any]

    @property
    def school(self) -> School:
        return self.api.school

    def person(self, role: str = "student") -> UUID:
        """Add a person to Ed's course whom no other request needs."""
        with session_of(self.school, "ada"):
            name = uuid4().hex
            user = users.add_user(role, org=self.school.org, name=name, email=f"{name}@north.example", external_id=name)  # type: ignore[arg-type]
            courses.add_member(user, org=self.school.org, course=self.school.course, role="student")
        return user

    def sign_in(self, user: UUID) -> UUID:
        """Open a session of this person and return its id."""
        with db.session(org=self.school.org, role="ec_auth"):
            return sessions.open_family(sessions.fetch_account(user, org=self.school.org), org=self.school.org).id

    def course(self) -> UUID:
        with session_of(self.school, "ada"):
            return courses.add_course("Short-lived", org=self.school.org)

    def assignment(self) -> UUID:
        with session_of(self.school, "ada"):
            return courses.add_assignment("Short-lived", org=self.school.org, course=self.school.course)

    def category(self) -> str:
        body = {"slug": f"c{uuid4().hex}", "name": "Short-lived"}
        return str(self.by_ada("/v1/categories", body)["id"])

    def comment(self) -> str:
        """Return the id of the first comment on Alice's essay."""
        found = self.api.client.get(f"/v1/submissions/{self.essay['id']}/feedback", headers=self.api.signed_in("ed"))
        return str(found.json["comments"][0]["id"])

    def file(self) -> dict[str, Any]:
        """Return the ids of an essay of Alice's that was handed in as a file."""
        alice = self.api.signed_in("alice")
        file = self.api.client.post("/v1/files", data=b"A short text.", headers=alice).json["id"]
        essay = self.api.hand_in("alice", assignment_id=str(self.school.assignment), file_id=file, text="")
        return {"submission_id": essay["id"]}

    def saved_comment(self) -> str:
        """Add a saved comment of Ed's and return its id."""
        answer = self.api.client.post("/v1/saved-comments", json=comment(), headers=self.api.signed_in("ed"))
        return str(answer.json["id"])

    def rubric(self) -> str:
        return str(self.by_ada("/v1/rubrics", rubric())["id"])

    def key(self) -> str:
        return str(self.by_ada("/v1/api-keys", {"name": "Short-lived"})["id"])

    def approval(self) -> str:
        return str(self.by_ada("/v1/approvals", {"action": "remove_org"})["id"])

    def source(self) -> UUID:
        with session_of(self.school, "ada"):
            return connections.add_source("Short-lived", org=self.school.org)[0]

    def endpoint(self) -> dict[str, Any]:
        """Add an endpoint and return its id. Disable the earlier ones, so that they do not become too many."""
        with session_of(self.school, "ada"):
            for other in endpoints.list_endpoints(org=self.school.org, limit=100):
                endpoints.change_endpoint(other.id, org=self.school.org, disabled=True)
            return {"endpoint_id": endpoints.add_endpoint("Short-lived", org=self.school.org, **ENDPOINT_AT)[0]}

    def ping(self) -> dict[str, Any]:
        """Send a test event to a new endpoint and return the ids of both."""
        made = self.endpoint()
        with session_of(self.school, "ada"):
            return {**made, "delivery_id": endpoint_deliveries.add_ping(made["endpoint_id"], org=self.school.org)}

    def active_platform(self) -> UUID:
        name = uuid4().hex
        known = Registration(
            issuer=f"https://{name}.example", client_id="c", authorization_url="https://lms.example/a", token_url="https://lms.example/t",
            jwks_url="https://lms.example/k",
        )  # fmt: skip
        with session_of(self.school, "ada"):
            return platforms.add(
                name, org=self.school.org, creates_courses=True, known=known, deployments=["1"], frame_origins=[]
            )

    def platform(self) -> UUID:
        with session_of(self.school, "ada"):
            return platforms.invite("Short-lived", org=self.school.org, creates_courses=True)[0]

    def delivery(self) -> dict[str, Any]:
        """Store a refused delivery of a new source whose cause is mended, and return the ids of both."""
        source = self.source()
        body = envelope(piece(student={"external_id": uuid4().hex}))
        with db.session(org=self.school.org, role="ec_lms", actor=source):
            refused = events.Delivery(org=self.school.org, source=source, event_id=uuid4().hex, body=body)
            events.store_delivery(refused, outcome="refused", reason="invalid-payload")
        with session_of(self.school, "ada"):
            [stored] = deliveries.list_deliveries(source, org=self.school.org, limit=2)
        return {"source_id": source, "delivery_id": stored.id}

    def by_ada(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.api.client.post(path, json=body, headers=self.api.signed_in("ada"))
        assert answer.status_code == 201, answer.text
        return dict(answer.json)


def rubric() -> dict[str, Any]:
    levels = [{"name": "weak", "points": 0, "description": ""}, {"name": "strong", "points": 4, "description": ""}]
    return {"name": uuid4().hex, "criteria": [{"name": "thesis", "description": "", "levels": levels}]}


def comment() -> dict[str, Any]:
    return {"pass": "content", "type": "evidence", "kind": "question", "message": "Which study?"}


@dataclass(frozen=True)
class Operation:
    """One operation: its name, the expected code for each of PEOPLE in order, and how to make its ids and body."""

    name: str
    codes: str
    ids: Make = lambda _fixture: {}
    body: Make = lambda _fixture: None


def person(fixture: RouteFixture) -> dict[str, Any]:
    return {"user_id": fixture.person()}


def signed_in(fixture: RouteFixture) -> dict[str, Any]:
    user = fixture.person()
    return {"user_id": user, "session_id": fixture.sign_in(user)}


def member(fixture: RouteFixture) -> dict[str, Any]:
    return {"course_id": fixture.school.course, **person(fixture)}


def named(_fixture: RouteFixture) -> dict[str, Any]:
    return {"name": "New"}


# Codes in the order of PEOPLE. The other school never learns whether a thing of this school exists.
ANYBODY = "200 200 200 200 200 200 200 200 200 200 200 200"
NOBODY = "401 401 401 401 401 401 401 401 401 401 401 401"
PEOPLE_ONLY = "401 200 200 200 200 200 200 403 200 200 200 403"
READERS = "401 200 404 404 200 404 200 200 404 404 404 404"
COURSE = "401 200 200 404 200 404 200 403 404 404 404 403"
SCHOOL = "401 200 200 200 200 200 200 403 404 404 404 403"
STAFF_LIST = "401 403 403 403 200 200 200 403 403 200 200 403"
TEACHERS = "401 403 403 403 {0} 404 {0} 403 403 404 404 403"
OWN_BANK = "401 403 403 403 {0} 404 404 403 403 404 404 403"
STAFF_OWN = "401 403 403 403 {0} {0} {0} 403 403 {0} {0} 403"
AUTHOR = "401 {0} 404 404 403 403 403 403 404 403 403 403"
ADMIN_LIST = "401 403 403 403 403 403 {0} 403 403 403 {0} 403"
ADMIN = "401 403 403 403 403 403 {0} 403 403 403 404 403"

ENDPOINT_AT: dict[str, Any] = {"url": "https://lms.example/hooks", "events": ["feedback.ready"]}
ENDPOINT = {"name": "LMS", **ENDPOINT_AT}
PROVIDER = {"name": "ID", "issuer": "https://id.example", "client_id": "c", "client_secret": "s"}

OPERATIONS = (
    Operation("GET /healthz", ANYBODY),
    Operation("GET /readyz", ANYBODY),
    Operation(
        "POST /v1/auth/login", NOBODY, body=lambda _: {"org": "northside", "email": "nobody@x.example", "password": "not the one"}
    ),
    Operation("POST /v1/auth/refresh", NOBODY),
    Operation(
        "POST /v1/auth/forgot", ANYBODY.replace("200", "202"), body=lambda _: {"org": "northside", "email": f"{uuid4().hex}@x.example"}
    ),
    Operation(
        "POST /v1/auth/reset", NOBODY, body=lambda _: {"org": "northside", "token": "x" * 43, "password": "a long enough passphrase"}
    ),
    Operation(
        "POST /v1/auth/password", "401 422 422 422 422 422 422 403 422 422 422 403",
        body=lambda _: {"current_password": "not the one", "new_password": "a long enough passphrase"},
    ),
    Operation("GET /v1/me", PEOPLE_ONLY),
    Operation("PATCH /v1/me", PEOPLE_ONLY, body=lambda _: {"language": "en"}),
    Operation("GET /v1/me/second-factor", STAFF_LIST),
    Operation("POST /v1/me/second-factor", STAFF_LIST),
    Operation("POST /v1/me/second-factor/confirm", STAFF_LIST.replace("200", "422"), body=lambda _: {"code": "none"}),
    Operation("DELETE /v1/me/second-factor", STAFF_LIST.replace("200", "204")),
    Operation("GET /v1/me/sessions", PEOPLE_ONLY),
    Operation("DELETE /v1/me/sessions", PEOPLE_ONLY.replace("200", "204")),
    Operation(
        "DELETE /v1/me/sessions/{session_id}", "401 204 404 404 404 404 404 403 404 404 404 403",
        ids=lambda fixture: {"session_id": fixture.sign_in(fixture.school.alice)},
    ),
    Operation(
        "POST /v1/submissions", "401 202 202 404 202 404 202 202 404 404 404 404",
        body=lambda fixture: {"title": "t", "text": "x", "assignment_id": str(fixture.school.assignment)},
    ),
    Operation("GET /v1/submissions/{submission_id}", READERS),
    Operation("GET /v1/submissions/{submission_id}/feedback", READERS),
    Operation("GET /v1/submissions/{submission_id}/events", READERS),
    Operation("GET /v1/submissions/{submission_id}/text", READERS),
    Operation("POST /v1/files", "401 201 201 201 201 201 201 422 201 201 201 422", body=lambda _: "A short text."),
    Operation("GET /v1/submissions/{submission_id}/file", READERS, ids=RouteFixture.file),
    Operation("POST /v1/submissions/{submission_id}/retry", TEACHERS.format(202)),
    Operation("POST /v1/submissions/{submission_id}/discard", TEACHERS.format(200)),
    Operation("GET /v1/given-up", STAFF_LIST),
    Operation(
        "POST /v1/submissions/{submission_id}/comments", TEACHERS.format(201),
        body=lambda _: {**comment(), "span": {"start": 0, "end": 6}, "severity": "info"},
    ),
    Operation("POST /v1/submissions/{submission_id}/release", TEACHERS.format(200)),
    Operation(
        "POST /v1/assignments/{assignment_id}/release", TEACHERS.format(200), ids=lambda fixture: {"assignment_id": fixture.school.assignment}
    ),
    Operation(
        "PATCH /v1/feedback/{feedback_id}", TEACHERS.format(200), ids=lambda fixture: {"feedback_id": fixture.comment()},
        body=lambda _: {"decision": "accept"},
    ),
    Operation(
        "PUT /v1/feedback/{feedback_id}/reaction", AUTHOR.format(200), ids=lambda fixture: {"feedback_id": fixture.comment()},
        body=lambda _: {"reaction": "helpful"},
    ),
    Operation("DELETE /v1/feedback/{feedback_id}/reaction", AUTHOR.format(204), ids=lambda fixture: {"feedback_id": fixture.comment()}),
    Operation("GET /v1/reviews", STAFF_LIST),
    Operation("GET /v1/disagreements", STAFF_LIST),
    Operation("GET /v1/feedback-types", PEOPLE_ONLY),
    Operation("GET /v1/saved-comments", STAFF_OWN.format(200)),
    Operation("POST /v1/saved-comments", STAFF_OWN.format(201), body=lambda _: comment()),
    Operation(
        "GET /v1/saved-comments/{saved_comment_id}", OWN_BANK.format(200), ids=lambda fixture: {"saved_comment_id": fixture.saved_comment()}
    ),
    Operation(
        "DELETE /v1/saved-comments/{saved_comment_id}", OWN_BANK.format(204), ids=lambda fixture: {"saved_comment_id": fixture.saved_comment()}
    ),
    Operation("GET /v1/essays", "401 200 200 200 200 200 200 200 200 200 200 200"),
    Operation("GET /v1/essays/{essay_id}", READERS),
    Operation("GET /v1/essays/{essay_id}/progress", READERS),
    Operation("POST /v1/essays/{essay_id}/links", "401 403 403 403 201 404 201 201 403 404 404 404", body=lambda _: {}),
    Operation("POST /v1/submissions/{submission_id}/rerun", TEACHERS.format(202)),
    Operation(
        "POST /v1/assignments/{assignment_id}/rerun", TEACHERS.format(202), ids=lambda fixture: {"assignment_id": fixture.school.assignment}
    ),
    Operation(
        "GET /v1/assignments/{assignment_id}/stale", TEACHERS.format(200), ids=lambda fixture: {"assignment_id": fixture.school.assignment}
    ),
    Operation(
        "POST /v1/rubrics/{rubric_id}/try", "401 403 403 403 202 202 202 403 403 404 404 403",
        ids=lambda fixture: {"rubric_id": fixture.school.rubric}, body=lambda _: {},
    ),
    Operation(
        "POST /lti/notices/{platform_id}", NOBODY, ids=lambda fixture: {"platform_id": fixture.active_platform()},
        body=lambda _: {"notices": [{"jwt": "forged"}]},
    ),
    Operation("POST /v1/webhooks/{source_id}", NOBODY, ids=lambda fixture: {"source_id": fixture.school.source}, body=lambda _: {}),
    Operation("GET /v1/users", STAFF_LIST),
    Operation("POST /v1/users", ADMIN_LIST.format(201), body=lambda _: {"role": "student", "email": f"{uuid4().hex}@x.example"}),
    Operation("POST /v1/users/search", STAFF_LIST, body=lambda _: {"email": "alice@northside.example"}),
    Operation("GET /v1/users/{user_id}", TEACHERS.format(200), ids=person),
    Operation("PATCH /v1/users/{user_id}", ADMIN.format(200), ids=person, body=named),
    Operation("DELETE /v1/users/{user_id}", ADMIN.format(204), ids=person),
    Operation("GET /v1/users/{user_id}/sessions", ADMIN.format(200), ids=person),
    Operation("DELETE /v1/users/{user_id}/sessions", ADMIN.format(204), ids=person),
    Operation("DELETE /v1/users/{user_id}/sessions/{session_id}", ADMIN.format(204), ids=signed_in),
    Operation("DELETE /v1/users/{user_id}/second-factor", ADMIN.format(204), ids=person),
    Operation("DELETE /v1/users/{user_id}/linked-account", ADMIN.format(204), ids=person),
    Operation("POST /v1/users/{user_id}/invite", ADMIN.format(202), ids=person),
    Operation("GET /v1/users/{user_id}/export", ADMIN.format(200), ids=person),
    Operation("POST /v1/users/{user_id}/erase", ADMIN.format(202), ids=person),
    Operation("PUT /v1/users/{user_id}/hold", ADMIN.format(200), ids=person, body=lambda _: {"case_number": "2026-CV-114"}),
    Operation("DELETE /v1/users/{user_id}/hold", ADMIN.format(204), ids=person),
    Operation("GET /v1/holds", ADMIN_LIST.format(200)),
    Operation("GET /v1/org/retention", ADMIN_LIST.format(200)),
    Operation("GET /v1/approvals", ADMIN_LIST.format(200)),
    Operation("POST /v1/approvals", ADMIN_LIST.format(201), body=lambda _: {"action": "remove_org"}),
    Operation("GET /v1/approvals/{approval_id}", ADMIN.format(200), ids=lambda fixture: {"approval_id": fixture.approval()}),
    # Ada may not approve what she asked for herself.
    Operation("POST /v1/approvals/{approval_id}/approve", ADMIN.format(409), ids=lambda fixture: {"approval_id": fixture.approval()}),
    Operation("GET /v1/courses", PEOPLE_ONLY),
    Operation("POST /v1/courses", ADMIN_LIST.format(201), body=named),
    Operation("GET /v1/courses/{course_id}", COURSE, ids=lambda fixture: {"course_id": fixture.school.course}),
    Operation("PATCH /v1/courses/{course_id}", ADMIN.format(200), ids=lambda fixture: {"course_id": fixture.course()}, body=named),
    Operation("DELETE /v1/courses/{course_id}", ADMIN.format(204), ids=lambda fixture: {"course_id": fixture.course()}),
    Operation("GET /v1/courses/{course_id}/enrollments", TEACHERS.format(200), ids=lambda fixture: {"course_id": fixture.school.course}),
    Operation(
        "POST /v1/courses/{course_id}/enrollments", ADMIN.format(201), ids=lambda fixture: {"course_id": fixture.course()},
        body=lambda fixture: {"user_id": str(fixture.person()), "role": "student"},
    ),
    Operation("GET /v1/courses/{course_id}/enrollments/{user_id}", TEACHERS.format(200), ids=member),
    Operation("DELETE /v1/courses/{course_id}/enrollments/{user_id}", ADMIN.format(204), ids=member),
    Operation("GET /v1/categories", PEOPLE_ONLY),
    Operation("POST /v1/categories", ADMIN_LIST.format(201), body=lambda _: {"slug": f"c{uuid4().hex}", "name": "New"}),
    Operation("GET /v1/categories/{category_id}", SCHOOL, ids=lambda fixture: {"category_id": fixture.category()}),
    Operation("PATCH /v1/categories/{category_id}", ADMIN.format(200), ids=lambda fixture: {"category_id": fixture.category()}, body=named),
    Operation("DELETE /v1/categories/{category_id}", ADMIN.format(204), ids=lambda fixture: {"category_id": fixture.category()}),
    Operation("GET /v1/assignments", PEOPLE_ONLY),
    Operation(
        "POST /v1/assignments", "401 403 403 403 201 422 201 403 403 422 422 403",
        body=lambda fixture: {"course_id": str(fixture.school.course), "title": "New"},
    ),
    Operation("GET /v1/assignments/{assignment_id}", COURSE, ids=lambda fixture: {"assignment_id": fixture.school.assignment}),
    Operation(
        "PATCH /v1/assignments/{assignment_id}", TEACHERS.format(200), ids=lambda fixture: {"assignment_id": fixture.assignment()},
        body=lambda _: {"title": "New"},
    ),
    Operation("DELETE /v1/assignments/{assignment_id}", TEACHERS.format(204), ids=lambda fixture: {"assignment_id": fixture.assignment()}),
    Operation("GET /v1/rubrics", PEOPLE_ONLY),
    Operation("POST /v1/rubrics", "401 403 403 403 201 201 201 403 403 201 201 403", body=lambda _: rubric()),
    Operation("GET /v1/rubrics/{rubric_id}", SCHOOL, ids=lambda fixture: {"rubric_id": fixture.school.rubric}),
    Operation("DELETE /v1/rubrics/{rubric_id}", ADMIN.format(204), ids=lambda fixture: {"rubric_id": fixture.rubric()}),
    Operation("GET /v1/org", ADMIN_LIST.format(200)),
    Operation("PATCH /v1/org", ADMIN_LIST.format(200), body=lambda _: {"default_language": "en"}),
    Operation("PUT /v1/org/sign-in-provider", ADMIN_LIST.format(200), body=lambda _: PROVIDER),
    Operation("GET /v1/org/sign-in-provider", ADMIN_LIST.format(200)),
    Operation("DELETE /v1/org/sign-in-provider", ADMIN_LIST.format(204)),
    Operation("GET /v1/api-keys", ADMIN_LIST.format(200)),
    Operation("POST /v1/api-keys", ADMIN_LIST.format(201), body=named),
    Operation("GET /v1/api-keys/{key_id}", ADMIN.format(200), ids=lambda fixture: {"key_id": fixture.key()}),
    Operation("PATCH /v1/api-keys/{key_id}", ADMIN.format(200), ids=lambda fixture: {"key_id": fixture.key()}, body=named),
    Operation("DELETE /v1/api-keys/{key_id}", ADMIN.format(204), ids=lambda fixture: {"key_id": fixture.key()}),
    Operation("POST /v1/api-keys/{key_id}/rotate", ADMIN.format(201), ids=lambda fixture: {"key_id": fixture.key()}, body=lambda _: {}),
    Operation("GET /v1/sources", ADMIN_LIST.format(200)),
    Operation("POST /v1/sources", ADMIN_LIST.format(201), body=named),
    Operation("GET /v1/sources/{source_id}", ADMIN.format(200), ids=lambda fixture: {"source_id": fixture.source()}),
    Operation("PATCH /v1/sources/{source_id}", ADMIN.format(200), ids=lambda fixture: {"source_id": fixture.source()}, body=named),
    Operation("DELETE /v1/sources/{source_id}", ADMIN.format(204), ids=lambda fixture: {"source_id": fixture.source()}),
    Operation("POST /v1/sources/{source_id}/rotate", ADMIN.format(201), ids=lambda fixture: {"source_id": fixture.source()}, body=lambda _: {}),
    Operation("GET /v1/platforms", ADMIN_LIST.format(200)),
    Operation("POST /v1/platforms", ADMIN_LIST.format(201), body=named),
    Operation("GET /v1/platforms/{platform_id}", ADMIN.format(200), ids=lambda fixture: {"platform_id": fixture.platform()}),
    Operation("PATCH /v1/platforms/{platform_id}", ADMIN.format(200), ids=lambda fixture: {"platform_id": fixture.platform()}, body=named),
    Operation(
        "POST /v1/platforms/{platform_id}/courses/{course_id}/members", ADMIN.format(404),
        ids=lambda fixture: {"platform_id": fixture.platform(), "course_id": fixture.school.course},
    ),
    Operation("DELETE /v1/platforms/{platform_id}", ADMIN.format(204), ids=lambda fixture: {"platform_id": fixture.platform()}),
    Operation("GET /v1/sources/{source_id}/status", ADMIN.format(200), ids=lambda fixture: {"source_id": fixture.source()}),
    Operation("GET /v1/sources/{source_id}/arrivals", ADMIN.format(200), ids=lambda fixture: {"source_id": fixture.source()}),
    Operation("POST /v1/sources/{source_id}/try", ADMIN.format(200), ids=lambda fixture: {"source_id": fixture.source()}, body=lambda _: {}),
    Operation("POST /v1/sources/{source_id}/replay", ADMIN.format(202), ids=lambda fixture: {"source_id": fixture.source()}),
    Operation("GET /v1/sources/{source_id}/deliveries", ADMIN.format(200), ids=lambda fixture: {"source_id": fixture.source()}),
    Operation("GET /v1/sources/{source_id}/deliveries/{delivery_id}", ADMIN.format(200), ids=lambda fixture: fixture.delivery()),
    Operation("POST /v1/sources/{source_id}/deliveries/{delivery_id}/replay", ADMIN.format(202), ids=lambda fixture: fixture.delivery()),
    Operation("GET /v1/endpoints", ADMIN_LIST.format(200)),
    Operation("POST /v1/endpoints", ADMIN_LIST.format(201), body=lambda _: ENDPOINT),
    Operation("GET /v1/endpoints/{endpoint_id}", ADMIN.format(200), ids=lambda fixture: fixture.endpoint()),
    Operation("PATCH /v1/endpoints/{endpoint_id}", ADMIN.format(200), ids=lambda fixture: fixture.endpoint(), body=named),
    Operation("DELETE /v1/endpoints/{endpoint_id}", ADMIN.format(204), ids=lambda fixture: fixture.endpoint()),
    Operation("POST /v1/endpoints/{endpoint_id}/rotate", ADMIN.format(201), ids=lambda fixture: fixture.endpoint(), body=lambda _: {}),
    Operation("POST /v1/endpoints/{endpoint_id}/ping", ADMIN.format(202), ids=lambda fixture: fixture.endpoint()),
    Operation("GET /v1/endpoints/{endpoint_id}/deliveries", ADMIN.format(200), ids=lambda fixture: fixture.endpoint()),
    Operation("GET /v1/endpoints/{endpoint_id}/deliveries/{delivery_id}", ADMIN.format(200), ids=lambda fixture: fixture.ping()),
    Operation("POST /v1/endpoints/{endpoint_id}/deliveries/{delivery_id}/redeliver", ADMIN.format(202), ids=lambda fixture: fixture.ping()),
    Operation(
        "POST /v1/endpoints/{endpoint_id}/redeliver", ADMIN.format(202), ids=lambda fixture: fixture.endpoint(),
        body=lambda _: {"since": "2026-01-01T00:00:00Z"},
    ),
    Operation("POST /v1/roster", ADMIN_LIST.format(200), body=lambda _: {"dry_run": True}),
    Operation("GET /v1/audit", ADMIN_LIST.format(200)),
    Operation("GET /v1/logs", ADMIN_LIST.format(200)),
    Operation("GET /v1/reports/courses/{course_id}", TEACHERS.format(200), ids=lambda fixture: {"course_id": fixture.school.course}),
    Operation(
        "GET /v1/reports/students/{student_id}", "401 200 403 403 200 404 200 403 403 404 404 403",
        ids=lambda fixture: {"student_id": fixture.school.alice},
    ),
    Operation("GET /v1/reports/usage", ADMIN_LIST.format(200)),
    Operation("GET /v1/reports/quality", ADMIN_LIST.format(200)),
    # Last, because it ends the sessions that the other requests use.
    Operation("POST /v1/auth/logout", "401 204 204 204 204 204 204 403 204 204 204 403"),
)  # fmt: skip


def headers_of(api: ApiUnderTest, who: str) -> Headers:
    if who == "stranger":
        return {}
    name, school = who.removeprefix("other "), api.other if who.startswith("other ") else api.school
    return api.with_key(school) if name == "key" else api.signed_in(name, school)


@pytest.fixture(scope="module")
def fixture(shared_api: ApiUnderTest) -> RouteFixture:
    """Give the app with an essay of Alice's whose three passes are done."""
    essay = shared_api.hand_in("alice", assignment_id=str(shared_api.school.assignment))
    for name in ("grammar", "structure", "content"):
        shared_api.worker.finish(essay["id"], name)
    refresh_all(shared_api.database)
    return RouteFixture(shared_api, essay)


def test_each_route_gives_each_person_the_right_status_and_leaks_nothing(fixture: RouteFixture, report: Report) -> None:
    wrong: list[str] = []
    leaks: list[str] = []
    cells = 0
    secrets = [
        str(one) for one in (fixture.school.org, fixture.school.alice, fixture.essay["id"], fixture.essay["essay_id"])
    ]
    secrets += [fixture.school.email("alice"), fixture.school.email("ed")]
    for one in OPERATIONS:
        method, path = one.name.split()
        for who, code in zip(PEOPLE, one.codes.split(), strict=True):
            body = one.body(fixture)
            if one.name == "POST /v1/submissions" and who.endswith("key"):
                body["student"] = {"external_id": "alice-sis"}
            ids = {"submission_id": fixture.essay["id"], "essay_id": fixture.essay["essay_id"], **one.ids(fixture)}
            answer = fixture.api.client.open(
                path.format(**ids), method=method, json=body, headers=headers_of(fixture.api, who), buffered=False
            )
            text = answer.get_data().decode(errors="replace")
            answer.close()
            cells += 1
            if answer.status_code != int(code):
                wrong.append(f"{one.name} by {who}: {answer.status_code}, not {code}: {text[:200]}")
            if who.startswith(("other", "stranger")) and any(secret in text for secret in secrets):
                leaks.append(f"{one.name} by {who}: {text[:200]}")

    report(
        f"routes: {len(OPERATIONS)} operations x {len(PEOPLE)} people = {cells} cells, {len(wrong)} with another code, {len(leaks)} leaks"
    )
    assert wrong == []
    assert leaks == []


def test_access_table_covers_every_documented_operation(shared_api: ApiUnderTest) -> None:
    document = shared_api.client.get("/openapi.json").json
    every = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}

    assert every == {one.name for one in OPERATIONS}
