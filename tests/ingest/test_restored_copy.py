"""Tests of the app on a restored copy that nobody has released."""

from __future__ import annotations

import pytest

from models import restored
from outgoing.mail import Email


@pytest.fixture
def held(api):
    """Put the app's database on hold, and forget what this process knew about it before and after."""
    name = api.database.name
    api.database.sql(f"alter database {name} set app.restored = '2026-11-29 03:00:00+00'")
    restored.forget()
    yield name
    api.database.sql(f"alter database {name} reset app.restored")
    restored.forget()


def test_restored_copy_takes_no_deliveries_until_released(api, draft, refused, held):
    body = draft(student={"external_id": "alice-sis"})
    problem = refused(api.lms.deliver(body), 503, "temporarily-unavailable")
    assert "restored copy" in problem["detail"]
    assert api.database.sql("select count(*) from inbound_events") == [(0,)]
    answer = api.client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert "python -m workers backup release" in answer.json["checks"]["copy"]
    api.database.sql(f"alter database {held} reset app.restored")
    restored.forget()
    assert api.lms.deliver(body).status_code == 202
    assert api.client.get("/readyz").json["status"] == "ok"


def test_restored_copy_sends_no_mail_until_released(api, held):
    queue, written = api.app.extensions["essaycoach.post"], []

    def write():
        written.append(1)
        return Email(to="alice@northside.example", subject="Hello", text="A word.")

    assert queue.enqueue(write) and queue.drain(within_seconds=60)
    assert written == []
    api.database.sql(f"alter database {held} reset app.restored")
    restored.forget()
    assert queue.enqueue(write) and queue.drain(within_seconds=60)
    assert written == [1]
