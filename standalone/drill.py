"""The drill: prove that a backup comes back. It restores into servers of its own, and touches the original only to read.

Without a backup to try, it makes its own machine with traffic, kills it in the middle, and brings it back in both ways: the dump,
and the base backup with the archived log.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import parse_dsn

from models import settings, snapshot
from standalone.backup import command, environment
from standalone.client import ask
from standalone.keys import instance_keys, url_for
from standalone.machine import ROOT, Machine, free_port
from standalone.postgres import EmbeddedPostgres, client_program
from standalone.procfile import procfile_command, read_procfile
from standalone.supervisor import Supervisor

SOURCE_URL = "ESSAYCOACH_DRILL_SOURCE_URL"
# Longer than the server may keep a change out of the archive, so that the loss that is measured is the real one.
TRAFFIC_SECONDS = 40.0
PATIENCE_SECONDS = 60.0
TEXT = "Phones should stay in the bag. First, a phone buzzes and everyone look up. In conclusion, lessons need quiet."
RPO_SECONDS, RTO_SECONDS = 60.0, 120.0


class DrillFailed(Exception):
    """Something did not come back, or took too long. The message says what."""


@dataclass
class Traffic:
    """Hand-ins that were acknowledged: when (by this machine's clock), and which submission."""

    acknowledged: list[tuple[float, str]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)


def run_drill(*, backup: Path | None, apart: Path | None, keys: Path | None, tell: Callable[[str], None]) -> int:
    """Carry out the drill and print its result; return 1 when something did not come back. Raises OSError."""
    began = datetime.now(UTC)
    place = Path(tempfile.mkdtemp(prefix="essaycoach-drill-"))
    # For root, PostgreSQL runs under another account, which must be able to enter.
    place.chmod(0o711)
    try:
        found = _with_own_machine(place, tell) if backup is None else _with_backup(place, backup, apart, keys, tell)
    except (DrillFailed, OSError, subprocess.CalledProcessError, psycopg2.Error) as error:
        tell(f"FAILED: {error}")
        _record(began, {})
        return 1
    finally:
        shutil.rmtree(place, ignore_errors=True)
    _record(began, found)
    return 0


def _with_own_machine(place: Path, tell: Callable[[str], None]) -> dict[str, int]:
    traffic, archive = Traffic(), place / "wal"
    dumps, bases, apart = place / "dumps", place / "bases", place / "apart"
    with Machine(place / "source", port=0, metrics_port=0, tell=tell, archive=archive) as machine:
        machine.start()
        read = _hand_in(machine.demo, f"http://127.0.0.1:{machine.port}")
        keys = machine.keys
        env = environment(url_for(machine.database_url, "ec_backup", keys), keys, data_dir=machine.data_dir)
        env["ESSAYCOACH_BACKUP_KEYS_URL"] = url_for(machine.database_url, "ec_worker", keys)
        began = time.monotonic()
        _run(["create", "--to", str(dumps), "--apart", str(apart)], env)
        taken_at = time.time()
        _run(["base", "--to", str(bases), "--wal", str(archive)], {**env, "DATABASE_URL": machine.database_url})
        tell(
            f"dump and base backup made in {time.monotonic() - began:.1f} s; handing in essays for {TRAFFIC_SECONDS:.0f} s"
        )
        thread = threading.Thread(target=_traffic, args=(machine, traffic), daemon=True)
        thread.start()
        tables, rto = _try_dump(place, dumps, apart, machine.data_dir / "keys", machine.demo, read, tell)
        remaining = TRAFFIC_SECONDS - (time.time() - taken_at)
        thread.join(max(1.0, remaining))
        traffic.stopping.set()
        thread.join()
        # What the server archives while it stops no longer counts: it is lost with the machine.
        killed_at = time.time()
        machine.supervisor.stop_one("wal")
    tell(f"the machine was lost after {len(traffic.acknowledged)} acknowledged hand-ins")
    began = time.monotonic()
    recovered = _recover(place, bases, archive, tell)
    log_rto = time.monotonic() - began
    lost = [(at, one) for at, one in traffic.acknowledged if one not in recovered]
    rpo = killed_at - lost[0][0] if lost else 0.0
    tell(
        f"point in time: {len(traffic.acknowledged) - len(lost)} hand-ins came back, {len(lost)} of the last {rpo:.1f} s did not"
    )
    tell(
        f"RPO {rpo:.1f} s (limit {RPO_SECONDS:.0f}), RTO {rto:.1f} s by the dump, {log_rto:.1f} s by the log (limit {RTO_SECONDS:.0f})"
    )
    if rpo > RPO_SECONDS or max(rto, log_rto) > RTO_SECONDS:
        raise DrillFailed("A limit was exceeded.")
    tell(f"tables {tables} of {tables}")
    return {"tables": tables, "rpo_seconds": round(rpo), "rto_seconds": round(max(rto, log_rto))}


def _with_backup(
    place: Path, dumps: Path, apart: Path | None, keys: Path | None, tell: Callable[[str], None]
) -> dict[str, int]:
    if apart is None:
        raise DrillFailed("A drill with your own backups needs --apart, the folder of keys and heads.")
    made = [one for one in sorted(dumps.glob("essaycoach-2*")) if (one / "manifest.json").exists()]
    if not made:
        raise DrillFailed(f"There is no backup in {dumps}.")
    age = time.time() - datetime.strptime(made[-1].name, "essaycoach-%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    tables, rto = _try_dump(place, dumps, apart, keys, {}, {}, tell)
    tell(f"RPO {age:.0f} s (the age of the newest dump), RTO {rto:.1f} s")
    tell(f"tables {tables} of {tables}")
    return {"tables": tables, "rpo_seconds": round(age), "rto_seconds": round(rto)}


def _try_dump(
    place: Path,
    dumps: Path,
    apart: Path,
    keys: Path | None,
    demo: dict[str, Any],
    read: dict[str, str],
    tell: Callable[[str], None],
) -> tuple[int, float]:
    """Restore the newest dump into an empty server, check it, and read an essay on it. Return the tables and the seconds."""
    copy, began = place / "copy", time.monotonic()
    copy.mkdir()
    if keys is not None:
        shutil.copytree(keys, copy / "keys")
    own = instance_keys(copy)
    with Supervisor(copy, say=tell) as supervisor:
        server = EmbeddedPostgres(copy)
        server.start(supervisor)
        env = environment(server.admin_url, own, data_dir=copy)
        said = _run(["restore", "--to", str(dumps), "--apart", str(apart)], env)
        for line in said:
            if line.startswith(("the same:", "keys:", "erasures:", "audit trail:", "WARNING")):
                tell(line)
        tables = int(said[-1].split()[1])
        with _web(copy, server, supervisor) as api:
            if demo:
                _smoke(api, demo, read)
                tell(
                    "smoke test: signed in on the copy, read an essay and its feedback; deliveries are refused with 503"
                )
        seconds = time.monotonic() - began
        _amcheck(server.admin_url)
        tell("amcheck: no damage in tables and indexes")
    return tables, seconds


def _amcheck(url: str) -> None:
    found = parse_dsn(url)
    address = {f"PG{name.upper()}": found[name] for name in ("host", "port", "user", "password")}
    done = subprocess.run(
        [client_program("pg_amcheck"), "--install-missing", "--heapallindexed", f"--database={found['dbname']}"],
        env={**os.environ, **address}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0 or done.stdout.strip():
        raise DrillFailed(
            f"amcheck found damage, or could not look: {(done.stdout or done.stderr).strip().splitlines()[:1]}"
        )


def _recover(place: Path, bases: Path, archive: Path, tell: Callable[[str], None]) -> set[str]:
    """Recover the newest base backup to the end of the archived log, and return the submissions that are there."""
    copy = place / "recovered"
    copy.mkdir()
    shutil.copytree(place / "source" / "keys", copy / "keys")
    env = environment("", instance_keys(copy), data_dir=copy)
    _run(["recover", "--to", str(bases), "--wal", str(archive), "--into", str(copy / "unpacked")], env)
    with Supervisor(copy, say=tell) as supervisor:
        server = EmbeddedPostgres(copy)
        server.adopt(copy / "unpacked")
        server.start(supervisor)
        connection = psycopg2.connect(server.admin_url)
        connection.autocommit = True
        with connection.cursor() as cursor:

            def has_ended() -> bool:
                cursor.execute("select pg_is_in_recovery()")
                return bool(cursor.fetchone() == (False,))

            _wait_until(has_ended, failure="The recovery did not end.")
            cursor.execute("select id::text from submissions")
            found = {one for (one,) in cursor.fetchall()}
        connection.close()
    return found


@contextmanager
def _web(copy: Path, server: EmbeddedPostgres, supervisor: Supervisor) -> Iterator[str]:
    """Start the web program on the copy, without the others, and yield its address."""
    own, port = instance_keys(copy), free_port()
    env = {
        **environment(url_for(server.admin_url, "ec_ingest", own), own, data_dir=copy),
        # No Redis: the web program accepts and serves without one.
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "PORT": str(port), "ESSAYCOACH_JWT_SECRET": own.jwt_secret, "ESSAYCOACH_API_KEY_PEPPER": own.api_key_pepper,
        "ESSAYCOACH_MAIL": f"file:{copy / 'mail'}",
    }  # fmt: skip
    env["PATH"] = f"{Path(command([])[0]).parent}{os.pathsep}{env.get('PATH', '')}"
    supervisor.start(procfile_command("web", text=read_procfile(ROOT / "Procfile")["web"], env=env, cwd=ROOT))
    api = f"http://127.0.0.1:{port}"

    def knows_the_copy() -> bool:
        with suppress(OSError):
            answer = ask("GET", f"{api}/readyz")
            return answer.status == 200 and "copy" in answer.body["checks"]
        return False

    _wait_until(
        knows_the_copy,
        failure="The web program on the copy did not become ready, or does not know that it is a restored copy.",
    )
    yield api
    supervisor.stop_one("web")


def _smoke(api: str, demo: dict[str, Any], read: dict[str, str]) -> None:
    """Read on the copy what was read on the original. Raises DrillFailed when it differs."""
    student = _sign_in(api, demo)
    found = {path: str(ask("GET", api + path, headers=student).body) for path in read}
    if found != read:
        raise DrillFailed("An essay or its feedback reads differently on the copy.")
    if ask("POST", f"{api}/v1/webhooks/{demo['source']['id']}", body={}).status != 503:
        raise DrillFailed("The copy takes deliveries of webhooks.")


def _hand_in(demo: dict[str, Any], api: str) -> dict[str, str]:
    """Hand in an essay as the student, wait for its feedback, and return what can be read of it, by path."""
    student = _sign_in(api, demo)
    answer = ask("POST", f"{api}/v1/submissions", body={"title": "Phones", "text": TEXT}, headers=student)
    location = answer.headers["Location"]

    def is_read() -> bool:
        return ask("GET", api + location, headers=student).body["status"] in ("completed", "partial")

    _wait_until(is_read, failure="The feedback on the original did not arrive.")
    return {
        path: str(ask("GET", api + path, headers=student).body) for path in (f"{location}/text", f"{location}/feedback")
    }


def _traffic(machine: Machine, traffic: Traffic) -> None:
    """Hand in twice a second with the API key until told to stop, and remember what was acknowledged."""
    api, number = f"http://127.0.0.1:{machine.port}", 0
    while not traffic.stopping.wait(0.5):
        number += 1
        headers = {"Authorization": f"Bearer {machine.demo['api_key']}", "Idempotency-Key": f"drill-{number}"}
        body = {"title": "Phones", "text": TEXT, "student": {"external_id": f"drill-{number}"}}
        # A request that the killing cut off was not acknowledged.
        with suppress(OSError, ValueError):
            answer = ask("POST", f"{api}/v1/submissions", body=body, headers=headers)
            if answer.status == 202:
                traffic.acknowledged.append((time.time(), str(answer.headers["Location"]).rpartition("/")[2]))


def _sign_in(api: str, demo: dict[str, Any]) -> dict[str, str]:
    answer = ask("POST", f"{api}/v1/auth/login", body={"org": demo["org"], **demo["student"]})
    if answer.status != 200:
        raise DrillFailed(f"Signing in was answered with {answer.status}.")
    return {"Authorization": f"Bearer {answer.body['access_token']}"}


def _wait_until(condition: Callable[[], bool], *, failure: str) -> None:
    """Wait until the condition is true. Raises DrillFailed with `failure` after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise DrillFailed(failure)
        time.sleep(0.1)


def _run(arguments: Sequence[str], env: dict[str, str]) -> list[str]:
    """Run an action of `workers backup` and return its lines. Raises DrillFailed."""
    done = subprocess.run(command(arguments), env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DrillFailed(f"backup {arguments[0]}: {' '.join(done.stderr.strip().splitlines()[-2:])}")
    return done.stdout.splitlines()


def _record(began: datetime, found: dict[str, int]) -> None:
    """Keep the result in the database that SOURCE_URL names (as ec_backup), so that the monitor tells how old the last drill is."""
    url = settings.optional_secret(SOURCE_URL)
    if url is not None:
        snapshot.record_run(
            url, "drill", began=began, succeeded=bool(found), found=found.get("tables", 0), detail=found
        )
