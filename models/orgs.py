"""Orgs and their reference data."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from peewee import IntegrityError

from models.db import row
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


def find_org(slug: str) -> UUID | None:
    """Return the id of the org of this name, if there is one."""
    found = row("select id from orgs where slug = %s", (slug,))
    return found["id"] if found else None
