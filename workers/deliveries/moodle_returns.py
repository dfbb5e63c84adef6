"""Bring feedback back to a Moodle site, as one comment that is never sent twice."""

from __future__ import annotations

from models.leased_rows import HeldRow
from models.returns import DueReturn
from workers.deliveries.moodle_arrivals import open_site
from workers.deliveries.return_text import mark_of, read_summary, to_text
from workers.deliveries.sending import NotWanted, Sending
from workers.lms.moodle_comment import CommentPlace, add_comment, find_comment


def send(held: HeldRow, due: DueReturn, sending: Sending) -> str:
    """Send the comment unless it is there already, and return its id. Raises LmsError, NotWanted, SourceOff, NotFound.

    An earlier attempt may have sent it and ended before that was stored.
    """
    moodle, access = open_site(held, sending.client)
    if access.returns == "none" or due.place is None:
        raise NotWanted
    summary = read_summary(held, due) if access.returns == "summary" else None
    mark = mark_of(held.id)
    place = CommentPlace(module=due.place["module"], hand_in=due.place["hand_in"])
    known = find_comment(moodle, place, mark=mark)
    if known is not None:
        return str(known)
    text = to_text(due, mark=mark, pages_url=access.pages_url or sending.url, summary=summary)
    return str(add_comment(moodle, place, text=text))
