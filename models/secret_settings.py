"""Secrets from the environment: NAME, the file that NAME_FILE names, or the output of the command in NAME_COMMAND.

No error message contains a value or anything else that a command prints.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import SettingsError

# A program that waits longer for its keys would look as if it hung.
COMMAND_SECONDS = 10
SOURCES = {"": "environment", "_FILE": "file", "_COMMAND": "command"}
# Refused everywhere; with ESSAYCOACH_PRODUCTION=on more is (models/production.py). No random secret holds such a word by chance.
PLACEHOLDERS = re.compile(r"changeme|changeit|replaceme|replacewith|placeholder|yourapikey")
NEW_KEY = "make one with: openssl rand -base64 32"
NEW_SECRET = "make one with: openssl rand -hex 24"  # noqa: S105 - advice, no secret
# Passwords of other services, which nobody here can make.
REMEDIES = {
    "ANTHROPIC_API_KEY": "take the key from the account with the provider",
    "ESSAYCOACH_MAIL": "take the password from the mail server",
    "ESSAYCOACH_JWT_SECRET": NEW_SECRET,
}
LEAST_DIFFERENT = 5


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A secret, the variable it came by, and what that variable names: environment, file or command."""

    value: str = field(repr=False)
    variable: str
    source: str


def variables_of(name: str) -> tuple[str, ...]:
    """Return the three variables by which a secret may come."""
    return tuple(f"{name}{ending}" for ending in SOURCES)


def is_given(name: str) -> bool:
    """Return whether one of the secret's variables is set, without reading a file or running a command."""
    return any(os.environ.get(variable, "").strip() for variable in variables_of(name))


def read(name: str) -> Secret | None:
    """Return the secret, or None when none of its variables is set.

    Raises SettingsError when two are set, when the file or the command gives nothing, and for a placeholder.
    """
    given = {variable: os.environ.get(variable, "").strip() for variable in variables_of(name)}
    given = {variable: value for variable, value in given.items() if value}
    if not given:
        return None
    if len(given) > 1:
        raise SettingsError(f"Set {' or '.join(given)}, not both.")
    ((variable, value),) = given.items()
    if variable.endswith("_FILE") and variable != name:
        value = _file_content(value, name=variable)
    elif variable.endswith("_COMMAND") and variable != name:
        value = _command_output(value, name=variable)
    if not value:
        raise SettingsError(f"{name} is not set: {variable} gives nothing.")
    found = Secret(value=value, variable=variable, source=SOURCES[variable.removeprefix(name)])
    # Of a URL only the password can be one; a host or a database may be called so.
    if "://" not in value:
        refuse_placeholder(name, value)
    return found


def refuse_placeholder(name: str, value: str) -> None:
    """Raise SettingsError when the value is one of .env.example or the like."""
    if PLACEHOLDERS.search(re.sub(r"[^a-z0-9]", "", value.casefold())):
        raise SettingsError(f"{name} must not hold a placeholder: {remedy_for(name)}.")


def refuse_monotonous(name: str, value: str) -> None:
    """Raise SettingsError when a secret has hardly any different characters."""
    if len(set(value)) < LEAST_DIFFERENT:
        raise SettingsError(f"{name} must not be one that is easy to guess: {remedy_for(name)}.")


def remedy_for(name: str) -> str:
    """Return how to get a good value for this secret."""
    has_password = name.endswith("_URL") or "PASSWORD" in name
    return REMEDIES.get(name, NEW_SECRET if has_password else NEW_KEY)


def _file_content(path: str, *, name: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name} must hold text.") from None


def _command_output(command: str, *, name: str) -> str:
    """Run the command without a shell and return its output. Raises SettingsError."""
    # The output leaves this function only as the secret, because a client of a key service may print the key in an error.
    try:
        words = shlex.split(command)
        result = subprocess.run(  # noqa: S603 - the operator's own command line, as trusted as the key it prints
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
    except (ValueError, IndexError):
        raise SettingsError(f"{name} is not a command line.") from None
    except OSError as error:
        raise SettingsError(f"{name} cannot be run: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise SettingsError(f"{name} did not end within {COMMAND_SECONDS} s.") from None
    if result.returncode != 0:
        raise SettingsError(f"{name} failed with exit code {result.returncode}.")
    try:
        return result.stdout.decode().strip()
    except UnicodeDecodeError:
        raise SettingsError(f"{name} must print text.") from None
