"""Find what leads out of a feedback: links, names of sites, e-mail addresses, handles and telephone numbers, also disguised.

A text is searched in a reading without accents, look-alike letters and look-alike signs, and the places found are those of
the text itself. Every repeat in a pattern is limited, so that the time stays linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from workers.injection.address_forms import ABBREVIATIONS, FORMS, PROSE_WORDS, STRICT, UNMISTAKABLE, AddressForm
from workers.injection.reading import read

_AROUND = " \t\n.,;:!?()[]{}<>\"'“”‘’«»…"


class Permitted:
    """The addresses that feedback may repeat, because the essay, the assignment or the rubric holds them."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts = tuple(texts)

    def __contains__(self, address: str) -> bool:
        wanted = _for_comparison(address)
        at = self._folded.find(wanted) if wanted else -1
        while at >= 0:
            # A part of a longer address is another address.
            if not _goes_on(self._folded[at - 1 : at]) and not _goes_on(self._folded[at + len(wanted) :][:2]):
                return True
            at = self._folded.find(wanted, at + len(wanted))
        return False

    @cached_property
    def _folded(self) -> str:
        return "\0" + "\0".join(_for_comparison(text) for text in self._texts) + "\0"


NOTHING = Permitted()


def without_addresses(text: str, permitted: Permitted = NOTHING) -> str:
    """Return the text without everything that is like an address and that is not `permitted`."""
    kept: list[str] = []
    done = 0
    for start, end in _merged(_places(text)):
        if text[start:end] not in permitted:
            kept.append(text[done:start])
            done = end
    return "".join(kept) + text[done:] if done else text


def _places(text: str) -> list[tuple[int, int]]:
    reading, places = read(text)
    found = list(_found(reading, places, FORMS))
    if "\n" in text.strip():
        at = [index for index, char in enumerate(reading) if char not in "\r\n"]
        joined = "".join(reading[index] for index in at)
        found += _found(joined, [places[index] for index in at], (STRICT,))
    return found


def _found(reading: str, places: range | list[int], forms: Iterable[AddressForm]) -> Iterator[tuple[int, int]]:
    spaced = " ".join(reading.split())
    small = spaced.lower()
    for form in forms:
        if form.may_be_in(spaced, small):
            for match in form.pattern.finditer(reading):
                if match.lastgroup != "site" or _is_site(match["site"]):
                    yield places[match.start()], places[match.end() - 1] + 1


def _is_site(name: str) -> bool:
    """Return whether two words with a dot between them are the name of a site, not the end and the beginning of sentences."""
    *labels, last = name.split(".")
    before = labels[-1]
    if last.lower() in UNMISTAKABLE:
        return True
    if last[0].isupper() and not name.isupper():
        return False  # "first.Then", "Mr.Smith"
    doubled = re.fullmatch(r"(.)\1\.(.)\2", name)  # EE.UU. are the United States in Spanish
    return (
        len(before) > 1
        and doubled is None
        and before.lower() not in ABBREVIATIONS
        and last.lower() not in PROSE_WORDS
        and any(char.isalpha() for char in before)
    )


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _for_comparison(text: str) -> str:
    return " ".join(read(text)[0].casefold().split()).strip(_AROUND)


def _goes_on(beside: str) -> bool:
    return beside[:1].isalnum() or beside[:1] in ("@", "-", "_", "/") or (beside[:1] == "." and beside[1:].isalnum())
