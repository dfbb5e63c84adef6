"""Our own ingest with its protection taken off, to see what that costs. Runs only beside `python -m benchmarks security`.

The schema loses row security and the audit triggers; ciphertexts become plain bytes of the same length.
"""

from __future__ import annotations

from flask import Flask

from ingest.app import create_app as create_secured_app
from models import crypto

OPEN_SCHEMA = """
do $$
declare
    found record;
begin
    for found in select c.oid::regclass as name from pg_class as c where c.relrowsecurity and c.relnamespace = 'public'::regnamespace loop
        execute format('alter table %s disable row level security, no force row level security', found.name);
    end loop;
    for found in
        select t.tgname, t.tgrelid::regclass as name from pg_trigger as t where t.tgname in ('audited', 'stays') and t.tgparentid = 0
    loop
        execute format('drop trigger %I on %s', found.tgname, found.name);
    end loop;
end
$$
"""
TAG = bytes(16)


class Transparent:
    """Stands where AES-256-GCM stands, and hides nothing."""

    def __init__(self, _key: bytes) -> None:
        """Need no key."""

    @staticmethod
    def generate_key(bit_length: int) -> bytes:
        """Return a key of zeros."""
        return bytes(bit_length // 8)

    def encrypt(self, _nonce: bytes, plain: bytes, _place: bytes) -> bytes:
        """Return the plain bytes, as long as a ciphertext would be."""
        return plain + TAG

    def decrypt(self, _nonce: bytes, sealed: bytes, _place: bytes) -> bytes:
        """Return the bytes without what made them longer."""
        return sealed[: -len(TAG)]


def create_app() -> Flask:
    """Return the ingest app whose database holds plain text."""
    crypto.AESGCM = Transparent  # type: ignore[misc, assignment]
    return create_secured_app()
