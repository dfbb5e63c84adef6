"""A TCP proxy that fails on command: `with Proxy(("127.0.0.1", 5432)) as proxy:`, then connect to `proxy.port`.

It runs on its own thread. Every method may be called from any thread and returns when its change is in force.
`pass_on`, `refuse`, `reset` and `blackhole` each end every earlier mode. `delay`, `truncate` and `hold` can be combined, and
each ends a `refuse` or a `blackhole`. A reset at one side is passed on as a reset, a half-close as a half-close, and a slow
side slows the other. The module imports nothing of the project.

Callbacks of one event loop do the work, not one task for each direction, so no byte is between its read and its write when
the mode changes. A byte counts as passed on when the socket has taken it. If the reader is slow, a reset overtakes such
bytes, as a real reset does. Only the reset of `truncate` waits for them.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Self

Address = tuple[str, int]
Direction = Literal["up", "down"]  # from the client to the server, and back
_Mode = Literal["pass", "refuse", "dark"]

_MOST_WAITING_CHUNKS = 64  # with more of them, the proxy stops reading a delayed connection
_SIOCOUTQNSD = 0x894B  # Linux: the number of bytes written but not yet sent
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class _Hold:
    direction: Direction
    pattern: bytes | None
    once: bool
    forward_match: bool


class Proxy:
    """Passes connections to its port on to `target`. New connections follow when `target` is changed.

    A callable target is called for each connection. If it raises, the connection is refused.
    """

    def __init__(self, target: Address | Callable[[], Address]) -> None:
        self.target = target
        self.bytes_up = 0
        self.bytes_down = 0
        self._mode: _Mode = "pass"
        self._delay_seconds = 0.0
        self._limit: int | None = None
        self._hold: _Hold | None = None
        self._held = threading.Event()
        self._pairs: set[_Pair] = set()
        self._socket = _bound(0)
        self.port: int = self._socket.getsockname()[1]
        self._lock = threading.RLock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._listen()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{self.port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """Return the number of open client connections. Those that ended count while the end is held, delayed or swallowed."""
        return len(self._pairs)

    def pass_on(self) -> None:
        """Pass all bytes on. Held and delayed bytes go first; connections of a `blackhole` are reset."""
        self._ask(lambda: self._set_mode("pass"))

    def refuse(self) -> None:
        """Reset all connections and refuse new ones, like a port where nobody listens."""
        self._ask(lambda: self._set_mode("refuse", reset=True))

    def reset(self) -> None:
        """Reset every connection at both sides. New ones pass."""
        self._ask(lambda: self._set_mode("pass", reset=True))

    def blackhole(self) -> None:
        """Swallow everything that old and new connections send, their ends included."""
        self._ask(lambda: self._set_mode("dark"))

    def delay(self, seconds: float) -> None:
        """Pass each new chunk and each end on that many seconds later, in order."""

        def job() -> None:
            self._end_refuse_and_blackhole()
            self._delay_seconds = seconds

        self._ask(job)

    def truncate(self, after_bytes: int) -> None:
        """Reset each connection, old or new, after so many more bytes to its client. With 0 the reset replaces the next bytes."""

        def job() -> None:
            self._end_refuse_and_blackhole()
            self._limit = after_bytes
            for pair in self._pairs:
                pair.limit = after_bytes

        self._ask(job)

    def hold(
        self,
        direction: Direction,
        *,
        pattern: bytes | None = None,
        once: bool = True,
        forward_match: bool | None = None,
    ) -> None:
        """Hold back one direction of the first connection (with `once=False`: of each) whose client sends `pattern`.

        Without a pattern, any chunk in that direction starts the hold. The chunk that completes the pattern is held for "up"
        and passed on for "down", unless `forward_match` says otherwise. If a client ends while its bytes are held, they are
        dropped and the server's side is closed, as if the client had died before it sent them.
        """
        if forward_match is None:
            forward_match = direction == "down" and pattern is not None
        hold = _Hold(direction=direction, pattern=pattern, once=once, forward_match=forward_match)

        def job() -> None:
            self._end_refuse_and_blackhole()
            self._hold = hold
            self._held.clear()
            for pair in self._pairs:
                pair.up.tail = b""

        self._ask(job)

    def wait_held(self, timeout_seconds: float) -> bool:
        """Wait until the last `hold` has caught a connection; return whether it did in time, even if the connection ended since."""
        return self._held.wait(timeout_seconds)

    def release(self) -> None:
        """Pass on what was held, in order, and end the hold."""

        def job() -> None:
            self._hold = None
            self._held.clear()
            for pair in self._pairs:
                pair.release()

        self._ask(job)

    def drop_held(self) -> None:
        """Reset the held connections and drop what was held. A hold with `once=False` stays in force."""

        def job() -> None:
            self._held.clear()
            for pair in self._pairs:
                if pair.up.kept is not None or pair.down.kept is not None:
                    pair.reset()

        self._ask(job)

    def close(self) -> None:
        """Reset every connection, free the port and end the thread. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self.refuse()
            self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _ask(self, job: Callable[[], None]) -> None:
        async def turn() -> None:
            job()
            await asyncio.sleep(0)  # the loop closes a reset socket in its next turn, before the caller goes on

        with self._lock:
            if self._closed:
                raise RuntimeError("this proxy is closed")
            asyncio.run_coroutine_threadsafe(turn(), self._loop).result()

    # Everything below runs only in the proxy's own thread.

    def _run(self) -> None:
        async def end() -> None:
            # Connections that are being accepted or made now end by themselves, because the mode is "refuse". Some may hang.
            if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
                _, endless = await asyncio.wait(tasks, timeout=1.0)
                for task in endless:
                    task.cancel()
                await asyncio.wait(tasks)
            await asyncio.sleep(0)

        self._loop.run_forever()
        self._loop.run_until_complete(end())
        self._loop.close()
        self._socket.close()

    def _set_mode(self, mode: _Mode, *, reset: bool = False) -> None:
        was, self._mode = self._mode, mode
        self._delay_seconds, self._limit, self._hold = 0.0, None, None
        self._held.clear()
        for pair in self._pairs:
            if reset or (pair.dark and mode != "dark"):
                pair.reset()
            elif mode == "dark":
                pair.swallow()
            else:
                pair.release(at_once=True)
        if mode == "refuse" and was != "refuse":
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = _bound(self.port)  # bound but not listening: the port stays taken and refuses
        elif was == "refuse":
            self._listen()

    def _end_refuse_and_blackhole(self) -> None:
        if self._mode != "pass":
            self._set_mode("pass")

    def _listen(self) -> None:
        if self._mode != "refuse":
            self._socket.listen(1024)
            self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        # Not asyncio's own server: when it is closed while it accepts a connection, it leaves that connection open.
        try:
            accepted, _ = self._socket.accept()
        except OSError:  # for example too many open files: let the connection wait a little
            self._loop.remove_reader(self._socket)
            self._loop.call_later(0.05, self._listen)
            return
        accepted.setblocking(False)
        pair = _Pair(self)
        pair.tasks.append(self._loop.create_task(self._loop.connect_accepted_socket(lambda: pair.up, accepted)))

    def _register(self, pair: _Pair) -> None:
        self._pairs.add(pair)
        if self._mode == "refuse":  # the mode has changed since the connection was accepted
            pair.reset()
        elif self._mode == "dark":
            pair.swallow()
        else:
            pair.limit = self._limit
            pair.tasks.append(self._loop.create_task(self._connect(pair)))

    async def _connect(self, pair: _Pair) -> None:
        try:
            host, port = self.target() if callable(self.target) else self.target
            await self._loop.create_connection(lambda: pair.down, host, port)
        except Exception:  # after any error the client sees a server that is not there
            pair.reset()

    def _match_hold(self, end: _End, chunk: bytes) -> _Hold | None:
        """Return the hold that this chunk starts, or None. A hold with `once` is then no longer in force."""
        hold = self._hold
        if hold is None or end.pair.end(hold.direction).kept is not None:
            return None
        if end.direction != (hold.direction if hold.pattern is None else "up"):
            return None
        if hold.pattern is not None:
            seen = end.tail + chunk
            end.tail = seen[max(0, len(seen) - len(hold.pattern) + 1) :]
            if hold.pattern not in seen:
                return None
        if hold.once:
            self._hold = None
        return hold


class _Pair:
    """A client's connection and the connection made to the server for it. During a `blackhole` none is made to the server."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.up = _End(self, "up")
        self.down = _End(self, "down")
        self.tasks: list[asyncio.Task[Any]] = []
        self.limit: int | None = None
        self.dark = False
        self.over = False

    def end(self, direction: Direction) -> _End:
        return self.up if direction == "up" else self.down

    def release(self, *, at_once: bool = False) -> None:
        if at_once:
            self.limit = None
        for end in (self.up, self.down):
            if at_once:
                end.waiting = deque((0.0, chunk) for _, chunk in end.waiting)
            end.waiting.extend((0.0, chunk) for chunk in end.kept or ())
            end.kept = None
            end.pump()

    def swallow(self) -> None:
        self.dark = True
        self._forget()
        for end in (self.up, self.down):
            end.regulate()

    def reset(self) -> None:
        self.over = True
        self._forget()
        for end in (self.up, self.down):
            if end.transport is not None:
                with suppress(OSError):  # already closed
                    bare = end.transport.get_extra_info("socket")
                    bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                end.transport.abort()

    def close(self) -> None:
        self.over = True
        self._forget()
        for end in (self.up, self.down):
            if end.transport is not None:
                end.transport.close()

    def _forget(self) -> None:
        for end in (self.up, self.down):
            end.waiting.clear()
            end.kept = None


class _End(asyncio.Protocol):
    """One socket of a pair and its direction: bytes are read here, are `waiting` or `kept`, and are written to the other one."""

    def __init__(self, pair: _Pair, direction: Direction) -> None:
        self.pair = pair
        self.direction = direction
        self.transport: asyncio.Transport | None = None
        self.connected = False
        self.takes = False  # connected, and everything written to it has been sent
        self.waiting: deque[tuple[float, bytes]] = deque()  # due time and bytes; b"" is the end
        self.kept: list[bytes] | None = None
        self.tail = b""
        self.end_read = False
        self.end_passed_on = False
        self.cut = False
        self.timer: asyncio.TimerHandle | None = None

    @property
    def other(self) -> _End:
        return self.pair.down if self.direction == "up" else self.pair.up

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=0)
        self.transport, self.connected, self.takes = transport, True, True
        if self.direction == "up":
            self.pair.proxy._register(self.pair)
        elif self.pair.over or not self.other.connected:
            self.pair.reset()  # not cancelled earlier, because the server would have seen an orderly end
        else:
            self.other.pump()

    def connection_lost(self, error: Exception | None) -> None:
        self.connected = self.takes = False
        if error is not None and not self.pair.dark:
            self.pair.reset()
        if not self.other.connected:
            self.pair.proxy._pairs.discard(self.pair)

    def data_received(self, data: bytes) -> None:
        if self.pair.dark:
            return
        hold = self.pair.proxy._match_hold(self, data)
        if hold is not None and not hold.forward_match:
            self._start_keeping()
        self._queue(data)
        if hold is not None:
            self.pair.end(hold.direction)._start_keeping()
            self.pair.proxy._held.set()

    def eof_received(self) -> bool:
        """Note the end and return whether the socket stays open for the other direction."""
        self.end_read = True
        if self.pair.dark:
            return self.other.connected
        if self.direction == "up" and self.kept is not None:
            self.pair.close()  # a half-close looks the same, but a hold is there to imitate a client that died
        else:
            self._queue(b"")
        return True

    def pause_writing(self) -> None:
        self.takes = False
        self.other.regulate()

    def resume_writing(self) -> None:
        self.takes = self.connected
        self.other.pump()

    def regulate(self) -> None:
        """Read the socket while there is room for its bytes. Always read it while it is held, else its end would go unseen."""
        if self.transport is None or self.end_read:
            return
        room = (self.other.takes or not self.other.connected) and len(self.waiting) < _MOST_WAITING_CHUNKS
        if room or self.kept is not None or self.pair.dark:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def pump(self) -> None:
        """Pass on everything that is due, as far as the other side takes it."""
        if self.timer is not None:
            self.timer.cancel()
        loop = asyncio.get_running_loop()
        while self.other.takes and self.waiting and not self.cut:
            due, chunk = self.waiting[0]
            if due > loop.time():
                self.timer = loop.call_at(due, self.pump)
                break
            self.waiting.popleft()
            self._pass_on(chunk)
        if self.other.takes and self.cut:
            if _unsent(self.other.transport):
                self.timer = loop.call_later(0.005, self.pump)
            else:
                self.pair.reset()
        self.regulate()

    def _start_keeping(self) -> None:
        self.kept = self.kept or []
        self.regulate()

    def _queue(self, chunk: bytes) -> None:
        if self.kept is not None:
            self.kept.append(chunk)
        else:
            self.waiting.append((asyncio.get_running_loop().time() + self.pair.proxy._delay_seconds, chunk))
            self.pump()

    def _pass_on(self, chunk: bytes) -> None:
        pair, transport = self.pair, self.other.transport
        assert transport is not None
        if not chunk:
            self.end_passed_on = True
            with suppress(OSError):  # it has been reset, which its own callback reports
                transport.write_eof()
            if self.other.end_passed_on:
                pair.close()
            return
        if self.direction == "up":
            pair.proxy.bytes_up += len(chunk)
        else:
            if pair.limit is not None:
                chunk = chunk[: pair.limit]
                pair.limit -= len(chunk)
            pair.proxy.bytes_down += len(chunk)
            self.cut = pair.limit == 0
        transport.write(chunk)
        if transport.is_closing():  # the write has shown that it was reset
            self.other.takes = False


def _bound(port: int) -> socket.socket:
    """Return a socket that is bound to this local port, or to a free one for 0, and does not listen yet."""
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bare.setblocking(False)
    bare.bind(("127.0.0.1", port))
    return bare


def _unsent(transport: asyncio.Transport | None) -> bool:
    """Return whether the kernel still has bytes to send, which a reset would drop. Return False when the kernel cannot tell."""
    if transport is None:
        return False
    try:
        answer = fcntl.ioctl(transport.get_extra_info("socket").fileno(), _SIOCOUTQNSD, bytes(4))
    except OSError:
        return False
    return answer != bytes(4)
