"""Read a filled sheet back as spreadsheet programs and people leave it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.judging.sheet import COMMENT, NEXT_STEPS, NOTHING
from benchmarks.judging.tables import ReadError, TableRow, read_table, row_list
from models.spreadsheets import unsafe_cell

NEEDED = ("item", "what", "verdict", "first_suggestion_right", "pass", "type", "kind", "confidence")
_MOST_SHOWN = 40


class Verdict(StrEnum):
    """What the judge says of a comment: a good teacher would say this, partly, or would not."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"


# What people write into a cell, in small letters. A mark alone means yes.
VERDICTS: Mapping[str, Verdict] = {
    **dict.fromkeys("yes y x 1 1.0 1,0 true t ✓ ✔ ja oui sí si wahr right would would_say_this".split(), Verdict.YES),
    **dict.fromkeys("partly partially part p half 0.5 0,5 ½ ~ maybe teils".split(), Verdict.PARTLY),
    **dict.fromkeys("no n 0 0.0 0,0 false f nein non falsch wrong would_not".split(), Verdict.NO),
}
_NONE = ("none", "-", "–", "—", "n/a", "na", "null")


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedRow:
    """One row of a filled sheet. None stands for what is missing or cannot be read.

    `offered` says whether the comment has a suggestion. `suggestion_right` is None where it has none.
    """

    number: int
    item: str
    what: str
    pass_name: str
    type: str
    kind: str
    message: str
    confidence: float | None
    basis: str
    verdict: Verdict | None
    offered: bool
    suggestion_right: bool | None


def read_filled(path: Path) -> tuple[list[JudgedRow], list[str]]:
    """Return the rows of a filled sheet, and a sentence with row numbers for all that is missing or cannot be read.

    Raises ReadError when the file is no sheet.
    """
    wrong: defaultdict[str, list[int]] = defaultdict(list)
    rows: dict[str, JudgedRow] = {}
    for row in read_table(path, needed=NEEDED):
        item = _cell(row, "item").upper()
        if not item:
            wrong["the cell “item” is empty, so the row was left out"].append(row.number)
        elif item in rows:
            wrong[f"{item} stands there a second time, so the row was left out"].append(row.number)
        else:
            rows[item] = _read_row(row, item, wrong)
    if not rows:
        raise ReadError(f"{path} has no row that can be read")
    said = [f"{row_list(numbers)}: {what}" for what, numbers in wrong.items()]
    if len(said) > _MOST_SHOWN:
        said = [*said[:_MOST_SHOWN], f"and {len(said) - _MOST_SHOWN} more of the kind"]
    return list(rows.values()), said


def _read_row(row: TableRow, item: str, wrong: defaultdict[str, list[int]]) -> JudgedRow:
    what = _cell(row, "what").lower()
    if what not in {COMMENT, NEXT_STEPS, NOTHING}:
        wrong[f"“{what}” in “what” is not known, so the row was read as a comment"].append(row.number)
        what = COMMENT
    verdict = None
    if what != NOTHING:
        verdict = read_verdict(_cell(row, "verdict"))
        if verdict is None:
            wrong[_why_unread("verdict", _cell(row, "verdict"), "yes, partly or no")].append(row.number)
    offered = what == COMMENT and _offered(row)
    right = _suggestion_right(row, wrong) if offered and verdict is not None else None
    confidence = read_confidence(_cell(row, "confidence")) if what == COMMENT else None
    if what == COMMENT and confidence is None:
        given = _cell(row, "confidence")
        wrong[_why_unread("confidence", given, "a number from 0 to 1")].append(row.number)
    return JudgedRow(
        number=row.number, item=item, what=what, pass_name=_cell(row, "pass").lower(),
        type=_cell(row, "type").lower(), kind=_cell(row, "kind").lower(), message=_cell(row, "message"),
        confidence=confidence, basis=_cell(row, "confidence_basis").lower(), verdict=verdict, offered=offered,
        suggestion_right=right,
    )  # fmt: skip


def _cell(row: TableRow, name: str) -> str:
    return " ".join(unsafe_cell(row.cells.get(name, "").strip()).replace("\xa0", " ").split())


def _offered(row: TableRow) -> bool:
    # Without that column, an answer says that there was something to answer.
    if "first_suggestion" in row.cells:
        return bool(_cell(row, "first_suggestion"))
    return _cell(row, "first_suggestion_right").lower() not in {"", *_NONE}


def _suggestion_right(row: TableRow, wrong: defaultdict[str, list[int]]) -> bool | None:
    given = _cell(row, "first_suggestion_right")
    if given.lower() in _NONE:
        # "None" where a suggestion was offered: there was nothing to correct, so the suggestion is not right.
        return False
    verdict = read_verdict(given)
    if verdict is None:
        wrong[_why_unread("first_suggestion_right", given, "yes, no or none")].append(row.number)
    return None if verdict is None else verdict is Verdict.YES


def _why_unread(column: str, given: str, wanted: str) -> str:
    return f"“{given[:40]}” in “{column}” is not {wanted}" if given else f"“{column}” is empty"


def read_verdict(cell: str) -> Verdict | None:
    """Return the verdict that a person wrote into a cell, or None."""
    word = re.sub(r"[.!\s]+$", "", cell.strip().lower())
    return VERDICTS.get(word, VERDICTS.get(word.replace(" ", "_")))


def read_confidence(cell: str) -> float | None:
    """Return a share from 0 to 1. A decimal comma, a per cent sign and a lost decimal point are understood."""
    match = re.fullmatch(r"(\d{1,4})(?:[.,](\d{1,9}))?\s*(%?)", cell.strip())
    if match is None:
        return None
    value = float(f"{match[1]}.{match[2] or 0}")
    if match[3]:
        value /= 100
    elif value >= 100 and not match[2]:
        # A sheet holds three decimals: 0.950 became 950 where the point separates thousands.
        value /= 1000
    return value if value <= 1 else None
