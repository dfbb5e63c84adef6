"""Attack the marker around the essay and around the earlier comments: an author must not be able to compute it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from models import crypto, settings
from tests.support.servers import ROOT
from workers.passes import marker

TITLE, TEXT = "Phones", "They was loud."
PROGRAM = """
from models import crypto, settings
from workers.passes import marker
crypto.load(settings.read_crypto())
marker.use_key(crypto.keyring().derived_key("prompt marker"))
print(marker.marker_of("content"))
"""


@pytest.fixture(autouse=True)
def own_key() -> Iterator[None]:
    before = marker._Key.secret
    yield
    marker.use_key(before)


def test_marker_is_no_plain_hash_of_anything_that_the_author_knows() -> None:
    content = json.dumps([TITLE, TEXT], ensure_ascii=False, separators=(",", ":"))
    found = marker.marker_of(content)
    for known in (content, TEXT, TITLE, TITLE + TEXT, f"{TITLE}\n{TEXT}"):
        for name in ("sha256", "sha1", "md5", "sha512", "blake2b", "sha3_256"):
            assert hashlib.new(name, known.encode()).hexdigest()[:12] != found[:12], name


def test_marker_depends_on_the_key_and_on_the_content() -> None:
    found = set()
    for key in (b"a" * 32, b"b" * 32):
        marker.use_key(key)
        found |= {marker.marker_of("one"), marker.marker_of("two"), marker.marker_of("\ud800")}
    assert len(found) == 6
    assert all(len(one) == 24 and set(one) <= set("0123456789abcdef") for one in found)


def test_all_workers_with_the_same_keys_write_the_same_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"ESSAYCOACH_MASTER_KEYS": "k1:" + "A" * 43 + "=", "ESSAYCOACH_INDEX_KEY": "B" * 42 + "A="}
    env = {**os.environ, **keys}
    run = [sys.executable, "-c", PROGRAM]
    said = {subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout for _ in range(2)}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    ring = crypto.Keyring(settings.read_crypto())
    marker.use_key(ring.derived_key("prompt marker"))
    assert said == {marker.marker_of("content") + "\n"}
    assert ring.derived_key("prompt marker") != ring.derived_key("another purpose")
