"""Test how networks are read, written in one form and compared with addresses, in Python and in the database alike."""

from __future__ import annotations

import psycopg2.errors
import pytest

from models.networks import canonical_address, canonical_network, is_within
from tests.support.schools import School
from tests.support.servers import Database


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"), ("192.0.2.7/24", "192.0.2.0/24"), (" 192.0.2.7 ", "192.0.2.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"), ("2001:DB8:0:0::/32", "2001:db8::/32"), ("2001:db8::1", "2001:db8::1/128"), ("::/0", "::/0"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"), ("::ffff:c000:207", "192.0.2.7/32"), ("::ffff:0:0/96", "0.0.0.0/0"),
    ],
)  # fmt: skip
def test_network_has_one_form_which_the_database_accepts(
    database: Database, school: School, text: str, canonical: str
) -> None:
    assert canonical_network(text) == canonical
    assert canonical_network(canonical) == canonical
    database.sql("update orgs set admin_networks = %s where id = %s", [canonical], school.org)


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "/24", "192.0.2.0/33", "2001:db8::/129", "192.0.2.0/-1", "192.0.2.0/255.255.255.0", "192.0.2", "192.0.2.0/24/24",
        "256.0.0.1", "192.0.2.07", "fe80::1%eth0", "192.0.2.0 /24", "north.example", "1", "٣.0.0.1", "::ffff:192.0.2.0/",
    ],
)  # fmt: skip
def test_text_that_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        canonical_network(text)


@pytest.mark.parametrize("table", ["orgs", "api_keys", "sources"])
@pytest.mark.parametrize("networks", ["{north}", "{192.0.2.7/24}", "{192.0.2.0/24,fe80::1%eth0}"])
def test_database_refuses_what_it_could_not_compare(
    database: Database, school: School, table: str, networks: str
) -> None:
    column = "admin_networks" if table == "orgs" else "networks"
    with pytest.raises(psycopg2.errors.InvalidTextRepresentation):
        database.sql(f"update {table} set {column} = %s", networks)


@pytest.mark.parametrize(
    ("address", "networks", "within"),
    [
        ("192.0.2.7", [], True), ("192.0.2.7", ["192.0.2.0/24"], True), ("192.0.3.7", ["192.0.2.0/24"], False),
        ("192.0.3.7", ["192.0.2.0/24", "192.0.3.7/32"], True), ("::ffff:192.0.2.7", ["192.0.2.0/24"], True),
        ("::ffff:192.0.3.7", ["192.0.2.0/24"], False), ("2001:db8::5", ["2001:db8::/32"], True), ("2001:db9::5", ["2001:db8::/32"], False),
        ("192.0.2.7", ["::/0"], False), ("2001:db8::5", ["0.0.0.0/0"], False), ("fe80::1%eth0", ["fe80::/10"], True),
        ("", ["0.0.0.0/0", "::/0"], False), ("unix:", ["0.0.0.0/0"], False), ("north.example", ["0.0.0.0/0"], False), ("", [], True),
    ],
)  # fmt: skip
def test_address_is_compared_in_its_usual_form(address: str, networks: list[str], *, within: bool) -> None:
    assert is_within(canonical_address(address), networks) is within
