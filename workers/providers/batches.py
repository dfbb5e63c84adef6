"""Parse what the vendor says about a batch: its state, and the one line of its results."""

from __future__ import annotations

from pydantic import BaseModel
from pydantic_core import from_json

from workers.providers.wire import Envelope, VendorError


class Batch(BaseModel):
    """A batch. Only the fields that matter here are read."""

    id: str
    processing_status: str = ""

    @property
    def ended(self) -> bool:
        """Return whether the batch has ended, so that its results can be fetched."""
        return self.processing_status == "ended"


class _Failure(BaseModel):
    error: VendorError


class Result(BaseModel):
    """The result of the one request: "succeeded" with a message, "errored" with an error, "expired" or "canceled"."""

    type: str
    message: Envelope | None = None
    error: _Failure | None = None


class _Line(BaseModel):
    custom_id: str
    result: Result


def batch_of(raw: str) -> Batch:
    """Return the batch in a response body. Raises ValueError when there is none."""
    return Batch.model_validate(from_json(raw))


def result_of(raw: str, *, custom_id: str) -> Result:
    """Return the result of this request from a response body of JSON lines. Raises ValueError when there is none."""
    for line in filter(str.strip, raw.split("\n")):
        found = _Line.model_validate(from_json(line))
        if found.custom_id == custom_id:
            return found.result
    raise ValueError("the results do not name the request")
