"""Take away the months of partitioned tables that nobody needs any longer: cut off, export, drop."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from models import partitions, settings
from models.db import session
from models.errors import DatabaseBusy, SettingsError
from models.log import logger
from workers.duties.limits import LONG_ANSWER_SECONDS
from workers.duties.record import Counted
from workers.files import sync_folder, write_whole

log = logger(__name__)

ARCHIVE_DIR = "ESSAYCOACH_ARCHIVE_DIR"
RETIRE_AFTER = "ESSAYCOACH_RETIRE_AFTER_MONTHS"
PAGE = 5_000
# The database asks for its locks 20 times, for 30 ms each time. After so many of these rounds it is for the next run.
TRIES = 3
PAUSE_SECONDS = (0.05, 0.35)

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class RetireSettings:
    """Where months are exported to (None: nowhere), and for how many months after its end a month stays, by table."""

    archive: Path | None = None
    months: Mapping[str, int] = field(default_factory=dict)


def read_settings() -> RetireSettings:
    """Return the settings from the environment. Raises SettingsError."""
    months: dict[str, int] = {}
    for entry in filter(None, (settings.optional(RETIRE_AFTER) or "").replace(" ", "").split(",")):
        table, _, number = entry.partition("=")
        if table not in partitions.RETIRABLE or not number.isdecimal() or not 1 <= int(number) <= 1200:
            known = ", ".join(partitions.RETIRABLE)
            raise SettingsError(
                f"{RETIRE_AFTER} must be table=months, separated by commas (tables: {known}), not {entry!r}."
            )
        months[table] = int(number)
    archive = settings.optional(ARCHIVE_DIR)
    if archive is not None and not (Path(archive).is_dir() and os.access(archive, os.W_OK)):
        raise SettingsError(f"{ARCHIVE_DIR} must be a directory that the clock may write to.")
    return RetireSettings(archive=Path(archive) if archive else None, months=months)


def retire_partitions(chosen: RetireSettings) -> int:
    """Take away every month that is over, past its months, and needed by nobody. Return how many went.

    No writer waits for more than some 30 ms at a time. A month that is busy, or was not exported, is for the next run.
    """
    with session():
        names = partitions.list_ended(chosen.months)
    counts = dict.fromkeys(("done", "needed", "busy"), 0)
    dropped = 0
    for name in names:
        step, amount = _retire(name, chosen.archive)
        counts[step] += 1
        dropped += amount
        if step == "busy":
            log.warning("month not retired", partition=name, reason="its table is busy")
    return Counted(counts["done"], rows=dropped, needed=counts["needed"], busy=counts["busy"])


def _retire(name: str, archive: Path | None) -> tuple[str, int]:
    step = _until_free(lambda: partitions.detach(name), is_busy=lambda answer: answer == "busy")
    if step in ("needed", "busy"):
        return step, 0
    manifest = export(name, archive) if archive is not None else None
    last, amount = _until_free(lambda: partitions.drop(name), is_busy=lambda answer: answer[0] == "busy")
    if last == "needed" and manifest is not None:
        # The month is a part of its table again: an export of it would say otherwise.
        manifest.unlink()
        _data_file(manifest).unlink()
    if last == "done":
        log.info("month retired", partition=name, rows=amount, exported=manifest is not None)
    return last, amount


def _until_free(ask: Callable[[], Answer], *, is_busy: Callable[[Answer], bool]) -> Answer:
    """Ask in a session of its own until the answer is not busy, at most TRIES times."""
    for attempt in range(1, TRIES + 1):
        with suppress(DatabaseBusy):
            with session(answer_seconds=LONG_ANSWER_SECONDS):
                answer = ask()
            if not is_busy(answer) or attempt == TRIES:
                return answer
        # Other transactions get the lock that this one gave up on.
        time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - no secret
    raise DatabaseBusy("The tables are busy.")


def export(name: str, archive: Path) -> Path:
    """Write the rows of a month that is cut off as compressed JSON lines, and a manifest with their SHA-256; return the manifest.

    What is encrypted stays so. The files appear when they are complete, and the export is read back before that.
    Raises OSError, and ValueError when what was read back is not what was written.
    """
    manifest = archive / f"{name}.manifest.json"
    descriptor, draft = tempfile.mkstemp(prefix=f".{name}.", dir=archive)
    try:
        with os.fdopen(descriptor, "wb") as file:
            rows, digest = _write_lines(name, file)
            file.flush()
            os.fsync(file.fileno())
        compressed = _check_readable(Path(draft), rows=rows, digest=digest)
        facts = {"partition": name, "rows": rows, "sha256": compressed, "lines_sha256": digest}
        write_whole(archive / f".{manifest.name}", json.dumps(facts, indent=1) + "\n")
        Path(draft).replace(_data_file(manifest))
        (archive / f".{manifest.name}").replace(manifest)
        sync_folder(archive)
    finally:
        Path(draft).unlink(missing_ok=True)
    return manifest


def _data_file(manifest: Path) -> Path:
    return manifest.with_name(manifest.name.replace(".manifest.json", ".jsonl.gz"))


def _write_lines(name: str, file: object) -> tuple[int, str]:
    rows, digest = 0, hashlib.sha256()
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=3, filename="", mtime=0) as packed:  # type: ignore[call-overload]
        for line in _lines(name):
            digest.update(line)
            packed.write(line)
            rows += 1
    return rows, digest.hexdigest()


def _lines(name: str) -> Iterator[bytes]:
    after = partitions.FIRST
    while True:
        with session(answer_seconds=LONG_ANSWER_SECONDS):
            page = partitions.read_page(name, after=after, limit=PAGE)
        if not page:
            return
        for _, line in page:
            yield line.encode() + b"\n"
        after = page[-1][0]


def _check_readable(path: Path, *, rows: int, digest: str) -> str:
    """Check that the compressed file holds these lines, and return its own SHA-256. Raises ValueError."""
    lines, count = hashlib.sha256(), 0
    with gzip.open(path, "rb") as packed:
        for line in packed:
            lines.update(line)
            count += 1
    if count != rows or lines.hexdigest() != digest:
        raise ValueError("the export does not read back as it was written")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
