"""Bring the feedback on a version back to its LMS, as one comment that is never sent twice."""

from __future__ import annotations

from typing import Any

from models import feedback, leased_rows, moodle_sites, returns
from models.db import session
from models.errors import NotFound, NotReady
from models.leased_rows import HeldRow
from models.log import logger
from models.moodle_sites import SiteAccess
from models.returns import Task
from outgoing.client import Client
from workers.deliveries.retry_policy import wait_of
from workers.deliveries.return_text import to_text
from workers.job.retry_policy import retry_while_database_away
from workers.lms.moodle import Moodle
from workers.lms.moodle_comment import CommentPlace, add_comment, find_comment, mark_of
from workers.lms.moodle_errors import LmsError

log = logger(__name__)


class ReturnWork:
    """Sends returns with one client. `url` is the address of this service, for links of sites that name no other one."""

    def __init__(self, client: Client, *, url: str | None = None) -> None:
        self._client = client
        self._url = url

    def carry_out(self, held: HeldRow) -> None:
        """Send the comment unless it is there already, and store what it is called there. Raises FenceLost and DatabaseAway."""
        with session(org=held.org):
            try:
                task, access = returns.load(held), moodle_sites.fetch_access(held.lane, org=held.org)
            except NotFound:
                return
            if access.is_off:
                leased_rows.come_back(held, in_seconds=moodle_sites.OFF_SECONDS)
                return
            if access.returns == "none" or not task.is_shown:
                leased_rows.end(held, state="gave_up", error="not_wanted")
                return
        summary = _read_summary(held, task) if access.returns == "summary" else None
        text = to_text(task, mark=mark_of(held.id), pages_url=access.pages_url or self._url, summary=summary)
        try:
            comment = self._send_once(held, task, access, text=text)
        except LmsError as error:
            log.warning("comment not sent", reason=str(error.trouble), function=error.about, attempt=held.attempt)
            retry_while_database_away(_store_failure, held, error)
        else:
            retry_while_database_away(_store, held, comment)
            log.info("comment sent", attempt=held.attempt)

    def _send_once(self, held: HeldRow, task: Task, access: SiteAccess, *, text: str) -> int:
        """Return the id of the comment that carries our mark; add it when there is none. Raises LmsError.

        An earlier attempt may have sent it and ended before that was stored.
        """
        moodle = Moodle(client=self._client, site=access.site, token=access.token)
        place = CommentPlace(module=task.place["module"], hand_in=task.place["hand_in"])
        known = find_comment(moodle, place, mark=mark_of(held.id))
        return known if known is not None else add_comment(moodle, place, text=text)


def _read_summary(held: HeldRow, task: Task) -> dict[str, Any] | None:
    """Return the summary as the student sees it, or None when there is none any more."""
    with session(org=held.org, role="ec_lms", actor=held.lane):
        try:
            found: dict[str, Any] = feedback.fetch(task.submission, org=held.org, released_only=True)["summary"]
        except (NotFound, NotReady):
            return None
    return found


def _store(held: HeldRow, comment: int) -> None:
    with session(org=held.org):
        leased_rows.end(held, state="done", facts={"external_id": str(comment)})


def _store_failure(held: HeldRow, error: LmsError) -> None:
    with session(org=held.org):
        if error.is_final:
            leased_rows.end(held, state="gave_up", error=error.trouble)
        else:
            wait = max(wait_of(held), error.retry_after_seconds or 0.0)
            leased_rows.put_off(held, error=error.trouble, retry_in_seconds=wait)
