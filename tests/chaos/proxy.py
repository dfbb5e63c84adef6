"""A TCP proxy that goes wrong on command: `with Proxy(("127.0.0.1", 5432)) as proxy:` and connect to `proxy.port`.

It runs on a thread of its own; every method may be called from any thread and returns when what it says is true.
`pass_on`, `refuse`, `reset` and `blackhole` each end whatever was before; `delay`, `truncate` and `hold` may be in
force together, and end a `refuse` or a `blackhole`. A reset at one side is passed on as a reset, a half-close as a
half-close, and one side's slowness slows the other. It imports nothing of the project.

Callbacks of one loop do the work, not a task for each direction: no byte is ever between its read and its write when
the mode changes. What a socket has taken counts as passed on; where the reader is slow a reset overtakes it, as real
ones do, except that of `truncate`.
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

_MOST_WAITING_CHUNKS = 64  # with more of them, a delayed connection is read no further
_SIOCOUTQNSD = 0x894B  # Linux: how much of what was written has not been sent
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class _Hold:
    direction: Direction
    pattern: bytes | None
    once: bool
    forward_match: bool


class Proxy:
    """Passes connections to its port on to `target`, which may be set anew at any time: new connections go there.

    A callable target is called for each connection; one that raises counts as a server that refuses.
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
        """Return how many connections of clients are open, counting those whose end is held, delayed or in the dark."""
        return len(self._pairs)

    def pass_on(self) -> None:
        """Bytes pass as they come; what was held or delayed has gone first, what was in the dark has been reset."""
        self._ask(lambda: self._become("pass"))

    def refuse(self) -> None:
        """No connection is open, and new ones are refused, as by a port where nobody listens."""
        self._ask(lambda: self._become("refuse", reset=True))

    def reset(self) -> None:
        """Every connection has been reset at both sides; new ones pass."""
        self._ask(lambda: self._become("pass", reset=True))

    def blackhole(self) -> None:
        """All that old connections and new ones send is swallowed; neither side hears of the other, nor of its end."""
        self._ask(lambda: self._become("dark"))

    def delay(self, seconds: float) -> None:
        """Each chunk that comes from now on, and each end, is passed on that much later, in order."""

        def job() -> None:
            self._end_wholesale_modes()
            self._delay_seconds = seconds

        self._ask(job)

    def truncate(self, after_bytes: int) -> None:
        """Each connection, old or new, is reset once so many more bytes have gone to its client; with 0, in their place."""

        def job() -> None:
            self._end_wholesale_modes()
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
        """The first connection (or each one, if not `once`) to send `pattern` up has its `direction` kept from there on.

        Without a pattern, any chunk in the direction will do. The chunk that completes the pattern is kept for "up" and
        passed on for "down", unless `forward_match` says otherwise. A client that ends while its bytes are kept takes
        them with it: they are dropped and the server's side is closed, as if it had died before sending them.
        """
        if forward_match is None:
            forward_match = direction == "down" and pattern is not None
        hold = _Hold(direction=direction, pattern=pattern, once=once, forward_match=forward_match)

        def job() -> None:
            self._end_wholesale_modes()
            self._hold = hold
            self._held.clear()
            for pair in self._pairs:
                pair.up.tail = b""

        self._ask(job)

    def wait_held(self, timeout_seconds: float) -> bool:
        """Return whether a connection has met the last `hold` by then, even if that connection has ended since."""
        return self._held.wait(timeout_seconds)

    def release(self) -> None:
        """What was held has been passed on in order, and no more is held."""

        def job() -> None:
            self._hold = None
            self._held.clear()
            for pair in self._pairs:
                pair.release()

        self._ask(job)

    def drop_held(self) -> None:
        """The held connections have been reset and what was held is lost; a hold that is not `once` stays in force."""

        def job() -> None:
            self._held.clear()
            for pair in self._pairs:
                if pair.up.kept is not None or pair.down.kept is not None:
                    pair.reset()

        self._ask(job)

    def close(self) -> None:
        """Every connection has been reset, the port is free, the thread has ended; calling it again changes nothing."""
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
            await asyncio.sleep(0)  # a reset socket is closed in the loop's next turn: the caller shall find it gone

        with self._lock:
            if self._closed:
                raise RuntimeError("this proxy is closed")
            asyncio.run_coroutine_threadsafe(turn(), self._loop).result()

    # Everything below runs in the proxy's own thread only.

    def _run(self) -> None:
        async def end() -> None:
            # Connections that are just being accepted or made find that they are refused; some may never be made.
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

    def _become(self, mode: _Mode, *, reset: bool = False) -> None:
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
            self._socket = _bound(self.port)  # bound but not listening: the port stays ours, and refuses
        elif was == "refuse":
            self._listen()

    def _end_wholesale_modes(self) -> None:
        if self._mode != "pass":
            self._become("pass")

    def _listen(self) -> None:
        if self._mode != "refuse":
            self._socket.listen(1024)
            self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        # Not asyncio's own server: closed while it accepts, it forgets about that connection and leaves it open.
        try:
            accepted, _ = self._socket.accept()
        except OSError:  # no more files may be open, say: the connection waits a little
            self._loop.remove_reader(self._socket)
            self._loop.call_later(0.05, self._listen)
            return
        accepted.setblocking(False)
        pair = _Pair(self)
        pair.tasks.append(self._loop.create_task(self._loop.connect_accepted_socket(lambda: pair.up, accepted)))

    def _welcome(self, pair: _Pair) -> None:
        self._pairs.add(pair)
        if self._mode == "refuse":  # since it was accepted, a moment ago
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
        except Exception:  # whatever it is, the client finds no server
            pair.reset()

    def _met(self, end: _End, chunk: bytes) -> _Hold | None:
        """Return the hold that this chunk sets off, if it does; one that holds `once` is then no longer in force."""
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
    """A client's connection and the server's that was made for it; one that came in the dark has no server's."""

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
                with suppress(OSError):  # closed already
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
    """One socket of a pair and its bytes' way to the other one: read here, `waiting` or `kept`, written there."""

    def __init__(self, pair: _Pair, direction: Direction) -> None:
        self.pair = pair
        self.direction = direction
        self.transport: asyncio.Transport | None = None
        self.connected = False
        self.takes = False  # connected, and all that was written to it has gone
        self.waiting: deque[tuple[float, bytes]] = deque()  # when it is due, and what; b"" is the end
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
            self.pair.proxy._welcome(self.pair)
        elif self.pair.over or not self.other.connected:
            self.pair.reset()  # not cancelled before it was made: a server would have seen that as a proper end
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
        hold = self.pair.proxy._met(self, data)
        if hold is not None and not hold.forward_match:
            self._keep()
        self._take(data)
        if hold is not None:
            self.pair.end(hold.direction)._keep()
            self.pair.proxy._held.set()

    def eof_received(self) -> bool:
        """Return whether the socket stays open for the other direction."""
        self.end_read = True
        if self.pair.dark:
            return self.other.connected
        if self.direction == "up" and self.kept is not None:
            self.pair.close()  # a half-close would look the same, but a client that has died is what this is for
        else:
            self._take(b"")
        return True

    def pause_writing(self) -> None:
        self.takes = False
        self.other.regulate()

    def resume_writing(self) -> None:
        self.takes = self.connected
        self.other.pump()

    def regulate(self) -> None:
        """The socket is read if there is room for what it brings, and always if held: only so is its end seen."""
        if self.transport is None or self.end_read:
            return
        room = (self.other.takes or not self.other.connected) and len(self.waiting) < _MOST_WAITING_CHUNKS
        if room or self.kept is not None or self.pair.dark:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def pump(self) -> None:
        """Everything that is due has been passed on, as far as the other side takes it."""
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

    def _keep(self) -> None:
        self.kept = self.kept or []
        self.regulate()

    def _take(self, chunk: bytes) -> None:
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
            with suppress(OSError):  # it has been reset, and its own callback will tell
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
        if transport.is_closing():  # that write found it reset
            self.other.takes = False


def _bound(port: int) -> socket.socket:
    """Return a socket that has this port of this machine, or a free one for 0, and does not listen yet."""
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bare.setblocking(False)
    bare.bind(("127.0.0.1", port))
    return bare


def _unsent(transport: asyncio.Transport | None) -> bool:
    """Return whether the kernel still has bytes to send, which a reset would take back; where it cannot tell, False."""
    if transport is None:
        return False
    try:
        answer = fcntl.ioctl(transport.get_extra_info("socket").fileno(), _SIOCOUTQNSD, bytes(4))
    except OSError:
        return False
    return answer != bytes(4)
