"""Read the essays that somebody wants judged: a folder of texts, JSON lines, one text or a CSV table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.judging.tables import ReadError, read_bytes, read_table

MAX_CHARACTERS = 100_000
_SUFFIXES = (".txt", ".md", ".json")
_ALSO_KNOWN_AS = {"prompt": "assignment", "submission_id": "id", "essay_id": "id"}
_FIELDS = ("id", "title", "assignment", "prompt", "category", "language")
# Left out of the sheet on purpose: a judge needs no names.
_PRIVATE = ("student", "name", "email")
_HEADER_LINE = re.compile(r"([A-Za-z]{2,20}):[ \t]*(.*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedEssay:
    """One essay as the judge sees it. `assignment` is the text of the assignment."""

    id: str
    text: str
    title: str = ""
    assignment: str = ""
    category: str = ""
    language: str = "en"


def read_essays(path: Path) -> tuple[list[JudgedEssay], list[str]]:
    """Return the essays in their order, and one sentence for each that was left out or renamed. Raises ReadError."""
    if path.is_dir():
        found = _from_folder(path)
    elif path.suffix.lower() in {".csv", ".tsv"}:
        rows = read_table(path, needed=("text",), also_known_as=_ALSO_KNOWN_AS)
        found = (_essay(row.cells, f"row-{row.number}") for row in rows)
    elif path.suffix.lower() in {".jsonl", ".ndjson", ".json"}:
        found = _from_json(path)
    else:
        found = iter([_from_text(path)])
    essays, said = _usable(found)
    if not essays:
        raise ReadError(" ".join([f"{path} holds no essay that can be read.", *said]))
    return essays, said


def _from_folder(folder: Path) -> Iterator[JudgedEssay]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        if path.suffix.lower() == ".json":
            yield from _from_json(path)
        else:
            yield _from_text(path)


def decode(path: Path) -> str:
    """Return the text of a UTF-8 file with its own line ends, so that offsets stay right. Raises ReadError."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(f"{path} is not UTF-8 text (at byte {error.start})") from error


def _from_text(path: Path) -> JudgedEssay:
    text = decode(path)
    head, gap, body = (text.replace("\r\n", "\n") if "\n" in text else text.replace("\r", "\n")).partition("\n\n")
    lines = [_HEADER_LINE.fullmatch(line) for line in head.split("\n")]
    fields = {line[1].lower(): line[2].strip() for line in lines if line}
    if not gap or None in lines or not (set(fields) & set(_FIELDS)) or set(fields) - {*_FIELDS, *_PRIVATE}:
        return JudgedEssay(id=path.stem, text=text)
    return _essay({**fields, "text": body}, path.stem)


def _from_json(path: Path) -> Iterator[JudgedEssay]:
    """Yield the essays of a file of JSON objects. Saved feedback, which has comments and no text, is passed over."""
    for place, row in json_objects(path):
        if "text" in row:
            yield _essay(row, path.stem if place is None else f"line-{place}")
        elif "comments" not in row:
            raise ReadError(f"{path}{'' if place is None else f', line {place}'}: there is no “text”")


def json_objects(path: Path) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """Yield the objects of a file: one JSON object or list (without a line number), or JSON lines. Raises ReadError."""
    text = decode(path)
    try:
        whole = json.loads(text)
    except ValueError:
        # Not `splitlines`, which also splits at characters that may stand inside a JSON string.
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield number, _object(path, line, number)
        return
    except RecursionError as error:
        raise ReadError(f"{path} is JSON of too many levels") from error
    many = whole if isinstance(whole, list) else [whole]
    for number, one in enumerate(many, 1):
        if not isinstance(one, dict):
            raise ReadError(f"{path} is not made of JSON objects")
        yield number if len(many) > 1 else None, one


def _object(path: Path, line: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path}, line {number} is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise ReadError(f"{path}, line {number} is not a JSON object")
    return found


def _essay(row: Mapping[str, Any], default_id: str) -> JudgedEssay:
    known = {_ALSO_KNOWN_AS.get(name, name): value for name, value in row.items()}
    given = known.get("assignment")
    if isinstance(given, Mapping):
        # As in a request that hands in an essay.
        known["assignment"] = given.get("prompt") or given.get("title")
    if not isinstance(known.get("text"), str):
        raise ReadError(f"essay {known.get('id') or default_id}: “text” is not a text")
    return JudgedEssay(
        id=" ".join(str(known.get("id") or default_id).split()),
        text=known["text"],
        title=str(known.get("title") or ""),
        assignment=str(known.get("assignment") or ""),
        category=str(known.get("category") or ""),
        language=str(known.get("language") or "en"),
    )


def _usable(found: Iterable[JudgedEssay]) -> tuple[list[JudgedEssay], list[str]]:
    essays: dict[str, JudgedEssay] = {}
    said: list[str] = []
    for essay in found:
        why = _why_not(essay)
        if why:
            said.append(f"Essay {essay.id!a} {why}: left out.")
            continue
        name, copies = essay.id, 1
        while name in essays:
            copies += 1
            name = f"{essay.id} ({copies})"
        if copies > 1:
            said.append(f"Another essay is called {essay.id!r}: this one is “{name}” in the sheet.")
        essays[name] = replace(essay, id=name)
    return list(essays.values()), said


def _why_not(essay: JudgedEssay) -> str:
    if not essay.text.strip():
        return "has no text"
    if len(essay.text) > MAX_CHARACTERS:
        return f"has {len(essay.text):,} characters, more than {MAX_CHARACTERS:,}"
    everything = "".join((essay.id, essay.text, essay.title, essay.assignment, essay.category, essay.language))
    if "\0" in everything or any("\ud800" <= one <= "\udfff" for one in everything):
        return "has broken characters"
    return ""
