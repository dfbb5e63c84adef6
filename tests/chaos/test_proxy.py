"""Test that the proxy applies each fault to connections exactly and in order."""

from __future__ import annotations

import hashlib
import queue
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.chaos.proxy import Direction, Proxy
from tests.support.ports import free_port

PATIENCE_SECONDS = 60.0  # the longest wait for what must come
SILENCE_SECONDS = 0.05  # the wait for what must not come

Dial = Callable[[], socket.socket]


class Upper(socketserver.ThreadingTCPServer):
    """A server that answers in capitals, sends `<bye>` after the client's end, and keeps what it received for the test."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self.heard: queue.Queue[bytes] = queue.Queue()
        self.ends: queue.Queue[str] = queue.Queue()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.server_address[1]

    def __enter__(self) -> Upper:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def next_heard(self) -> bytes:
        return self.heard.get(timeout=PATIENCE_SECONDS)

    def next_end(self) -> str:
        return self.ends.get(timeout=PATIENCE_SECONDS)


class _Handler(socketserver.BaseRequestHandler):
    server: Upper

    def handle(self) -> None:
        try:
            self.request.sendall(self.server.greeting)
            while chunk := self.request.recv(65536):
                self.server.heard.put(chunk)
                if chunk == b"die":
                    _reset(self.request)
                    return
                self.request.sendall(chunk.upper())
            self.request.sendall(b"<bye>")
            self.server.ends.put("closed")
        except ConnectionError:
            self.server.ends.put("reset")


@pytest.fixture
def server() -> Iterator[Upper]:
    """A running server that answers in capitals."""
    with Upper() as running:
        yield running


@pytest.fixture
def proxy(server: Upper) -> Iterator[Proxy]:
    """A proxy in front of the server."""
    with Proxy(server.address) as running:
        yield running


@pytest.fixture
def dial(proxy: Proxy) -> Iterator[Dial]:
    """A function that opens a connection to the proxy, closed after the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_SECONDS))


def test_bytes_and_half_closes_pass_both_ways_and_are_counted(proxy: Proxy, dial: Dial) -> None:
    client = dial()
    assert _exchange(client, b"hello") == b"HELLO"
    assert proxy.connections == 1
    client.shutdown(socket.SHUT_WR)
    assert _read(client, 99) == b"<bye>"
    proxy.release()  # waits for one more turn of its event loop
    assert (proxy.connections, proxy.bytes_up, proxy.bytes_down) == (0, 5, 10)


def test_side_that_does_not_read_blocks_the_sender_and_loses_nothing(proxy: Proxy, dial: Dial) -> None:
    size, sent, read = 64 << 20, hashlib.sha256(), hashlib.sha256()
    with socket.create_server(("127.0.0.1", 0)) as lazy:
        proxy.target = lazy.getsockname()
        client = dial()
        server_side, _ = lazy.accept()
    client.settimeout(0.3)
    done = 0
    with server_side:
        with pytest.raises(TimeoutError):
            while done < size:
                piece = done.to_bytes(8) * 8192
                count = client.send(piece)
                sent.update(piece[:count])
                done += count
        assert proxy.bytes_up < done < size
        client.shutdown(socket.SHUT_WR)
        while chunk := server_side.recv(1 << 20):
            read.update(chunk)
    assert read.digest() == sent.digest()
    assert proxy.bytes_up == done


def test_reset_on_one_side_reaches_the_other_side(server: Upper, dial: Dial) -> None:
    client = dial()
    client.sendall(b"die")
    _assert_reset(client)
    client = dial()
    assert _exchange(client, b"a") == b"A"
    _reset(client)
    assert server.next_end() == "reset"


def test_a_new_target_gets_the_new_connections_and_the_old_ones_stay(proxy: Proxy, dial: Dial) -> None:
    old = dial()
    assert _exchange(old, b"a") == b"A"
    with Upper(greeting=b"second ") as second:
        proxy.target = lambda: second.address
        assert _exchange(dial(), b"b", length=8) == b"second B"
        assert _exchange(old, b"c") == b"C"


@pytest.mark.parametrize("target", ["closed port", "no idea"])
def test_unreachable_target_resets_the_client(proxy: Proxy, dial: Dial, target: str) -> None:
    address = ("127.0.0.1", free_port())
    proxy.target = address if target == "closed port" else lambda: {}["server"]
    with pytest.raises(ConnectionResetError):
        dial().recv(1)


def test_refuse_lasts_until_pass_on_and_keeps_the_port(proxy: Proxy, server: Upper, dial: Dial) -> None:
    client = dial()
    assert _exchange(client, b"a") == b"A"
    for _ in range(2):
        proxy.refuse()
        _assert_reset(client)
        assert (server.next_end(), proxy.connections) == ("reset", 0)
        with pytest.raises(ConnectionRefusedError):
            dial()
        proxy.pass_on()
        client = dial()
        assert _exchange(client, b"b") == b"B"


def test_reset_ends_every_connection_and_new_ones_pass(proxy: Proxy, server: Upper, dial: Dial) -> None:
    clients = [dial(), dial()]
    for client in clients:
        assert _exchange(client, b"a") == b"A"
    proxy.reset()
    assert proxy.connections == 0
    for client in clients:
        _assert_reset(client)
        assert server.next_end() == "reset"
    assert _exchange(dial(), b"b") == b"B"


def test_blackhole_keeps_connections_open_and_resets_them_when_it_ends(proxy: Proxy, server: Upper, dial: Dial) -> None:
    old = dial()
    assert (_exchange(old, b"a"), server.next_heard()) == (b"A", b"a")
    proxy.blackhole()
    new = dial()
    for client in (old, new):
        client.sendall(b"anybody?")
        _assert_silent(client)
    assert (server.heard.empty(), server.ends.empty(), proxy.connections) == (True, True, 2)
    proxy.pass_on()
    for client in (old, new):
        _assert_reset(client)
    assert server.next_end() == "reset"
    assert _exchange(dial(), b"b") == b"B"


def test_blackhole_hides_the_end_of_a_client_from_the_server(proxy: Proxy, server: Upper, dial: Dial) -> None:
    client = dial()
    assert _exchange(client, b"a") == b"A"
    proxy.blackhole()
    client.close()
    with pytest.raises(queue.Empty):
        server.ends.get(timeout=SILENCE_SECONDS)
    proxy.pass_on()
    assert server.next_end() == "reset"


def test_delayed_chunks_keep_their_order_when_the_delay_shrinks(proxy: Proxy, dial: Dial) -> None:
    client = dial()
    assert _exchange(client, b"a") == b"A"
    proxy.delay(0.1)
    asked_at = time.monotonic()
    client.sendall(b"first ")
    proxy.delay(0.01)
    client.sendall(b"second")
    assert _read(client, 12) == b"FIRST SECOND"
    assert 0.1 <= time.monotonic() - asked_at < PATIENCE_SECONDS


def test_pass_on_sends_delayed_bytes_at_once(proxy: Proxy, server: Upper, dial: Dial) -> None:
    client = dial()
    assert (_exchange(client, b"a"), server.next_heard()) == (b"A", b"a")
    proxy.delay(3600)
    client.sendall(b"late")
    with pytest.raises(queue.Empty):
        server.heard.get(timeout=SILENCE_SECONDS)
    proxy.pass_on()
    assert _read(client, 4) == b"LATE"


def test_truncated_answer_ends_in_a_reset_on_old_and_new_connections(proxy: Proxy, server: Upper, dial: Dial) -> None:
    old = dial()
    assert _exchange(old, b"whole") == b"WHOLE"
    proxy.truncate(3)
    for client in (old, dial()):
        client.sendall(b"answer")
        assert _read(client, 3) == b"ANS"
        _assert_reset(client)
        assert server.next_end() == "reset"
    proxy.truncate(0)
    client = dial()
    client.sendall(b"answer")
    _assert_reset(client)
    proxy.pass_on()
    assert _exchange(dial(), b"whole") == b"WHOLE"


def test_long_answer_is_truncated_at_the_exact_byte(proxy: Proxy, dial: Dial) -> None:
    proxy.truncate(1_000_000)
    client = dial()
    client.sendall(b"x" * 100_000)  # the next bytes are sent after this answer was read, so that no socket buffers any
    for _ in range(9):
        assert len(_read(client, 100_000)) == 100_000
        client.sendall(b"x" * 100_000)
    assert len(_read(client, 100_000)) == 100_000
    _assert_reset(client)
    assert proxy.bytes_down == 1_000_000


def test_held_bytes_reach_the_server_only_after_release_and_in_order(proxy: Proxy, server: Upper, dial: Dial) -> None:
    held, other = dial(), dial()
    assert (_exchange(held, b"begin"), server.next_heard()) == (b"BEGIN", b"begin")
    proxy.hold("up", pattern=b"commit")
    assert not proxy.wait_held(0)
    held.sendall(b"and commit;")
    assert proxy.wait_held(PATIENCE_SECONDS)
    held.sendall(b"begin again")
    assert (_exchange(other, b"commit"), server.next_heard()) == (b"COMMIT", b"commit")
    _assert_silent(held)
    proxy.release()
    assert _read(held, 22) == b"AND COMMIT;BEGIN AGAIN"
    assert _exchange(held, b"commit") == b"COMMIT"
    assert not proxy.wait_held(0)


def test_held_answers_reach_the_client_only_after_release_and_in_order(proxy: Proxy, server: Upper, dial: Dial) -> None:
    held, other = dial(), dial()
    assert (_exchange(held, b"begin"), server.next_heard()) == (b"BEGIN", b"begin")
    proxy.hold("down", pattern=b"commit")
    held.sendall(b"commit")
    assert proxy.wait_held(PATIENCE_SECONDS)
    assert server.next_heard() == b"commit"
    held.sendall(b"more")
    assert server.next_heard() == b"more"
    assert _exchange(other, b"commit") == b"COMMIT"
    _assert_silent(held)
    proxy.pass_on()
    assert _read(held, 10) == b"COMMITMORE"
    assert _exchange(held, b"on") == b"ON"


@pytest.mark.parametrize(("direction", "heard"), [("up", None), ("down", b"any")])
def test_hold_without_a_pattern_holds_the_first_chunk_of_its_direction(
    proxy: Proxy, server: Upper, dial: Dial, direction: Direction, heard: bytes | None
) -> None:
    proxy.hold(direction)
    client = dial()
    client.sendall(b"any")
    assert proxy.wait_held(PATIENCE_SECONDS)
    _assert_silent(client)
    assert (None if server.heard.empty() else server.next_heard()) == heard
    proxy.release()
    assert _read(client, 3) == b"ANY"


@pytest.mark.parametrize(("direction", "heard"), [("up", b"commit"), ("down", None)])
def test_forward_match_decides_whether_the_matching_chunk_passes(
    proxy: Proxy, server: Upper, dial: Dial, direction: Direction, heard: bytes | None
) -> None:
    proxy.hold(direction, pattern=b"commit", forward_match=direction == "up")
    client = dial()
    client.sendall(b"commit")
    assert proxy.wait_held(PATIENCE_SECONDS)
    if heard:
        assert (server.next_heard(), _read(client, 6)) == (heard, b"COMMIT")
    client.sendall(b"more")
    _assert_silent(client)
    assert server.heard.empty()
    proxy.release()
    assert _read(client, 4 if heard else 10) == (b"MORE" if heard else b"COMMITMORE")


def test_pattern_matches_across_chunks_of_one_connection_only(proxy: Proxy, server: Upper, dial: Dial) -> None:
    first, second = dial(), dial()
    proxy.hold("up", pattern=b"commit")
    assert _exchange(first, b"com") == b"COM"
    assert _exchange(second, b"mit") == b"MIT"
    assert not proxy.wait_held(0)
    assert _exchange(first, b"m") == b"M"
    first.sendall(b"it")
    assert proxy.wait_held(PATIENCE_SECONDS)
    _assert_silent(first)
    assert [server.next_heard() for _ in range(3)] == [b"com", b"mit", b"m"]
    assert server.heard.empty()


def test_drop_held_resets_connections_and_only_a_lasting_hold_continues(
    proxy: Proxy, server: Upper, dial: Dial
) -> None:
    proxy.hold("up", pattern=b"commit", once=False)
    for _ in range(2):
        client = dial()
        client.sendall(b"commit")
        assert proxy.wait_held(PATIENCE_SECONDS)
        proxy.drop_held()
        _assert_reset(client)
        assert server.next_end() == "reset"
    proxy.hold("up", pattern=b"commit")
    client = dial()
    client.sendall(b"commit")
    assert proxy.wait_held(PATIENCE_SECONDS)
    proxy.drop_held()
    _assert_reset(client)
    assert _exchange(dial(), b"commit") == b"COMMIT"


def test_held_bytes_of_a_killed_client_are_dropped(proxy: Proxy, server: Upper) -> None:
    proxy.hold("up", pattern=b"commit")
    program = (
        f"import socket; client = socket.create_connection(('127.0.0.1', {proxy.port}))\n"
        "client.sendall(b'begin'); client.recv(5); client.sendall(b'commit'); client.recv(1)"
    )
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", program]) as client:
        assert proxy.wait_held(PATIENCE_SECONDS)
        assert proxy.connections == 1
        client.kill()
    assert (server.next_heard(), server.next_end()) == (b"begin", "closed")
    proxy.release()
    assert (server.heard.empty(), proxy.connections, proxy.bytes_up) == (True, 0, 5)


def test_server_sees_the_end_of_a_client_whose_answer_is_held(proxy: Proxy, server: Upper, dial: Dial) -> None:
    proxy.hold("down", pattern=b"commit")
    client = dial()
    client.sendall(b"commit")
    assert proxy.wait_held(PATIENCE_SECONDS)
    client.close()
    assert (server.next_heard(), server.next_end()) == (b"commit", "closed")
    proxy.release()
    assert _exchange(dial(), b"a") == b"A"


@pytest.mark.parametrize("end", ["blackhole", "refuse", "reset"])
def test_held_bytes_are_lost_on_blackhole_refuse_and_reset(proxy: Proxy, server: Upper, dial: Dial, end: str) -> None:
    proxy.hold("up", pattern=b"commit")
    client = dial()
    client.sendall(b"commit")
    assert proxy.wait_held(PATIENCE_SECONDS)
    getattr(proxy, end)()
    proxy.pass_on()
    _assert_reset(client)
    assert _exchange(dial(), b"a") == b"A"
    assert server.next_heard() == b"a"


def test_new_fault_ends_a_blackhole_or_a_refusal(proxy: Proxy, dial: Dial) -> None:
    for end in (proxy.blackhole, proxy.refuse):
        end()
        proxy.hold("down", pattern=b"commit")
        client = dial()
        assert _exchange(client, b"a") == b"A"
        client.sendall(b"commit")
        assert proxy.wait_held(PATIENCE_SECONDS)


@pytest.mark.slow(reason="opens a thousand connections")
def test_thousand_short_connections_leave_none_open(proxy: Proxy) -> None:
    def send_and_receive() -> None:
        for _ in range(250):
            with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_SECONDS) as client:
                client.sendall(b"short")
                client.shutdown(socket.SHUT_WR)
                assert _read(client, 99) == b"SHORT<bye>"

    clients = [threading.Thread(target=send_and_receive) for _ in range(4)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    proxy.release()  # waits for one more turn of its event loop
    assert (proxy.connections, proxy.bytes_up, proxy.bytes_down) == (0, 5000, 10_000)


def test_proxy_works_and_logs_nothing_after_mode_changes_under_load(
    proxy: Proxy, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()

    def send_and_receive() -> None:
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", proxy.port), SILENCE_SECONDS) as client:
                    _exchange(client, b"commit" * 1000, length=6000)
            except OSError:
                continue

    clients = [threading.Thread(target=send_and_receive) for _ in range(4)]
    for thread in clients:
        thread.start()
    try:
        for _ in range(10):
            for change in (proxy.refuse, proxy.reset, proxy.blackhole, proxy.drop_held, proxy.pass_on, proxy.release):
                proxy.hold("up", pattern=b"commit")
                proxy.wait_held(0.01)
                change()
                proxy.delay(0.001)
                proxy.truncate(5000)
                change()
    finally:
        stop.set()
        for thread in clients:
            thread.join()
    proxy.reset()
    assert _exchange(dial(), b"a") == b"A"
    assert (proxy.connections, caplog.records) == (1, [])


def test_close_resets_connections_and_frees_port_and_thread(server: Upper) -> None:
    proxy = Proxy(server.address)
    with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_SECONDS) as client:
        assert _exchange(client, b"a") == b"A"
        proxy.close()
        proxy.close()
        _assert_reset(client)
    assert server.next_end() == "reset"
    with socket.create_server(("127.0.0.1", proxy.port)):
        pass
    assert f"proxy-{proxy.port}" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(RuntimeError, match="closed"):
        proxy.pass_on()


def _exchange(client: socket.socket, data: bytes, *, length: int | None = None) -> bytes:
    client.sendall(data)
    return _read(client, length or len(data))


def _read(client: socket.socket, length: int) -> bytes:
    """Return so many bytes, or fewer if the connection ends first."""
    found = b""
    while len(found) < length and (chunk := client.recv(length - len(found))):
        found += chunk
    return found


def _assert_silent(client: socket.socket) -> None:
    client.settimeout(SILENCE_SECONDS)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.settimeout(PATIENCE_SECONDS)


def _assert_reset(client: socket.socket) -> None:
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
