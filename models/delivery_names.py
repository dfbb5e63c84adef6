"""Read from the body of a delivery, whatever its form, the LMS ids and e-mail addresses that may be those of its student."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

MAX_VALUES = 200
MAX_MEMBERS = 20_000
MAX_VALUE_CHARACTERS = 320
# A payload may be a string that holds JSON, and a field of a form may be one.
MAX_NESTED = 3

_PERSON = r"(?:student|learner|pupil|author|user|submitter|actor|person)"
_IS_PERSON = re.compile(_PERSON + r"s?")
_NAMES_PERSON = re.compile(_PERSON)
_IS_ID = re.compile(r".{0,60}(?:id|ids|number|login|mail|mbox|key|code|ref|username)")
_ADDRESS = re.compile(r"(?:[^<>@]{0,200}<)?(?:mailto:)?([^\s<>@:,;]{1,64}@[^\s<>@:,;]{1,255}?)>?")
_BEFORE_AT = re.compile(r"[^\s\"'<>@:,;=&\\(){}\[\]]{1,64}$")
_AFTER_AT = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# The members of JSON that breaks off or is not well-formed: a name with its text, number or object, and the end of an object.
_MEMBER = re.compile(
    r'"(?P<name>[^"\\]{1,60})"\s{0,20}:\s{0,20}(?:(?P<open>\{)|"(?P<text>[^"\\]{1,320})"|(?P<number>\d{1,40}))|(?P<end>\})'
)


@dataclass(frozen=True, kw_only=True)
class Named:
    """Values that may name the student: LMS ids and addresses where a student is named, and addresses elsewhere."""

    ids: tuple[str, ...]
    emails: tuple[str, ...]
    other_emails: tuple[str, ...]


class Members(list[tuple[str, Any]]):
    """The members of a JSON object or form, also those that come twice."""


def read_named(body: str) -> Named:
    """Return the values of a stored body that may name its student, in their order, at most MAX_VALUES of each kind."""
    # Text in UTF-16 was stored with its zero bytes.
    body = body.replace("\0", "").lstrip("\ufeff")
    ids: dict[str, None] = {}
    emails: dict[str, None] = {}
    others: dict[str, None] = {}
    value = _parse(body)
    for found, in_place in _values(value) if value is not None else _members_of_broken(body):
        address = _ADDRESS.fullmatch(found)
        if in_place:
            ids.setdefault(found)
        if address:
            (emails if in_place else others).setdefault(address[1])
    if value is None:
        others.update(dict.fromkeys(_addresses_in(body)))
    return Named(ids=_first(ids), emails=_first(emails), other_emails=_first(others))


def _first(found: dict[str, None]) -> tuple[str, ...]:
    # A surrogate cannot be encoded, so no stored person has one in their id.
    return tuple(one for one in list(found)[:MAX_VALUES] if not re.search("[\ud800-\udfff]", one))


def _parse(body: str) -> Any:
    """Return the JSON value or the form fields in the body, or None when it is neither."""
    try:
        return json.loads(body, object_pairs_hook=Members)
    except (ValueError, RecursionError):
        pass
    if "=" not in body[:200] or body.lstrip()[:1] in ("{", "[", "<"):
        return None
    try:
        return Members(parse_qsl(body, max_num_fields=MAX_VALUES)) or None
    except ValueError:
        return None


def _values(value: Any) -> Iterator[tuple[str, bool]]:
    """Yield the short values of a document, and whether each stands where a student is named."""
    # Each entry: a value, the name of its member, whether the object around it is a person, and how deep it is in strings.
    waiting: list[tuple[Any, str, bool, int]] = [(value, "", False, 0)]
    seen = 0
    while waiting and seen < MAX_MEMBERS:
        one, name, of_person, nested = waiting.pop()
        seen += 1
        if isinstance(one, Members):
            within = bool(_IS_PERSON.fullmatch(name))
            waiting.extend((member, _fold(key), within, nested) for key, member in reversed(one))
        elif isinstance(one, list):
            waiting.extend((member, name, of_person, nested) for member in reversed(one))
        elif isinstance(one, str) and one.lstrip()[:1] in ("{", "[") and nested < MAX_NESTED:
            waiting.append((_parse(one), name, of_person, nested + 1))
        elif isinstance(one, (str, int)) and not isinstance(one, bool):
            short = _short(one)
            if short:
                yield short, _is_place(name, of_person=of_person)


def _short(value: str | int) -> str:
    """Return the value as text, or no text when it is too long to name anybody."""
    if isinstance(value, int):
        # A number of thousands of digits cannot be written out.
        return str(value) if value.bit_length() <= 128 else ""
    return value.strip() if len(value) <= MAX_VALUE_CHARACTERS else ""


def _is_place(name: str, *, of_person: bool) -> bool:
    """Return whether a student may be named by the member with this folded name."""
    if _IS_PERSON.fullmatch(name):
        return True
    return bool(_IS_ID.fullmatch(name) and (of_person or _NAMES_PERSON.search(name)))


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name[:60].lower())


def _members_of_broken(body: str) -> Iterator[tuple[str, bool]]:
    """Yield the values of JSON that is not well-formed, and whether each stands where a student is named."""
    of_person = False
    for number, member in enumerate(_MEMBER.finditer(body)):
        if number >= MAX_MEMBERS:
            return
        name = _fold(member["name"] or "")
        if member["end"]:
            of_person = False
        elif member["open"]:
            of_person = bool(_IS_PERSON.fullmatch(name))
        else:
            yield (member["text"] or member["number"]).strip(), _is_place(name, of_person=of_person)


def _addresses_in(body: str) -> Iterator[str]:
    """Yield what looks like an e-mail address anywhere in a body of no known form."""
    body = body.replace("%40", "@")
    at = body.find("@")
    for _ in range(MAX_VALUES):
        if at < 0:
            return
        before, after = _BEFORE_AT.search(body[max(0, at - 64) : at]), _AFTER_AT.match(body, at + 1, at + 256)
        if before and after:
            yield f"{before[0]}@{after[0]}"
        at = body.find("@", at + 1)
