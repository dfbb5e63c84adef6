"""The words of the settings: their names, their values, and what a change of each does."""

from __future__ import annotations

from typing import Any

from ingest.pages.admin_phrases import word
from ingest.pages.phrases import money
from ingest.pages.wording import gettext
from ingest.web.marking import _n

LABELS = {
    "name": _n("Name of the school"), "default_language": _n("Language when an essay does not tell"),
    "release_policy": _n("When students see feedback"), "ai_policy": _n("Who reads essays"),
    "ai_fallback": _n("While Claude is away or the budget is spent"),
    "require_approval": _n("Only readers that were compared with your teachers"),
    "require_assignment": _n("Hand in for an assignment only"), "monthly_budget_micros": _n("Budget for AI in a month, in US dollars"),
    "author_open_limit": _n("Essays of one student that may wait at a time"),
    "author_daily_limit": _n("Hand-ins of one student in a day"),
    "author_budget_percent": _n("Part of the budget that one student may use, in percent"),
    "admin_networks": _n("Networks that administrators may come from"), "retention_texts": _n("Days that an essay is kept"),
    "retention_raw_answers": _n("Days that raw answers of AI are kept"),
    "retention_deliveries": _n("Days that what an LMS sent about a student is kept"),
    "retention_accounts": _n("Days until a student who does nothing is erased"),
    "retention_logs": _n("Days that the system log is kept"), "legal_hold": _n("Number of the case for which nothing is deleted"),
    "embed_origins": _n("Sites that may show an essay in a frame"),
    "dual_approval": _n("Two administrators must agree to erase, export and remove"),
}  # fmt: skip
_DELETES = _n("What is older is deleted for ever, after 7 days from now at the earliest.")
CONSEQUENCES = {
    "ai_policy": _n("It decides whether essays leave this installation. It is valid for essays handed in from now on."),
    "release_policy": _n("It is valid for essays handed in from now on, where an assignment does not say otherwise."),
    "require_approval": _n("It is valid for essays that wait now, too."),
    "require_assignment": _n("Students and LMSs without an assignment are refused while it is on."),
    "monthly_budget_micros": _n("When it is spent, what stands under “While Claude is away” happens."),
    "admin_networks": _n("Administrators from elsewhere are refused from their next request on."),
    "retention_texts": _DELETES, "retention_raw_answers": _DELETES, "retention_deliveries": _DELETES,
    "retention_accounts": _DELETES, "retention_logs": _DELETES,
    "legal_hold": _n("While there is a number, nothing of the school is deleted. Without it, deletion goes on."),
    "embed_origins": _n("Sites that are taken away show nothing from then on."),
    "dual_approval": _n("Ending it again needs a second administrator."),
}  # fmt: skip


def show(name: str, value: Any) -> str:
    """Return the value of a setting in the language of the page."""
    if value is None or value == []:
        return gettext("none") if name != "admin_networks" else gettext("everywhere")
    if isinstance(value, bool):
        return gettext("on") if value else gettext("off")
    if name == "monthly_budget_micros":
        return money(value)
    if name == "ai_fallback" and value == "local":
        return word("fallback_local")
    if name in ("release_policy", "ai_policy", "ai_fallback"):
        return word(value)
    return ", ".join(value) if isinstance(value, list) else str(value)
