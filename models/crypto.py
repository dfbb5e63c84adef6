"""Encryption at rest: one data key per person, wrapped by a master key; and blind indexes to find what is encrypted.

AES-256-GCM throughout. The associated data binds a ciphertext to its table, column, org and row, so one that is moved
anywhere else does not open. Destroying a person's wrapped key makes all they wrote unreadable, in every dump too: dumps hold
no wrapped keys, which are backed up apart and kept shorter (models/keys.py).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import unicodedata
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from peewee import BlobField

from models.errors import MasterKeyMissing, Undecipherable
from models.settings import CryptoSettings

VERSION = b"\x01"
NONCE_BYTES = 12


class Ciphertext(bytes):
    """Bytes that came out of `seal`. Encrypted columns accept nothing else, so plain text cannot slip in."""


class EncryptedField(BlobField):
    """A bytea column that holds only ciphertext."""

    def db_value(self, value: Any) -> Any:
        """Return the bytes to store. Raises TypeError for anything that was not encrypted here."""
        if value is not None and not isinstance(value, Ciphertext):
            raise TypeError(f"{self.name} is encrypted: pass a Ciphertext, not {type(value).__name__}")
        return super().db_value(value)

    def python_value(self, value: Any) -> Ciphertext | None:
        """Return what is stored, still encrypted."""
        return None if value is None else Ciphertext(bytes(value))


@dataclass(frozen=True)
class AssociatedData:
    """Where a ciphertext belongs; it opens nowhere else."""

    table: str
    column: str
    org: UUID
    row: UUID

    def to_bytes(self) -> bytes:
        """Return the bytes that are authenticated but not stored."""
        return f"{self.table}|{self.column}|{self.org}|{self.row}".encode()


class Key:
    """One AES-256 key, ready for use: a person's data key for the length of one request, or a master key."""

    def __init__(self, raw: bytes) -> None:
        self._aead = AESGCM(raw)

    def seal_bytes(self, plain: bytes, *, place: AssociatedData) -> Ciphertext:
        """Return the bytes encrypted for one place."""
        nonce = os.urandom(NONCE_BYTES)
        return Ciphertext(VERSION + nonce + self._aead.encrypt(nonce, plain, place.to_bytes()))

    def open_bytes(self, sealed: bytes, *, place: AssociatedData) -> bytes:
        """Return the bytes. Raises Undecipherable when key, place or bytes are not the ones they were sealed with."""
        blob = bytes(sealed)
        if blob[:1] != VERSION:
            raise Undecipherable(f"{place.table}.{place.column}: unknown ciphertext version")
        nonce, body = blob[1 : 1 + NONCE_BYTES], blob[1 + NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, body, place.to_bytes())
        except (InvalidTag, ValueError):  # ValueError: cut so short that not even the nonce is whole
            raise Undecipherable(f"{place.table}.{place.column}: the ciphertext does not open here") from None

    def seal(self, plain: str, *, place: AssociatedData) -> Ciphertext:
        """Return the text encrypted for one place."""
        return self.seal_bytes(plain.encode(), place=place)

    def open(self, sealed: bytes, *, place: AssociatedData) -> str:
        """Return the text. Raises Undecipherable."""
        return self.open_bytes(sealed, place=place).decode()


@dataclass(frozen=True)
class WrappedKey:
    """A data key as it is stored: unreadable without the master key of that id."""

    wrapped: Ciphertext
    master_key_id: str


class Keyring:
    """The master keys of this installation and the key of its blind indexes."""

    def __init__(self, settings: CryptoSettings) -> None:
        self._masters = {name: Key(raw) for name, raw in settings.master_keys.items()}
        self._current = next(iter(settings.master_keys))
        self._index_key = settings.index_key

    @property
    def current(self) -> str:
        """Return the id of the master key that wraps and seals from now on."""
        return self._current

    @property
    def current_prefix(self) -> bytes:
        """Return how everything begins that `seal` encrypts: the length of the master key's id, and the id."""
        return bytes([len(self._current)]) + self._current.encode()

    def lacks(self, master_key_id: str) -> bool:
        """Return whether what this master key sealed cannot be opened here."""
        return master_key_id not in self._masters

    def new_data_key(self, *, org: UUID, user: UUID) -> tuple[WrappedKey, Key]:
        """Return a fresh key for one person, wrapped for storage and ready for use."""
        raw = AESGCM.generate_key(bit_length=256)
        wrapped = self._masters[self._current].seal_bytes(raw, place=_wrapped_place(org, user))
        return WrappedKey(wrapped, self._current), Key(raw)

    def data_key(self, wrapped: WrappedKey, *, org: UUID, user: UUID) -> Key:
        """Return a person's key ready for use. Raises Undecipherable when it is another's, or the master key is gone."""
        return Key(self._master(wrapped.master_key_id).open_bytes(wrapped.wrapped, place=_wrapped_place(org, user)))

    def rewrap(self, wrapped: WrappedKey, *, org: UUID, user: UUID) -> WrappedKey:
        """Return the same data key under the current master key. Raises Undecipherable."""
        place = _wrapped_place(org, user)
        raw = self._master(wrapped.master_key_id).open_bytes(wrapped.wrapped, place=place)
        return WrappedKey(self._masters[self._current].seal_bytes(raw, place=place), self._current)

    def reencrypt(self, sealed: bytes, *, place: AssociatedData) -> Ciphertext:
        """Return what `seal` encrypted, under the current master key. Raises Undecipherable."""
        return self.seal(self.open(sealed, place=place), place=place)

    def seal(self, plain: str, *, place: AssociatedData) -> Ciphertext:
        """Return an installation's secret (a webhook secret, a refused delivery) encrypted by the master key itself."""
        return Ciphertext(self.current_prefix + self._masters[self._current].seal(plain, place=place))

    def open(self, sealed: bytes, *, place: AssociatedData) -> str:
        """Return what `seal` encrypted. Raises Undecipherable."""
        blob = bytes(sealed)
        name_end = 1 + int.from_bytes(blob[:1])
        name = blob[1:name_end].decode(errors="replace")
        if not (name.isascii() and name.isalnum()):
            raise Undecipherable(f"{place.table}.{place.column}: no master key is named in the ciphertext")
        return self._master(name).open(blob[name_end:], place=place)

    def email_index(self, email: str, *, org: UUID) -> bytes:
        """Return the digest by which an e-mail is found inside one org; spellings people take for equal are equal."""
        return self._blind_index("email", unicodedata.normalize("NFKC", email).strip().casefold(), org)

    def external_id_index(self, external_id: str, *, org: UUID) -> bytes:
        """Return the digest by which an LMS's id is found inside one org, to the letter: Stu-1a and stu-1A are two people."""
        return self._blind_index("external_id", external_id, org)

    def _blind_index(self, kind: str, value: str, org: UUID) -> bytes:
        return hmac.new(self._index_key, f"{kind}|{org}|{value}".encode(), hashlib.sha256).digest()

    def _master(self, name: str) -> Key:
        try:
            return self._masters[name]
        except KeyError:
            raise MasterKeyMissing(f"no master key named {name!r} is loaded") from None


def _wrapped_place(org: UUID, user: UUID) -> AssociatedData:
    return AssociatedData("user_keys", "wrapped", org, user)


_loaded: list[Keyring] = []


def load(settings: CryptoSettings) -> None:
    """Make the keyring of this process ready; a door calls it once."""
    _loaded[:] = [Keyring(settings)]


def keyring() -> Keyring:
    """Return the keyring of this process."""
    if not _loaded:
        raise Undecipherable("no keys are loaded: the door of this program must call models.crypto.load first")
    return _loaded[0]
