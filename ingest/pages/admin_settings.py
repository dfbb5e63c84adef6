"""The settings of a school: who reads, when students see feedback, the budget, how long data is kept, and networks."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Blueprint, Response, request, url_for

from ingest.admin import org_schemas as schemas
from ingest.admin import orgs
from ingest.pages.admin_parts import REFUSALS, Refusal, admin, admin_page, lines
from ingest.pages.admin_settings_words import CONSEQUENCES, LABELS, show
from ingest.pages.forms import check_body
from ingest.pages.rendering import page_blueprint, see
from ingest.pages.wording import gettext
from ingest.web.body import check
from ingest.web.identity import Identity
from ingest.web.problems import Problem

blueprint: Blueprint = page_blueprint("admin_settings")

TEXTS = ("name", "default_language", "release_policy", "ai_policy", "ai_fallback")
SWITCHES = ("require_approval", "require_assignment", "dual_approval")
LISTS = ("admin_networks", "embed_origins")
NUMBERS = (
    "author_open_limit", "author_daily_limit", "author_budget_percent", "retention_texts", "retention_raw_answers",
    "retention_deliveries", "retention_accounts", "retention_logs",
)  # fmt: skip


@blueprint.get("/admin/settings")
def show_settings() -> Response:
    """Show the settings in a form."""
    return _form_page(admin())


@blueprint.post("/admin/settings")
def review_changes() -> Response:
    """Say what would change and what that does; with `sure`, change it."""
    who = admin()
    check_body()
    try:
        stored = orgs.fetch_as(who)
        wanted = check(_sent(), schemas.OrgChange).changes()
        changes = {name: value for name, value in wanted.items() if value != stored[name]}
        if changes and request.form.get("sure"):
            orgs.change_as(who, changes)
    except REFUSALS as refusal:
        return _form_page(who, refusal=refusal)
    if not changes or request.form.get("sure"):
        return see(url_for("admin_settings.show_settings", did="saved"))
    listed = [
        (
            gettext(LABELS[name]),
            show(name, stored[name]),
            show(name, value),
            gettext(CONSEQUENCES[name]) if name in CONSEQUENCES else "",
        )
        for name, value in changes.items()
    ]
    carried = [(name, value) for name, value in request.form.items(multi=True) if name not in ("csrf", "sure")]
    return admin_page("admin_settings_review.html", changes=listed, carried=carried)


def _sent() -> dict[str, Any]:
    """Return the settings as the form says them; an empty field means none."""
    form = request.form
    sent: dict[str, Any] = {name: form.get(name, "") for name in TEXTS}
    sent |= {name: bool(form.get(name)) for name in SWITCHES}
    sent |= {name: _whole(form.get(name, "").strip()) for name in NUMBERS}
    budget = form.get("monthly_budget", "").strip()
    sent["monthly_budget_micros"] = _micros(budget) if budget else None
    sent |= {name: lines(name) for name in LISTS}
    sent["legal_hold"] = form.get("legal_hold", "").strip() or None
    return sent


def _whole(text: str) -> int | str | None:
    """Return the number in the text, or the text itself, which the check then refuses by name."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else text or None


def _micros(text: str) -> int:
    try:
        micros = Decimal(text) * 1_000_000
        if not micros.is_finite() or micros != micros.to_integral_value():
            raise InvalidOperation
        return int(micros)
    except InvalidOperation:
        detail = gettext("must be an amount in US dollars, such as 250 or 99.50")
        errors = [{"pointer": "/monthly_budget", "detail": detail}]
        raise Problem("invalid-payload", f"monthly_budget {detail}.", errors=errors) from None


def _form_page(who: Identity, *, refusal: Refusal | None = None) -> Response:
    org = orgs.fetch_as(who)
    stored = {name: value for name, value in org.items() if value is not None}
    stored |= {name: "\n".join(org[name]) for name in LISTS}
    if org["monthly_budget_micros"] is not None:
        stored["monthly_budget"] = f"{Decimal(org['monthly_budget_micros']) / 1_000_000:f}"
    return admin_page("admin_settings.html", refusal=refusal, values=request.form if refusal else stored, labels=LABELS)
