"""Test that the pages for keys and sources ask for a new proof too, where the org has switched `step_up` on."""

from __future__ import annotations

import pytest

from tests.ingest.conftest import ApiUnderTest
from tests.support.pages import PageReader


@pytest.fixture
def ada(api: ApiUnderTest) -> PageReader:
    """Give Ada's browser, in which she signed in an hour ago."""
    assert api.client.patch("/v1/org", json={"step_up": True}, headers=api.signed_in("ada")).status_code == 200
    reader = PageReader(api.app)
    reader.sign_in(api.school, "ada")
    api.database.sql("update sessions set proved_at = now() - interval '1 hour' returning id")
    return reader


@pytest.mark.parametrize(("path", "fields"), [
    ("/admin/keys", {"name": "New", "scopes": "read"}),
    ("/admin/keys/{key}/rotate", {}),
    ("/admin/sources", {"name": "New"}),
    ("/admin/sources/{source}", {"name": "Other"}),
    ("/admin/sources/{source}/rotate", {}),
])  # fmt: skip
def test_page_that_makes_or_changes_a_connection_asks_for_a_new_proof(
    api: ApiUnderTest, ada: PageReader, path: str, fields: dict[str, str]
) -> None:
    rows = "select (select count(*) from api_keys), (select string_agg(s::text, ',' order by s.id) from sources as s)"
    before = api.database.sql(rows)
    ada.get("/admin/keys")
    page = ada.post(path.format(key=api.school.api_key_id, source=api.school.source), **fields)
    assert page.answer.request.path == "/prove"
    assert api.database.sql(rows) == before
