"""Say in plain words why a value cannot be used. The library's own sentences are for programmers and never reach a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

NUMBERED_ID = "must be text: send ids as text; numbers above 2^53 get rounded"
UUID_FORM = "must be a UUID, such as 01a20000-0000-7000-8000-000000000000"
TIME_FORM = "must be an RFC 3339 time with a zone, such as 2026-11-23T08:30:00Z"
LANGUAGE_FORM = "must name a language, such as en, en-GB or English"
NETWORK_FORM = "must be a network or an address, such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7"
ORIGIN_FORM = "must be the origin of a site as browsers send it, such as https://lms.example:8443 (lower case, no path, no wildcard)"
EMAIL_FORM = "must be an e-mail address, such as grace@school.example"
FALLBACK = "cannot be used"

# What each regular expression of a request model asks for.
PATTERNS = {
    r"\S": "must not be blank",
    r"@": EMAIL_FORM,
    r"^[^@\s]+@[^@\s]+$": EMAIL_FORM,
    r"^[A-Za-z0-9]+$": "must have letters and digits only",
    r"^[A-Za-z0-9~._-]+$": "must have letters, digits, tildes, dots, underscores and hyphens only",
    r"^[A-Za-z0-9_-]{1,100}$": "must have 1 to 100 letters, digits, underscores and hyphens",
    r"^[!-~]+$": "must have ASCII letters, digits and signs only, without blanks",
    r"^[\x21-\x7e]+$": "must have ASCII letters, digits and signs only, without blanks",
    r"^[A-Za-z0-9-]{1,100}$": "must be the name of a header, such as X-Hub-Signature-256",
    r"^(/([^~/]|~[01])*)+$": "must be a JSON pointer, such as /data/essay/text",
    r"^[a-z0-9][a-z0-9_-]{0,62}$": "must have 1 to 63 small letters, digits, hyphens and underscores, and begin with a letter or digit",
    r"^([0-9][A-Z0-9./-]*|[A-Z][A-Z0-9./-]*[0-9][A-Z0-9./-]*)$": "must be the number of a case, such as 2026-CV-114",
}

Context = Mapping[str, Any]
_TEXT = "must be text"
_WHOLE = "must be a whole number"
_NUMBER = "must be a number"
_TRUTH = "must be true or false"
_LIST = "must be a list"
_OBJECT = "must be an object"

SENTENCES: dict[str, str | Callable[[Context], str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here; check its spelling",
    "invalid_key": "is not known here; check its spelling",
    "none_required": "must be null",
    "value_error": lambda context: str(context["error"]),
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": lambda context: _at_least(context["min_length"], "character"),
    "string_too_long": lambda context: _at_most(context["max_length"], "character"),
    "string_pattern_mismatch": lambda context: PATTERNS.get(context["pattern"], FALLBACK),
    "literal_error": lambda context: f"must be one of: {_choices(context['expected'])}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "list_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "too_short": lambda context: _at_least(context["min_length"], "entry"),
    "too_long": lambda context: _at_most(context["max_length"], "entry"),
    "greater_than": lambda context: f"must be more than {context['gt']:,}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']:,}",
    "less_than": lambda context: f"must be less than {context['lt']:,}",
    "less_than_equal": lambda context: f"must be at most {context['le']:,}",
    "uuid_type": UUID_FORM,
    "uuid_parsing": UUID_FORM,
    "uuid_version": UUID_FORM,
    "datetime_type": TIME_FORM,
    "datetime_parsing": TIME_FORM,
    "datetime_object_invalid": TIME_FORM,
    "datetime_from_date_parsing": TIME_FORM,
    "timezone_naive": TIME_FORM,
    "timezone_offset": TIME_FORM,
}


def sentence_of(error: ErrorDetails) -> str:
    """Return what is wrong with a value, for a person: the rest of a sentence that begins with the name of the member."""
    sentence = SENTENCES.get(error["type"], FALLBACK)
    return sentence if isinstance(sentence, str) else sentence(error.get("ctx", {}))


def _at_least(number: int, thing: str) -> str:
    return "must not be empty" if number == 1 else f"must have at least {number:,} {_plural(thing)}"


def _at_most(number: int, thing: str) -> str:
    return f"must have at most {number:,} {thing if number == 1 else _plural(thing)}"


def _plural(thing: str) -> str:
    return {"character": "characters", "entry": "entries"}[thing]


def _choices(expected: str) -> str:
    return expected.replace(" or ", ", ").replace("'", "")
