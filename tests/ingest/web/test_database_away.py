"""Tests of the app when the database goes away and returns, or has the wrong schema."""

from __future__ import annotations

import json
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from tests.chaos.proxy import Proxy


def test_routes_answer_503_and_recover_when_the_database_returns(api, every_route, all_unavailable):
    client = api.app.test_client()
    route_requests = every_route(api)
    assert client.get("/readyz").status_code == 200
    server = psycopg2.connect(api.database.admin_url.rpartition("/")[0] + "/postgres")
    server.autocommit = True
    name = api.database.admin_url.rpartition("/")[2]
    try:
        with server.cursor() as cursor:
            cursor.execute(f"alter database {name} with allow_connections false")
            cursor.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
            all_unavailable(route_requests)
            cursor.execute(f"alter database {name} with allow_connections true")
    finally:
        server.close()
    assert client.get("/readyz").status_code == 200
    assert route_requests["login"]().status_code == 200


def test_dead_pool_connections_are_replaced_without_an_error(api, draft):
    client, headers = api.client, api.signed_in("alice")
    for _ in range(3):
        api.database.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
        assert client.post("/v1/submissions", json=draft(), headers=headers).status_code == 202


@pytest.mark.slow(reason="waits two seconds at every route")
def test_database_that_falls_silent_gives_503_within_two_seconds(api, every_route, all_unavailable):
    """The pool has open connections to a server that accepts everything and answers nothing."""
    address = urlsplit(api.environment["DATABASE_URL"])
    with Proxy((str(address.hostname), int(address.port or 5432))) as proxy:
        through = address._replace(netloc=f"{address.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}")
        client = api.make_app(patient=False, DATABASE_URL=urlunsplit(through)).test_client()
        route_requests = every_route(api)
        try:
            assert client.get("/readyz").status_code == 200
            # The first requests use open connections; the later ones connect while the server is silent.
            proxy.blackhole()
            all_unavailable(route_requests)
            proxy.pass_on()
            assert client.get("/readyz").status_code == 200
            assert route_requests["login"]().status_code == 200
        finally:
            api.make_app()


SECRETS = ("Xylophone", "zebra-quince", "mulberry", "quartzite")


@pytest.mark.parametrize(
    "broken",
    [
        "alter table submissions rename to gone; alter table essays rename to gone_essays",
        "alter table essays drop column title cascade",
    ],
)
def test_internal_error_leaks_no_essay_to_the_response_or_log(api, capsys, broken):
    """A broken schema is the only way left to cause an unexpected error."""
    client = api.make_app().test_client()
    headers = api.with_key()
    api.database.sql(broken)
    body = {
        "title": "Xylophone", "text": "The zebra-quince essay.", "external_id": "mulberry",
        "student": {"external_id": "quartzite", "name": "quartzite", "email": "quartzite@x.example"},
    }  # fmt: skip
    answers = [
        client.post("/v1/submissions", json=body, headers=headers), client.post("/v1/submissions", json=body, headers=headers),
        api.make_app().test_client().get("/v1/essays", headers=headers),
    ]  # fmt: skip
    logged = capsys.readouterr().err
    assert answers[0].status_code == 500
    for answer in answers:
        assert answer.status_code == 500
        assert answer.content_type == "application/problem+json"
        assert answer.json["type"].endswith("/problems/internal-error")
        assert answer.json["instance"] == answer.headers["X-Request-Id"]
        assert not any(secret in answer.text for secret in SECRETS)
        assert "psycopg" not in answer.text
        assert "gone" not in answer.text
    lines = [json.loads(line) for line in logged.splitlines()]
    reported = [line for line in lines if line["event"] == "unexpected error"]
    assert [line["request_id"] for line in reported] == [answer.headers["X-Request-Id"] for answer in answers]
    for line in reported:
        assert line["level"] == "error"
        assert line["program"] == "ingest"
        assert any("sqlstate" in one for one in line["exception"])
    assert not any(secret in logged for secret in (*SECRETS, api.school.api_key))


def test_log_contains_nothing_from_the_requests(api, capsys):
    client = api.make_app().test_client()
    alice = api.signed_in("alice")
    capsys.readouterr()
    for body in (
        b'{"title": "Xylophone", "text": "The zebra-quince essay."}', b'{"title": "Xylophone", "text": 7}',
        b'{"title": "Xylophone" zebra-quince', b'{"title": "mulberry", "text": "\\u0000 quartzite"}',
    ):  # fmt: skip
        client.post("/v1/submissions", data=body, headers={**alice, "Content-Type": "application/json"})
    client.post("/v1/auth/login", json={"org": "northside", "email": "mulberry@x", "password": "zebra-quince"})
    client.get("/v1/essays?cursor=quartzite", headers={"Authorization": "Bearer mulberry.zebra-quince.x"})
    logged = capsys.readouterr()
    assert not any(secret in logged.err + logged.out for secret in SECRETS)
