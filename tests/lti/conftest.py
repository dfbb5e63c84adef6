"""Fixtures for LTI: the app in front of two schools, an LMS that launches into it, and a browser without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from standalone.lti_course import LINK
from standalone.lti_platform import LtiPlatform, run_lti_platform
from tests.ingest.conftest import ApiUnderTest, api, redis_client, redis_connection, shared_api, template
from tests.support.asset_platform import AssetPlatform, run_asset_platform
from tests.support.pages import Page, PageReader
from tests.support.schools import School

__all__ = ["api", "redis_client", "redis_connection", "shared_api", "template"]

TOOL = "http://localhost"


@dataclass(frozen=True)
class Platform:
    """An LMS that has registered with the app, and the browsers that it sends there."""

    api: ApiUnderTest
    lms: LtiPlatform
    id: str

    def open(self, subject: str, link: str = LINK["id"], *, reader: PageReader | None = None) -> PageReader:
        """Launch as this person in a new browser; return it with the first page that it was shown."""
        reader = reader or PageReader(self.api.app)
        self.send(reader, self.message(reader, subject, link))
        return reader

    def message(self, reader: PageReader, subject: str, link: str = LINK["id"]) -> dict[str, str]:
        """Return the form that the LMS lets the browser send, after the first steps of a launch."""
        return self.go_on(reader, path_of(self.lms.login_address(subject, link)))

    def go_on(self, reader: PageReader, path: str) -> dict[str, str]:
        """Return the form that the LMS lets the browser send, after a launch that begins at this address of ours."""
        begun = reader.client.get(path)
        assert begun.status_code == 303, begun.text
        sent_on = reader.client.get(begun.location)
        assert sent_on.location.startswith(f"{self.lms.url}/authorize?"), sent_on.text
        asked = {name: values[0] for name, values in parse_qs(urlsplit(sent_on.location).query).items()}
        found = self.lms.message(asked)
        return {"id_token": found["id_token"], "state": found["state"]}

    def send(self, reader: PageReader, message: dict[str, str]) -> Page:
        """Let the browser send the form, from a page of the LMS in a frame."""
        reader.page = Page(
            reader.client.post(
                "/lti/launch", data=message, follow_redirects=True,
                headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe", "Origin": self.lms.url},
            )
        )  # fmt: skip
        return reader.page


def path_of(address: str) -> str:
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}" == TOOL, address
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def connect(api: ApiUnderTest, lms: LtiPlatform, *, of: School | None = None, **draft: Any) -> Platform:
    """Let the LMS register itself with the address that an admin has made, and approve it."""
    admin = api.signed_in("ada", of)
    made = api.client.post("/v1/platforms", json={"name": "Moodle", **draft}, headers=admin)
    assert made.status_code == 201, made.text
    lms.fetch = lambda url: api.client.get(path_of(url)).json
    registered = api.client.get(path_of(lms.registration_address(made.json["registration_url"])))
    assert registered.status_code == 200, registered.text
    approved = api.client.patch(f"/v1/platforms/{made.json['id']}", json={"state": "active"}, headers=admin)
    assert approved.status_code == 200, approved.text
    return Platform(api, lms, made.json["id"])


@pytest.fixture
def lms() -> Iterator[LtiPlatform]:
    """Give an LMS that knows no tool yet."""
    with run_lti_platform() as started:
        yield started


@pytest.fixture
def platform(api: ApiUnderTest, lms: LtiPlatform) -> Platform:
    """Give an LMS that one school has connected."""
    return connect(api, lms)


@pytest.fixture(scope="module")
def shared_platform(shared_api: ApiUnderTest) -> Iterator[Platform]:
    """Give one LMS with documents and notices, connected with one app, for a whole file."""
    with run_asset_platform() as started:
        platform = connect(shared_api, started)
        # It keeps our keys, as platforms do: while this process is a worker, the app cannot answer.
        ours = started.fetch(started.tool["jwks_uri"])
        started.fetch = lambda _: ours
        yield platform


@pytest.fixture
def asset_platform(shared_platform: Platform) -> Iterator[Platform]:
    """Give the shared LMS, and undo afterwards what a test has done there and handed in."""
    yield shared_platform
    assert isinstance(shared_platform.lms, AssetPlatform)
    shared_platform.lms.forget()
    tables = ("returns", "arrivals", "passes", "submissions", "essays", "asset_activities", "notice_handlers")
    deletes = "".join(f"delete from {table};" for table in tables)
    shared_platform.api.database.sql(f"set session_replication_role = replica; {deletes} select 1")


def rows_of(api: ApiUnderTest) -> dict[str, int]:
    """Return how many rows a launch could have added."""
    tables = ("users", "lms_people", "courses", "assignments", "enrollments", "sessions", "spent_launches", "analytics")
    return {table: api.database.sql(f"select count(*) from {table}")[0][0] for table in tables}
