"""What comes over the wire from Anthropic: a message in one piece, or the events of one, put together again.

Only what matters here is read; unknown fields, blocks, events and stop reasons do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic_core import from_json

STREAM = "text/event-stream"
BEGINS = b"message_start"  # the vendor's cache can be read from this event on

_BETWEEN_EVENTS = re.compile(r"\r?\n\r?\n|\r\r")
_LINES = re.compile(r"\r?\n|\r")


class _Block(BaseModel):
    type: str
    text: str = ""


class Spent(BaseModel):
    """Tokens as the vendor counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class Envelope(BaseModel):
    """The vendor's message as far as it matters here."""

    model: str = ""
    stop_reason: str | None = None
    content: list[_Block]
    usage: Spent = Spent()

    def text(self) -> str:
        """Return what the model wrote."""
        return "".join(block.text for block in self.content if block.type == "text")


class _Details(BaseModel):
    error_code: str | None = None


class Trouble(BaseModel):
    """An error the vendor tells of inside a stream or in the results of a batch."""

    type: str = ""
    message: str = ""
    details: _Details | None = None

    @property
    def code(self) -> str:
        """Return the stable code of the cause, or nothing."""
        return (self.details.error_code if self.details is not None else None) or ""


class _Delta(BaseModel):
    type: str = ""
    text: str = ""
    stop_reason: str | None = None


class _SpentSoFar(BaseModel):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Event(BaseModel):
    type: str = ""
    index: int = 0
    message: Envelope | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _SpentSoFar | None = None
    error: Trouble | None = None


@dataclass
class ParsedStream:
    """What a stream told until its end; `whole` when it came to the end that the vendor announces."""

    message: Envelope
    whole: bool = False
    trouble: Trouble | None = None


def parse_stream(raw: str) -> ParsedStream:
    """Return the message of a stream. Raises ValueError for what is no stream of events."""
    found = ParsedStream(Envelope(content=[]))
    blocks: dict[int, _Block] = {}
    for event in _events(raw):
        if event.type == "message_start" and event.message is not None:
            found.message = event.message
        elif event.type == "content_block_start" and event.content_block is not None:
            blocks[event.index] = event.content_block
        elif event.type == "content_block_delta" and event.delta is not None:
            blocks.setdefault(event.index, _Block(type="text")).text += event.delta.text
        elif event.type == "message_delta":
            _end(found.message, event)
        elif event.type == "message_stop":
            found.whole = True
        elif event.type == "error":
            found.trouble = event.error or Trouble()
    found.message.content = [blocks[index] for index in sorted(blocks)]
    return found


def spent_so_far(raw: str) -> Spent:
    """Return what a stream told of its tokens before it broke."""
    try:
        return parse_stream(raw).message.usage
    except ValueError:
        return Spent()


def _end(message: Envelope, event: _Event) -> None:
    if event.delta is not None and event.delta.stop_reason is not None:
        message.stop_reason = event.delta.stop_reason
    if event.usage is not None:
        # Its numbers are sums from the beginning, not additions.
        message.usage = message.usage.model_copy(update=event.usage.model_dump(exclude_none=True))


def _events(raw: str) -> Iterator[_Event]:
    *whole, _cut = _BETWEEN_EVENTS.split(raw)
    for block in whole:
        data = [line[5:].removeprefix(" ") for line in _LINES.split(block) if line.startswith("data:")]
        if data:
            yield _Event.model_validate(from_json("\n".join(data)))
