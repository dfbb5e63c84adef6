"""Tests of requests that wait, under gunicorn over real sockets: long polls and event streams hold no thread while they wait."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from uuid import UUID

import pytest

from models.announcements import Announcer
from monitoring.http import read_http
from tests.ingest.conftest import ApiUnderTest
from tests.support.gunicorn_server import Answer, ask, connect, parse_answer, read_to_end, run_gunicorn
from tests.support.ports import free_port
from tests.support.races import eventually

RUNNING = "update passes set state = 'running', lease_until = now() + interval '1 minute', attempt = 1, started_at = now() where submission_id = %s and name = 'grammar'"
FAILED = (
    "update passes set state = 'gave_up', lease_until = null, error = 'x', finished_at = now() where submission_id = %s",
    "update submissions set status = 'failed', completed_at = now() where id = %s",
)
REVOKED = {
    "revoked": "update api_keys set revoked_at = now() where id = %s",
    "expired": "update api_keys set expires_at = now() where id = %s",
    "without the scope": "update api_keys set scopes = array['submit'] where id = %s",
    "from a refused network": "update api_keys set networks = '{192.0.2.0/24}' where id = %s",
}


class Web:
    """A web with one process and two threads."""

    def __init__(self, port: int, folder: Path, api: ApiUnderTest) -> None:
        self.port, self.folder, self.api = port, folder, api

    @property
    def waiting(self) -> float:
        """Return how many requests wait, as a scrape sees it."""
        return sum(
            sample.value
            for family in read_http(self.folder)
            for sample in family.samples
            if sample.name == "essaycoach_http_waiting_requests"
        )

    def await_waiting(self, count: int) -> None:
        eventually(lambda: self.waiting == count, what=f"{count} requests that wait")

    def begin(self, path: str, headers: dict[str, str]) -> socket.socket:
        """Send a GET request and return its socket."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return connect(self.port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n".encode())

    def get_while(self, path: str, headers: dict[str, str], change) -> Answer:
        """Ask, apply the change once the request waits, and return the answer."""
        client = self.begin(path, headers)
        self.await_waiting(1)
        change()
        return parse_answer(read_to_end(client))

    def start_pass(self, submission: str) -> None:
        self.api.database.sql(RUNNING, submission)
        Announcer(self.api.environment["REDIS_URL"].replace("ec_ingest", "ec_worker")).announce(UUID(submission))

    def fail(self, submission: str) -> None:
        """Give the submission its final state without announcing it, as web and the clock do."""
        for statement in FAILED:
            self.api.database.sql(statement, submission)


def start(api: ApiUnderTest, folder: Path, *, app: str = "ingest.app:create_app()", **changes: str) -> Iterator[Web]:
    counts = folder / "counts"
    counts.mkdir()
    environment = {**api.environment, "WEB_THREADS": "2", "PROMETHEUS_MULTIPROC_DIR": str(counts), **changes}
    with run_gunicorn(environment, log_file=folder / "log", app=app) as server:
        yield Web(server.port, counts, api)


@pytest.fixture(scope="module")
def running(shared_api: ApiUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    yield from start(shared_api, tmp_path_factory.mktemp("waiting"), app="tests.support.patient_web:create_app()")


@pytest.fixture
def web(running: Web) -> Iterator[Web]:
    """Give the web of this file, without requests that wait, and check that none is left."""
    running.await_waiting(0)
    yield running
    running.await_waiting(0)


@pytest.fixture
def own_key(shared_api: ApiUnderTest):
    """Give a new API key that only one test uses: its id, and the headers with it."""
    body = {"name": "stream", "scopes": ["read", "submit"]}
    made = shared_api.client.post("/v1/api-keys", json=body, headers=shared_api.signed_in("ada")).json
    return made["id"], {"Authorization": f"Bearer {made['key']}"}


def test_three_hundred_requests_wait_on_two_threads(web: Web, shared_api: ApiUnderTest) -> None:
    receipt = shared_api.hand_in()
    headers = {"Authorization": shared_api.with_key()["Authorization"], "Prefer": "wait=500"}
    with ExitStack() as stack:
        clients = [stack.enter_context(web.begin(receipt["links"]["self"], headers)) for _ in range(300)]
        web.await_waiting(300)
        answer = ask(web.port, "GET", receipt["links"]["self"], headers=shared_api.signed_in("alice"))
        assert (answer.status, answer.json["status"]) == (200, "queued")
        web.start_pass(receipt["id"])
        answers = [parse_answer(read_to_end(client)) for client in clients]
    assert {one.json["passes"]["grammar"]["status"] for one in answers} == {"running"}
    assert {one.headers["Preference-Applied"] for one in answers} == {"wait=500"}


def test_long_poll_with_an_etag_ends_when_the_status_differs(web: Web, shared_api: ApiUnderTest) -> None:
    receipt = shared_api.hand_in()
    at, alice = receipt["links"]["self"], shared_api.signed_in("alice")
    tag = ask(web.port, "GET", at, headers=alice).headers["ETag"]
    answer = web.get_while(at, {**alice, "Prefer": "wait=500", "If-None-Match": tag}, lambda: web.fail(receipt["id"]))
    assert (answer.status, answer.json["status"]) == (200, "failed")
    answer = ask(web.port, "GET", at, headers={**alice, "Prefer": "wait=500", "If-None-Match": 'W/"older"'})
    assert (answer.status, answer.headers["Preference-Applied"]) == (200, None)


def test_long_poll_ends_on_time_without_a_change(web: Web, shared_api: ApiUnderTest) -> None:
    at, alice = shared_api.hand_in()["links"]["self"], shared_api.signed_in("alice")
    answer = ask(web.port, "GET", at, headers={**alice, "Prefer": "wait=1"})
    assert (answer.status, answer.json["status"], answer.headers["Preference-Applied"]) == (200, "queued", "wait=1")
    assert answer.json["queue"]["position"] > 0
    tag = answer.headers["ETag"]
    answer = ask(web.port, "GET", at, headers={**alice, "Prefer": "respond-async, wait=1", "If-None-Match": tag})
    assert (answer.status, answer.headers["ETag"], answer.headers["Preference-Applied"]) == (304, tag, "wait=1")


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("WAIT=500", "wait=500"),
        ('Wait="00500"; x=y', "wait=500"),
        ('note="wait=1", wait=500', "wait=500"),
    ],
)
def test_long_poll_says_how_long_it_would_have_waited(web: Web, shared_api: ApiUnderTest, prefer, applied) -> None:
    receipt = shared_api.hand_in()
    headers = {**shared_api.signed_in("alice"), "Prefer": prefer}
    answer = web.get_while(receipt["links"]["self"], headers, lambda: web.start_pass(receipt["id"]))
    assert answer.headers["Preference-Applied"] == applied


def test_a_person_waits_with_ten_requests_and_further_ones_are_answered_at_once(
    web: Web, shared_api: ApiUnderTest
) -> None:
    links, alice = shared_api.hand_in()["links"], shared_api.signed_in("alice")
    headers = {**alice, "Prefer": "wait=500"}
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(web.begin(links["self"], headers))
        web.await_waiting(10)
        answer = ask(web.port, "GET", links["self"], headers=headers)
        assert (answer.status, answer.headers["Preference-Applied"], answer.headers["Retry-After"]) == (200, None, "2")
        events = ask(web.port, "GET", links["events"], headers=alice)
        assert (events.headers["Retry-After"], len(read_events(events.body.decode()))) == ("2", 1)
        other = {**shared_api.signed_in("ada"), "Prefer": "wait=1"}
        assert ask(web.port, "GET", links["self"], headers=other).headers["Preference-Applied"] == "wait=1"
    web.await_waiting(0)  # the clients have gone


def test_second_request_on_the_connection_ends_the_wait(web: Web, shared_api: ApiUnderTest) -> None:
    at, alice = shared_api.hand_in()["links"]["self"], shared_api.signed_in("alice")
    poll = "".join(f"{name}: {value}\r\n" for name, value in {**alice, "Prefer": "wait=500"}.items())
    with connect(web.port, f"GET {at} HTTP/1.1\r\nHost: x\r\n{poll}\r\n".encode()) as client:
        web.await_waiting(1)
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = read_to_end(client)
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert b"Preference-Applied: wait=500" in received


@pytest.mark.parametrize("path", ["self", "events"])
def test_a_stranger_does_not_wait(web: Web, shared_api: ApiUnderTest, path: str) -> None:
    links = shared_api.hand_in()["links"]
    headers = {**shared_api.signed_in("ada", shared_api.other), "Prefer": "wait=25"}
    assert ask(web.port, "GET", links[path], headers=headers).status == 404


@pytest.mark.parametrize("how", REVOKED)
def test_long_poll_of_an_api_key_tells_nothing_once_the_key_is_no_longer_valid(web, shared_api, own_key, how) -> None:
    key, headers = own_key
    receipt = shared_api.hand_in()

    def change() -> None:
        shared_api.database.sql(REVOKED[how], key)
        web.fail(receipt["id"])

    answer = web.get_while(receipt["links"]["self"], {**headers, "Prefer": "wait=500"}, change)
    assert answer.status in (401, 403)
    assert b"failed" not in answer.body


@pytest.mark.parametrize("path", ["self", "events"])
@pytest.mark.parametrize("ended", ["signed out", "disabled"])
def test_person_whose_session_has_ended_is_told_nothing(web: Web, shared_api: ApiUnderTest, path, ended) -> None:
    receipt = shared_api.hand_in("bob")
    headers = {"Authorization": f"Bearer {shared_api.sign_in('bob')['access_token']}", "Prefer": "wait=500"}

    def change() -> None:
        if ended == "signed out":
            assert shared_api.client.post("/v1/auth/logout", headers=headers).status_code == 204
        else:
            shared_api.database.sql("update users set disabled_at = now() where id = %s", shared_api.school.bob)
        web.fail(receipt["id"])

    try:
        answer = web.get_while(receipt["links"][path], headers, change)
    finally:
        shared_api.database.sql("update users set disabled_at = null where id = %s", shared_api.school.bob)
    assert answer.status == (401 if path == "self" else 200)
    assert b'"failed"' not in answer.body


@pytest.mark.parametrize("how", REVOKED)
def test_stream_of_an_api_key_ends_without_an_event_once_the_key_is_no_longer_valid(web, shared_api, own_key, how):
    key, headers = own_key
    receipt = shared_api.hand_in()

    def change() -> None:
        shared_api.database.sql(REVOKED[how], key)
        web.fail(receipt["id"])

    answer = web.get_while(receipt["links"]["events"], headers, change)
    assert [one["status"] for one in read_events(answer.body.decode())] == ["queued"]


def test_stream_of_an_admin_ends_when_their_address_is_refused(web: Web, shared_api: ApiUnderTest) -> None:
    receipt = shared_api.hand_in()

    def change() -> None:
        shared_api.database.sql(
            "update orgs set admin_networks = '{192.0.2.0/24}' where id = %s", shared_api.school.org
        )
        web.fail(receipt["id"])

    try:
        answer = web.get_while(receipt["links"]["events"], shared_api.signed_in("ada"), change)
    finally:
        shared_api.database.sql("update orgs set admin_networks = '{}'")
    assert [one["status"] for one in read_events(answer.body.decode())] == ["queued"]


def test_event_stream_sends_each_change_and_ends_with_the_final_status(web: Web, shared_api: ApiUnderTest) -> None:
    receipt, alice = shared_api.hand_in(), shared_api.signed_in("alice")
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    with closing(connection):
        connection.request("GET", receipt["links"]["events"], headers=alice)
        stream = connection.getresponse()
        assert stream.headers["Retry-After"] is None  # the stream goes on
        assert next_block(stream)["data"]["status"] == "queued"
        web.await_waiting(1)
        web.start_pass(receipt["id"])
        assert next_block(stream)["data"]["passes"]["grammar"]["status"] == "running"
        web.fail(receipt["id"])
        while (last := next_block(stream))["data"]["status"] != "failed":
            pass
        assert stream.read() == b""
        connection.request("GET", receipt["links"]["self"], headers=alice)  # on the same connection
        answer = Answer(connection.getresponse())
    assert last["data"] == answer.json
    assert answer.headers["ETag"] == f'W/"{last["id"]}"'


def test_stream_that_begins_again_does_not_repeat_the_last_event(web: Web, shared_api: ApiUnderTest) -> None:
    receipt, alice = shared_api.hand_in(), shared_api.signed_in("alice")
    tag = ask(web.port, "GET", receipt["links"]["self"], headers=alice).headers["ETag"]
    headers = {**alice, "Last-Event-ID": tag[3:-1]}
    answer = web.get_while(receipt["links"]["events"], headers, lambda: web.fail(receipt["id"]))
    assert {one["status"] for one in read_events(answer.body.decode())} <= {"queued", "failed"}
    assert not answer.body.startswith(b"event:")
    assert read_events(answer.body.decode())[-1]["status"] == "failed"


def test_stream_of_a_final_status_asks_for_no_further_request(web: Web, shared_api: ApiUnderTest) -> None:
    receipt = shared_api.hand_in()
    web.fail(receipt["id"])
    answer = ask(web.port, "GET", receipt["links"]["events"], headers=shared_api.signed_in("alice"))
    assert (answer.status, answer.headers["Retry-After"]) == (200, None)
    assert [one["status"] for one in read_events(answer.body.decode())] == ["failed"]


def test_waiting_needs_no_redis(shared_api: ApiUnderTest, tmp_path: Path) -> None:
    receipt = shared_api.hand_in()
    headers = {**shared_api.signed_in("alice"), "Prefer": "wait=25"}
    for web in start(shared_api, tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"):
        answer = web.get_while(
            receipt["links"]["self"], headers, lambda: shared_api.database.sql(RUNNING, receipt["id"])
        )
    assert answer.json["passes"]["grammar"]["status"] == "running"


def test_stopping_web_answers_everybody_who_waits(shared_api: ApiUnderTest, tmp_path: Path) -> None:
    links, alice = shared_api.hand_in()["links"], shared_api.signed_in("alice")
    (tmp_path / "counts").mkdir()
    environment = {**shared_api.environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "counts")}
    with run_gunicorn(environment, log_file=tmp_path / "log") as server:
        web = Web(server.port, tmp_path / "counts", shared_api)
        clients = [web.begin(links[path], {**alice, "Prefer": "wait=99999"}) for path in ("self", "events")]
        web.await_waiting(2)
        server.process.send_signal(signal.SIGTERM)
        poll, stream = (parse_answer(read_to_end(client)) for client in clients)
        assert server.process.wait(timeout=60) == 0
    assert (poll.status, poll.json["status"], poll.headers["Preference-Applied"]) == (200, "queued", "wait=25")
    assert len(read_events(stream.body.decode())) == 1


def read_events(text: str) -> list[dict]:
    """Return the data of the status events in this text."""
    blocks = [block for block in text.split("\n\n") if block.startswith("event:")]
    return [json.loads(block.split("data: ", 1)[1]) for block in blocks]


def next_block(stream: http.client.HTTPResponse) -> dict:
    """Return the id and the data of the next event."""
    lines: list[str] = []
    while (line := stream.readline().decode().rstrip("\n")) or not lines or lines[0].startswith(":"):
        lines = [*lines, line] if line else []
    fields = dict(one.split(": ", 1) for one in lines)
    assert fields["event"] == "status"
    return {"id": fields["id"], "data": json.loads(fields["data"])}
