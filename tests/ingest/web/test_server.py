"""Tests of the worker class under gunicorn: clients that stall, send too much, or do not read hold up nobody else."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingest import gunicorn
from monitoring.http import read_http
from tests.support.gunicorn_server import ask, connect, parse_answer, raw, read_to_end, run_gunicorn
from tests.support.races import eventually

MIB = 1024 * 1024
THREADS = 4
# No slow machine reaches these.
LIMITS = {
    "WEB_THREADS": str(THREADS), "ESSAYCOACH_REQUEST_HEAD_SECONDS": "60",
    "ESSAYCOACH_REQUEST_BODY_SECONDS": "60", "ESSAYCOACH_RESPONSE_SECONDS": "60",
}  # fmt: skip
# Short, so that stalled connections end within the test.
SHORT_LIMITS = {
    "ESSAYCOACH_REQUEST_HEAD_SECONDS": "3", "ESSAYCOACH_REQUEST_BODY_SECONDS": "3", "ESSAYCOACH_RESPONSE_SECONDS": "2",
}  # fmt: skip
STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
WEBHOOK_HEAD = (
    b"POST /v1/webhooks/0198f7a0-0000-7000-8000-000000000000 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"webhook-id: msg_1\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,eA==\r\n"
)
STALLED = {
    "connected and silent": b"",
    "half a header line": b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Ty",
    "head without body": b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n",
    "webhook with half a body": WEBHOOK_HEAD + b'Content-Length: 400\r\n\r\n{"type": "submission.created", ',
    "chunked without end": WEBHOOK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    "one byte now and then": b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\nX-Slow: ",
}


@pytest.fixture(scope="module")
def counts(tmp_path_factory) -> Path:
    """Give the folder in which the server counts its requests."""
    return tmp_path_factory.mktemp("metrics")


@pytest.fixture(scope="module")
def port(shared_api, tmp_path_factory, counts) -> Iterator[int]:
    environment = {
        **shared_api.environment, **LIMITS, "PROMETHEUS_MULTIPROC_DIR": str(counts),
        "ESSAYCOACH_SECURITY_LOG": str(counts / "security.jsonl"),
    }  # fmt: skip
    with run_gunicorn(environment, log_file=tmp_path_factory.mktemp("server") / "log") as server:
        yield server.port


@pytest.fixture(scope="module")
def hasty_port(shared_api, tmp_path_factory, counts) -> Iterator[int]:
    """Give the port of a server that soon ends connections on which nothing comes or goes."""
    environment = {**shared_api.environment, **LIMITS, **SHORT_LIMITS, "PROMETHEUS_MULTIPROC_DIR": str(counts)}
    with run_gunicorn(environment, log_file=tmp_path_factory.mktemp("hasty") / "log") as server:
        yield server.port


@pytest.fixture
def headers(shared_api):
    return {**shared_api.with_key(), "Content-Type": "application/json"}


BODY = b'{"title": "t", "text": "They was late.", "student": {"external_id": "s"}}'


def head(path: str, headers: dict[str, str] | None = None, *, method: str = "POST") -> bytes:
    """Return a request line and headers, without the empty line at the end."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, ""]).encode()


def hand_in_bytes(headers: dict[str, str]) -> bytes:
    return head("/v1/submissions", {**headers, "Content-Length": str(len(BODY))}) + b"\r\n" + BODY


def refused_count(counts: Path, status: str) -> float:
    """Return how many requests the server has refused with this status before any route was known."""
    return sum(
        sample.value
        for family in read_http(counts)
        for sample in family.samples
        if sample.name == "essaycoach_http_requests_total"
        and (sample.labels["route"], sample.labels["status"]) == ("unmatched", status)
    )


def check_refusal(received: bytes, status: int, slug: str) -> dict:
    """Check that this is one problem document with the headers of every answer, and return the document."""
    answer = parse_answer(received)
    assert (answer.status, answer.json["type"], answer.json["status"]) == (status, f"/problems/{slug}", status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Connection"] == "close"
    assert answer.json["instance"] == answer.headers["X-Request-Id"]
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", answer.headers["X-Request-Id"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Content-Security-Policy"] == STRICT
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json


@pytest.mark.slow(reason="waits for the time limits of a server")
def test_two_hundred_stalled_clients_hold_up_nobody(hasty_port, headers, shared_api, counts):
    """gunicorn's own worker would wait for the first four of them, and answer nobody else."""
    port, before = hasty_port, refused_count(counts, "408")
    kinds = [kind for _ in range(34) for kind in STALLED][:200]
    stalled = [connect(port, STALLED[kind]) for kind in kinds]
    ended = threading.Event()

    def send_slowly() -> None:
        while not ended.wait(0.2):
            for kind, connection in zip(kinds, stalled, strict=True):
                if kind == "one byte now and then":
                    try:
                        connection.send(b"x")
                    except OSError:  # refused meanwhile
                        continue

    slow = threading.Thread(target=send_slowly)
    slow.start()
    try:
        for _ in range(10):
            assert ask(port, "GET", "/healthz").status == 200
            fresh = {**shared_api.with_key(), "Content-Type": "application/json"}
            assert ask(port, "POST", "/v1/submissions", BODY, fresh).status == 202
        with ThreadPoolExecutor(50) as pool:
            received = list(pool.map(read_to_end_or_reset, stalled))
    finally:
        ended.set()
        slow.join()
    for kind, answer in zip(kinds, received, strict=True):
        if kind == "connected and silent":
            assert answer == b"", kind
        else:
            document = check_refusal(answer, 408, "request-timeout")
            assert "within 3 seconds" in document["detail"]
    answered = len([kind for kind in kinds if kind != "connected and silent"])
    assert refused_count(counts, "408") == before + answered


def read_to_end_or_reset(connection: socket.socket) -> bytes:
    """Return what came before the end, or before a reset: a client that still sends after its answer may get one."""
    received = b""
    with connection:
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            pass
    return received


def test_client_gets_100_continue_once_and_before_its_body(port, headers):
    with connect(
        port, head("/v1/submissions", {**headers, "Expect": "100-continue", "Content-Length": str(len(BODY))}) + b"\r\n"
    ) as client:
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(BODY)
        response = http.client.HTTPResponse(client)
        response.begin()
        assert response.status == 202
    unasked = head(
        "/v1/submissions",
        {**headers, "Idempotency-Key": "with-body-1", "Expect": "100-continue", "Content-Length": str(len(BODY))},
    )
    assert raw(port, unasked + b"\r\n" + BODY).startswith(b"HTTP/1.1 202")


def test_body_that_is_too_large_is_refused_before_it_is_sent(port, headers):
    """More of these clients than threads leave their connection open, and others are answered all the same."""
    long_bodies = (
        {"Content-Length": str(2 * MIB)},
        {"Content-Length": str(2 * MIB), "Expect": "100-continue"},
        {"Content-Length": "9" * 30},
        {"Transfer-Encoding": "chunked"},
    )
    with ExitStack() as stack:
        for sent in long_bodies * 2:
            start = b"200000\r\n{" if "Transfer-Encoding" in sent else b""
            client = stack.enter_context(connect(port, head("/v1/submissions", {**headers, **sent}) + b"\r\n" + start))
            client_answer = b""
            while part := client.recv(65536):
                client_answer += part
            document = check_refusal(client_answer, 413, "payload-too-large")
            assert document["detail"] == "The body is larger than 1 MiB."
        assert ask(port, "GET", "/healthz").status == 200


@pytest.mark.parametrize("before", [0, 100_000])
@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("slash", ["/", "\\/"], ids=["a slash", "an escaped slash"])
def test_refusal_says_that_a_picture_makes_the_body_too_large(port, headers, before, chunked, slash):
    picture = f"data:image{slash}png;base64,{'A' * 1_200_000}"
    body = rf'{{"title": "T", "text": "{"x" * before}<img src=\"{picture}\">"}}'.encode()
    sent = {**headers, "Transfer-Encoding": "chunked"} if chunked else headers
    parts = (body[start : start + 60_000] for start in range(0, len(body), 60_000))
    answer = ask(port, "POST", "/v1/submissions", parts if chunked else body, sent, chunked=chunked)
    assert answer.status == 413
    assert answer.json["detail"] == (
        "The body is larger than 1 MiB. A picture is embedded in it; hand in the text without the picture."
    )


def test_refused_client_that_sends_everything_first_reads_the_answer(port, headers):
    body = b"x" * (3 * MIB)
    assert ask(port, "POST", "/v1/submissions", body, headers).status == 413


def test_pipelined_requests_are_answered_in_order_and_keep_their_rest(port, shared_api):
    alice = {"Authorization": shared_api.signed_in("alice")["Authorization"]}
    third = head("/readyz", method="GET") + b"Connection: close\r\n\r\n"
    with connect(port) as client:
        client.sendall(
            head("/healthz", method="GET") + b"\r\n" + head("/v1/me", alice, method="GET") + b"\r\n" + third[:20]
        )
        received = b""
        while received.count(b"HTTP/1.1 200") < 2 or not received.rstrip().endswith(b"}"):
            part = client.recv(65536)
            assert part, received
            received += part
        client.sendall(third[20:])
        while part := client.recv(65536):
            received += part
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200"] * 3
    assert received.index(b'"alice') < received.index(b"Connection: close")


@pytest.mark.slow(reason="waits for the time limits of a server")
def test_idle_connection_outlives_the_limit_for_a_head(hasty_port):
    """A new connection that sends nothing ends after three seconds, one that was used waits for 75."""
    client = http.client.HTTPConnection("127.0.0.1", hasty_port, timeout=60)
    client.request("GET", "/healthz")
    client.getresponse().read()
    used = client.sock
    assert (
        read_to_end(connect(hasty_port)) == b""
    )  # it was opened later, so the used connection has been idle for longer
    client.request("GET", "/healthz")
    assert client.getresponse().status == 200
    assert client.sock is used
    client.close()


BROWSER = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "de"}
FORM = {**BROWSER, "Content-Type": "multipart/form-data; boundary=x"}


def check_page(received: bytes, status: int, said: str) -> None:
    answer = parse_answer(received)
    text = answer.body.decode()
    assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert said in text
    assert "Was du geschrieben hast, ist noch da" in text
    assert answer.headers["Connection"] == "close"


def test_browser_whose_file_is_too_large_gets_a_page_and_the_next_request_its_own_answer(port, counts):
    before = refused_count(counts, "413")
    large = head("/essays/new", {**FORM, "Content-Length": str(100 * MIB)}) + b"\r\nthe begin of a file"
    for _ in range(THREADS * 2):
        check_page(read_to_end(connect(port, large)), 413, "Die Datei ist größer als 20 MiB.")
    for _ in range(THREADS * 2):
        assert ask(port, "GET", "/sign-in", headers=BROWSER).status == 200
    assert refused_count(counts, "413") == before, "counted at its own route"


@pytest.mark.slow(reason="waits until a body is late")
def test_browser_whose_form_is_too_large_or_late_gets_a_page(hasty_port):
    large = connect(hasty_port, head("/sign-in", {**BROWSER, "Content-Length": str(2 * MIB)}) + b"\r\norg=")
    late = connect(hasty_port, head("/sign-in", {**BROWSER, "Content-Length": "9"}) + b"\r\norg=")
    check_page(read_to_end(large), 413, "Es ist mehr als 1 MiB.")
    check_page(read_to_end(late), 408, "Es ist nicht rechtzeitig angekommen")


@pytest.mark.slow(reason="starts a server of its own")
def test_idle_connection_lasts_longer_than_a_load_balancer_keeps_it(shared_api, tmp_path):
    """60 seconds is what load balancers wait. The time is a setting, and here it is one second."""
    assert gunicorn.keepalive == 75
    with run_gunicorn(
        {**shared_api.environment, "ESSAYCOACH_KEEPALIVE_SECONDS": "1"}, log_file=tmp_path / "log"
    ) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        client.request("GET", "/healthz")
        assert client.getresponse().read()
        assert client.sock.recv(1) == b"", "closed without a word"
        client.close()


def test_more_idle_connections_than_threads_are_kept(port):
    clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(THREADS * 5)]
    for _ in range(2):
        sockets = []
        for client in clients:
            client.request("GET", "/healthz")
            assert client.getresponse().read()
            sockets.append(client.sock)
    assert None not in sockets
    assert [client.sock for client in clients] == sockets
    for client in clients:
        client.close()


def test_request_that_comes_byte_by_byte_is_answered(port, headers):
    request = hand_in_bytes({**headers, "Connection": "close"})
    with connect(port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            client.send(bytes([byte]))
        assert read_to_end(client).startswith(b"HTTP/1.1 202")


def test_chunked_body_with_trailers_is_read(port, headers):
    size = len(BODY) - 5
    chunks = b"5;x=y\r\n%s\r\n%x\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n" % (BODY[:5], size, BODY[5:])
    answer = raw(port, head("/v1/submissions", {**headers, "Transfer-Encoding": "chunked"}) + b"\r\n" + chunks)
    assert answer.startswith(b"HTTP/1.1 202"), answer


def test_malformed_request_is_a_security_event(port, counts):
    """Two lengths, the way of request smuggling: one line with the request id of the answer, and one more counted."""

    def counted() -> float:
        return sum(
            sample.value
            for family in read_http(counts)
            for sample in family.samples
            if sample.name == "essaycoach_security_events_total" and sample.labels["event"] == "request_malformed"
        )

    before = counted()
    lengths = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    request_id = check_refusal(raw(port, lengths), 400, "malformed-request")["instance"]
    lines = [json.loads(line) for line in (counts / "security.jsonl").read_text().splitlines()]
    [line] = [line for line in lines if line["request_id"] == request_id]
    assert (line["event"], line["address"], line["reason"]) == ("request_malformed", "127.0.0.1", "malformed-request")
    assert counted() == before + 1


REFUSED_BELOW_THE_APP = [
    (b"GARBAGE\r\n\r\n", 400, "malformed-request"),
    (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-request"),
    (b"GET / HTTP/1.1\nHost: x\n\n", 400, "malformed-request"),
    (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "malformed-request"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400, "malformed-request"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "malformed-request"),
    (b"GET /healthz HTTP/1.1\r\n\r\n", 400, "malformed-request"),
    (b"POST /v1/auth/login HTTP/1.1\r\nX-Host: x\r\nContent-Length: 2\r\n\r\n{}", 400, "malformed-request"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "malformed-request"),
    (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "malformed-request",
    ),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "malformed-request"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed-request"),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri-too-long"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: cake\r\n\r\n", 417, "expectation-failed"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"x" * 17_000 + b"\r\n\r\n", 431, "headers-too-large"),
    (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431, "headers-too-large"),
    (b"GET / HTTP/1.1\r\n" + (b"X: " + b"y" * 16_000 + b"\r\n") * 5, 431, "headers-too-large"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 501, "unsupported-transfer-coding"),
    (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505, "unsupported-http-version"),
]


@pytest.mark.parametrize(("request_bytes", "status", "slug"), REFUSED_BELOW_THE_APP, ids=lambda one: ascii(one)[:50])
def test_refusal_below_the_app_is_a_problem_document(port, shared_api, counts, request_bytes, status, slug):
    before = refused_count(counts, str(status))
    check_refusal(read_to_end(connect(port, request_bytes)), status, slug)
    assert refused_count(counts, str(status)) == before + 1
    assert shared_api.client.get(f"/problems/{slug}").text.startswith(f"{status} {slug}\n")


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET /healthz HTTP/1.0\r\n\r\n", b"GET /healthz HTTP/1.1\r\nhost:\r\nConnection: close\r\n\r\n"],
    ids=["HTTP/1.0", "an empty one"],
)
def test_host_may_be_missing_in_http_1_0_and_may_be_empty(port, request_bytes):
    assert re.match(rb"HTTP/1.[01] 200 OK", raw(port, request_bytes))


def test_refusal_below_the_app_keeps_the_request_id_of_the_client(port):
    request = head("/v1/submissions", {"X-Request-Id": "from-the-client", "Content-Length": str(2 * MIB)}) + b"\r\n"
    assert check_refusal(read_to_end(connect(port, request)), 413, "payload-too-large")["instance"] == "from-the-client"


@pytest.mark.parametrize("size", [9_000, 16 * 1024])
def test_large_cookies_of_other_sites_are_accepted(port, size):
    request = head("/healthz", {"Cookie": "x" * size, "Connection": "close"}, method="GET") + b"\r\n"
    assert raw(port, request).startswith(b"HTTP/1.1 200")
    many = head("/healthz", {f"X-{number}": "y" for number in range(98)} | {"Connection": "close"}, method="GET")
    assert raw(port, many + b"\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.slow(reason="fills the buffers of the kernel with answers")
def test_clients_that_do_not_read_their_answers_hold_up_nobody(hasty_port):
    """The answers do not fit into the buffers of the kernel, so a thread that sends has to wait."""
    port = hasty_port
    count = 32 * MIB // len(ask(port, "GET", "/openapi.json").body)
    with ExitStack() as stack:
        clients = []
        for _ in range(THREADS):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            client.settimeout(60)
            client.connect(("127.0.0.1", port))
            client.sendall((head("/openapi.json", method="GET") + b"\r\n") * count)
            clients.append(client)
        eventually(
            lambda: ask(port, "GET", "/healthz").status == 200 and is_reset(clients[0]),
            within_seconds=120, what="the end of a client that does not read",
        )  # fmt: skip


def is_reset(client: socket.socket) -> bool:
    """Return whether the server has closed the connection, without reading what it sent before."""
    try:
        client.send(b"G")
    except OSError:
        return True
    return False


@pytest.mark.slow(reason="starts a server of its own")
def test_connections_of_one_address_are_limited(shared_api, tmp_path):
    environment = {
        **shared_api.environment,
        "ESSAYCOACH_ADDRESS_CONNECTIONS": "10",
        "ESSAYCOACH_REQUEST_HEAD_SECONDS": "3",
    }
    with run_gunicorn(environment, log_file=tmp_path / "log") as server:
        received = [read_to_end(client) for client in [connect(server.port) for _ in range(15)]]
        refused = [answer for answer in received if answer]
        # The connection that asked whether the server is ready may still have been open.
        assert len(refused) in (5, 6)
        for answer in refused:
            document = check_refusal(answer, 429, "rate-limited")
            assert document["detail"] == "More than 10 connections of this address are open."
            assert parse_answer(answer).headers["Retry-After"] == "1"
        assert ask(server.port, "GET", "/healthz").status == 200


@pytest.mark.slow(reason="starts a server of its own")
def test_incomplete_requests_together_are_bounded(shared_api, tmp_path, headers):
    """Eighty clients hold back the last byte of a mebibyte: more than a process keeps, so the largest are refused."""
    request = head("/v1/submissions", {**headers, "Content-Length": str(MIB)}) + b"\r\n" + b" " * (MIB - 1)
    counts = tmp_path / "metrics"
    counts.mkdir()
    environment = {
        **shared_api.environment,
        "PROMETHEUS_MULTIPROC_DIR": str(counts),
        "ESSAYCOACH_REQUEST_BODY_SECONDS": "60",
    }
    with run_gunicorn(environment, log_file=tmp_path / "log") as server, ExitStack() as stack:
        with ThreadPoolExecutor(20) as pool:
            for client in list(pool.map(lambda _: connect(server.port, request), range(80))):
                stack.enter_context(client)
        eventually(lambda: refused_count(counts, "503") >= 16, what="a refusal of the largest")
        assert refused_count(counts, "503") < 40, "most of them fit"
        assert ask(server.port, "POST", "/v1/submissions", BODY, headers).status == 202


@pytest.mark.slow(reason="waits for the time limits of a server")
def test_stopping_server_finishes_requests_and_drops_half_read_ones(shared_api, tmp_path):
    receipt = shared_api.hand_in("alice")
    alice = shared_api.signed_in("alice")
    waiting = {"Authorization": alice["Authorization"], "Prefer": "wait=20"}
    with run_gunicorn({**shared_api.environment, "WEB_THREADS": "4"}, log_file=tmp_path / "log") as server:
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        half_read = connect(server.port, STALLED["head without body"])
        running = connect(server.port, head(receipt["links"]["self"], waiting, method="GET") + b"\r\n")
        # This request comes after it in the same queue of the main loop, so the other is running or parked when this is answered.
        assert ask(server.port, "GET", "/healthz").status == 200
        server.process.send_signal(signal.SIGTERM)
        assert read_to_end(half_read) == b""
        assert idle.sock.recv(1) == b""
        idle.close()
        answer = parse_answer(read_to_end(running))
        assert (answer.status, answer.json["status"]) == (200, "queued")
        assert server.process.wait(timeout=60) == 0
