"""Test the client against servers that answer as they like, and names that lead where they like."""

from __future__ import annotations

import gzip
import ipaddress
import logging
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat

import pytest

from models.version import version
from outgoing.client import MAX_REDIRECTED_URL, Client, NoAnswer, Refused, url_objection
from tests.outgoing.conftest import HOST
from tests.support.tls import make_certificates

LOCAL = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
PUBLIC = "93.184.215.14"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
TOKEN = "s3cret-token-of-a-school"


def resolver(*answers):
    """Return a resolver that gives each list of addresses once, and the last one for ever. It counts in `asked`."""

    def resolve(host, port, **_):
        resolve.asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(left)]

    left = chain(answers, repeat(answers[-1]))
    resolve.asked = []
    return resolve


@pytest.fixture
def client():
    """Give a client that may call this machine."""
    return Client(allowed=LOCAL, seconds=20)


def reason_of(client, url, **more):
    with pytest.raises(NoAnswer) as stopped:
        client.send("GET", url, **more)
    # A log shows the errors behind an error, and those may hold what was sent.
    assert stopped.value.__cause__ is None
    assert stopped.value.__context__ is None or stopped.value.__suppress_context__
    return str(stopped.value)


# What is sent and what comes back


def test_request_says_who_we_are_and_asks_for_no_more_than_one_plain_answer(client, serve):
    server = serve(
        b"HTTP/1.1 201 Created\r\nX-Kind: a\r\nx-kind: b\r\nSet-Cookie: c=d\r\nContent-Length: 4\r\n\r\nbody"
    )
    answer = client.send(
        "POST", f"http://127.0.0.1:{server.port}/a/b?c=d%20e", headers={"Authorization": f"Bearer {TOKEN}"}, body=b""
    )
    assert (answer.status, answer.headers["x-kind"], answer.body) == (201, "a, b", b"body")
    first, *lines = server.requests[0].decode().split("\r\n")
    assert first == "POST /a/b?c=d%20e HTTP/1.1"
    assert dict(line.split(": ") for line in lines if line) == {
        "Host": f"127.0.0.1:{server.port}", "User-Agent": f"EssayCoach/{version().partition('+')[0]}", "Accept-Encoding": "identity",
        "Connection": "close", "Content-Length": "0", "Authorization": f"Bearer {TOKEN}",
    }  # fmt: skip
    client.send("GET", f"http://127.0.0.1:{server.port}")
    assert server.requests[1].startswith(b"GET / HTTP/1.1\r\n")
    assert b"Cookie" not in server.requests[1]
    assert server.connections == 2


def test_body_of_a_request_arrives_whole(client, serve):
    got = []

    def take(connection):
        with connection.makefile("rb") as file:
            while (line := file.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length"):
                    size = int(line.split(b":")[1])
            got.append(file.read(size))
        connection.sendall(OK)

    body = bytes(range(256)) * 4000
    assert client.send("PUT", f"http://127.0.0.1:{serve(take).port}/", body=body).status == 200
    assert got == [body]


def test_compressed_answer_stays_compressed(client, serve):
    bomb = gzip.compress(b"0" * 10_000_000)
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)
    assert client.send("GET", f"http://127.0.0.1:{server.port}/").body == bomb


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_an_answer_and_is_not_followed(client, serve, status):
    there = serve(OK)
    server = serve(
        f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{there.port}/\r\nContent-Length: 0\r\n\r\n".encode()
    )
    answer = client.send("GET", f"http://127.0.0.1:{server.port}/")
    assert (answer.status, answer.headers["location"]) == (status, f"http://127.0.0.1:{there.port}/")
    assert there.connections == 0


def test_proxies_of_the_environment_are_not_used(serve, monkeypatch):
    proxy, server = serve(OK), serve(OK)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{proxy.port}")
    assert Client(allowed=LOCAL).send("GET", f"http://127.0.0.1:{server.port}/").status == 200
    assert proxy.connections == 0


def test_threads_share_a_client(client, serve):
    server = serve(OK)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: client.send("GET", f"http://127.0.0.1:{server.port}/").body, range(100)))
    assert answers == [b"OK"] * 100


# Where a request goes


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f000001", "0x7f.1", "2130706433", "017700000001", "0177.0.0.1", "127.0.0.1.", "localhost", "LOCALHOST",
     "0", "0.0.0.0", "10.0.0.1", "10.1", "192.168.0.1", "172.16.0.1", "100.64.0.1", "169.254.169.254", "0xa9fea9fe", "2852039166",
     "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "[::]", "[::1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
     "[64:ff9b::127.0.0.1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2001:0:1::]", "[fe80::1]", "[fec0::1]", "[fd00:ec2::254]",
     "[ff02::1]", "[0:0:0:0:0:ffff:169.254.169.254]"],
)  # fmt: skip
def test_every_spelling_of_a_denied_address_is_refused(host, serve):
    server = serve(OK)
    with pytest.raises((Refused, NoAnswer)) as stopped:
        Client().send("GET", f"https://{host}:{server.port}/")
    # What the system's resolver does not understand leads nowhere.
    assert str(stopped.value) in ("this address is in a network that is never called", "its name cannot be found")
    assert server.connections == 0


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], [PUBLIC, "127.0.0.1"], [PUBLIC, "::ffff:10.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "fe80::1%lo"]],
)
def test_name_with_one_denied_address_is_refused(addresses, serve):
    server, resolve = serve(OK), resolver(addresses)
    with pytest.raises(Refused) as stopped:
        Client(resolve=resolve).send("GET", f"https://{HOST}:{server.port}/")
    assert str(stopped.value) == "this address is in a network that is never called"
    assert (server.connections, resolve.asked) == (0, [HOST])


@pytest.mark.usefixtures("trusted")
def test_name_that_changes_after_the_check_leads_to_the_checked_address(serve, server_tls):
    """DNS rebinding: the second answer would lead elsewhere."""
    names = []
    server_tls.sni_callback = lambda _socket, name, _context: names.append(name)
    checked = serve(OK, host="127.0.0.2", tls=server_tls)
    other = serve(OK, host="127.0.0.1", port=checked.port)
    resolve = resolver(["127.0.0.2"], ["127.0.0.1"])
    client = Client(allowed=(ipaddress.ip_network("127.0.0.2"),), resolve=resolve)
    assert client.send("GET", f"https://{HOST}:{checked.port}/").body == b"OK"
    assert f"Host: {HOST}:{checked.port}\r\n".encode() in checked.requests[0]
    assert (names, resolve.asked, other.connections) == ([HOST], [HOST], 0)
    with pytest.raises(Refused):
        client.send("GET", f"https://{HOST}:{checked.port}/")
    assert (checked.connections, other.connections) == (1, 0)


@pytest.mark.usefixtures("trusted")
def test_next_address_is_called_when_the_first_takes_no_connection(serve, server_tls):
    server = serve(OK, tls=server_tls)
    client = Client(allowed=LOCAL, resolve=resolver(["127.0.0.2", "127.0.0.1"]))
    assert client.send("GET", f"https://{HOST}:{server.port}/").body == b"OK"


@pytest.mark.parametrize(
    "url",
    ["", "x", "//lms.example", "lms.example/a", "ftp://lms.example", "file:///etc/passwd", "https://", "https:///a", "https://a b", "https://lms.example/ a",
     "https://user@lms.example", "https://user:word@127.0.0.1", "https://@127.0.0.1", "https://lms.example/#a", "https://lms.example\\@127.0.0.1",
     "https://lms.example\t/", "https://lms.example\n/", "https://lms.example:0", "https://lms.example:99999", "https://lms.example:x",
     "https://[fe80::1%25eth0]/", "https://[::1", "https://b\u00fccher.example", "https://\uff11\uff12\uff17.0.0.1", "https://\u24db\u24de\u24d2\u24d0l.example",
     "https://lms%2eexample", "https://lms,example", "https://lms.example/\u00e4", "https://lms.example/\x7f", "http://lms.example", "http://10.0.0.1",
     "https://lms.example/" + "a" * 8192],
    ids=ascii,
)  # fmt: skip
def test_text_that_is_no_address_is_refused(url):
    assert url_objection(url, allow_local=True)
    resolve = resolver(["127.0.0.1"])
    with pytest.raises(Refused):
        Client(allowed=LOCAL, resolve=resolve).send("GET", url)
    assert resolve.asked == []


@pytest.mark.parametrize(
    ("url", "objection"),
    [
        ("https://b\u00fccher.example", "has letters that no address has; copy it from the address line of a browser"),
        ("https://user:word@lms.example", "must not hold the name of a user"),
        ("https://lms.example/#a", "must end before its #"),
        ("lms.example/a", "must begin with https://"),
        ("https://lms,example", "is no web address"),
    ],
    ids=ascii,
)
def test_objection_says_what_to_change(url, objection):
    assert url_objection(url, allow_local=False) == objection


def test_address_that_is_typed_in_is_shorter_than_one_that_is_redirected_to():
    url = "https://lms.example/" + "a" * 2048
    assert url_objection(url, allow_local=False) == "is longer than 2,048 characters"
    assert url_objection(url, allow_local=False, longest=MAX_REDIRECTED_URL) is None


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "169.254.169.254", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "localhost",
     "a.localhost", "localhost.", "127.0.0.1."],
)  # fmt: skip
def test_address_in_a_network_that_is_never_called_is_known_before_it_is_called(host):
    resolve = resolver([PUBLIC])
    assert Client(resolve=resolve).objection(f"https://{host}/a") == "is in a network that is never called"
    assert resolve.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "https://10.1.2.3/a",
        "https://8.8.8.8",
        "https://[2606:4700::1111]/",
        "https://1.2.3.4.example",
        "https://lms.example",
    ],
)
def test_other_address_may_be_called(url):
    assert Client(allowed=(ipaddress.ip_network("10.1.0.0/16"),)).objection(url) is None


def test_address_of_this_machine_needs_no_tls_only_where_it_is_allowed():
    assert url_objection("http://localhost:8000/a", allow_local=True) is None
    assert url_objection("http://localhost:8000/a", allow_local=False) == "must begin with https://"
    assert url_objection("https://xn--bcher-kva.example:8443/a?b=c", allow_local=False) is None
    with pytest.raises(Refused, match="must begin with https://"):
        Client().send("GET", "http://127.0.0.1/")


# TLS


@pytest.mark.usefixtures("trusted")
def test_certificate_of_another_name_or_authority_is_not_accepted(serve, server_tls, tmp_path):
    foreign = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made = make_certificates(tmp_path, host=HOST)
    foreign.load_cert_chain(made.certificate, made.key)
    client = Client(allowed=LOCAL, resolve=resolver(["127.0.0.1"]))
    for host, tls in (("other.example", server_tls), (HOST, foreign)):
        server = serve(OK, tls=tls)
        assert reason_of(client, f"https://{host}:{server.port}/") == "its certificate is not valid"
        assert server.requests == []


def test_self_signed_certificate_is_not_accepted(client, serve, server_tls):
    server = serve(OK, tls=server_tls)
    assert reason_of(client, f"https://127.0.0.1:{server.port}/") == "its certificate is not valid"


def test_server_without_tls_is_no_answer(client, serve):
    server = serve(lambda connection: connection.recv(10_000) and connection.sendall(OK))
    assert reason_of(client, f"https://127.0.0.1:{server.port}/") == "it speaks no TLS that we understand"


# Limits


def drip(connection, data, *, seconds=0.02):
    """Send one byte after the other until the client has gone."""
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(seconds)


HEAD = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "nothing": lambda connection: connection.recv(1_000_000) and time.sleep(20),
    "a head": lambda connection: drip(connection, HEAD + b"X-A: " + b"a" * 5000),
    "headers": lambda connection: drip(connection, chain(HEAD, *repeat(b"X-A: a\r\n", 1000))),
    "a body": lambda connection: drip(connection, HEAD + b"Content-Length: 5000\r\n\r\n" + b"a" * 5000),
    "chunks": lambda connection: drip(connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 5000),
    "a body without an end": lambda connection: drip(connection, HEAD + b"\r\n" + b"a" * 5000),
    "interim answers": lambda connection: drip(connection, b"HTTP/1.1 103 Wait\r\n\r\n" * 5000, seconds=0.001),
}


@pytest.mark.parametrize("answer", DRIPS.values(), ids=DRIPS)
def test_slow_answer_ends_with_the_time_of_the_request(client, serve, answer):
    assert reason_of(client, f"http://127.0.0.1:{serve(answer).port}/", seconds=0.3) == "it took too long"


def test_slow_tls_ends_with_the_time_of_the_request(client, serve):
    server = serve(lambda connection: drip(connection, b"\x16\x03\x03\x40\x00" + b"\x02" * 5000))
    assert reason_of(client, f"https://127.0.0.1:{server.port}/", seconds=0.3) == "it took too long"


def test_server_that_does_not_read_ends_with_the_time_of_the_request(client, serve):
    server = serve(lambda _: time.sleep(20))
    assert (
        reason_of(client, f"http://127.0.0.1:{server.port}/", body=b"a" * 50_000_000, seconds=0.3) == "it took too long"
    )


def test_slow_look_up_ends_with_the_time_of_the_request():
    done = threading.Event()
    client = Client(resolve=lambda *_, **__: done.wait(20) and [])
    assert reason_of(client, f"https://{HOST}/", seconds=0.2) == "it took too long"
    done.set()


BIG = b"a" * 70_000
TOO_LARGE = {
    "announced": HEAD + b"Content-Length: 70000\r\n\r\n" + BIG,
    "in chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"11170\r\n" + BIG + b"\r\n0\r\n\r\n",
    "without a length": HEAD + b"\r\n" + BIG,
}


@pytest.mark.parametrize("answer", TOO_LARGE.values(), ids=TOO_LARGE)
def test_answer_that_is_too_large_is_not_used(client, serve, answer):
    url = f"http://127.0.0.1:{serve(answer).port}/"
    assert reason_of(client, url, max_bytes=69_999) == "its answer is too large"
    assert client.send("GET", url, max_bytes=70_000).body == BIG


def test_endless_answer_is_left(client, serve):
    def endless(connection):
        connection.sendall(HEAD + b"\r\n")
        while True:
            connection.sendall(b"a" * 65536)

    assert reason_of(client, f"http://127.0.0.1:{serve(endless).port}/") == "its answer is too large"


BROKEN = {
    "nothing": (b"", "it sent no complete HTTP answer"),
    "half a head": (b"HTTP/1.1 200 OK\r\nX-A", "it sent no complete HTTP answer"),
    "half a body": (HEAD + b"Content-Length: 9\r\n\r\nhalf", "it sent no complete HTTP answer"),
    "half a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf", "it sent no complete HTTP answer"),
    "two lengths": (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nOK!", "it sent no complete HTTP answer"),
    "a bad length": (HEAD + b"Content-Length: -1\r\n\r\n", "it sent no complete HTTP answer"),
    "a bad chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "it sent no complete HTTP answer"),
    "a NUL in a header": (HEAD + b"X-A: a\0b\r\n\r\n", "it sent no complete HTTP answer"),
    "no colon": (HEAD + b"nonsense\r\n\r\n", "it sent no complete HTTP answer"),
    "a huge header": (HEAD + b"X-A: " + b"a" * 300_000 + b"\r\n\r\n", "it sent no complete HTTP answer"),
    "too many headers": (HEAD + b"X-A: a\r\n" * 50_000 + b"\r\n", "it sent no complete HTTP answer"),
    "another protocol": (b"SSH-2.0-OpenSSH\r\n", "it sent no complete HTTP answer"),
}


@pytest.mark.parametrize(("answer", "reason"), BROKEN.values(), ids=BROKEN)
def test_broken_answer_is_no_answer(client, serve, answer, reason):
    assert reason_of(client, f"http://127.0.0.1:{serve(answer).port}/") == reason


LATE = {**TOO_LARGE, "half a body": BROKEN["half a body"][0], "half a chunk": BROKEN["half a chunk"][0]}


@pytest.mark.parametrize("answer", LATE.values(), ids=LATE)
def test_status_counts_where_it_is_enough(client, serve, answer):
    url = f"http://127.0.0.1:{serve(answer).port}/"
    found = client.send("POST", url, max_bytes=69_999, status_is_enough=True)
    assert (found.status, found.body) == (200, b"")


def test_early_answer_to_a_large_body_is_read(client, serve):
    """A server may refuse before it has read everything."""

    def refuse(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1_000_000):
            pass

    assert client.send("POST", f"http://127.0.0.1:{serve(refuse).port}/", body=b"a" * 5_000_000).status == 413


def test_address_without_a_server_is_no_answer(client):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert reason_of(client, f"https://127.0.0.1:{port}/") == "it takes no connection"


def test_unknown_name_is_no_answer():
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    assert reason_of(Client(resolve=unknown), f"https://{HOST}/") == "its name cannot be found"
    assert reason_of(Client(resolve=resolver([])), f"https://{HOST}/") == "its name cannot be found"
    assert reason_of(Client(), f"https://{'a' * 64}.example/") == "its name cannot be found"


# Headers and secrets


@pytest.mark.parametrize(
    ("name", "value"),
    [("Authorization", f"Bearer {TOKEN}\r\nX-Other: a"), ("Authorization", f"{TOKEN}\n"), ("Authorization", f"{TOKEN}\0"),
     ("Authorization", f" {TOKEN}"), ("Authorization", f"{TOKEN}\u00e4"), ("X-A: b\r\nX-B", TOKEN), ("X A", TOKEN), ("", TOKEN),
     ("Host", TOKEN), ("content-length", "0"), ("Transfer-Encoding", "chunked"), ("Connection", "keep-alive"), ("User-Agent", "x"),
     ("Accept-Encoding", "gzip")],
)  # fmt: skip
def test_header_that_cannot_be_sent_is_refused_without_its_value(client, serve, name, value):
    server = serve(OK)
    with pytest.raises(ValueError, match=r"is no header that a caller sets|cannot be sent") as stopped:
        client.send("GET", f"http://127.0.0.1:{server.port}/", headers={name: value})
    assert TOKEN not in str(stopped.value)
    assert server.connections == 0


def test_no_error_and_no_log_line_holds_a_token(client, serve, caplog):
    caplog.set_level(logging.DEBUG)
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
    more = {"headers": {"Authorization": f"Bearer {TOKEN}"}, "body": TOKEN.encode()}
    for url in (
        f"http://127.0.0.1:{server.port}/",
        "https://127.0.0.1:1/",
        "https://[::1]:1/",
        "https://10.0.0.1/",
        "https://lms\u00e4.example/",
    ):
        with pytest.raises((NoAnswer, Refused)) as stopped:
            client.send("POST", f"{url}?token={TOKEN}", **more)
        assert TOKEN not in repr(stopped.value)
        assert "127.0.0.1" not in str(stopped.value)
    assert TOKEN not in caplog.text
