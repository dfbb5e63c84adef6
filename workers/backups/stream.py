"""Files of a backup: written in one pass with bounded memory, encrypted when there is a key, and read back only if unchanged.

An encrypted file is a head (magic, salt) and chunks of AES-256-GCM. The key of the file comes from the backup key and the salt by
HKDF. The nonce of a chunk is its number and whether it is the last, so no chunk can be moved, repeated or left out, and the end
cannot be cut off. `label` (the backup and the file in it) is authenticated with every chunk: a file of another backup is refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"EssayCoach backup 1\n"
SALT_BYTES = 32
TAG_BYTES = 16
CHUNK = 1 << 18


class BadBackup(Exception):
    """A backup cannot be used. The message is one sentence that says what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A finished file: its size on disk and the SHA-256 of what is on disk."""

    size: int
    sha256: str


def derive(key: bytes, *, salt: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes for one purpose."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=purpose.encode()).derive(key)


class Writer:
    """Writes one file. `write` takes any amount of bytes; the context manager of `writing` finishes it."""

    def __init__(self, file: IO[bytes], *, key: bytes | None, label: str) -> None:
        self._file, self._label = file, label.encode()
        self._hash, self._size = hashlib.sha256(), 0
        self._pending, self._number = bytearray(), 0
        self._aead: AESGCM | None = None
        if key is not None:
            salt = os.urandom(SALT_BYTES)
            self._aead = AESGCM(derive(key, salt=salt, purpose="file"))
            self._put(MAGIC + salt)

    def write(self, data: bytes) -> None:
        """Add bytes to the file."""
        if self._aead is None:
            self._put(data)
            return
        self._pending += data
        # The last chunk is written by `finish`, so one whole chunk may wait here.
        while len(self._pending) > CHUNK:
            self._seal(bytes(self._pending[:CHUNK]), last=False)
            del self._pending[:CHUNK]

    def finish(self) -> Written:
        """Write the last chunk, and sync the file to disk."""
        if self._aead is not None:
            self._seal(bytes(self._pending), last=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        return Written(size=self._size, sha256=self._hash.hexdigest())

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        assert self._aead is not None
        self._put(self._aead.encrypt(_nonce(self._number, last=last), chunk, self._label))
        self._number += 1

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)


@contextmanager
def writing(path: Path, *, key: bytes | None, label: str) -> Iterator[Writer]:
    """Yield a writer of a new file that only its owner can read. Raises FileExistsError, OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield Writer(file, key=key, label=label)


def read(path: Path, *, key: bytes | None, label: str) -> Iterator[bytes]:
    """Yield the content of a file in chunks. Raises BadBackup, also after some chunks, when it was cut, changed or moved here."""
    with path.open("rb") as file:
        if key is None:
            while chunk := file.read(CHUNK):
                yield chunk
            return
        if file.read(len(MAGIC)) != MAGIC:
            raise BadBackup(f"{path.name} is not an encrypted file of a backup.")
        aead = AESGCM(derive(key, salt=file.read(SALT_BYTES), purpose="file"))
        number, chunk = 0, file.read(CHUNK + TAG_BYTES)
        while True:
            following = file.read(CHUNK + TAG_BYTES)
            try:
                yield aead.decrypt(_nonce(number, last=not following), chunk, label.encode())
            except (InvalidTag, ValueError):
                where = f"at byte {number * (CHUNK + TAG_BYTES):,}"
                raise BadBackup(
                    f"{path.name} does not decrypt {where}: it was cut or changed, belongs to another backup, or the key is another."
                ) from None
            if not following:
                return
            number, chunk = number + 1, following


def digest(path: Path) -> Written:
    """Return the size and the SHA-256 of a file as it lies on disk. Raises OSError."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
            size += len(chunk)
    return Written(size=size, sha256=found.hexdigest())


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])
