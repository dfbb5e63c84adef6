"""Links to one essay: a signed token of the type `link`, which the API and the cookie of pages refuse. Nothing of it is stored.

(docs/adr/0166-a-link-shows-one-essay.md)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from flask import current_app
from flask_jwt_extended import create_access_token

from ingest.web.identity import SigningKeys, verified_claims
from models.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class Link:
    """What a link shows: an essay, as its student sees it, until a time in whole seconds."""

    org: UUID
    essay: UUID
    student: UUID
    expires_at: datetime

    @property
    def is_over(self) -> bool:
        """Return whether its time has passed."""
        return self.expires_at <= datetime.now(UTC)


def sign(link: Link) -> str:
    """Return the token of the link."""
    keys: SigningKeys = current_app.extensions["essaycoach.signing_keys"]
    claims = {"org": str(link.org), "essay": str(link.essay), "exp": int(link.expires_at.timestamp()), "type": "link"}
    token: str = create_access_token(
        str(link.student), expires_delta=False, additional_claims=claims, additional_headers={"kid": keys[0][0]}
    )
    return token


def read(token: str) -> Link:
    """Return the link of a token that was made here, also when its time has passed. Raises NotFound."""
    try:
        claims = verified_claims(token)
        if claims["type"] != "link":
            raise KeyError("type")
        return Link(
            org=UUID(claims["org"]), essay=UUID(claims["essay"]), student=UUID(claims["sub"]),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )  # fmt: skip
    except Exception:  # noqa: BLE001 - the answer is the same whatever is wrong with the token
        raise NotFound("There is no such link.") from None
