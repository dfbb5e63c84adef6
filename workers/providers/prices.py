"""Compute what a call costs, in integer micro-dollars, from the price table in `prices.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

TABLE = Path(__file__).with_name("prices.json")
_MILLION = 1_000_000


class UnknownModel(ValueError):
    """The price table has no row for this model. Add one to prices.json, or pass your own prices."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The tokens of one call by kind of price. `input` excludes tokens written to or read from the prompt cache."""

    input: int = 0
    cache_write: int = 0
    cache_read: int = 0
    output: int = 0

    @property
    def prompt(self) -> int:
        """Return the number of tokens in the prompt, cached or not."""
        return self.input + self.cache_write + self.cache_read


class Rates(BaseModel):
    """The prices of the four kinds of token, in micro-dollars per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: int = Field(ge=0)
    cache_write: int = Field(ge=0)
    cache_read: int = Field(ge=0)
    output: int = Field(ge=0)


class LongPrompt(Rates):
    """The prices for a call whose prompt is longer than `over_tokens`. They apply to every token of the call."""

    over_tokens: int = Field(gt=0)


class Prices(Rates):
    """The prices of one model, with prices for long prompts where the vendor has them. A batch costs `batch_percent`."""

    long_prompt: LongPrompt | None = None
    batch_percent: int = Field(default=50, ge=0, le=100)

    def cost_micros(self, tokens: Tokens, *, batch: bool = False) -> int:
        """Return the cost in micro-dollars. It is rounded up once, at the end, so that the ledger never holds too little."""
        rates: Rates = self
        if self.long_prompt is not None and tokens.prompt > self.long_prompt.over_tokens:
            rates = self.long_prompt
        parts = (
            tokens.input * rates.input
            + tokens.cache_write * rates.cache_write
            + tokens.cache_read * rates.cache_read
            + tokens.output * rates.output
        )
        percent = self.batch_percent if batch else 100
        return -(-parts * percent // (_MILLION * 100))


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: str
    source: str
    unit: str
    batch_percent: int
    models: dict[str, Prices]


def prices_of(model: str) -> Prices:
    """Return the prices of a model. Raises UnknownModel when the table has no row for it."""
    table = _load_table()
    prices = table.models.get(model) or table.models.get(_without_date(model))
    if prices is None:
        known = ", ".join(sorted(table.models))
        raise UnknownModel(f"no prices for model {model!r} in {TABLE.name} (as of {table.as_of}); known: {known}")
    return prices.model_copy(update={"batch_percent": table.batch_percent})


def _without_date(model: str) -> str:
    # "claude-haiku-4-5-20251001" is a dated version of "claude-haiku-4-5" and costs the same.
    name, _, date = model.rpartition("-")
    return name if len(date) == 8 and date.isdigit() else model


@lru_cache(maxsize=1)
def _load_table() -> _Table:
    return _Table.model_validate(json.loads(TABLE.read_text(encoding="utf-8")))
