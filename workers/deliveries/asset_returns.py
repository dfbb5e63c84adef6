"""Tell an LTI platform that there is feedback on a document: a report without a score, which the student sees too."""

from __future__ import annotations

from datetime import datetime

from models import asset_arrivals
from models.db import session
from models.leased_rows import HeldRow
from models.returns import DueReturn
from workers.deliveries.asset_arrivals import report_place, services_of
from workers.deliveries.asset_report_text import processed_report
from workers.deliveries.sending import AlreadySuperseded, NotWanted, Sending
from workers.lms.assets import NotCalled, OlderThanKnown
from workers.lms.errors import LmsError, Trouble


def send(held: HeldRow, due: DueReturn, sending: Sending) -> str:
    """Send the report and return the document's id. Raises LmsError, NotWanted, AlreadySuperseded, SourceOff, NotFound.

    A repeat has the time of the row, so the platform keeps one report however often it comes.
    """
    if due.place is None or "asset" not in due.place:
        raise NotWanted
    url, scopes = report_place(held, due.place)
    if url is None:
        raise NotWanted
    with session(org=held.org):
        time = asset_arrivals.report_time(held)
    asset: str = due.place["asset"]
    try:
        services_of(held, sending.client).report(url, processed_report(asset, due, time=_text_of(time)), scopes=scopes)
    except NotCalled:
        raise LmsError(Trouble.REQUEST_REFUSED, "report") from None
    except OlderThanKnown:
        raise AlreadySuperseded from None
    return asset[:200]


def _text_of(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
