"""The spec of one pass: its prompt, its comment types and its limit of comments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.jobs import PassName

PROMPTS = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class PassSpec:
    """What distinguishes one pass from another. Everything else is common to all passes."""

    name: PassName
    prompt_file: str
    types: tuple[str, ...]
    max_comments: int
    offers_corrections: bool = False

    def prompt(self) -> str:
        """Return the text of this pass's prompt file."""
        return (PROMPTS / self.prompt_file).read_text(encoding="utf-8")
