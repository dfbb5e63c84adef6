"""Test sizes: short for `make test`, full for `make test-slow`."""

from __future__ import annotations

from typing import Any

import pytest


def short_and_full(short: int, full: int, *, reason: str) -> list[Any]:
    """Return both sizes as pytest parameters. The full one is marked slow, with this reason."""
    return [pytest.param(short, id="short"), pytest.param(full, id="full", marks=pytest.mark.slow(reason=reason))]
