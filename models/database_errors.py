"""What each SQLSTATE means for us. `models/db.py` turns the meaning into a domain error; nobody else reads these codes.

A code of five characters is looked up first, then its class (the first two). A test compares the table with every code that
PostgreSQL and psycopg2 know.
"""

from __future__ import annotations

from enum import StrEnum

import peewee
import psycopg2


class Meaning(StrEnum):
    """What an error of the database means for the caller."""

    AWAY = "away"  # this server cannot serve: repeat later, over another connection
    BUSY = "busy"  # something else was in the way for a moment: repeat, the connection is good
    SESSION_ENDED = "session ended"  # the access token is no longer valid
    KEYS_MISSING = "keys missing"  # the person's key was not restored yet
    ADDRESS_REFUSED = "address refused"  # admins of this org are not accepted from this address
    AUTHOR_LIMIT = "author limit"  # the author has handed in as much as their school allows
    ON_HOLD = "on hold"  # a legal hold forbids the deletion
    NEEDS_APPROVAL = "needs approval"  # another admin has not approved it
    RULE_VIOLATED = "rule violated"  # a constraint: `models/constraints.py` names the field
    MISTAKE = "mistake"  # the statement is wrong, so repeating it does not help


# 42501 (no right to do this) stays a mistake: a missing grant or a row that a policy refuses must be seen, not repeated.
BY_CODE = {
    "25006": Meaning.AWAY,  # read-only: a standby, or an old primary
    "25P03": Meaning.AWAY,  # the server closed an idle transaction
    "25P04": Meaning.AWAY,  # the server closed a transaction that took too long
    "40003": Meaning.AWAY,  # nobody knows whether the statement was carried out
    "55000": Meaning.AWAY,  # among others: not during recovery
    "55006": Meaning.BUSY,
    "55P03": Meaning.BUSY,  # lock_timeout
    "57014": Meaning.BUSY,  # statement_timeout
    "EC001": Meaning.SESSION_ENDED,
    "EC003": Meaning.KEYS_MISSING,
    "EC005": Meaning.AUTHOR_LIMIT,
    "EC006": Meaning.ADDRESS_REFUSED,
    "EC007": Meaning.ON_HOLD,
    "EC008": Meaning.NEEDS_APPROVAL,
    "XX001": Meaning.AWAY,  # damaged data
    "XX002": Meaning.AWAY,  # damaged index
}
BY_CLASS = {
    "00": Meaning.MISTAKE,
    "01": Meaning.MISTAKE,
    "02": Meaning.MISTAKE,
    "03": Meaning.MISTAKE,
    "08": Meaning.AWAY,  # connection
    "09": Meaning.MISTAKE,
    "0A": Meaning.MISTAKE,
    "0B": Meaning.MISTAKE,
    "0F": Meaning.MISTAKE,
    "0L": Meaning.MISTAKE,
    "0P": Meaning.MISTAKE,
    "0Z": Meaning.MISTAKE,
    "10": Meaning.MISTAKE,
    "20": Meaning.MISTAKE,
    "21": Meaning.MISTAKE,
    "22": Meaning.MISTAKE,  # data
    "23": Meaning.RULE_VIOLATED,
    "24": Meaning.MISTAKE,
    "25": Meaning.MISTAKE,
    "26": Meaning.MISTAKE,
    "27": Meaning.MISTAKE,
    "28": Meaning.AWAY,  # the server refuses the log-in
    "2B": Meaning.MISTAKE,
    "2D": Meaning.MISTAKE,
    "2F": Meaning.MISTAKE,
    "34": Meaning.MISTAKE,
    "38": Meaning.MISTAKE,
    "39": Meaning.MISTAKE,
    "3B": Meaning.MISTAKE,
    "3D": Meaning.AWAY,  # no such database
    "3F": Meaning.MISTAKE,
    "40": Meaning.BUSY,  # serialization failure, deadlock
    "42": Meaning.MISTAKE,
    "44": Meaning.RULE_VIOLATED,
    "53": Meaning.AWAY,  # disk full, out of memory, too many connections
    "54": Meaning.MISTAKE,
    "55": Meaning.MISTAKE,
    "57": Meaning.AWAY,  # the server stops, or starts
    "58": Meaning.AWAY,  # the server's disk or system fails
    "72": Meaning.BUSY,
    "EC": Meaning.MISTAKE,  # our own: EC002, the audit trail is append-only; EC004, a school is not ready for its removal
    "F0": Meaning.AWAY,
    "HV": Meaning.MISTAKE,
    "P0": Meaning.MISTAKE,
    "XX": Meaning.MISTAKE,
}


def meaning_of(error: BaseException) -> Meaning:
    """Return the meaning of an error of Peewee or psycopg2. One without a code is a lost connection or a mistake."""
    code = sqlstate_of(error)
    if code is None:
        lost = (peewee.OperationalError, peewee.InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError)
        return Meaning.AWAY if isinstance(error, lost) else Meaning.MISTAKE
    return BY_CODE.get(code) or BY_CLASS.get(code[:2], Meaning.MISTAKE)


def sqlstate_of(error: BaseException) -> str | None:
    """Return the SQLSTATE that the server gave, or None when the error is not the server's."""
    # Peewee keeps the error that it wraps in `orig`.
    code: str | None = getattr(getattr(error, "orig", error), "pgcode", None)
    return code
