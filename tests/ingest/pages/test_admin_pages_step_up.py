"""Test that the pages for keys and sources ask for a new proof too, where the org has switched `step_up` on."""

from __future__ import annotations

import pytest

from tests.ingest.conftest import ApiUnderTest
from tests.support.pages import PageReader
from tests.support.schools import PASSWORD


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
    assert page.answer.request.path == "/prove/form"
    assert api.database.sql(rows) == before


def test_form_is_kept_until_the_proof_and_sent_after_it(api: ApiUnderTest, ada: PageReader) -> None:
    ada.get("/admin/keys")
    asked = ada.post("/admin/sources", name='Ours & <b>"', networks="192.0.2.0/24\r\n198.51.100.0/24")
    kept = {name: asked.hidden(name) for name in ("next", "sent")}
    [prove] = asked.attributes("main form", "action")
    wrong = ada.post(prove, password="wrong", **kept)
    assert (wrong.status, wrong.hidden("sent")) == (401, kept["sent"])
    proved = ada.post(prove, password=PASSWORD, **kept)
    [action] = proved.attributes("main form", "action")
    fields = {one.attrs["name"]: one.attrs["value"] for one in proved.all('main input[type="hidden"]')}
    assert ada.post(action, **fields).status == 201
    made = api.database.sql("select networks::text[] from sources where name = %s", 'Ours & <b>"')
    assert made == [(["192.0.2.0/24", "198.51.100.0/24"],)]
