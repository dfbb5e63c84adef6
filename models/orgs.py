"""Orgs and their reference data."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from peewee import IntegrityError

from models.db import row, rows, run
from models.errors import Invalid
from models.tables import Categories, Orgs

STARTING_CATEGORIES = {
    "argumentative": "Argumentative",
    "persuasive": "Persuasive",
    "narrative": "Narrative",
    "descriptive": "Descriptive",
    "expository": "Expository",
    "analysis": "Literary analysis",
    "reflection": "Reflection",
}


def add_org(slug: str, *, org: UUID, name: str, **settings: Any) -> None:
    """The org exists, with the categories every org starts with. Call it in a session of that org as ec_admin.

    Raises Invalid when the short name is taken or is not one.
    """
    try:
        Orgs.insert(id=org, slug=slug, name=name, **settings).execute()
    except IntegrityError:
        detail = f"{slug!r} is taken, or is not a short name: lower-case letters, digits and hyphens"
        raise Invalid(f"The org could not be made: {detail}.", errors=[("/slug", detail)]) from None
    Categories.insert_many(
        [{"org_id": org, "slug": category, "name": title} for category, title in STARTING_CATEGORIES.items()]
    ).execute()


def list_orgs() -> dict[str, UUID]:
    """Return every org's id by its short name. Call it as the clock."""
    return {found["slug"]: found["id"] for found in rows("select slug, id from orgs order by slug")}


def set_ai(org: UUID, *, policy: str | None = None, fallback: str | None = None) -> None:
    """The org's essays are read as it chose from now on. Call it in a session of that org as ec_admin.

    `policy`: anthropic, local, or none; `fallback`, while Claude cannot be had: wait, or local.
    """
    run(
        "update orgs set ai_policy = coalesce(%s, ai_policy), ai_fallback = coalesce(%s, ai_fallback) where id = %s",
        (policy, fallback, org),
    )


def find_org(slug: str) -> UUID | None:
    """Return the id of the org of this name, if there is one."""
    found = row("select id from orgs where slug = %s", (slug,))
    return found["id"] if found else None
