"""The pages of the LTI Asset Processor: a teacher attaches EssayCoach to an assignment of the LMS, and reports are opened.

(docs/adr/0180-an-lms-tells-us-by-notices.md)
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, url_for

from ingest.lms import deep_links, notice_orders, tickets
from ingest.lms.asset_claims import AssetLaunch, NoticeService
from ingest.lms.launch_claims import Launch
from ingest.lms.opening import Opened
from ingest.pages.launch_forms import read_ticket, send_back, to_remember
from ingest.pages.rendering import page, page_blueprint
from ingest.pages.wording import gettext
from ingest.web import outgoing, system_log
from ingest.web.marking import _n
from ingest.web.problems import Problem
from models import asset_activities, asset_arrivals, db
from models.platforms import Platform
from outgoing.client import NoAnswer
from outgoing.sites import origin_of

blueprint: Blueprint = page_blueprint("asset_processor_pages")

TICKET = "asset-processor"
NOT_READ_YET = _n("EssayCoach has not read this hand-in yet. Open the report again in a few minutes.")
NOT_READABLE = _n("EssayCoach could not read this hand-in. The student can hand in another file, or type the text.")


def show(platform: Platform, launch: Launch, asset: AssetLaunch) -> Response:
    """Show what EssayCoach does with the hand-ins of an assignment, and order notices about them; attach it when that is asked for."""
    remembered = {
        **to_remember(platform, launch),
        "tool_url": asset.tool_url,
        "notices": asdict(asset.notices) if asset.notices else None,
    }
    if asset.activity is not None:
        with db.session(org=platform.org, role="ec_lms", actor=platform.id):
            asset_activities.store(asset.activity, org=platform.org, platform=platform.id)
    return _ordered_page(platform, remembered)


@blueprint.post("/lti/asset-processor/order")
def order_again() -> Response:
    """Order the notices again, after the LMS did not take the order."""
    remembered, platform = read_ticket(TICKET, field="ticket")
    return _ordered_page(platform, remembered)


@blueprint.post("/lti/asset-processor/attach")
def attach() -> Response:
    """Send the LMS that EssayCoach is to be attached to its assignment."""
    remembered, platform = read_ticket(TICKET, field="ticket")
    if remembered["return_url"] is None:
        raise Problem("not-found", _n("There is nothing to attach here."))
    text = gettext("Feedback on grammar, structure and content, for the student to write the next draft with.")
    launch_url = url_for("lti_pages.launch", _external=True)
    return send_back(
        platform, deep_links.asset_processor(title="EssayCoach", text=text, launch_url=launch_url), remembered
    )


def address_of_report(opened: Opened, asset: AssetLaunch, platform: Platform) -> str:
    """Return the page with the feedback on a hand-in: the student's own, or the desk's. Raises Problem, NotFound."""
    if asset.hand_in is None:
        raise Problem("invalid-payload", _n("Your LMS does not say whose report it is."))
    with db.session(org=platform.org, role="ec_lms", actor=platform.id):
        found = asset_arrivals.find_hand_in(asset.hand_in, org=platform.org, platform=platform.id)
    if found.essay is None:
        raise Problem("not-found", NOT_READ_YET if found.state in ("queued", "running") else NOT_READABLE)
    if opened.family.role == "educator":
        return url_for("desk_essay_pages.essay", essay_id=found.essay, draft=found.version)
    return url_for("student_pages.essay", essay_id=found.essay)


def _ordered_page(platform: Platform, remembered: dict[str, Any]) -> Response:
    """Order notices where that is not done, and say what came of it."""
    handler = url_for("notices.receive", platform_id=platform.id, _external=True)
    service, trouble = NoticeService(**remembered["notices"]) if remembered["notices"] else None, None
    try:
        # The LMS has signed this address. The one that a browser names could be anybody's.
        if remembered["tool_url"] is None or origin_of(remembered["tool_url"]) != origin_of(handler):
            raise NoAnswer("it knows EssayCoach under another address than the one that was opened")
        notice_orders.order(
            platform, service, deployment=remembered["deployment"], handler=handler, client=outgoing.client()
        )
    except NoAnswer as error:
        trouble = str(error)
        system_log.keep("notices not ordered", org=platform.org, platform_id=platform.id, reason=trouble)
    return page(
        "asset_processor.html", ticket=tickets.sign(TICKET, remembered), trouble=trouble,
        is_attaching=remembered["return_url"] is not None,
    )  # fmt: skip
