"""From a violated constraint to the domain error that the caller understands: Taken, Invalid or InUse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from peewee import IntegrityError

from models.errors import InUse, Invalid, Taken

UNIQUE_VIOLATION = "23505"
FOREIGN_KEY_VIOLATION = "23503"
# PostgreSQL 18 has its own code for "still referenced" by an ON DELETE RESTRICT; "not present in the other table" has another.
RESTRICT_VIOLATION = "23001"

# What each check asks of its field, and how a person calls a field.
CHECKS = {
    "users_can_be_recognised": "is needed when there is no external_id",
    "courses_name_not_blank": "must not be blank",
    "assignments_title_not_blank": "must not be blank",
    "categories_slug_is_a_short_name": "must have 1 to 63 small letters, digits, hyphens and underscores",
}
FIELD_NAMES = {"/email": "e-mail address", "/values/client_id": "client_id"}


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
        field = FIELD_NAMES.get(pointer, pointer.removeprefix("/"))
        if code == UNIQUE_VIOLATION:
            holder = "Somebody else" if thing == "person" else f"Another {thing}"
            raise Taken(f"{holder} in the org already has this {field}.", errors=[(pointer, "is taken")]) from None
        names_nothing = "does not name anything in the org"
        detail = names_nothing if code == FOREIGN_KEY_VIOLATION else CHECKS.get(name or "", "cannot be used")
        raise Invalid(f"The {thing} cannot be stored: {field} {detail}.", errors=[(pointer, detail)]) from None
