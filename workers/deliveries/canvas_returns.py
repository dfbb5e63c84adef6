"""Bring feedback back to a Canvas site, as one comment that is never sent twice."""

from __future__ import annotations

from models.leased_rows import HeldRow
from models.returns import DueReturn
from workers.deliveries.canvas_arrivals import open_site
from workers.deliveries.return_text import mark_of, read_summary, to_text
from workers.deliveries.sending import NotWanted, Sending
from workers.lms.canvas_comment import CommentPlace, add_comment, find_comment
from workers.lms.canvas_hand_ins import find_course


def send(held: HeldRow, due: DueReturn, sending: Sending) -> str:
    """Send the comment unless it is there already, and return its id. Raises LmsError, NotWanted, SourceOff, NotFound.

    An earlier attempt may have sent it and ended before that was stored.
    """
    canvas, access = open_site(held, sending.client)
    if access.returns == "none" or due.place is None:
        raise NotWanted
    summary = read_summary(held, due) if access.returns == "summary" else None
    mark, about = mark_of(held.id), due.place
    place = CommentPlace(
        course=about["course"] or find_course(canvas, assignment=about["assignment"]), assignment=about["assignment"],
        user=about["user"], attempt=about["attempt"], to_group=about["group"] is not None,
    )  # fmt: skip
    known = find_comment(canvas, place, mark=mark)
    if known is not None:
        return known
    text = to_text(due, mark=mark, pages_url=access.pages_url or sending.url, summary=summary)
    return add_comment(canvas, place, text=text, mark=mark)
