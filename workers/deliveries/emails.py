"""Write to the admins of a school that one of its endpoints was disabled, because nothing could be delivered to it."""

from __future__ import annotations

from email.headerregistry import Address

from models import endpoint_deliveries, leased_rows
from models.db import session
from models.endpoint_deliveries import KEEP_DELIVERIES_DAYS, Outgoing
from models.endpoints import DISABLED_AFTER_DAYS
from models.leased_rows import HeldRow
from models.log import logger
from outgoing.mail import Email, Mailer, make_mailer, to_message
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


class DisabledEmails:
    """Sends these e-mails as the settings say. Without settings none is sent, and the row of each says so."""

    def __init__(self, settings: MailSettings | None) -> None:
        self._settings = settings
        self._mailer = make_mailer(settings.url) if settings else None

    def carry_out(self, held: HeldRow, outgoing: Outgoing) -> None:
        """Send the e-mail to each admin. When one cannot be sent, all are tried again later. Raises FenceLost and DatabaseAway."""
        if self._settings is None or self._mailer is None:
            log.warning("mail not sent", reason="ESSAYCOACH_MAIL is not set")
            retry_while_database_away(_give_up, held)
            return
        with session(org=held.org):
            addresses = endpoint_deliveries.admin_addresses(held.org)
        text = TEXT.format(
            name=outgoing.name, reason=REASONS[outgoing.data["reason"]], id=held.lane, days=KEEP_DELIVERIES_DAYS
        )
        emails = [Email(to=to, subject="An endpoint was disabled", text=text) for to in addresses]
        failed = sum(not _send(self._mailer, one, sender=self._settings.sender) for one in emails)
        retry_while_database_away(_store, held, failed=failed)


def _send(mailer: Mailer, email: Email, *, sender: Address) -> bool:
    """Send one e-mail and return False when it may leave later. To an address that is none, nothing ever leaves."""
    try:
        mailer.send(to_message(email, sender=sender), to=email.to)
    except (OSError, ValueError) as error:  # OSError: also what smtplib raises
        log.warning("mail not sent", reason=type(error).__name__)
        return isinstance(error, ValueError)
    return True


def _give_up(held: HeldRow) -> None:
    with session(org=held.org):
        leased_rows.end(held, state="gave_up", error="no_mail_server")


def _store(held: HeldRow, *, failed: int) -> None:
    with session(org=held.org):
        if failed:
            leased_rows.put_off(held, error="mail_not_sent", retry_in_seconds=wait_of(held))
        else:
            leased_rows.end(held, state="done")
