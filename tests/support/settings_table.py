"""Write the table of settings into docs/operations.md from the catalogue.

python -m tests.support.settings_table --write
"""

from __future__ import annotations

import argparse

from models.setting_catalogue import SERVING, SETTINGS, Setting
from tests.support.servers import ROOT

PAGE = ROOT / "docs" / "operations.md"
HEAD = "| variable | read by | default | what it does |\n|---|---|---|---|\n"


def table() -> str:
    """Return the table: one row for each setting."""
    return HEAD + "".join(map(_row, SETTINGS))


def _row(setting: Setting) -> str:
    programs = "all" if set(setting.programs) >= set(SERVING) else ", ".join(setting.programs)
    default = f"`{setting.default}`" if "<" in setting.default else setting.default or "none"
    secret = " (secret)" if setting.is_secret else ""
    return f"| `{setting.name}`{secret} | {programs} | {default} | {setting.meaning} |\n"


def with_table(page: str) -> str:
    """Return the page with the table in place of the one that it has."""
    begin = page.index(HEAD)
    end = page.index("\n\n", begin) + 1
    return page[:begin] + table() + page[end:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", required=True, help="write the table into the page")
    parser.parse_args()
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
