"""Ask a sign-in provider for JSON: bounded in time and size, over TLS, without following redirects.

The only place where the web program opens a connection to an address that an admin of an org has named.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

SECONDS = 5.0
MAX_BYTES = 256 * 1024
# A provider that is slow must not keep every thread of this process.
MAX_AT_ONCE = 4
SLOT_SECONDS = 1.0
LOCAL = ("localhost", "127.0.0.1", "::1")

_slots = threading.BoundedSemaphore(MAX_AT_ONCE)


class NoAnswer(Exception):
    """The provider gave no answer that can be used. The text says why, for the log."""


def url_objection(url: str, *, allow_local: bool) -> str | None:
    """Return why no request goes to this address, or None. `allow_local` allows this machine, without TLS."""
    try:
        parts = urlsplit(url)
        is_local = allow_local and parts.hostname in LOCAL
        has_user, _ = parts.username is not None, parts.port
    except ValueError:
        return "is no address"
    if not parts.hostname or has_user or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        return "is no address"
    if parts.scheme != "https" and not (is_local and parts.scheme == "http"):
        return "must begin with https://"
    return None


def fetch_json(
    url: str, *, allow_local: bool, body: str | None = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the JSON object at this address; with `body`, a form, the answer to it. Raises NoAnswer."""
    objection = url_objection(url, allow_local=allow_local)
    if objection is not None:
        raise NoAnswer(f"the address {objection}")
    if not _slots.acquire(timeout=SLOT_SECONDS):
        raise NoAnswer("too many requests at this moment")
    try:
        answer = json.loads(_fetch(url, body=body, headers=headers or {}))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswer(type(error).__name__) from None
    finally:
        _slots.release()
    if not isinstance(answer, dict):
        raise NoAnswer("the answer is no JSON object")
    return answer


def _fetch(url: str, *, body: str | None, headers: dict[str, str]) -> bytes:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=SECONDS, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=SECONDS)
    )
    all_headers = {"Accept": "application/json", "Connection": "close", **headers}
    if body is not None:
        all_headers["Content-Type"] = "application/x-www-form-urlencoded"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # The time limit of a socket begins anew with each byte that comes.
    end = threading.Timer(SECONDS, _cut, (connection,))
    end.daemon = True
    end.start()
    try:
        connection.request("GET" if body is None else "POST", path, body=body, headers=all_headers)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise NoAnswer(f"status {response.status}")
        read = b""
        while chunk := response.read1(16 * 1024):
            read += chunk
            if len(read) > MAX_BYTES:
                raise NoAnswer("the answer is too large")
        return read
    finally:
        end.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
