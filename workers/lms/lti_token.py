"""Get a token of an LTI platform, and say in our words why there is none."""

from __future__ import annotations

from http import HTTPStatus

from models.lti_keys import SigningKey
from models.platforms import Platform
from outgoing.client import Client
from outgoing.errors import BadStatus, NoAnswer
from outgoing.lti import access_token
from workers.lms.errors import BUSY, LmsError, Trouble


def fetch_token(platform: Platform, scope: str, key: SigningKey, *, client: Client) -> str:
    """Return a token of the platform for this scope. Raises LmsError, never a final one: the platform may still allow the scope."""
    try:
        return access_token(platform, scope, key, client=client, in_web=False)
    except BadStatus as error:
        raise LmsError(_trouble_of(error.status), "token") from None
    except NoAnswer:
        raise LmsError(Trouble.UNREACHABLE, "token") from None


def _trouble_of(status: int) -> Trouble:
    if status in BUSY:
        return Trouble.BUSY
    return Trouble.FAILED if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Trouble.ACCESS_REFUSED
