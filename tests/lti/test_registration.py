"""Test how a platform is connected: by one address, or by values; who approves it; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.lms import registration
from models.platforms import Registration
from outgoing.errors import NoAnswer
from standalone.lti_course import TOOL
from standalone.lti_platform import LtiPlatform
from tests.ingest.conftest import ApiUnderTest, check_refused
from tests.lti.conftest import Platform, connect, path_of
from tests.support.pages import PageReader


def invite(api: ApiUnderTest) -> dict[str, Any]:
    made = api.client.post("/v1/platforms", json={"name": "Moodle"}, headers=api.signed_in("ada"))
    assert made.status_code == 201, made.text
    return dict(made.json)


def values_of(lms: LtiPlatform, **changes: Any) -> dict[str, Any]:
    return {
        "issuer": lms.url, "client_id": "c-1", "authorization_url": f"{lms.url}/authorize", "token_url": f"{lms.url}/token",
        "jwks_url": f"{lms.url}/keys", "deployments": ["1"], **changes,
    }  # fmt: skip


def test_platform_registers_itself_and_waits_for_an_admin(api: ApiUnderTest, lms: LtiPlatform) -> None:
    made = invite(api)
    assert made["state"] == "invited"
    page = PageReader(api.app).get(path_of(lms.registration_address(made["registration_url"])))
    assert page.words("h1") == ["Your LMS is registered"]
    assert f"frame-ancestors {lms.url}" in page.answer.headers["Content-Security-Policy"]

    found = api.client.get(f"/v1/platforms/{made['id']}", headers=api.signed_in("ada")).json
    assert (found["state"], found["issuer"], found["deployments"]) == ("pending", lms.url, ["1"])
    assert found["frame_origins"] == [lms.url]
    assert "registration_url" not in found
    launch = path_of(lms.login_address("4"))
    assert api.client.get(launch).status_code == 404
    assert "an admin of your school has not approved it yet" in api.client.get(launch).text
    german = api.client.get(launch, headers={"Accept-Language": "de"}).text
    assert "Dieses LMS ist nicht mit EssayCoach verbunden" in german


def test_what_we_tell_the_platform(api: ApiUnderTest, lms: LtiPlatform) -> None:
    connect(api, lms)
    ours = lms.tool
    assert ours["token_endpoint_auth_method"] == "private_key_jwt"
    assert ours["redirect_uris"] == ["http://localhost/lti/launch"]
    assert "custom_parameters" not in ours[TOOL]
    # Scores are off: we do not even ask for the right.
    assert "ags" not in ours["scope"]


def test_registration_address_works_once(api: ApiUnderTest, lms: LtiPlatform) -> None:
    address = path_of(lms.registration_address(invite(api)["registration_url"]))
    assert api.client.get(address).status_code == 200
    assert api.client.get(address).status_code == 404


def test_registration_address_is_too_old_after_a_day(api: ApiUnderTest, lms: LtiPlatform) -> None:
    address = path_of(lms.registration_address(invite(api)["registration_url"]))
    api.database.sql("update platforms set registration_ends_at = now() - interval '1 second' returning 1")
    assert api.client.get(address).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://another.example"}, {"issuer": None}, {"jwks_uri": "ftp://lms.example/keys"}, {"token_endpoint": None},
        {"registration_endpoint": "https://192.0.2.1/register"}, {"authorization_endpoint": ["x"]},
    ],
)  # fmt: skip
def test_platform_that_contradicts_itself_is_not_registered(
    api: ApiUnderTest, lms: LtiPlatform, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    made = invite(api)
    monkeypatch.setattr(LtiPlatform, "configuration", {**lms.configuration, **change})
    address = path_of(lms.registration_address(made["registration_url"]))
    assert api.client.get(address).status_code == 422
    assert api.database.sql("select state from platforms") == [("invited",)]
    monkeypatch.undo()
    assert api.client.get(address).status_code == 200


CANVAS = {
    "issuer": "https://canvas.instructure.com", "authorization_endpoint": "https://sso.canvaslms.com/api/lti/authorize_redirect",
    "token_endpoint": "https://sso.canvaslms.com/login/oauth2/token", "jwks_uri": "https://sso.canvaslms.com/api/lti/security/jwks",
    "registration_endpoint": "https://sso.canvaslms.com/api/lti/registrations", "authorization_server": "sso.canvaslms.com",
}  # fmt: skip


@pytest.mark.parametrize(
    ("configuration_url", "change", "objection"),
    [
        ("https://sso.canvaslms.com/api/lti/security/openid-configuration", {}, None),
        ("https://school.instructure.com/api/lti/security/openid-configuration", {}, None),
        ("https://another.example/configuration", {}, "its issuer has another address"),
        ("https://sso.canvaslms.com/x", {"jwks_uri": "https://another.example/keys"}, "its issuer has another address"),
        ("https://sso.canvaslms.com/x", {"issuer": "https://canvas.another.example"}, "its issuer has another address"),
        ("https://sso.canvaslms.com.another.example/x", {}, "its issuer has another address"),
        ("https://sso.canvaslms.com/x", {"authorization_server": "another.example"}, "its authorization_server is another site"),
    ],
)  # fmt: skip
def test_canvas_in_the_cloud_answers_at_other_names_than_its_issuer(
    configuration_url: str, change: dict[str, Any], objection: str | None
) -> None:
    def read() -> str | None:
        configuration = {**CANVAS, **change}
        registration.check_configuration(configuration, configuration_url, allow_local=False)
        return registration.audience_of(configuration)

    if objection is None:
        assert read() is None
    else:
        with pytest.raises(NoAnswer, match=objection):
            read()


@pytest.mark.parametrize(
    ("referrer", "sites"),
    [
        (None, []),
        ("https://school.lms.example/courses/1", ["https://school.lms.example"]),
        ("https://another.example/", []),
        ("http://school.lms.example/", []),
        ("https://x;script-src *@school.lms.example/", []),
    ],
)
def test_site_from_which_the_admin_came_may_frame_us_if_it_is_the_issuers(
    referrer: str | None, sites: list[str]
) -> None:
    known = Registration(
        issuer="https://canvas.lms.example", client_id="1", authorization_url="https://sso.example/a", token_url="https://sso.example/t",
        jwks_url="https://sso.example/k",
    )  # fmt: skip
    assert registration.frame_origins(known, referrer=referrer) == ["https://canvas.lms.example", *sites]


def test_wrong_registration_token_of_the_platform_is_told(api: ApiUnderTest, lms: LtiPlatform) -> None:
    made = invite(api)
    address = path_of(lms.registration_address(made["registration_url"]))
    lms.registration_token = "another"
    page = PageReader(api.app).get(address)
    assert (page.status, "status 401" in page.text) == (422, True)


def test_values_may_be_given_by_hand(api: ApiUnderTest, lms: LtiPlatform) -> None:
    made = api.client.post(
        "/v1/platforms", json={"name": "Open edX", "values": values_of(lms)}, headers=api.signed_in("ada")
    )
    assert (made.status_code, made.json["state"], made.json["registration_url"]) == (201, "active", None)
    login_url = made.json["login_url"]
    assert login_url == f"http://localhost/lti/login/{made.json['id']}"
    # Without the id, as an LMS that has one address for all schools calls it.
    page = launch_as_entered(api, lms, {**made.json, "login_url": "http://localhost/lti/login"}).open("4").page
    assert page is not None
    assert page.words("h1") == ["Hand in an essay"]


def launch_as_entered(api: ApiUnderTest, lms: LtiPlatform, made: dict[str, Any]) -> Platform:
    lms.client_id = "c-1"
    lms.tool = {
        "initiate_login_uri": made["login_url"], "redirect_uris": [made["launch_url"]], TOOL: {"target_link_uri": made["launch_url"]},
    }  # fmt: skip
    return Platform(api, lms, made["id"])


def test_values_come_after_our_addresses_and_stay_after_the_first_launch(api: ApiUnderTest, lms: LtiPlatform) -> None:
    """An LMS that asks for our addresses first gives its client id only then."""
    made, admin = invite(api), api.signed_in("ada")
    path = f"/v1/platforms/{made['id']}"
    other = api.signed_in("ada", api.other)
    check_refused(api.client.patch(path, json={"values": values_of(lms)}, headers=other), 404, "not-found")
    wrong = api.client.patch(path, json={"values": values_of(lms, token_url="https://10.0.0.1/token")}, headers=admin)
    assert check_refused(wrong, 422, "invalid-payload")["errors"][0]["pointer"] == "/values/token_url"
    assert (
        api.client.patch(path, json={"values": values_of(lms, client_id="typo")}, headers=admin).json["state"]
        == "active"
    )
    assert api.client.get(path_of(made["registration_url"])).status_code == 404

    found = api.client.patch(path, json={"values": values_of(lms), "name": "Open edX"}, headers=admin).json
    assert (found["name"], found["client_id"], found["deployments"]) == ("Open edX", "c-1", ["1"])
    assert found["frame_origins"] == [lms.url]
    platform = launch_as_entered(api, lms, found)
    assert platform.open("4").page.words("h1") == ["Hand in an essay"]
    refused = api.client.patch(path, json={"values": values_of(lms, client_id="c-2")}, headers=admin)
    document = check_refused(refused, 422, "invalid-payload")
    assert document["errors"] == [
        {"pointer": "/values", "detail": "cannot change after the first launch; add a platform"}
    ]
    assert api.client.get(path, headers=admin).json["client_id"] == "c-1"


def test_values_leave_a_platform_off_that_was_switched_off(api: ApiUnderTest, lms: LtiPlatform) -> None:
    made, admin = invite(api), api.signed_in("ada")
    path = f"/v1/platforms/{made['id']}"
    assert api.client.delete(path, headers=admin).status_code == 204
    assert api.client.patch(path, json={"values": values_of(lms)}, headers=admin).json["state"] == "off"
    assert api.client.patch(path, json={"state": "active"}, headers=admin).json["state"] == "active"
    taken = invite(api)["id"]
    again = api.client.patch(f"/v1/platforms/{taken}", json={"values": values_of(lms)}, headers=admin)
    assert check_refused(again, 409, "conflict")["errors"] == [{"pointer": "/values/client_id", "detail": "is taken"}]


@pytest.mark.parametrize(
    "change",
    [{"jwks_url": "http://lms.example/keys"}, {"issuer": "lms"}, {"deployments": []}, {"client_id": "a b"}, {"token_url": "https://u@a.example/"},
     {"token_url": "https://10.0.0.1/token"}],
)  # fmt: skip
def test_values_that_cannot_work_are_refused(api: ApiUnderTest, lms: LtiPlatform, change: dict[str, Any]) -> None:
    body = {"name": "Open edX", "values": values_of(lms, **change)}
    check_refused(api.client.post("/v1/platforms", json=body, headers=api.signed_in("ada")), 422, "invalid-payload")


def test_same_platform_twice_is_refused(api: ApiUnderTest, lms: LtiPlatform) -> None:
    admin, body = api.signed_in("ada"), {"name": "Open edX", "values": values_of(lms)}
    assert api.client.post("/v1/platforms", json=body, headers=admin).status_code == 201
    document = check_refused(api.client.post("/v1/platforms", json=body, headers=admin), 409, "conflict")
    assert document["errors"] == [{"pointer": "/values/client_id", "detail": "is taken"}]
    assert document["detail"] == "Another platform in the org already has this client_id."
    other = api.signed_in("ada", api.other)
    assert api.client.post("/v1/platforms", json=body, headers=other).status_code == 201


def test_login_without_platform_in_the_address_needs_one_match(api: ApiUnderTest, lms: LtiPlatform) -> None:
    asked = {"iss": lms.url, "client_id": "c-1", "login_hint": "4"}
    body = {"name": "Open edX", "values": values_of(lms)}
    assert api.client.get("/lti/login", query_string=asked).status_code == 404
    api.client.post("/v1/platforms", json=body, headers=api.signed_in("ada"))
    assert api.client.post("/lti/login", data=asked).status_code == 303
    api.client.post("/v1/platforms", json=body, headers=api.signed_in("ada", api.other))
    assert api.client.get("/lti/login", query_string=asked).status_code == 404


def test_invited_platform_cannot_be_approved(api: ApiUnderTest) -> None:
    made = invite(api)
    answer = api.client.patch(f"/v1/platforms/{made['id']}", json={"state": "active"}, headers=api.signed_in("ada"))
    check_refused(answer, 422, "invalid-payload")


def test_rejected_platform_cannot_register(api: ApiUnderTest, lms: LtiPlatform) -> None:
    made = invite(api)
    api.client.patch(f"/v1/platforms/{made['id']}", json={"state": "off"}, headers=api.signed_in("ada"))
    assert api.client.get(path_of(lms.registration_address(made["registration_url"]))).status_code == 404


def test_platforms_are_for_admins_of_their_org(api: ApiUnderTest, lms: LtiPlatform) -> None:
    made = connect(api, lms)
    path = f"/v1/platforms/{made.id}"
    for who in ("alice", "ed"):
        assert api.client.get(path, headers=api.signed_in(who)).status_code == 403
    foreign = api.signed_in("ada", api.other)
    assert api.client.get(path, headers=foreign).status_code == 404
    assert api.client.patch(path, json={"state": "off"}, headers=foreign).status_code == 404
    assert api.client.get("/v1/platforms", headers=foreign).json["items"] == []
    assert [one["id"] for one in api.client.get("/v1/platforms", headers=api.signed_in("ada")).json["items"]] == [
        made.id
    ]


def test_platform_is_no_webhook_source(api: ApiUnderTest, lms: LtiPlatform) -> None:
    made, admin = connect(api, lms), api.signed_in("ada")
    assert api.client.get(f"/v1/sources/{made.id}", headers=admin).status_code == 404
    assert api.client.post(f"/v1/sources/{made.id}/rotate", json={}, headers=admin).status_code == 404
    assert made.id not in [one["id"] for one in api.client.get("/v1/sources", headers=admin).json["items"]]
    assert api.client.post(f"/v1/webhooks/{made.id}", data=b"{}").status_code == 404


def test_admin_pages_connect_approve_and_switch_off(api: ApiUnderTest, lms: LtiPlatform) -> None:
    reader = PageReader(api.app)
    reader.sign_in(api.school, "ada")
    reader.get("/admin/platforms")
    made = reader.post("/admin/platforms", name="<b>Moodle</b>", creates_courses="1")
    address = made.words("code.secret")[0]
    assert PageReader(api.app).get(path_of(lms.registration_address(address))).status == 200

    listed = reader.get("/admin/platforms")
    assert "<b>Moodle</b>" in listed.text
    [path] = [one for one in listed.attributes("main li a", "href") if one.startswith("/admin/platforms/")]
    assert "Launches are refused until you approve it." in reader.get(path).text
    asked = reader.get(f"{path}/approve")
    assert lms.url in asked.text
    assert "Its launches are accepted from now on." in reader.post(f"{path}/approve").text
    changed = reader.post(path, name="Moodle", deployments="1\n2", frame_origins="https://lms.example")
    assert "Saved." in changed.text
    assert "Everybody whom this LMS has named is signed out." in reader.get(f"{path}/delete").text
    assert "Its launches are refused from now on." in reader.post(f"{path}/delete").text


def test_admin_page_takes_the_values_of_an_lms_that_does_not_register_itself(
    api: ApiUnderTest, lms: LtiPlatform
) -> None:
    reader = PageReader(api.app)
    reader.sign_in(api.school, "ada")
    reader.get("/admin/platforms")
    [path] = reader.post("/admin/platforms", name="Open edX", creates_courses="1").attributes("p > a.button", "href")
    made = api.client.get(f"/v1/platforms/{path.rpartition('/')[2]}", headers=api.signed_in("ada")).json
    shown = reader.get(path)
    assert {made["login_url"], made["launch_url"], made["jwks_of_ours_url"]} <= set(shown.words("dd code"))
    values = {**values_of(lms), "deployments": "1"}
    refused = reader.post(f"{path}/values", **{**values, "client_id": "a b"})
    assert refused.status == 422
    assert "Client id: " in refused.text
    assert refused.attributes("#jwks_url", "value") == [values["jwks_url"]], "what was typed is kept"
    reader.post(f"{path}/delete")
    assert "Its launches are accepted from now on." in reader.post(f"{path}/values", **values).text
    page = launch_as_entered(api, lms, made).open("4").page
    assert page is not None
    assert page.words("h1") == ["Hand in an essay"]
    launched = reader.get(path)
    assert launched.attributes("#jwks_url", "value") == []
    assert reader.post(f"{path}/values", **values).status == 422


def test_admin_page_keeps_the_audience_of_requests_for_tokens(api: ApiUnderTest, lms: LtiPlatform) -> None:
    reader = PageReader(api.app)
    reader.sign_in(api.school, "ada")
    reader.get("/admin/platforms")
    [path] = reader.post("/admin/platforms", name="Brightspace").attributes("p > a.button", "href")
    reader.get(path)
    values = {**values_of(lms), "deployments": "1", "token_audience": f"{lms.url}/audience"}
    elsewhere = reader.post(f"{path}/values", **{**values, "token_audience": "https://elsewhere.example"})
    assert elsewhere.status == 422
    assert "Audience of requests for tokens: " in elsewhere.text
    reader.post(f"{path}/values", **values)
    found = api.client.get(f"/v1/platforms/{path.rpartition('/')[2]}", headers=api.signed_in("ada")).json
    assert found["token_audience"] == values["token_audience"]
    shown = reader.get(path)
    assert shown.attributes("#token_audience", "value") == [values["token_audience"]], "sent again, it stays"
    reader.post(f"{path}/values", **{**values, "token_audience": ""})
    found = api.client.get(f"/v1/platforms/{path.rpartition('/')[2]}", headers=api.signed_in("ada")).json
    assert found["token_audience"] is None
