"""Cells of a CSV file that no spreadsheet program takes for a formula or a command."""

from __future__ import annotations

# A cell that begins with one of these is a formula or a command to some spreadsheet program.
RISKY_FIRST = "=+-@\t\r\n|%＝＋－＠"


def safe_cell(text: str) -> str:
    """Return the text so that no spreadsheet program runs it: an apostrophe goes before what could be a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(tuple(RISKY_FIRST)) else text


def unsafe_cell(cell: str) -> str:
    """Return the text of a cell as it was before `safe_cell`."""
    return cell[1:] if cell.startswith("'") and cell[1:].lstrip(" ").startswith(tuple(RISKY_FIRST)) else cell
