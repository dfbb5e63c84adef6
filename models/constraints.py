"""From a violated constraint to the domain error that the caller understands: Taken, Invalid or InUse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from peewee import IntegrityError

from models.errors import InUse, Invalid, Taken

UNIQUE_VIOLATION = "23505"
# PostgreSQL 18 has its own code for "still referenced" by an ON DELETE RESTRICT; "not present in the other table" has another.
RESTRICT_VIOLATION = "23001"


@contextmanager
def translate_violations(*, fields: Mapping[str, str], thing: str) -> Iterator[None]:
    """Translate a constraint that the block violates; `fields` maps a constraint's name to the JSON pointer of its field.

    `thing` names the thing in the message. Raises InUse when other rows still refer to it, Taken for a unique constraint in
    `fields` and Invalid for another one in `fields`. All other errors pass through unchanged.
    """
    try:
        yield
    except IntegrityError as error:
        cause = getattr(error, "orig", None)
        code, name = getattr(cause, "pgcode", None), getattr(getattr(cause, "diag", None), "constraint_name", None)
        if code == RESTRICT_VIOLATION:
            raise InUse(f"The {thing} is in use: something else still needs it.") from None
        pointer = fields.get(name or "")
        if pointer is None:
            raise
        if code == UNIQUE_VIOLATION:
            raise Taken(f"The {thing} would be the second of its kind.", errors=[(pointer, "is taken")]) from None
        raise Invalid(f"The {thing} cannot be like this.", errors=[(pointer, "is not acceptable here")]) from None
