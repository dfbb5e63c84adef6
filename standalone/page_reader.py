"""Open the pages of a running system as a browser would: sign in by the form, keep the cookie, load pages."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar


@dataclass(frozen=True)
class Page:
    """A page as it was loaded, with the address that it was found at."""

    status: int
    url: str
    html: str


class PageReader:
    """A person with a browser, signed in."""

    def __init__(self, base: str, *, org: str, email: str, password: str) -> None:
        """Sign in. `page` is where that leads."""
        self._base = base
        self._jar = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        form = {"org": org, "email": email, "password": password}
        self.page = self._load("/sign-in", urllib.parse.urlencode(form).encode())

    @property
    def cookies(self) -> str:
        """Return the value of the header that signs another client in as this person."""
        return "; ".join(f"{one.name}={one.value}" for one in self._jar)

    def open(self, path: str) -> Page:
        """Return a page of the system."""
        return self._load(path, None)

    def _load(self, path: str, form: bytes | None) -> Page:
        try:
            with self._opener.open(self._base + path, form, timeout=40) as answer:
                return Page(answer.status, answer.url, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, error.url, error.read().decode())
