"""The app's client for addresses that somebody else has named, and its queue of e-mails."""

from __future__ import annotations

from flask import Flask, current_app

from ingest.settings import IngestSettings
from models import restored
from models.log import logger
from outgoing.client import Client
from outgoing.mail import MailQueue, make_mailer

log = logger(__name__)


def set_up(app: Flask, settings: IngestSettings) -> None:
    """Set the app up to reach others."""
    if settings.mail.url == "console":
        log.warning("mail is only printed, with the secrets in it", variable="ESSAYCOACH_MAIL")
    app.extensions["essaycoach.client"] = Client(allowed=settings.outgoing_networks)
    app.extensions["essaycoach.post"] = MailQueue(
        make_mailer(settings.mail.url), sender=settings.mail.sender, is_held=restored.is_held
    )


def client() -> Client:
    """Return the client of this app."""
    found: Client = current_app.extensions["essaycoach.client"]
    return found


def mail_queue() -> MailQueue:
    """Return the queue of e-mails of this app."""
    found: MailQueue = current_app.extensions["essaycoach.post"]
    return found
