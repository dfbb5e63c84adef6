"""Test that what is dangerous needs a sign-in of the last 15 minutes where the org has switched `step_up` on."""

from __future__ import annotations

import pytest

from models import db, endpoints, sessions
from tests.support.schools import session_of

DANGEROUS = {
    "export": ("GET", "/v1/users/{alice}/export", None),
    "erase": ("POST", "/v1/users/{alice}/erase", None),
    "make a key": ("POST", "/v1/api-keys", {"name": "LMS"}),
    "change a key": ("PATCH", "/v1/api-keys/{api_key_id}", {"name": "Other"}),
    "rotate a key": ("POST", "/v1/api-keys/{api_key_id}/rotate", {}),
    "make a source": ("POST", "/v1/sources", {"name": "LMS"}),
    "change a source": ("PATCH", "/v1/sources/{source}", {"name": "Other"}),
    "make a Moodle site": (
        "POST",
        "/v1/sources",
        {"name": "Moodle", "kind": "moodle", "moodle": {"site": "https://m.example", "token": "0f3a5c7e9b1d2f4a"}},
    ),
    "rotate a source": ("POST", "/v1/sources/{source}/rotate", {}),
    "make an endpoint": (
        "POST", "/v1/endpoints", {"name": "LMS", "url": "https://lms.example/hooks", "events": ["feedback.ready"]},
    ),
    "change an endpoint": ("PATCH", "/v1/endpoints/{endpoint}", {"name": "Other"}),
    "rotate an endpoint": ("POST", "/v1/endpoints/{endpoint}/rotate", {}),
    "name a provider": (
        "PUT", "/v1/org/sign-in-provider",
        {"name": "ID", "issuer": "https://id.example", "client_id": "c", "client_secret": "s"},
    ),
    "take a second factor away": ("DELETE", "/v1/users/{ed}/second-factor", None),
    "loosen the rules": ("PATCH", "/v1/org", {"step_up": False}),
    "let passwords in": ("PATCH", "/v1/org", {"password_roles": ["student", "educator", "admin"]}),
}  # fmt: skip


@pytest.fixture
def send(api):
    """`send("erase")` sends a dangerous request as Ada."""

    def send_as_ada(what):
        method, path, body = DANGEROUS[what]
        ids = {name: getattr(api.school, name) for name in ("alice", "ed", "api_key_id", "source")}
        address = path.format(**ids, endpoint=endpoint_of(api) if "{endpoint}" in path else "")
        return api.client.open(address, method=method, json=body, headers=api.signed_in("ada"))

    return send_as_ada


def endpoint_of(api):
    """Return the id of an endpoint, which exists from the first call on."""
    with session_of(api.school, "ada"):
        found = endpoints.list_endpoints(org=api.school.org, limit=1)
        if found:
            return found[0].id
        return endpoints.add_endpoint("LMS", org=api.school.org, url="https://lms.example", events=["feedback.ready"])[
            0
        ]


def switch_on(api) -> None:
    assert api.client.patch("/v1/org", json={"step_up": True}, headers=api.signed_in("ada")).status_code == 200


def grow_old(api) -> None:
    api.database.sql("update sessions set created_at = now() - interval '16 minutes' returning 1")


@pytest.mark.parametrize("what", DANGEROUS)
def test_old_session_is_refused_where_the_org_wants_a_new_proof(api, refused, send, what):
    switch_on(api)
    grow_old(api)
    refused(send(what), 403, "sign-in-again")
    # A new proof in the same session is enough.
    [(session,)] = api.database.sql("select id from sessions where user_id = %s", api.school.ada)
    with db.session(org=api.school.org, role="ec_auth"):
        sessions.note_proof(session, org=api.school.org)
    assert send(what).status_code < 300


@pytest.mark.parametrize("what", DANGEROUS)
def test_old_session_goes_on_where_the_org_has_not_switched_it_on(api, send, what):
    api.signed_in("ada")
    grow_old(api)
    assert send(what).status_code < 300


def test_step_up_of_one_org_does_not_concern_another(api):
    switch_on(api)
    headers = api.signed_in("ada", api.other)
    grow_old(api)
    assert api.client.post("/v1/api-keys", json={"name": "LMS"}, headers=headers).status_code == 201


def test_other_settings_need_no_new_proof(api):
    switch_on(api)
    grow_old(api)
    assert api.client.patch("/v1/org", json={"name": "North"}, headers=api.signed_in("ada")).status_code == 200
