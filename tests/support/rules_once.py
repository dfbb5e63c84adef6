"""Compile the addresses of an app once in a process: hundreds of tests make an app, each with the same three hundred addresses.

Werkzeug makes a function for each of them, which takes three quarters of the time of making an app. The function depends on
what the address is made of and on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule


def compile_once() -> None:
    """Let werkzeug keep what it has compiled, from now on."""
    compile_anew: Callable[..., Any] = Rule._compile_builder
    known: dict[Any, Any] = {}

    def compiled(rule: Rule, append_unknown: bool = True) -> Any:
        key = (append_unknown, tuple(rule._trace), repr(rule.defaults))
        if key not in known:
            known[key] = compile_anew(rule, append_unknown)
        return known[key]

    Rule._compile_builder = compiled  # type: ignore[method-assign]
