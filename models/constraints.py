"""What a violated constraint means to the person who asked: a value that is taken, one that is not there, a thing in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from peewee import IntegrityError

from models.errors import InUse, Invalid, Taken

UNIQUE_VIOLATION = "23505"
# PostgreSQL 18 tells "still referenced" by an ON DELETE RESTRICT from "not present in the other table".
RESTRICT_VIOLATION = "23001"


@contextmanager
def explained(*, fields: Mapping[str, str], thing: str) -> Iterator[None]:
    """Tell what the block ran into in words; `fields` pairs a constraint's name with the JSON pointer it is about.

    Raises Taken, Invalid or InUse; any other error, and a constraint that is not named, comes out as it went in.
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
