"""Orgs, their settings and their categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from peewee import IntegrityError

from models.constraints import translate_violations
from models.db import new_ids, row, rows, run
from models.errors import Invalid, KeysMissing, NotFound, ReadingOff
from models.sign_in_providers import require_way_in
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
    """Store the org with the categories that every org starts with. Call it in a session of that org as ec_admin.

    Raises Invalid when the short name is taken or malformed.
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
    """Return the id of every org by its short name. Call it as the clock."""
    return {found["slug"]: found["id"] for found in rows("select slug, id from orgs order by slug")}


def set_ai(org: UUID, *, policy: str | None = None, fallback: str | None = None) -> None:
    """Set which provider reads the org's essays from now on. Call it in a session of that org as ec_admin.

    `policy` is anthropic, local (the local engine) or none (no machine). `fallback` is wait or local, and applies while
    Claude is not available. None keeps the stored value.
    """
    run(
        "update orgs set ai_policy = coalesce(%s, ai_policy), ai_fallback = coalesce(%s, ai_fallback) where id = %s",
        (policy, fallback, org),
    )


def find_org(slug: str) -> UUID | None:
    """Return the id of the org with this short name, or None; a closed org counts as gone.

    Raises KeysMissing while nobody's writing can be read.
    """
    found = row("select id, keys_missing() as keyless from orgs where slug = %s and closed_at is null", (slug,))
    if found and found["keyless"]:
        raise KeysMissing
    return found["id"] if found else None


def find_unremoved(slug: str) -> UUID | None:
    """Return the id of the org with this short name, also when it is closed, or None. Call it as ec_auth."""
    found = row("select id from orgs where slug = %s and removed_at is null", (slug,))
    return found["id"] if found else None


def list_unremoved() -> list[UUID]:
    """Return the ids of all orgs by short name, except those that were removed. Call it as ec_auth."""
    return [found["id"] for found in rows("select id from orgs where removed_at is null order by slug")]


def fetch_size(org: UUID) -> dict[str, Any]:
    """Return an org's names, policy and age, and how many people and essays it has. Call it as ec_admin."""
    found = row(
        """
        select o.slug, o.name, o.ai_policy, (select count(*) from users as u where u.org_id = o.id) as people,
            (select count(*) from essays as e where e.org_id = o.id and e.trial_until is null) as essays, o.created_at, o.closed_at
        from orgs as o where o.id = %s
        """,
        (org,),
    )
    assert found is not None
    return found


def require_reading(org: UUID) -> None:
    """Check that a machine may read the org's essays at this moment. Raises ReadingOff."""
    if row("select id from orgs where id = %s and ai_policy = 'none'", (org,)) is not None:
        raise ReadingOff


def fetch_org(org: UUID) -> dict[str, Any]:
    """Return an org's settings. Raises NotFound."""
    found = row(
        """
        select id, slug, name, default_language, release_policy, ai_policy, ai_fallback, require_approval, require_assignment,
            monthly_budget_micros, author_open_limit, author_daily_limit, author_budget_percent, admin_networks, password_roles,
            second_factor_required, step_up, embed_origins, retention_texts, retention_raw_answers, retention_deliveries,
            retention_accounts, retention_logs, legal_hold, dual_approval, created_at
        from orgs where id = %s
        """,
        (org,),
    )
    if found is None:
        raise NotFound("There is no such org.")
    return found


def change_org(org: UUID, *, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change the org's settings as `changes` says and return them; what it does not name stays. Call it as ec_admin.

    Names in `changes`: name, default_language, release_policy, ai_policy, ai_fallback, require_approval, require_assignment,
    monthly_budget_micros, author_open_limit, author_daily_limit, author_budget_percent, admin_networks (canonical),
    password_roles, second_factor_required, step_up, embed_origins, retention_texts, retention_raw_answers,
    retention_deliveries, retention_accounts, retention_logs, legal_hold, dual_approval. From when a retention deletes
    something is decided by a trigger (migration 0033). Raises NeedsApproval when dual_approval is to end, and Invalid when no admin
    could sign in any more.
    """
    if changes:
        Orgs.update(dict(changes)).where(Orgs.id == org).execute()
    if "password_roles" in changes:
        require_way_in(org)
    return fetch_org(org)


def list_categories(*, org: UUID, limit: int, before: UUID | None = None) -> list[dict[str, Any]]:
    """Return the org's categories, newest first; `before` is the last id of the previous page."""
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
    """Store a category and return it. Raises Taken."""
    category = new_ids(1)[0]
    with translate_violations(fields=CATEGORY_RULES, thing="category"):
        Categories.insert(id=category, org_id=org, slug=slug, name=name).execute()
    return fetch_category(category, org=org)


def change_category(category: UUID, *, org: UUID, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change the category as `changes` (slug, name) says and return it. Raises NotFound, Taken."""
    if changes:
        with translate_violations(fields=CATEGORY_RULES, thing="category"):
            Categories.update(dict(changes)).where(Categories.org_id == org, Categories.id == category).execute()
    return fetch_category(category, org=org)


def delete_category(category: UUID, *, org: UUID) -> None:
    """Delete the category. Raises NotFound, and InUse when an assignment or an essay has it."""
    with translate_violations(fields={}, thing="category"):
        deleted = run("delete from categories where org_id = %s and id = %s", (org, category))
    if not deleted:
        raise NotFound("There is no such category.")
