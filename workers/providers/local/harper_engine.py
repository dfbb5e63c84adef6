"""Run Harper, the second engine, which knows dialects, and turn its lints into flags."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

from workers.providers.local.flags import Flag
from workers.providers.local.guards import Block
from workers.providers.local.language import same_but_for_dialect
from workers.providers.local.rules import HARPER_OFF, HARPER_UNORDERED, harper_type

# A linter keeps what it has read and would grow by 130 MB. A new one costs 5 ms, so an old one is replaced.
RENEW_AFTER_CHARACTERS = 20_000
_DIALECTS = {"": "AMERICAN", "US": "AMERICAN", "GB": "BRITISH", "AU": "AUSTRALIAN", "CA": "CANADIAN", "IN": "INDIAN"}
_REPLACE, _REMOVE, _INSERT_AFTER = 0, 1, 2


class Harper:
    """Harper with a linter for the dialect of the last text. Not thread-safe: only the engine thread may call it."""

    name = "harper-py"

    def __init__(self) -> None:
        """Import the package. Raises ImportError when it is not installed."""
        self._harper: Any = import_module("harper")
        self._linters: dict[str, tuple[Any, int]] = {}
        self.common: frozenset[str] = frozenset()
        self.version = version("harper-py")

    def flags(self, text: str, blocks: tuple[Block, ...], dialect: str) -> list[Flag]:
        """Return the flags of all blocks in order of place, with offsets in code points of `text`."""
        found = [flag for block in blocks for flag in self._block_flags(text, block, dialect)]
        return sorted(found, key=lambda flag: (flag.start, flag.end, flag.rule, flag.suggestions))

    def _block_flags(self, text: str, block: Block, dialect: str) -> list[Flag]:
        part = text[block.start : block.end]
        linter = self._linter(dialect, len(part))
        found: list[Flag] = []
        # Harper's choice among overlapping lints, and the order of some suggestions, differ between processes. So take all
        # lints and sort them here.
        for rule, lints in linter.organized_lints(part, language="plaintext", dedup=False).items():
            if rule in HARPER_OFF:
                continue
            for lint in lints:
                start, end = lint.span.start, lint.span.end
                if block.torn and start == 0:
                    continue
                offered = tuple(_corrected(part[start:end], one) for one in lint.suggestions)
                if rule in HARPER_UNORDERED:
                    offered = tuple(sorted(offered))
                word = part[start:end] if lint.lint_kind == "Spelling" else ""
                found.append(
                    Flag(
                        engine="H",
                        rule=rule,
                        group=f"H:{lint.lint_kind}",
                        type=harper_type(rule, lint.lint_kind),
                        start=block.start + start,
                        end=block.start + end,
                        message="" if rule in HARPER_UNORDERED else str(lint.message).replace("`", "'"),
                        suggestions=offered,
                        variant_of=next((one for one in offered if word and same_but_for_dialect(word, one)), None),
                    )
                )
        return found

    def _linter(self, dialect: str, characters: int) -> Any:
        name = _DIALECTS[dialect]
        linter, characters_read = self._linters.pop(name, (None, 0))
        if linter is None or characters_read > RENEW_AFTER_CHARACTERS:
            linter, characters_read = self._made(name), 0
        # Keep one linter only: the one for the dialect used last.
        self._linters = {name: (linter, characters_read + characters)}
        return linter

    def _made(self, name: str) -> Any:
        linter = self._harper.Linter(dialect=self._harper.Dialect[name])
        config = linter.get_lint_config()
        config.update(dict.fromkeys(HARPER_OFF, False))
        linter.set_lint_config(config)
        return linter


def _corrected(problem: str, suggestion: Any) -> str:
    if suggestion.kind == _REMOVE:
        return ""
    return (
        problem + str(suggestion.replacement_text)
        if suggestion.kind == _INSERT_AFTER
        else str(suggestion.replacement_text)
    )
