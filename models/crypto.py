"""Encryption at rest: one data key per person, wrapped by a master key, and blind indexes that find encrypted values.

All encryption is AES-256-GCM. The associated data binds a ciphertext to its table, column, org and row, so a ciphertext
that is moved elsewhere does not decrypt. Destroying a person's wrapped key makes everything they wrote unreadable, in every
dump too: dumps hold no wrapped keys, because those are backed up separately and kept for a shorter time (models/keys.py).
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
from models.identifiers import fold_spelling
from models.settings import CryptoSettings

VERSION = b"\x01"
NONCE_BYTES = 12


class Ciphertext(bytes):
    """Bytes that `seal` returned. Encrypted columns accept nothing else, so no plain text is stored by mistake."""


class EncryptedField(BlobField):
    """A bytea column that holds only ciphertext."""

    def db_value(self, value: Any) -> Any:
        """Return the bytes to store. Raises TypeError for anything but a Ciphertext."""
        if value is not None and not isinstance(value, Ciphertext):
            raise TypeError(f"{self.name} is encrypted: pass a Ciphertext, not {type(value).__name__}")
        return super().db_value(value)

    def python_value(self, value: Any) -> Ciphertext | None:
        """Return the stored value, still encrypted."""
        return None if value is None else Ciphertext(bytes(value))


@dataclass(frozen=True)
class AssociatedData:
    """The table, column, org and row that a ciphertext belongs to. It decrypts only with the same four values."""

    table: str
    column: str
    org: UUID
    row: UUID

    def to_bytes(self) -> bytes:
        """Return the bytes that are authenticated but not stored."""
        return f"{self.table}|{self.column}|{self.org}|{self.row}".encode()


class Key:
    """An AES-256 key that is ready for use: a person's data key for the length of one request, or a master key."""

    def __init__(self, raw: bytes) -> None:
        self._aead = AESGCM(raw)

    def seal_bytes(self, plain: bytes, *, place: AssociatedData) -> Ciphertext:
        """Encrypt the bytes for one place and return the ciphertext."""
        nonce = os.urandom(NONCE_BYTES)
        return Ciphertext(VERSION + nonce + self._aead.encrypt(nonce, plain, place.to_bytes()))

    def open_bytes(self, sealed: bytes, *, place: AssociatedData) -> bytes:
        """Decrypt the bytes and return them. Raises Undecipherable when the key, the place or the bytes are not the same."""
        blob = bytes(sealed)
        if blob[:1] != VERSION:
            raise Undecipherable(f"{place.table}.{place.column}: unknown ciphertext version")
        nonce, body = blob[1 : 1 + NONCE_BYTES], blob[1 + NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, body, place.to_bytes())
        except (InvalidTag, ValueError):  # ValueError: the bytes are too few for a whole nonce
            raise Undecipherable(f"{place.table}.{place.column}: the ciphertext does not open here") from None

    def seal(self, plain: str, *, place: AssociatedData) -> Ciphertext:
        """Encrypt the text for one place and return the ciphertext."""
        return self.seal_bytes(plain.encode(), place=place)

    def open(self, sealed: bytes, *, place: AssociatedData) -> str:
        """Decrypt the text and return it. Raises Undecipherable."""
        return self.open_bytes(sealed, place=place).decode()


@dataclass(frozen=True)
class WrappedKey:
    """A data key as it is stored: encrypted by the master key with this id."""

    wrapped: Ciphertext
    master_key_id: str


class Keyring:
    """The master keys of this installation, and the key of its blind indexes."""

    def __init__(self, settings: CryptoSettings) -> None:
        self._master_keys = {name: Key(raw) for name, raw in settings.master_keys.items()}
        self._current = next(iter(settings.master_keys))
        self._index_key = settings.index_key

    @property
    def current(self) -> str:
        """Return the id of the master key that encrypts new values."""
        return self._current

    @property
    def current_prefix(self) -> bytes:
        """Return the first bytes of everything that `seal` returns: the length of the current master key's id, and the id."""
        return bytes([len(self._current)]) + self._current.encode()

    def lacks(self, master_key_id: str) -> bool:
        """Return whether this master key is not loaded, so that nothing it encrypted can be decrypted here."""
        return master_key_id not in self._master_keys

    def new_data_key(self, *, org: UUID, user: UUID) -> tuple[WrappedKey, Key]:
        """Generate a data key for one person and return it twice: wrapped for storage, and ready for use."""
        raw = AESGCM.generate_key(bit_length=256)
        wrapped = self._master_keys[self._current].seal_bytes(raw, place=_wrapped_key_place(org, user))
        return WrappedKey(wrapped, self._current), Key(raw)

    def data_key(self, wrapped: WrappedKey, *, org: UUID, user: UUID) -> Key:
        """Return a person's key, ready for use. Raises Undecipherable when it is another's, or the master key is missing."""
        return Key(
            self._master_key(wrapped.master_key_id).open_bytes(wrapped.wrapped, place=_wrapped_key_place(org, user))
        )

    def rewrap(self, wrapped: WrappedKey, *, org: UUID, user: UUID) -> WrappedKey:
        """Return the same data key wrapped by the current master key. Raises Undecipherable."""
        place = _wrapped_key_place(org, user)
        raw = self._master_key(wrapped.master_key_id).open_bytes(wrapped.wrapped, place=place)
        return WrappedKey(self._master_keys[self._current].seal_bytes(raw, place=place), self._current)

    def reencrypt(self, sealed: bytes, *, place: AssociatedData) -> Ciphertext:
        """Encrypt again, with the current master key, what `seal` encrypted. Raises Undecipherable."""
        return self.seal(self.open(sealed, place=place), place=place)

    def seal(self, plain: str, *, place: AssociatedData) -> Ciphertext:
        """Encrypt a secret of the installation (a webhook secret, a refused delivery) with the master key itself."""
        return Ciphertext(self.current_prefix + self._master_keys[self._current].seal(plain, place=place))

    def open(self, sealed: bytes, *, place: AssociatedData) -> str:
        """Decrypt what `seal` encrypted. Raises Undecipherable."""
        blob = bytes(sealed)
        name_end = 1 + int.from_bytes(blob[:1])
        name = blob[1:name_end].decode(errors="replace")
        if not (name.isascii() and name.isalnum()):
            raise Undecipherable(f"{place.table}.{place.column}: no master key is named in the ciphertext")
        return self._master_key(name).open(blob[name_end:], place=place)

    def derived_key(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for one purpose. It stays the same when the master keys are rotated."""
        return hmac.new(self._index_key, f"derived|{purpose}".encode(), hashlib.sha256).digest()

    def email_index(self, email: str, *, org: UUID) -> bytes:
        """Return the digest that finds an e-mail address inside one org. Case, outer blanks and Unicode form do not matter."""
        return self._blind_index("email", unicodedata.normalize("NFKC", email).strip().casefold(), org)

    def external_id_index(self, external_id: str, *, org: UUID) -> bytes:
        """Return the digest that finds an LMS's id inside one org, however it is spelt. Stu-1a and stu-1A are two people."""
        return self._blind_index("external_id", fold_spelling(external_id), org)

    def _blind_index(self, kind: str, value: str, org: UUID) -> bytes:
        return hmac.new(self._index_key, f"{kind}|{org}|{value}".encode(), hashlib.sha256).digest()

    def _master_key(self, name: str) -> Key:
        try:
            return self._master_keys[name]
        except KeyError:
            raise MasterKeyMissing(f"no master key named {name!r} is loaded") from None


def _wrapped_key_place(org: UUID, user: UUID) -> AssociatedData:
    return AssociatedData("user_keys", "wrapped", org, user)


_loaded: list[Keyring] = []


def load(settings: CryptoSettings) -> None:
    """Load the keyring of this process. The program's entry point calls it once."""
    _loaded[:] = [Keyring(settings)]


def keyring() -> Keyring:
    """Return the keyring of this process. Raises Undecipherable before `load`."""
    if not _loaded:
        raise Undecipherable("no keys are loaded: the door of this program must call models.crypto.load first")
    return _loaded[0]
