"""Test the file that tells whom to write to about a security hole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.errors import SettingsError

PATH = "/.well-known/security.txt"


@pytest.mark.parametrize("contact", ["mailto:security@school.example", "https://school.example/security"])
def test_contact_is_served_with_an_end_within_a_year(shared_api, contact):
    answer = shared_api.make_app(ESSAYCOACH_SECURITY_CONTACT=contact).test_client().get(PATH)
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == contact
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(days=100) < left < timedelta(days=366)


def test_without_a_contact_there_is_no_such_file(shared_api, refused):
    refused(shared_api.client.get(PATH), 404, "not-found")


@pytest.mark.parametrize(
    "contact",
    [
        "security@school.example",
        "http://school.example",
        "mailto:nobody",
        "https://a.example\nExpires: never",
        "mailto:a b@c",
    ],
)
def test_bad_contact_is_refused_at_start(shared_api, contact):
    with pytest.raises(SettingsError, match="ESSAYCOACH_SECURITY_CONTACT"):
        shared_api.make_app(ESSAYCOACH_SECURITY_CONTACT=contact)
