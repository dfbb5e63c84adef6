"""Decode a chunked request body (RFC 9112, section 7.1) while its bytes arrive."""

from __future__ import annotations

import re

from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, LimitRequestHeaders
from gunicorn.http.message import Request

from ingest.web.body import MAX_BODY_BYTES, too_large

MAX_LINE_BYTES = 4096
MAX_TRAILER_BYTES = 16 * 1024
# Each chunk costs time however small it is. A body of 1 MiB in chunks of 64 bytes is still accepted.
MAX_CHUNKS = 20_000
# Eight digits say more than any body may have, and a longer number is not worth computing.
_SIZE_LINE = re.compile(rb"0*([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?")


class ChunkedBody:
    """The decoded part of a chunked body. `data` is the whole body once `take` has returned True."""

    def __init__(self, request: Request, *, limit: int = MAX_BODY_BYTES) -> None:
        self.data = bytearray()
        self._limit = limit
        self._request = request
        self._chunks = 0

    def take(self, received: bytearray) -> bool:
        """Move what is complete from `received` into `data`. Return True at the end of the body, trailers included.

        Raises gunicorn's exceptions when the body is malformed, and Problem when it is too large.
        """
        while (line_end := received.find(b"\r\n", 0, MAX_LINE_BYTES)) >= 0:
            size = self._size(received, line_end)
            if size == 0:
                return self._skip_trailers(received, line_end)
            start, end = line_end + 2, line_end + 2 + size
            if len(received) < end + 2:
                return False
            if received[end : end + 2] != b"\r\n":
                raise ChunkMissingTerminator(bytes(received[end : end + 2]))
            self.data += received[start:end]
            del received[: end + 2]
            self._chunks += 1
        if len(received) >= MAX_LINE_BYTES:
            raise InvalidChunkSize(b"line too long")
        return False

    def _size(self, received: bytearray, line_end: int) -> int:
        line = _SIZE_LINE.fullmatch(received, 0, line_end)
        if line is None or self._chunks >= MAX_CHUNKS:
            raise InvalidChunkSize(bytes(received[: min(line_end, 40)]))
        size = int(line[1], 16)
        if len(self.data) + size > self._limit:
            raise too_large(self.data + received, limit=self._limit)
        return size

    def _skip_trailers(self, received: bytearray, line_end: int) -> bool:
        """Check the trailers and drop them, because nothing here reads them. Return False when their end is missing."""
        end = received.find(b"\r\n\r\n", line_end)
        if end < 0:
            if len(received) - line_end > MAX_TRAILER_BYTES:
                raise LimitRequestHeaders("trailers too large")
            return False
        if trailers := bytes(received[line_end + 2 : end]):
            self._request.parse_headers(trailers, from_trailer=True)
        del received[: end + 4]
        return True
