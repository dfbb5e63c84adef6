"""Test that cost is computed in whole micro-dollars from the price table."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.claude import DEFAULT_MODEL, ClaudeProvider
from workers.providers.prices import TABLE, Prices, Tokens, UnknownModel, prices_of

COUNTS = st.integers(min_value=0, max_value=10_000_000)


def test_each_kind_of_token_has_its_own_price() -> None:
    prices = prices_of("claude-sonnet-5-5")
    assert prices.cost_micros(Tokens(input=1_000_000)) == 2_000_000
    assert prices.cost_micros(Tokens(cache_write=1_000_000)) == 2_500_000
    assert prices.cost_micros(Tokens(cache_read=1_000_000)) == 100_000
    assert prices.cost_micros(Tokens(output=1_000_000)) == 10_000_000


def test_fraction_of_a_micro_dollar_is_rounded_up_once() -> None:
    assert prices_of("claude-sonnet-5-5").cost_micros(Tokens(cache_read=1)) == 1
    assert prices_of("claude-sonnet-5-5").cost_micros(Tokens(cache_read=11)) == 2
    assert prices_of("claude-sonnet-5-5").cost_micros(Tokens()) == 0


def test_batch_costs_half() -> None:
    assert prices_of("claude-sonnet-5-5").cost_micros(Tokens(input=100, output=10), batch=True) == 150


def test_long_prompt_price_applies_to_every_token() -> None:
    prices = prices_of("claude-haiku-5-5")
    assert prices.cost_micros(Tokens(input=100_000, output=100)) == 10_050
    assert prices.cost_micros(Tokens(input=100_000, cache_read=1, output=100)) == 50_251


def test_default_model_has_a_price() -> None:
    assert prices_of(DEFAULT_MODEL).output > 0


def test_dated_model_version_has_the_price_of_its_model() -> None:
    assert prices_of("claude-haiku-4-5-20251001") == prices_of("claude-haiku-4-5")


def test_unknown_model_is_refused_when_the_provider_is_created() -> None:
    with pytest.raises(UnknownModel, match="no prices for model 'claude-nobody'.*claude-sonnet-5-5"):
        ClaudeProvider("key", model="claude-nobody")


def test_unknown_model_is_accepted_with_given_prices() -> None:
    prices = Prices(input=1, cache_write=1, cache_read=1, output=1)
    assert ClaudeProvider("key", model="claude-nobody", prices=prices).model == "claude-nobody"


def test_price_table_has_a_date_and_ordered_prices() -> None:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    assert table["as_of"] and table["source"].startswith("https://")
    for name, row in table["models"].items():
        assert row["cache_read"] < row["input"] < row["cache_write"] < row["output"], name


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_cost_is_rounded_up_by_less_than_one_micro_dollar(a: int, b: int, c: int, d: int) -> None:
    prices = prices_of("claude-opus-5-5")
    exact = a * 4 + b * 5 + c / 5 + d * 20
    assert exact - 1e-3 <= prices.cost_micros(Tokens(input=a, cache_write=b, cache_read=c, output=d)) < exact + 1 + 1e-3
