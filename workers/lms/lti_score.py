"""Give a platform a score of ours (LTI Assignment and Grade Services 2.0)."""

from __future__ import annotations

from http import HTTPStatus

from models.lti_keys import SigningKey
from models.platforms import Platform
from outgoing.client import Client
from outgoing.lti import is_own_site
from outgoing.score import MEDIA_TYPE, SCOPE, Score, scores_url
from workers.lms.errors import BUSY, LmsError, Trouble, wait_asked_by
from workers.lms.lti_token import fetch_token
from workers.lms.sending import send

SECONDS = 15.0
MAX_ANSWER_BYTES = 64 * 1024
TAKEN = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})
SCORE = "score"


def post_score(score: Score, line_item_url: str, *, platform: Platform, key: SigningKey, client: Client) -> bool:
    """Give the platform the score, and return whether it has taken it. One that it has already, or a newer one, stays. Raises LmsError."""
    if not is_own_site(platform, line_item_url):
        # An admin has taken the site back since the launch that named it.
        raise LmsError(Trouble.ADDRESS_REFUSED, SCORE)
    token = fetch_token(platform, SCOPE, key, client=client)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": MEDIA_TYPE}
    answer = send(
        client, "POST", scores_url(line_item_url), about=SCORE, headers=headers, body=score.to_body(), seconds=SECONDS,
        max_bytes=MAX_ANSWER_BYTES, status_is_enough=True,
    )  # fmt: skip
    if answer.status in TAKEN or answer.status == HTTPStatus.CONFLICT:
        return answer.status != HTTPStatus.CONFLICT
    raise LmsError(_score_trouble(answer.status), SCORE, wait_asked_by(answer))


def _score_trouble(status: int) -> Trouble:
    """Return what a refused score means."""
    if status in BUSY:
        return Trouble.BUSY
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Trouble.FAILED
    if status < HTTPStatus.BAD_REQUEST:
        return Trouble.UNREADABLE
    if status == HTTPStatus.UNAUTHORIZED:
        return Trouble.ACCESS_REFUSED
    # Moodle answers 403 for a line item that is not there.
    is_gone = status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
    return Trouble.GONE if is_gone else Trouble.REQUEST_REFUSED
