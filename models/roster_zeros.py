"""Ids that differ only by leading zeros: spreadsheets drop them from what they take for a number."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

# Excel rounds longer numbers.
LONGEST = 12


def number_of(identifier: str) -> str | None:
    """Return an id of digits without its leading zeros, and None for any other id."""
    return (identifier.lstrip("0") or "0") if identifier.isascii() and identifier.isdecimal() else None


def find_lookalikes(
    ids: Iterable[str], *, listed: Container[str], stored: Callable[[list[str]], set[str]]
) -> dict[str, str]:
    """Return, for each of these ids that has one, another id that differs only by leading zeros.

    It is an id that the roster lists with more zeros, or one of the ids that `stored` returns because they are in the database.
    """
    spellings = {one: found for one in ids if (found := _spellings(one))}
    here = stored(sorted({spelling for found in spellings.values() for spelling in found}))
    return {
        one: lookalike
        for one, found in spellings.items()
        if (
            lookalike := next(
                (other for other in found if other in here or (len(other) > len(one) and other in listed)), None
            )
        )
    }


def describe(identifier: str, lookalike: str) -> str:
    """Return in words how an id looks like another one."""
    return f"looks like {lookalike} {'without its' if len(identifier) < len(lookalike) else 'with more'} leading zeros"


def _spellings(identifier: str) -> list[str]:
    """Return the other ways to write an id of digits with fewer or more leading zeros."""
    digits = number_of(identifier)
    if digits is None:
        return []
    return [spelling for length in range(len(digits), LONGEST + 1) if (spelling := digits.zfill(length)) != identifier]
