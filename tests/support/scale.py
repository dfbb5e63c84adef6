"""Sizes of tests that run short in `make test` and in full in `make test-slow`."""

from __future__ import annotations

from typing import Any

import pytest


def short_and_full(short: int, full: int, *, reason: str) -> list[Any]:
    """Return the two sizes as parameters. The full one is marked slow, for this reason."""
    return [pytest.param(short, id="short"), pytest.param(full, id="full", marks=pytest.mark.slow(reason=reason))]
