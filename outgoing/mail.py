"""E-mails to people: written and sent on a background thread, by the delivery method that ESSAYCOACH_MAIL selects.

`console` prints each message with its secrets on standard error (for trying out, not for a school). `file:DIR` stores each
message as an .eml file that only its owner can read. `smtp://user:password@host:port` sends over STARTTLS, `smtps://…` over
TLS from the first byte. `smtp://host?tls=no` is for a relay on the same machine.
"""

from __future__ import annotations

import atexit
import os
import queue
import smtplib
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses, localtime, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote
from uuid import uuid4

from models.errors import SettingsError
from models.log import log_context, logger, request_id
from models.secret_settings import refuse_placeholder
from models.settings import split_url, url_error

log = logger(__name__)

# The errors that the standard library's parser raises for an invalid address; IndexError when the text ends too early.
INVALID_ADDRESS_ERRORS = (ValueError, MessageError, IndexError)
PORTS = {"smtp": 587, "smtps": 465}
MAIL_URLS = "console, file:DIR, smtp://USER:PASSWORD@HOST:PORT or smtps://USER:PASSWORD@HOST:PORT"
SMTP_SECONDS = 10.0
MAX_QUEUED = 500
# How long a process that ends continues to send queued e-mails. Gunicorn gives it 30 seconds in all.
DRAIN_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Email:
    """An e-mail to one address."""

    to: str
    subject: str
    text: str


class Mailer(Protocol):
    """A delivery method for messages."""

    def send(self, message: EmailMessage, *, to: str) -> None:
        """Send the message to this one address, or raise an error."""


class Console:
    """Prints each message on standard error, for an operator who is trying the service out."""

    def send(self, message: EmailMessage, *, to: str) -> None:  # noqa: ARG002 - the message names it
        """Print the message on standard error as plain text, not as a log line."""
        sys.stderr.write(f"--- mail, because ESSAYCOACH_MAIL is console ---\n{message.as_string()}\n---\n")
        sys.stderr.flush()


class Files:
    """Stores each message as a file in a directory, readable by the owner only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def send(self, message: EmailMessage, *, to: str) -> None:  # noqa: ARG002 - the message names it
        """Write the message to a new .eml file. The file is renamed when it is complete, so no reader sees half a message."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = uuid4().hex
        draft = self._directory / f".{name}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.as_bytes())
        draft.rename(self._directory / f"{name}.eml")


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """Sends each message through a mail server, encrypted unless `tls` is `no` (else `implicit` or `starttls`)."""

    host: str
    port: int
    tls: str
    user: str | None
    password: str | None

    def send(self, message: EmailMessage, *, to: str) -> None:
        """Send the message to this one address through the server. Raises OSError, smtplib.SMTPException."""
        context = ssl.create_default_context()
        connection = (
            smtplib.SMTP_SSL(self.host, self.port, timeout=SMTP_SECONDS, context=context)
            if self.tls == "implicit"
            else smtplib.SMTP(self.host, self.port, timeout=SMTP_SECONDS)
        )
        with connection:
            if self.tls == "starttls":
                # Raises when the server does not offer STARTTLS: no e-mail is sent unencrypted.
                connection.starttls(context=context)
            if self.user is not None and self.password is not None:
                connection.login(self.user, self.password)
            # Name the recipient in the envelope, so that no header can add another one.
            connection.send_message(message, to_addrs=[to])


class MailQueue:
    """Writes and sends e-mails one after the other on a background thread, so that no request waits for them.

    While `is_held` returns True (a restored copy), none is written or sent.
    """

    def __init__(self, mailer: Mailer, *, sender: Address, is_held: Callable[[], bool] = lambda: False) -> None:
        self._mailer = mailer
        self._sender = sender
        self._is_held = is_held
        self._queue: queue.Queue[tuple[str | None, Callable[[], Email | None]]] = queue.Queue(MAX_QUEUED)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def enqueue(self, write: Callable[[], Email | None]) -> bool:
        """Queue an e-mail. Returns False when MAX_QUEUED are queued already.

        `write` runs on the background thread; it returns the e-mail, or None when there is none to send.
        """
        self._start()
        try:
            self._queue.put_nowait((request_id(), write))
        except queue.Full:
            log.warning("mail not sent", reason="too many wait")
            return False
        return True

    def drain(self, *, within_seconds: float) -> bool:
        """Wait until every queued e-mail is sent or has failed. Returns False when that takes longer than `within_seconds`."""
        with self._queue.all_tasks_done:
            return self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, timeout=within_seconds)

    def _start(self) -> None:
        # Start with the first e-mail, not with the app: a thread does not survive the fork of a preloading server.
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="post", daemon=True)
                self._thread.start()
                atexit.register(self.drain, within_seconds=DRAIN_SECONDS)

    def _run(self) -> None:
        while True:
            asked_by, write = self._queue.get()
            try:
                with log_context(request_id=asked_by):
                    if self._is_held():
                        log.warning("mail not sent", reason="restored copy on hold")
                        continue
                    email = write()
                    if email is not None:
                        self._mailer.send(to_message(email, sender=self._sender), to=email.to)
            except Exception as error:  # noqa: BLE001 - an e-mail that cannot be sent must not stop the next one
                log.warning("mail not sent", reason=type(error).__name__)
            finally:
                self._queue.task_done()


def is_address(text: str) -> bool:
    """Return whether the text is exactly one valid e-mail address."""
    try:
        return Address(addr_spec=text).addr_spec == text
    except INVALID_ADDRESS_ERRORS:
        return False


def to_message(email: Email, *, sender: Address) -> EmailMessage:
    """Return the e-mail as a message ready to send. Raises ValueError unless `to` is exactly one valid address."""
    if not is_address(email.to):
        raise ValueError("the address on record is none that can be written to")
    message = EmailMessage()
    message["From"] = sender
    message["To"] = Address(addr_spec=email.to)
    message["Subject"] = email.subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=sender.domain or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    # Do not encode ASCII text: a link that is folded and escaped cannot be copied from a console or a file.
    message.set_content(email.text, cte="7bit" if email.text.isascii() else None)
    return message


def make_mailer(address: str) -> Mailer:
    """Return the mailer for a value of ESSAYCOACH_MAIL. Raises SettingsError without the value: it may hold a password."""
    if address == "console":
        return Console()
    if address.startswith("file:"):
        if not address.removeprefix("file:"):
            raise url_error("ESSAYCOACH_MAIL", MAIL_URLS, "no directory stands behind file:")
        return Files(Path(address.removeprefix("file:")))
    parts = split_url("ESSAYCOACH_MAIL", address, schemes=tuple(PORTS), accepted=MAIL_URLS)
    if parts.path not in ("", "/"):
        raise url_error("ESSAYCOACH_MAIL", MAIL_URLS, "it has a path")
    refuse_placeholder("ESSAYCOACH_MAIL", parts.password or "")
    tls = _tls_mode(parts.scheme, parts.query)
    if tls == "no" and parts.password is not None:
        raise SettingsError("ESSAYCOACH_MAIL with tls=no must not have a password: it would travel for all to read.")
    return Smtp(
        host=str(parts.hostname),
        port=parts.port or PORTS[parts.scheme],
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def parse_sender(text: str) -> Address:
    """Return the sender for a value of ESSAYCOACH_MAIL_FROM. Raises SettingsError."""
    addresses = getaddresses([text])
    if len(addresses) == 1 and text.isprintable() and is_address(addresses[0][1]):
        return Address(display_name=addresses[0][0], addr_spec=addresses[0][1])
    raise SettingsError("ESSAYCOACH_MAIL_FROM must be one address, such as 'EssayCoach <post@school.example>'.")


def _tls_mode(scheme: str, query: str) -> str:
    options = parse_qs(query, keep_blank_values=True)
    if not options:
        return "implicit" if scheme == "smtps" else "starttls"
    if scheme != "smtp" or options != {"tls": ["no"]}:
        raise SettingsError("ESSAYCOACH_MAIL takes one option, ?tls=no, and only with smtp://.")
    return "no"
