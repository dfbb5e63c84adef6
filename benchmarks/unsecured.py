"""EssayCoach's ingest without its protection, to measure what the protection costs. Only `python -m benchmarks security` runs it.

The schema loses row security and the audit triggers. Ciphertexts become plain bytes of the same length.
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
    """A replacement for AES-256-GCM that encrypts nothing."""

    def __init__(self, _key: bytes) -> None:
        """Ignore the key."""

    @staticmethod
    def generate_key(bit_length: int) -> bytes:
        """Return a key of zeros."""
        return bytes(bit_length // 8)

    def encrypt(self, _nonce: bytes, plain: bytes, _associated_data: bytes) -> bytes:
        """Return the plain bytes, padded to the length of a ciphertext."""
        return plain + TAG

    def decrypt(self, _nonce: bytes, padded: bytes, _associated_data: bytes) -> bytes:
        """Return the plain bytes without the padding."""
        return padded[: -len(TAG)]


def create_app() -> Flask:
    """Return the ingest app that stores plain text."""
    crypto.AESGCM = Transparent  # type: ignore[misc, assignment]
    return create_secured_app()
