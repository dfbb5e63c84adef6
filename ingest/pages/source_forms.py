"""The forms of sources: what an admin says of a new source, or changes of one that is there."""

from __future__ import annotations

from typing import Any

from flask import request

from ingest.pages import mapping_form
from ingest.pages.admin_parts import lines

# What an empty field takes back.
MAY_BE_EMPTY = ("pages_url", "root_account_uuid")


def read_kind() -> dict[str, Any]:
    """Return what the form for a kind of source says: for a Moodle, a Canvas, a mapping, or our own form."""
    if "header" in request.form:
        return {**read_rights(), "kind": "custom", "mapping": mapping_form.read_mapping(), **_secret()}
    for kind, field in (("moodle", "site"), ("canvas", "canvas_site")):
        if field in request.form:
            here = request.host_url.rstrip("/")
            settings = {
                "site": request.form[field],
                "token": request.form.get("token", "").strip(),
                "pages_url": here if here.startswith("https://") else None,
            }
            other_kind = {"kind": "moodle_webhookengine"} if request.form.get("tells_us") else {}
            return {"kind": kind, kind: settings, **other_kind, **_secret()}
    return read_rights()


def read_rights() -> dict[str, Any]:
    """Return what a form says of what a source may do, and from where."""
    return {"creates_courses": bool(request.form.get("creates_courses")), "networks": lines("networks")}


def read_site() -> dict[str, Any]:
    """Return what the form of a source says of an LMS that we ask. Without a token the stored one stays."""
    said: dict[str, Any] = {name: request.form[name].strip() for name in ("token", "returns") if request.form.get(name)}
    said |= {name: request.form[name].strip() or None for name in MAY_BE_EMPTY if name in request.form}
    if "courses" in request.form:
        said["courses"] = [_number(entry) for entry in lines("courses")]
    if "interval_seconds" in request.form:
        said["interval_seconds"] = _number(request.form["interval_seconds"].strip())
    return said


def _number(entry: str) -> int | str:
    """Return the number that stands there, or else the text. Python reads none of thousands of digits."""
    return int(entry) if entry.isdecimal() and len(entry) < 100 else entry


def _secret() -> dict[str, str]:
    """Return the secret that the LMS has made, if the form names one."""
    secret = request.form.get("secret", "").strip()
    return {"secret": secret} if secret else {}
