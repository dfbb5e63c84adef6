"""The token of a site that is asked: sealed, rotated with the master key, and only for its own row."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import pytest

from models import canvas_sites, crypto, db, moodle_sites
from models.keys import FIRST, count_by_master_key, reencrypt_batch
from models.settings import CryptoSettings
from tests.conftest import Become
from tests.support.canvas import TOKEN
from tests.support.schools import INDEX_KEY, MASTER_KEY, School, load_keys, session_of

SITES = pytest.mark.parametrize("sites", [canvas_sites, moodle_sites], ids=["canvas_sites", "moodle_sites"])


def add(sites: Any, school: School) -> UUID:
    """Store a site and return its source."""
    made = sites.add_site("Site", org=school.org, site="https://lms.example", token=TOKEN)
    return made if isinstance(made, UUID) else made[0]


def load_only(**keys: bytes) -> None:
    crypto.load(CryptoSettings(master_keys=keys, index_key=base64.b64decode(INDEX_KEY)))


@SITES
def test_token_is_rotated_with_the_master_key(sites: Any, school: School, become: Become) -> None:
    column = f"{sites.__name__.removeprefix('models.')}.token"
    with session_of(school, "ada"):
        source = add(sites, school)
    become("ec_worker")
    try:
        load_only(k2=b"n" * 32, k1=base64.b64decode(MASTER_KEY))
        with db.session(role="ec_keys"):
            step = reencrypt_batch(column, after=FIRST, limit=10, wait=True)
            assert step is not None
            assert (step.done, step.damaged) == (1, ())
            assert count_by_master_key()[column] == {"k2": 1}
        load_only(k2=b"n" * 32)
        with db.session(org=school.org):
            access = sites.fetch_access(source, org=school.org)
        assert access.token == TOKEN
        assert TOKEN not in repr(access)
    finally:
        load_keys()


@SITES
def test_settings_never_show_the_token(sites: Any, school: School) -> None:
    with session_of(school, "ada"):
        assert TOKEN not in repr(sites.fetch_site(add(sites, school), org=school.org))
