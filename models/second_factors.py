"""The second factor of staff: codes of an authenticator app (TOTP) that work once, and recovery codes for a lost telephone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import pyotp

from models.crypto import AssociatedData
from models.db import row, run
from models.errors import Taken
from models.users import data_key

RECOVERY_CODES = 10
RECOVERY_BYTES = 10
# The codes of the half minutes before and after count too, for clocks that are not quite right.
WINDOW = 1
# After so many wrong codes in a row none is tried for some time: a code is one in a million, and three count at a time.
MAX_FAILURES = 5
PAUSE_MINUTES = 15

Outcome = Literal["correct", "wrong", "paused", "absent"]


@dataclass(frozen=True, kw_only=True)
class SecondFactor:
    """What a person may know about their second factor."""

    confirmed_at: datetime
    recovery_codes_left: int


def fetch(user: UUID, *, org: UUID) -> SecondFactor | None:
    """Return the person's confirmed second factor, or None. Call it as ec_auth."""
    found = row(
        """
        select confirmed_at, cardinality(recovery_codes) as recovery_codes_left from second_factors
        where org_id = %s and user_id = %s and confirmed_at is not null
        """,
        (org, user),
    )
    return SecondFactor(**found) if found else None


def begin(user: UUID, *, org: UUID) -> str:
    """Store a new secret that waits for its first code, and return it. Call it as ec_auth. Raises Taken when one is confirmed."""
    secret = pyotp.random_base32()
    stored = run(
        """
        insert into second_factors (user_id, org_id, secret) values (%s, %s, %s)
        on conflict (user_id) do update set secret = excluded.secret where second_factors.confirmed_at is null
        """,
        (user, org, data_key(user, org=org).seal(secret, place=_place(user, org))),
    )
    if not stored:
        raise Taken("You have a second factor already. Remove it first.", errors=[])
    return secret


def confirm(user: UUID, code: str, *, org: UUID) -> list[str] | None:
    """Let the waiting secret count from now on and return ten recovery codes; None when the code is not of this secret.

    The recovery codes cannot be returned again. Call it as ec_auth.
    """
    found = _lock(user, org)
    if found is None or found["confirmed_at"] is not None:
        return None
    step = _matching_step(code, found, user=user, org=org)
    if step is None:
        return None
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    run(
        """
        update second_factors set confirmed_at = now(), last_step = %s, failures = 0, recovery_codes = %s::bytea[]
        where org_id = %s and user_id = %s
        """,
        (step, [_digest(one) for one in codes], org, user),
    )
    return codes


def spend(user: UUID, code: str, *, org: UUID) -> Outcome:
    """Use up a code of the app or a recovery code, and say whether it was correct; commit whatever the outcome is.

    The row is locked, so of two requests with the same code one is correct. After MAX_FAILURES wrong codes in a row every code is
    refused for PAUSE_MINUTES, right ones too. Call it as ec_auth.
    """
    found = _lock(user, org)
    if found is None or found["confirmed_at"] is None:
        return "absent"
    if found["failures"] >= MAX_FAILURES and found["failed_lately"]:
        return "paused"
    step, digest = _matching_step(code, found, user=user, org=org), _digest(code)
    if step is not None or any(hmac.compare_digest(bytes(one), digest) for one in found["recovery_codes"]):
        run(
            """
            update second_factors set last_step = greatest(last_step, %s), failures = 0,
                recovery_codes = array_remove(recovery_codes, %s)
            where org_id = %s and user_id = %s
            """,
            (step or 0, digest, org, user),
        )
        return "correct"
    run(
        """
        update second_factors set failures = case when %s then failures else 0 end + 1, failed_at = now()
        where org_id = %s and user_id = %s
        """,
        (found["failed_lately"], org, user),
    )
    return "wrong"


def remove(user: UUID, *, org: UUID) -> bool:
    """Remove the person's codes, recovery codes and passkeys; return False without any. Call it as ec_auth or ec_admin."""
    removed = run("delete from second_factors where org_id = %s and user_id = %s", (org, user))
    return removed + run("delete from passkeys where org_id = %s and user_id = %s", (org, user)) > 0


def otpauth_uri(secret: str, *, name: str) -> str:
    """Return the text that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="EssayCoach")


def _lock(user: UUID, org: UUID) -> dict[str, Any] | None:
    return row(
        """
        select secret, confirmed_at, last_step, failures, recovery_codes,
            coalesce(failed_at > now() - make_interval(mins => %s), false) as failed_lately
        from second_factors where org_id = %s and user_id = %s for update
        """,
        (PAUSE_MINUTES, org, user),
    )


def _matching_step(code: str, found: dict[str, Any], *, user: UUID, org: UUID) -> int | None:
    """Return the half minute that this is the code of, if it is near and later than that of the last code, else None."""
    totp = pyotp.TOTP(data_key(user, org=org).open(found["secret"], place=_place(user, org)))
    sent = _folded(code).encode()
    now = int(time.time()) // totp.interval
    steps = [one for one in range(now - WINDOW, now + WINDOW + 1) if one > found["last_step"]]
    matching = [one for one in steps if hmac.compare_digest(totp.generate_otp(one).encode(), sent)]
    return matching[0] if matching else None


def _new_recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _digest(code: str) -> bytes:
    # Eighty random bits cannot be guessed from their digest, so a slow hash would add nothing.
    return hashlib.sha256(_folded(code).encode()).digest()


def _folded(code: str) -> str:
    """Return the code as it is compared: people copy it with blanks, hyphens and capital letters."""
    return "".join(code.split()).replace("-", "").lower()


def _place(user: UUID, org: UUID) -> AssociatedData:
    return AssociatedData("second_factors", "secret", org, user)
