"""Tests of the connection: a request is complete at its last byte, however its bytes are cut into pieces."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.settings import ConnectionLimits
from ingest.web.connection import MAX_HEAD_BYTES, Connection, State
from ingest.web.problems import Problem
from ingest.web.refusals import problem_of

MIB = 1024 * 1024
LIMITS = ConnectionLimits(head_seconds=10, body_seconds=20, send_seconds=30, per_address=0)
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{\r\n\r\n1}"
CHUNKED_HEAD = b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b'3;ext="a b"\r\nabc\r\n0A\r\n0\r\n\r\n45678\r\n000\r\nX-Checksum: 1\r\n\r\n'


def open_connection() -> tuple[Connection, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return Connection(ours, ("192.0.2.1", 1), ("127.0.0.1", 8000), cfg=Config(), limits=LIMITS), theirs


@pytest.fixture
def connection() -> Iterator[Connection]:
    opened, other_end = open_connection()
    yield opened
    opened.sock.close()
    other_end.close()


def bodies(connection: Connection, pieces: list[bytes]) -> list[bytes]:
    """Feed the pieces, take each request when it is complete, and return the bodies."""
    found = []
    for piece in pieces:
        complete = connection.take(piece)
        while complete:
            found.append(connection.request.body.read())
            connection.wait(10)
            complete = connection.take(b"")
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([GET, POST, CHUNKED]), min_size=1, max_size=4), st.data())
def test_requests_are_the_same_however_their_bytes_are_cut(requests, data):
    sent = b"".join(requests)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=20)))
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    expected = {GET: b"", POST: b"{\r\n\r\n1}", CHUNKED: b"abc0\r\n\r\n45678"}
    connection, other_end = open_connection()
    with connection.sock, other_end:
        assert bodies(connection, pieces) == [expected[request] for request in requests]
        assert connection.state is State.WAITING


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED], ids=["GET", "POST", "chunked"])
def test_request_is_complete_at_its_last_byte_and_not_before(connection, request_bytes):
    for byte in request_bytes[:-1]:
        assert not connection.take(bytes([byte]))
        assert connection.state is State.READING
    assert connection.take(request_bytes[-1:])


def test_deadlines_are_for_the_whole_head_and_the_whole_body(connection):
    connection.take(b"P")
    head_deadline = connection.deadline
    connection.take(b"OST /v1/submissions HTTP/1.1\r\nHost: x\r\n")
    assert connection.deadline == head_deadline, "more bytes of the head give no more time"
    connection.take(b"Content-Length: 9\r\n\r\n")
    body_deadline = connection.deadline
    assert body_deadline > head_deadline
    connection.take(b"{}")
    assert connection.deadline == body_deadline, "more bytes of the body give no more time"


def test_empty_line_between_requests_begins_no_request(connection):
    assert connection.take(POST + b"\r\n")
    connection.wait(10)
    assert not connection.take(b"")
    assert connection.state is State.WAITING
    assert connection.take(GET)


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("2001:db8::1", 1, 0, 0), "2001:db8::/64"),
        (("::ffff:192.0.2.1", 1, 0, 0), "192.0.2.1"),
        ("", ""),
    ],
)
def test_address_of_an_ipv6_client_is_its_network(client, address):
    """One subscriber has a whole /64, so a limit for each of its addresses would be none."""
    with socket.socket() as sock:
        assert Connection(sock, client, ("::", 8000), cfg=Config(), limits=LIMITS).address == address


@pytest.mark.parametrize("length", [MIB + 1, 10 * 1024 * MIB])
def test_too_long_a_body_is_refused_before_it_arrives(connection, length):
    with pytest.raises(Problem) as refusal:
        connection.take(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % length)
    assert refusal.value.slug == "payload-too-large"


def test_too_long_a_chunk_is_refused_before_it_arrives(connection):
    connection.take(CHUNKED_HEAD + b"80000\r\n" + b"x" * 0x80000 + b"\r\n")
    with pytest.raises(Problem) as refusal:
        connection.take(b"80001\r\n")
    assert refusal.value.slug == "payload-too-large"


def test_body_of_one_mebibyte_in_small_chunks_is_complete(connection):
    assert connection.take(CHUNKED_HEAD + (b"40\r\n" + b"x" * 64 + b"\r\n") * (MIB // 64) + b"0\r\n\r\n")
    assert len(connection.request.body.read()) == MIB


@pytest.mark.parametrize(
    "body",
    [b"x\r\n", b"\r\n", b"-1\r\n", b"+1\r\n", b"0x1\r\n", b"1_0\r\n", b" 1\r\n", b"1\r\nab\r\n", b"2\r\nabc\r\n", b"1 x\r\n", b"1;a\rb\r\n", b"1;a\nb\r\n",
     b"1" * 5000, b"1\r\na\r\n" * 20_001, b"0\r\nContent-Length: 1\r\n\r\n", b"0\r\nno colon\r\n\r\n", b"0\r\na: b\nc: d\r\n\r\n", b"0\r\nX: " + b"y" * 20_000],
    ids=lambda body: ascii(body[:20]),
)  # fmt: skip
def test_malformed_chunks_are_refused(connection, body):
    with pytest.raises(ParseException) as refusal:
        connection.take(CHUNKED_HEAD + body)
    assert problem_of(refusal.value).slug in ("malformed-request", "headers-too-large")


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\n\n", b"GET / HTTP/1.1\r\nHost: x\n\n", b"\n", b"\x16\x03\x01\n"])
def test_head_that_could_never_end_is_refused_at_once(connection, head):
    with pytest.raises(ParseException):
        connection.take(head)


def test_head_without_an_end_is_refused_when_it_is_too_large(connection):
    with pytest.raises(ParseException) as refusal:
        for _ in range(MAX_HEAD_BYTES // 1000 + 1):
            connection.take(b"x" * 1000)
    assert problem_of(refusal.value).slug == "headers-too-large"


def test_connection_counts_the_bytes_it_holds(connection):
    connection.take(CHUNKED_HEAD + b"5\r\nabcde\r\n5\r\nab")
    assert connection.size == len(b"abcde5\r\nab")
    assert connection.take(b"cde\r\n0\r\n\r\n" + GET[:10])
    assert connection.size == 10 + 10
    connection.wait(10)
    assert connection.size == 10


FILE_HEAD = b"POST /v1/files HTTP/1.1\r\nHost: x\r\n"


def test_file_may_have_20_mebibytes_and_longer_to_arrive(connection):
    body = bytes(20 * MIB)
    started = time.monotonic()
    assert not connection.take(FILE_HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
    assert connection.deadline - started >= 20 * LIMITS.body_seconds
    assert connection.take(body)
    assert len(connection.request.body.read()) == len(body)


@pytest.mark.parametrize("head", [
    b"POST /v1/files HTTP/1.1\r\nExpect: 100-continue\r\n", b"POST /essays/new HTTP/1.1\r\nExpect: 100-continue\r\n",
])  # fmt: skip
def test_larger_file_is_refused_before_it_arrives(connection, head):
    with pytest.raises(Problem) as refusal:
        connection.take(head + b"Host: x\r\nContent-Length: %d\r\n\r\n" % (22 * MIB))
    assert refusal.value.slug == "file-too-large"


def test_larger_file_in_chunks_is_refused(connection):
    connection.take(FILE_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(Problem) as refusal:
        for _ in range(21):
            connection.take(b"100000\r\n" + bytes(MIB) + b"\r\n")
    assert refusal.value.slug == "file-too-large"


@pytest.mark.parametrize("head", [
    b"PUT /v1/files HTTP/1.1\r\n", b"POST /v1/files/x HTTP/1.1\r\n", b"POST /v1/submissions?x=/v1/files HTTP/1.1\r\n",
])  # fmt: skip
def test_other_request_may_have_one_mebibyte(connection, head):
    with pytest.raises(Problem) as refusal:
        connection.take(head + b"Expect: 100-continue\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MIB + 1))
    assert refusal.value.slug == "payload-too-large"
