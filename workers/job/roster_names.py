"""Leave out comments on the spelling of names of people in the course: a student knows how a classmate is spelled."""

from __future__ import annotations

from dataclasses import replace

from models.db import session
from models.errors import MasterKeyMissing
from models.log import logger
from workers.job.context import MAX_MASKED_PEOPLE, PassContext
from workers.passes.feedback import Comment, PassAnswer
from workers.privacy.roster import roster_around
from workers.providers.left_alone import ABOUT_SPELLING, without_places
from workers.providers.local.kinds import Ranges

log = logger(__name__)


def without_roster_names(answer: PassAnswer, context: PassContext) -> PassAnswer:
    """Return the answer without comments on the spelling of names around the essay: its author, and everybody in its course.

    The names are fetched only where a comment is on a word with a capital. Where the master key of somebody's name is missing,
    the comments stay: the answer is worth more than this check. Needs no session. Raises DatabaseAway.
    """
    text = context.request.text
    if not any(_may_be_name(comment, text) for comment in answer.comments):
        return answer
    try:
        with session(org=context.claim.org):
            roster = roster_around(context.author.essay, org=context.claim.org, most=MAX_MASKED_PEOPLE)
    except MasterKeyMissing as missing:
        log.warning("names of the course not read", reason=str(missing))
        return answer
    names = Ranges(roster.names_in(text))
    kept = (
        without_places(comment, text, names) if _may_be_name(comment, text) else comment for comment in answer.comments
    )
    return replace(answer, comments=tuple(comment for comment in kept if comment is not None))


def _may_be_name(comment: Comment, text: str) -> bool:
    if comment.type not in ABOUT_SPELLING or comment.span.match == "none":
        return False
    places = [(comment.span.start, comment.span.end), *comment.also_at]
    return any(not text[start:end].islower() for start, end in places)
