"""The first page of administration: people, courses, what waits, the month's AI cost, and how each LMS source fares."""

from __future__ import annotations

from flask import Blueprint, Response

from ingest.admin import orgs
from ingest.pages.admin_parts import admin, admin_page
from ingest.pages.rendering import page_blueprint
from models import overview

blueprint: Blueprint = page_blueprint("admin_overview")


@blueprint.get("/admin")
def show() -> Response:
    """Show how the school is doing."""
    who = admin()
    org = orgs.fetch_as(who)
    with who.session():
        counts, sources = overview.fetch_overview(who.org), overview.list_health(who.org)
    return admin_page(
        "admin_overview.html",
        org=org,
        counts=counts,
        sources=sources,
        most=overview.MOST_COUNTED,
        days=overview.RECENT_DAYS,
    )
