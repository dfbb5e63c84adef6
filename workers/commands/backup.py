"""Backups: `python -m workers backup create|verify|list|restore|keys|release|base|recover`. docs/backups.md is the manual."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import parse_dsn

from models import log, production, restored, settings, snapshot
from models.db import session
from models.errors import DatabaseAway, SettingsError, Undecipherable
from workers.backups import base, check, create, retention
from workers.backups.key_file import BadFile
from workers.backups.stream import BadBackup
from workers.backups.wal import KEY, read_key
from workers.commands import backup_restore
from workers.commands.backup_restore import Apart, optional_path

logger = log.logger(__name__)

FOLDER, APART_FOLDER, KEYS_URL = "ESSAYCOACH_BACKUP_DIR", "ESSAYCOACH_BACKUP_APART", "ESSAYCOACH_BACKUP_KEYS_URL"
HEADS = "ESSAYCOACH_AUDIT_HEADS"
ANSWER_SECONDS = 60.0
SAY_EVERY_SECONDS = 1.0
ACTIONS = {
    "create": "dump the database (as ec_backup), keep people's keys and the signed heads apart, delete what is too old",
    "verify": "check a backup without a server (exit code 1: it cannot be used)",
    "list": "say how old and how large the backups are, and which are verified",
    "restore": "bring a backup back into an empty database (as a superuser) and compare everything with the original",
    "keys": "bring people's keys back and erase again whom they no longer name (as a superuser)",
    "hold": "put the hold of a restored copy on this database (as a superuser)",
    "release": "let a restored copy work: AI, webhooks and mail (as a superuser)",
    "base": "copy the whole server, for recovery to a point in time (a log-in with the right of replication)",
    "recover": "unpack a base backup into a new data directory that recovers up to a time",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `backup` to the parser."""
    actions = parser.add_subparsers(dest="action", required=True)
    made = {
        name: actions.add_parser(name, help=summary, description=f"{name}: {summary}.")
        for name, summary in ACTIONS.items()
    }
    for name in ("create", "list", "base"):
        made[name].add_argument("--to", type=Path, metavar="DIR", help=f"the folder of backups (default: {FOLDER})")
    for name in ("create", "restore", "keys"):
        made[name].add_argument(
            "--apart", type=Path, metavar="DIR", help=f"the folder of keys and heads (default: {APART_FOLDER})"
        )
    made["create"].add_argument(
        "--keep", type=_keep, default=retention.DEFAULT, help="days, weeks, months (default: %(default)s)"
    )
    for name in ("verify", "restore", "recover"):
        made[name].add_argument(
            "backup", type=Path, nargs="?", metavar="BACKUP", help="its folder (default: the newest)"
        )
        made[name].add_argument("--to", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    for name in ("restore", "keys"):
        made[name].add_argument(
            "--keys", type=Path, metavar="FILE", help="people's keys (default: from the folder apart)"
        )
        made[name].add_argument(
            "--heads", type=Path, metavar="FILE", help="signed heads (default: from the folder apart)"
        )
        made[name].add_argument(
            "--erase-many", action="store_true", help="more than a tenth of all people were erased since"
        )
    for name in ("base", "recover"):
        made[name].add_argument(
            "--wal", type=Path, metavar="DIR", required=name == "recover", help="the archive of the log"
        )
    made["base"].add_argument("--keep", type=int, default=2, metavar="N", help="base backups to keep (default: 2)")
    made["recover"].add_argument("--into", type=Path, metavar="DIR", required=True, help="the new data directory")
    made["recover"].add_argument(
        "--at", type=_moment, metavar="TIME", help="such as 2026-11-29T03:10:00Z (default: the end)"
    )


def run(chosen: argparse.Namespace) -> int:
    """Run the chosen action, and return the exit code. Raises SettingsError and DatabaseAway."""
    log.set_up("backup", level="WARNING")
    try:
        _RUN[chosen.action](chosen)
    except (BadBackup, BadFile, Undecipherable) as error:
        return _print_error(str(error))
    except OSError as error:
        return _print_error(f"{error.filename or 'a file'}: {error.strerror}")
    return 0


def _create(chosen: argparse.Namespace) -> None:
    url, key, folder = settings.database_url(), _key_for_writing(), _folder(chosen)
    _require_role(url)
    apart = chosen.apart or _optional_folder(APART_FOLDER)

    def make() -> tuple[int, dict[str, int]]:
        place, made = create.create(url, folder, key=key, tell=_tell)
        check.verify(place, key=key, tell=_tell)
        people = _keep_apart(apart)
        gone = retention.prune(
            folder, retention.parse_keep(chosen.keep) if isinstance(chosen.keep, str) else chosen.keep
        )
        _print(
            f"{place}: {made.rows:,} rows in {len(made.tables)} tables, {_size(made.size)}, verified"
            + ("" if key else ", NOT ENCRYPTED")
        )
        if gone:
            _print(f"deleted as too old: {len(gone)}")
        return made.rows, {"tables": len(made.tables), "bytes": made.size, "keys": people, "deleted": len(gone)}

    _recorded("backup", url, make)


def _keep_apart(apart: Path | None) -> int:
    """Keep the newest keys and the signed heads, and return how many keys there are."""
    url, heads = settings.optional_secret(KEYS_URL), settings.optional(HEADS)
    if apart is None:
        _print_error(
            f"WARNING: people's keys and the signed heads were not kept: --apart and {APART_FOLDER} name no folder"
        )
        return 0
    people = 0
    if url is None:
        _print_error(f"WARNING: people's keys were not kept: {KEYS_URL} (the URL of ec_worker) is not set")
    else:
        backup_restore.connect(url)
        people = create.keep_keys(apart)
        _print(
            f"{people} wrapped keys are in {apart / create.KEY_FILE}; keep it apart from the dumps, and only the newest"
        )
    if heads is None or not Path(heads).exists():
        _print_error(f"WARNING: the signed heads were not kept: {HEADS} names no file")
    else:
        create.keep_heads(Path(heads), apart)
    return people


def _verify(chosen: argparse.Namespace) -> None:
    checked = check.verify(_chosen_backup(chosen), key=read_key(), tell=_tell)
    _print(
        f"{checked.id}: complete and unchanged, {len(checked.tables)} tables, {checked.rows:,} rows, {_size(checked.size)}"
    )


def _list(chosen: argparse.Namespace) -> None:
    found = retention.list_backups(_folder(chosen))
    for one in found:
        if one.manifest is None:
            _print(f"{one.folder.name}  UNUSABLE: {one.fault}")
            continue
        verified = f"verified {one.verified_at:%Y-%m-%d %H:%M}" if one.verified_at else "NOT VERIFIED"
        sealed = "encrypted" if one.manifest.key_id else "not encrypted"
        age = _age((datetime.now(UTC) - one.manifest.taken_at).total_seconds())
        _print(
            f"{one.folder.name:38} {one.manifest.kind:5} {age:>6} old {_size(one.manifest.size):>9}  {sealed}, {verified}"
        )
    _print(f"{len(found)} {'backup' if len(found) == 1 else 'backups'}")


def _restore(chosen: argparse.Namespace) -> None:
    url, began = settings.database_url(), time.monotonic()
    folder = _chosen_backup(chosen)
    checked = backup_restore.restore(url, folder, _apart(chosen), key=read_key(), tell=_print)
    lost = (datetime.now(UTC) - checked.taken_at).total_seconds()
    _print("the copy is on hold: no AI, no webhooks, no mail until `python -m workers backup release`")
    _print(f"backup made {_age(lost)} ago, restored in {time.monotonic() - began:.1f} s")
    _print(f"tables {len(checked.tables)} of {len(checked.tables)}")


def _keys(chosen: argparse.Namespace) -> None:
    backup_restore.connect(settings.database_url())
    apart = _apart(chosen)
    if apart.keys is None:
        raise BadBackup("There is no file of keys: give --keys FILE.")
    with session():
        since = restored.held_since()
    taken_at = datetime.fromisoformat(since) if since else datetime.now(UTC)
    backup_restore.bring_back_keys(apart, taken_at=taken_at, tell=_print)


def _hold(_: argparse.Namespace) -> None:
    backup_restore.connect(settings.database_url())
    with session():
        restored.hold(datetime.now(UTC))
    _print("this database is on hold: no AI, no webhooks, no mail")


def _release(_: argparse.Namespace) -> None:
    backup_restore.connect(settings.database_url())
    with session():
        since = restored.held_since()
        if since is None:
            _print("this database is not on hold")
            return
        restored.release()
        restored.log_release(since)
    logger.warning("restored copy released", restored_from=since)
    _print("released: AI, webhooks and mail begin within two seconds")


def _base(chosen: argparse.Namespace) -> None:
    url, key, folder = settings.database_url(), _key_for_writing(), _folder(chosen)

    def make() -> tuple[int, dict[str, int]]:
        place, made = base.create(url, folder, key=key, tell=_tell)
        check.verify(place, key=key, tell=_tell)
        gone, files = base.prune(folder, chosen.wal, keep=max(1, chosen.keep))
        _print(f"{place}: {_size(made.size)}, verified" + ("" if key else ", NOT ENCRYPTED"))
        return 1, {"bytes": made.size, "deleted": gone, "log_files_deleted": files}

    _recorded("base_backup", url, make)


def _recover(chosen: argparse.Namespace) -> None:
    folder = chosen.backup or retention.newest(_folder(chosen), kind=base.KIND)
    base.recover(folder, chosen.into, chosen.wal, at=chosen.at, key=read_key(), tell=_print)
    _print(f"start a PostgreSQL server on {chosen.into}; it recovers and then takes writes")
    _print("then, with its URL as a superuser: python -m workers backup hold, and python -m workers backup keys")


_RUN: dict[str, Callable[[argparse.Namespace], None]] = {
    "create": _create, "verify": _verify, "list": _list, "restore": _restore, "keys": _keys, "hold": _hold, "release": _release,
    "base": _base, "recover": _recover,
}  # fmt: skip


def _recorded(name: str, url: str, make: Callable[[], tuple[int, dict[str, int]]]) -> None:
    """Carry out a backup and keep its result in `duty_runs`, also when it fails."""
    began = datetime.now(UTC)
    try:
        found, detail = make()
    except BaseException:
        # The failure itself is what must be heard of, also when the database cannot take the row.
        with suppress(DatabaseAway, SettingsError):
            snapshot.record_run(url, name, began=began, succeeded=False, found=0, detail={})
        raise
    snapshot.record_run(url, name, began=began, succeeded=True, found=found, detail=detail)


def _require_role(url: str) -> None:
    if settings.is_production() and parse_dsn(url).get("user") != "ec_backup":
        raise production.refusal("DATABASE_URL", "log in as ec_backup", "that role reads every table but people's keys")


def _key_for_writing() -> bytes | None:
    key = read_key()
    if key is None and settings.is_production():
        raise production.refusal(KEY, "be set", "backups are encrypted")
    if key is None:
        _print_error(f"WARNING: the backup is not encrypted: {KEY} is not set")
    return key


def _folder(chosen: argparse.Namespace) -> Path:
    folder = chosen.to or _optional_folder(FOLDER)
    if folder is None:
        raise SettingsError(f"Which folder holds the backups? Give --to DIR, or set {FOLDER}.")
    return Path(folder)


def _optional_folder(name: str) -> Path | None:
    text = settings.optional(name)
    return Path(text) if text else None


def _chosen_backup(chosen: argparse.Namespace) -> Path:
    return chosen.backup or retention.newest(_folder(chosen))


def _apart(chosen: argparse.Namespace) -> Apart:
    folder = chosen.apart or _optional_folder(APART_FOLDER) or Path()
    return Apart(
        keys=optional_path(chosen.keys, folder / create.KEY_FILE),
        heads=optional_path(chosen.heads, folder / create.HEADS_FILE),
        may_erase_many=chosen.erase_many,
    )


def _keep(text: str) -> retention.Keep:
    try:
        return retention.parse_keep(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be such as 2026-11-29T03:10:00Z") from None
    # Without a zone it would be that of this machine, which may not be that of the clock on the wall.
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("must name its time zone: add Z for UTC")
    return moment


def _size(number: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


class _Progress:
    """When the last line of progress was printed."""

    at = 0.0


def _tell(line: str) -> None:
    """Print a line of progress on standard error, at most one a second."""
    if time.monotonic() - _Progress.at >= SAY_EVERY_SECONDS:
        _Progress.at = time.monotonic()
        sys.stderr.write(f"backup: {line}\n")


def _print(line: Any) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _print_error(line: str) -> int:
    sys.stderr.write(f"workers: {line}\n")
    return 1
