"""A new proof before what is dangerous, where the org has switched it on (`step_up`)."""

from __future__ import annotations

from flask import g

from ingest.web.identity import Identity
from models import open_sessions


def require_step_up(who: Identity) -> None:
    """Check that this person has proved lately who they are, if the org wants it. Needs an open session. Raises SignInAgain."""
    if not who.is_api_key:
        open_sessions.require_step_up(g.session_id, org=who.org)
