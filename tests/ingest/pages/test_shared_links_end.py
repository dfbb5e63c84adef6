"""Test when a link to an essay is over, and what of its token is kept: each test changes its own database."""

from __future__ import annotations

import pytest

from ingest.web import metrics
from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.test_shared_links import is_over, make_link, read_essay, show
from tests.support.servers import Servers, away


@pytest.mark.parametrize(
    "ending",
    ["update users set disabled_at = now() where id = '{zoe}'", "update orgs set closed_at = now() where id = '{org}'"],
)
def test_link_is_over_with_its_student_and_its_school(api: ApiUnderTest, ending: str) -> None:
    path = make_link(api, read_essay(api))
    assert show(api, path).status == 200
    api.database.sql(ending.format(zoe=api.school.zoe, org=api.school.org))
    assert is_over(show(api, path))


def test_link_to_an_erased_student_is_over(api: ApiUnderTest) -> None:
    path = make_link(api, read_essay(api))
    erased = api.client.post(f"/v1/users/{api.school.zoe}/erase", headers=api.signed_in("ada"))
    assert erased.status_code in (202, 204), erased.text
    assert is_over(show(api, path))


def test_token_is_in_no_log_line_and_in_no_metric(
    api: ApiUnderTest, servers: Servers, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make_link(api, read_essay(api))
    token = path.removeprefix("/shared/")
    app = api.make_app()
    for asked in (path, f"{path}x"):
        app.test_client().get(asked)
        app.test_client().post(asked)
    with away(servers, api.database):
        assert app.test_client().get(path).status_code == 503
    said = capfd.readouterr()
    assert '"/shared/<token>"' in said.out + said.err
    assert token[:40] not in said.out + said.err
    assert token[:40] not in str(list(metrics.REGISTRY.collect()))
    assert metrics.REGISTRY.get_sample_value(
        "essaycoach_http_requests_total", {"method": "GET", "route": "shared_pages", "status": "200"}
    )
    assert api.database.sql("select 1 from system_logs where context::text like %s", f"%{token[:40]}%") == []


def test_opening_and_guessing_are_rate_limited(api: ApiUnderTest) -> None:
    path = make_link(api, read_essay(api))
    opener = api.make_app(ESSAYCOACH_RATE_LIMIT="1/hour").test_client()
    assert [opener.get(path).status_code for _ in range(2)] == [200, 429]
    guesser = api.make_app(ESSAYCOACH_ADDRESS_RATE_LIMIT="1/hour").test_client()
    assert [guesser.get(f"/shared/{number}").status_code for number in range(2)] == [404, 429]
