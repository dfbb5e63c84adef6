"""Ids that differ only by leading zeros: spreadsheets drop them from what they take for a number."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

# Excel rounds numbers of 12 digits and more instead.
LONGEST = 12


def differ_only_by_zeros(first: str, second: str) -> bool:
    """Return whether these are two ids of digits with the same number."""
    return first != second and _is_number(first) and _is_number(second) and first.lstrip("0") == second.lstrip("0")


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
    if not _is_number(identifier):
        return []
    digits = identifier.lstrip("0") or "0"
    return [spelling for length in range(len(digits), LONGEST + 1) if (spelling := digits.zfill(length)) != identifier]


def _is_number(identifier: str) -> bool:
    return identifier.isascii() and identifier.isdecimal()
