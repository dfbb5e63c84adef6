"""The form that says how the webhooks of an LMS with a form of its own are read: its fields, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from flask import request

from ingest.pages.wording import gettext
from ingest.web.mapping import NEEDED, MappedSignature, Member
from ingest.web.marking import _n

ALGORITHMS: tuple[str, ...] = get_args(MappedSignature.model_fields["algorithm"].annotation)
ENCODINGS: tuple[str, ...] = get_args(MappedSignature.model_fields["encoding"].annotation)
# What each field is called, by where its value stands in the draft of a source.
_SIGNATURE = {
    "header": _n("Header with the signature"), "prefix": _n("What stands before it"), "algorithm": _n("Algorithm"),
    "encoding": _n("Encoding"), "timestamp_header": _n("Header with the time"),
}  # fmt: skip
_EVENT = {
    "event_id": _n("Id of the event"), "event_type": _n("Type of the event"), "event_types": _n("Types that hand in"),
}  # fmt: skip
_MEMBERS: dict[Member, str] = {
    "text": _n("Text of the essay"), "student/external_id": _n("Id of the student"), "title": _n("Title of the essay"),
    "student/name": _n("Name of the student"), "student/email": _n("E-mail address of the student"),
    "assignment/external_id": _n("Id of the assignment"), "assignment/title": _n("Title of the assignment"),
    "assignment/course/external_id": _n("Id of the course"), "assignment/course/name": _n("Name of the course"),
    "assignment_id": _n("Our own id of the assignment"), "category": _n("Category"), "language": _n("Language of the essay"),
    "external_id": _n("Id of the hand-in"), "submitted_at": _n("Time of the hand-in"),
}  # fmt: skip


def read_mapping() -> dict[str, Any]:
    """Return what the form says, as the API takes it. What is left empty is left out, so that it gets the API's default."""
    members = {name: said for name in _MEMBERS if (said := _said(f"member:{name}"))}
    mapping: dict[str, Any] = {
        "signature": {"header": "", **{name: said for name in _SIGNATURE if (said := _said(name))}},
        "event_types": [line.strip() for line in _said("event_types").splitlines() if line.strip()],
        "members": members,
    }
    return mapping | {name: said for name in ("event_id", "event_type") if (said := _said(name))}


def to_values(mapping: Mapping[str, Any]) -> dict[str, str]:
    """Return what the fields of the form hold for this mapping."""
    signature = {name: mapping["signature"].get(name) or "" for name in _SIGNATURE}
    members = {f"member:{name}": pointer for name, pointer in mapping["members"].items()}
    event = {name: mapping.get(name) or "" for name in ("event_id", "event_type")}
    return {**signature, **members, **event, "event_types": "\n".join(mapping.get("event_types") or [])}


def fields() -> dict[str, Any]:
    """Return what a template needs to draw the form."""
    members = [(name, label, name in NEEDED) for name, label in member_names()]
    return {
        "algorithms": [(name, name) for name in ALGORITHMS],
        "encodings": [(name, name) for name in ENCODINGS],
        "members": members,
    }


def member_names() -> list[tuple[Member, str]]:
    """Return each member of a hand-in with its name in the language of the page."""
    return [(name, gettext(label)) for name, label in _MEMBERS.items()]


def names() -> dict[str, str]:
    """Return the fields in the language of the page by the pointers that the API has for them."""
    events = f"{gettext(_EVENT['event_type'])}, {gettext(_EVENT['event_types'])}"
    return {
        "/mapping": events, "/mapping/members": gettext("Where each part of a hand-in stands"),
        **{f"/mapping/signature/{name}": gettext(label) for name, label in _SIGNATURE.items()},
        **{f"/mapping/{name}": gettext(label) for name, label in _EVENT.items()},
        **{f"/mapping/members/{name.replace('/', '~1')}": label for name, label in member_names()},
    }  # fmt: skip


def _said(name: str) -> str:
    return request.form.get(name, "").strip()
