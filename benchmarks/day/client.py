"""A small asyncio HTTP client that notes every answer, and repeats a request as a careful client does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

# No answer, in progress, too many requests, unavailable: try again. Anything else is an answer.
RETRY_STATUSES = (0, 409, 429, 503)
MOST_OPEN = 600
TIMEOUT_SECONDS = 40.0
GIVE_UP_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: what was asked, when (Unix seconds), how long it took, and its status (0: none)."""

    kind: str
    at: float
    seconds: float
    status: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. `body` is parsed JSON, or None."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def retry_after(self) -> float:
        """Return the seconds after which the server wants to be asked again, or 0."""
        value = self.headers.get("retry-after", "")
        return float(value) if value.isdigit() else 0.0


class Client:
    """Sends requests over a connection each, at most MOST_OPEN at a time. The time that one waits for its turn counts."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._turns = asyncio.Semaphore(MOST_OPEN)
        self.samples: list[Sample] = []

    async def send(
        self,
        kind: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request once and return the answer. Its status is 0 when the connection failed."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        lines = {
            "Host": "rehearsal",
            "Connection": "close",
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **(headers or {}),
        }
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        at, started = time.time(), time.perf_counter()
        async with self._turns:
            try:
                reply = await asyncio.wait_for(self._exchange(f"{head}\r\n".encode() + content), TIMEOUT_SECONDS)
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
                reply = Reply(0)
        problem = ""
        if reply.status >= 400 and isinstance(reply.body, dict):
            problem = str(reply.body.get("type", "")).rpartition("/")[2]
        self.samples.append(Sample(kind, at, time.perf_counter() - started, reply.status, problem))
        return reply

    async def send_until_answered(
        self, kind: str, method: str, path: str, *, again: tuple[int, ...] = RETRY_STATUSES, **request: Any
    ) -> Reply:
        """Send the same request until it has an answer other than "later", for at most GIVE_UP_SECONDS."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        pause = 0.25
        while True:
            reply = await self.send(kind, method, path, **request)
            if reply.status not in again or time.monotonic() > deadline:
                return reply
            await asyncio.sleep(reply.retry_after or pause)
            pause = min(2 * pause, 4.0)

    async def _exchange(self, request: bytes) -> Reply:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            length = headers.get("content-length")
            content = await (reader.read() if length is None else reader.readexactly(int(length)))
            is_json = "json" in headers.get("content-type", "")
            return Reply(int(head[0].split()[1]), headers, json.loads(content) if is_json and content else None)
        finally:
            writer.close()
