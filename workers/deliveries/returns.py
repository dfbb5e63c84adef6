"""Bring the feedback on a version back to its LMS, once for each channel."""

from __future__ import annotations

from collections.abc import Callable

from models import leased_rows, returns
from models.db import session
from models.errors import NotFound
from models.leased_rows import HeldRow
from models.log import logger
from models.returns import Channel, DueReturn
from outgoing.client import Client
from workers.deliveries import asset_returns, canvas_returns, moodle_returns, score_returns
from workers.deliveries.ending import come_back, end, store_failure
from workers.deliveries.fetching import SourceOff
from workers.deliveries.sending import AlreadySuperseded, NotWanted, Sending
from workers.job.retry_policy import retry_while_database_away
from workers.lms.errors import LmsError

log = logger(__name__)

# A version that is being read again is looked at again after this time.
OPEN_SECONDS = 120.0

# How the return of each channel is sent, unless it is there already. Each returns what the LMS calls it, and raises LmsError, NotWanted,
# AlreadySuperseded, SourceOff, NotFound.
SENDS: dict[Channel, Callable[[HeldRow, DueReturn, Sending], str]] = {
    "moodle_comment": moodle_returns.send,
    "canvas_comment": canvas_returns.send,
    "lti_score": score_returns.send,
    "asset_report": asset_returns.send,
}


class ReturnWork:
    """Sends returns with one client. `url` is the address of this service, for links of sources that name no other one."""

    def __init__(self, client: Client, *, url: str | None = None) -> None:
        self._sending = Sending(client=client, url=url)

    def carry_out(self, held: HeldRow) -> None:
        """Send the return unless it is there already, and store what it is called there. Raises FenceLost and DatabaseAway."""
        with session(org=held.org):
            try:
                due = returns.load(held)
            except NotFound:
                return
        if due.is_open:
            # Given up now, it would never be sent: the end of the reading writes no second row.
            retry_while_database_away(come_back, held, in_seconds=OPEN_SECONDS)
            return
        try:
            if not due.is_shown:
                raise NotWanted
            external_id = SENDS[due.channel](held, due, self._sending)
        except SourceOff:
            retry_while_database_away(come_back, held)
        except (NotWanted, NotFound):
            retry_while_database_away(end, held, "gave_up", leased_rows.NOT_WANTED)
        except AlreadySuperseded:
            retry_while_database_away(end, held, "done", "superseded")
        except LmsError as error:
            log.warning("return not sent", reason=str(error.trouble), function=error.about, attempt=held.attempt)
            retry_while_database_away(store_failure, held, error)
        else:
            retry_while_database_away(_store, held, external_id)
            log.info("return sent", attempt=held.attempt)


def _store(held: HeldRow, external_id: str) -> None:
    with session(org=held.org):
        leased_rows.end(held, state="done", facts={"external_id": external_id})
