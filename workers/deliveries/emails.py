"""Send e-mails from leased rows; those to the admins of a school whose endpoint was disabled are written here."""

from __future__ import annotations

from models import endpoint_deliveries, leased_rows
from models.db import session
from models.endpoint_deliveries import KEEP_DELIVERIES_DAYS, Outgoing
from models.endpoints import DISABLED_AFTER_DAYS
from models.leased_rows import HeldRow
from models.log import logger
from outgoing.mail import Email, make_mailer, to_message
from outgoing.settings import MailSettings
from workers.deliveries.retry_policy import wait_of
from workers.job.retry_policy import retry_while_database_away

log = logger(__name__)

REASONS = {
    "gone": "It answered 410 Gone, which asks us to send nothing more.",
    "failing": f"It has taken no delivery for {DISABLED_AFTER_DAYS} days.",
}
TEXT = """EssayCoach has stopped sending events to the endpoint "{name}".

{reason}

Once it takes deliveries again, enable it and have the failed ones sent again, which are kept for {days} days
(PATCH /v1/endpoints/{id} with "disabled": false, then POST /v1/endpoints/{id}/redeliver).
What happens meanwhile is not written down for it: GET /v1/essays?sort=updated&since=... says what is new.
"""


class EmailSender:
    """Sends e-mails as the settings say, one after the other."""

    def __init__(self, settings: MailSettings | None) -> None:
        self._settings = settings
        self._mailer = make_mailer(settings.url) if settings else None

    def give_up_without_server(self, held: HeldRow) -> bool:
        """Give the row up when no mail server is set, and return whether it was given up. Raises FenceLost and DatabaseAway."""
        if self._settings is not None:
            return False
        log.warning("mail not sent", reason="ESSAYCOACH_MAIL is not set")
        retry_while_database_away(_give_up, held)
        return True

    def send(self, email: Email) -> bool:
        """Send one e-mail; return False when it should be tried again. True also for a malformed address, which never works."""
        if self._settings is None or self._mailer is None:
            return False
        try:
            self._mailer.send(to_message(email, sender=self._settings.sender), to=email.to)
        except (OSError, ValueError) as error:  # OSError: also what smtplib raises
            log.warning("mail not sent", reason=type(error).__name__)
            return isinstance(error, ValueError)
        return True


class DisabledEmails:
    """Writes the e-mails about a disabled endpoint. When one cannot be sent, all are tried again later."""

    def __init__(self, sender: EmailSender) -> None:
        self._sender = sender

    def carry_out(self, held: HeldRow, outgoing: Outgoing) -> None:
        """Send the e-mail to each admin. Raises FenceLost and DatabaseAway."""
        if self._sender.give_up_without_server(held):
            return
        with session(org=held.org):
            addresses = endpoint_deliveries.admin_addresses(held.org)
        text = TEXT.format(
            name=outgoing.name, reason=REASONS[outgoing.data["reason"]], id=held.lane, days=KEEP_DELIVERIES_DAYS
        )
        emails = [Email(to=to, subject="An endpoint was disabled", text=text) for to in addresses]
        # A silent mail server takes its time for each.
        is_sent = all(self._sender.send(one) for one in emails)
        retry_while_database_away(store_sent, held, is_sent=is_sent)


def store_sent(held: HeldRow, *, is_sent: bool) -> None:
    """End the row, or put it off when an e-mail could not be sent. Raises FenceLost and DatabaseAway."""
    with session(org=held.org):
        if is_sent:
            leased_rows.end(held, state="done")
        else:
            leased_rows.put_off(held, error="mail_not_sent", retry_in_seconds=wait_of(held))


def _give_up(held: HeldRow) -> None:
    with session(org=held.org):
        leased_rows.end(held, state="gave_up", error="no_mail_server")
