"""Tests of the app under gunicorn with our configuration, over a real socket."""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from uuid import uuid4

import pytest

from ingest.gunicorn import child_exit
from tests.support.gunicorn_server import ask, raw, run_gunicorn
from tests.support.races import promptly

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def port(shared_api, tmp_path_factory) -> Iterator[int]:
    """Start gunicorn, give its port, and stop it at the end; its log must contain no traceback."""
    folder = tmp_path_factory.mktemp("gunicorn")
    metrics = tmp_path_factory.mktemp("metrics")
    environment = {**shared_api.environment, "WEB_THREADS": "8", "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    with run_gunicorn(environment, log_file=folder / "stderr") as server:
        yield server.port


@pytest.fixture(scope="module")
def proxied(shared_api, tmp_path_factory) -> Iterator[int]:
    """Start gunicorn with one proxy in front, and give its port."""
    environment = {**shared_api.environment, "ESSAYCOACH_PROXIES": "1", "FORWARDED_ALLOW_IPS": "*"}
    with run_gunicorn(environment, log_file=tmp_path_factory.mktemp("proxied") / "stderr") as server:
        yield server.port


@pytest.fixture
def headers(shared_api):
    """Give the headers of a JSON request with an API key."""
    return {**shared_api.with_key(), "Content-Type": "application/json"}


def of_size(size: int) -> bytes:
    """Return a valid body of exactly this many bytes."""
    start = json.dumps({"title": "t", "text": "x", "student": {"external_id": "s"}, "padding": ""})[:-2].encode()
    return start + b"x" * (size - len(start) - 2) + b'"}'


def in_chunks(body: bytes, size: int = 60_000) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
@pytest.mark.parametrize(("size", "status"), [(MIB - 1, 202), (MIB, 202), (MIB + 1, 413)])
def test_body_limit_is_exactly_one_mebibyte(port, headers, size, status, chunked):
    body = of_size(size)
    if chunked:
        answer = ask(
            port, "POST", "/v1/submissions", in_chunks(body), {**headers, "Transfer-Encoding": "chunked"}, chunked=True
        )
    else:
        answer = ask(port, "POST", "/v1/submissions", body, headers)
    assert answer.status == status, answer.body
    if status == 413:
        assert answer.json["type"].endswith("/payload-too-large")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["instance"] == answer.headers["X-Request-Id"]


def test_oversized_chunked_body_is_refused_as_a_whole(port, headers):
    """The first mebibyte of this body would be valid alone."""
    body = of_size(500) + b" " * MIB + b" and what is cut off"
    answer = ask(
        port, "POST", "/v1/submissions", in_chunks(body), {**headers, "Transfer-Encoding": "chunked"}, chunked=True
    )
    assert (answer.status, answer.json["type"]) == (413, "/problems/payload-too-large")


def test_false_content_length_of_ten_gibibytes_is_refused_fast(port, headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST /v1/submissions HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: 10737418240\r\n\r\n{{".encode()
    answer = promptly(lambda: raw(port, request), seconds=3)
    assert b" 413 " in answer.split(b"\r\n")[0]


def test_two_idempotency_key_headers_are_refused(port, headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name != "Idempotency-Key")
    body = of_size(200).decode()
    for first, second in (("one", "two"), ("one", "one"), ('"one"', '"two"')):
        answer = raw(
            port,
            f"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}Idempotency-Key: {first}\r\n"
            f"Idempotency-Key: {second}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode(),
        )  # fmt: skip
        assert b" 400 " in answer.split(b"\r\n")[0], answer
        assert b"idempotency-key-invalid" in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GARBAGE\r\n\r\n", b"GET /v1/me\r\n\r\n", b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\rb\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: abcdefgh\0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"x" * 17000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(100)) + b"\r\n",
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
    ],
    ids=lambda one: ascii(one[:50])[2:-1],
)  # fmt: skip
def test_invalid_http_is_refused_or_dropped_without_server_error(port, request_bytes):
    answer = raw(port, request_bytes)
    statuses = re.findall(rb"^HTTP/1\.\d (\d{3})", answer, re.MULTILINE)
    # An unknown transfer coding gets 501, an unknown HTTP version 505.
    assert all(one.startswith(b"4") or one in (b"501", b"505") for one in statuses), answer
    assert len(statuses) <= 1, "a smuggled second request was answered"
    assert b"Traceback" not in answer
    assert ask(port, "GET", "/healthz").status == 200


def test_encoded_line_break_in_a_header_never_reaches_the_response(port):
    answer = raw(
        port,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: abcdefgh%0d%0aSet-Cookie:x\r\n\r\n",
    )
    assert b" 200 " in answer.split(b"\r\n")[0]
    assert b"Set-Cookie" not in answer


def test_client_that_disconnects_mid_request_affects_no_other_request(port, headers, shared_api):
    before = shared_api.database.sql("select count(*) from submissions")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(
                f'POST /v1/submissions HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: 5000\r\n\r\n{{"title": '.encode()
            )
    assert ask(port, "POST", "/v1/submissions", of_size(300), headers).status == 202
    assert shared_api.database.sql("select count(*) from submissions") == [(before[0][0] + 1,)]


def test_fifty_equal_concurrent_requests_get_the_same_response(port, headers):
    body = of_size(500)
    same = {**headers, "Idempotency-Key": uuid4().hex}
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: ask(port, "POST", "/v1/submissions", body, same), range(50)))
    assert {one.status for one in answers} == {202}
    assert len({one.body for one in answers}) == 1


def test_event_stream_delivers_each_event_as_it_happens(port, shared_api):
    receipt = shared_api.hand_in("alice")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", receipt["links"]["events"], headers=shared_api.signed_in("alice"))
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("Content-Type").startswith("text/event-stream")

    def next_event() -> dict:
        lines = []
        while (line := answer.readline().decode().rstrip("\n")) or not lines:
            lines.append(line)
        return json.loads(next(one for one in lines if one.startswith("data: "))[6:])

    assert next_event()["status"] == "queued"
    shared_api.database.sql(
        "update passes set state = 'gave_up', error = 'x', finished_at = now() where submission_id = %s", receipt["id"]
    )
    shared_api.database.sql(
        "update submissions set status = 'failed', completed_at = now() where id = %s", receipt["id"]
    )
    assert any(next_event()["status"] == "failed" for _ in range(2))
    assert answer.read() == b""
    connection.close()


def test_head_response_has_no_body(port, shared_api):
    receipt = shared_api.hand_in("alice")
    answer = ask(port, "HEAD", receipt["links"]["self"], headers=shared_api.signed_in("alice"))
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["ETag"]


FORGED = [
    {"SCRIPT_NAME": "/v1"}, {"SCRIPT_NAME": "/elsewhere"}, {"Script_Name": "/v1/me"}, {"PATH_INFO": "/v1/audit"},
    {"REMOTE_USER": "admin"}, {"REMOTE_ADDR": "10.0.0.1"}, {"X_Forwarded_For": "10.0.0.1"}, {"X_FORWARDED_PROTO": "https"},
    {"X-Script-Name": "/v1"}, {"X-Forwarded-Prefix": "/v1"}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Proto": "HTTPS, http"},
    {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off"}, {"X-Forwarded-Proto": "http", "X-Forwarded-Protocol": "ssl"},
    {"X-Forwarded-Protocol": "ssl"}, {"X-Forwarded-Ssl": "on"}, {"Front-End-Https": "on"}, {"X-Forwarded-Host": "evil.example"},
    {"Forwarded": "for=10.0.0.1;proto=https"}, {"wsgi.url_scheme": "https"}, {"HTTP_HOST": "evil.example"}, {"Proxy": "http://evil"},
]  # fmt: skip


@pytest.mark.parametrize("forged", FORGED, ids=str)
@pytest.mark.parametrize("path", ["/healthz", "/v1/me", "/nowhere"])
def test_a_client_on_the_same_machine_sets_neither_path_nor_scheme(port, path, forged):
    plain, answer = ask(port, "GET", path), ask(port, "GET", path, headers=forged)
    assert answer.status == plain.status
    assert answer.headers["Content-Type"] == plain.headers["Content-Type"]
    assert answer.headers["Strict-Transport-Security"] is None, "the forged scheme was believed"
    parts = ("type", "title", "status", "detail")
    assert [answer.json.get(part) for part in parts] == [plain.json.get(part) for part in parts]


@pytest.mark.parametrize("scheme", ["https", "http", "", "javascript", "https,http", "ht tps", "\xe9", "x" * 3000])
def test_only_a_proxy_of_ours_says_what_the_scheme_is(proxied, scheme):
    headers = {"X-Forwarded-Proto": scheme, "X-Forwarded-For": "192.0.2.1", "SCRIPT_NAME": "/other"}
    answer = ask(proxied, "GET", "/v1/me", headers=headers)
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.headers["Strict-Transport-Security"] is not None) == (scheme == "https")


def test_damaged_metrics_file_does_not_stop_the_master(tmp_path, monkeypatch, caplog):
    """An exception in `child_exit` would end gunicorn's master process, and with it every worker."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    (tmp_path / "counter_4242.db").write_bytes(b"abc")

    child_exit(SimpleNamespace(log=logging.getLogger("gunicorn.error")), SimpleNamespace(pid=4242))

    assert "metrics of a dead worker were not folded" in caplog.text
