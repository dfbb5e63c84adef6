"""What a program would use in this environment, and what it would refuse: values with their sources, secrets hidden."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from models import secret_settings, setting_catalogue
from models.errors import SettingsError
from models.setting_catalogue import SETTINGS, Setting

# Of these a reader wants to know the server and the user. The rest of a secret stays hidden.
ADDRESSES = ("DATABASE_URL", "REDIS_URL")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A variable, what the program would use (None: nothing), and where that comes from."""

    name: str
    value: str | None
    source: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """The variables of one program, the sentences with which it would refuse to start, and the names that no program reads."""

    program: str
    settings: tuple[Line, ...]
    refused: tuple[str, ...]
    unknown: dict[str, str | None]


def make_report(program: str, checks: Sequence[Callable[[], object]]) -> Report:
    """Return the report of a program. `checks` are its own readers: each raises SettingsError for what it refuses."""
    refused: list[str] = []
    lines = [_line(setting, program, refused) for setting in SETTINGS if program in setting.programs]
    for check in checks:
        try:
            check()
        except SettingsError as error:
            refused.append(str(error))
    return Report(
        program=program,
        settings=tuple(lines),
        refused=tuple(dict.fromkeys(refused)),
        unknown=setting_catalogue.unknown_variables(),
    )


def to_json(reports: Sequence[Report]) -> str:
    """Return the reports as JSON."""
    return json.dumps([asdict(report) for report in reports], ensure_ascii=False, indent=2)


def to_text(reports: Sequence[Report]) -> str:
    """Return the reports for people."""
    blocks = []
    for report in reports:
        width = max((len(line.name) for line in report.settings), default=0)
        rows = [f"  {line.name:{width}}  {line.source:11}  {line.value or '-'}" for line in report.settings]
        unknown = [
            f"  {name}: no program reads it" + (f"; did you mean {near}?" if near else "")
            for name, near in report.unknown.items()
        ]
        verdict = "would not start:" if report.refused else "would start"
        blocks.append(
            "\n".join([f"{report.program} {verdict}", *(f"  ! {why}" for why in report.refused), *unknown, *rows])
        )
    return "\n\n".join(blocks)


def show(reports: Sequence[Report], *, as_json: bool) -> int:
    """Print the reports and return the exit code: 1 when a program would not start."""
    print(to_json(reports) if as_json else to_text(reports))
    return int(any(report.refused for report in reports))


def _line(setting: Setting, program: str, refused: list[str]) -> Line:
    if setting.is_secret:
        try:
            found = secret_settings.read(setting.name)
        except SettingsError as error:
            refused.append(str(error))
            return Line(name=setting.name, value="refused", source="-")
        if found is not None:
            return Line(name=setting.name, value=_hidden(setting.name, found.value), source=found.source)
    else:
        value = os.environ.get(setting.name, "").strip()
        if value:
            return Line(name=setting.name, value=value, source="environment")
    default = setting.default_for(program)
    return Line(name=setting.name, value=default or None, source="default" if default else "not set")


def _hidden(name: str, value: str) -> str:
    """Return what may be shown of a secret."""
    if name in ADDRESSES:
        try:
            parts = urlsplit(value)
            user = f"{parts.username}@" if parts.username else ""
            return f"{parts.scheme}://{user}{parts.netloc.rpartition('@')[2]}{parts.path}, {len(value)} characters"
        except ValueError:
            pass
    return f"set, {len(value)} characters"
