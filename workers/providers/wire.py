"""Parse Anthropic's responses: a message in one piece, or a stream of events from which the message is put together.

Only the fields that matter here are read. Unknown fields, blocks, events and stop reasons are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic_core import from_json

STREAM = "text/event-stream"
BEGINS = b"message_start"  # from this event on, the prefix can be read from the vendor's prompt cache

_EVENT_SEPARATOR = re.compile(r"\r?\n\r?\n|\r\r")
_LINE_END = re.compile(r"\r?\n|\r")


class _Block(BaseModel):
    type: str
    text: str = ""


class TokenCounts(BaseModel):
    """The tokens of a call, as the vendor counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class Envelope(BaseModel):
    """The vendor's message. Only the fields that matter here are read."""

    model: str = ""
    stop_reason: str | None = None
    content: list[_Block]
    usage: TokenCounts = TokenCounts()

    def text(self) -> str:
        """Return the text that the model wrote."""
        return "".join(block.text for block in self.content if block.type == "text")


class _Details(BaseModel):
    error_code: str | None = None


class VendorError(BaseModel):
    """An error that the vendor reports inside a stream or in the results of a batch."""

    type: str = ""
    message: str = ""
    details: _Details | None = None

    @property
    def code(self) -> str:
        """Return the stable code of the cause, or an empty string."""
        return (self.details.error_code if self.details is not None else None) or ""


class _Delta(BaseModel):
    type: str = ""
    text: str = ""
    stop_reason: str | None = None


class _RunningUsage(BaseModel):
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
    usage: _RunningUsage | None = None
    error: VendorError | None = None


@dataclass
class ParsedStream:
    """The content of a stream. `whole` is true when the stream reached the end event that the vendor sends."""

    message: Envelope
    whole: bool = False
    trouble: VendorError | None = None


def parse_stream(raw: str) -> ParsedStream:
    """Return the content of a stream. Raises ValueError when the text is not a stream of events."""
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
            _apply_message_delta(found.message, event)
        elif event.type == "message_stop":
            found.whole = True
        elif event.type == "error":
            found.trouble = event.error or VendorError()
    found.message.content = [blocks[index] for index in sorted(blocks)]
    return found


def tokens_so_far(raw: str) -> TokenCounts:
    """Return the token counts that a stream reported before it broke; all zero when it cannot be parsed."""
    try:
        return parse_stream(raw).message.usage
    except ValueError:
        return TokenCounts()


def _apply_message_delta(message: Envelope, event: _Event) -> None:
    if event.delta is not None and event.delta.stop_reason is not None:
        message.stop_reason = event.delta.stop_reason
    if event.usage is not None:
        # The numbers are totals since the start of the stream, not increments.
        message.usage = message.usage.model_copy(update=event.usage.model_dump(exclude_none=True))


def _events(raw: str) -> Iterator[_Event]:
    *whole, _incomplete = _EVENT_SEPARATOR.split(raw)
    for block in whole:
        data = [line[5:].removeprefix(" ") for line in _LINE_END.split(block) if line.startswith("data:")]
        if data:
            yield _Event.model_validate(from_json("\n".join(data)))
