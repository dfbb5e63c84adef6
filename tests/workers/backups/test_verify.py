"""Test that a backup that cannot be used is refused with a sentence that says why, and that the newest are kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.snapshot import Table
from tests.workers.backups.conftest import AUDIT_KEY, BACKUP_KEY, ESSAY, OTHER_KEY, Original, backup_command
from workers.backups import retention, stream
from workers.backups.manifest import Manifest
from workers.backups.retention import Kept
from workers.backups.stream import BadBackup, Written

KEY = bytes(range(32))


def edit_manifest(backup: Path, change: Callable[[dict], None]) -> None:
    path = backup / "manifest.json"
    text = json.loads(path.read_text())
    change(text["manifest"])
    path.write_text(json.dumps(text))


def truncate(backup: Path) -> None:
    with (backup / "dump").open("r+b") as file:
        file.truncate((backup / "dump").stat().st_size - 1000)


def flip_bit(backup: Path) -> None:
    data = bytearray((backup / "dump").read_bytes())
    data[len(data) // 2] ^= 1
    (backup / "dump").write_bytes(data)


BROKEN = {
    "cut short": (truncate, {}, "dump was cut or lengthened"),
    "a flipped bit": (flip_bit, {}, "dump was changed"),
    "dump missing": (lambda backup: (backup / "dump").unlink(), {}, "The file dump of this backup is missing"),
    "wrong key": (lambda backup: None, {"ESSAYCOACH_BACKUP_KEY": OTHER_KEY}, "is not the key of this backup"),
    "no key": (lambda backup: None, {"ESSAYCOACH_BACKUP_KEY": ""}, "is encrypted, and ESSAYCOACH_BACKUP_KEY is not set"),
    "manifest missing": (lambda backup: (backup / "manifest.json").unlink(), {}, "There is no manifest.json"),
    "manifest of another backup": (lambda backup: backup.rename(backup.with_name("essaycoach-20200101T000000Z")), {}, "that of another backup"),
    "manifest cut": (lambda backup: (backup / "manifest.json").write_text('{"manifest": '), {}, "manifest.json was cut or changed"),
    "manifest edited": (lambda backup: edit_manifest(backup, lambda one: one["tables"].pop("essays")), {}, "manifest.json was changed"),
    "of a newer format": (lambda backup: edit_manifest(backup, lambda one: one.update(format="essaycoach-backup-9")), {}, "has the format"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_backup_is_refused_with_its_reason(name: str, original: Original, tmp_path: Path) -> None:
    harm, variables, said = BROKEN[name]
    backup = tmp_path / original.backup.name
    shutil.copytree(original.backup, backup)
    harm(backup)
    [backup] = tmp_path.iterdir()
    refused = backup_command("postgresql://nobody@127.0.0.1:1/none", "verify", str(backup), **variables)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert BACKUP_KEY not in refused.stderr and "Traceback" not in refused.stderr


def test_whole_backup_is_verified_without_a_server_and_says_nothing_readable(original: Original) -> None:
    done = backup_command("postgresql://nobody@127.0.0.1:1/none", "verify", str(original.backup))
    assert done.returncode == 0, done.stderr
    assert "complete and unchanged" in done.stdout
    assert (original.backup / "dump").read_bytes().startswith(stream.MAGIC)
    for path in original.backup.iterdir():
        assert path.stat().st_mode & 0o77 == 0 or path.name == "verified.json"
        assert b"northside" not in path.read_bytes() and ESSAY.encode() not in path.read_bytes()
    listed = backup_command("postgresql://nobody@127.0.0.1:1/none", "list", "--to", str(original.folder))
    assert "1 backup" in listed.stdout and "encrypted, verified" in listed.stdout


def test_backup_leaves_its_result_in_the_database(original: Original) -> None:
    found = original.database.sql("select outcome, found > 100, detail ->> 'keys' from duty_runs where name = 'backup'")
    assert found == [("ok", True, "6")]


def test_keys_and_heads_are_kept_apart(original: Original) -> None:
    assert {path.name for path in original.apart.iterdir()} == {"keys.jsonl", "audit_heads.jsonl"}
    assert (original.apart / "keys.jsonl").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in original.backup.iterdir()} == {"manifest.json", "dump", "verified.json"}


def test_failed_backup_leaves_no_folder_and_a_failed_run(original: Original, tmp_path: Path) -> None:
    # This role may not read every table.
    failed = backup_command(original.database.role_url("ec_clock"), "create", "--to", str(tmp_path))
    assert failed.returncode == 1 and "must log in as ec_backup" in failed.stderr
    assert list(tmp_path.iterdir()) == []
    [(outcome, was_good)] = original.database.sql(
        "select outcome, succeeded_at is not null from duty_runs where name = 'backup'"
    )
    assert (outcome, was_good) == ("failed", True)


@pytest.mark.parametrize("size", [0, 1, stream.CHUNK - 1, stream.CHUNK, stream.CHUNK + 1, 3 * stream.CHUNK])
def test_encrypted_file_is_read_back_and_no_part_of_it_can_be_changed(tmp_path: Path, size: int) -> None:
    content = bytes(index * 7 % 251 for index in range(size))
    path = tmp_path / "file"
    with stream.writing(path, key=KEY, label="a/dump") as writer:
        for start in range(0, size, 100_000):
            writer.write(content[start : start + 100_000])
        assert writer.finish() == stream.digest(path)
    assert b"".join(stream.read(path, key=KEY, label="a/dump")) == content
    whole = path.read_bytes()
    sealed = stream.CHUNK + stream.TAG_BYTES
    head = len(stream.MAGIC) + stream.SALT_BYTES
    chunks = [whole[start : start + sealed] for start in range(head, len(whole), sealed)]
    harmed = [
        whole[:-1],
        whole[: -stream.TAG_BYTES - 1],
        whole + b"x",
        whole[:head] + b"",
        whole[:30] + bytes([whole[30] ^ 1]) + whole[31:],
    ]
    harmed += [whole[:head] + b"".join(chunks[:-1]), whole[:head] + b"".join([*chunks, chunks[-1]])]
    if len(chunks) > 2:
        harmed.append(whole[:head] + b"".join([chunks[1], chunks[0], *chunks[2:]]))
    for one in harmed:
        path.write_bytes(one)
        with pytest.raises(BadBackup):
            list(stream.read(path, key=KEY, label="a/dump"))
    path.write_bytes(whole)
    for key, label in ((KEY[::-1], "a/dump"), (KEY, "b/dump"), (KEY, "a/other")):
        with pytest.raises(BadBackup, match="belongs to another backup, or the key is another"):
            list(stream.read(path, key=key, label=label))


def kept_at(folder: Path, at: datetime) -> Kept:
    name = f"essaycoach-{at:%Y%m%dT%H%M%SZ}"
    facts = Manifest(
        id=name, kind="dump", taken_at=at, ended_at=at, program_version="1", server_version=180006, schema="0001", key_id=None,
        files={"dump": Written(size=1, sha256="0")}, tables={"essays": Table(rows=1, sha256="0")}, sequences={},
    )  # fmt: skip
    return Kept(folder=folder / name, manifest=facts, verified_at=None)


def test_retention_keeps_the_newest_of_each_day_week_and_month(tmp_path: Path) -> None:
    newest = datetime(2026, 11, 29, 15, tzinfo=UTC)
    made = [kept_at(tmp_path, newest - timedelta(hours=hours)) for hours in range(24 * 200, -1, -12)]
    unreadable = Kept(folder=tmp_path / "essaycoach-20260101T000000Z", manifest=None, verified_at=None, fault="cut")
    gone = set(retention.superfluous([unreadable, *made], retention.parse_keep("7d4w6m")))
    assert unreadable.folder not in gone
    kept = {one.manifest.taken_at for one in made if one.manifest and one.folder not in gone}
    assert {newest - timedelta(days=day) for day in range(7)} <= kept
    assert {at.isocalendar()[:2] for at in kept} >= {(2026, week) for week in (45, 46, 47, 48)}
    assert {at.month for at in kept} == {6, 7, 8, 9, 10, 11}
    assert len(kept) <= 7 + 4 + 6
    only = made[:1]
    assert retention.superfluous(only, retention.parse_keep("1d")) == []


@pytest.mark.parametrize("text", ["", "0d", "7", "7x", "d7", "-1d"])
def test_unusable_retention_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="7d4w6m"):
        retention.parse_keep(text)


def test_production_makes_no_plain_backup_and_takes_no_other_role(original: Original, tmp_path: Path) -> None:
    url = original.database.role_url("ec_backup")
    refused = backup_command(url, "create", "--to", str(tmp_path), ESSAYCOACH_PRODUCTION="on")
    assert refused.returncode == 1
    assert list(tmp_path.iterdir()) == [] and AUDIT_KEY not in refused.stderr
