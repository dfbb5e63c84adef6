"""Rotate the master keys, and back up and restore people's keys: `python -m workers keys`.

To rotate, first give every program the new key in front of the old ones and restart it, then run `rotate`, then remove the old
key. All programs keep running meanwhile. A rotation that was interrupted can simply be run again.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from models import crypto, db, keys, log, settings
from models.crypto import keyring
from models.db import session
from models.errors import Undecipherable
from models.keys import COLUMNS, FIRST, Column
from workers.backups import key_file
from workers.backups.key_file import BadFile

ANSWER_SECONDS = 15.0
BATCH = 500
# The body of a webhook delivery may be a thousand times as long as a key, so take fewer of them in a transaction.
BODIES_A_BATCH = 50
# After the first round, only values that were new or locked meanwhile are left. Values that still appear after the last round
# come from a program that encrypts with an old key.
ROUNDS = 4
BAR = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `keys` to the parser."""
    actions = parser.add_subparsers(dest="action", required=True)
    rotate = actions.add_parser(
        "rotate", help="seal everything anew under the newest master key; may be stopped and repeated"
    )
    rotate.add_argument(
        "--batch", type=_count, default=BATCH, metavar="N", help=f"values a transaction (default: {BATCH})"
    )
    actions.add_parser("status", help="how many values each master key seals")
    for name, summary in (
        ("backup", "write people's wrapped keys to"),
        ("restore", "put people's wrapped keys back from"),
    ):
        actions.add_parser(name, help=f"{summary} a file").add_argument("file", type=Path, metavar="FILE")


def run(chosen: argparse.Namespace) -> int:
    """Run the chosen action, and return the exit code. Raises SettingsError and DatabaseAway."""
    log.set_up("keys", level="WARNING")
    db.connect(settings.read_store("ec-worker", pool_size=1, answer_seconds=ANSWER_SECONDS))
    crypto.load(settings.read_crypto())
    try:
        if chosen.action == "rotate":
            return _rotate(chosen.batch)
        if chosen.action == "status":
            return _status()
        return _back_up(chosen.file) if chosen.action == "backup" else _restore(chosen.file)
    except (Undecipherable, BadFile) as error:
        return _print_error(str(error))
    except OSError as error:
        return _print_error(f"{error.filename}: {error.strerror}")


def _rotate(batch: int) -> int:
    before = _count_by_key()
    missing = sorted(name for name in before if name.isalnum() and keyring().lacks(name))
    if missing:
        used = ", ".join(f"{name} ({before[name]} values)" for name in missing)
        return _print_error(f"this program was not given every master key that is in use: {used} cannot be opened")
    bar = _ProgressBar(before.total() - before[keyring().current])
    damaged: dict[tuple[Column, UUID], None] = {}
    remaining = Counter[str]()
    for round_number in range(ROUNDS):
        for column in COLUMNS:
            limit = min(batch, BODIES_A_BATCH) if column == "inbound_events.body" else batch
            for step in _reencrypt_column(column, limit=limit, wait=round_number > 0):
                bar.advance(step.done)
                damaged |= dict.fromkeys((column, one) for one in step.damaged)
        remaining = _count_by_key()
        del remaining[keyring().current]
        if remaining.total() <= len(damaged):
            break
    bar.end()
    _print(f"{bar.done} values are sealed anew under {keyring().current!r}, {remaining.total()} remain under old keys")
    for column, one in damaged:
        _print_error(f"{column} of {one} does not open under the key it names, and stays as it is")
    if remaining.total() > len(damaged):
        return _print_error(
            "new values keep coming under an old key: a program was not given the new one in front, or not restarted"
        )
    for name in sorted(before.keys() - remaining.keys() - {keyring().current}):
        _print(f"master key {name!r} is no longer used and may be removed")
    return 1 if damaged else 0


def _reencrypt_column(column: Column, *, limit: int, wait: bool) -> Iterator[keys.Step]:
    after = FIRST
    while True:
        with session(role="ec_keys"):
            step = keys.reencrypt_batch(column, after=after, limit=limit, wait=wait)
        if step is None:
            return
        yield step
        after = step.last


def _status() -> int:
    with session(role="ec_keys"):
        counts = keys.count_by_master_key()
    for column in COLUMNS:
        for name, sealed in sorted(counts[column].items()):
            state = (
                "newest"
                if name == keyring().current
                else "not given to this program"
                if keyring().lacks(name)
                else "old"
            )
            _print(f"{column:24} {name or '?':32} {sealed:>12}  {state}")
    return 0


def _count_by_key() -> Counter[str]:
    with session(role="ec_keys"):
        counts = keys.count_by_master_key()
    return sum(counts.values(), Counter[str]())


def _back_up(path: Path) -> int:
    _print(f"{key_file.write(path)} wrapped keys are in {path}")
    return 0


def _restore(path: Path) -> int:
    kept = key_file.read(path)
    restored = key_file.restore(kept)
    with session(role="ec_keys"):
        keyless = keys.count_keyless()
    _print(
        f"{restored} of {len(kept.keys)} wrapped keys are back; the others' people have a key, are gone or asked for erasure"
    )
    _print(f"{keyless} people have no key: nothing they wrote can be read")
    return 0


class _ProgressBar:
    """Progress of a rotation on standard error: a bar that is redrawn on a terminal, else a line for every tenth."""

    def __init__(self, total: int) -> None:
        self._total, self._drawn, self._tenths, self.done = total, False, 0, 0

    def advance(self, by: int) -> None:
        """Add the number of values that are done, and show the progress."""
        self.done += by
        # New values may have been added since they were counted.
        part = min(1.0, self.done / self._total) if self._total else 1.0
        if sys.stderr.isatty():
            filled = round(part * BAR)
            sys.stderr.write(f"\r[{'#' * filled}{'.' * (BAR - filled)}] {self.done}/{self._total}")
            self._drawn = True
        elif int(part * 10) > self._tenths:
            self._tenths = int(part * 10)
            sys.stderr.write(f"{self.done}/{self._total} ({self._tenths * 10} %)\n")
        sys.stderr.flush()

    def end(self) -> None:
        """End the line of the bar, so that later output begins on a new line."""
        if self._drawn:
            sys.stderr.write("\n")


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError("must lie between 1 and 10000")
    return number


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _print_error(line: str) -> int:
    sys.stderr.write(f"workers: {line}\n")
    return 1
