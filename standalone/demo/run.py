"""What every step of the demo uses: the running machine, requests to it, and the lines that tell what happens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from standalone.client import Answer, ask

PATIENCE_SECONDS = 60.0
COLOURS = {"grammar": "yellow", "structure": "cyan", "content": "magenta"}


class DemoFailed(Exception):
    """A step of the demo did not work as the README says. The message names the step."""


class Narrator:
    """Prints numbered chapters, and lines with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._started = time.monotonic()
        self._chapter = 0

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    def chapter(self, title: str, meaning: str) -> None:
        """Print the heading of the next chapter and one line that explains it."""
        self._chapter += 1
        self.console.print(f"\n[bold]{self._chapter}. {title}[/]\n[dim]   {escaped(meaning)}[/]")

    def line(self, text: str) -> None:
        """Print a line with the seconds since the start."""
        self.console.print(f"   [dim]{self.seconds:6.2f} s[/]  {text}")


@dataclass(frozen=True, kw_only=True)
class DemoRun:
    """A running machine and the narrator of what happens there. `details` is the machine's `description()`."""

    details: dict[str, Any]
    narrator: Narrator

    @property
    def api(self) -> str:
        """Return the address of the API."""
        return str(self.details["ingest"])

    @property
    def webhook(self) -> str:
        """Return the URL that the demo LMS sends webhooks to."""
        return f"{self.api}/v1/webhooks/{self.details['source']['id']}"

    @property
    def secret(self) -> str:
        """Return the secret that the demo LMS signs webhooks with."""
        return str(self.details["source"]["secret"])

    @property
    def lms(self) -> dict[str, str]:
        """Return the headers for requests of the demo LMS, which has an API key."""
        return {"Authorization": f"Bearer {self.details['api_key']}"}

    def sign_in(self, role: str) -> dict[str, str]:
        """Sign in as the demo person of this role and return the headers for their requests. Raises DemoFailed."""
        body = {"org": self.details["org"], **self.details[role]}
        tokens = require_status(ask("POST", f"{self.api}/v1/auth/login", body=body), 200, f"signing in as {role}")
        return {"Authorization": f"Bearer {tokens.body['access_token']}"}

    def get(self, path: str, *, headers: dict[str, str], what: str) -> Any:
        """Return the body of a GET request to the API. `what` names it for people. Raises DemoFailed unless the answer is 200."""
        return require_status(ask("GET", self.api + path, headers=headers), 200, what).body


def require_status(answer: Answer, status: int, what: str) -> Answer:
    """Return the response. Raises DemoFailed, which names `what` was asked for, when its status is another one."""
    if answer.status != status:
        raise DemoFailed(f"{what}: expected {status}, got {answer.status} {str(answer.body)[:300]}")
    return answer


def escaped(text: str) -> str:
    """Return the text with its brackets escaped, because rich reads brackets as markup."""
    return text.replace("[", "\\[")
