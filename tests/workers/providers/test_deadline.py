"""Test that a call to the vendor ends in time, however slowly bytes arrive, and that the next call is not affected."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from models.jobs import PassName
from workers.passes.request import PassRequest
from workers.providers.claude import ClaudeProvider
from workers.providers.contract import BatchAway, Outcome, ProviderError, TryAgain

TIMEOUT_SECONDS = 1.5
# Without its limit a call would never end. On a busy machine it may end late.
LATEST_SECONDS = TIMEOUT_SECONDS + 60
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
# What a vendor sends again and again, after what it sends first.
DRIPS = {
    "nothing": (b"", b""),
    "interim responses": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "a status line": (b"HTTP/1.1 200 ", b"O"),
    "headers": (b"HTTP/1.1 200 OK\r\nx: ", b"y"),
    "a body": (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b" "),
    "a stream": (STREAM, b"7\r\n: ping\n\r\n"),
    "the length of a chunk": (STREAM, b"0"),
}


@contextmanager
def dripping(first: bytes, again: bytes) -> Iterator[str]:
    """Serve a vendor that never ends an answer, and yield its address."""
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(first)
            while not ended.wait(0.02):
                connection.sendall(again)

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)


@contextmanager
def provider(url: str) -> Iterator[ClaudeProvider]:
    """Yield a provider that has loaded what its first call loads, so that all of the time is for the vendor."""
    with closing(ClaudeProvider("k", base_url=url, timeout_seconds=TIMEOUT_SECONDS)) as claude:
        claude.expected_cost_micros(PassRequest(pass_name=PassName.GRAMMAR, text="x"))
        claude._client_of_process()
        yield claude


def ask(claude: ClaudeProvider) -> object:
    return claude.ask(PassRequest(pass_name=PassName.GRAMMAR, text="Rivers needs our help."))


def submit(claude: ClaudeProvider) -> object:
    return claude.submit(PassRequest(pass_name=PassName.GRAMMAR, text="Rivers needs our help."))


def collect(claude: ClaudeProvider) -> object:
    return claude.collect("batch", PassRequest(pass_name=PassName.GRAMMAR, text="Rivers needs our help."))


@pytest.mark.parametrize("drip", DRIPS)
def test_a_call_ends_in_time_however_slowly_the_vendor_answers(drip: str) -> None:
    with (
        dripping(*DRIPS[drip]) as url,
        provider(url) as claude,
    ):
        started = time.monotonic()
        with pytest.raises(TryAgain) as caught:
            ask(claude)
        assert caught.value.outcome is Outcome.TIMEOUT
        assert time.monotonic() - started < LATEST_SECONDS


@pytest.mark.parametrize(("call", "error"), [(submit, TryAgain), (collect, BatchAway)])
def test_a_call_about_a_batch_ends_in_time_too(
    call: Callable[[ClaudeProvider], object], error: type[ProviderError]
) -> None:
    with (
        dripping(*DRIPS["headers"]) as url,
        provider(url) as claude,
    ):
        started = time.monotonic()
        with pytest.raises(error) as caught:
            call(claude)
        assert caught.value.outcome is Outcome.TIMEOUT
        assert time.monotonic() - started < LATEST_SECONDS


def test_a_vendor_that_reads_slowly_is_given_up_in_time() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        provider(f"http://127.0.0.1:{server.getsockname()[1]}") as claude,
    ):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        started = time.monotonic()
        with pytest.raises(TryAgain):
            claude.ask(PassRequest(pass_name=PassName.GRAMMAR, text="Rivers needs our help. " * 500_000))
        assert time.monotonic() - started < LATEST_SECONDS
