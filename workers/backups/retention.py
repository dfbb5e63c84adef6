"""Which backups are kept: the newest of each of the last days, weeks and months, and always the newest of all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workers.backups import check, manifest
from workers.backups.create import PREFIX
from workers.backups.manifest import Manifest
from workers.backups.stream import BadBackup

DEFAULT = "7d4w6m"
_FORM = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,3})w)?(?:(\d{1,3})m)?")


@dataclass(frozen=True, kw_only=True)
class Keep:
    """For how many days, weeks and months the newest backup of each is kept."""

    days: int
    weeks: int
    months: int


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One backup of a folder; `fault` is why its manifest cannot be read."""

    folder: Path
    manifest: Manifest | None
    verified_at: datetime | None
    fault: str | None = None


def parse_keep(text: str) -> Keep:
    """Return a retention such as `7d4w6m`. Raises ValueError."""
    found = _FORM.fullmatch(text.strip())
    if found is None or not any(int(number or 0) for number in found.groups()):
        raise ValueError("must be such as 7d4w6m: for how many days, weeks and months one backup each is kept")
    days, weeks, months = (int(number or 0) for number in found.groups())
    return Keep(days=days, weeks=weeks, months=months)


def list_backups(folder: Path) -> list[Kept]:
    """Return the backups below a folder, oldest first; those that cannot be read stand in front."""
    found = []
    for one in sorted(folder.glob(f"{PREFIX}*") if folder.is_dir() else ()):
        try:
            found.append(Kept(folder=one, manifest=manifest.peek(one), verified_at=check.verified_at(one)))
        except BadBackup as error:
            found.append(Kept(folder=one, manifest=None, verified_at=None, fault=str(error)))
    return sorted(found, key=lambda one: one.manifest.taken_at.timestamp() if one.manifest else 0)


def newest(folder: Path, *, kind: str = "dump") -> Path:
    """Return the newest readable backup of a kind. Raises BadBackup when there is none."""
    found = [one.folder for one in list_backups(folder) if one.manifest is not None and one.manifest.kind == kind]
    if not found:
        raise BadBackup(f"There is no backup in {folder}.")
    return found[-1]


def superfluous(found: Iterable[Kept], keep: Keep) -> list[Path]:
    """Return the backups that may go. One that cannot be read stays: somebody should look at it."""
    readable = [(one.folder, one.manifest) for one in found if one.manifest is not None]
    kept: set[Path] = {folder for folder, _ in readable[-1:]}
    spans: list[tuple[int, Callable[[datetime], object]]] = [
        (keep.days, lambda at: at.date()),
        (keep.weeks, lambda at: at.isocalendar()[:2]),
        (keep.months, lambda at: (at.year, at.month)),
    ]
    for most, span_of in spans:
        newest_of = {span_of(one.taken_at): folder for folder, one in readable}
        kept |= set(list(newest_of.values())[-most:] if most else ())
    return [folder for folder, _ in readable if folder not in kept]


def prune(folder: Path, keep: Keep) -> list[Path]:
    """Delete the backups that the retention does not keep, and return them. Raises OSError."""
    gone = superfluous([one for one in list_backups(folder) if one.manifest and one.manifest.kind == "dump"], keep)
    for one in gone:
        # Without its name it is no backup any more, also when the deletion is interrupted.
        doomed = one.rename(one.with_name(f".deleted-{one.name}"))
        shutil.rmtree(doomed)
    return gone
