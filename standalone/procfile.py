"""What the supervisor is asked to run: one `Command`, and how the Procfile's lines become such commands."""

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
    """One program to keep running: how to start it, as whom, and how it wants to be asked to stop."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None = None
    user: int | None = None
    group: int | None = None
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM,)
    grace_seconds: float = 10.0  # after each stop signal, before the next one; SIGKILL comes after the last
    stage: int = PROGRAM_STAGE  # higher stages have stopped entirely before lower ones are asked to
    before_start: Callable[[], None] | None = None  # runs before every start, restarts included
    after_stop: Callable[[], None] | None = None  # ends whatever left the process group


def read_procfile(path: Path) -> dict[str, str]:
    """Each line's name and command text, in file order; ValueError for a line that would be lost or half run."""
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
    """The command for a Procfile line: the shell fills in `$PORT` and the like from `env`, then becomes the program."""
    assignments = _ASSIGNMENTS.match(text)
    start = assignments.end() if assignments else 0
    # `exec` makes the pid the program's own, so that signals reach it; assignments have to stand before that word.
    return Command(name=name, argv=("/bin/sh", "-c", f"{text[:start]}exec {text[start:]}"), env=env, cwd=cwd)


def _check_one_program(text: str, *, where: str) -> None:
    # After `exec a` nothing is left to run b in `a && b`: refusing is better than leaving b out without a word.
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for token in lexer:
        if token and set(token) <= set("();|&"):
            raise ValueError(f"{where}: a line is one program, without {token!r}")
