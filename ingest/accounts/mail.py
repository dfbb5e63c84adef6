"""Letters to people: written after the answer has gone out, and delivered as this installation chose.

ESSAYCOACH_MAIL says how: `console` prints a letter, secrets included, on standard error (to try things out, not for a school);
`file:DIR` keeps each as an .eml file only its owner can read; `smtp://user:password@host:port` delivers over STARTTLS, and
`smtps://` over TLS from the first byte. `smtp://host?tls=no` is for a relay on the same machine.
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
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

from flask import Flask

from ingest.settings import IngestSettings
from models.errors import SettingsError
from models.log import logger, request_id, stamped

log = logger(__name__)

# What the standard library's parser raises for what is none; IndexError where it trips over an end that came too early.
NO_ADDRESS = (ValueError, MessageError, IndexError)
PORTS = {"smtp": 587, "smtps": 465}
SMTP_SECONDS = 10.0
MOST_WAITING = 500
# How long a process that ends goes on delivering what waits; gunicorn gives it thirty seconds in all.
LAST_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Email:
    """What somebody is told, and at which address."""

    to: str
    subject: str
    text: str


class Mailer(Protocol):
    """One way to deliver a message."""

    def send(self, message: EmailMessage, *, to: str) -> None:
        """The message is on its way to this one address, or an error is raised."""


class Console:
    """Prints every message on standard error: what an operator reads while trying things out."""

    def send(self, message: EmailMessage, *, to: str) -> None:  # noqa: ARG002 - it is in the message
        """The message stands on standard error, as text for people and not as a line of the log."""
        sys.stderr.write(f"--- mail, because ESSAYCOACH_MAIL is console ---\n{message.as_string()}\n---\n")
        sys.stderr.flush()


class Files:
    """Keeps every message in a directory, one file each, for its owner only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def send(self, message: EmailMessage, *, to: str) -> None:  # noqa: ARG002 - it is in the message
        """A new .eml file holds the message; nobody ever sees half of it."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = uuid4().hex
        draft = self._directory / f".{name}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.as_bytes())
        draft.rename(self._directory / f"{name}.eml")


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """Hands every message to a mail server, encrypted unless that was switched off."""

    host: str
    port: int
    tls: str
    user: str | None
    password: str | None

    def send(self, message: EmailMessage, *, to: str) -> None:
        """The server has taken the message for this one address. Raises OSError, smtplib.SMTPException."""
        context = ssl.create_default_context()
        connection = (
            smtplib.SMTP_SSL(self.host, self.port, timeout=SMTP_SECONDS, context=context)
            if self.tls == "implicit"
            else smtplib.SMTP(self.host, self.port, timeout=SMTP_SECONDS)
        )
        with connection:
            if self.tls == "starttls":
                # Raises when the server offers none: better no mail than one that everybody on the way can read.
                connection.starttls(context=context)
            if self.user is not None and self.password is not None:
                connection.login(self.user, self.password)
            # The envelope names the address itself; whatever a header may look like, nobody else gets it.
            connection.send_message(message, to_addrs=[to])


class MailQueue:
    """What is to be written and sent, one after the other on a thread of its own; nobody's request waits for it."""

    def __init__(self, mailer: Mailer, *, sender: Address) -> None:
        self._mailer = mailer
        self._sender = sender
        self._waiting: queue.Queue[tuple[str | None, Callable[[], Email | None]]] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def enqueue(self, write: Callable[[], Email | None]) -> bool:
        """The letter will be written and sent, if there turns out to be one to write; False when too many wait already."""
        self._start()
        try:
            self._waiting.put_nowait((request_id(), write))
        except queue.Full:
            log.warning("mail not sent", reason="too many wait")
            return False
        return True

    def drain(self, *, within_seconds: float) -> bool:
        """Return whether everything that waited has been dealt with in time."""
        with self._waiting.all_tasks_done:
            return self._waiting.all_tasks_done.wait_for(
                lambda: not self._waiting.unfinished_tasks, timeout=within_seconds
            )

    def _start(self) -> None:
        # At the first letter, not when the app is made: a thread does not survive the fork of a server that loads first.
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._deliver, name="post", daemon=True)
                self._thread.start()
                atexit.register(self.drain, within_seconds=LAST_SECONDS)

    def _deliver(self) -> None:
        while True:
            asked_by, write = self._waiting.get()
            try:
                with stamped(request_id=asked_by):
                    letter = write()
                    if letter is not None:
                        self._mailer.send(to_message(letter, sender=self._sender), to=letter.to)
            except Exception as error:  # noqa: BLE001 - one letter that cannot be sent must not stop the next
                log.warning("mail not sent", reason=type(error).__name__)
            finally:
                self._waiting.task_done()


def is_address(text: str) -> bool:
    """Return whether this is one address, of one mailbox, that can be written to."""
    try:
        return Address(addr_spec=text).addr_spec == text
    except NO_ADDRESS:
        return False


def to_message(letter: Email, *, sender: Address) -> EmailMessage:
    """Return the letter as it is sent. Raises ValueError for an address that is none, or is several."""
    if not is_address(letter.to):
        raise ValueError("the address on record is none that can be written to")
    message = EmailMessage()
    message["From"] = sender
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=sender.domain or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    # Left as it is where that is possible: a link that is folded and escaped cannot be copied from a console or a file.
    message.set_content(letter.text, cte="7bit" if letter.text.isascii() else None)
    return message


def make_mailer(address: str) -> Mailer:
    """Return the mailer ESSAYCOACH_MAIL asks for. Raises SettingsError, which never shows the value: it may hold a password."""
    if address == "console":
        return Console()
    if address.startswith("file:"):
        if not address.removeprefix("file:"):
            raise SettingsError("ESSAYCOACH_MAIL=file: needs a directory behind the colon.")
        return Files(Path(address.removeprefix("file:")))
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise SettingsError("ESSAYCOACH_MAIL is not an address: a port is a number up to 65535.") from None
    if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/"):
        raise SettingsError("ESSAYCOACH_MAIL must be console, file:DIR, smtp://HOST or smtps://HOST.")
    tls = _tls(parts.scheme, parts.query)
    if tls == "no" and parts.password is not None:
        raise SettingsError("ESSAYCOACH_MAIL with tls=no must not have a password: it would travel for all to read.")
    return Smtp(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def _sender(text: str) -> Address:
    found = getaddresses([text])
    if len(found) == 1 and text.isprintable() and is_address(found[0][1]):
        return Address(display_name=found[0][0], addr_spec=found[0][1])
    raise SettingsError("ESSAYCOACH_MAIL_FROM must be one address, such as 'EssayCoach <post@school.example>'.")


def _tls(scheme: str, query: str) -> str:
    wanted = parse_qs(query, keep_blank_values=True)
    if not wanted:
        return "implicit" if scheme == "smtps" else "starttls"
    if scheme != "smtp" or wanted != {"tls": ["no"]}:
        raise SettingsError("ESSAYCOACH_MAIL takes one option, ?tls=no, and only with smtp://.")
    return "no"


def set_up(app: Flask, settings: IngestSettings) -> None:
    """The app can send letters. Raises SettingsError."""
    sender = _sender(settings.mail_from)
    if settings.mail == "console":
        log.warning("mail is only printed, with the secrets in it", variable="ESSAYCOACH_MAIL")
    app.extensions["essaycoach.post"] = MailQueue(make_mailer(settings.mail), sender=sender)
