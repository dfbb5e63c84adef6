"""Run lingotweaker, the main engine, and turn its matches into flags."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workers.providers.local.flags import Flag
from workers.providers.local.guards import Block
from workers.providers.local.rules import LINGO_OFF, LINGO_OFF_CATEGORIES, lingo_group, lingo_type

_SUGGESTION_TAG = re.compile(r"</?suggestion>")
_OTHER_DIALECT = re.compile(r"' is (?:\w+ )?(?:British|Australian|Canadian|Irish|South African|New Zealand)\b")


class Lingo:
    """lingotweaker with its rules for American English, about 430 MB, loaded once. `merge` decides about other dialects."""

    name = "lingotweaker"

    def __init__(self) -> None:
        """Load the rules. Raises ImportError when the package or its rules are not installed."""
        engine = import_module("lt_py")
        rules = import_module("lingotweaker_data_en")
        # Without an explicit folder, the engine would read a folder called "data" in the current directory.
        self._engine: Any = engine.Engine("en-US", data_dir=str(rules.data_dir()))
        self.common = _common_words(Path(str(rules.data_dir())))
        self.version = f"{version('lingotweaker')}+en-{version('lingotweaker-data-en')}"

    def flags(self, text: str, blocks: tuple[Block, ...], dialect: str) -> list[Flag]:  # noqa: ARG002
        """Return the flags of all blocks in order of place, with offsets in code points of `text`. `dialect` is not used."""
        found = [flag for block in blocks for flag in self._block_flags(text, block)]
        return sorted(found, key=lambda flag: (flag.start, flag.end, flag.rule, flag.suggestions))

    def _block_flags(self, text: str, block: Block) -> list[Flag]:
        part = text[block.start : block.end]
        matches = self._engine.check(part)
        if not matches:
            return []
        code_points = _code_point_offsets(part)
        found: list[Flag] = []
        for match in matches:
            rule, category = str(match["rule_id"]), str(match["category_id"])
            if rule in LINGO_OFF or category in LINGO_OFF_CATEGORIES:
                continue
            start, end = code_points[match["offset"]], code_points[match["offset"] + match["length"]]
            if block.torn and start == 0:
                continue
            group = lingo_group(rule, category)
            message = _SUGGESTION_TAG.sub("'", str(match["message"])).replace("''", "'")
            found.append(
                Flag(
                    engine="L",
                    rule=rule,
                    group=f"L:{group}",
                    type=lingo_type(rule, group),
                    start=block.start + start,
                    end=block.start + end,
                    message=message,
                    suggestions=tuple(str(suggestion) for suggestion in match["suggestions"]),
                    dialect_only=group == "spelling" and bool(_OTHER_DIALECT.search(message)),
                )
            )
        return found


def _common_words(data_directory: Path) -> frozenset[str]:
    """Return the frequent words that come with the rules, in lower case. Empty when the file is not there."""
    path = data_directory / "en" / "words" / "common_words.txt"
    if not path.is_file():
        return frozenset()
    return frozenset(line.strip().lower() for line in path.read_text(encoding="utf-8").splitlines())


def _code_point_offsets(text: str) -> list[int]:
    """Return, for every UTF-8 byte offset of a text and for its end, the offset in code points."""
    offsets = [index for index, character in enumerate(text) for _ in range(_utf8_bytes(character))]
    return [*offsets, len(text)]


def _utf8_bytes(character: str) -> int:
    code_point = ord(character)
    return 1 if code_point < 0x80 else 2 if code_point < 0x800 else 3 if code_point < 0x10000 else 4
