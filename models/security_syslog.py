"""A syslog server that gets the lines of security events, as messages of RFC 5424."""

from __future__ import annotations

import errno
import os
import queue
import socket
import ssl
import threading
from contextlib import suppress
from urllib.parse import urlsplit

from models import production, settings

SYSLOG = "ESSAYCOACH_SECURITY_SYSLOG"
SYSLOG_URLS = "udp://HOST:514, tcp://HOST:601, tls://HOST:6514 or unix:/dev/log"
PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
# Lines that wait for a syslog server that is slow or away. One more is lost, and counted.
LONGEST_QUEUE = 1000
SEND_SECONDS = 5.0
RETRY_SECONDS = 1.0
CLOSE_SECONDS = 1.0
# RFC 5424: facility 10 is security messages, severity 4 is warning and 5 is notice.
FACILITY, WARNING, NOTICE = 10, 4, 5


class Syslog:
    """A syslog server (RFC 5424), fed by a thread from a bounded queue, so that a dead server slows nobody down."""

    name = "syslog"

    def __init__(self, url: str) -> None:
        self._scheme, _, self._rest = url.partition(":")
        self._waiting: queue.Queue[bytes | None] = queue.Queue(LONGEST_QUEUE)
        self._lock = threading.Lock()
        self._lost = 0
        self._is_sending = False
        self._is_closed = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._send_all, name="syslog", daemon=True)
        self._thread.start()

    def write(self, line: str, *, at: str, event: str, failed: bool) -> None:
        """Queue the line as a message of RFC 5424, or count it as lost."""
        priority = FACILITY * 8 + (WARNING if failed else NOTICE)
        message = f"<{priority}>1 {at} {_host_name()} essaycoach {os.getpid()} {event} - {line}".encode()
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            with self._lock:
                self._lost += 1

    def may_tell_lost(self) -> bool:
        """Return whether lines were lost, and the server takes them again."""
        return self._lost > 0 and self._is_sending

    def take_lost(self) -> int:
        """Return how many lines were lost since the last call, or 0 while the server takes none."""
        with self._lock:
            if not self.may_tell_lost():
                return 0
            lost, self._lost = self._lost, 0
        return lost

    def close(self) -> None:
        """Send what waits, for at most CLOSE_SECONDS, and end the thread."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(CLOSE_SECONDS)
        self._is_closed.set()
        # From now on the thread throws away what waits, and comes to the end.
        with suppress(queue.Full):
            self._waiting.put(None, timeout=CLOSE_SECONDS)

    def _send_all(self) -> None:
        while (message := self._waiting.get()) is not None:
            while not self._is_closed.is_set() and not self._is_sent(message):
                self._is_closed.wait(RETRY_SECONDS)
        if self._socket is not None:
            self._socket.close()

    def _is_sent(self, message: bytes) -> bool:
        """Send the message and return whether the network took it. Connects first when there is no connection."""
        try:
            if self._socket is None:
                self._socket = self._connect()
            if self._scheme in ("tcp", "tls"):
                message = f"{len(message)} ".encode() + message  # RFC 6587: the length, then the message
            self._socket.sendall(message)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:  # it would never fit into a datagram, and hold up all that wait behind it
                with self._lock:
                    self._lost += 1
                return True
            if self._socket is not None:
                self._socket.close()
            self._socket = None
        with self._lock:
            self._is_sending = self._socket is not None
        return self._is_sending

    def _connect(self) -> socket.socket:
        if self._scheme == "unix":
            return _connected(socket.AF_UNIX, socket.SOCK_DGRAM, self._rest)
        parts = urlsplit(f"{self._scheme}:{self._rest}")
        host, port = str(parts.hostname), parts.port or PORTS[self._scheme]
        if self._scheme == "udp":
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            return _connected(family, kind, address)
        connection = socket.create_connection((host, port), timeout=SEND_SECONDS)
        if self._scheme == "tcp":
            return connection
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)


def _connected(family: int, kind: int, address: object) -> socket.socket:
    connection = socket.socket(family, kind)
    try:
        connection.settimeout(SEND_SECONDS)
        connection.connect(address)  # type: ignore[arg-type]  # a path or an address, as the family wants it
    except OSError:
        connection.close()
        raise
    return connection


def _host_name() -> str:
    """Return this machine's name as a header of syslog may hold it."""
    name = "".join(letter for letter in socket.gethostname() if "!" <= letter <= "~")
    return name[:255] or "-"


def read_syslog_url() -> str | None:
    """Return where syslog messages go, or None. Raises SettingsError."""
    url = settings.optional(SYSLOG)
    if url is None:
        return None
    if url.startswith("unix:"):
        if not url.removeprefix("unix:").startswith("/"):
            raise settings.url_error(SYSLOG, SYSLOG_URLS, "it names no socket (a slash begins its path)")
        return "unix:/" + url.removeprefix("unix:").lstrip("/")
    parts = settings.split_url(SYSLOG, url, schemes=tuple(PORTS), accepted=SYSLOG_URLS)
    if parts.path.strip("/") or parts.query or parts.username:
        raise settings.url_error(SYSLOG, SYSLOG_URLS, "it has more than a host and a port")
    if settings.is_production():
        production.check_syslog(SYSLOG, parts)
    return url
