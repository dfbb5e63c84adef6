"""Tell a platform that an essay was handed in and that feedback was given (docs/adr/0178-scores-say-handed-in.md)."""

from __future__ import annotations

from models import platform_assignments, platforms
from models.db import session
from models.errors import NotFound
from models.leased_rows import HeldRow
from models.lti_keys import signing_key
from models.returns import DueReturn
from outgoing.score import Score
from workers.deliveries.fetching import SourceOff
from workers.deliveries.sending import AlreadySuperseded, NotWanted, Sending
from workers.lms.lti_score import post_score


def send(held: HeldRow, due: DueReturn, sending: Sending) -> str:
    """Send the score and return its time, by which the platform tells it from others.

    A repeat sends the same with the same time, which changes nothing there. Raises LmsError, NotWanted, AlreadySuperseded,
    SourceOff, NotFound.
    """
    with session(org=held.org):
        try:
            platform = platforms.fetch_active(held.lane, org=held.org)
        except NotFound:
            raise SourceOff from None
        if platform.scores == "none":
            raise NotWanted
        handed_in = platform_assignments.fetch_handed_in(due.submission, org=held.org, platform=held.lane)
        key = signing_key(platform.id)
    score = Score(subject=handed_in.subject, at=handed_in.at)
    if not post_score(score, handed_in.line_item_url, platform=platform, key=key, client=sending.client):
        raise AlreadySuperseded
    return score.timestamp
