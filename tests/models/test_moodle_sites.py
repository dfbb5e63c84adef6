"""The token of a Moodle site: sealed, rotated with the master key, and only for its own row."""

from __future__ import annotations

import base64

from models import crypto, db, moodle_sites
from models.keys import FIRST, count_by_master_key, reencrypt_batch
from models.settings import CryptoSettings
from tests.conftest import Become
from tests.support.schools import INDEX_KEY, MASTER_KEY, School, load_keys, session_of

TOKEN = "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"


def load_only(**keys: bytes) -> None:
    crypto.load(CryptoSettings(master_keys=keys, index_key=base64.b64decode(INDEX_KEY)))


def test_token_is_rotated_with_the_master_key(school: School, become: Become) -> None:
    with session_of(school, "ada"):
        source = moodle_sites.add_site("Moodle", org=school.org, site="https://moodle.example", token=TOKEN)
    become("ec_worker")
    try:
        load_only(k2=b"n" * 32, k1=base64.b64decode(MASTER_KEY))
        with db.session(role="ec_keys"):
            step = reencrypt_batch("moodle_sites.token", after=FIRST, limit=10, wait=True)
            assert step is not None
            assert (step.done, step.damaged) == (1, ())
            assert count_by_master_key()["moodle_sites.token"] == {"k2": 1}
        load_only(k2=b"n" * 32)
        with db.session(org=school.org):
            assert moodle_sites.fetch_access(source, org=school.org).token == TOKEN
    finally:
        load_keys()


def test_settings_never_show_the_token(school: School) -> None:
    with session_of(school, "ada"):
        source = moodle_sites.add_site("Moodle", org=school.org, site="https://moodle.example", token=TOKEN)
        assert TOKEN not in repr(moodle_sites.fetch_site(source, org=school.org))
