"""Events of the Moodle plugin `local_webhookengine`: each lets us look at its site at once. What was handed in is fetched there."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from pydantic import ConfigDict, StrictStr, StringConstraints

from ingest.submissions.schemas import Ignored, Noted
from ingest.web.body import check
from ingest.web.responses import json_response
from ingest.web.schemas import RequestBody
from models import events, moodle_sites
from models.db import session
from models.events import Delivery

# Something of these parts of Moodle happened to a hand-in.
COMPONENTS = ("mod_assign", "assignsubmission_")
HANDED_IN = ("assessable_submitted", "assessable_uploaded", "submission_created", "submission_updated")


class EngineEvent(RequestBody):
    """The envelope of the plugin, as far as it is read."""

    model_config = ConfigDict(extra="ignore")

    type: Annotated[StrictStr, StringConstraints(min_length=1, max_length=200)]


def carry_out(delivery: Delivery, said: Any) -> Response:
    """Let the site be looked at if something was handed in. An event counts once. Raises Problem, KeyReused, InProgress."""
    event = check(said, EngineEvent)
    component, _, name = event.type.rpartition(".")
    counts = component.startswith(COMPONENTS) and name in HANDED_IN
    answer = {"noted": "the site is looked at now"} if counts else {"ignored": "nothing was handed in"}
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        known = events.record_first_delivery(delivery)
        if known is None:
            events.store_delivery_answer(delivery, answer=answer)
            if counts:
                moodle_sites.look_soon(delivery.source, org=delivery.org)
    answer = known or answer
    return json_response(Noted(**answer), status=202) if "noted" in answer else json_response(Ignored(**answer))
