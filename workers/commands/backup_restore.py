"""Bring a backup back into an empty database, and prove that it is what was there: the long half of `workers backup`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from models import audit, crypto, db, keys, orgs, restored, rights, settings, snapshot
from models.db import session
from models.settings import StoreSettings
from models.snapshot import Table
from workers.backups import check, key_file, programs
from workers.backups.create import DUMP
from workers.backups.manifest import Manifest
from workers.backups.stream import BadBackup
from workers.commands import audit_chain
from workers.duties import audit_heads
from workers.duties.audit_heads import SignedHead

Tell = Callable[[str], None]
# Statements of a restore go over whole tables.
ANSWER_SECONDS = 3600.0
# Somebody may have been added while the keys were read; and the clocks of two servers differ a little.
MARGIN = timedelta(minutes=1)
# More erasures than this, and than a tenth of all people, may mean the wrong file.
FEW = 20
BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Apart:
    """What is kept apart from the dump. Each may be missing; then what depends on it is not done, and the report says so."""

    keys: Path | None
    heads: Path | None
    may_erase_many: bool = False


def connect(url: str) -> None:
    """Let the pool of this process log in with this URL, whoever it names: a restore needs a superuser."""
    db.connect(
        StoreSettings(
            database_url=url, program="ec-backup", pool_size=1, pool_wait_seconds=10.0, answer_seconds=ANSWER_SECONDS
        )
    )


def restore(url: str, folder: Path, apart: Apart, *, key: bytes | None, tell: Tell) -> Manifest:
    """Verify the backup, bring it back into an empty database, and compare everything. Raises BadBackup, DatabaseAway."""
    _require_empty(url)
    checked = check.verify(folder, key=key, tell=tell)
    if checked.kind != DUMP:
        raise BadBackup("This is a base backup: docs/backups.md says how to restore it to a point in time.")
    programs.require_version("pg_restore", checked.server_version)
    connect(url)
    # Before the first row: whatever happens from here on, the copy calls nobody.
    with session():
        restored.hold(checked.taken_at)
    tell("preparing the roles")
    programs.run_own(["migrations", "roles"], url=url)
    tell(f"restoring {checked.rows:,} rows")
    address, env = programs.connection(url)
    argv = [programs.find("pg_restore"), "--exit-on-error", "--single-transaction", f"--dbname={address}"]
    programs.feed(argv, check.content(folder, DUMP, checked, key=key), env=env)
    compare(url, checked, tell=tell)
    tell("applying newer migrations, and setting the passwords that the environment gives")
    programs.run_own(["migrations", "up"], url=url)
    tell("comparing tables, constraints, triggers, policies and grants with the schema")
    programs.run_own(["migrations", "compare"], url=url)
    bring_back_keys(apart, taken_at=checked.taken_at, tell=tell)
    verify_audit(apart.heads, tell=tell)
    return checked


def compare(url: str, checked: Manifest, *, tell: Tell) -> None:
    """Compare every table and sequence with the manifest, and say how many are the same. Raises BadBackup."""
    with snapshot.snapshot(url) as seen:
        found = seen.digest_tables(tell=lambda name, place, most: tell(f"comparing table {place} of {most}: {name}"))
        sequences = seen.facts().sequences
    wrong = [
        _difference(name, found.get(name), wanted)
        for name, wanted in checked.tables.items()
        if found.get(name) != wanted
    ]
    wrong += [f"{name} is there and was not" for name in sorted(found.keys() - checked.tables.keys())]
    # Others drew numbers while the dump was made, so a sequence may be further, and never less far.
    wrong += [
        f"the sequence {name} went back" for name, value in checked.sequences.items() if sequences.get(name, -1) < value
    ]
    if wrong:
        raise BadBackup(f"The restored copy differs from the backup: {'; '.join(wrong)}.")
    tell(f"the same: {len(found)} tables, {len(sequences)} sequences, {checked.rows:,} rows")


def bring_back_keys(apart: Apart, *, taken_at: datetime, tell: Tell) -> None:
    """Restore people's keys from the newest file, and erase again whom it no longer names. Raises BadBackup, BadFile."""
    if apart.keys is None:
        tell("WARNING: no file of keys was given: no essay can be read, and erasures since the backup are not repeated")
        tell("WARNING: run `python -m workers backup keys --keys FILE` before anybody uses this copy")
        return
    crypto.load(settings.read_crypto())
    kept = key_file.read(apart.keys)
    if kept.taken_at is None:
        raise BadBackup("The file of keys is of an older version and does not say when it was made: use a newer one.")
    if kept.taken_at < taken_at - MARGIN:
        tell(
            f"WARNING: the keys are older than the backup: who was erased after {kept.taken_at:%Y-%m-%d %H:%M} comes back"
        )
    with session():
        people = restored.count_people()
        gone = restored.list_erased_since(kept=[one.user for one in kept.keys], before=kept.taken_at - MARGIN)
    if len(gone) > max(FEW, people // 10) and not apart.may_erase_many:
        raise BadBackup(
            f"{len(gone)} of {people} people have no key in the file, so they would be erased: it may be the wrong file. "
            "If so many were erased since the backup, give --erase-many."
        )
    tell(f"keys: {key_file.restore(kept)} of {len(kept.keys)} restored")
    for user, org in gone:
        with session(org=org):
            restored.erase_again(user, org=org)
    tell(f"erasures: {len(gone)} people were erased after the backup, and are erased again")
    _delete_rows_of_erased()
    with session():
        keyless = keys.count_keyless()
    if keyless:
        tell(f"WARNING: {keyless} people have no key: nothing they wrote can be read")


def _delete_rows_of_erased() -> None:
    # As the clock does. Of an org on hold nobody's rows go; the clock deletes them when the hold is lifted.
    seen: set[object] = set()
    while True:
        with session():
            waiting = [one for one in rights.list_erasures(limit=BATCH + len(seen)) if one not in seen]
        if not waiting:
            return
        for user, org in waiting:
            seen.add((user, org))
            with session(org=org):
                rights.erase(user, org=org)


def verify_audit(heads: Path | None, *, tell: Tell) -> None:
    """Check the audit chain of every org, and against the signed heads. Raises BadBackup when something was changed."""
    signed: dict[UUID, list[SignedHead]] = {}
    if heads is None:
        tell(
            "WARNING: no signed heads were given: a tail of the audit trail that was cut off before the backup is not seen"
        )
    else:
        ledger = audit_heads.read_ledger(heads, key=settings.key_bytes(audit_heads.KEY))
        if ledger.broken:
            raise BadBackup(f"The signed heads are broken: {ledger.broken[0]}.")
        signed = audit_heads.by_org(ledger.heads)
    with session():
        known = orgs.list_orgs()
    checked, faults, later = 0, 0, 0
    for org in known.values():
        with session(org=org):
            head = audit.fetch_head(org)
        end = head.sequence if head else 0
        # What was signed after the backup was made cannot be in it.
        within = [one for one in signed.get(org, []) if one.head.sequence <= end]
        later += len(signed.get(org, [])) - len(within)
        others = {name: other for name, other in known.items() if other != org}
        report = audit_chain.check(org, others=others, signed=within)
        checked, faults = checked + report.checked, faults + report.found
    if faults:
        raise BadBackup(f"The audit trail has {faults} faults: `python -m workers audit verify` lists them.")
    tell(
        f"audit trail: {checked:,} entries of {len(known)} orgs, no fault"
        + (f"; {later} heads were signed later" if later else "")
    )


def _require_empty(url: str) -> None:
    if not snapshot.is_superuser(url):
        raise BadBackup("DATABASE_URL must be a superuser's: a restore makes roles and sets owners.")
    if not snapshot.is_empty(url):
        raise BadBackup(
            "This database is not empty. A backup is restored into an empty one only: create it and try again."
        )


def _difference(name: str, found: Table | None, wanted: Table) -> str:
    if found is None:
        return f"{name} is missing"
    if found.rows != wanted.rows:
        return f"{name} has {found.rows:,} rows instead of {wanted.rows:,}"
    return f"{name} has the same number of rows, and others"


def optional_path(given: Path | None, default: Path) -> Path | None:
    """Return the given file, else the default one if it is there. Raises BadBackup when the given one is missing."""
    if given is not None and not os.access(given, os.R_OK):
        raise BadBackup(f"{given} cannot be read.")
    return given or (default if default.exists() else None)
