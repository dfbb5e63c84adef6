"""Turn the lines of the Procfile into the commands that the supervisor runs."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from honcho.environ import parse_procfile

SERVER_STAGE = 0
PROGRAM_STAGE = 1

_ASSIGNMENTS = re.compile(r"""(?:[A-Za-z_][A-Za-z0-9_]*=(?:"[^"]*"|'[^']*'|[^\s"'])*\s+)*""")


@dataclass(frozen=True)
class Command:
    """A program to keep running: how to start it, under which account, and how to stop it."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None = None
    user: int | None = None
    group: int | None = None
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM,)
    grace_seconds: float = 10.0  # wait after each stop signal before the next one; SIGKILL follows the last
    stage: int = PROGRAM_STAGE  # a stage stops only after all higher stages have stopped completely
    before_start: Callable[[], None] | None = None  # runs before every start, including restarts
    after_stop: Callable[[], None] | None = None  # ends the processes that left the process group


def read_procfile(path: Path) -> dict[str, str]:
    """Return the command text of each line by name, in file order.

    Raises ValueError for a line that would be lost or run in part only.
    """
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    names = [line.partition(":")[0] for line in lines]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: a process name appears twice")
    processes: dict[str, str] = dict(parse_procfile("\n".join(lines)).processes)
    if len(processes) < len(lines):
        raise ValueError(f"{path}: a line is not of the form `name: command`")
    for name, command in processes.items():
        _check_one_program(command, where=f"{path}: {name}")
    return processes


def procfile_command(name: str, *, text: str, env: Mapping[str, str], cwd: Path) -> Command:
    """Return the command of a Procfile line. The shell fills in variables such as `$PORT` from `env`, then becomes the program."""
    assignments = _ASSIGNMENTS.match(text)
    start = assignments.end() if assignments else 0
    # With `exec` the program replaces the shell, so signals reach it. Assignments must come before `exec`.
    return Command(name=name, argv=("/bin/sh", "-c", f"{text[:start]}exec {text[start:]}"), env=env, cwd=cwd)


def _check_one_program(text: str, *, where: str) -> None:
    """Raise ValueError when a line holds more than one program: after `exec a`, b in `a && b` would never run."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for token in lexer:
        if token and set(token) <= set("();|&"):
            raise ValueError(f"{where}: a line is one program, without {token!r}")
