"""What both web and the worker read from the environment to reach others: the mail server, and the networks that are allowed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from email.headerregistry import Address

from models import production, settings
from models.errors import SettingsError
from models.networks import canonical_network
from outgoing.addresses import PRIVATE, Network, Networks, is_private
from outgoing.mail import make_mailer, parse_sender

DEFAULT_SENDER = "EssayCoach <essaycoach@localhost>"
NETWORKS = "ESSAYCOACH_OUTGOING_NETWORKS"


@dataclass(frozen=True, kw_only=True)
class MailSettings:
    """Where e-mails go to (for `make_mailer`), and from whom they are."""

    url: str = field(repr=False)
    sender: Address


def read_mail() -> MailSettings:
    """Return how e-mails are sent. Raises SettingsError."""
    url = settings.optional_secret("ESSAYCOACH_MAIL") or "console"
    uses_smtp = url.startswith(("smtp:", "smtps:"))
    sender = parse_sender(settings.text("ESSAYCOACH_MAIL_FROM", None if uses_smtp else DEFAULT_SENDER))
    make_mailer(url)
    if settings.is_production():
        _check_mail(url)
    return MailSettings(url=url, sender=sender)


def _check_mail(url: str) -> None:
    if url == "console":
        remedy = "the console shows the secrets of every mail, so give smtp://, smtps:// or file:"
        raise production.refusal("ESSAYCOACH_MAIL", "be set", remedy)
    # The only option that there is turns TLS off.
    if url.startswith("smtp:") and "?" in url:
        raise production.refusal("ESSAYCOACH_MAIL", "send mail with TLS", "leave out ?tls=no, or use smtps://")


def read_networks() -> Networks:
    """Return the networks that are not public and may be called all the same. Raises SettingsError."""
    given = settings.optional(NETWORKS) or ""
    networks = tuple(_network(one.strip()) for one in given.split(",") if one.strip())
    if settings.is_production() and not all(map(is_private, networks)):
        remedy = "admins choose what is called, and nothing else keeps them from this machine's own services"
        raise production.refusal(NETWORKS, f"hold only parts of {', '.join(map(str, PRIVATE))}", remedy)
    return networks


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(canonical_network(text))
    except ValueError:
        raise SettingsError(
            f"{NETWORKS} must hold networks such as 10.20.0.0/16, with commas between, not {text!r}."
        ) from None
