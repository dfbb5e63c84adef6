"""Read the essays of our own: `python -m benchmarks.essays` writes benchmarks/data/essays.jsonl again from the marked essays.

A marked essay is plain text in which each mistake stands as `{She go|She goes|agreement}`: the words as the student wrote
them, one or more corrections, and the type. A header line opens it: `=== es-01 | fit | argument | 13`, then `Prompt: …`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent / "data"
MARKED = DATA / "essays"
ESSAYS = DATA / "essays.jsonl"
HALVES = ("fit", "test")
CATEGORIES = ("argument", "report", "story", "letter", "response")
TYPES = (
    "agreement", "article", "capitalisation", "comma_splice", "confusion", "contraction", "extra_word", "fragment",
    "missing_word", "noun_number", "preposition", "pronoun", "punctuation", "run_on", "spelling", "tense", "verb_form",
    "word_choice", "word_form", "word_order",
)  # fmt: skip
_HEADER = re.compile(r"^=== (?P<id>\S+) \| (?P<half>\w+) \| (?P<category>\w+) \| (?P<age>\d+)$", re.MULTILINE)
_MISTAKE = re.compile(r"\{([^{}]*)\}")
_PROMPT = "Prompt: "


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantedMistake:
    """One mistake that we wrote into an essay: `text[start:end] == quote`, in code points."""

    start: int
    end: int
    quote: str
    type: str
    corrections: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Essay:
    """One essay of our own. `voice` is the first language in whose manner it is written, `half` what it may be used for."""

    id: str
    voice: str
    half: str
    category: str
    age: int
    prompt: str
    text: str
    planted: tuple[PlantedMistake, ...]


def parse_marked(source: str, voice: str) -> list[Essay]:
    """Return the essays of one marked file. Raises ValueError with the id of the first essay that is not in the format."""
    headers = list(_HEADER.finditer(source))
    ends = [header.start() for header in headers[1:]] + [len(source)]
    return [_parse_one(header, source[header.end() : end], voice) for header, end in zip(headers, ends, strict=True)]


def _parse_one(header: re.Match[str], block: str, voice: str) -> Essay:
    first, _, body = block.lstrip("\n").partition("\n\n")
    known = header["half"] in HALVES and header["category"] in CATEGORIES and first.startswith(_PROMPT)
    if not known:
        wrong = f"{header['id']}: the half, the category or the prompt is missing or unknown"
        raise ValueError(wrong)
    try:
        text, planted = read_marks(body.strip("\n"))
    except ValueError as error:
        wrong = f"{header['id']}: {error}"
        raise ValueError(wrong) from error
    return Essay(
        id=header["id"],
        voice=voice,
        half=header["half"],
        category=header["category"],
        age=int(header["age"]),
        prompt=first.removeprefix(_PROMPT),
        text=text,
        planted=planted,
    )


def read_marks(marked: str) -> tuple[str, tuple[PlantedMistake, ...]]:
    """Return the text as the student wrote it, and the mistakes in it. Raises ValueError when a mark is not in the format."""
    text, planted, done = "", [], 0
    for mark in _MISTAKE.finditer(marked):
        quote, *corrections, kind = mark[1].split("|")
        if kind not in TYPES or not quote or not corrections or quote in corrections:
            wrong = f"not a mistake with its correction and its type: {mark[0]}"
            raise ValueError(wrong)
        text += marked[done : mark.start()]
        planted.append(
            PlantedMistake(
                start=len(text), end=len(text) + len(quote), quote=quote, type=kind, corrections=tuple(corrections)
            )
        )
        text += quote
        done = mark.end()
    text += marked[done:]
    if "{" in text or "}" in text:
        wrong = "a mark is not closed"
        raise ValueError(wrong)
    return text, tuple(planted)


def read_essays(path: Path = ESSAYS) -> list[Essay]:
    """Return the essays of a JSON Lines file. Raises ValueError or KeyError when a line is not an essay."""
    return [_from_json(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _from_json(row: dict[str, Any]) -> Essay:
    planted = tuple(PlantedMistake(**{**one, "corrections": tuple(one["corrections"])}) for one in row["planted"])
    return Essay(**{**row, "planted": planted})


def to_json(essays: Sequence[Essay]) -> str:
    """Return the essays as JSON Lines, one essay a line."""
    return "".join(json.dumps(asdict(essay), ensure_ascii=False) + "\n" for essay in essays)


def marked_essays(folder: Path = MARKED) -> list[Essay]:
    """Return the essays of all marked files, in order of file name and place. Raises ValueError when an id occurs twice."""
    found = [
        essay
        for path in sorted(folder.glob("*.txt"))
        for essay in parse_marked(path.read_text(encoding="utf-8"), path.stem)
    ]
    twice = [name for name, own in groupby(sorted(essay.id for essay in found)) if len(list(own)) > 1]
    if twice:
        wrong = f"these ids occur twice: {', '.join(twice)}"
        raise ValueError(wrong)
    return found


def main() -> int:
    """Write the JSON Lines file again and print how much it holds."""
    essays = marked_essays()
    ESSAYS.write_text(to_json(essays), encoding="utf-8")
    print(f"{len(essays)} essays, {sum(len(essay.planted) for essay in essays)} planted mistakes: {ESSAYS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
