"""Create, list, change, rotate, test and disable the endpoints of an org, and have events sent again. Admins only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast, get_args
from uuid import UUID

from flask import Blueprint, Response, current_app

from ingest.admin import endpoint_schemas as schemas
from ingest.admin.connection_schemas import Rotation
from ingest.web import outgoing, pagination
from ingest.web.body import invalid_member, read_body, read_optional_body
from ingest.web.identity import Identity, admin
from ingest.web.openapi import Parameter, operation
from ingest.web.pagination import page_of
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from ingest.web.step_up import require_step_up
from models import endpoint_deliveries, endpoints
from models.broker import HintBroker
from models.endpoint_deliveries import EndpointDelivery, Outcome
from models.endpoints import Endpoint
from models.jobs import RowHint, RowTable

blueprint = Blueprint("endpoints", __name__)

LOCATION = {201: {"Location": "URL of the endpoint"}}
DELIVERY_LOCATION = {202: {"Location": "URL of the delivery"}}
OUTCOME = Parameter(
    name="outcome",
    where="query",
    description="Only deliveries with this outcome.",
    schema={"enum": list(get_args(Outcome))},
)


@blueprint.get("/v1/endpoints")
@operation(
    "List endpoints",
    answers={200: schemas.Endpoints},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_all() -> Response:
    """Return the endpoints of the org, disabled ones included, newest first, one page per request. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = endpoints.list_endpoints(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.Endpoints, found, limit=limit, show=_to_schema, key=lambda endpoint: endpoint.id)


@blueprint.post("/v1/endpoints")
@operation(
    "Create an endpoint",
    answers={201: schemas.NewEndpointSecret},
    body=schemas.EndpointDraft,
    problems=("forbidden", "sign-in-again"),
    headers=LOCATION,
)
def make() -> Response:
    """Create an endpoint: a web address of yours that hears of events. The answer has its secret, only this once. Admins only."""
    who = admin()
    return _respond_with_secret(*make_as(who, read_body(schemas.EndpointDraft)))


@blueprint.get("/v1/endpoints/<uuid:endpoint_id>")
@operation("Get an endpoint", answers={200: schemas.Endpoint}, problems=("forbidden",))
def one_endpoint(endpoint_id: UUID) -> Response:
    """Return an endpoint without its secrets. Admins only."""
    who = admin()
    with who.session():
        found = endpoints.fetch_endpoint(endpoint_id, org=who.org)
    return json_response(_to_schema(found))


@blueprint.patch("/v1/endpoints/<uuid:endpoint_id>")
@operation(
    "Change an endpoint",
    answers={200: schemas.Endpoint},
    body=schemas.EndpointChanges,
    problems=("forbidden", "sign-in-again"),
)
def change(endpoint_id: UUID) -> Response:
    """Change an endpoint, disable it or enable it again. What waits goes to the new address. Admins only."""
    who = admin()
    return json_response(_to_schema(change_as(who, endpoint_id, read_body(schemas.EndpointChanges))))


@blueprint.delete("/v1/endpoints/<uuid:endpoint_id>")
@operation("Disable an endpoint", answers={204: None}, problems=("forbidden",))
def disable(endpoint_id: UUID) -> tuple[str, int]:
    """Send nothing more to an endpoint, and give up what waits for it. What was sent stays listed. Admins only."""
    disable_as(admin(), endpoint_id)
    return "", 204


@blueprint.post("/v1/endpoints/<uuid:endpoint_id>/rotate")
@operation(
    "Rotate the secret of an endpoint",
    answers={201: schemas.NewEndpointSecret},
    body=Rotation,
    optional_body=True,
    problems=("forbidden", "sign-in-again"),
    headers=LOCATION,
)
def rotate(endpoint_id: UUID) -> Response:
    """Create a new secret. Until the overlap ends, deliveries are signed with the previous one too. Admins only."""
    who = admin()
    return _respond_with_secret(*rotate_as(who, endpoint_id, read_optional_body(Rotation)))


@blueprint.post("/v1/endpoints/<uuid:endpoint_id>/ping")
@operation(
    "Send a test event",
    answers={202: schemas.EndpointDelivery},
    problems=("forbidden", "endpoint-disabled"),
    headers=DELIVERY_LOCATION,
)
def ping(endpoint_id: UUID) -> Response:
    """Send the event `ping` to the endpoint now. The delivery says what came of it. Admins only."""
    return _accepted(ping_as(admin(), endpoint_id), endpoint_id)


@blueprint.get("/v1/endpoints/<uuid:endpoint_id>/deliveries")
@operation(
    "List the deliveries to an endpoint",
    answers={200: schemas.EndpointDeliveries},
    parameters=(*pagination.PARAMETERS, OUTCOME),
    problems=("invalid-payload", "forbidden"),
)
def list_deliveries(endpoint_id: UUID) -> Response:
    """Return what was or will be sent to the endpoint, newest first, one page per request, and what it answered. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    outcome = pagination.optional_choice("outcome", get_args(Outcome))
    with who.session():
        endpoints.fetch_endpoint(endpoint_id, org=who.org)
        found = endpoint_deliveries.list_deliveries(
            endpoint_id, org=who.org, limit=limit + 1, before=before, outcome=cast("Outcome | None", outcome)
        )
    return page_of(schemas.EndpointDeliveries, found, limit=limit, show=_to_delivery, key=lambda delivery: delivery.id)


@blueprint.get("/v1/endpoints/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>")
@operation("Get a delivery to an endpoint", answers={200: schemas.EndpointDelivery}, problems=("forbidden",))
def one_delivery(endpoint_id: UUID, delivery_id: UUID) -> Response:
    """Return one delivery. Admins only."""
    who = admin()
    with who.session():
        found = endpoint_deliveries.fetch_delivery(delivery_id, org=who.org, endpoint=endpoint_id)
    return json_response(_to_delivery(found))


@blueprint.post("/v1/endpoints/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/redeliver")
@operation(
    "Send a delivery again",
    answers={202: schemas.EndpointDelivery},
    problems=("forbidden", "endpoint-disabled"),
    headers=DELIVERY_LOCATION,
)
def redeliver(endpoint_id: UUID, delivery_id: UUID) -> Response:
    """Send the delivery again with its id, whatever came of it, from the first attempt on. Recorded in the audit trail. Admins only."""
    return _accepted(redeliver_as(admin(), endpoint_id, delivery_id), endpoint_id)


@blueprint.post("/v1/endpoints/<uuid:endpoint_id>/redeliver")
@operation(
    "Send failed deliveries again",
    answers={202: schemas.Queued},
    body=schemas.Redelivery,
    problems=("forbidden", "endpoint-disabled"),
)
def redeliver_failed(endpoint_id: UUID) -> Response:
    """Send the deliveries again that were given up since a time, with their ids. Recorded in the audit trail. Admins only."""
    who = admin()
    queued = redeliver_failed_as(who, endpoint_id, read_body(schemas.Redelivery))
    return json_response(schemas.Queued(deliveries=queued), status=202)


def make_as(who: Identity, wanted: schemas.EndpointDraft) -> tuple[Endpoint, str]:
    """Create an endpoint as this admin; return it and its secret. Raises Problem, Invalid and SignInAgain."""
    _check_url(wanted.url)
    with who.session():
        require_step_up(who)
        endpoint, secret = endpoints.add_endpoint(wanted.name, org=who.org, url=wanted.url, events=wanted.events)
        return endpoints.fetch_endpoint(endpoint, org=who.org), secret


def change_as(who: Identity, endpoint: UUID, wanted: schemas.EndpointChanges) -> Endpoint:
    """Change an endpoint as this admin, and return it. Raises Problem, NotFound, Invalid and SignInAgain."""
    changes = wanted.model_dump(exclude_unset=True)
    if "url" in changes:
        _check_url(changes["url"])
    with who.session():
        require_step_up(who)
        endpoints.change_endpoint(endpoint, org=who.org, **changes)
        return endpoints.fetch_endpoint(endpoint, org=who.org)


def disable_as(who: Identity, endpoint: UUID) -> None:
    """Disable an endpoint as this admin. Raises NotFound."""
    with who.session():
        endpoints.change_endpoint(endpoint, org=who.org, disabled=True)


def rotate_as(who: Identity, endpoint: UUID, wanted: Rotation) -> tuple[Endpoint, str]:
    """Give an endpoint a new secret as this admin; return both. Raises NotFound and SignInAgain."""
    with who.session():
        require_step_up(who)
        secret = endpoints.rotate_endpoint(endpoint, org=who.org, overlap_seconds=wanted.overlap_seconds)
        return endpoints.fetch_endpoint(endpoint, org=who.org), secret


def ping_as(who: Identity, endpoint: UUID) -> EndpointDelivery:
    """Send a test event as this admin, and return its delivery. Raises NotFound and Problem."""
    with who.session():
        _require_enabled(endpoint, who)
        delivery = endpoint_deliveries.add_ping(endpoint, org=who.org)
        found = endpoint_deliveries.fetch_delivery(delivery, org=who.org, endpoint=endpoint)
    _send_hint(endpoint, who)
    return found


def redeliver_as(who: Identity, endpoint: UUID, delivery: UUID) -> EndpointDelivery:
    """Send a delivery again as this admin, and return it. Raises NotFound and Problem."""
    with who.session():
        _require_enabled(endpoint, who)
        endpoint_deliveries.fetch_delivery(delivery, org=who.org, endpoint=endpoint)
        endpoint_deliveries.redeliver(endpoint, delivery=delivery)
        found = endpoint_deliveries.fetch_delivery(delivery, org=who.org, endpoint=endpoint)
    _send_hint(endpoint, who)
    return found


def redeliver_failed_as(who: Identity, endpoint: UUID, wanted: schemas.Redelivery) -> int:
    """Send what was given up again as this admin; return how many deliveries that is. Raises NotFound and Problem."""
    with who.session():
        _require_enabled(endpoint, who)
        queued = endpoint_deliveries.redeliver(endpoint, since=wanted.since)
    _send_hint(endpoint, who)
    return queued


def _check_url(url: str) -> None:
    """Check that this address may be written down. Where its name leads is checked with each delivery. Raises Problem."""
    objection = outgoing.client().objection(url)
    if objection is not None:
        raise invalid_member("/url", objection)


def _require_enabled(endpoint: UUID, who: Identity) -> None:
    """Check that the endpoint is there and enabled. Raises NotFound and Problem."""
    if endpoints.fetch_endpoint(endpoint, org=who.org).disabled_at is not None:
        raise Problem("endpoint-disabled", "This endpoint is disabled.")


def _accepted(found: EndpointDelivery, endpoint: UUID) -> Response:
    return json_response(_to_delivery(found), status=202, at=f"/v1/endpoints/{endpoint}/deliveries/{found.id}")


def _send_hint(endpoint: UUID, who: Identity) -> None:
    """Let a worker look at once. Without Redis the clock sends the hint later. Call it after the commit."""
    broker: HintBroker = current_app.extensions["essaycoach.broker"]
    broker.send([RowHint(org_id=who.org, lane_id=endpoint, table=RowTable.DELIVERIES)])


def _to_schema(found: Endpoint) -> schemas.Endpoint:
    return schemas.Endpoint(**_members(found))


def _members(found: Endpoint) -> dict[str, Any]:
    members = asdict(found)
    return {**members, "disabled": members.pop("disabled_at") is not None}


def _to_delivery(found: EndpointDelivery) -> schemas.EndpointDelivery:
    members = asdict(found)
    return schemas.EndpointDelivery(type=members.pop("event"), **members)


def _respond_with_secret(found: Endpoint, secret: str) -> Response:
    answer = schemas.NewEndpointSecret(**_members(found), secret=secret)
    return json_response(answer, status=201, at=f"/v1/endpoints/{found.id}")
