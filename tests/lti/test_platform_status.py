"""What the admins of a school see of a platform: its last launch, and why one was refused."""

from __future__ import annotations

from tests.ingest.conftest import ApiUnderTest
from tests.lti.conftest import Platform
from tests.support.pages import PageReader


def test_status_tells_the_last_launch_and_why_one_was_refused(api: ApiUnderTest, platform: Platform) -> None:
    ada, address = api.signed_in("ada"), f"/v1/sources/{platform.id}/status"
    status = api.client.get(address, headers=ada).json
    assert (status["kind"], status["last_exchange_at"], status["problem"]) == ("lti", None, None)
    platform.open("4")
    status = api.client.get(address, headers=ada).json
    assert status["last_exchange_at"] is not None
    # What anybody could send is not told.
    assert api.client.get(f"/lti/login/{platform.id}?iss=x&login_hint=4").status_code == 401
    assert api.client.get(address, headers=ada).json["problem"] is None
    platform.lms.claims["azp"] = "another"
    platform.open("4")
    status = api.client.get(address, headers=ada).json
    assert status["problem"] == "A launch was refused: it is for another tool."
    assert status["advice"] is not None
    reader = PageReader(api.app)
    reader.sign_in(api.school, "ada")
    assert "it is for another tool" in reader.get(f"/admin/platforms/{platform.id}").text
    assert api.client.get(address, headers=api.signed_in("ada", api.other)).status_code == 404
    assert api.client.get(address, headers=api.signed_in("ed")).status_code == 403


def test_many_launches_write_the_row_of_the_platform_once_a_minute(api: ApiUnderTest, platform: Platform) -> None:
    platform.open("4")
    [first] = api.database.sql("select launched_at, xmin::text from platforms where id = %s", platform.id)
    platform.open("5")
    assert api.database.sql("select launched_at, xmin::text from platforms where id = %s", platform.id) == [first]
    entries = api.database.sql("select action from audit_log where entity_id = %s and detail::text like '%%launched%%'", platform.id)  # fmt: skip
    assert entries == []
