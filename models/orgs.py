"""Orgs and their reference data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from peewee import IntegrityError

from models.constraints import explained
from models.db import new_ids, row, rows, run
from models.errors import Invalid, NotFound
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

CATEGORY_RULES = {"categories_org_slug_unique": "/slug", "categories_slug_is_a_short_name": "/slug"}


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


def fetch_org(org: UUID) -> dict[str, Any]:
    """Return an org's settings. Raises NotFound."""
    found = row(
        """
        select id, slug, name, default_language, release_policy, ai_policy, ai_fallback, monthly_budget_micros, created_at
        from orgs where id = %s
        """,
        (org,),
    )
    if found is None:
        raise NotFound("There is no such org.")
    return found


def change_org(org: UUID, *, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The org's settings are as `changes` says, and what it does not name stays; returns them. Call it as ec_admin.

    Names of `changes`: name, default_language, release_policy, ai_policy, ai_fallback, monthly_budget_micros.
    """
    if changes:
        Orgs.update(dict(changes)).where(Orgs.id == org).execute()
    return fetch_org(org)


def list_categories(*, org: UUID, limit: int, before: UUID | None = None) -> list[dict[str, Any]]:
    """Return the org's kinds of writing, newest first; `before` is the last id of a page."""
    return rows(
        """
        select id, slug, name, created_at from categories
        where org_id = %(org)s and (%(before)s::uuid is null or id < %(before)s) order by id desc limit %(limit)s
        """,
        {"org": org, "limit": limit, "before": before},
    )


def fetch_category(category: UUID, *, org: UUID) -> dict[str, Any]:
    """Return a category. Raises NotFound."""
    found = row("select id, slug, name, created_at from categories where org_id = %s and id = %s", (org, category))
    if found is None:
        raise NotFound("There is no such category.")
    return found


def add_category(slug: str, *, org: UUID, name: str) -> dict[str, Any]:
    """The category exists; returns it. Raises Taken."""
    category = new_ids(1)[0]
    with explained(fields=CATEGORY_RULES, thing="category"):
        Categories.insert(id=category, org_id=org, slug=slug, name=name).execute()
    return fetch_category(category, org=org)


def change_category(category: UUID, *, org: UUID, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The category is as `changes` (slug, name) says; returns it. Raises NotFound, Taken."""
    if changes:
        with explained(fields=CATEGORY_RULES, thing="category"):
            Categories.update(dict(changes)).where(Categories.org_id == org, Categories.id == category).execute()
    return fetch_category(category, org=org)


def delete_category(category: UUID, *, org: UUID) -> None:
    """The category is gone. Raises NotFound, InUse when an assignment or an essay is of this kind."""
    with explained(fields={}, thing="category"):
        gone = run("delete from categories where org_id = %s and id = %s", (org, category))
    if not gone:
        raise NotFound("There is no such category.")
