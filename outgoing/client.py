"""Send one HTTP request to an address that somebody else has named (docs/adr/0168-one-client-for-other-peoples-addresses.md).

A name is looked up once, every address it has is checked, and the connection goes to one of those. Redirects are not followed.
No proxy, cookie or password of the environment is used. One deadline holds for everything, and one limit for the answer's size.
"""

from __future__ import annotations

import functools
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import httpcore2

from models.version import version
from outgoing.addresses import THIS_MACHINE, Networks, is_in, may_be_called, written_address
from outgoing.connection import NEVER_CALLED, CheckedBackend, Deadline, Resolver
from outgoing.errors import NoAnswer, Refused, TooLarge

__all__ = ["Answer", "Client", "NoAnswer", "Refused", "TooLarge", "url_objection"]

SECONDS = 10.0
MAX_BYTES = 1024 * 1024
USER_AGENT = f"EssayCoach/{version().partition('+')[0]}"
LOCAL = ("localhost", "127.0.0.1", "::1")
PORTS = {"http": 80, "https": 443}
MAX_URL = 2048
# The address to which a store of files redirects holds a permission, and a name in any script.
MAX_REDIRECTED_URL = 8192
_HOST = re.compile(r"[a-z0-9_.-]{1,253}|[0-9a-f:.]*:[0-9a-f:.]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
_BROKEN = (OSError, httpcore2.NetworkError, httpcore2.ProtocolError)
# What the client itself says about a request.
OWN_HEADERS = frozenset({"host", "connection", "content-length", "transfer-encoding", "user-agent", "accept-encoding"})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of any status, also 3xx. Names of headers are lower-case; several of one name are joined by `, `."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def url_objection(url: str, *, allow_local: bool, longest: int = MAX_URL) -> str | None:
    """Return why no request goes to this address, or None. `allow_local` allows this machine without TLS.

    What a name leads to is checked with each request only, because that may change.
    """
    if not url.isascii():
        return "has letters that no address has; copy it from the address line of a browser"
    if len(url) > longest:
        return f"is longer than {longest:,} characters"
    try:
        parts = urlsplit(url)
        host, port, user = parts.hostname or "", parts.port, parts.username
    except ValueError:
        return "is no web address"
    if parts.scheme != "https" and not (allow_local and parts.scheme == "http" and host in LOCAL):
        return "must begin with https://"
    if user is not None:
        return "must not hold the name of a user"
    if "#" in url:
        return "must end before its #"
    if not url.isprintable() or " " in url or port == 0 or not _HOST.fullmatch(host):
        return "is no web address"
    return None


@functools.cache
def _tls(_paths: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """Return how certificates are verified with the authorities at these places, which are read once: that takes 20 ms."""
    return ssl.create_default_context()


class Client:
    """Sends requests. One is made for a program; several threads may use it at once, each request on its own connection."""

    def __init__(
        self,
        *,
        allowed: Networks = (),
        seconds: float = SECONDS,
        max_bytes: int = MAX_BYTES,
        resolve: Resolver = socket.getaddrinfo,
    ) -> None:
        self._allowed = allowed
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._resolve = resolve
        self._tls = _tls(ssl.get_default_verify_paths())

    @property
    def allows_local(self) -> bool:
        """Return whether this machine may be called, also without TLS: for trying out only."""
        return is_in(THIS_MACHINE, self._allowed)

    def objection(self, url: str) -> str | None:
        """Return why this address is never called, as far as it says so by itself, or None."""
        objection = url_objection(url, allow_local=self.allows_local)
        address = written_address(urlsplit(url).hostname or "") if objection is None else None
        if address is not None and not may_be_called(address, allowed=self._allowed):
            return NEVER_CALLED
        return objection

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float | None = None,
        max_bytes: int | None = None,
        status_is_enough: bool = False,
    ) -> Answer:
        """Return the answer to this request. Raises Refused and NoAnswer; ValueError for a header that cannot be sent.

        With `status_is_enough`, an answer whose body is too large, late or cut off is one too, without a body.
        """
        objection = url_objection(url, allow_local=self.allows_local, longest=MAX_REDIRECTED_URL)
        if objection is not None:
            raise Refused(f"this address {objection}")
        parts = urlsplit(url)
        backend = CheckedBackend(
            Deadline(self._seconds if seconds is None else seconds), allowed=self._allowed, resolve=self._resolve
        )
        target = _target(parts)
        with httpcore2.HTTPConnection(target.origin, ssl_context=self._tls, network_backend=backend) as connection:
            try:
                with connection.stream(
                    method, target, headers=_headers(parts, headers or {}, body=body), content=body
                ) as response:
                    most = self._max_bytes if max_bytes is None else max_bytes
                    return Answer(
                        status=response.status,
                        headers=_headers_of(response),
                        body=_body_of(response, max_bytes=most, or_nothing=status_is_enough),
                    )
            except _BROKEN as error:
                # Not from the error: its text may hold what was sent.
                raise NoAnswer(_reason(error)) from None


def _target(parts: SplitResult) -> httpcore2.URL:
    host = parts.hostname or ""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    return httpcore2.URL(scheme=parts.scheme.encode(), host=host.encode(), port=port, target=path.encode())


def _headers(parts: SplitResult, headers: Mapping[str, str], *, body: bytes | None) -> list[tuple[bytes, bytes]]:
    """Return all headers of a request. Raises ValueError, which does not hold the value."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in OWN_HEADERS:
            raise ValueError(f"{name!r} is no header that a caller sets")
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise ValueError(f"the value of {name} cannot be sent")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else str(parts.hostname)
    if parts.port is not None and parts.port != PORTS[parts.scheme]:
        host = f"{host}:{parts.port}"
    # `identity`: a small compressed answer must not become a large one.
    own = {"Host": host, "User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close"}
    if body is not None:
        own["Content-Length"] = str(len(body))
    return [(name.encode(), value.encode()) for name, value in {**own, **headers}.items()]


def _body_of(response: httpcore2.Response, *, max_bytes: int, or_nothing: bool) -> bytes:
    body = bytearray()
    try:
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > max_bytes:
                raise TooLarge("its answer is too large")
    except (TooLarge, *_BROKEN):
        if not or_nothing:
            raise
        return b""
    return bytes(body)


def _headers_of(response: httpcore2.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _reason(error: Exception) -> str:
    """Return in plain words why there was no answer."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid"
    if isinstance(error, ssl.SSLError):
        return "it speaks no TLS that we understand"
    if isinstance(error, ConnectionRefusedError):
        return "it takes no connection"
    if isinstance(error, OSError | httpcore2.NetworkError):
        return "it cannot be reached"
    return "it sent no complete HTTP answer"
