"""Fixtures for the ingest tests: the app with a real PostgreSQL, a real Redis and signed requests."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from standardwebhooks import Webhook
from werkzeug.test import TestResponse

from ingest.app import create_app
from models import db, essays, feedback, passes
from models.feedback import Author, CommentDraft, ResultDraft
from tests.support.logs import kept_logging
from tests.support.patient_apps import PATIENT, let_wait, wait_for_servers
from tests.support.races import promptly
from tests.support.schools import (
    INDEX_KEY,
    JWT_SECRET,
    MASTER_KEY,
    PASSWORD,
    PEPPER,
    ROUNDS,
    School,
    connect_as,
    load_keys,
    make_school,
)
from tests.support.servers import Database, Servers, cloned

ESSAY = "Phones was distracting. Phones 😀 they was loud, so schools should ban them."
EVENT_TIME = "2026-11-22T08:30:00Z"

Headers = dict[str, str]


def environment_of(database: Database, servers: Servers) -> dict[str, str]:
    """Return the variables that `program_env("ec_ingest")` sets, for use over several tests."""
    return {
        "DATABASE_URL": database.role_url("ec_ingest"), "REDIS_URL": servers.redis_url_for("ec_ingest"),
        "ESSAYCOACH_MASTER_KEYS": f"k1:{MASTER_KEY}", "ESSAYCOACH_INDEX_KEY": INDEX_KEY,
        "ESSAYCOACH_JWT_SECRET": JWT_SECRET, "ESSAYCOACH_API_KEY_PEPPER": PEPPER,
        "ESSAYCOACH_PASSWORD_ROUNDS": str(ROUNDS),
        # Servers of the tests that stand for a school's.
        "ESSAYCOACH_OUTGOING_NETWORKS": "127.0.0.0/8, ::1/128",
        **PATIENT,
    }  # fmt: skip


@dataclass(frozen=True)
class ApiUnderTest:
    """The app, its database with two schools, and the tokens of the people who signed in."""

    app: Flask
    database: Database
    school: School
    other: School
    environment: dict[str, str]
    _tokens: dict[tuple[str, str], tuple[float, Headers]] = field(default_factory=dict)

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def make_app(self, *, patient: bool = True, **changes: str) -> Flask:
        """Return another app on the same database with some environment variables changed.

        If it is not `patient`, it has the time limits of production. The next app that is made ends them.
        """
        own = {} if patient else dict.fromkeys(PATIENT, "")
        with pytest.MonkeyPatch.context() as environment:
            wait_for_servers(environment, patient=patient)
            for name, value in {**self.environment, **own, **changes}.items():
                environment.setenv(name, value)
            db.database.close_idle()  # the process has one pool, and the new app may use another database
            return create_app()

    def signed_in(self, name: str, of: School | None = None) -> Headers:
        """Return the authorization headers of a person; the first call signs that person in.

        So does one after ten minutes: a token is good for 15, and the tests of a file may take longer on a busy machine.
        """
        school = of or self.school
        key = (school.slug, name)
        at, headers = self._tokens.get(key, (-math.inf, {}))
        if time.monotonic() - at > 600:
            at, headers = time.monotonic(), {"Authorization": f"Bearer {self.sign_in(name, of)['access_token']}"}
            self._tokens[key] = at, headers
        return headers

    def sign_in(self, name: str, of: School | None = None, *, password: str = PASSWORD) -> dict[str, Any]:
        """Sign a person in and return the token pair."""
        school = of or self.school
        body = {"org": school.slug, "email": school.email(name), "password": password}
        answer = self.client.post("/v1/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def with_key(self, of: School | None = None) -> Headers:
        """Return the API key headers of an LMS, with a new Idempotency-Key."""
        return {"Authorization": f"Bearer {(of or self.school).api_key}", "Idempotency-Key": uuid4().hex}

    def hand_in(self, who: str = "alice", of: School | None = None, **changes: Any) -> dict[str, Any]:
        """Submit an essay as a person and return the receipt."""
        answer = self.client.post("/v1/submissions", json=piece(**changes), headers=self.signed_in(who, of))
        assert answer.status_code == 202, answer.text
        return dict(answer.json)

    def hand_in_by_lms(self, who: str, **changes: Any) -> dict[str, Any]:
        """Submit an essay of a student with the API key, which may say when it was handed in, and return the receipt."""
        body = piece(**changes, student={"external_id": f"{who}-sis"})
        answer = self.client.post("/v1/submissions", json=body, headers=self.with_key())
        assert answer.status_code == 202, answer.text
        return dict(answer.json)

    @property
    def lms(self) -> Lms:
        return Lms(self.client, self.school.source, self.school.source_secret)

    @property
    def worker(self) -> Worker:
        return Worker(self.database, self.school)


@dataclass(frozen=True)
class Template:
    """A migrated database with two schools, which every app under test clones."""

    name: str
    school: School
    other: School


@pytest.fixture(scope="session")
def template(servers: Servers) -> Iterator[Template]:
    """Give the database that every app under test clones."""
    load_keys()
    with cloned(servers) as database:
        connect_as("ec_ingest", database)
        school, other = make_school("northside"), make_school("southside")
        db.database.close_idle()
        yield Template(database.name, school, other)


@contextmanager
def run_api(servers: Servers, template: Template) -> Iterator[ApiUnderTest]:
    """Yield the app in front of a clone of the two schools."""
    load_keys()
    with (
        kept_logging(),
        cloned(servers, template=template.name) as database,
        pytest.MonkeyPatch.context() as environment,
    ):
        wait_for_servers(environment, patient=True)
        let_wait(database)
        connect_as("ec_ingest", database)
        variables = environment_of(database, servers)
        for variable, value in variables.items():
            environment.setenv(variable, value)
        yield ApiUnderTest(create_app(), database, template.school, template.other, variables)


@pytest.fixture(scope="module")
def shared_api(servers: Servers, template: Template) -> Iterator[ApiUnderTest]:
    """Give one app and database for a whole file; a test must not change the data of other tests."""
    with run_api(servers, template) as api:
        yield api


@pytest.fixture
def api(servers: Servers, template: Template) -> Iterator[ApiUnderTest]:
    """Give an app with its own database, which the test may break."""
    with run_api(servers, template) as own:
        yield own


@pytest.fixture(scope="session")
def redis_connection(servers: Servers) -> Iterator[redis.Redis]:
    """Give one client of Redis to all tests."""
    with redis.Redis.from_url(servers.redis_url) as client:
        yield client


@pytest.fixture(autouse=True)
def redis_client(redis_connection: redis.Redis) -> redis.Redis:
    """Empty Redis and give a client of it, so that no counter of an earlier test is left."""
    redis_connection.flushdb()
    return redis_connection


@pytest.fixture
def client(shared_api: ApiUnderTest) -> FlaskClient:
    """Give a test client of the shared app."""
    return shared_api.client


@pytest.fixture
def ada(shared_api: ApiUnderTest) -> dict[str, str]:
    """Give the headers of the admin of the shared app."""
    return shared_api.signed_in("ada")


Refused = Callable[[TestResponse, int, str], dict[str, Any]]


def check_refused(answer: TestResponse, status: int, slug: str) -> dict[str, Any]:
    """Check every part of a problem document and return it."""
    assert answer.status_code == status, (answer.status_code, answer.text[:500])
    assert answer.content_type == "application/problem+json"
    document = json.loads(answer.data)
    assert document["type"].endswith(f"/problems/{slug}"), document
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == answer.headers["X-Request-Id"]
    assert set(document) <= {"type", "title", "status", "detail", "instance", "errors"}
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) > 0
    return document


@pytest.fixture(scope="session")
def refused() -> Refused:
    """`refused(answer, 422, "essay-empty")` checks every part of a problem document and returns it."""
    return check_refused


@dataclass(frozen=True)
class Lms:
    """An LMS that signs webhook deliveries with the published library, not with our own code."""

    client: FlaskClient
    source: UUID
    secret: str

    def signed(
        self, body: bytes, *, event: str | None = None, at: int | None = None, secret: str | None = None
    ) -> Headers:
        moment = int(time.time()) if at is None else at
        event = event or f"msg_{uuid4().hex}"
        signer = Webhook(secret or self.secret)
        # The library signs text, so the body must be UTF-8.
        signature = signer.sign(event, datetime.fromtimestamp(moment, UTC), body.decode())
        return {
            "webhook-id": event, "webhook-timestamp": str(moment), "webhook-signature": signature,
            "Content-Type": "application/json",
        }  # fmt: skip

    def send(self, body: bytes, headers: Headers) -> TestResponse:
        return self.client.post(f"/v1/webhooks/{self.source}", data=body, headers=headers)

    def deliver(
        self, data: Any, *, event_type: str = "submission.created", timestamp: Any = EVENT_TIME, **how: Any
    ) -> TestResponse:
        body = envelope(data, event_type=event_type, timestamp=timestamp)
        return self.send(body, self.signed(body, **how))


def envelope(data: Any, *, event_type: str = "submission.created", timestamp: Any = EVENT_TIME) -> bytes:
    return json.dumps({"type": event_type, "timestamp": timestamp, "data": data}).encode()


def piece(**changes: Any) -> dict[str, Any]:
    """Return a valid request body with these changes; None leaves the field out."""
    body = {"title": "Phones", "text": ESSAY, **changes}
    return {name: value for name, value in body.items() if value is not None}


@pytest.fixture(scope="session")
def draft() -> Callable[..., dict[str, Any]]:
    """`draft(title="T")` returns a valid request body with these changes."""
    return piece


@pytest.fixture(scope="session")
def event() -> Callable[..., bytes]:
    """`event(draft())` returns the body of a webhook event with this data."""
    return envelope


@dataclass(frozen=True)
class Worker:
    """Runs passes as the worker program would, then connects the pool as the ingest program again."""

    database: Database
    school: School

    def claim(self, submission: str, name: str) -> passes.Claim:
        with self._as_worker():
            return self._claim(submission, name)

    def finish(self, submission: str, name: str, *, quote: str = "was", org: UUID | None = None) -> None:
        """Finish a pass with one comment on the first `quote` of the text and one without a place.

        A content pass with a rubric also gets one result.
        """
        with self._as_worker(org):
            task = essays.fetch_task(UUID(submission), org=org or self.school.org)
            held = self._claim(submission, name)
            start = task.text.index(quote)
            summary = feedback.seal_summary(
                held, key=task.key, strengths=("clear",), next_steps=(name,), not_checked=()
            )
            passes.finish(held, provider="local", model="rules", comments=1, summary=summary)
            graded = task.rubric is not None and name == "content"
            feedback.store(
                held,
                author=Author(user=task.user, audience=task.audience, essay=task.essay, characters=task.characters),
                key=task.key, provider="local", model="rules",
                comments=[_comment(name, start, quote), _comment(name, None, "not in the text")],
                results=[_result(task.rubric)] if graded and task.rubric else [],
            )  # fmt: skip

    def give_up(self, submission: str, name: str) -> None:
        with self._as_worker():
            passes.give_up(self._claim(submission, name), error="provider_refused")

    def _claim(self, submission: str, name: str) -> passes.Claim:
        found = db.row("select id, org_id from passes where submission_id = %s and name = %s", (submission, name))
        assert found is not None
        held = passes.claim(found["id"], org=found["org_id"], lease_seconds=60)
        assert held is not None
        return held

    @contextmanager
    def _as_worker(self, org: UUID | None = None) -> Iterator[None]:
        connect_as("ec_worker", self.database)
        try:
            with db.session(org=org or self.school.org):
                yield
        finally:
            connect_as("ec_ingest", self.database)


def _comment(name: str, start: int | None, quote: str) -> CommentDraft:
    kinds = {"grammar": "agreement", "structure": "thesis", "content": "evidence"}
    return CommentDraft(
        type=kinds[name], kind="issue", severity="minor", match="none" if start is None else "exact",
        span=None if start is None else (start, start + len(quote)), quote=quote, message="One subject, one verb.",
        next_step="Write were.", suggestions=("were",), confidence=0.9, confidence_basis="measured", origin="rule",
        criterion=None,
    )  # fmt: skip


def _result(rubric: UUID) -> ResultDraft:
    criterion = db.row("select id from rubric_criteria where rubric_id = %s order by position limit 1", (rubric,))
    assert criterion is not None
    return ResultDraft(
        criterion=criterion["id"],
        level="developing",
        points=2,
        max_points=4,
        confidence=0.7,
        rationale="Vague.",
        evidence=(0,),
    )


RouteRequests = dict[str, Callable[[], TestResponse]]


def _every_route(api: ApiUnderTest) -> RouteRequests:
    """Return one request for every route that needs the database."""
    client = api.client
    lms_headers, alice, ed, ada = api.with_key(), api.signed_in("alice"), api.signed_in("ed"), api.signed_in("ada")
    token = {"Authorization": f"Bearer {api.sign_in('bob')['refresh_token']}"}
    some_id = uuid4()
    body = b'{"type": "ping", "timestamp": "2026-11-22T08:30:00Z", "data": {}}'
    signed = api.lms.signed(body)
    credentials = {"org": "northside", "email": "alice@northside.example", "password": PASSWORD}
    essay = {"title": "t", "text": "x"}
    return {
        "login": lambda: client.post("/v1/auth/login", json=credentials),
        "refresh": lambda: client.post("/v1/auth/refresh", headers=token),
        "logout": lambda: client.post("/v1/auth/logout", headers=alice),
        "me": lambda: client.get("/v1/me", headers=alice),
        "hand in": lambda: client.post("/v1/submissions", json=essay, headers=alice),
        "hand in by key": lambda: client.post(
            "/v1/submissions", json={**essay, "student": {"external_id": "s"}}, headers=lms_headers
        ),
        "status": lambda: client.get(f"/v1/submissions/{some_id}", headers=alice),
        "wait": lambda: client.get(f"/v1/submissions/{some_id}", headers={**alice, "Prefer": "wait=20"}),
        "events": lambda: client.get(f"/v1/submissions/{some_id}/events", headers=alice),
        "feedback": lambda: client.get(f"/v1/submissions/{some_id}/feedback", headers=alice),
        "text": lambda: client.get(f"/v1/submissions/{some_id}/text", headers=alice),
        "reviews": lambda: client.get("/v1/reviews", headers=ed),
        "disagreements": lambda: client.get("/v1/disagreements", headers=ed),
        "comment types": lambda: client.get("/v1/feedback-types", headers=alice),
        "logs": lambda: client.get("/v1/logs", headers=ada),
        "change me": lambda: client.patch("/v1/me", json={"language": "en"}, headers=alice),
        "essays": lambda: client.get("/v1/essays", headers=alice),
        "essay": lambda: client.get(f"/v1/essays/{some_id}", headers=alice),
        "given up": lambda: client.get("/v1/given-up", headers=ed),
        "retry": lambda: client.post(f"/v1/submissions/{some_id}/retry", headers=ed),
        "discard": lambda: client.post(f"/v1/submissions/{some_id}/discard", headers=ed),
        "keys": lambda: client.get("/v1/api-keys", headers=ada),
        "sources": lambda: client.post("/v1/sources", json={"name": "LMS"}, headers=ada),
        "deliveries": lambda: client.get(f"/v1/sources/{api.school.source}/deliveries", headers=ada),
        "replay": lambda: client.post(f"/v1/sources/{some_id}/deliveries/{some_id}/replay", headers=ada),
        "endpoints": lambda: client.get("/v1/endpoints", headers=ada),
        "ping": lambda: client.post(f"/v1/endpoints/{some_id}/ping", headers=ada),
        "redeliver": lambda: client.post(f"/v1/endpoints/{some_id}/deliveries/{some_id}/redeliver", headers=ada),
        "trail": lambda: client.get("/v1/audit", headers=ada),
        "export": lambda: client.get(f"/v1/users/{some_id}/export", headers=ada),
        "erase": lambda: client.post(f"/v1/users/{some_id}/erase", headers=ada),
        "roster": lambda: client.post("/v1/roster", json={}, headers=ada),
        "webhook": lambda: client.post(f"/v1/webhooks/{api.school.source}", data=body, headers=signed),
    }


def _all_unavailable(route_requests: RouteRequests) -> None:
    for name, send in route_requests.items():
        check_refused(promptly(send, seconds=2.0, what=name), 503, "temporarily-unavailable")


@pytest.fixture(scope="session")
def every_route() -> Callable[[ApiUnderTest], RouteRequests]:
    """`every_route(api)` returns one request, ready to send, for every route that needs the database."""
    return _every_route


@pytest.fixture(scope="session")
def all_unavailable() -> Callable[[RouteRequests], None]:
    """`all_unavailable(requests)` sends all of them and checks that each answers 503 within two seconds."""
    return _all_unavailable
